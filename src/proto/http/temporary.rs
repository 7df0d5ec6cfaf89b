//! Files that live as long as what they are for: uploads, and large parts once they are decoded.
//!
//! They lie in `<data>/uploads`, readable by the server only, and go with their last holder; what a killed server left
//! behind is swept away at the start.

use crate::domain::uploads::TemporaryFile;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The directory the files lie in. Cloning gives another handle.
#[derive(Debug, Clone)]
pub struct Shelf(PathBuf);

impl Shelf {
    /// The shelf of a data directory, made if it is not there, and emptied. Blocks.
    pub fn prepare(data: &Path) -> io::Result<Self> {
        let directory = data.join("uploads");
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self(directory))
    }

    /// A new file, open for writing. It is gone again when the first of the two is dropped everywhere.
    pub async fn create(&self) -> io::Result<(TemporaryFile, tokio::fs::File)> {
        let mut random = [0u8; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let path = self.0.join(random.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let file = tokio::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).await?;
        Ok((TemporaryFile::new(path), file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn files_are_private_go_with_their_holder_and_are_swept_at_the_start() {
        let data = tempfile::tempdir().unwrap();
        let shelf = Shelf::prepare(data.path()).unwrap();
        let left = data.path().join("uploads/left-behind");
        fs::write(&left, "x").unwrap();
        Shelf::prepare(data.path()).unwrap();
        assert!(!left.exists());
        actix::System::new().block_on(async {
            let (holder, file) = shelf.create().await.unwrap();
            assert_eq!(file.metadata().await.unwrap().permissions().mode() & 0o777, 0o600);
            let path = holder.path().to_owned();
            assert!(path.exists());
            drop(holder);
            assert!(!path.exists());
        });
    }
}
