//! `/XIMSSLogin/`: what can be asked before login, and logging in.
//!
//! Two uses, told apart by the first byte of the body: XML with requests, or a form (a query, a body, or both), with an
//! `Authorization: Basic` header in its place or beside it. A conversation in several steps would need a connection, so a
//! mechanism that asks back works as far as the client has sent its answers along in the same body. A form with a
//! `sessionid` takes up a live session of that user again, whatever it came in by: same ID, numbers from the start;
//! `killOld` does not count there, and the name may be missing. The `session` message stands first in an answer.
//! Spec: XIMSS companion 2.2 (pre-login and login URL).

use super::answer;
use super::parameters::Parameters;
use super::{Binding, Client, batch};
use crate::domain::sessions::{Reach, digest};
use crate::domain::tell::tell;
use crate::model::fault::{Fault, Outcome};
use crate::model::names::AccountRef;
use crate::proto::net::basic::credentials;
use crate::proto::net::cookies;
use crate::proto::ximss::desk::{After, Wishes};
use crate::proto::ximss::entrance::answers::Hearing;
use crate::proto::ximss::outbox::{AnswersTo, Outbox, Outgoing};
use crate::proto::ximss::session::{ConnectionGone, Enter, Entry, Incoming, Session, response};
use crate::xml::Element;
use crate::xml::read::{Limits, document};
use actix::Addr;
use actix_web::guard::GuardContext;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Requests of one body.
const MOST_REQUESTS: usize = 16;

/// True for the path of this URL, as it was sent.
pub fn is_path(path: &str) -> bool {
    path.trim_matches('/').eq_ignore_ascii_case("XIMSSLogin")
}

/// True for requests that `serve` answers.
pub fn is_this(request: &GuardContext<'_>) -> bool {
    is_path(request.head().uri.path())
}

/// Answers a request for this URL.
pub async fn serve(request: HttpRequest, payload: web::Payload, binding: web::Data<Binding>) -> HttpResponse {
    match *request.method() {
        Method::GET | Method::POST => {}
        Method::OPTIONS => return answer::methods(StatusCode::NO_CONTENT),
        _ => return answer::methods(StatusCode::METHOD_NOT_ALLOWED),
    }
    let binding = binding.into_inner();
    let Some(client) = binding.client(&request) else { return answer::closed() };
    if let Err(fault) = client.check(&binding.house) {
        return answer::refused(StatusCode::FORBIDDEN, &fault);
    }
    let patience = Duration::from_secs(binding.house.settings().limits.login_time);
    let answered = timeout(patience, begin(&binding, client, &request, payload)).await;
    let late = || Err((StatusCode::REQUEST_TIMEOUT, Fault::bad("the login took too long")));
    answered.unwrap_or_else(|_| late()).unwrap_or_else(|(status, fault)| answer::refused(status, &fault))
}

