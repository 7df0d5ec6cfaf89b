//! Frames on the admin socket: four bytes of length (big end first), one byte of version, the rest in postcard.
//!
//! Both ends are the same binary, but for the time of an upgrade: another version is refused with a clear text and
//! nothing of it is read.

use super::{AdminReply, AdminRequest};
use crate::model::fault::Fault;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The version of requests and replies. Counts up with each change of them.
pub const VERSION: u8 = 3;

/// What the client says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask(pub AdminRequest);

/// What the server says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Say {
    /// One of the replies to a request.
    Reply(AdminReply),
    /// The request is done.
    Done,
    /// The request is refused, or has failed.
    Failed {
        /// `Fault::number`.
        number: u16,
        /// `Fault::text`.
        text: String,
    },
}

impl From<Fault> for Say {
    fn from(fault: Fault) -> Self {
        Self::Failed { number: fault.number, text: fault.text.into_owned() }
    }
}

/// Why a frame cannot be had.
#[derive(Debug)]
pub enum FrameError {
    /// The other end is gone, in the middle of a frame or before it could be sent.
    Broken(io::Error),
    /// The other end speaks another version.
    Version(u8),
    /// It is longer than allowed.
    TooLong,
    /// Its bytes make no sense.
    Malformed,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the connection broke ({error})"),
            Self::Version(version) => write!(f, "the other end has version {version} of the admin protocol and this one has {VERSION}"),
            Self::TooLong => f.write_str("a message is too long"),
            Self::Malformed => f.write_str("a message makes no sense"),
        }
    }
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Sends a message as one frame.
pub async fn send<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<(), FrameError> {
    let start = vec![0, 0, 0, 0, VERSION];
    let mut frame = postcard::to_extend(message, start).map_err(|_| FrameError::Malformed)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| FrameError::TooLong)?;
    frame.splice(..4, length.to_be_bytes());
    to.write_all(&frame).await?;
    Ok(to.flush().await?)
}

/// Receives a message of at most `most` bytes; None when the other end has closed between two.
pub async fn receive<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin), most: usize) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    if from.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..]).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length == 0 {
        return Err(FrameError::Malformed);
    }
    let version = from.read_u8().await?;
    if version != VERSION {
        return Err(FrameError::Version(version));
    }
    if length > most {
        return Err(FrameError::TooLong);
    }
    // Grows with what comes: a length alone reserves nothing.
    let mut body = Vec::new();
    let read = (&mut *from).take(length as u64 - 1).read_to_end(&mut body).await?;
    if read + 1 < length {
        return Err(FrameError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    match postcard::take_from_bytes(&body) {
        Ok((message, [])) => Ok(Some(message)),
        _ => Err(FrameError::Malformed),
    }
}

/// Bytes in one piece: serde's own way takes them one by one.
pub mod raw {
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;
    use std::fmt;

    /// Writes bytes.
    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    /// Reads bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        from.deserialize_byte_buf(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }
        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
        fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ImportItem, Secret};
    use super::*;
    use crate::model::flags::Flags;
    use crate::model::time::Timestamp;
    use proptest::prelude::*;

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn through<T: Serialize + DeserializeOwned>(message: &T, most: usize) -> Result<Option<T>, FrameError> {
        block(async {
            let mut bytes = Vec::new();
            send(&mut bytes, message).await.unwrap();
            let mut rest = bytes.as_slice();
            let received = receive(&mut rest, most).await;
            assert!(received.is_err() || rest.is_empty());
            received
        })
    }

    proptest! {
        #[test]
        fn what_is_sent_is_received(data in proptest::collection::vec(any::<u8>(), 0..2000), flags in any::<u16>(), at in proptest::option::of(any::<i64>())) {
            let item = ImportItem { source: "a/b".into(), received: at.map(Timestamp), flags: Flags(flags), data };
            let account = "alice@example.test".parse().unwrap();
            let ask = Ask(AdminRequest::Import { account, mailbox: "A/b".parse().ok(), kind: Default::default(), items: vec![item.clone(), item] });
            prop_assert_eq!(through(&ask, 1 << 20).unwrap(), Some(ask));
        }

        #[test]
        fn any_bytes_are_received_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = block(receive::<Ask>(&mut bytes.as_slice(), 1 << 10));
            let mut framed = vec![0, 0, 0, bytes.len() as u8 + 1, VERSION];
            framed.extend(&bytes);
            let _ = block(receive::<Say>(&mut framed.as_slice(), 1 << 10));
        }
    }

    #[test]
    fn limits_and_versions_hold() {
        let password = Ask(AdminRequest::AccountPassword { address: "a@b.test".parse().unwrap(), password: Secret::new("x".repeat(100)) });
        assert!(matches!(through(&password, 50), Err(FrameError::TooLong)));
        assert!(through(&password, 150).unwrap().is_some());
        let receive = |bytes: &[u8]| block(receive::<Ask>(&mut &*bytes, 1000));
        assert!(matches!(receive(&[]), Ok(None)));
        assert!(matches!(receive(&[0, 0, 0]), Err(FrameError::Broken(_))));
        assert!(matches!(receive(&[0, 0, 0, 9, VERSION, 1]), Err(FrameError::Broken(_))));
        assert!(matches!(receive(&[0, 0, 0, 9, VERSION + 1]), Err(FrameError::Version(_))));
        assert!(matches!(receive(&[0, 0, 0, 0]), Err(FrameError::Malformed)));
    }
}
