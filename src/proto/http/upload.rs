//! Files sent to a session, for its "uploaded file set": as the body of the request, or as the first file of a form.
//!
//! They go to disk as they come, up to the limit of one file. Whatever goes wrong is answered with status 500, as the
//! specification has it, and leaves nothing behind. Spec: XIMSS, "HTTP Access" (File Uploading); RFC 7578 (forms).

use super::disposition::{plain_name, usable};
use super::refusal;
use super::server::Web;
use super::temporary::Shelf;
use crate::domain::sessions::{AddUpload, Reach};
use crate::domain::uploads::{TemporaryFile, Upload};
use crate::format::mime::header::typed;
use crate::model::fault::{Fault, Outcome};
use actix_multipart::Multipart;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// How long nothing may come before an upload is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes that a form may hold beside its file.
const FORM: u64 = 1 << 20;
/// Parts of a form that are looked at.
const FIELDS: usize = 64;

/// Takes a file and gives it to the session.
pub async fn serve(request: &HttpRequest, payload: web::Payload, web: &Web, reach: &Reach, id: String) -> HttpResponse {
    let added = async {
        let upload = receive(request, payload, web).await?;
        reach.add_upload.ask(AddUpload { id, upload }).await?
    };
    match added.await {
        Ok(()) => refusal::with(StatusCode::OK, "uploaded"),
        Err(fault) if fault == Fault::closed() => refusal::of(&fault),
        Err(fault) => refusal::with(StatusCode::INTERNAL_SERVER_ERROR, &fault.text),
    }
}

async fn receive(request: &HttpRequest, payload: web::Payload, web: &Web) -> Outcome<Upload> {
    let most = web.house.settings().limits.file_size;
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    let content_type = request.headers().get(header::CONTENT_TYPE).map(|v| v.as_bytes().to_vec()).unwrap_or_default();
    if content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/")) {
        if declared.is_some_and(|length| length > most.saturating_add(FORM)) {
            return Err(too_large());
        }
        return receive_form(Multipart::new(request.headers(), payload), &web.shelf, most).await;
    }
    if declared.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let (file, size) = store(&web.shelf, payload, most).await?;
    let disposition = request.headers().get(header::CONTENT_DISPOSITION).and_then(|v| header::ContentDisposition::from_raw(v).ok());
    Ok(upload(file, size, &content_type, disposition.as_ref()))
}

/// Takes the first file of a form; the rest is read past.
async fn receive_form(mut form: Multipart, shelf: &Shelf, most: u64) -> Outcome<Upload> {
    let (mut found, mut beside) = (None, 0);
    for _ in 0..FIELDS {
        let Some(mut field) = patiently(form.next()).await? else { break };
        let disposition = field.content_disposition().cloned();
        let is_file = disposition.as_ref().is_some_and(|d| d.get_filename().is_some() || d.get_filename_ext().is_some());
        if is_file && found.is_none() {
            let content_type = field.headers().get(header::CONTENT_TYPE).map(|v| v.as_bytes().to_vec()).unwrap_or_default();
            let (file, size) = store(shelf, &mut field, most).await?;
            found = Some(upload(file, size, &content_type, disposition.as_ref()));
            continue;
        }
        while let Some(bytes) = patiently(field.next()).await? {
            beside += bytes.len() as u64;
            if beside > FORM {
                return Err(Fault::bad("the form holds too much beside its file"));
            }
        }
    }
    found.ok_or_else(|| Fault::bad("the form holds no file"))
}

/// Writes what comes to a file. Returns it and its size.
async fn store<S, E>(shelf: &Shelf, mut bytes: S, most: u64) -> Outcome<(TemporaryFile, u64)>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let failed = |e| Fault::logged("an upload cannot be stored", e);
    let (holder, mut file) = shelf.create().await.map_err(failed)?;
    let mut size = 0u64;
    while let Some(piece) = patiently(bytes.next()).await? {
        size += piece.len() as u64;
        if size > most {
            return Err(too_large());
        }
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok((holder, size))
}

/// Waits for what comes next, but not for ever.
async fn patiently<T, E: Display>(next: impl Future<Output = Option<Result<T, E>>>) -> Outcome<Option<T>> {
    let broken = |_| Fault::bad("the upload broke off");
    match tokio::time::timeout(PATIENCE, next).await {
        Ok(next) => next.transpose().map_err(broken),
        Err(_) => Err(Fault::bad("the upload came to a halt")),
    }
}

fn too_large() -> Fault {
    Fault::quota("file is too large")
}

fn upload(file: TemporaryFile, size: u64, content_type: &[u8], disposition: Option<&header::ContentDisposition>) -> Upload {
    let (kind, subtype, parameters) = typed(content_type);
    let subtype = subtype.unwrap_or_default();
    let (kind, subtype) = usable(&kind, &subtype);
    let charset = parameters.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("charset")).map(|(_, value)| value);
    Upload {
        file: Arc::new(file),
        size,
        file_name: disposition.and_then(file_name),
        kind: kind.to_owned(),
        subtype: Some(subtype.to_owned()),
        charset,
    }
}

fn file_name(disposition: &header::ContentDisposition) -> Option<String> {
    let extended = disposition.get_filename_ext().map(|value| String::from_utf8_lossy(&value.value).into_owned());
    // Browsers write a quotation mark in the name of a form's file as %22.
    let plain = || disposition.get_filename().map(|name| name.replace("%22", "\""));
    extended.or_else(plain).map(|name| plain_name(&name)).filter(|name| !name.is_empty())
}
