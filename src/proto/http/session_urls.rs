//! The URLs of a session: `/Session/<id>/...`, read into what they name, and who answers them.
//!
//! Any session has them, whatever carries its messages: it is found by its ID among the live sessions. An ID that is
//! not (or no longer) one is answered with status 550, and so is a request from another network address, or without
//! its cookie, where the session is tied to them. IDs are secrets and are never logged.
//! Spec: XIMSS, "HTTP Access".

use super::export::{self, ExportUrl};
use super::profile::{self, ProfileUrl};
use super::server::Web;
use super::{download, part, refusal, upload};
use crate::domain::sessions::{End, Reach};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::Uid;
use crate::proto::net::cookies;
use crate::proto::net::unread::discard;
use actix_web::guard::GuardContext;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::percent_decode_str;

/// A session URL, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionUrl {
    /// The session's ID.
    pub session: String,
    /// What of the session.
    pub what: What,
}

/// What of a session a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A message of an open folder, or a part of it.
    Mime(PartUrl),
    /// A place in the "uploaded file set" that a file is sent to.
    Upload(String),
    /// A file of the "uploaded file set" that is fetched.
    Uploaded(String),
    /// All of something that is open.
    Export(ExportUrl),
    /// The profile of the account.
    Profile(ProfileUrl),
    /// The end of the session.
    Kill,
    /// Nothing that there is.
    Unknown,
}

/// A message, or a part of it, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartUrl {
    /// The session's name for the folder.
    pub folder: String,
    /// The message.
    pub uid: Uid,
    /// The part; None for the message itself.
    pub part_id: Option<String>,
    /// The form.
    pub form: Form,
    /// The name that the URL offers for the file.
    pub file_name: Option<String>,
}

/// The form a part is wanted in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Header and body as they are.
    Raw,
    /// The header.
    Header,
    /// The body, decoded.
    Body,
    /// The body of a related part, by its Content-ID.
    Related(String),
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// Reads the path of a URL as it was sent; None where it is no session URL.
pub fn read(path: &str) -> Option<SessionUrl> {
    let mut segments = path.strip_prefix('/')?.split('/');
    if !segments.next()?.eq_ignore_ascii_case("Session") {
        return None;
    }
    let session = decoded(segments.next().filter(|id| !id.is_empty())?);
    let (verb, rest): (&str, Vec<&str>) = (segments.next().unwrap_or_default(), segments.collect());
    let rest_as_one = || Some(decoded(&rest.join("/"))).filter(|name| !name.is_empty());
    let what = match verb.to_ascii_uppercase().as_str() {
        "MIME" => part_url(&rest).map(What::Mime),
        "UPLOAD" => rest_as_one().map(What::Upload),
        "DOWNLOAD" => rest_as_one().and_then(|name| name.strip_prefix("$UPLOAD$/").map(str::to_owned)).map(What::Uploaded),
        "EXPORT" => export_url(&rest).map(What::Export),
        "PROFILE" => Some(What::Profile(ProfileUrl::read(&rest.iter().map(|segment| decoded(segment)).collect::<Vec<_>>()))),
        "KILL" => Some(What::Kill),
        _ => None,
    };
    Some(SessionUrl { session, what: what.unwrap_or(What::Unknown) })
}

/// `folder/UID[-partID]-suffix[/cid][/filename]`. A folder's name may hold slashes: the message is the first segment
/// that looks like one.
fn part_url(segments: &[&str]) -> Option<PartUrl> {
    let (at, (uid, part_id, suffix)) =
        segments.iter().enumerate().skip(1).find_map(|(at, segment)| Some((at, message_segment(&decoded(segment))?)))?;
    let (folder, rest) = (segments.get(..at)?, segments.get(at + 1..)?);
    let mut rest = rest.iter().map(|segment| decoded(segment)).filter(|segment| !segment.is_empty());
    let form = match suffix {
        Suffix::Raw => Form::Raw,
        Suffix::Header => Form::Header,
        Suffix::Body => Form::Body,
        Suffix::Related => Form::Related(rest.next()?),
    };
    Some(PartUrl { folder: decoded(&folder.join("/")), uid, part_id, form, file_name: rest.next() })
}

