//! Who may look behind the counter: this machine itself, and administrators who show their password (HTTP Basic).
//!
//! Passwords are taken only where the configuration takes them in clear text, or over TLS; failures count like failed
//! logins anywhere. Spec: RFC 7617.

use super::refusal;
use super::server::Web;
use crate::domain::auth::{self, Claim, Use};
use crate::model::fault::{Fault, Outcome};
use crate::model::time::Timestamp;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Lets administrators pass; the others get the answer that is returned.
pub async fn admit(request: &HttpRequest, web: &Web) -> Result<(), HttpResponse> {
    let Some(sender) = web.sender(request) else { return Err(refusal::of(&Fault::denied())) };
    if sender.is_this_machine() {
        return Ok(());
    }
    let settings = web.house.settings();
    if !auth::takes_clear_text(&settings, request.app_config().secure(), sender.address) || sender.relayed {
        return Err(refusal::of(&Fault::denied()));
    }
    let Some((name, password)) = request.headers().get(header::AUTHORIZATION).and_then(|value| basic(value.as_bytes())) else {
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

/// Name and password of an `Authorization: Basic` header.
fn basic(value: &[u8]) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = value.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let decoded = Zeroizing::new(STANDARD.decode(encoded.trim_ascii()).ok()?);
    let (name, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

fn asked_for_password(fault: &Fault) -> HttpResponse {
    let mut response = refusal::of(fault);
    let challenge = header::HeaderValue::from_static("Basic realm=\"Posthouse\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read() {
        let read = |text: &str| basic(text.as_bytes()).map(|(name, password)| (name, password.to_string()));
        // The example of RFC 7617, and one with a colon in the password.
        assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Some(("Aladdin".into(), "open sesame".into())));
        assert_eq!(read("basic  YTpiOmM="), Some(("a".into(), "b:c".into())));
        assert!(["", "Basic", "Basic ", "Basic !", "Bearer QTpi", "Basic YQ=="].iter().all(|text| read(text).is_none()));
    }
}
