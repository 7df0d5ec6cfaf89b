//! The "uploaded file set" of a session: files on disk that go with the session.
//!
//! Spec: XIMSS, "Service Operations" (listUploaded), "HTTP Access" (File Uploading).

use crate::model::fault::{Fault, Outcome};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file on disk that is deleted with its last holder.
#[derive(Debug)]
pub struct TemporaryFile(PathBuf);

impl TemporaryFile {
    /// Takes charge of a file.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // A file left behind is swept away at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An uploaded file.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its bytes.
    pub file: Arc<TemporaryFile>,
    /// How many.
    pub size: u64,
    /// The client's name for it, if one was given.
    pub file_name: Option<String>,
    /// `Content-Type` without the subtype: `image`.
    pub kind: String,
    /// The subtype: `gif`.
    pub subtype: Option<String>,
    /// The charset that `Content-Type` named.
    pub charset: Option<String>,
}

/// The files of one session, by upload ID.
#[derive(Debug, Default)]
pub struct Uploads(BTreeMap<String, Upload>);

impl Uploads {
    /// Adds a file, replacing the one of the same ID; refused past `most` files.
    pub fn add(&mut self, id: String, upload: Upload, most: usize) -> Outcome<()> {
        if id.is_empty() || id.len() > 255 || id.chars().any(char::is_control) {
            return Err(Fault::incorrect("uploadID"));
        }
        if self.0.len() >= most && !self.0.contains_key(&id) {
            return Err(Fault::quota("too many files"));
        }
        self.0.insert(id, upload);
        Ok(())
    }
    /// The file of an ID.
    pub fn get(&self, id: &str) -> Outcome<Upload> {
        self.0.get(id).cloned().ok_or_else(|| Fault::not_found("file does not exist"))
    }
    /// All files, in order of their IDs.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Upload)> {
        self.0.iter()
    }
    /// Removes a file; refused if it is not there.
    pub fn remove(&mut self, id: &str) -> Outcome<()> {
        self.0.remove(id).map(drop).ok_or_else(|| Fault::not_found("file does not exist"))
    }
    /// Removes all files.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
