//! `Premises`: the data directory in the hands of this process, with the store open. Whoever finds no store makes it,
//! with the main domain.
//!
//! The lock file says who holds the directory; a server's commands are served over its socket instead, so that only
//! the moments of a start and of a stop have to be waited for.

use super::config::Config;
use super::problem::{Done, Problem};
use crate::domain::accounts;
use crate::domain::house::House;
use crate::store::{Options, Store};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const LOCK: &str = "lock";

/// The right to use a data directory; it goes with this process at the latest.
pub struct DataLock {
    _file: File,
}

/// What came of asking for the lock.
pub enum Locked {
    /// It is ours.
    Ours(DataLock),
    /// Somebody else has it: `serve (process 12)`.
    Theirs(String),
}

impl DataLock {
    /// Takes the lock of a data directory, if nobody has it. `who` is what others are told.
    pub fn take(data: &Path, who: &str) -> Done<Locked> {
        let path = data.join(LOCK);
        let problem = |e: std::io::Error| Problem::file("use", &path, &e);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(problem)?;
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).and_then(|()| write!(file, "{who} (process {})", std::process::id())).map_err(problem)?;
                Ok(Locked::Ours(Self { _file: file }))
            }
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Between taking the lock and saying who has it there is nothing to read yet.
                let _ = file.read_to_string(&mut holder);
                Ok(Locked::Theirs(if holder.is_empty() { "another process".into() } else { holder }))
            }
            Err(TryLockError::Error(e)) => Err(problem(e)),
        }
    }
}

/// Makes the data directory if it is not there: nobody else may look into it.
pub fn make_directory(data: &Path) -> Done {
    if data.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|e| Problem::file("make the data directory", data, &e))
}

/// The data directory with the store open.
pub struct Premises {
    /// What is shared by all who work here.
    pub house: Arc<House>,
    lock: DataLock,
}

impl Premises {
    /// Opens the store. While a repair after a kill runs, stderr says so.
    pub async fn enter(config: &Config, lock: DataLock) -> Done<Self> {
        let path = config.data_dir.clone();
        // Nothing else runs on this thread yet, so it may wait for the disk.
        let store = Store::open(&path, &Options::default(), say_repairing())?;
        give_to_owner(&path);
        let house = Arc::new(House::new(config.settings(), store).map_err(|e| Problem::new(e, "allow the process more threads"))?);
        accounts::ensure_main_domain(&house.store, &config.domain).await?;
        Ok(Self { house, lock })
    }

    /// Closes the store, leaving it ready for a quick start, and lets go of the directory.
    pub async fn leave(self) {
        self.house.store.close().await;
        drop(self.lock);
    }
}

/// What root made in the data directory of somebody else is handed to that owner: else the server could not use it.
fn give_to_owner(data: &Path) {
    let Ok(owner) = fs::metadata(data) else { return };
    for name in [LOCK].into_iter().chain(crate::store::FILES) {
        let path = data.join(name);
        if fs::metadata(&path).is_ok_and(|file| file.uid() != owner.uid()) {
            // Only root may do this, and only root has made such files.
            let _ = chown(&path, Some(owner.uid()), Some(owner.gid()));
        }
    }
}

fn say_repairing() -> impl Fn(f64) + Send + 'static {
    let said = AtomicBool::new(false);
    move |_| {
        if !said.swap(true, Ordering::Relaxed) {
            // It is repaired all the same when nobody can be told.
            let _ =
                writeln!(std::io::stderr(), "posthouse: the store was not closed in order, it is being repaired: this may take a while");
        }
    }
}

/// Writes a file that only its owner may read, in place of an older one.
pub fn write_private(path: &Path, text: &str) -> Done {
    let problem = |e: std::io::Error| Problem::file("write", path, &e);
    // Made anew, so that its mode does not depend on what was there.
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(problem(e)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(problem)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_lock_is_had_once_and_says_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        make_directory(&data).unwrap();
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        let Locked::Ours(first) = DataLock::take(&data, "serve").unwrap() else { panic!("the lock is free") };
        let Locked::Theirs(holder) = DataLock::take(&data, "import").unwrap() else { panic!("the lock is taken") };
        assert_eq!(holder, format!("serve (process {})", std::process::id()));
        drop(first);
        assert!(matches!(DataLock::take(&data, "import").unwrap(), Locked::Ours(_)));
    }

    #[test]
    fn the_first_who_comes_makes_store_and_domain() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::built_in();
        config.data_dir = folder.path().to_owned();
        config.domain = "example.test".parse().unwrap();
        let visit = || async {
            let Locked::Ours(lock) = DataLock::take(&config.data_dir, "test").unwrap() else { panic!("the lock is free") };
            let premises = Premises::enter(&config, lock).await.unwrap();
            let domains = premises.house.store.read(crate::store::accounts::domains).await.unwrap();
            premises.leave().await;
            domains
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..2 {
            assert_eq!(runtime.block_on(visit()), [config.domain.clone()]);
        }
        for name in [LOCK].into_iter().chain(crate::store::FILES) {
            let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_private_file_is_private_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("initial-admin");
        fs::write(&path, "old").unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
