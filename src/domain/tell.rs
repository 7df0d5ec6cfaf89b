//! The one place where a message is sent without waiting.
//!
//! actix queues such messages without bound, so only what is bounded at its source may go this way: a wake-up of
//! which at most one is under way, a request that holds one of a bounded number of permits, the end of something.

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Handler, Message, Recipient};

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
