//! Mailbox management. Spec: XIMSS, "Mailbox Management".

use crate::domain::mailboxes::listing::{self, Asked, Listed};
use crate::domain::{mailboxes, sweeper};
use crate::model::fault::{Fault, Outcome};
use crate::model::names::{ListPattern, MailboxName, MailboxPath};
use crate::model::rights::{AclStep, Rights};
use crate::model::time::Timestamp;
use crate::proto::ximss::form::acl;
use crate::proto::ximss::form::attributes::MailboxClass;
use crate::proto::ximss::request::{Cx, Op, Request};
use crate::xml::attr::YesNo;
use crate::xml::{Arg, Attr, Element};

/// The family.
pub const OPS: &[Op] = &[
    Op::of::<Create>(),
    Op::of::<Rename>(),
    Op::of::<Remove>(),
    Op::of::<List>(),
    Op::of::<SubscriptionList>(),
    Op::of::<SubscriptionUpdate>(),
    Op::of::<AliasList>(),
    Op::of::<AliasUpdate>(),
    Op::of::<RightsGet>(),
    Op::of::<AclList>(),
    Op::of::<AclUpdate>(),
];

const MAILBOX: Attr<MailboxPath> = Attr::new("mailbox", "the mailbox; ~account@domain/name for another account's");
const CLASS: Attr<MailboxClass> = Attr::new("mailboxClass", "its class; empty for mail");
const NEW_NAME: Attr<MailboxPath> = Attr::new("newName", "its new name");
const CHILDREN: Attr<String> = Attr::new("children", "if present: with all mailboxes inside");
const FILTER: Attr<ListPattern> = Attr::new("filter", "names that fit this; * for anything, % for anything on one level");
const ONLY_CLASS: Attr<MailboxClass> = Attr::new("mailboxClass", "only mailboxes of this class; empty for mail");
const PURE: Attr<YesNo> = Attr::new("pureFolder", "no: leave folders out that hold no messages");

/// The most elements in the body of an update.
const MOST_CHANGES: usize = 1_000;

struct Create {
    mailbox: MailboxPath,
    class: String,
}

impl Request for Create {
    const NAME: &'static str = "mailboxCreate";
    const DOC: &'static str = "Creates a mailbox.";
    const ARGS: &'static [Arg] = &[MAILBOX.required(), CLASS.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { mailbox: MAILBOX.need(element)?, class: CLASS.get(element)?.map(|c| c.0).unwrap_or_default() })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Self { mailbox, class }) = (cx.caller()?, self);
        cx.write(move |tx| mailboxes::create(tx, &caller, &mailbox, &class, Timestamp::now())).await
    }
}

struct Rename {
    mailbox: MailboxPath,
    new_name: MailboxPath,
    children: bool,
}

impl Request for Rename {
    const NAME: &'static str = "mailboxRename";
    const DOC: &'static str = "Renames a mailbox.";
    const ARGS: &'static [Arg] = &[MAILBOX.required(), NEW_NAME.required(), CHILDREN.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { mailbox: MAILBOX.need(element)?, new_name: NEW_NAME.need(element)?, children: CHILDREN.get(element)?.is_some() })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Self { mailbox, new_name, children }) = (cx.caller()?, self);
        cx.write(move |tx| mailboxes::rename(tx, &caller, &mailbox, &new_name, children, Timestamp::now())).await
    }
}

struct Remove {
    mailbox: MailboxPath,
    children: bool,
}

impl Request for Remove {
    const NAME: &'static str = "mailboxRemove";
    const DOC: &'static str = "Removes a mailbox.";
    const ARGS: &'static [Arg] = &[MAILBOX.required(), CHILDREN.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self { mailbox: MAILBOX.need(element)?, children: CHILDREN.get(element)?.is_some() })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Self { mailbox, children }) = (cx.caller()?, self);
        cx.write(move |tx| mailboxes::remove(tx, &caller, &mailbox, children)).await?;
        let store = cx.store().clone();
        actix::spawn(async move {
            // What is left is swept away at the next start, and the store has logged why it could not be now.
            let _ = sweeper::sweep(&store).await;
        });
        Ok(())
    }
}

