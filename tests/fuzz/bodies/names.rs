//! Names and other short texts from clients: any text gives a value or a fault; what is a value is written and read again the same.

use posthouse::model::flags::FlagChange;
use posthouse::model::names::{AccountRef, Address, DomainName, ListPattern, MailboxName, MailboxPath, Picture};
use posthouse::model::rights::{AclPattern, Rights};
use posthouse::model::time::{Duration, Timestamp};
use posthouse::model::viewer::ViewerField;
use std::fmt::{Debug, Display};
use std::str::FromStr;

fn again<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        assert_eq!(written.parse::<T>().ok().as_ref(), Some(&value), "{written:?}");
    }
}

/// The body of the target. A zero stands between a text and what patterns are compared with.
pub fn run(bytes: &[u8]) {
    let Ok(both) = std::str::from_utf8(bytes) else { return };
    let (text, other) = both.split_once('\0').unwrap_or((both, ""));
    if let Ok(path) = text.parse::<MailboxPath>() {
        // That only a folder is meant is no part of the name.
        let read = path.to_string().parse::<MailboxPath>().expect("a name is read again");
        assert_eq!((read.owner, read.name), (path.owner, path.name));
    }
    again::<Address>(text);
    again::<DomainName>(text);
    again::<AccountRef>(text);
    again::<ViewerField>(text);
    again::<Rights>(text);
    let _ = text.parse::<AclPattern>();
    let _ = text.parse::<FlagChange>();
    let _ = text.parse::<Timestamp>();
    let _ = text.parse::<Duration>();
    if let Ok(name) = text.parse::<MailboxName>() {
        assert_eq!(name.as_str().parse::<MailboxName>().as_ref(), Ok(&name));
        assert!(name.parent().is_none_or(|outer| name.is_inside(&outer)));
    }
    if let Ok(pattern) = text.parse::<ListPattern>() {
        let _ = pattern.matches(other);
    }
    if let Ok(picture) = text.parse::<Picture>() {
        let _ = picture.matches(other);
    }
}
