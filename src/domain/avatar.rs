//! The picture of an account, as others are told of it: by the SHA-1 of the first photo in `profile.vcf` of its File Storage.
//!
//! Spec: XIMSS companion 7.4; XEP-0008.

use super::files;
use crate::format::base64_text;
use crate::format::vcard::{self, version};
use crate::model::component::Property;
use crate::model::fault::Outcome;
use crate::model::ids::AccountId;
use crate::model::time::Timestamp;
use crate::store::Read;
use sha1::{Digest, Sha1};
use std::sync::Arc;

/// The name of the file with an account's card.
pub const PROFILE: &str = "profile.vcf";

/// The hash of an account's picture, and the state of the file that it was made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Avatar {
    file: Option<(Timestamp, Option<u64>)>,
    /// In hexadecimal digits; None where there is no picture.
    pub hash: Option<Arc<str>>,
}

/// The picture as it is now. The file is read only where it is not as it was when `known` was made.
pub fn look(tx: &dyn Read, account: AccountId, known: &Avatar) -> Outcome<Avatar> {
    let name = PROFILE.parse()?;
    let file = files::find(tx, account, &name)?.map(|info| (info.modified, info.size));
    if file == known.file {
        return Ok(known.clone());
    }
    // A card that cannot be read has no picture.
    let card = files::read(tx, account, &name).ok().flatten().and_then(|bytes| vcard::parse(&bytes, None).ok());
    let picture = card.and_then(|cards| picture(cards.first()?.all("PHOTO").next()?));
    Ok(Avatar { file, hash: picture.map(|picture| hash(&picture)) })
}

/// The bytes of a photo that the card itself holds.
fn picture(photo: &Property) -> Option<Vec<u8>> {
    let encoded = photo.parameter("ENCODING").is_some_and(|encoding| encoding.eq_ignore_ascii_case("b"));
    let data = version::data(&photo.value).map(|(_, data)| data).or_else(|| encoded.then_some(photo.value.as_str()))?;
    base64_text::decode(data)
}

fn hash(picture: &[u8]) -> Arc<str> {
    Sha1::digest(picture).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{house, new_account};
    use crate::model::files::WriteAt;
    use crate::model::limits::Limits;

    #[actix::test]
    async fn the_picture_is_that_of_the_profile() {
        let house = house();
        let account = new_account(&house.store, "alice@example.test").await.account;
        let of = |known: Avatar| house.store.read(move |tx| look(tx, account, &known));
        let none = of(Avatar::default()).await.unwrap();
        assert_eq!(none, Avatar::default());
        for (photo, expected) in [
            ("PHOTO;ENCODING=b;TYPE=GIF:YWJj", Some("a9993e364706816aba3e25717850c26c9cd0d89d")),
            ("PHOTO:data:image/png;base64,YWJj", Some("a9993e364706816aba3e25717850c26c9cd0d89d")),
            ("PHOTO;VALUE=uri:http://example.test/a.png", None),
        ] {
            let card = format!("BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Alice\r\n{photo}\r\nEND:VCARD\r\n");
            let written = house.store.write(move |tx| {
                files::write(tx, account, &PROFILE.parse()?, card.as_bytes(), WriteAt::Replace, &Limits::default(), Timestamp::now())
                    .map(drop)
            });
            written.await.unwrap();
            assert_eq!(of(Avatar::default()).await.unwrap().hash.as_deref(), expected, "{photo}");
        }
    }
}
