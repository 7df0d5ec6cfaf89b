//! What the service manager is told: ready, stopping, reloading, still alive. Without systemd nothing is sent.

use crate::store::Store;
use sd_notify::NotifyState;
use std::time::Duration;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told about the server's state");
    }
}

/// Every listener accepts.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The configuration is being read again; `ready` follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(since) => tell(&[NotifyState::Reloading, since]),
        Err(error) => tracing::warn!(%error, "systemd cannot be told of the reload"),
    }
}

/// Says again and again that the server lives, where systemd watches: only while the store answers.
pub async fn watch(store: Store) {
    let Some(patience) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = tokio::time::interval((patience / 3).max(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        if store.read(|_| Ok(())).await.is_ok() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}
