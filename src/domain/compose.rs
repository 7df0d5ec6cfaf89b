//! Composing: from a draft and what it refers to (uploads, parts of stored messages) to the bytes of a message.
//!
//! Runs on a reading thread: it reads the store and files. Spec: XIMSS, "Message Operations" (messageAppend, copyMIME).

use super::access::Caller;
use super::messages;
use super::preferences::Preferences;
use super::uploads::Upload;
use crate::format::mime::build::{self, Attachment, CopiedPart, Settings, Sources};
use crate::format::mime::structure::{self, Limits};
use crate::model::draft::{CopySource, Draft, DraftPart};
use crate::model::fault::{Fault, Outcome};
use crate::model::ids::{MailboxId, Uid};
use crate::model::names::DomainName;
use crate::model::time::Timestamp;
use crate::store::{Read, blobs};
use std::collections::BTreeMap;

/// What a draft may refer to: the session's open folders, calendars and uploads, by the client's names.
#[derive(Debug, Clone)]
pub struct Materials {
    /// On whose behalf.
    pub caller: Caller,
    /// Open folders.
    pub folders: BTreeMap<String, MailboxId>,
    /// Open calendars that are mailboxes.
    pub calendars: BTreeMap<String, MailboxId>,
    /// Uploaded files.
    pub uploads: BTreeMap<String, Upload>,
    /// The largest message, in bytes.
    pub most: usize,
    /// Bounds on the MIME structure.
    pub limits: Limits,
}

/// How a message is finished.
#[derive(Debug, Clone)]
pub struct Finish {
    /// The domain in what the server names itself.
    pub domain: DomainName,
    /// Add Message-ID, Date and MIME-Version where they are missing.
    pub fill_missing: bool,
}

/// Makes the bytes of a message.
pub fn compose(tx: &dyn Read, draft: &Draft, materials: &Materials, preferences: &Preferences, finish: &Finish) -> Outcome<Vec<u8>> {
    if draft.sign || draft.encrypt {
        return Err(Fault::unsupported());
    }
    let settings = settings(preferences, finish)?;
    let raw = build::build(draft, &mut StoredSources { tx, materials, taken: 0 }, &settings)?;
    if raw.len() > materials.most { Err(Fault::quota("message is too large")) } else { Ok(raw) }
}

/// Makes the bytes of parts that go with something else: each with its fields.
pub fn parts(
    tx: &dyn Read,
    drafts: &[DraftPart],
    materials: &Materials,
    preferences: &Preferences,
    finish: &Finish,
) -> Outcome<Vec<Vec<u8>>> {
    let mut sources = StoredSources { tx, materials, taken: 0 };
    let (mut out, mut bytes) = (Vec::with_capacity(drafts.len()), 0);
    for draft in drafts {
        let part = build::part(draft, &mut sources, &settings(preferences, finish)?)?;
        bytes += part.len();
        if bytes > materials.most {
            return Err(Fault::quota("message is too large"));
        }
        out.push(part);
    }
    Ok(out)
}

fn settings(preferences: &Preferences, finish: &Finish) -> Outcome<Settings> {
    let now = Timestamp::now();
    let mut random = [0u8; 16];
    getrandom::fill(&mut random).map_err(|e| Fault::logged("no random numbers", e))?;
    Ok(Settings {
        now,
        shift: preferences.zone().shift_at(now),
        domain: finish.domain.clone(),
        fill_missing: finish.fill_missing,
        encode_headers: preferences.get("EncodeHeaders").is_none_or(crate::model::value::Value::is_yes),
        keep_bcc: !finish.fill_missing,
        wrap: preferences.number("MailerWidth").and_then(|n| usize::try_from(n).ok()).unwrap_or(72).clamp(20, 200),
        random,
    })
}

struct StoredSources<'a> {
    tx: &'a dyn Read,
    materials: &'a Materials,
    taken: usize,
}

impl StoredSources<'_> {
    /// Counts what is taken, so that a draft that names the same large file a thousand times is refused early.
    fn take(&mut self, bytes: usize) -> Outcome<()> {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.materials.most { Err(Fault::quota("message is too large")) } else { Ok(()) }
    }
}

impl Sources for StoredSources<'_> {
    fn upload(&mut self, id: &str) -> Outcome<Attachment> {
        let upload = self.materials.uploads.get(id).ok_or_else(|| Fault::not_found("file does not exist"))?;
        self.take(usize::try_from(upload.size).unwrap_or(usize::MAX))?;
        let data = std::fs::read(upload.file.path()).map_err(|e| Fault::logged("an uploaded file cannot be read", e))?;
        Ok(Attachment {
            kind: upload.kind.clone(),
            subtype: upload.subtype.clone().unwrap_or_else(|| "octet-stream".into()),
            charset: upload.charset.clone(),
            file_name: upload.file_name.clone(),
            data,
        })
    }

    fn stored_file(&mut self, _: &str) -> Outcome<Attachment> {
        Err(Fault::not_found("file does not exist"))
    }

    fn copied(&mut self, source: &CopySource) -> Outcome<CopiedPart> {
        let (open, fault) = match source.calendar {
            true => (&self.materials.calendars, "no open calendar with this name"),
            false => (&self.materials.folders, "no open folder with this name"),
        };
        let mailbox = *open.get(&source.folder).ok_or_else(|| Fault::state(fault))?;
        let (_, row) = messages::readable(self.tx, &self.materials.caller, mailbox, Uid(source.uid))?;
        self.take(row.size as usize)?;
        let raw = blobs::whole(self.tx, row.blob)?;
        match &source.part {
            None => Ok(CopiedPart::Message(raw)),
            Some(part) => {
                let structure = structure::structure(&raw, &self.materials.limits);
                let node = structure::find(&structure, part).ok_or_else(|| Fault::not_found("message part does not exist"))?;
                Ok(CopiedPart::of(&raw, node))
            }
        }
    }
}
