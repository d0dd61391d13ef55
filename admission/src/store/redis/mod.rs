//! The store in Redis: each operation one script, atomic for its room, on one server, behind Sentinel or in a
//! cluster. What the scripts decide is what `room` decides; the contract suite holds both to it.
//!
//! Here a script's arguments, its call and its answer are put together; each is a file of its own. Evaluated by
//! `EVALSHA`, loaded again where a server has forgotten them.

mod args;
pub mod breaker;
mod caller;
mod check;
mod dial;
mod fault;
mod keeper;
mod limits;
mod link;
mod reply;
mod script;
pub mod url;

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

pub use self::breaker::BreakerState;
pub use self::check::ConfigFinding;
pub use self::keeper::{RedisOptions, RedisStore, StoreStatus};
/// Certificates for [`RedisOptions::tls`].
pub use redis::TlsCertificates;

use self::args::Args;
use self::script::Operation;
use crate::challenge::Nonce;
use crate::ids::{Place, Stamp, VisitorId};
use crate::policy::{LiveSettings, RoomPolicy};
use crate::room::check_texts;
use crate::store::{Claim, End, Enter, Joined, MAX_BATCH, Session, Snapshot, Store, StoreError, Tick};

fn within_batch(len: usize) -> Result<(), StoreError> {
    if len > MAX_BATCH {
        return Err(StoreError::Refused(format!("{len} in one call; at most {MAX_BATCH}")));
    }
    Ok(())
}

impl RedisStore {
    fn args(&self, policy: &RoomPolicy) -> Args {
        Args::new(policy.name.as_str(), policy, self.test_clock())
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn enter(&self, policy: &RoomPolicy, place: Place) -> Result<Enter, StoreError> {
        let script = self.args(policy).place(&place).invoke(Operation::Enter);
        reply::enter(&self.call(&script).await?, place)
    }

    async fn join(&self, policy: &RoomPolicy, places: &[Place]) -> Result<Joined, StoreError> {
        within_batch(places.len())?;
        let script = self.args(policy).places(places).invoke(Operation::Join);
        reply::joined(&self.call(&script).await?)
    }

    async fn present(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError> {
        within_batch(places.len())?;
        let script = self.args(policy).places(places).invoke(Operation::Present);
        reply::done(&self.call(&script).await?)
    }

    async fn tick(&self, call: &Tick<'_>) -> Result<Snapshot, StoreError> {
        let script = self.args(call.policy).tick(call)?.invoke(Operation::Tick);
        reply::snapshot(&self.call(&script).await?)
    }

    async fn claim(&self, policy: &RoomPolicy, place: Place) -> Result<Claim, StoreError> {
        let script = self.args(policy).place(&place).invoke(Operation::Claim);
        reply::claim(&self.call(&script).await?, place)
    }

    async fn touch(&self, policy: &RoomPolicy, sessions: &[Session]) -> Result<Vec<VisitorId>, StoreError> {
        within_batch(sessions.len())?;
        let script = self.args(policy).sessions(sessions).invoke(Operation::Touch);
        reply::ended(&self.call(&script).await?)
    }

    async fn spent(&self, policy: &RoomPolicy, places: &[Place]) -> Result<(), StoreError> {
        within_batch(places.len())?;
        let script = self.args(policy).places(places).invoke(Operation::Spent);
        reply::done(&self.call(&script).await?)
    }

    async fn end(&self, policy: &RoomPolicy, place: Place, how: End) -> Result<(), StoreError> {
        let script = self.args(policy).end(&place, how).invoke(Operation::End);
        reply::done(&self.call(&script).await?)
    }

    async fn pay(&self, policy: &RoomPolicy, nonce: Nonce) -> Result<bool, StoreError> {
        let script = self.args(policy).nonce(nonce).invoke(Operation::Pay);
        reply::paid(&self.call(&script).await?)
    }

    async fn settings_put(
        &self,
        policy: &RoomPolicy,
        expected_version: u64,
        new: LiveSettings,
    ) -> Result<LiveSettings, StoreError> {
        if check_texts(&new).is_err() {
            return Err(StoreError::Refused(format!(
                "a text is longer than {} bytes",
                LiveSettings::MAX_TEXT
            )));
        }
        let new = LiveSettings {
            version: expected_version.saturating_add(1).min(Stamp::MAX.0),
            ..new
        };
        let script = self
            .args(policy)
            .settings(expected_version, &new)?
            .invoke(Operation::SettingsPut);
        reply::settings_put(&self.call(&script).await?)
    }

    async fn health(&self) -> Result<Duration, StoreError> {
        let began = Instant::now();
        let answer = self.look(&keeper::canary()).await?;
        reply::claim(&answer, keeper::CANARY_PLACE)?;
        Ok(began.elapsed())
    }
}