struct List(Asked);

impl Request for List {
    const NAME: &'static str = "mailboxList";
    const DOC: &'static str = "Lists the mailboxes that the user may see.";
    const ARGS: &'static [Arg] = &[FILTER.optional(), ONLY_CLASS.optional(), PURE.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self(Asked {
            pattern: FILTER.get(element)?.unwrap_or_else(ListPattern::all),
            class: ONLY_CLASS.get(element)?.map(|class| class.0),
            pure_folders: PURE.get(element)?.map(|yes| yes.0),
        }))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, asked) = (cx.caller()?, self.0);
        for listed in cx.read(move |tx| listing::list(tx, &caller, &asked)).await? {
            cx.send(mailbox(&listed)).await?;
        }
        Ok(())
    }
}

fn mailbox(listed: &Listed) -> Element {
    let element = Element::new("mailbox").with("mailbox", &listed.name);
    let Some((record, state, rights)) = &listed.mailbox else { return element.with("pureFolder", "yes") };
    element
        .with("UIDVALIDITY", record.uid_validity)
        .with("MESSAGES", state.messages)
        .with("UIDNEXT", state.uid_next)
        .with("UNSEEN", state.unseen)
        .with_some("OLDEST", state.oldest)
        .with_some("CLASS", Some(&record.class).filter(|class| !class.is_empty()))
        .with("MEDIA", state.media)
        .with("UNSEENMEDIA", state.unseen_media)
        .with("SIZE", state.size)
        .with_some("isFolder", listed.folder.then_some("yes"))
        .with_some("rights", Some(rights).filter(|rights| **rights != Rights::ALL))
}

struct SubscriptionList(ListPattern);

impl Request for SubscriptionList {
    const NAME: &'static str = "mailboxSubList";
    const DOC: &'static str = "Lists the subscription set.";
    const ARGS: &'static [Arg] = &[FILTER.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self(FILTER.get(element)?.unwrap_or_else(ListPattern::all)))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        let names = cx.read(move |tx| crate::store::mailboxes::subscriptions(tx, caller.account)).await?;
        let prefix = self.0.owner.as_ref().map(|owner| format!("~{owner}/"));
        for name in names {
            let fits = match &prefix {
                Some(prefix) => name.strip_prefix(prefix.as_str()).is_some_and(|rest| self.0.matches(rest)),
                None => self.0.matches(&name),
            };
            if fits {
                cx.send(Element::new("mailboxSubscription").with("mailbox", name)).await?;
            }
        }
        Ok(())
    }
}

fn adds(element: &Element) -> bool {
    element.get("mode").is_some_and(|mode| mode.eq_ignore_ascii_case("add"))
}

/// The elements of a name in a body, refused where there are none or too many.
pub(super) fn changes<'a>(element: &'a Element, name: &'a str) -> Outcome<Vec<&'a Element>> {
    let all: Vec<&Element> = element.named(name).collect();
    match all.len() {
        0 => Err(Fault::missing(name)),
        n if n > MOST_CHANGES => Err(Fault::bad("too many changes in one request")),
        _ => Ok(all),
    }
}

struct SubscriptionUpdate(Vec<(String, bool)>);

impl Request for SubscriptionUpdate {
    const NAME: &'static str = "mailboxSubUpdate";
    const DOC: &'static str = "Changes the subscription set.";
    const SAMPLE_BODY: &'static str = r#"<mailboxSubscription mailbox="Notes" mode="add"/>"#;

    fn read(element: &Element) -> Outcome<Self> {
        let one = |e: &&Element| Ok((MAILBOX.need(e)?.to_string(), adds(e)));
        Ok(Self(changes(element, "mailboxSubscription")?.iter().map(one).collect::<Outcome<_>>()?))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        cx.write(move |tx| mailboxes::subscribe(tx, &caller, &self.0)).await
    }
}

