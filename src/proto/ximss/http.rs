//! XIMSS over HTTP: the URLs of logging in (`login`) and of sessions (`calls`), and what their handlers share.
//!
//! A session that began here, or over a WebSocket (`ws`), lives by the time: connections come and go, and it ends when
//! no client has been heard of for its idle time. One that lives by its connection can be asked here as well. A session
//! that has ended can be asked for a little while for what it said last: its `bye`, and an answer that was lost.
//! The web server mounts the routes without knowing whose they are. Session IDs and queries are never logged.
//! Spec: XIMSS companion 2.2 (HTTP binding).

mod answer;
pub mod batch;
pub mod calls;
mod client;
pub mod login;
pub mod parameters;

use super::entrance::Entrance;
use super::ws;
use crate::domain::house::House;
use crate::domain::sessions::{self, Guard};
use crate::proto::net::limits::PerAddress;
use actix_web::guard::fn_guard;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{HttpRequest, web};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) use client::Client;

/// How long after the end of a session its last words can be fetched.
const LINGERING: Duration = Duration::from_secs(30);

/// What the handlers share.
pub struct Binding {
    /// What the front ends share.
    pub(super) house: Arc<House>,
    /// Sessions that began here, with the connections of their network addresses.
    pub(super) places: PerAddress,
    trusted_proxies: Vec<IpAddr>,
    allowed_origins: Vec<String>,
    /// Sessions that were asked here, until a while after their end, by the digest of their ID.
    asked: Mutex<HashMap<[u8; 32], Known>>,
}

#[derive(Clone)]
struct Known {
    guard: Guard,
    entrance: Arc<Entrance>,
}

impl Binding {
    /// The binding of a server that counts its connections in `places`.
    pub fn new(house: Arc<House>, places: PerAddress, trusted_proxies: Vec<IpAddr>, allowed_origins: Vec<String>) -> Arc<Self> {
        Arc::new(Self { house, places, trusted_proxies, allowed_origins, asked: Mutex::default() })
    }

    /// Adds the URLs of the binding to an app.
    pub fn mount(self: &Arc<Self>, app: &mut web::ServiceConfig) {
        app.app_data(web::Data::from(self.clone()))
            .service(web::resource("/ximss/ws").to(ws::begin))
            .service(web::resource("/{path:.*}").guard(fn_guard(login::is_this)).wrap(from_fn(answer::without_identity)).to(login::serve))
            .service(
                web::resource("/{path:.*}")
                    .guard(fn_guard(calls::are_these))
                    .wrap(Compress::default())
                    .wrap(from_fn(answer::without_identity))
                    .to(calls::serve),
            );
    }

    /// Who sent a request.
    pub(super) fn client(&self, request: &HttpRequest) -> Option<Client> {
        Client::of(request, &self.trusted_proxies)
    }

    /// Origins whose scripts may use this server.
    pub(super) fn allowed_origins(&self) -> &[String] {
        &self.allowed_origins
    }

    fn with_asked<T>(&self, f: impl FnOnce(&mut HashMap<[u8; 32], Known>) -> T) -> T {
        // A panic while the lock was held cannot leave it half changed: a change is one insertion or removal.
        f(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The way into the session of an ID, for a request that shows what the session wants beside it.
    pub(super) fn enter(self: &Arc<Self>, request: &HttpRequest, id: &str) -> Option<Arc<Entrance>> {
        let digest = sessions::digest(id);
        let live =
            self.house.sessions.find(id).and_then(|reach| Some(Known { guard: reach.guard, entrance: reach.front.downcast().ok()? }));
        let known = live.or_else(|| self.with_asked(|asked| asked.get(&digest).cloned()))?;
        let address = self.client(request).map(|client| client.sender.address);
        if !known.guard.admits(address, client::cookies(request)) {
            return None;
        }
        self.remember(digest, &known);
        Some(known.entrance)
    }

    /// A session that has begun here.
    pub(super) fn enter_new(self: &Arc<Self>, id: &str, entrance: &Arc<Entrance>) {
        if let Some(reach) = self.house.sessions.find(id) {
            self.remember(sessions::digest(id), &Known { guard: reach.guard, entrance: entrance.clone() });
        }
    }

    /// Keeps a session that is asked for the first time, until a while after its end.
    fn remember(self: &Arc<Self>, digest: [u8; 32], known: &Known) {
        if !known.entrance.is_first_visit(&self.house) {
            return;
        }
        self.with_asked(|asked| asked.insert(digest, known.clone()));
        let (binding, entrance) = (self.clone(), known.entrance.clone());
        actix::spawn(async move {
            entrance.ended().await;
            entrance.give_back();
            tokio::time::sleep(LINGERING).await;
            binding.with_asked(|asked| asked.remove(&digest));
            entrance.forget();
        });
    }
}
