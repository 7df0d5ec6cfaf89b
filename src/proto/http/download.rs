//! Files of a session that are fetched: those of its "uploaded file set".
//!
//! Spec: XIMSS, "HTTP Access" (File Downloading).

use super::deliver::{self, Content, Representation};
use crate::domain::sessions::{FindUpload, Reach};
use crate::model::fault::Outcome;
use actix_web::{HttpRequest, HttpResponse};

/// Sends an uploaded file back.
pub async fn uploaded(request: &HttpRequest, reach: &Reach, id: String) -> Outcome<HttpResponse> {
    let upload = reach.find_upload.ask(FindUpload { id }).await??;
    let found = Representation {
        identity: upload.file.path().to_string_lossy().into_owned(),
        kind: upload.kind,
        subtype: upload.subtype.unwrap_or_default(),
        charset: upload.charset,
        file_name: upload.file_name,
        content: Content::File(upload.file, upload.size),
    };
    deliver::answer(request, found).await
}
