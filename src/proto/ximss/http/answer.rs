//! What is answered: messages in their `<XIMSS>` element, at once or as they come, and refusals.
//!
//! Answers are compressed where the client takes that, with two exceptions. Short ones gain nothing. And an answer that
//! carries a session's ID is sent as it is: how well a text can be compressed says something about what else is in it,
//! and whoever can put text into an answer (by sending mail) and see its length on the way must not learn an ID so.
//! Parts of messages and files are never compressed: they are sent in ranges.

use crate::model::fault::Fault;
use crate::proto::ximss::entrance::answers::Audience;
use crate::proto::ximss::entrance::numbering::Batch;
use crate::proto::ximss::session::response;
use crate::xml::write::to_bytes;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use futures_util::stream;

/// Answers of fewer bytes are not compressed.
const WORTH_IT: usize = 1 << 10;
const ROOT_END: &[u8] = b"</XIMSS>";

fn begin(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.content_type("text/xml; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

fn root(number: Option<u64>) -> String {
    number.map_or_else(|| "<XIMSS>".to_owned(), |number| format!("<XIMSS respSeq=\"{number}\">"))
}

fn whole(mut response: HttpResponseBuilder, number: Option<u64>, messages: &[Bytes]) -> HttpResponse {
    let mut body = match messages.is_empty() {
        true => b"<XIMSS/>".to_vec(),
        false => root(number).into_bytes(),
    };
    messages.iter().for_each(|message| body.extend_from_slice(message));
    if !messages.is_empty() {
        body.extend_from_slice(ROOT_END);
    }
    let secret = messages.iter().any(|message| message.starts_with(b"<session "));
    if secret || body.len() < WORTH_IT {
        response.insert_header((header::CONTENT_ENCODING, "identity"));
    }
    response.body(body)
}

/// These messages.
pub fn messages(messages: &[Bytes]) -> HttpResponse {
    whole(begin(StatusCode::OK), None, messages)
}

/// A numbered batch of messages.
pub fn batch(batch: &Batch) -> HttpResponse {
    whole(begin(StatusCode::OK), Some(batch.number), &batch.messages)
}

/// No message.
pub fn nothing() -> HttpResponse {
    messages(&[])
}

/// Messages as they come. `secret`: one of them carries the session's ID.
pub fn as_they_come(audience: Audience, secret: bool) -> HttpResponse {
    let mut response = begin(StatusCode::OK);
    if secret {
        response.insert_header((header::CONTENT_ENCODING, "identity"));
    }
    let messages = stream::unfold(Some(audience), |audience| async move {
        let audience = audience?;
        Some(match audience.next().await {
            Ok(Some(message)) => (Ok(message), Some(audience)),
            Ok(None) => (Ok(Bytes::from_static(ROOT_END)), None),
            Err(unheard) => (Err(unheard), None),
        })
    });
    let begin = stream::once(async { Ok(Bytes::from_static(b"<XIMSS>")) });
    response.streaming(futures_util::StreamExt::chain(begin, messages))
}

/// The request was taken; there is nothing to say.
pub fn accepted() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish()
}

/// There is no such session.
pub fn closed() -> HttpResponse {
    let status = StatusCode::from_u16(550).unwrap_or(StatusCode::GONE);
    let mut response = HttpResponse::build(status);
    response.reason("Session Is Closed").content_type("text/plain; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-store"));
    response.insert_header((header::CONTENT_ENCODING, "identity")).body(format!("{}\n", Fault::closed().text))
}

/// A refusal of all that was asked, as a response without id.
pub fn refused(status: StatusCode, fault: &Fault) -> HttpResponse {
    let refusal = Bytes::from(to_bytes(&response(None, &Err(fault.clone()))));
    whole(begin(status), None, &[refusal])
}

/// The methods of a URL, for whoever asks for them or uses another.
pub fn methods(status: StatusCode) -> HttpResponse {
    HttpResponse::build(status).insert_header((header::ALLOW, "GET, POST, OPTIONS")).finish()
}

/// Takes out the mark that has kept an answer from being compressed: it says nothing that a client needs.
pub async fn without_identity<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, actix_web::Error> {
    let mut response = next.call(request).await?;
    let headers = response.headers_mut();
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "identity") {
        headers.remove(header::CONTENT_ENCODING);
    }
    Ok(response)
}
