//! Changing one's own password. Spec: XIMSS, "Service Operations" (passwordModify).
//!
//! The old password is verified like a login, and its failures count as failed logins. A code from `recoverPassword`
//! stands for it. A new password ends the account's other sessions.

use super::prelogin::takes_clear_text;
use crate::domain::accounts;
use crate::domain::auth::{self, Claim, Use};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;
use crate::proto::ximss::form::attributes::MaybeAddress;
use crate::proto::ximss::request::{Cx, Request};
use crate::xml::{Arg, Attr, Element};
use zeroize::Zeroizing;

const OLD: Attr<String> = Attr::new("oldPassword", "the password so far, or a code that was mailed for it");
const NEW: Attr<String> = Attr::new("newPassword", "the new password");
const RECOVERY: Attr<MaybeAddress> =
    Attr::new("recoveryEMail", "where a code to set a new password is mailed to from now on; empty for nowhere");

pub(super) struct PasswordModify {
    old: Zeroizing<String>,
    new: Option<Zeroizing<String>>,
    recovery: Option<MaybeAddress>,
}

impl Request for PasswordModify {
    const NAME: &'static str = "passwordModify";
    const DOC: &'static str = "Changes the account's password, and where a code is mailed to if it is forgotten.";
    const ARGS: &'static [Arg] = &[OLD.required(), NEW.optional(), RECOVERY.optional()];

    fn read(element: &Element) -> Outcome<Self> {
        let new = NEW.get(element)?.map(Zeroizing::new);
        if let Some(new) = &new {
            accounts::check_new_password(new).map_err(|_| Fault::incorrect("newPassword"))?;
        }
        Ok(Self { old: Zeroizing::new(OLD.need(element)?), new, recovery: RECOVERY.get(element)? })
    }

    async fn run(self, cx: Cx) -> Outcome<()> {
        if !takes_clear_text(&cx) {
            return Err(Fault::insecure());
        }
        let (caller, Self { old, new, recovery }) = (cx.caller()?, self);
        if new.is_some() {
            let account = caller.account;
            let record = cx.read(move |tx| crate::store::accounts::get(tx, account)).await?;
            if record.setting("PWDAllowed").is_none_or(|value| value != "YES") {
                return Err(Fault::not_allowed());
            }
        }
        let (address, from) = (caller.address.clone(), cx.desk.peer.address);
        let claim = Claim { name: address.to_string(), domain: address.domain.clone(), from };
        let verified = auth::verify_password(&cx.house, &claim, old, Use::Change).await?;
        let legacy = cx.house.settings().legacy_mechanisms;
        let credential = match new {
            Some(new) => {
                let _turn = auth::turn(&cx.house, from).await?;
                Some(accounts::derive(&cx.house.keys, &address, new, legacy).await?)
            }
            None => None,
        };
        let change = move |tx: &crate::store::WriteTx| {
            let mut record = verified.confirm(tx, Use::Change, Timestamp::now())?;
            if let Some(MaybeAddress(recovery)) = &recovery {
                record.recovery = recovery.as_ref().map(ToString::to_string);
                crate::store::accounts::put(tx, caller.account, &record)?;
            }
            credential.as_ref().map(|credential| accounts::replace_password(tx, caller.account, credential)).transpose()
        };
        if let Some(ended) = cx.write(change).await? {
            cx.desk.stay(ended);
        }
        Ok(())
    }
}
