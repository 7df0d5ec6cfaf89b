//! What a session has of signaling: its inbox, its entry among those that take signals, its conversations. Made when
//! the session first has to do with it, so that one that only reads mail does not pay for it.
//!
//! Spec: XIMSS, "Signaling", "Instant Messaging".

use super::form;
use crate::domain::im::Conversations;
use crate::domain::pace::Pace;
use crate::domain::signals::{Applicant, Bindings, Bound, Inbox, NameTaken, SignalsWaiting, Wants};
use crate::model::fault::Outcome;
use crate::model::signal::{ClientId, Signal};
use crate::xml::Element;
use actix::Recipient;
use std::cell::RefCell;
use std::time::Instant;

/// Instant messages and requests that a session may send: a second, and at once.
const MESSAGES: (u32, u32) = (1_000, 3_000);

/// What a session has of signaling.
pub struct Signaling {
    /// What it has not yet heard.
    pub inbox: Inbox,
    /// With whom it talks.
    pub conversations: RefCell<Conversations>,
    bound: RefCell<Option<Bound>>,
    /// As the last `signalBind` asked for it; it holds on after `signalUnbind` for what is still under way.
    wants: RefCell<Wants>,
    messages: RefCell<Pace>,
}

impl Signaling {
    /// For a session that is woken in this way.
    pub fn new(wake: Recipient<SignalsWaiting>) -> Self {
        Self {
            inbox: Inbox::new(wake),
            conversations: RefCell::default(),
            bound: RefCell::default(),
            wants: RefCell::default(),
            messages: RefCell::new(Pace::new(MESSAGES.0, MESSAGES.1, Instant::now())),
        }
    }

    /// Enters the session among those that take signals; an entry it had goes first.
    pub fn bind(&self, bindings: &Bindings, applicant: Applicant, taken: NameTaken) -> Outcome<()> {
        let wants = applicant.wants.clone();
        self.unbind();
        let bound = bindings.bind(applicant, taken)?;
        (*self.wants.borrow_mut(), *self.bound.borrow_mut()) = (wants, Some(bound));
        Ok(())
    }

    /// Takes it out again.
    pub fn unbind(&self) {
        self.bound.take();
    }

    /// The session's name among those that take signals; None where it is not among them.
    pub fn client(&self) -> Option<ClientId> {
        self.bound.borrow().as_ref().map(|bound| bound.binding().client.clone())
    }

    /// One message more may be sent now.
    pub fn may_write(&self) -> Outcome<()> {
        self.messages.borrow_mut().step(Instant::now())
    }

    /// What the session says of a signal.
    pub fn told(&self, signal: &Signal) -> Element {
        match signal {
            Signal::Im(message) => {
                self.conversations.borrow_mut().heard(message);
                form::im::read_im(message, self.wants.borrow().extended_im)
            }
            Signal::ImFailed(failure) => form::im::error_im(failure),
            Signal::Iq(iq) => form::im::iq_read(iq),
        }
    }
}

impl Drop for Signaling {
    /// However the session ended: nothing more is put in, and who holds the inbox learns it.
    fn drop(&mut self) {
        self.unbind();
        self.inbox.close();
    }
}