async fn begin(
    binding: &Arc<Binding>,
    client: Client,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, batch::Refused> {
    let body = batch::receive(payload, binding.house.settings().limits.message_before_login).await?;
    let query = Parameters::read(request.query_string());
    if body.trim_ascii_start().first() == Some(&b'<') {
        let requests = batch::read(&binding.house, body, MOST_REQUESTS).await?;
        let Ran { answers, entry } = run(binding, client, query.wishes(), requests).await?;
        return Ok(with_cookie(answer::messages(&answers), entry.as_ref(), client.secure));
    }
    let parameters = query.and(Parameters::read(&String::from_utf8_lossy(&body)));
    let done = match parameters.get("sessionid") {
        Some(id) => take_up(binding, request, &parameters, id).await,
        None => {
            let basic = request.headers().get(header::AUTHORIZATION).and_then(|value| credentials(value.as_bytes()));
            log_in(binding, client, &parameters, parameters.login(basic)).await?
        }
    };
    Ok(match done {
        Ok((answers, entry)) => with_cookie(answer::messages(&answers), entry.as_ref(), client.secure),
        Err(fault) if parameters.is_set("errorAsXML") => answer::refused(StatusCode::OK, &fault),
        Err(fault) => unauthorized(request, &fault),
    })
}

/// The messages of a login that succeeded, and the way into its session if it is new.
type LoggedIn = (Vec<Bytes>, Option<Entry>);

async fn log_in(
    binding: &Arc<Binding>,
    client: Client,
    parameters: &Parameters,
    login: Option<Element>,
) -> Result<Outcome<LoggedIn>, batch::Refused> {
    let Some(login) = login else { return Ok(Err(Fault::missing("userName"))) };
    let Ran { answers, entry } = run(binding, client, parameters.wishes(), vec![login]).await?;
    Ok(match entry {
        Some(entry) => Ok((answers, Some(entry))),
        None => Err(refusal(&answers)),
    })
}

/// The fault that a response tells.
fn refusal(answers: &[Bytes]) -> Fault {
    let response = answers.last().and_then(|answer| document(answer, &Limits::default()).ok());
    let fault = response.and_then(|response| {
        let number = response.get("errorNum")?.parse().ok()?;
        Some(Fault::new(number, response.get("errorText")?.to_owned()))
    });
    fault.unwrap_or_else(Fault::closed)
}

/// Takes up a live session again: gives what `readSession` says in it.
async fn take_up(binding: &Arc<Binding>, request: &HttpRequest, parameters: &Parameters, id: &str) -> Outcome<LoggedIn> {
    // The same answer for a wrong ID, a wrong name and a wrong place.
    let reach = binding.house.sessions.find(id).filter(|reach| is_of(reach, binding, parameters.get("userName")));
    let entrance = reach.and_then(|_| binding.enter(request, id)).ok_or_else(Fault::wrong_password)?;
    entrance.restart(&binding.house);
    let turn = entrance.turn(&binding.house).await.ok_or_else(Fault::closed)?;
    let answers = entrance.execute(&binding.house, turn, None, vec![Element::new("readSession")], false);
    match answers.listen().await {
        Hearing::All(messages) => Ok((messages, None)),
        Hearing::Long(_) | Hearing::Gone | Hearing::SessionEnded => Err(Fault::closed()),
    }
}

fn is_of(reach: &Reach, binding: &Binding, name: Option<&str>) -> bool {
    let settings = binding.house.settings();
    name.is_none_or(|name| {
        name.parse::<AccountRef>().is_ok_and(|name| {
            [&settings.domain, &reach.caller.address.domain].iter().any(|domain| name.clone().within(domain) == reach.caller.address)
        })
    })
}

/// What came of requests before login.
struct Ran {
    answers: Vec<Bytes>,
    entry: Option<Entry>,
}

/// A session that ends unless somebody has logged in.
struct Trial(Option<Addr<Session>>);

impl Drop for Trial {
    fn drop(&mut self) {
        self.0.iter().for_each(|session| tell(session, ConnectionGone));
    }
}

/// Has requests answered in a session of their own, which stays if one of them logs in.
async fn run(binding: &Arc<Binding>, client: Client, wishes: Wishes, requests: Vec<Element>) -> Result<Ran, batch::Refused> {
    let settings = binding.house.settings();
    let full = || (StatusCode::SERVICE_UNAVAILABLE, Fault::state("too many connections from this address"));
    let place = binding.places.enter(client.peer().address, settings.limits.sessions_per_address).ok_or_else(full)?;
    let outbox = Outbox::patient(settings.limits.unread_output, Duration::from_secs(settings.limits.idle_time));
    let session = Session::open(binding.house.clone(), client.peer(), client.way(wishes), outbox);
    let mut trial = Trial(Some(session.clone()));
    let said = Outbox::new(settings.limits.unread_output);
    let feed = feed(&session, requests, AnswersTo::new(said.clone()));
    let (logged_in, mut answers) = futures_util::future::join(feed, gather(&said)).await;
    let entry = if logged_in { session.send(Enter).await.ok().flatten() } else { None };
    if let Some(entry) = &entry {
        trial.0 = None;
        entry.entrance.keep(&binding.house, place);
        binding.enter_new(&entry.url_id, &entry.entrance);
        // Clients look at what comes first.
        let first = answers.iter().position(|answer| answer.starts_with(b"<session "));
        answers.get_mut(..=first.unwrap_or_default()).into_iter().for_each(|till| till.rotate_right(1));
    }
    Ok(Ran { answers, entry })
}

/// Puts requests before the session one after the other. True when somebody has logged in. What stands behind the login
/// is refused: the session has a URL of its own now.
async fn feed(session: &Addr<Session>, requests: Vec<Element>, answers: AnswersTo) -> bool {
    let mut logged_in = false;
    for request in requests {
        if logged_in {
            let elsewhere = Err(Fault::state("the session has begun: ask at its own URL"));
            // Nobody listens any more where this fails.
            let _ = answers.outbox().answer(&response(request.get("id"), &elsewhere)).await;
            continue;
        }
        match session.send(Incoming { message: Ok(request), place: None, answers: Some(answers.clone()) }).await {
            Ok(After::LoggedIn) => logged_in = true,
            Ok(After::GoOn) => {}
            Ok(After::Close | After::StartTls) | Err(_) => break,
        }
    }
    logged_in
}

async fn gather(said: &Outbox) -> Vec<Bytes> {
    let mut all = Vec::new();
    while let Some(messages) = said.take().await {
        all.extend(messages.into_iter().map(Outgoing::into_bytes));
    }
    all
}

fn with_cookie(mut response: HttpResponse, entry: Option<&Entry>, secure: bool) -> HttpResponse {
    let cookie = entry.and_then(|entry| Some((&entry.url_id, entry.cookie.as_ref()?)));
    if let Some((id, value)) = cookie {
        // Sessions that share a browser have each their own.
        let name: String = URL_SAFE_NO_PAD.encode(digest(id)).chars().take(12).collect();
        if let Ok(value) = HeaderValue::from_str(&cookies::set(&format!("posthouse-{name}"), value, secure)) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

/// The answer to a login that failed. Browsers ask their user only where the credentials came in a header.
fn unauthorized(request: &HttpRequest, fault: &Fault) -> HttpResponse {
    let challenge = match request.headers().contains_key(header::AUTHORIZATION) {
        true => "Basic realm=\"Posthouse\", charset=\"UTF-8\"",
        false => "XIMSS realm=\"Posthouse\"",
    };
    HttpResponse::Unauthorized()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::WWW_AUTHENTICATE, challenge))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(format!("{}\n", fault.text))
}
