//! Mailboxes: made, renamed, listed, removed; subscriptions, aliases, rights.

use crate::household::Household;
use crate::link::Outcome;

/// Makes a mailbox, renames it, subscribes to it, gives it another name, and removes it.
pub async fn manage(home: &mut Household, seat: usize) -> Outcome {
    let name = format!("Room-{}-{}", seat, home.round);
    let link = &mut home.seats[seat].link;
    link.ask(&format!(r#"<mailboxCreate mailbox="{name}/inner"/>"#)).await?;
    link.ask(&format!(r#"<mailboxRename mailbox="{name}/inner" newName="{name}"/>"#)).await?;
    let listed = link.ask(&format!(r#"<mailboxList filter="{name}*"/>"#)).await?;
    if !listed.iter().any(|mailbox| mailbox.get("mailbox") == Some(&name)) {
        return Err(format!("mailboxList {name}: {listed:?}"));
    }
    for mode in ["add", "remove"] {
        let subscription = format!(r#"<mailboxSubscription mailbox="{name}" mode="{mode}"/>"#);
        link.ask(&format!("<mailboxSubUpdate>{subscription}</mailboxSubUpdate>")).await?;
        link.ask("<mailboxSubList/>").await?;
        let target = if mode == "add" { name.as_str() } else { "" };
        let alias = format!(r#"<mailboxAlias name="alias-{name}" mode="{mode}">{target}</mailboxAlias>"#);
        link.ask(&format!("<mailboxAliasUpdate>{alias}</mailboxAliasUpdate>")).await?;
        link.ask("<mailboxAliasList/>").await?;
    }
    link.ask(&format!(r#"<mailboxRemove mailbox="{name}" children="yes"/>"#)).await.map(drop)
}

/// Gives Eve a right to one's inbox and takes it again.
pub async fn share(home: &mut Household, seat: usize) -> Outcome {
    let account = home.seats[seat].account;
    let eve = home.address(if account == 2 { 1 } else { 2 });
    let link = &mut home.seats[seat].link;
    for mode in ["add", "clear"] {
        let element = format!(r#"<aclElem pattern="{eve}" mode="{mode}">l</aclElem>"#);
        link.ask(&format!(r#"<mailboxACLUpdate mailbox="INBOX">{element}</mailboxACLUpdate>"#)).await?;
        link.ask(r#"<mailboxACLList mailbox="INBOX"/>"#).await?;
        link.ask(r#"<mailboxRightsGet mailbox="INBOX"/>"#).await?;
    }
    Ok(())
}
