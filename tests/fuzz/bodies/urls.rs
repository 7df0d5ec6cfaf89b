//! Session URLs: any path is read or is none of ours; one that is read names one thing, and what is written is read again.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use posthouse::proto::http::disposition::{disposition, plain_name};
use posthouse::proto::http::range::{Offsets, Wanted, wanted};
use posthouse::proto::http::session_urls::{self, Form, PartUrl, SessionUrl, What};
use posthouse::proto::ximss::http::calls;
use posthouse::proto::ximss::http::login::is_path;

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The URL of a part, from what was read of one.
fn written(session: &str, part: &PartUrl) -> String {
    let part_id = part.part_id.as_ref().map(|id| format!("{id}-")).unwrap_or_default();
    let suffix = match &part.form {
        Form::Raw => "P".to_owned(),
        Form::Header => "H".to_owned(),
        Form::Body => "B".to_owned(),
        Form::Related(cid) => format!("R/{}", encode(cid)),
    };
    let name = part.file_name.as_deref().map(encode).unwrap_or_default();
    format!("/Session/{}/MIME/{}/{}-{part_id}{suffix}/{name}", encode(session), encode(&part.folder), part.uid.0)
}

/// The body of the target: a path, behind a zero a query, behind another the value of a Range header.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut texts = text.split('\0');
    let (path, query, header) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default(), texts.next());
    let (url, call) = (session_urls::read(path), calls::read(path));
    // No URL is answered by two.
    assert!(!is_path(path) || (url.is_none() && call.is_none()), "{path:?}");
    if let Some((session, _)) = call {
        assert_eq!(url, Some(SessionUrl { session, what: What::Unknown }), "{path:?}");
    } else if let Some(SessionUrl { session, what: What::Mime(part) }) = url {
        let again = session_urls::read(&written(&session, &part));
        assert_eq!(again, Some(SessionUrl { session, what: What::Mime(part.clone()) }), "{path:?}");
        let shown = disposition("image", "png", part.file_name.as_deref());
        assert!(shown.bytes().all(|byte| (b' '..0x7F).contains(&byte)), "{shown:?}");
        let name = plain_name(part.file_name.as_deref().unwrap_or_default());
        assert!(!name.contains(['/', '\\', '\0', '\r', '\n']) && name != ".." && name.len() <= 255, "{name:?}");
    }
    let length = path.len() as u64;
    if let Ok(offsets) = Offsets::read(query) {
        assert!(offsets.within(length).is_none_or(|range| range.start <= range.end && range.end <= length), "{query:?}");
    }
    if let Wanted::Piece(piece) = wanted(header, length) {
        assert!(piece.start < piece.end && piece.end <= length, "{header:?}");
    }
}
