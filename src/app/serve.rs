//! `posthouse serve`: runs a server until SIGTERM or Ctrl-C, and has it read its configuration again at SIGHUP.

use super::config::{Loaded, Sources, load};
use super::notify;
use super::problem::{Done, Problem};
use super::run::Server;
use std::io::Write;
use tokio::signal::unix::{SignalKind, signal};

/// SIGXFSZ, which has this number on every processor that is built for.
const FILE_TOO_LARGE: SignalKind = SignalKind::from_raw(25);

/// Runs the command.
pub fn run(sources: &Sources, loaded: &Loaded) -> Done {
    actix::System::new().block_on(async {
        let system = |e: std::io::Error| Problem::new(e, "check what the system allows the process");
        // Listening for signals begins before the start, so that none is lost.
        let mut hang_up = signal(SignalKind::hangup()).map_err(system)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(system)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(system)?;
        // A file that may not grow is a full disk, with an error that is told; without this the system ends the process.
        let _file_too_large = signal(FILE_TOO_LARGE).map_err(system)?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let mut server = tokio::select! {
            started = Server::start(&loaded.config) => started?,
            // Before it serves anybody there is nothing to end in order.
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        let addresses = server.addresses();
        tracing::info!(domain = %loaded.config.domain, data = %loaded.config.data_dir.display(), ?addresses, "version {} is ready", env!("CARGO_PKG_VERSION"));
        // Whoever started the server may not be listening.
        let _ = writeln!(std::io::stdout(), "posthouse ready").and_then(|()| std::io::stdout().flush());
        notify::ready();
        loop {
            tokio::select! {
                _ = hang_up.recv() => {
                    notify::reloading();
                    match load(sources) {
                        Ok(loaded) => {
                            loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                            server.reload(loaded.config);
                        }
                        Err(problem) => tracing::error!("the configuration in use stays: {problem}"),
                    }
                    notify::ready();
                }
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        notify::stopping();
        tracing::info!("stopping");
        server.stop().await;
        tracing::info!("stopped");
        Ok(())
    })
}