/// `name/filename`. A name may hold slashes: the last segment is the file's.
fn export_url(segments: &[&str]) -> Option<ExportUrl> {
    let (file_name, name) = match segments {
        [] => return None,
        [name] => (None, decoded(name)),
        [name @ .., file_name] => (Some(decoded(file_name)), decoded(&name.join("/"))),
    };
    (!name.is_empty()).then(|| ExportUrl { name, file_name: file_name.filter(|name| !name.is_empty()) })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suffix {
    Raw,
    Header,
    Body,
    Related,
}

/// `567-02-01-B.gif`: UID, elements of a part ID, suffix.
fn message_segment(segment: &str) -> Option<(Uid, Option<String>, Suffix)> {
    let (uid, mut rest) = segment.split_once('-')?;
    let uid = uid.parse().ok().filter(|_| uid.bytes().all(|b| b.is_ascii_digit()))?;
    let mut elements = Vec::new();
    // The content of a decrypted part has the element E.
    while let Some((element, after)) = rest.split_once('-').filter(|(e, _)| *e == "E" || is_number(e)) {
        elements.push(element);
        rest = after;
    }
    let (letter, extension) = rest.split_at_checked(1)?;
    let named = extension.is_empty() || extension.starts_with('.');
    let suffix = match letter {
        "P" | "p" if named => Suffix::Raw,
        "H" | "h" if named => Suffix::Header,
        "B" | "b" if named => Suffix::Body,
        "R" | "r" if extension.is_empty() => Suffix::Related,
        _ => return None,
    };
    Some((Uid(uid), Some(elements.join("-")).filter(|id| !id.is_empty()), suffix))
}

fn is_number(element: &str) -> bool {
    !element.is_empty() && element.len() <= 4 && element.bytes().all(|b| b.is_ascii_digit())
}

/// True for requests that `serve` answers.
pub fn are_these(request: &GuardContext<'_>) -> bool {
    read(request.head().uri.path()).is_some()
}

/// Answers a request for a session URL.
pub async fn serve(request: HttpRequest, payload: web::Payload, web: web::Data<Web>) -> HttpResponse {
    let Some(url) = read(request.uri().path()) else { return refusal::not_found() };
    let Some(reach) = web.house.sessions.find(&url.session).filter(|reach| admits(reach, &request, &web)) else {
        discard(payload, web.house.settings().limits.message).await;
        return refusal::of(&Fault::closed());
    };
    let method = request.method();
    let reads = [Method::GET, Method::HEAD];
    let answered = match url.what {
        What::Mime(part) if reads.contains(method) => part::serve(&request, &web, &reach, part).await,
        What::Uploaded(id) if reads.contains(method) => download::uploaded(&request, &reach, id).await,
        What::Export(url) if reads.contains(method) => export::serve(&request, &web, &reach, url).await,
        What::Profile(url) if reads.contains(method) => profile::serve(&request, &web, &reach, url).await,
        What::Mime(_) | What::Uploaded(_) | What::Export(_) | What::Profile(_) => return refusal::method("GET, HEAD"),
        What::Upload(id) if [Method::POST, Method::PUT].contains(method) => {
            return upload::serve(&request, payload, &web, &reach, id).await;
        }
        What::Upload(_) => return refusal::method("POST, PUT"),
        What::Kill if [Method::GET, Method::POST].contains(method) => kill(&reach).await,
        What::Kill => return refusal::method("GET, POST"),
        What::Unknown => return refusal::not_found(),
    };
    answered.unwrap_or_else(|fault| refusal::of(&fault))
}

/// Whether a request shows what the session wants beside its ID.
fn admits(reach: &Reach, request: &HttpRequest, web: &Web) -> bool {
    let cookies = request.headers().get_all(header::COOKIE).map(header::HeaderValue::as_bytes);
    reach.guard.admits(web.sender(request).map(|sender| sender.address), cookies::values(cookies))
}

async fn kill(reach: &Reach) -> Outcome<HttpResponse> {
    reach.end.ask(End::Kill).await?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body("session is closed\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mime(path: &str) -> (String, u32, Option<String>, Form, Option<String>) {
        let Some(SessionUrl { session, what: What::Mime(part) }) = read(&format!("/Session/1-2xk/MIME/{path}")) else { panic!("{path}") };
        assert_eq!(session, "1-2xk");
        (part.folder, part.uid.0, part.part_id, part.form, part.file_name)
    }

    #[test]
    fn the_urls_of_the_specification_are_read() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(mime("INBOX/567-01-B.gif"), ("INBOX".into(), 567, some("01"), Form::Body, None));
        assert_eq!(mime("INBOX/567-02-01-B.gif/Logo.gif"), ("INBOX".into(), 567, some("02-01"), Form::Body, some("Logo.gif")));
        assert_eq!(mime("INBOX/567-01-B/voice.wav"), ("INBOX".into(), 567, some("01"), Form::Body, some("voice.wav")));
        assert_eq!(mime("INBOX/567-P.txt"), ("INBOX".into(), 567, None, Form::Raw, None));
        assert_eq!(mime("Sent%20Items/7-3-H.txt"), ("Sent Items".into(), 7, some("3"), Form::Header, None));
        assert_eq!(mime("a/7-01-R/a%2Fb%40c/x.png"), ("a".into(), 7, some("01"), Form::Related("a/b@c".into()), some("x.png")));
        assert_eq!(mime("Archive/2024/1-B.tar-gz"), ("Archive/2024".into(), 1, None, Form::Body, None));
        assert_eq!(mime("~bob%2FBox%201/1-E-01-B"), ("~bob/Box 1".into(), 1, some("E-01"), Form::Body, None));
    }

    #[test]
    fn other_urls_are_read_too() {
        let what = |path: &str| read(path).map(|url| url.what);
        assert_eq!(what("/Session/x/UPLOAD/att%2001"), Some(What::Upload("att 01".into())));
        assert_eq!(what("/session/x/download/$UPLOAD$/a/b"), Some(What::Uploaded("a/b".into())));
        assert_eq!(what("/Session/x/DOWNLOAD/%24UPLOAD%24/a"), Some(What::Uploaded("a".into())));
        assert_eq!(what("/Session/x/KILL"), Some(What::Kill));
        let export =
            |name: &str, file_name: Option<&str>| Some(What::Export(ExportUrl { name: name.into(), file_name: file_name.map(Into::into) }));
        assert_eq!(what("/Session/x/Export/My%20people/a.vcf"), export("My people", Some("a.vcf")));
        assert_eq!(what("/Session/x/export/a/b/c.vcf"), export("a/b", Some("c.vcf")));
        assert_eq!(what("/Session/x/Export/a"), export("a", None));
        assert_eq!(what("/Session/x/PROFILE"), Some(What::Profile(ProfileUrl { property: None, file_name: None })));
        for unknown in [
            "/Export",
            "/Export/",
            "",
            "/",
            "/UPLOAD",
            "/UPLOAD/",
            "/DOWNLOAD/file.txt",
            "/MIME",
            "/MIME/INBOX/567",
            "/MIME/1-B",
            "/MIME/a/1-R",
            "/MIME/a/x-B",
            "/sync",
        ] {
            assert_eq!(what(&format!("/Session/x{unknown}")), Some(What::Unknown), "{unknown}");
        }
        assert!(what("/Session").is_none() && what("/Session/").is_none() && what("/Sessions/x/KILL").is_none() && what("").is_none());
        assert_eq!(what("/Session/x/MIME/a/4294967296-B"), Some(What::Unknown));
    }

    proptest! {
        #[test]
        fn any_path_has_an_answer(path in "(/Session/x/(MIME|UPLOAD|DOWNLOAD)/)?([-/%.0-9PHBRE$]|é|\\PC){0,40}") {
            let _ = read(&path);
        }

        #[test]
        fn what_is_written_is_read(folder in "\\PC{1,12}", uid in any::<u32>(), ids in proptest::collection::vec(1u8..99, 0..4), name in "[^/]{0,5}") {
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            let elements: String = ids.iter().map(|id| format!("{id:02}-")).collect();
            let found = read(&format!("/Session/x/MIME/{}/{uid}-{elements}B.bin/{}", encode(&folder), encode(&name)));
            let part_id = Some(elements.trim_end_matches('-').to_owned()).filter(|id| !id.is_empty());
            let file_name = Some(name).filter(|name| !name.is_empty());
            prop_assert_eq!(found.unwrap().what, What::Mime(PartUrl { folder, uid: Uid(uid), part_id, form: Form::Body, file_name }));
        }
    }
}
