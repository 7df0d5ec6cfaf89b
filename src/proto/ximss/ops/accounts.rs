//! Account management: rights on whole accounts. Spec: XIMSS, "Account Management".

use super::mailboxes::changes;
use crate::domain::account_rights;
use crate::domain::presence;
use crate::model::fault::Outcome;
use crate::model::names::AccountRef;
use crate::model::rights::{AclStep, OnAccount};
use crate::proto::ximss::form::acl;
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::{Arg, Attr, Element};

/// The family.
pub const OPS: &[Op] = &[Op::of::<RightsGet>(), Op::of::<AclList>(), Op::of::<AclUpdate>()];

const USER: Attr<AccountRef> = Attr::new("userName", "the account; without it: one's own");

/// An account, and how the client wrote its name.
struct Named(Option<AccountRef>, Option<String>);

impl Named {
    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self(USER.get(element)?, element.get("userName").map(str::to_owned)))
    }
}

struct RightsGet(Named);

impl Request for RightsGet {
    const NAME: &'static str = "accountRightsGet";
    const DOC: &'static str = "Sends what the user may do with an account.";
    const ARGS: &'static [Arg] = &[USER.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Named(named, written)) = (cx.caller()?, self.0);
        let rights = cx.read(move |tx| account_rights::rights(tx, &caller, named.as_ref())).await?;
        cx.send(Element::new("accountRights").with_some("userName", written).text(rights.to_string())).await
    }
}

struct AclList(Named);

impl Request for AclList {
    const NAME: &'static str = "accountACLList";
    const DOC: &'static str = "Sends who may do what with an account.";
    const ARGS: &'static [Arg] = &[USER.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Named(named, written)) = (cx.caller()?, self.0);
        let list = cx.read(move |tx| account_rights::list(tx, &caller, named.as_ref())).await?;
        cx.send(Element::new("accountACL").with_some("userName", written).children(acl::elements(&list))).await
    }
}

struct AclUpdate(Option<AccountRef>, Vec<AclStep<OnAccount>>);

impl Request for AclUpdate {
    const NAME: &'static str = "accountACLUpdate";
    const DOC: &'static str = "Changes who may do what with an account.";
    const ARGS: &'static [Arg] = &[USER.optional()];
    const SAMPLE_BODY: &'static str = r#"<aclElem pattern="bob">lf</aclElem><aclElem pattern="carol" mode="add">w</aclElem>"#;

    fn read(element: &Element) -> Outcome<Self> {
        let steps = changes(element, "aclElem")?.into_iter().map(acl::step).collect::<Outcome<_>>()?;
        Ok(Self(USER.get(element)?, steps))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Self(named, steps)) = (cx.caller()?, self);
        let changed = cx.write(move |tx| account_rights::update(tx, &caller, named.as_ref(), &steps)).await?;
        presence::rights_changed(&cx.house, changed).await;
        Ok(())
    }
}
