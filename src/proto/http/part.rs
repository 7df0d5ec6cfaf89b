//! Messages and parts of messages of open folders, as they are or decoded.
//!
//! The session says which stored bytes the URL means, and so whether its caller may read them. A message and its
//! header are sent from the store as they lie there. To find a part the message is read once; a part that needs no
//! decoding is then sent from the store too, a decoded one from memory when it is small, else from a file.
//! Spec: XIMSS, "HTTP Access" (Message Part Retrieval).

use super::deliver::{self, Content, Representation};
use super::server::Web;
use super::session_urls::{Form, PartUrl};
use super::temporary::Shelf;
use crate::domain::sessions::{FindMessage, Reach};
use crate::format::mime::structure::{self, About, Encoding, Node};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::BlobId;
use crate::store::{Store, blobs};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Bytes up to which a message is read in one go, and a decoded part stays in memory.
const SMALL: u64 = 1 << 20;
/// Bytes of a larger message that are read in one go, so that others get their turn.
const SLICE: u64 = 1 << 20;

/// Sends the message or part that a URL names.
pub async fn serve(request: &HttpRequest, web: &Web, reach: &Reach, url: PartUrl) -> Outcome<HttpResponse> {
    let question = FindMessage { folder: url.folder.clone(), uid: url.uid.0 };
    let blob = reach.find_message.ask(question).await??;
    let identity = format!("{blob} {:?} {:?}", url.part_id, url.form);
    let found = find(web, blob, &url).await?;
    let content = match found.bytes {
        Located::At(range) => Content::Stored(web.house.store.clone(), blob, range),
        Located::Decoded(bytes) if bytes.len() as u64 <= SMALL => Content::Held(bytes.into()),
        Located::Decoded(bytes) => put_away(&web.shelf, bytes).await.map_err(|e| Fault::logged("a part cannot be put into a file", e))?,
    };
    let file_name = found.file_name.or(url.file_name);
    let representation = Representation { kind: found.kind, subtype: found.subtype, charset: found.charset, file_name, identity, content };
    deliver::answer(request, representation).await
}

/// What a URL names, and where its bytes are.
struct Found {
    kind: String,
    subtype: String,
    charset: Option<String>,
    file_name: Option<String>,
    bytes: Located,
}

enum Located {
    /// In the message as it is stored.
    At(Range<u64>),
    /// Nowhere but here.
    Decoded(Vec<u8>),
}

impl Found {
    /// Bytes of the message as they are. They are text, of which no charset is known; UTF-8 is the best guess.
    fn raw(range: Range<u64>) -> Self {
        let charset = Some("utf-8".to_owned());
        Self { kind: "text".into(), subtype: "plain".into(), charset, file_name: None, bytes: Located::At(range) }
    }

    fn body(about: &About, bytes: Located) -> Self {
        Self {
            kind: about.kind.clone(),
            subtype: about.subtype.clone(),
            charset: about.parameter("charset").map(str::to_owned),
            file_name: about.file_name().map(str::to_owned),
            bytes,
        }
    }
}

async fn find(web: &Web, blob: BlobId, url: &PartUrl) -> Outcome<Found> {
    let store = &web.house.store;
    let info = store.read(move |tx| blobs::info(tx, blob)).await?;
    let limits = structure::Limits::of(&web.house.settings().limits);
    match (&url.part_id, &url.form) {
        (None, Form::Raw) => return Ok(Found::raw(0..info.length)),
        (None, Form::Header) => return Ok(Found::raw(0..info.header)),
        (None, Form::Body) => {
            // Without its body a message says nearly as much of itself.
            let head = store.read(move |tx| blobs::header(tx, blob)).await?;
            let about = store.compute(move || Ok(structure::structure(&head, &limits).about)).await?;
            if about.encoding == Encoding::Identity {
                return Ok(Found::body(&about, Located::At(info.header..info.length)));
            }
        }
        _ => {}
    }
    let (part_id, form) = (url.part_id.clone(), url.form.clone());
    if info.length <= SMALL {
        return store.read(move |tx| locate(&blobs::whole(tx, blob)?, part_id.as_deref(), &form, &limits)).await;
    }
    // Few large messages are in memory at once; the others wait for each other, never for a client.
    let _turn = web.large_messages.acquire().await.map_err(|_| Fault::closed())?;
    let raw = read_in_slices(store, blob, info.length).await?;
    store.compute(move || locate(&raw, part_id.as_deref(), &form, &limits)).await
}

