//! Whom a call rings: the devices of an account, an application; or why there is nothing to ring, as far as those may know
//! who hear of it (`domain::strangers`).
//!
//! Spec: XIMSS, "Signaling" (callStart, callRedirect, callTransfer).

use super::{Call, Devices};
use crate::domain::account_rights;
use crate::domain::call::shown::Shown;
use crate::domain::signals::Binding;
use crate::domain::strangers::{Standing, all_standing, standing_of_all};
use crate::domain::tasks::called;
use crate::domain::tell::tell;
use crate::model::call::{Application, CallParty, CallTarget};
use crate::model::names::AccountAddress;
use crate::model::rights::AccountRights;
use crate::model::signal::SignalFailure;
use crate::model::time::Timestamp;
use crate::store::accounts;
use actix::{Addr, AsyncContext, Context, Handler, Message, WrapFuture};
use std::sync::Arc;
use std::time::Instant;

/// Why a target has no device, and how those who asked stand to its account.
#[derive(Message)]
#[rtype(result = "()")]
struct LookedUp(CallTarget, SignalFailure, Standing);

/// An application that was called is found, or is not.
#[derive(Message)]
#[rtype(result = "()")]
struct Opened(Application, Result<called::Found, SignalFailure>, Standing);

/// The sessions that ring for an account, those of others among them.
#[derive(Message)]
#[rtype(result = "()")]
struct Ringing(CallTarget, AccountAddress, Devices);

impl Call {
    /// Finds the devices of a target: at once where there are any, else the store is asked whether there is somebody.
    pub(super) fn look_up(&mut self, target: CallTarget, ctx: &mut Context<Self>) {
        if let Some(invitation) = self.hub.inviting() {
            self.log.inviting(&invitation.call_id, &invitation.from);
        }
        let bindings = &self.house.signals;
        let (address, found) = match &target {
            CallTarget::Account(address) => (address.clone(), bindings.of(address)),
            CallTarget::Device(address, client) => (address.clone(), bindings.find(address, client).into_iter().collect()),
            CallTarget::Application(application) => return self.open(application.clone(), ctx),
            CallTarget::Foreign(_) => return self.hub.not_rung(&target, SignalFailure::new(404, "there is no way to this address")),
        };
        let found: Vec<_> = found.into_iter().filter(|binding| self.rings(binding)).collect();
        if matches!(target, CallTarget::Account(_)) {
            let others: Vec<_> = bindings.on_behalf_of(&address).into_iter().filter(|binding| self.rings(binding)).collect();
            if !others.is_empty() {
                return self.ring_others_too(target, address, (found, others), ctx);
            }
        }
        if !found.is_empty() {
            return self.rung(target, found, ctx);
        }
        self.find_out_why(target, address, ctx);
    }

    /// Sessions of others ring that take the calls of an account, as far as its rights let them.
    fn ring_others_too(&mut self, target: CallTarget, account: AccountAddress, rung: (Devices, Devices), ctx: &mut Context<Self>) {
        let (store, call, (mut devices, others)) = (self.house.store.clone(), ctx.address(), rung);
        let asked = account.clone();
        let work = async move {
            // After a fault, which the store has logged, nobody has rights.
            let acl = store.read(move |tx| account_rights::acl(tx, &asked)).await.unwrap_or_default().unwrap_or_default();
            let may = |binding: &Arc<Binding>| acl.effective(&binding.caller.address, &account).has(AccountRights::CALLS);
            devices.extend(others.into_iter().filter(may));
            tell(&call, Ringing(target, account, devices));
        };
        ctx.spawn(work.into_actor(self));
    }

