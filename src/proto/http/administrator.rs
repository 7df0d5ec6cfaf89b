//! Who may look behind the counter: this machine itself, and administrators who show their password (HTTP Basic).
//!
//! Passwords are taken only where the configuration takes them in clear text, or over TLS; failures count like failed
//! logins anywhere. Spec: RFC 7617.

use super::refusal;
use super::server::Web;
use crate::domain::auth::{self, Claim, Use};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;
use crate::proto::net::basic::credentials;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Lets administrators pass; the others get the answer that is returned.
pub async fn admit(request: &HttpRequest, web: &Web) -> Result<(), HttpResponse> {
    let Some(sender) = web.sender(request) else { return Err(refusal::of(&Fault::denied())) };
    if sender.is_this_machine() {
        return Ok(());
    }
    let settings = web.house.settings();
    if !auth::takes_clear_text(&settings, web.is_encrypted(request, sender), sender.address) || sender.relayed {
        return Err(refusal::of(&Fault::denied()));
    }
    let Some((name, password)) = request.headers().get(header::AUTHORIZATION).and_then(|value| credentials(value.as_bytes())) else {
        return Err(asked_for_password(&Fault::new(515, "a password is required")));
    };
    match verify(web, name, password, sender.address).await {
        Ok(()) => Ok(()),
        Err(fault) if fault.number == 515 => Err(asked_for_password(&fault)),
        Err(fault) => Err(refusal::of(&fault)),
    }
}

async fn verify(web: &Web, name: String, password: Zeroizing<String>, from: IpAddr) -> Outcome<()> {
    let claim = Claim { name, domain: web.house.settings().domain.clone(), from };
    let verified = auth::verify_password(&web.house, &claim, password, Use::Login).await?;
    let record = web.house.store.write(move |tx| verified.confirm(tx, Use::Login, Timestamp::now())).await?;
    if record.admin { Ok(()) } else { Err(Fault::denied()) }
}

fn asked_for_password(fault: &Fault) -> HttpResponse {
    let mut response = refusal::of(fault);
    let challenge = header::HeaderValue::from_static("Basic realm=\"Posthouse\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
