//! The body of a request: `<XIMSS>` with requests in it, whatever its type is said to be. Bounded in bytes, in time
//! and in the number of requests.

use crate::domain::house::House;
use crate::model::fault::{Fault, Outcome};
use crate::proto::ximss::tcp::{LARGE, xml_limits};
use crate::xml::Element;
use crate::xml::element::Node;
use crate::xml::read::{Limits, document};
use actix_web::http::StatusCode;
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::timeout;

/// Bytes around the requests of a batch.
const ENVELOPE: usize = 1 << 10;
/// How long nothing may come before a body is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a body is refused.
pub type Refused = (StatusCode, Fault);

/// Reads a body whose requests may have so many bytes.
pub async fn receive(mut payload: web::Payload, most: usize) -> Result<Bytes, Refused> {
    let mut body = BytesMut::new();
    loop {
        let next = timeout(PATIENCE, payload.next()).await;
        let next = next.map_err(|_| (StatusCode::REQUEST_TIMEOUT, Fault::bad("the request came to a halt")))?;
        match next {
            None => return Ok(body.freeze()),
            Some(Ok(piece)) if body.len() + piece.len() <= most.saturating_add(ENVELOPE) => body.extend_from_slice(&piece),
            Some(Ok(_)) => return Err((StatusCode::PAYLOAD_TOO_LARGE, Fault::bad("message is too long"))),
            Some(Err(_)) => return Err((StatusCode::BAD_REQUEST, Fault::bad("the request broke off"))),
        }
    }
}

/// The requests in a body, at most so many; a large body is parsed on another thread. No body is no requests, and a
/// request that stands alone counts as if it stood in an `XIMSS` element.
pub async fn read(house: &House, body: Bytes, most: usize) -> Result<Vec<Element>, Refused> {
    let limits = xml_limits(&house.settings().limits);
    // The element around them is not theirs.
    let limits = Limits { depth: limits.depth.saturating_add(1), ..limits };
    let parsed = match body.len() > LARGE {
        true => Box::pin(house.store.compute(move || requests(&body, &limits))).await,
        false => requests(&body, &limits),
    };
    let requests = parsed.map_err(|fault| (StatusCode::BAD_REQUEST, fault))?;
    if requests.len() > most {
        return Err((StatusCode::PAYLOAD_TOO_LARGE, Fault::bad("too many requests at once")));
    }
    Ok(requests)
}

/// The requests of a body, in whatever spelling. Faults: what `document` refuses.
pub fn requests(body: &[u8], limits: &Limits) -> Outcome<Vec<Element>> {
    // Clients that know the TCP form end their messages with a zero.
    let body = body.strip_suffix(b"\0").unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let root = document(body, limits)?;
    if !root.name.eq_ignore_ascii_case("XIMSS") {
        return Ok(vec![root]);
    }
    let element = |node| match node {
        Node::Element(element) => Some(element),
        Node::Text(_) => None,
    };
    Ok(root.children.into_iter().filter_map(element).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(body: &str) -> Outcome<Vec<String>> {
        Ok(requests(body.as_bytes(), &Limits::default())?.into_iter().map(|element| element.name).collect())
    }

    #[test]
    fn requests_are_found_in_all_spellings() {
        assert_eq!(names("<XIMSS><noop id=\"1\"/>\n<bye/></XIMSS>").unwrap(), ["noop", "bye"]);
        assert_eq!(names("\u{FEFF}<?xml version=\"1.0\"?>\r\n<ximss><noop/></ximss>\0").unwrap(), ["noop"]);
        assert_eq!(names("<noop/>").unwrap(), ["noop"]);
        assert!(["", " \n", "<XIMSS/>", "\0"].iter().all(|body| names(body).unwrap().is_empty()));
        assert!(["<XIMSS>", "x", "<a/><b/>", "<!DOCTYPE x><XIMSS/>"].iter().all(|body| names(body).is_err()));
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = requests(&body, &Limits::default());
        }
    }
}
