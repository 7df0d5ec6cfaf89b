//! A server in a thread of this process, for tests: the same one, with free ports and without signals.

use super::config::Config;
use super::problem::{Done, Problem};
use super::run::{Addresses, Server};
use crate::domain::house::House;
use std::sync::Arc;

/// A server in a thread of this process, for tests.
pub struct InProcess {
    /// Where it listens.
    pub addresses: Addresses,
    /// What all of it shares.
    pub house: Arc<House>,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl InProcess {
    /// Starts a server; returns when every listener accepts. Port 0 in the configuration stands for any free port.
    pub fn start(config: Config) -> Done<Self> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (started, start) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("server".into()).spawn(move || {
            actix::System::new().block_on(async {
                match Server::start(&config).await {
                    Ok(server) => {
                        // If the one who started it is gone, so is the sender of the stop.
                        let _ = started.send(Ok((server.addresses().clone(), server.house().clone())));
                        let _ = stopped.await;
                        server.stop().await;
                    }
                    Err(problem) => drop(started.send(Err(problem))),
                }
            });
        });
        let thread = thread.map_err(|e| Problem::new(e, "allow the process more threads"))?;
        let ended = |_| Problem::new("the server's thread has ended", "look into the log");
        let (addresses, house) = start.recv().map_err(ended)??;
        Ok(Self { addresses, house, stop, thread })
    }

    /// Stops it, as SIGTERM would, and waits for its end.
    pub fn stop(self) {
        drop(self.stop);
        // A panic of the server has been logged; whoever stops it has no use for it.
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Listen;
    use super::*;
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};

    fn config(folder: &tempfile::TempDir, ximss: SocketAddr) -> Config {
        let mut config = Config::built_in();
        config.data_dir = folder.path().to_owned();
        config.domain = "example.test".parse().unwrap();
        config.listen = Listen { ximss: vec![ximss], ..Listen::default() };
        config
    }

    #[test]
    fn servers_start_and_stop_in_a_process_and_release_what_they_held() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let first = InProcess::start(config(&folders[0], any)).unwrap();
        let here = first.addresses.ximss[0];
        assert!(InProcess::start(config(&folders[1], here)).is_err_and(|e| e.to_string().contains("listen.ximss")));
        assert!(InProcess::start(config(&folders[0], any)).is_err_and(|e| e.to_string().contains("in use by serve")));
        let second = InProcess::start(config(&folders[1], any)).unwrap();
        let mut client = TcpStream::connect(here).unwrap();
        client.write_all(b"<noop id=\"1\"/>\0").unwrap();
        let mut answer = [0; 9];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"<response");
        first.stop();
        second.stop();
        InProcess::start(config(&folders[0], here)).unwrap().stop();
    }
}