async fn read_in_slices(store: &Store, blob: BlobId, length: u64) -> Outcome<Vec<u8>> {
    let mut raw = Vec::with_capacity(length as usize);
    while (raw.len() as u64) < length {
        let at = raw.len() as u64;
        let slice = store.read(move |tx| blobs::read(tx, blob, at..at + SLICE)).await?;
        if slice.is_empty() {
            return Err(Fault::logged("a message is shorter than it says", blob));
        }
        raw.extend_from_slice(&slice);
    }
    Ok(raw)
}

/// Finds what is wanted in the bytes of a message.
fn locate(raw: &[u8], part_id: Option<&str>, form: &Form, limits: &structure::Limits) -> Outcome<Found> {
    let no_part = || Fault::not_found("message part does not exist");
    let root = structure::structure(raw, limits);
    let node = match part_id {
        Some(id) => structure::find(&root, id).ok_or_else(no_part)?,
        None => &root,
    };
    match form {
        Form::Raw => Ok(Found::raw(node.header.start as u64..node.body.end as u64)),
        Form::Header => Ok(Found::raw(node.header.start as u64..node.header.end as u64)),
        Form::Body => body(raw, node),
        Form::Related(cid) => body(raw, structure::related(&root, part_id, cid).ok_or_else(no_part)?),
    }
}

fn body(raw: &[u8], node: &Node) -> Outcome<Found> {
    let bytes = match node.about.encoding {
        Encoding::Identity => Located::At(node.body.start as u64..node.body.end as u64),
        _ => Located::Decoded(structure::decoded(raw, node).ok_or_else(|| Fault::bad("message part cannot be read"))?.into_owned()),
    };
    Ok(Found::body(&node.about, bytes))
}

/// Puts decoded bytes into a file that goes with the answer.
async fn put_away(shelf: &Shelf, bytes: Vec<u8>) -> io::Result<Content> {
    let (bytes, (holder, mut file)) = (Bytes::from(bytes), shelf.create().await?);
    file.write_all(&bytes).await?;
    file.flush().await?;
    Ok(Content::File(Arc::new(holder), bytes.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = "From: a@b.c\r\nContent-Type: multipart/related; boundary=r\r\n\r\n--r\r\nContent-Type: text/html; charset=\"iso-8859-1\"\r\n\r\n<img>\r\n\
        --r\r\nContent-Type: image/gif; name=\"l.gif\"\r\nContent-ID: <a b@c>\r\nContent-Transfer-Encoding: base64\r\n\r\nR0lGODlh\r\n\
        --r\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nC\r\n--r--\r\n";

    fn located(part_id: Option<&str>, form: Form) -> (String, Vec<u8>) {
        let found = locate(RAW.as_bytes(), part_id, &form, &structure::Limits::default()).unwrap();
        let bytes = match found.bytes {
            Located::At(range) => RAW.as_bytes()[range.start as usize..range.end as usize].to_vec(),
            Located::Decoded(bytes) => bytes,
        };
        (format!("{}/{} {:?}", found.kind, found.subtype, found.charset), bytes)
    }

    #[test]
    fn every_form_of_every_part_is_found() {
        let of = |part_id, form, kind: &str, bytes: &str| assert_eq!(located(part_id, form), (kind.to_owned(), bytes.as_bytes().to_vec()));
        let text = "text/plain Some(\"utf-8\")";
        of(Some("01"), Form::Body, "text/html Some(\"iso-8859-1\")", "<img>");
        of(Some("1"), Form::Header, text, "Content-Type: text/html; charset=\"iso-8859-1\"\r\n\r\n");
        of(Some("02"), Form::Body, "image/gif None", "GIF89a");
        of(Some("01"), Form::Related("a b@c".into()), "image/gif None", "GIF89a");
        of(Some("03"), Form::Body, "message/rfc822 None", "Subject: inner\r\n\r\nC");
        of(Some("03"), Form::Raw, text, "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nC");
        of(Some("03-01"), Form::Body, "text/plain None", "C");
        of(Some("03-01"), Form::Header, text, "Subject: inner\r\n\r\n");
        of(None, Form::Raw, text, RAW);
        for (part_id, form) in [(Some("04"), Form::Body), (Some("E"), Form::Raw), (Some("01"), Form::Related("other".into()))] {
            let fault = locate(RAW.as_bytes(), part_id, &form, &structure::Limits::default()).err().unwrap();
            assert_eq!(fault.number, 510);
        }
    }
}
