//! HTTP/2, within bounds: streams, the size and number of their headers, and what is sent ahead. The web framework's own
//! HTTP/2 has no bound for the first three, so that whoever can connect could fill the memory; its handlers are served here
//! by hyper's, which has them all and tells clients of them.
//! Spec: RFC 9113 6.5.2 (settings), 10.5 (denial of service).

use super::watched::Watched;
use crate::proto::net::wire::Ends;
use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::error::PayloadError;
use actix_http::{HttpMessage, Method, Payload, Request, Response, Version};
use actix_service::Service;
use actix_web::http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use actix_web::http::{StatusCode, Uri};
use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::TryStreamExt;
use http_body_util::BodyDataStream;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes that every client begins with (RFC 9113 3.4), its settings apart.
pub(super) const PREFACE: usize = 24;
/// Requests that a client may have under way on a connection; browsers ask for no more at once.
const STREAMS: u32 = 100;
/// Bytes of the headers of a request, counted as RFC 9113 6.5.2 says. HTTP/1 takes a little more.
const HEADER_BYTES: u32 = 64 << 10;
/// Headers of a request, as many as HTTP/1 takes.
const HEADERS: usize = 96;
/// Bytes that a client may send ahead on one stream, and on all streams of a connection.
const WINDOWS: (u32, u32) = (1 << 20, 2 << 20);
/// Bytes of answers that wait for a client, of each stream.
const WAITING: usize = 64 << 10;

/// Runs what a connection has to do on the thread where it is.
#[derive(Clone, Copy)]
struct Here;

impl<F: Future<Output = ()> + 'static> Executor<F> for Here {
    fn execute(&self, work: F) {
        actix::spawn(work);
    }
}

/// Serves a connection until it ends; once `stopping` is done no more requests are taken. A client that has nothing to
/// say is asked after `alive` whether it is still there, and has as long to answer.
pub(super) async fn serve<S, B>(
    wire: Watched,
    peer: Option<SocketAddr>,
    app: Rc<S>,
    alive: Duration,
    stopping: impl Future<Output = ()>,
) -> Result<(), hyper::Error>
where
    S: Service<Request> + 'static,
    S::Response: Into<Response<B>>,
    S::Error: Into<Response<BoxBody>>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    let ends = wire.ends().ok();
    let answer = service_fn(move |request: hyper::Request<Incoming>| {
        let app = app.clone();
        async move {
            let is_head = request.method() == hyper::Method::HEAD;
            let answer = match taken(request, peer, ends) {
                Ok(request) => match app.call(request).await {
                    Ok(answer) => answer.into().map_into_boxed_body(),
                    Err(error) => error.into(),
                },
                Err(status) => Response::new(status),
            };
            given(answer, is_head)
        }
    });
    let mut http = Builder::new(Here);
    http.timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_send_buf_size(WAITING)
        .keep_alive_interval(alive)
        .keep_alive_timeout(alive);
    let mut connection = pin!(http.serve_connection(TokioIo::new(wire), answer));
    match select(connection.as_mut(), pin!(stopping)).await {
        Either::Left((ended, _)) => ended,
        Either::Right(((), _)) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// A request as the handlers take it, what is known of the connection with it; else with what status it is refused.
fn taken(request: hyper::Request<Incoming>, peer: Option<SocketAddr>, ends: Option<Ends>) -> Result<Request, StatusCode> {
    let (said, body) = request.into_parts();
    if said.headers.len() > HEADERS {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    let body = BodyDataStream::new(body).map_err(|error| PayloadError::Io(io::Error::other(error)));
    let mut request = Request::with_payload(Payload::Stream { payload: Box::pin(body) as _ });
    let head = request.head_mut();
    head.method = Method::from_bytes(said.method.as_str().as_bytes()).map_err(|_| StatusCode::METHOD_NOT_ALLOWED)?;
    head.uri = said.uri.to_string().parse::<Uri>().map_err(|_| StatusCode::BAD_REQUEST)?;
    head.version = Version::HTTP_2;
    head.peer_addr = peer;
    // The same names and values, in types of another version.
    for (name, value) in &said.headers {
        let name = HeaderName::from_bytes(name.as_str().as_bytes()).map_err(|_| StatusCode::BAD_REQUEST)?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| StatusCode::BAD_REQUEST)?;
        head.headers.append(name, value);
    }
    if let Some(ends) = ends {
        request.extensions_mut().insert(ends);
    }
    Ok(request)
}

/// An answer as it is sent: without a body to a HEAD, which hears how long it would be.
fn given(answer: Response<BoxBody>, is_head: bool) -> Result<hyper::Response<Answer>, hyper::http::Error> {
    let (head, body) = answer.into_parts();
    let size = body.size();
    let mut given = hyper::Response::builder().status(head.status().as_u16());
    for (name, value) in head.headers().iter().filter(|(name, _)| **name != CONTENT_LENGTH) {
        given = given.header(name.as_str(), value.as_bytes());
    }
    if let BodySize::Sized(bytes) = size {
        given = given.header(CONTENT_LENGTH.as_str(), bytes);
    }
    given.body(Answer(if is_head { None } else { Some(Box::pin(body)) }))
}

/// The body of an answer.
struct Answer(Option<Pin<Box<BoxBody>>>);

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let next = body.as_mut().poll_next(cx);
        next.map(|next| next.map(|piece| piece.map(Frame::data).map_err(|error| io::Error::other(error.to_string()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|body| body.size().is_eof())
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.as_ref().map(|body| body.size()) {
            Some(BodySize::Sized(bytes)) => SizeHint::with_exact(bytes),
            Some(BodySize::Stream) => SizeHint::default(),
            Some(BodySize::None) | None => SizeHint::with_exact(0),
        }
    }
}
