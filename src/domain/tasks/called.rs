//! Applications that are called: found first, and started when their leg of the call is made.
//!
//! A task is to its leg what a client is: it hears of it what a client would hear, and asks of it what a client may ask.
//! Spec: XIMSS, "Signaling" (callRedirect to an application).

use super::task::{Origin, Running, Task};
use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::signals::Inbox;
use crate::model::call::Application;
use crate::model::fault::Fault;
use crate::model::signal::SignalFailure;
use crate::store::accounts;
use std::sync::Arc;

/// An application that can be started.
pub struct Found {
    owner: Caller,
    running: Running,
}

fn failure(fault: &Fault) -> SignalFailure {
    let code = match fault.number {
        510 => 404,
        512 => 486,
        _ => 500,
    };
    SignalFailure::new(code, fault.text.to_string())
}

/// Finds an application.
pub async fn find(house: &House, application: Application) -> Result<Found, SignalFailure> {
    let Application { owner: address, name, parameters, entry } = application;
    let asked = address.clone();
    let account = house.store.read(move |tx| accounts::find(tx, &asked)?.ok_or_else(Fault::no_account)).await;
    let owner = Caller { account: account.map_err(|fault| failure(&fault))?, address };
    let program = super::program(house, &owner, &name, entry.as_deref()).await.map_err(|fault| failure(&fault))?;
    Ok(Found { owner, running: Running { name, program, parameters } })
}

impl Found {
    /// What callers know it by.
    pub fn address(&self) -> String {
        format!("#{}", self.running.name)
    }

    /// Starts it. Gives where its call comes to.
    pub fn start(self, house: Arc<House>) -> Result<Inbox, SignalFailure> {
        let origin = Origin { starter: None, generation: 0 };
        Task::begin(house, self.owner, origin, self.running).map(|(_, inbox)| inbox).map_err(|fault| failure(&fault))
    }
}
