//! The calls of a session: `/Session/<id>/sync`, `async`, the poll, and the WebSocket that takes a session up again.
//!
//! Spec: XIMSS companion 2.2 (session URL, numbering, lost session).

use super::answer;
use super::parameters::Parameters;
use super::{Binding, batch};
use crate::model::fault::Fault;
use crate::proto::net::unread::discard;
use crate::proto::ximss::entrance::answers::{Answers, Hearing};
use crate::proto::ximss::entrance::numbering::{Manner, Number};
use crate::proto::ximss::entrance::{Entrance, Polled, Turn};
use crate::proto::ximss::session::response;
use crate::proto::ximss::ws;
use crate::xml::Element;
use crate::xml::write::to_bytes;
use actix_web::guard::GuardContext;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use std::sync::Arc;

/// Requests of one batch.
const MOST_REQUESTS: usize = 1_024;

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Requests, answered in the answer.
    Sync,
    /// Requests, answered by the polls.
    Async,
    /// What the session says.
    Poll,
    /// A WebSocket that goes on with the session.
    WebSocket,
}

/// Reads the path of a URL as it was sent: the session's ID and the call; None where it is something else.
pub fn read(path: &str) -> Option<(String, Call)> {
    let mut segments = path.strip_prefix('/')?.split('/');
    if !segments.next()?.eq_ignore_ascii_case("Session") {
        return None;
    }
    let session = percent_decode_str(segments.next().filter(|id| !id.is_empty())?).decode_utf8_lossy().into_owned();
    let call = match segments.next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "sync" => Call::Sync,
        "async" => Call::Async,
        "" | "get" => Call::Poll,
        "ws" => Call::WebSocket,
        _ => return None,
    };
    segments.all(str::is_empty).then_some((session, call))
}

/// True for requests that `serve` answers.
pub fn are_these(request: &GuardContext<'_>) -> bool {
    read(request.head().uri.path()).is_some()
}

/// Answers a call.
pub async fn serve(request: HttpRequest, payload: web::Payload, binding: web::Data<Binding>) -> HttpResponse {
    let Some((id, call)) = read(request.uri().path()) else { return answer::closed() };
    match *request.method() {
        Method::GET | Method::POST => {}
        Method::OPTIONS => return answer::methods(StatusCode::NO_CONTENT),
        _ => return answer::methods(StatusCode::METHOD_NOT_ALLOWED),
    }
    let binding = binding.into_inner();
    let Some(entrance) = binding.enter(&request, &id) else {
        discard(payload, most(&binding)).await;
        return answer::closed();
    };
    let parameters = Parameters::read(request.query_string());
    match call {
        Call::Poll => poll(&binding, &entrance, &parameters).await,
        Call::Sync | Call::Async => {
            let asked = execute(&binding, &entrance, payload, &parameters, call).await;
            asked.unwrap_or_else(|(status, fault)| answer::refused(status, &fault))
        }
        Call::WebSocket => ws::resume(&request, payload, binding, entrance),
    }
}

/// Bytes that a body may have.
fn most(binding: &Binding) -> usize {
    binding.house.settings().limits.message
}

async fn poll(binding: &Binding, entrance: &Entrance, parameters: &Parameters) -> HttpResponse {
    let ack = match parameters.get("ackSeq").map(|text| text.trim().parse::<u64>()) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => return answer::refused(StatusCode::BAD_REQUEST, &Fault::incorrect("ackSeq")),
    };
    match entrance.poll(&binding.house, ack, parameters.wait()).await {
        Polled::Batch(batch) => answer::batch(&batch),
        Polled::Nothing => answer::nothing(),
        Polled::Ended => answer::closed(),
    }
}

async fn execute(
    binding: &Binding,
    entrance: &Arc<Entrance>,
    payload: web::Payload,
    parameters: &Parameters,
    call: Call,
) -> Result<HttpResponse, batch::Refused> {
    let manner = if call == Call::Async { Manner::Async } else { Manner::Sync };
    let incorrect = || (StatusCode::BAD_REQUEST, Fault::incorrect("reqSeq"));
    let number = parameters.get("reqSeq").map(|text| Number::new(manner, text).ok_or_else(incorrect)).transpose()?;
    if let Some(kept) = number.as_ref().and_then(|number| entrance.seen(&binding.house, number)) {
        discard(payload, most(binding)).await;
        return Ok(if call == Call::Async { answer::accepted() } else { hear(entrance, &kept).await });
    }
    let Some(turn) = entrance.turn(&binding.house).await else { return Ok(answer::closed()) };
    let body = batch::receive(payload, most(binding)).await?;
    let requests = batch::read(&binding.house, body, MOST_REQUESTS).await?;
    if call == Call::Async {
        if entrance.has_ended() {
            return Ok(answer::closed());
        }
        entrance.queue(&binding.house, turn, number, requests);
        return Ok(answer::accepted());
    }
    let notices = parameters.is_set("syncAsync");
    Ok(ask(binding, entrance, turn, (number, requests), notices).await)
}

async fn ask(
    binding: &Binding,
    entrance: &Arc<Entrance>,
    turn: Turn,
    (number, requests): (Option<Number>, Vec<Element>),
    notices: bool,
) -> HttpResponse {
    let answers = entrance.execute(&binding.house, turn, number, requests, notices);
    // From the first: nothing has been awaited since they began to be made.
    hear(entrance, &answers).await
}

async fn hear(entrance: &Entrance, answers: &Arc<Answers>) -> HttpResponse {
    match answers.listen().await {
        Hearing::All(messages) if messages.is_empty() && entrance.has_ended() => answer::closed(),
        Hearing::All(messages) => answer::messages(&messages),
        Hearing::Long(audience) => answer::as_they_come(audience, answers.is_secret()),
        Hearing::SessionEnded => answer::closed(),
        Hearing::Gone => {
            let lost = Err(Fault::new(512, "the answer was too long to be kept"));
            let one = |id: &Option<String>| Bytes::from(to_bytes(&response(id.as_deref(), &lost)));
            answer::messages(&answers.ids().iter().map(one).collect::<Vec<_>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn calls_are_read_in_all_spellings() {
        let call = |path: &str| read(path).filter(|(id, _)| id == "1-x").map(|(_, call)| call);
        assert_eq!([call("/Session/1-x/sync"), call("/session/1%2Dx/SYNC")], [Some(Call::Sync); 2]);
        assert_eq!(call("/Session/1-x/async"), Some(Call::Async));
        assert_eq!(["", "/", "/get", "/get/"].map(|rest| call(&format!("/Session/1-x{rest}"))), [Some(Call::Poll); 4]);
        assert_eq!(call("/Session/1-x/ws"), Some(Call::WebSocket));
        for other in ["/Session/1-x/MIME/a/1-B", "/Session/1-x/sync/x", "/Session/1-x/KILL", "/Session/", "/Session", "/", "/Sessions/1-x"]
        {
            assert!(read(other).is_none(), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_path_has_an_answer(path in "/Session/\\PC{0,20}|\\PC{0,20}") {
            let _ = read(&path);
        }
    }
}
