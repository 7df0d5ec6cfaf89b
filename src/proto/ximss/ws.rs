//! XIMSS over WebSocket: one text frame, one XML document, both ways.
//!
//! A session that began on a WebSocket (`/ximss/ws`) outlives it by its idle time: an HTTP login with its ID as
//! `sessionid`, its other session URLs, or a new WebSocket at `/Session/<id>/ws` go on with it. What was not yet sent when
//! the WebSocket was lost waits for them; what was sent and did not arrive is lost, as it would be on TCP. A session
//! has one such reader at a time: a new one takes the place of the old, which is closed.
//!
//! Before login each request is answered before the next is read; after it, up to `waiting_requests` may wait. Binary
//! frames, and before login messages past the limit, close the connection with a code that says so; after login a message
//! past the limit is passed over and refused. Scripts of other sites may connect only from `allowed_origins`.
//! Spec: contract, "Addresses on the web port"; RFC 6455.

pub mod frames;
mod socket;

use super::desk::{After, Wishes};
use super::entrance::Entrance;
use super::http::Binding;
use super::outbox::Outbox;
use super::session::{ConnectionGone, Enter, Incoming, Session};
use super::tcp::parse;
use crate::domain::house::House;
use crate::domain::sessions::Kind;
use crate::domain::tell::tell;
use crate::model::fault::{Fault, Outcome};
use crate::xml::Element;
use actix::Addr;
use actix_web::http::{StatusCode, Uri, header};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use socket::{Gone, Heard, Reason, Socket};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

fn too_long() -> Outcome<Element> {
    Err(Fault::bad("message is too long"))
}

fn refused(status: StatusCode, text: &str) -> HttpResponse {
    HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(format!("{text}\n"))
}

/// Answers `/ximss/ws`: a client that has yet to log in.
pub async fn begin(request: HttpRequest, payload: web::Payload, binding: web::Data<Binding>) -> HttpResponse {
    let binding = binding.into_inner();
    let Some(client) = binding.client(&request) else { return refused(StatusCode::BAD_REQUEST, "who are you") };
    if let Err(fault) = client.check(&binding.house) {
        return refused(StatusCode::FORBIDDEN, &fault.text);
    }
    if !is_welcome(&request, binding.allowed_origins()) {
        return refused(StatusCode::FORBIDDEN, "this origin is not among allowed_origins");
    }
    let settings = binding.house.settings();
    let limits = &settings.limits;
    let Some(place) = binding.places.enter(client.peer().address, limits.sessions_per_address) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many connections from this address");
    };
    let (response, socket) = match Socket::open(&request, payload, limits.message_before_login) {
        Ok(opened) => opened,
        Err(refused) => return *refused,
    };
    let outbox = Outbox::patient(limits.unread_output, Duration::from_secs(limits.idle_time));
    let session = Session::open(binding.house.clone(), client.peer(), client.way(Wishes::NONE), outbox.clone());
    actix::spawn(async move {
        let mut stranger = Stranger { house: binding.house.clone(), socket, session, outbox };
        match stranger.talk().await {
            End::LoggedIn(url_id, entrance) => {
                entrance.keep(&binding.house, place);
                binding.enter_new(&url_id, &entrance);
                stay(&binding.house, stranger.socket, &entrance).await;
            }
            ended => {
                tell(&stranger.session, ConnectionGone);
                if let End::Close(reason) = ended {
                    stranger.socket.close(reason).await;
                }
            }
        }
    });
    response
}

/// Answers `/Session/<id>/ws`: a client that goes on with a session.
pub fn resume(request: &HttpRequest, payload: web::Payload, binding: Arc<Binding>, entrance: Arc<Entrance>) -> HttpResponse {
    if entrance.kind() == Kind::Connection {
        return refused(StatusCode::CONFLICT, "the session has a connection of its own");
    }
    if !is_welcome(request, binding.allowed_origins()) {
        return refused(StatusCode::FORBIDDEN, "this origin is not among allowed_origins");
    }
    match Socket::open(request, payload, binding.house.settings().limits.message) {
        Ok((response, socket)) => {
            actix::spawn(async move { stay(&binding.house, socket, &entrance).await });
            response
        }
        Err(refused) => *refused,
    }
}

/// Whether a script of the page that asks may connect. Programs that are no browsers name no origin.
fn is_welcome(request: &HttpRequest, allowed: &[String]) -> bool {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = request.headers().get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let own = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    let is_own = own.zip(text(header::HOST)).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host));
    is_own || allowed.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
}

/// A client before login.
struct Stranger {
    house: Arc<House>,
    socket: Socket,
    session: Addr<Session>,
    outbox: Outbox,
}

