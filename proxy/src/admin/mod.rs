//! The admin plane: health, metrics, rooms and their live settings, OpenAPI, a live page per room. On a listener of its
//! own, never on that of visitors. Knows the line through [`RoomsPort`] alone; decides nothing about it.

mod agent_rooms;
mod attempts;
mod auth;
pub mod document;
mod etag;
#[cfg(test)]
pub(crate) mod fixtures;
mod health;
mod history;
mod listener;
mod openapi;
mod pages;
mod patch;
mod port;
mod problem;
mod reserve;
mod rooms;
mod router;
mod scrape;
mod site;
mod state;
pub mod token;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

pub use agent_rooms::AgentRooms;
pub use auth::Door;
use listener::{Bounded, Bounds};
pub use port::{Ahead, Health, LineFacts, RoomFacts, RoomsPort, Unchanged};
pub use state::Admin;

/// How often every room's figures are noted, for "admitted per minute".
const OBSERVE_EVERY: Duration = Duration::from_secs(1);

/// Serves the admin plane on a bound listener until `stop` is ready; requests under way are finished.
///
/// # Errors
/// The listener has no address.
pub async fn serve(
    listener: TcpListener,
    admin: Arc<Admin>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = router::router(Arc::clone(&admin), listener.local_addr()?);
    let watcher = tokio::spawn(async move {
        let mut every = tokio::time::interval(OBSERVE_EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            admin.observe();
        }
    });
    listener::serve(Bounded::new(listener, Bounds::default()), router, stop).await;
    watcher.abort();
    Ok(())
}
