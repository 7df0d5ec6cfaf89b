//! What a client asks inside a call that is connected, and whose end it hears later: keys, informations, transfers.
//!
//! Spec: XIMSS, "Signaling" (callSendDTMF, callSendInfo, callTransfer, callOpCompleted, callOpFailed).

use super::{Leg, State};
use crate::model::call::{CallEvent, CallSignal, Exchange, LegId};
use crate::model::fault::{Fault, Outcome};
use crate::model::signal::SignalFailure;

/// The most operations of a leg that wait for the other end.
const MOST_OPERATIONS: usize = 32;

impl Leg {
    pub(super) fn operate(&mut self, signal: impl FnOnce(Exchange) -> CallSignal) -> Outcome<()> {
        let exchange = self.begin_operation()?;
        self.call(signal(exchange));
        Ok(())
    }

    fn begin_operation(&mut self) -> Outcome<Exchange> {
        self.need(&[State::Connected])?;
        if self.operations.len() >= MOST_OPERATIONS {
            return Err(Fault::state("too many operations of this call are under way"));
        }
        let exchange = self.exchange();
        self.operations.push_back(exchange);
        Ok(exchange)
    }

    /// An exchange for a transfer, which other means may carry, as joining two calls is. One at a time: `callOpFailed` does
    /// not say which of two has failed.
    pub fn begin_transfer(&mut self) -> Outcome<Exchange> {
        if self.transfer.is_some_and(|running| self.operations.contains(&running)) {
            return Err(Fault::state("a transfer of this call is under way"));
        }
        let exchange = self.begin_operation()?;
        self.transfer = Some(exchange);
        Ok(exchange)
    }

    /// The leg belongs to another call from now on. What it has asked of the old one is not answered there.
    pub fn belongs_to(&mut self, id: LegId) {
        self.id = id;
        for _ in std::mem::take(&mut self.operations) {
            self.tell(CallEvent::OpDone(Err(SignalFailure::new(481, "the call was transferred"))));
        }
    }
}