    /// Nothing rings: why. In one question, so that it takes no longer where there is an account.
    fn find_out_why(&mut self, target: CallTarget, address: AccountAddress, ctx: &mut Context<Self>) {
        let (store, call, askers) = (self.house.store.clone(), ctx.address(), self.askers());
        let work = async move {
            let known = store.read(move |tx| {
                let (is_ours, is_known) = (accounts::domain(tx, &address.domain)?.is_some(), accounts::find(tx, &address)?.is_some());
                Ok((is_ours, is_known, all_standing(tx, &askers, &address)?))
            });
            let (why, standing) = match known.await {
                Ok((true, true, standing)) => (SignalFailure::new(480, "the user is not reachable"), standing),
                Ok((true, false, standing)) => (SignalFailure::new(404, "account does not exist"), standing),
                // Which domains are served here is no secret.
                Ok((false, ..)) => (SignalFailure::new(404, "there is no way to this address"), Standing::Entitled),
                Err(fault) => (SignalFailure::new(500, fault.text), Standing::Stranger),
            };
            tell(&call, LookedUp(target, why, standing));
        };
        ctx.spawn(work.into_actor(self));
    }

    /// Whose legs hear what becomes of the invitation that is out.
    pub(super) fn askers(&mut self) -> Vec<AccountAddress> {
        let askers = self.hub.askers();
        let owners: Vec<AccountAddress> = askers.iter().filter_map(|leg| self.owners.get(leg).cloned()).collect();
        // Of one who is not known nobody can say that he may know.
        if owners.len() == askers.len() { owners } else { Vec::new() }
    }

    /// What became of a call to an account will be said next, to those who stand so to it.
    pub(super) fn note_standing(&mut self, account: &AccountAddress, standing: Standing) {
        if standing == Standing::Stranger {
            self.hub.stranger_to(account.clone());
        }
    }

    /// The session that calls is not rung by its own call: that of who made it, or of the end that stays of a transfer.
    fn rings(&self, binding: &Binding) -> bool {
        let inviter = self.hub.inviter().and_then(|leg| self.inboxes.get(&leg));
        !inviter.is_some_and(|inbox| binding.inbox.is(inbox))
    }

    /// Finds an application that is called.
    fn open(&mut self, application: Application, ctx: &mut Context<Self>) {
        let (house, call, askers) = (self.house.clone(), ctx.address(), self.askers());
        let work = async move {
            let found = called::find(&house, application.clone()).await;
            let standing = standing_of_all(&house.store, askers, &application.owner).await;
            tell(&call, Opened(application, found, standing));
        };
        ctx.spawn(work.into_actor(self));
    }

    /// An application that was found is started with its leg.
    fn opened(&mut self, application: Application, found: Result<called::Found, SignalFailure>, call: Addr<Self>) {
        let owner = application.owner.clone();
        let target = &CallTarget::Application(application);
        let rung = found.and_then(|found| {
            let party = CallParty { address: found.address(), name: None };
            let inbox = found.start(self.house.clone())?;
            self.leg(inbox, owner, party, Shown::No, call).map_err(|fault| SignalFailure::new(500, fault.text))
        });
        match rung {
            Ok(device) => self.hub.rung(target, vec![device], Instant::now()),
            Err(failure) => self.hub.not_rung(target, failure),
        }
    }
}

impl Handler<LookedUp> for Call {
    type Result = ();
    fn handle(&mut self, LookedUp(target, failure, standing): LookedUp, ctx: &mut Self::Context) {
        if let CallTarget::Account(account) | CallTarget::Device(account, _) = &target {
            self.note_standing(account, standing);
        }
        self.hub.not_rung(&target, failure);
        self.run(ctx);
    }
}

impl Handler<Opened> for Call {
    type Result = ();
    fn handle(&mut self, Opened(application, found, standing): Opened, ctx: &mut Self::Context) {
        self.note_standing(&application.owner, standing);
        self.opened(application, found, ctx.address());
        self.run(ctx);
    }
}

impl Handler<Ringing> for Call {
    type Result = ();
    fn handle(&mut self, Ringing(target, account, devices): Ringing, ctx: &mut Self::Context) {
        if devices.is_empty() {
            return self.find_out_why(target, account, ctx);
        }
        self.log.rung(&account, Timestamp::now());
        self.rung(target, devices, ctx);
        self.run(ctx);
    }
}
