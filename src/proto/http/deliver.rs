//! Delivers a representation: the headers that keep a browser from doing more than show or save it, the bytes that
//! are wanted, in slices. What lies in the store or in a file is never in memory as a whole.
//!
//! Caches may keep an answer but must ask whether it still holds: a folder's name may be another mailbox tomorrow.
//! Spec: RFC 9110 13 and 14.

use super::disposition;
use super::range::{Offsets, Wanted, wanted};
use super::refusal;
use crate::domain::uploads::TemporaryFile;
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::BlobId;
use crate::store::{Store, blobs};
use actix_web::body::{BodySize, BoxBody, MessageBody, SizedStream};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::stream::try_unfold;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::io::SeekFrom;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// Bytes of a slice: what a client that is being sent something costs.
const SLICE: u64 = 128 << 10;
/// Content of others can show pictures and play, inside a sandbox, and nothing else.
const POLICY: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox";

/// Something to be sent, whole or in part.
pub struct Representation {
    /// Its type: `image`.
    pub kind: String,
    /// Its subtype: `gif`.
    pub subtype: String,
    /// Its charset, where it has one.
    pub charset: Option<String>,
    /// A name to save it under.
    pub file_name: Option<String>,
    /// What no other content has: names of which a hash becomes the ETag.
    pub identity: String,
    /// Its bytes.
    pub content: Content,
}

/// Where the bytes are.
pub enum Content {
    /// In the store: these bytes of a message.
    Stored(Store, BlobId, Range<u64>),
    /// In memory.
    Held(Bytes),
    /// In a file of this many bytes.
    File(Arc<TemporaryFile>, u64),
}

impl Content {
    /// How many they are.
    pub fn length(&self) -> u64 {
        match self {
            Self::Stored(_, _, range) => range.end - range.start,
            Self::Held(bytes) => bytes.len() as u64,
            Self::File(_, length) => *length,
        }
    }

    /// A body of the bytes of `piece`, which must lie inside.
    async fn body(self, piece: Range<u64>) -> Outcome<BoxBody> {
        let length = piece.end - piece.start;
        Ok(match self {
            Self::Held(bytes) => BoxBody::new(bytes.slice(piece.start as usize..piece.end as usize)),
            Self::Stored(store, blob, range) => {
                let (at, end) = (range.start + piece.start, range.start + piece.end);
                let slices = try_unfold((store, at), move |(store, at)| async move {
                    if at >= end {
                        return Ok::<_, Fault>(None);
                    }
                    let till = end.min(at + SLICE);
                    let slice = store.read(move |tx| blobs::read(tx, blob, at..till)).await?;
                    Ok(Some((Bytes::from(slice), (store, till))))
                });
                BoxBody::new(SizedStream::new(length, Box::pin(slices)))
            }
            Self::File(holder, _) => {
                let failed = |e| Fault::logged("an uploaded file cannot be read", e);
                let mut file = tokio::fs::File::open(holder.path()).await.map_err(failed)?;
                file.seek(SeekFrom::Start(piece.start)).await.map_err(failed)?;
                // The open file outlives its name.
                drop(holder);
                BoxBody::new(SizedStream::new(length, ReaderStream::with_capacity(file.take(length), SLICE as usize)))
            }
        })
    }
}

/// A body that is only as long as one: the answer to HEAD.
struct Length(u64);

impl MessageBody for Length {
    type Error = Infallible;
    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

/// Answers a GET or HEAD request with a representation, or with the part of it that is asked for.
pub async fn answer(request: &HttpRequest, found: Representation) -> Outcome<HttpResponse> {
    let offsets = Offsets::read(request.query_string())?;
    let Some(whole) = offsets.within(found.content.length()) else { return Ok(nothing_there(found.content.length())) };
    let length = whole.end - whole.start;
    let tag = tag(&found.identity, offsets);
    if header_of(request, header::IF_NONE_MATCH).is_some_and(|list| names_tag(list, &tag)) {
        return Ok(headers(&mut HttpResponse::NotModified(), &tag).finish());
    }
    let holds = header_of(request, header::IF_RANGE).is_none_or(|named| named.trim() == tag);
    let asks = header_of(request, header::RANGE).filter(|_| holds && request.method() == Method::GET);
    let (status, piece) = match wanted(asks, length) {
        Wanted::Whole => (StatusCode::OK, 0..length),
        Wanted::Piece(piece) => (StatusCode::PARTIAL_CONTENT, piece),
        Wanted::Nothing => return Ok(nothing_there(length)),
    };
    let mut response = HttpResponse::build(status);
    headers(&mut response, &tag)
        .insert_header((header::CONTENT_TYPE, disposition::content_type(&found.kind, &found.subtype, found.charset.as_deref())))
        .insert_header((header::CONTENT_DISPOSITION, disposition::disposition(&found.kind, &found.subtype, found.file_name.as_deref())))
        .insert_header((header::ACCEPT_RANGES, "bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        response.insert_header((header::CONTENT_RANGE, format!("bytes {}-{}/{length}", piece.start, piece.end - 1)));
    }
    let body = match *request.method() == Method::HEAD {
        true => BoxBody::new(Length(length)),
        false => found.content.body(whole.start + piece.start..whole.start + piece.end).await?,
    };
    Ok(response.body(body))
}

fn headers<'a>(response: &'a mut actix_web::HttpResponseBuilder, tag: &str) -> &'a mut actix_web::HttpResponseBuilder {
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
}

fn nothing_there(length: u64) -> HttpResponse {
    let mut response = refusal::with(StatusCode::RANGE_NOT_SATISFIABLE, "no such bytes");
    if let Ok(value) = header::HeaderValue::from_str(&format!("bytes */{length}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    response
}

fn header_of(request: &HttpRequest, name: header::HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}

fn tag(identity: &str, offsets: Offsets) -> String {
    let mut hash = Sha256::new();
    hash.update(identity);
    if !offsets.are_absent() {
        hash.update(format!("\0{offsets:?}"));
    }
    let hash = hash.finalize();
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(hash.get(..15).unwrap_or_default()))
}

fn names_tag(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}
