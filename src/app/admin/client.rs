//! The command's end: asks the running server, or executes by itself where none runs.

use super::wire::{self, Ask, FrameError, Say};
use super::{AdminReply, AdminRequest, Executor, Replies};
use crate::app::problem::{Done, Problem};
use crate::model::fault::{Fault, Outcome};
use futures_util::future::LocalBoxFuture;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

/// Bytes of a reply: the largest message there can be.
const MOST: usize = (1 << 30) + (1 << 20);
/// The longest path of a socket that Linux takes, with room for a name.
const LONGEST: usize = 90;

/// A folder whose sockets can be reached whatever the length of its path: a socket's address has room for 107 bytes.
pub(super) struct Reachable {
    folder: PathBuf,
    _open: Option<File>,
}

impl Reachable {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        if folder.as_os_str().as_bytes().len() < LONGEST {
            return Ok(Self { folder: folder.to_owned(), _open: None });
        }
        let open = File::open(folder)?;
        Ok(Self { folder: format!("/proc/self/fd/{}", open.as_raw_fd()).into(), _open: Some(open) })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Who answers a command.
pub enum Agent {
    /// The server that runs on this data directory.
    Server(UnixStream),
    /// The command itself.
    Own(Box<dyn Executor>),
}

impl Agent {
    /// The server that runs on this data directory, if one does.
    pub async fn server(data: &Path) -> Done<Option<Self>> {
        let path = data.join(super::server::SOCKET);
        let connected = match Reachable::new(data) {
            Ok(reachable) => UnixStream::connect(reachable.path(super::server::SOCKET)).await,
            Err(error) => Err(error),
        };
        match connected {
            Ok(stream) => Ok(Some(Self::Server(stream))),
            // The socket of a server that was killed stays behind and refuses.
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
            Err(e) => Err(Problem::file("connect to the server at", &path, &e)),
        }
    }

    /// Has a request executed; `on_reply` gets each reply, and its first problem ends the request.
    pub async fn ask(&mut self, request: AdminRequest, on_reply: &mut dyn FnMut(AdminReply) -> Done) -> Done {
        match self {
            Self::Server(stream) => ask_server(stream, request, on_reply).await,
            Self::Own(executor) => {
                let mut taking = Taking { on_reply, problem: None };
                let outcome = executor.execute(request, &mut taking).await;
                match taking.problem {
                    Some(problem) => Err(problem),
                    None => Ok(outcome?),
                }
            }
        }
    }
}

async fn ask_server(stream: &mut UnixStream, request: AdminRequest, on_reply: &mut dyn FnMut(AdminReply) -> Done) -> Done {
    wire::send(stream, &Ask(request)).await.map_err(broken)?;
    loop {
        match wire::receive(stream, MOST).await.map_err(broken)? {
            Some(Say::Reply(reply)) => on_reply(reply)?,
            Some(Say::Done) => return Ok(()),
            Some(Say::Failed { number, text }) => return Err(Fault::new(number, text).into()),
            None => return Err(broken(FrameError::Broken(io::ErrorKind::UnexpectedEof.into()))),
        }
    }
}

fn broken(error: FrameError) -> Problem {
    match error {
        FrameError::Broken(_) => {
            Problem::new("the server has ended or was restarted meanwhile", "look into its log and repeat the command")
        }
        FrameError::Version(_) => Problem::new(format_args!("the running server is of another version: {error}"), "restart the server"),
        FrameError::TooLong | FrameError::Malformed => {
            Problem::new(format_args!("the running server cannot be understood: {error}"), "restart the server")
        }
    }
}

struct Taking<'a> {
    on_reply: &'a mut dyn FnMut(AdminReply) -> Done,
    problem: Option<Problem>,
}

impl Replies for Taking<'_> {
    fn reply(&mut self, reply: AdminReply) -> LocalBoxFuture<'_, Outcome<()>> {
        let taken = (self.on_reply)(reply).map_err(|problem| {
            self.problem = Some(problem);
            Fault::closed()
        });
        Box::pin(std::future::ready(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::super::server::AdminSocket;
    use super::*;
    use crate::model::names::DomainName;
    use std::os::unix::fs::PermissionsExt;
    use std::rc::Rc;

    /// Knows the domains a.test and b.test and refuses everything else.
    struct TwoDomains;

    impl Executor for TwoDomains {
        fn execute<'a>(&'a self, request: AdminRequest, replies: &'a mut dyn Replies) -> LocalBoxFuture<'a, Outcome<()>> {
            Box::pin(async move {
                let AdminRequest::DomainList = request else { return Err(Fault::no_account()) };
                for name in ["a.test", "b.test"] {
                    replies.reply(AdminReply::Domain { name: name.parse()?, main: false, accounts: 0 }).await?;
                }
                Ok(())
            })
        }
    }

    async fn domains(agent: &mut Agent) -> Done<Vec<DomainName>> {
        let mut all = Vec::new();
        let mut take = |reply| {
            if let AdminReply::Domain { name, .. } = reply {
                all.push(name);
            }
            Ok(())
        };
        agent.ask(AdminRequest::DomainList, &mut take).await.map(|()| all)
    }

    fn local(future: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, future);
    }

    #[test]
    fn both_agents_answer_alike() {
        local(async {
            let folder = tempfile::tempdir().unwrap();
            assert!(Agent::server(folder.path()).await.unwrap().is_none());
            let socket = AdminSocket::open(folder.path(), Rc::new(TwoDomains)).unwrap();
            let mode = std::fs::metadata(folder.path().join("admin.sock")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let mut agents = [Agent::server(folder.path()).await.unwrap().unwrap(), Agent::Own(Box::new(TwoDomains))];
            for agent in &mut agents {
                assert_eq!(domains(agent).await.unwrap().len(), 2);
                let refused = agent.ask(AdminRequest::AccountList, &mut |_| Ok(())).await.unwrap_err();
                assert!(refused.to_string().starts_with("account does not exist"), "{refused}");
                assert_eq!(domains(agent).await.unwrap().len(), 2);
                let full = Problem::new("the disk is full", "make room");
                let stopped = agent.ask(AdminRequest::DomainList, &mut |_| Err(full.clone())).await.unwrap_err();
                assert_eq!(stopped, full);
            }
            socket.close();
            assert!(Agent::server(folder.path()).await.unwrap().is_none());
        });
    }

    #[test]
    fn a_long_path_and_a_socket_left_behind_are_no_hindrance() {
        local(async {
            let folder = tempfile::tempdir().unwrap();
            let deep = folder.path().join("x".repeat(120));
            std::fs::create_dir(&deep).unwrap();
            drop(AdminSocket::open(&deep, Rc::new(TwoDomains)).unwrap());
            let socket = AdminSocket::open(&deep, Rc::new(TwoDomains)).unwrap();
            let mut agent = Agent::server(&deep).await.unwrap().unwrap();
            assert_eq!(domains(&mut agent).await.unwrap().len(), 2);
            socket.close();
        });
    }
}
