//! The parameters of a login and of the calls of a session: names in any case, unknown ones passed over, the last of a
//! name counts. Passwords and IDs are among them: they are never shown.
//!
//! Spec: XIMSS companion 2.2.

use crate::proto::ximss::desk::Wishes;
use crate::xml::Element;
use actix_web::web::Query;
use std::time::Duration;
use zeroize::Zeroizing;

/// The longest time a poll waits.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Parameters that are looked at.
const MOST: usize = 64;

/// Parameters by name.
pub struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// Those of a query, or of a form's body.
    pub fn read(encoded: &str) -> Self {
        let pairs = Query::<Vec<(String, String)>>::from_query(encoded).map(Query::into_inner).unwrap_or_default();
        Self(pairs.into_iter().take(MOST).map(|(name, value)| (name, Zeroizing::new(value))).collect())
    }

    /// These and more, which count before these.
    pub fn and(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }

    /// A value; None where it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let last = self.0.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name));
        last.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether something is wished for. Who names it wants it, unless it says no.
    pub fn is_set(&self, name: &str) -> bool {
        let last = self.0.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name));
        last.is_some_and(|(_, value)| !["0", "no", "false"].iter().any(|no| value.trim().eq_ignore_ascii_case(no)))
    }

    /// The wishes for a login.
    pub fn wishes(&self) -> Wishes {
        let use_cookie = match (self.is_set("EnableUseCookie"), self.is_set("DisableUseCookie")) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        };
        Wishes { kill_old: self.is_set("killOld"), watch_address: self.is_set("DisableIPWatch").then_some(false), use_cookie }
    }

    /// The `login` operation that a form stands for, with the name and the password of an `Authorization` header where
    /// the form has none. None where nobody says who it is.
    pub fn login(&self, basic: Option<(String, Zeroizing<String>)>) -> Option<Element> {
        let login = Element::new("login").with_some("version", self.get("version"));
        if self.get("nonce").is_some() {
            let own = ["userName", "nonce", "authData"];
            return Some(own.iter().fold(login, |login, name| login.with_some(name, self.get(name))));
        }
        match (self.get("userName"), basic) {
            (Some(name), _) => Some(login.with("authData", name).with_some("password", self.get("password"))),
            (None, Some((name, password))) => Some(login.with("authData", name).with("password", password.as_str())),
            (None, None) => None,
        }
    }

    /// `maxWait`: how long a poll may take. Without it the answer comes at once.
    pub fn wait(&self) -> Duration {
        let seconds = self.get("maxWait").and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or_default();
        Duration::from_secs(seconds).min(LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::write::to_bytes;
    use proptest::prelude::*;

    fn login(query: &str, basic: bool) -> Option<String> {
        let basic = basic.then(|| ("basic".to_owned(), Zeroizing::new("b:c".to_owned())));
        Parameters::read(query).login(basic).map(|element| String::from_utf8(to_bytes(&element)).unwrap())
    }

    #[test]
    fn a_form_stands_for_a_login() {
        let clear = login("USERNAME=a%40b.c&Password=x+y%26&version=6.1&x2auth=1&random=2", true);
        assert_eq!(clear.unwrap(), "<login version=\"6.1\" authData=\"a@b.c\" password=\"x y&amp;\"/>");
        assert_eq!(login("password=x", true).unwrap(), "<login authData=\"basic\" password=\"b:c\"/>");
        assert_eq!(login("userName=a", false).unwrap(), "<login authData=\"a\"/>");
        assert_eq!(login("userName=a&nonce=n&authData=d", false).unwrap(), "<login userName=\"a\" nonce=\"n\" authData=\"d\"/>");
        assert_eq!(login("", false), None);
    }

    #[test]
    fn wishes_are_read() {
        let wishes = |query: &str| Parameters::read(query).wishes();
        assert_eq!(wishes(""), Wishes { kill_old: false, watch_address: None, use_cookie: None });
        let all = Wishes { kill_old: true, watch_address: Some(false), use_cookie: Some(false) };
        assert_eq!(wishes("killold=1&disableIPwatch=1&DisableUseCookie=1"), all);
        assert_eq!(wishes("killOld=0&DisableIPWatch=no&EnableUseCookie=1"), Wishes { use_cookie: Some(true), ..wishes("") });
    }

    #[test]
    fn a_poll_waits_a_minute_at_most() {
        let wait = |query: &str| Parameters::read(query).wait().as_secs();
        assert_eq!([wait(""), wait("maxWait=15"), wait("MAXWAIT=61"), wait("maxWait=x"), wait("maxWait=1&maxWait=2")], [0, 15, 60, 0, 2]);
    }

    proptest! {
        #[test]
        fn any_query_is_read(query in "\\PC{0,40}|[a-zA-Z=&%+0-9]{0,40}") {
            let parameters = Parameters::read(&query);
            let _ = (parameters.login(None), parameters.wishes(), parameters.wait());
        }
    }
}
