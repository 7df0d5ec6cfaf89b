//! Documents on other servers: what may be asked for, within which bounds, and what comes back.
//!
//! Only `http` and `https`. A name and a password in an address are sent as Basic, over TLS only and only to the server
//! they were given for; they are never shown. Which network addresses may be reached is decided where the connection is
//! made, on the address that is connected to.
//! Spec: XIMSS, "Calendar Operations" (calendarOpen, `url`).

use super::ports::FetchDocument;
use crate::model::fault::{Fault, Outcome};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use url::Url;

/// The longest address, in bytes.
const LONGEST: usize = 4096;

/// The address of a document.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteUrl(Url);

impl RemoteUrl {
    /// The address without name, password and fragment.
    pub fn bare(&self) -> Url {
        let mut bare = self.0.clone();
        bare.set_fragment(None);
        // An address of http or https can be without either, so neither fails.
        let _ = (bare.set_username(""), bare.set_password(None));
        bare
    }
    /// Name and password, as they stand in the address: percent-encoded.
    pub fn credentials(&self) -> Option<(&str, &str)> {
        let (name, password) = (self.0.username(), self.0.password());
        (!name.is_empty() || password.is_some()).then_some((name, password.unwrap_or_default()))
    }
}

impl FromStr for RemoteUrl {
    type Err = Fault;
    fn from_str(text: &str) -> Outcome<Self> {
        let text = text.trim();
        let url: Url = if text.len() > LONGEST { None } else { text.parse().ok() }.ok_or_else(|| Fault::incorrect("url"))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(Fault::incorrect("url"));
        }
        let url = Self(url);
        if url.credentials().is_some() && url.0.scheme() == "http" {
            return Err(Fault::bad("a password is sent over https only"));
        }
        Ok(url)
    }
}

/// Without name and password.
impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bare().fmt(f)
    }
}

/// Without name and password.
impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteUrl({self})")
    }
}

/// How much is waited for and taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most bytes of the document.
    pub bytes: usize,
    /// From the first step to the last byte, redirects included.
    pub time: Duration,
    /// How often the server may name another address.
    pub redirects: usize,
}

impl Bounds {
    /// Documents of up to this many bytes, for 30 seconds, over at most 5 redirects.
    pub const fn bytes(bytes: usize) -> Self {
        Self { bytes, time: Duration::from_secs(30), redirects: 5 }
    }
}

/// By what a server tells whether a document has changed (RFC 9110 8.8). Empty where it gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it is.
    pub url: RemoteUrl,
    /// What kinds of document are wanted, as `Accept` says it: `text/calendar, */*;q=0.1`.
    pub accept: &'static str,
    /// Bounds.
    pub bounds: Bounds,
    /// What came with the document that is there already: if it has not changed, it is not sent again.
    pub known: Validators,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// It is the one that is known.
    Unchanged,
    /// The document.
    Fetched {
        /// Its bytes.
        bytes: Vec<u8>,
        /// `Content-Type`.
        content_type: Option<String>,
        /// For asking again.
        validators: Validators,
    },
}

/// Who fetches documents: plugged in by whoever starts the server, and anew where its configuration changes.
#[derive(Default)]
pub struct RemoteDocuments(RwLock<Option<Arc<dyn FetchDocument>>>);

impl RemoteDocuments {
    /// This one fetches from now on.
    pub fn plug(&self, fetcher: Arc<dyn FetchDocument>) {
        // A panic while the lock was held cannot leave it half changed: a change is one assignment.
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(fetcher);
    }

    /// Fetches a document; refused where nobody fetches.
    pub async fn fetch(&self, request: Request) -> Outcome<Document> {
        let fetcher = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        fetcher.ok_or_else(Fault::unsupported)?.fetch(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_never_show_a_password() {
        let url: RemoteUrl = " https://joe:se%20cret@example.com/a.ics?x=1#part".parse().unwrap();
        assert_eq!(url.credentials(), Some(("joe", "se%20cret")));
        assert_eq!(url.bare().as_str(), "https://example.com/a.ics?x=1");
        assert!(!format!("{url} {url:?}").contains("cret"));
        assert_eq!("http://[::1]:8080".parse::<RemoteUrl>().unwrap().to_string(), "http://[::1]:8080/");
        for bad in
            ["", "example.com/a", "ftp://example.com/a", "file:///etc/passwd", "https://", "http://joe:secret@example.com/", "data:,x"]
        {
            assert_eq!(bad.parse::<RemoteUrl>().unwrap_err().number, 500, "{bad}");
        }
        assert!(format!("https://example.com/{}", "x".repeat(LONGEST)).parse::<RemoteUrl>().is_err());
    }

    #[test]
    fn nobody_fetches_before_somebody_is_plugged_in() {
        let request =
            Request { url: "http://a.test".parse().unwrap(), accept: "*/*", bounds: Bounds::bytes(1), known: Validators::default() };
        let answer = actix::System::new().block_on(RemoteDocuments::default().fetch(request));
        assert_eq!(answer.unwrap_err().number, 530);
    }
}
