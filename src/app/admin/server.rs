//! The server's end of the admin socket.

use super::wire::{self, Ask, FrameError, Say};
use super::{AdminReply, Executor, Replies};
use crate::app::problem::{Done, Problem};
use crate::model::fault::{Fault, Outcome};
use futures_util::future::LocalBoxFuture;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Commands that are served at once; further ones wait.
const AT_ONCE: usize = 8;
/// Bytes of a request: an import's batch with the largest message there can be.
const MOST: usize = (1 << 30) + (64 << 20);

/// The name of the socket in the data directory.
pub const SOCKET: &str = "admin.sock";

/// The open socket; closing it removes it.
pub struct AdminSocket {
    path: PathBuf,
    accepting: JoinHandle<()>,
}

impl AdminSocket {
    /// Listens in the data directory, whose lock the caller holds. Must be called on a thread that runs local tasks.
    pub fn open(data: &Path, executor: Rc<dyn Executor>) -> Done<Self> {
        let path = data.join(SOCKET);
        let listener = bind(data, &path).map_err(|e| Problem::file("listen on", &path, &e))?;
        Ok(Self { path, accepting: tokio::task::spawn_local(accept(listener, executor)) })
    }

    /// Takes no further commands. Those under way are broken off between two of their steps, each of which is whole.
    pub fn close(self) {
        // A socket that is gone already does no harm.
        let _ = fs::remove_file(&self.path);
        self.accepting.abort();
    }
}

/// The socket appears under its name only when nobody else can open it.
fn bind(data: &Path, path: &Path) -> std::io::Result<UnixListener> {
    let short = super::client::Reachable::new(data)?;
    let (fresh, fresh_reachable) = (data.join(".admin.sock"), short.path(".admin.sock"));
    let _ = fs::remove_file(&fresh);
    let listener = UnixListener::bind(fresh_reachable)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, executor: Rc<dyn Executor>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut serving = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let executor = executor.clone();
                serving.spawn_local(async move {
                    let _place = place;
                    serve(stream, &*executor).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a command could not connect");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
        while serving.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: UnixStream, executor: &dyn Executor) {
    loop {
        let end = match wire::receive::<Ask>(&mut stream, MOST).await {
            Ok(Some(Ask(request))) => {
                let mut sending = Sending(&mut stream);
                executor.execute(request, &mut sending).await.map_or_else(Say::from, |()| Say::Done)
            }
            Ok(None) | Err(FrameError::Broken(_)) => return,
            Err(error) => {
                // The rest of the stream cannot be told apart.
                let _ = wire::send(&mut stream, &Say::from(Fault::bad(error.to_string()))).await;
                return;
            }
        };
        if wire::send(&mut stream, &end).await.is_err() {
            return;
        }
    }
}

struct Sending<'a>(&'a mut UnixStream);

impl Replies for Sending<'_> {
    fn reply(&mut self, reply: AdminReply) -> LocalBoxFuture<'_, Outcome<()>> {
        Box::pin(async move { wire::send(self.0, &Say::Reply(reply)).await.map_err(|_| Fault::closed()) })
    }
}
