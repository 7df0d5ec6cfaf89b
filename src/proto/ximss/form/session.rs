//! Messages about the session itself: who is logged in, and what a session says unasked.
//!
//! Spec: XIMSS, "Login Operations" (session), "Service Operations" (alert, mailboxModified).

use crate::model::names::MailboxName;
use crate::model::time::{Timestamp, Zone};
use crate::proto::ximss::desk::Login;
use crate::xml::Element;

/// The protocol version that this server speaks.
pub const VERSION: &str = "6.1";

/// The `session` message, as `login` sends it and `readSession` sends it again.
pub fn session_message(login: &Login) -> Element {
    Element::new("session")
        .with("urlID", &login.url_id)
        .with("userName", &login.caller.address)
        .with_some("realName", login.real_name.as_ref())
        .with("version", VERSION)
}

/// The `alert` message.
pub fn alert(at: Timestamp, zone: &Zone, text: &str) -> Element {
    Element::new("alert").with("gmtTime", at.gmt_bare()).with("localTime", at.local(zone)).text(text)
}

/// The `mailboxModified` message.
pub fn mailbox_modified(name: &MailboxName) -> Element {
    Element::new("mailboxModified").with("mailbox", name.as_str())
}
