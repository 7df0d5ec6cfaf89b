//! Meetings: a name for what several tasks come together for. Kept on disk with a parameter until their time is over;
//! which task has activated one is known in memory.
//!
//! Spec: XIMSS, "Real-Time Application Management" (taskFindMeeting to taskDeactivateMeeting).

use super::MeetingKey;
use crate::model::fault::{Fault, Outcome};
use crate::model::task::Meeting;
use crate::model::time::Timestamp;
use crate::store::{Read, WriteTx, meetings};

/// How long a meeting is kept after it was made or last activated, in seconds.
const LIFE: i64 = 24 * 3_600;
/// The most meetings of an account.
const MOST_MEETINGS: usize = 200;
/// The most bytes of a name, and of a parameter.
const MOST_NAME: usize = 255;
const MOST_PARAMETER: usize = 16 << 10;

fn no_meeting() -> Fault {
    Fault::not_found("meeting does not exist")
}

fn is_name(text: &str) -> bool {
    text.len() <= MOST_NAME && !text.chars().any(char::is_control)
}

/// Makes a meeting; refused where there is one of the name.
pub fn create(tx: &WriteTx, (account, set, name): &MeetingKey, parameter: Option<&str>, now: Timestamp) -> Outcome<()> {
    if name.is_empty() || !is_name(name) || !is_name(set) {
        return Err(Fault::incorrect("meetingName"));
    }
    if parameter.is_some_and(|text| text.len() > MOST_PARAMETER) {
        return Err(Fault::quota("meeting parameter is too large"));
    }
    if meetings::sweep(tx, *account, now)? >= MOST_MEETINGS {
        return Err(Fault::quota("too many meetings"));
    }
    if meetings::get(tx, *account, set, name)?.is_some() {
        return Err(Fault::exists("meeting already exists"));
    }
    let meeting = Meeting { parameter: parameter.map(str::to_owned), created: now, expires: now.plus(LIFE) };
    meetings::put(tx, *account, set, name, &meeting)
}

/// A meeting whose time is not over.
pub fn find(tx: &dyn Read, (account, set, name): &MeetingKey, now: Timestamp) -> Outcome<Meeting> {
    meetings::get(tx, *account, set, name)?.filter(|meeting| meeting.expires > now).ok_or_else(no_meeting)
}

/// Takes the parameter of a meeting away; the meeting stays.
pub fn clear(tx: &WriteTx, key: &MeetingKey, now: Timestamp) -> Outcome<()> {
    let meeting = find(tx, key, now)?;
    meetings::put(tx, key.0, &key.1, &key.2, &Meeting { parameter: None, ..meeting })
}

/// Removes a meeting.
pub fn remove(tx: &WriteTx, key: &MeetingKey) -> Outcome<()> {
    if meetings::remove(tx, key.0, &key.1, &key.2)? { Ok(()) } else { Err(no_meeting()) }
}

/// Its time begins anew: it is used.
pub fn touch(tx: &WriteTx, key: &MeetingKey, now: Timestamp) -> Outcome<()> {
    let meeting = find(tx, key, now)?;
    meetings::put(tx, key.0, &key.1, &key.2, &Meeting { expires: now.plus(LIFE), ..meeting })
}
