//! What an operation is: a struct that reads itself from an element and runs.

use super::desk::{After, Desk, Login};
use super::outbox::Outbox;
use crate::domain::access::Caller;
use crate::domain::house::House;
use crate::domain::preferences::Preferences;
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Zone;
use crate::store::Store;
use crate::xml::{Arg, Element, Pen};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

/// When an operation may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Before login only.
    BeforeLogin,
    /// In a session only.
    Session,
    /// Both.
    Always,
}

/// A request: what comes in, typed, and what it does.
pub trait Request: Sized + 'static {
    /// Its name on the wire.
    const NAME: &'static str;
    /// What it does, in one sentence for the reference.
    const DOC: &'static str;
    /// When it may be asked for.
    const PHASE: Phase = Phase::Session;
    /// Its attributes.
    const ARGS: &'static [Arg] = &[];
    /// A body that `read` takes, for the tests that walk the table: XML to stand inside the element.
    const SAMPLE_BODY: &'static str = "";
    /// Wire to types; no effects.
    fn read(element: &Element) -> Outcome<Self>;
    /// The effects. Data messages go out by `cx.send`; the response follows from the result.
    fn run(self, cx: Cx) -> impl Future<Output = Outcome<()>>;
}

/// The answer to come.
pub type Answer = Pin<Box<dyn Future<Output = Outcome<()>>>>;

/// A row of the table of operations.
pub struct Op {
    /// The name on the wire.
    pub name: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// When it may be asked for.
    pub phase: Phase,
    /// Its attributes.
    pub args: &'static [Arg],
    /// A body that `read` takes.
    pub sample_body: &'static str,
    /// Reads and forgets, for the tests that walk the table.
    pub read: fn(&Element) -> Outcome<()>,
    /// Reads and runs.
    pub run: fn(Element, Cx) -> Answer,
}

impl Op {
    /// The row of a request.
    pub const fn of<R: Request>() -> Self {
        Self {
            name: R::NAME,
            doc: R::DOC,
            phase: R::PHASE,
            args: R::ARGS,
            sample_body: R::SAMPLE_BODY,
            read: |element| R::read(element).map(drop),
            run: call::<R>,
        }
    }
}

fn call<R: Request>(element: Element, cx: Cx) -> Answer {
    Box::pin(async move {
        let request = R::read(&element)?;
        // The typed request holds all that is needed; the tree of a large message is let go before the work begins.
        drop(element);
        request.run(cx).await
    })
}

/// All that an operation may touch.
#[derive(Clone)]
pub struct Cx {
    /// The request's id, echoed on everything that answers it.
    pub id: Option<String>,
    /// What the whole server shares.
    pub house: Arc<House>,
    /// What this session has open.
    pub desk: Rc<Desk>,
    /// Where answers go.
    pub outbox: Outbox,
}

impl Cx {
    /// The store.
    pub fn store(&self) -> &Store {
        &self.house.store
    }

    /// Sends a data message of this request; waits while the client has much left to read.
    pub async fn send(&self, message: Element) -> Outcome<()> {
        let message = match &self.id {
            Some(id) => {
                let mut message = message;
                message.attributes.insert(0, ("id".to_owned(), id.clone()));
                message
            }
            None => message,
        };
        self.outbox.answer(&message).await
    }

    /// Begins a long data message of this request, to be sent by [`Cx::send_written`].
    pub fn pen(&self, name: &'static str) -> Pen {
        let mut pen = Pen::begin(name);
        if let Some(id) = &self.id {
            pen.attribute("id", id);
        }
        pen
    }

    /// Sends such a message; waits as [`Cx::send`] does.
    pub async fn send_written(&self, pen: Pen) -> Outcome<()> {
        self.outbox.answer_written(pen.finish()).await
    }

    /// Who is logged in.
    pub fn login(&self) -> Outcome<Rc<Login>> {
        self.desk.login()
    }

    /// On whose behalf the request is made.
    pub fn caller(&self) -> Outcome<Caller> {
        Ok(self.desk.login()?.caller.clone())
    }

    /// The preferences as the session knows them.
    pub fn preferences(&self) -> Rc<Preferences> {
        self.desk.preferences()
    }

    /// The session's time zone.
    pub fn zone(&self) -> Zone {
        self.desk.preferences().zone()
    }

    /// What the transport is to do once the response is on its way.
    pub fn afterwards(&self, after: After) {
        self.desk.set_after(after);
    }

    /// Asks the store a question, on a reading thread.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn crate::store::Read) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        self.house.store.read(question).await
    }

    /// Changes the store; on Ok it is on disk.
    pub async fn write<T, F>(&self, job: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: FnMut(&crate::store::WriteTx) -> Outcome<T> + Send + 'static,
    {
        self.house.store.write(job).await
    }

    /// Prepares on a reading thread, then changes the store with what was prepared; on Ok it is on disk.
    pub async fn prepare_and_write<P, T, F>(
        &self,
        prepare: impl FnOnce(&dyn crate::store::Read) -> Outcome<P> + Send + 'static,
        job: F,
    ) -> Outcome<T>
    where
        P: Send + 'static,
        T: Send + 'static,
        F: FnMut(&crate::store::WriteTx, &P) -> Outcome<T> + Send + 'static,
    {
        self.house.store.prepare_and_write(prepare, job).await
    }
}

/// The body of an element as one trimmed text; refused if it is missing.
pub fn need_body(element: &Element) -> Outcome<String> {
    let body = element.body().trim().to_owned();
    if body.is_empty() { Err(Fault::missing(&element.name)) } else { Ok(body) }
}
