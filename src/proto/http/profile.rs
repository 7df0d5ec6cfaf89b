//! The profile of the session's account: the vCard `profile.vcf` of its File Storage, or a property of it.
//!
//! Without that file, or without the property, there is nothing here (404). Spec: XIMSS, "HTTP Access" (Profile Retrieval).

use super::deliver::{self, Content, Representation};
use super::server::Web;
use crate::domain::avatar::PROFILE as FILE;
use crate::domain::files;
use crate::domain::sessions::Reach;
use crate::format::vcard::{self, version};
use crate::model::component::{Component, Property};
use crate::model::fault::{Fault, Outcome};
use crate::model::files::FileName;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

/// What a URL asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileUrl {
    /// The property and which of its name; None for the whole card.
    pub property: Option<(String, usize)>,
    /// The name that the URL offers for the file.
    pub file_name: Option<String>,
}

impl ProfileUrl {
    /// Reads `[property[/index][/filename]]`, decoded.
    pub fn read(segments: &[String]) -> Self {
        let mut rest = segments.iter().filter(|segment| !segment.is_empty());
        let Some(name) = rest.next() else { return Self { property: None, file_name: None } };
        let index = rest.clone().next().and_then(|index| index.parse().ok().filter(|_| index.bytes().all(|b| b.is_ascii_digit())));
        if index.is_some() {
            rest.next();
        }
        Self { property: Some((name.to_ascii_uppercase(), index.unwrap_or(0))), file_name: rest.next().cloned() }
    }
}

/// Sends the profile, or a property of it.
pub async fn serve(request: &HttpRequest, web: &Web, reach: &Reach, url: ProfileUrl) -> Outcome<HttpResponse> {
    let name: FileName = FILE.parse()?;
    let account = reach.caller.account;
    let file = web.house.store.read(move |tx| files::read(tx, account, &name)).await?;
    let file = file.ok_or_else(|| Fault::not_found("file does not exist"))?;
    let ProfileUrl { property, file_name } = url;
    let identity = format!("{FILE} {account:?} {property:?} ");
    let Some((name, index)) = property else {
        let identity = format!("{identity}{}", hash(&file));
        let found = representation(("text", "vcard"), Some("utf-8"), Some(file_name.unwrap_or_else(|| FILE.to_owned())), identity, file);
        return deliver::answer(request, found).await;
    };
    let value = web.house.store.compute(move || value(&file, &name, index)).await?;
    let identity = format!("{identity}{}", hash(&value.bytes));
    let charset = (value.kind.0 == "text").then_some("utf-8");
    deliver::answer(request, representation((&value.kind.0, &value.kind.1), charset, file_name, identity, value.bytes)).await
}

/// The same bytes have the same one; it is no secret.
fn hash(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn representation(
    (kind, subtype): (&str, &str),
    charset: Option<&str>,
    file_name: Option<String>,
    identity: String,
    bytes: Vec<u8>,
) -> Representation {
    let content = Content::Held(bytes.into());
    Representation { kind: kind.to_owned(), subtype: subtype.to_owned(), charset: charset.map(str::to_owned), file_name, identity, content }
}

/// A value with its type.
#[derive(Debug, PartialEq, Eq)]
struct Value {
    kind: (String, String),
    bytes: Vec<u8>,
}

fn value(file: &[u8], name: &str, index: usize) -> Outcome<Value> {
    let card: Component = vcard::parse(file, None)?.into_iter().next().ok_or_else(|| Fault::not_found("the profile is empty"))?;
    let property = card.all(name).nth(index).ok_or_else(|| Fault::not_found("the profile has no such property"))?;
    let typed = |kind: &str| kind.split_once('/').map(|(kind, subtype)| (kind.to_owned(), subtype.to_owned()));
    if let Some((kind, data)) = version::data(&property.value) {
        return Ok(Value { kind: typed(kind).unwrap_or_else(bytes_kind), bytes: decoded(data)? });
    }
    if property.parameter("ENCODING").is_some_and(|encoding| encoding.eq_ignore_ascii_case("b")) {
        return Ok(Value { kind: media_type(property), bytes: decoded(&property.value)? });
    }
    Ok(Value { kind: ("text".to_owned(), "plain".to_owned()), bytes: property.text().into_bytes() })
}

fn bytes_kind() -> (String, String) {
    ("application".to_owned(), "octet-stream".to_owned())
}

/// The media type of a picture, a sound or a key; its first type is the medium.
fn media_type(property: &Property) -> (String, String) {
    let said = property.parameter("TYPE").unwrap_or_default().to_ascii_lowercase();
    match (property.name.as_str(), said.split_once('/')) {
        (_, Some((kind, subtype))) => (kind.to_owned(), subtype.to_owned()),
        ("PHOTO" | "LOGO", None) if !said.is_empty() => ("image".to_owned(), said),
        ("SOUND", None) if !said.is_empty() => ("audio".to_owned(), said),
        ("KEY", None) if said == "x509" => ("application".to_owned(), "pkix-cert".to_owned()),
        _ => bytes_kind(),
    }
}

fn decoded(data: &str) -> Outcome<Vec<u8>> {
    let data: String = data.split_whitespace().collect();
    STANDARD
        .decode(&data)
        .or_else(|_| STANDARD_NO_PAD.decode(data.trim_end_matches('=')))
        .map_err(|_| Fault::bad("the value cannot be read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urls_of_the_specification_are_read() {
        let read = |path: &str| {
            let url = ProfileUrl::read(&path.split('/').map(str::to_owned).collect::<Vec<_>>());
            (url.property, url.file_name)
        };
        let photo = |index| Some(("PHOTO".to_owned(), index));
        assert_eq!(read("PHOTO/0/avatar"), (photo(0), Some("avatar".into())));
        assert_eq!(read("photo"), (photo(0), None));
        assert_eq!(read("PHOTO/2"), (photo(2), None));
        assert_eq!(read("PHOTO/a.gif"), (photo(0), Some("a.gif".into())));
        assert_eq!(read(""), (None, None));
    }

    #[test]
    fn values_are_what_they_stand_for() {
        let card = b"BEGIN:VCARD\nVERSION:3.0\nPHOTO;ENCODING=b;TYPE=GIF:R0lG\nPHOTO:data:image/png;base64,AAAA\nNOTE:a\\, b\nKEY;X509;ENCODING=b:AAA\nEND:VCARD\n";
        let of = |name: &str, index| value(card, name, index).map(|v| (format!("{}/{}", v.kind.0, v.kind.1), v.bytes));
        assert_eq!(of("PHOTO", 0).unwrap(), ("image/gif".into(), b"GIF".to_vec()));
        assert_eq!(of("PHOTO", 1).unwrap(), ("image/png".into(), vec![0, 0, 0]));
        assert_eq!(of("NOTE", 0).unwrap(), ("text/plain".into(), b"a, b".to_vec()));
        assert_eq!(of("KEY", 0).unwrap(), ("application/pkix-cert".into(), vec![0, 0]));
        assert_eq!((of("NOTE", 1).unwrap_err().number, of("X", 0).unwrap_err().number), (510, 510));
    }
}