/// How the time before login ended.
enum End {
    LoggedIn(String, Arc<Entrance>),
    Close(Reason),
    Gone,
}

impl Stranger {
    async fn talk(&mut self) -> End {
        loop {
            let heard = tokio::select! {
                biased;
                said = self.outbox.take() => match said {
                    Some(messages) => match self.socket.say(messages).await {
                        Ok(()) => continue,
                        Err(Gone) => return End::Gone,
                    },
                    None => return End::Close(Reason::SessionEnded),
                },
                heard = self.socket.next(true) => heard,
            };
            let asked = match heard {
                Heard::Document(document) => self.ask(parse(&self.house, without_zero(document)).await).await,
                Heard::TooLong => match self.ask(too_long()).await {
                    Ok(_) => return End::Close(Reason::TooLong),
                    gone => gone,
                },
                Heard::Close(reason) => return End::Close(reason),
                Heard::Gone => return End::Gone,
            };
            match asked {
                Ok(Some(After::LoggedIn)) => match self.session.send(Enter).await {
                    Ok(Some(entry)) => {
                        self.socket.set_most(self.house.settings().limits.message);
                        return End::LoggedIn(entry.url_id, entry.entrance);
                    }
                    _ => return End::Close(Reason::SessionEnded),
                },
                Ok(Some(_)) => {}
                Ok(None) => return End::Close(Reason::SessionEnded),
                Err(Gone) => return End::Gone,
            }
        }
    }

    /// Has one request answered, sending what the session says meanwhile. None when the session has ended.
    async fn ask(&mut self, message: Outcome<Element>) -> Result<Option<After>, Gone> {
        let answered = self.session.send(Incoming { message, place: None, answers: None });
        tokio::pin!(answered);
        loop {
            tokio::select! {
                biased;
                said = self.outbox.take() => match said {
                    Some(messages) => self.socket.say(messages).await?,
                    None => return Ok(answered.await.ok().filter(|_| false)),
                },
                after = &mut answered => {
                    // What it has said up to here.
                    if let Some(messages) = futures_util::FutureExt::now_or_never(self.outbox.take()).flatten() {
                        self.socket.say(messages).await?;
                    }
                    return Ok(after.ok());
                }
            }
        }
    }
}

/// Clients that know the TCP form end their messages with a zero.
fn without_zero(mut document: BytesMut) -> BytesMut {
    if document.last() == Some(&0) {
        document.truncate(document.len() - 1);
    }
    document
}

/// Carries a session until the WebSocket is lost, the session ends, or another reader comes.
async fn stay(house: &Arc<House>, mut socket: Socket, entrance: &Arc<Entrance>) {
    let mut unsent = VecDeque::new();
    let ended = carry(house, &mut socket, entrance, &mut unsent).await;
    entrance.put_back(house, unsent);
    if let Err(reason) = ended {
        socket.close(reason).await;
    }
}

/// The end is a reason to close the connection, or that it is gone; what was not sent is left in `unsent`.
async fn carry(house: &Arc<House>, socket: &mut Socket, entrance: &Entrance, unsent: &mut VecDeque<Bytes>) -> Result<Gone, Reason> {
    let mut reader = entrance.reader(house);
    let _reading = reader.begin().await.ok_or(Reason::Displaced)?;
    *unsent = entrance.take_over(house);
    entrance.touch();
    let mut place = None;
    loop {
        while let Some(message) = unsent.front().cloned() {
            tokio::select! {
                biased;
                sent = socket.send(message) => match sent {
                    Ok(()) => drop(unsent.pop_front()),
                    Err(gone) => return Ok(gone),
                },
                () = reader.displaced() => return Err(Reason::Displaced),
            }
        }
        tokio::select! {
            biased;
            () = reader.displaced() => return Err(Reason::Displaced),
            said = entrance.outbox().take() => unsent.extend(said.ok_or(Reason::SessionEnded)?.into_iter().map(|message| message.into_bytes())),
            free = entrance.place(house), if place.is_none() => place = Some(free.ok_or(Reason::SessionEnded)?),
            heard = socket.next(false), if place.is_some() => {
                let message = match heard {
                    Heard::Document(document) => parse(house, without_zero(document)).await,
                    Heard::TooLong => too_long(),
                    Heard::Close(reason) => return Err(reason),
                    Heard::Gone => return Ok(Gone),
                };
                // Bounded: each request holds one of a fixed number of places.
                tell(entrance.session(), Incoming { message, place: place.take(), answers: None });
            }
        }
    }
}
