//! What is left of a request that is answered without it. It is read past before the answer is sent: an answer while the
//! client still sends ends with a closed connection, and many clients lose the answer then (RFC 9112 9.6).

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// How long a client may send on.
const PATIENCE: Duration = Duration::from_secs(15);

/// Reads past a body, up to so many bytes. What is longer, or slow, stays unread.
pub async fn discard<E>(body: impl Stream<Item = Result<Bytes, E>>, most: usize) {
    let mut body = pin!(body);
    let read_on = async {
        let mut count = 0;
        while let Some(Ok(piece)) = body.next().await {
            count += piece.len();
            if count > most {
                break;
            }
        }
    };
    // It is answered in any case.
    let _ = timeout(PATIENCE, read_on).await;
}
