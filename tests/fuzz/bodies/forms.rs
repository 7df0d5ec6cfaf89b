//! What a login over HTTP is made of: a query, a form or XML in the body, an `Authorization` header, cookies. Any bytes
//! are read or refused, and what goes on from here is a request that could have come as XML.

use posthouse::proto::net::{basic, cookies};
use posthouse::proto::ximss::entrance::numbering::{Manner, Number};
use posthouse::proto::ximss::http::batch;
use posthouse::proto::ximss::http::parameters::Parameters;
use posthouse::xml::read::{Limits, document};
use posthouse::xml::write::to_bytes;

/// The body of the target: a query, behind a zero a header, behind another the body of the request.
pub fn run(bytes: &[u8]) {
    let mut pieces = bytes.splitn(3, |byte| *byte == 0);
    let (query, header, body) = (pieces.next().unwrap_or_default(), pieces.next().unwrap_or_default(), pieces.next().unwrap_or_default());
    let parameters = Parameters::read(&String::from_utf8_lossy(query)).and(Parameters::read(&String::from_utf8_lossy(body)));
    assert!(parameters.wait().as_secs() <= 60);
    let _ = (parameters.wishes(), parameters.get("sessionid"), parameters.is_set("errorAsXML"));
    let _ = parameters.get("reqSeq").map(|number| Number::new(Manner::Sync, number));
    let generous = Limits { attribute_bytes: usize::MAX, ..Limits::default() };
    if let Some(login) = parameters.login(basic::credentials(header)) {
        let again = document(&to_bytes(&login), &generous).expect("what is made is XML");
        assert_eq!(again.name, "login");
        assert!(again.elements().next().is_none());
    }
    assert!(cookies::values(std::iter::once(header)).all(|value| !value.contains(';')));
    for request in batch::requests(body, &Limits::default()).into_iter().flatten() {
        assert_eq!(document(&to_bytes(&request), &generous).as_ref(), Ok(&request));
    }
}