struct AliasList;

impl Request for AliasList {
    const NAME: &'static str = "mailboxAliasList";
    const DOC: &'static str = "Lists the mailbox aliases.";

    fn read(_: &Element) -> Outcome<Self> {
        Ok(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        for (name, target) in cx.read(move |tx| crate::store::mailboxes::aliases(tx, caller.account)).await? {
            cx.send(Element::new("mailboxAlias").with("name", name).text(target.to_string())).await?;
        }
        Ok(())
    }
}

struct AliasUpdate(Vec<(MailboxName, Option<MailboxPath>)>);

impl Request for AliasUpdate {
    const NAME: &'static str = "mailboxAliasUpdate";
    const DOC: &'static str = "Changes the mailbox aliases.";
    const SAMPLE_BODY: &'static str = r#"<mailboxAlias name="Hers" mode="add">~bob/Notes</mailboxAlias>"#;

    fn read(element: &Element) -> Outcome<Self> {
        let one = |e: &&Element| {
            let name = e.get("name").ok_or_else(|| Fault::missing("name"))?;
            let name = name.parse().map_err(|_| Fault::incorrect("name"))?;
            let target = adds(e).then(|| e.body().trim().parse().map_err(|_| Fault::incorrect("mailboxAlias"))).transpose()?;
            Ok((name, target))
        };
        Ok(Self(changes(element, "mailboxAlias")?.iter().map(one).collect::<Outcome<_>>()?))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let caller = cx.caller()?;
        cx.write(move |tx| mailboxes::set_aliases(tx, &caller, &self.0)).await
    }
}

/// A mailbox, and how the client wrote its name.
struct Named(MailboxPath, String);

impl Named {
    fn read(element: &Element) -> Outcome<Self> {
        Ok(Self(MAILBOX.need(element)?, element.get("mailbox").unwrap_or_default().to_owned()))
    }
}

struct RightsGet(Named);

impl Request for RightsGet {
    const NAME: &'static str = "mailboxRightsGet";
    const DOC: &'static str = "Sends what the user may do with a mailbox.";
    const ARGS: &'static [Arg] = &[MAILBOX.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Named(path, written)) = (cx.caller()?, self.0);
        let rights = cx.read(move |tx| mailboxes::acl::rights(tx, &caller, &path)).await?;
        cx.send(Element::new("mailboxRights").with("mailbox", written).text(rights.to_string())).await
    }
}

struct AclList(Named);

impl Request for AclList {
    const NAME: &'static str = "mailboxACLList";
    const DOC: &'static str = "Sends who may do what with a mailbox.";
    const ARGS: &'static [Arg] = &[MAILBOX.required()];

    fn read(element: &Element) -> Outcome<Self> {
        Named::read(element).map(Self)
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Named(path, written)) = (cx.caller()?, self.0);
        let acl = cx.read(move |tx| mailboxes::acl::list(tx, &caller, &path)).await?;
        cx.send(Element::new("mailboxACL").with("mailbox", written).children(acl::elements(&acl))).await
    }
}

struct AclUpdate(MailboxPath, Vec<AclStep>);

impl Request for AclUpdate {
    const NAME: &'static str = "mailboxACLUpdate";
    const DOC: &'static str = "Changes who may do what with a mailbox.";
    const ARGS: &'static [Arg] = &[MAILBOX.required()];
    const SAMPLE_BODY: &'static str = r#"<aclElem pattern="bob">lr</aclElem><aclElem pattern="carol" mode="add">i</aclElem>"#;

    fn read(element: &Element) -> Outcome<Self> {
        let steps = changes(element, "aclElem")?.into_iter().map(acl::step).collect::<Outcome<_>>()?;
        Ok(Self(MAILBOX.need(element)?, steps))
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        let (caller, Self(path, steps)) = (cx.caller()?, self);
        cx.write(move |tx| mailboxes::acl::update(tx, &caller, &path, &steps)).await
    }
}
