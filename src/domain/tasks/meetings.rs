//! Meetings: a name for what several tasks come together for. Kept on disk with a parameter until their time is over;
//! which task has activated one is known in memory.
//!
//! Spec: XIMSS, "Real-Time Application Management" (taskFindMeeting to taskDeactivateMeeting).

use super::MeetingKey;
use crate::domain::house::House;
use crate::model::fault::{Fault, Outcome};
use crate::model::task::{Meeting, TaskId};
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

/// What is to become of a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeetingChange {
    /// It is made, with this parameter.
    Create(Option<String>),
    /// Who finds it finds the task that asks for this.
    Activate,
    /// Who finds it finds no task.
    Deactivate,
    /// Its parameter and its task are taken away; it stays.
    Clear,
    /// It is removed.
    Remove,
}

/// Changes a meeting: what is kept of it first, then which task is active in it. `task`: who asks, to activate it.
pub async fn change(house: &House, key: MeetingKey, change: MeetingChange, task: Option<TaskId>) -> Outcome<()> {
    let (store, now, asked) = (&house.store, Timestamp::now(), key.clone());
    match change {
        MeetingChange::Create(parameter) => return store.write(move |tx| create(tx, &asked, parameter.as_deref(), now)).await,
        MeetingChange::Activate => {
            let (tasks, task) = (house.tasks.clone(), task.ok_or_else(Fault::internal)?);
            let touched = store.write(move |tx| {
                find(tx, &asked, now)?;
                // Only a meeting that is used lives longer.
                tasks.may_activate(&asked, task)?;
                touch(tx, &asked, now)
            });
            touched.await?;
            return house.tasks.activate(key, task);
        }
        MeetingChange::Deactivate => store.read(move |tx| find(tx, &asked, now)).await.map(drop)?,
        MeetingChange::Clear => store.write(move |tx| clear(tx, &asked, now)).await?,
        MeetingChange::Remove => store.write(move |tx| remove(tx, &asked)).await?,
    }
    house.tasks.deactivate(&key);
    Ok(())
}

/// Makes a meeting; refused where there is one of the name.
fn create(tx: &WriteTx, (account, set, name): &MeetingKey, parameter: Option<&str>, now: Timestamp) -> Outcome<()> {
    if !is_name(set) {
        return Err(Fault::incorrect("meetingSet"));
    }
    if name.is_empty() || !is_name(name) {
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
fn clear(tx: &WriteTx, key: &MeetingKey, now: Timestamp) -> Outcome<()> {
    let meeting = find(tx, key, now)?;
    meetings::put(tx, key.0, &key.1, &key.2, &Meeting { parameter: None, ..meeting })
}

/// Removes a meeting.
fn remove(tx: &WriteTx, key: &MeetingKey) -> Outcome<()> {
    if meetings::remove(tx, key.0, &key.1, &key.2)? { Ok(()) } else { Err(no_meeting()) }
}

/// Its time begins anew: it is used.
fn touch(tx: &WriteTx, key: &MeetingKey, now: Timestamp) -> Outcome<()> {
    let meeting = find(tx, key, now)?;
    meetings::put(tx, key.0, &key.1, &key.2, &Meeting { expires: now.plus(LIFE), ..meeting })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{house, new_account};

    #[actix::test]
    async fn a_refused_activation_does_not_extend_a_meeting() {
        let house = house();
        let account = new_account(&house.store, "alice@example.test").await.account;
        let key: MeetingKey = (account, String::new(), "chess".to_owned());
        change(&house, key.clone(), MeetingChange::Create(None), None).await.unwrap();
        change(&house, key.clone(), MeetingChange::Activate, Some(TaskId(1))).await.unwrap();
        let (old, near) = (key.clone(), Timestamp::now().plus(60));
        let shortened = house.store.write(move |tx| {
            let meeting = find(tx, &old, Timestamp::now())?;
            meetings::put(tx, old.0, &old.1, &old.2, &Meeting { expires: near, ..meeting })
        });
        shortened.await.unwrap();
        let expires = async || {
            let key = key.clone();
            house.store.read(move |tx| find(tx, &key, Timestamp::now())).await.unwrap().expires
        };
        let refused = change(&house, key.clone(), MeetingChange::Activate, Some(TaskId(2))).await;
        assert_eq!((refused, expires().await), (Err(Fault::state("meeting is active already")), near));
        change(&house, key.clone(), MeetingChange::Activate, Some(TaskId(1))).await.unwrap();
        assert!(expires().await > near);
    }

    #[actix::test]
    async fn a_fault_names_what_is_wrong() {
        let house = house();
        let account = new_account(&house.store, "alice@example.test").await.account;
        let made = async |set: &str, name: &str| {
            change(&house, (account, set.to_owned(), name.to_owned()), MeetingChange::Create(None), None).await.unwrap_err()
        };
        let long = "x".repeat(MOST_NAME + 1);
        assert_eq!(made(&long, "chess").await, Fault::incorrect("meetingSet"));
        assert_eq!((made("", &long).await, made("", "").await), (Fault::incorrect("meetingName"), Fault::incorrect("meetingName")));
    }
}
