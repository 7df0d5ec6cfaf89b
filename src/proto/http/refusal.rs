//! What is answered when nothing can be given: a status and one line of text.

use crate::model::fault::Fault;
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};

/// The status of a fault. 550 is the number that clients of XIMSS know a lost session by.
fn status(fault: &Fault) -> StatusCode {
    let number = match fault.number {
        500 if *fault == Fault::internal() => 500,
        500 => 400,
        // The right request at the wrong moment: a folder that is not open.
        501 | 510 => 404,
        511 => 409,
        512 => 507,
        513 => 403,
        515 => 401,
        520 => 502,
        530 => 501,
        550 => 550,
        _ => 500,
    };
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The answer for a fault.
pub fn of(fault: &Fault) -> HttpResponse {
    with(status(fault), &fault.text)
}

/// A status with a line of text.
pub fn with(status: StatusCode, text: &str) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if status.canonical_reason().is_none() {
        // 550 has no reason but ours.
        response.reason("Session Is Closed");
    }
    response.content_type("text/plain; charset=utf-8").insert_header((header::CACHE_CONTROL, "no-store")).body(format!("{text}\n"))
}

/// There is nothing here.
pub fn not_found() -> HttpResponse {
    with(StatusCode::NOT_FOUND, "not found")
}

/// The URL is right, the method is not one of those `allowed`.
pub fn method(allowed: &'static str) -> HttpResponse {
    let mut response = with(StatusCode::METHOD_NOT_ALLOWED, "method is not allowed");
    response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static(allowed));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_of_fault_has_a_status() {
        let of = |fault: Fault| status(&fault).as_u16();
        assert_eq!((of(Fault::no_message()), of(Fault::denied()), of(Fault::incorrect("x"))), (404, 403, 400));
        assert_eq!((of(Fault::closed()), of(Fault::internal()), of(Fault::quota("x"))), (550, 500, 507));
    }
}
