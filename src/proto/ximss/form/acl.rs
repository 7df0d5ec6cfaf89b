//! Lists of access rights in XML: `aclElem`.
//!
//! Spec: XIMSS, "Mailbox Management" (mailboxACLUpdate, mailboxACL), "Account Management" (accountACLUpdate, accountACL).

use crate::model::fault::{Fault, Outcome};
use crate::model::rights::{Acl, AclPattern, AclStep, RightsOn};
use crate::xml::Element;

/// The step that an `aclElem` of an update asks for.
pub fn step<K: RightsOn>(element: &Element) -> Outcome<AclStep<K>> {
    let pattern: AclPattern = element.get("pattern").ok_or_else(|| Fault::missing("pattern"))?.parse()?;
    let mode = element.get("mode").unwrap_or_default();
    let is = |name: &str| mode.eq_ignore_ascii_case(name);
    if is("clear") {
        return Ok(AclStep::Clear(pattern));
    }
    let rights = element.body().parse()?;
    Ok(match mode {
        _ if is("add") => AclStep::Add(pattern, rights),
        _ if is("sub") => AclStep::Sub(pattern, rights),
        _ => AclStep::Set(pattern, rights),
    })
}

/// The elements of a list.
pub fn elements<K: RightsOn>(acl: &Acl<K>) -> impl Iterator<Item = Element> {
    acl.0.iter().map(|(pattern, rights)| Element::new("aclElem").with("pattern", pattern.as_str()).text(rights.to_string()))
}
