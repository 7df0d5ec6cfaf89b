//! The one place where a message is sent without waiting.
//!
//! actix queues such messages without bound, so only what is bounded at its source may go this way: a wake-up of
//! which at most one is under way, a request that holds one of a bounded number of permits, the end of something.

use crate::model::fault::{Fault, Outcome};
use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, Recipient, WeakRecipient};

/// Tells an actor something; an actor that is gone does not hear it.
#[allow(clippy::disallowed_methods)]
pub fn tell<A, M>(to: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    to.do_send(message);
}

/// Tells whoever takes this message.
#[allow(clippy::disallowed_methods)]
pub fn tell_recipient<M>(to: &Recipient<M>, message: M)
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    to.do_send(message);
}

/// A way to an actor for one kind of message. It does not keep the actor, and a session that lies still has many of
/// them: a `Recipient` costs 130 bytes, this 30.
pub struct Line<M>(WeakRecipient<M>)
where
    M: Message + Send + 'static,
    M::Result: Send;

impl<M> Line<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    /// The line to this actor.
    pub fn to<A>(actor: &Addr<A>) -> Self
    where
        A: Actor + Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        Self(actor.downgrade().recipient())
    }

    /// Tells the actor something; one that is gone does not hear it.
    pub fn tell(&self, message: M) {
        if let Some(actor) = self.0.upgrade() {
            tell_recipient(&actor, message);
        }
    }

    /// Asks the actor something. A fault when it is gone.
    pub async fn ask(&self, message: M) -> Outcome<M::Result> {
        let actor = self.0.upgrade().ok_or_else(Fault::closed)?;
        actor.send(message).await.map_err(|_| Fault::closed())
    }
}

impl<M> Clone for Line<M>
where
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
