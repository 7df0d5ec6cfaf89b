//! The stages of a call at which the callee's rules have a say, and what they may say.
//!
//! The fork asks at each stage that the rules have named: before anything rings, after so many seconds of ringing, when
//! nobody has answered in time, when all are busy, when it fails otherwise. Whoever knows the rules answers with a
//! [`Verdict`]; without rules the call goes its way. A stage is asked at once at most for each callee, and what is asked
//! later can only become less, so that rules end.
//! Spec: XIMSS, "Rules" (signal rules: their stages and actions).

use super::fork::Invitation;
use crate::model::call::CallTarget;
use crate::model::names::AccountAddress;
use crate::model::signal::SignalFailure;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How long a callee's devices ring before it counts as no answer, where its rules ask for that stage.
pub const NO_ANSWER: Duration = Duration::from_secs(60);

/// A stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Somebody calls; nothing rings yet.
    Incoming,
    /// It has rung for so many seconds, 1 to 899; at once where the callee has no device.
    Ringing(u16),
    /// It has rung for [`NO_ANSWER`], or nothing was there to ring.
    NoAnswer,
    /// All devices are busy.
    Busy,
    /// It fails in another way.
    Failed,
}

impl Stage {
    /// The number that rules know the stage by.
    pub fn number(self) -> u16 {
        match self {
            Self::Incoming => 0,
            Self::Ringing(seconds) => seconds,
            Self::NoAnswer => 995,
            Self::Busy => 997,
            Self::Failed => 999,
        }
    }

    /// The stage of a number.
    pub fn of_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Incoming),
            1..900 => Some(Self::Ringing(number)),
            995 => Some(Self::NoAnswer),
            997 => Some(Self::Busy),
            999 => Some(Self::Failed),
            _ => None,
        }
    }

    /// How long after the first ringing it comes by itself.
    pub(super) fn due(self) -> Option<Duration> {
        match self {
            Self::Ringing(seconds) => Some(Duration::from_secs(seconds.into())),
            Self::NoAnswer => Some(NO_ANSWER),
            _ => None,
        }
    }
}

/// A callee and a stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Point {
    /// Whose rules are asked.
    pub callee: AccountAddress,
    /// At which stage.
    pub stage: Stage,
}

/// What the rules are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who, and when.
    pub point: Point,
    /// Who calls, and with what.
    pub invitation: Invitation,
    /// Why it fails, at the stages of its end.
    pub failure: Option<SignalFailure>,
}

/// What is to become of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It goes on.
    Continue,
    /// The callee does not take it.
    Reject(SignalFailure),
    /// These are rung in the callee's place.
    Redirect(Vec<CallTarget>),
    /// These are rung, too.
    Fork(Vec<CallTarget>),
}

/// What the rules answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is to become of the call.
    pub decision: Decision,
    /// The stages at which they want to be asked. At [`Stage::Incoming`] they name all of them; later they can only take
    /// some away; None leaves them as they are.
    pub ask_at: Option<Vec<Stage>>,
}

impl Verdict {
    /// The call goes on, and nobody wants to be asked again.
    pub fn none() -> Self {
        Self { decision: Decision::Continue, ask_at: Some(Vec::new()) }
    }
}

/// Whoever knows the callees' rules.
pub trait CallRules: Send + Sync {
    /// What the rules say; None where the callee has none, which costs the call nothing. One that takes too long is not
    /// waited for: the call goes on.
    fn decide(&self, question: &Question) -> Option<BoxFuture<'static, Verdict>>;
}

/// Nobody has rules.
pub struct NoRules;

impl CallRules for NoRules {
    fn decide(&self, _: &Question) -> Option<BoxFuture<'static, Verdict>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_have_numbers() {
        for number in 0..=u16::MAX {
            let known = matches!(number, 0..900 | 995 | 997 | 999);
            assert_eq!(Stage::of_number(number).map(Stage::number), known.then_some(number));
        }
    }
}
