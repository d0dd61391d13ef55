//! The admin plane's port to the edge's agent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use stanchion_admission::edge::agent::Agent;
use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::{LiveSettings, RoomPolicy};

use super::port::{Ahead, Health, LineFacts, RoomFacts, RoomsPort, Unchanged};

/// The agent, with the policies it was started with. After a reload call [`AgentRooms::reconfigure`].
pub struct AgentRooms {
    agent: Arc<Agent>,
    policies: ArcSwap<Vec<Arc<RoomPolicy>>>,
    keys_loaded: AtomicBool,
    notes: Option<Arc<dyn Ahead>>,
}

impl AgentRooms {
    /// `policies` in the order they should be listed. The keys count as loaded until [`AgentRooms::keys_loaded`] says
    /// otherwise: an edge without keys does not start.
    #[must_use]
    pub fn new(agent: Arc<Agent>, policies: Vec<RoomPolicy>) -> Arc<AgentRooms> {
        AgentRooms::noting(agent, policies, None)
    }

    /// As [`AgentRooms::new`]; every change is written down in `notes` first.
    #[must_use]
    pub fn with_notes(agent: Arc<Agent>, policies: Vec<RoomPolicy>, notes: Arc<dyn Ahead>) -> Arc<AgentRooms> {
        AgentRooms::noting(agent, policies, Some(notes))
    }

    fn noting(agent: Arc<Agent>, policies: Vec<RoomPolicy>, notes: Option<Arc<dyn Ahead>>) -> Arc<AgentRooms> {
        Arc::new(AgentRooms {
            notes,
            agent,
            policies: ArcSwap::from_pointee(shared(policies)),
            keys_loaded: AtomicBool::new(true),
        })
    }

    /// The rooms that are configured from now on.
    pub fn reconfigure(&self, policies: Vec<RoomPolicy>) {
        self.policies.store(Arc::new(shared(policies)));
    }

    /// Whether tickets and passes can be made and checked.
    pub fn keys_loaded(&self, loaded: bool) {
        self.keys_loaded.store(loaded, Ordering::Relaxed);
    }

    fn facts(&self, policy: &Arc<RoomPolicy>, health: &stanchion_admission::edge::agent::AgentHealth) -> RoomFacts {
        let room = health.rooms.iter().find(|room| room.room == policy.name);
        let line = self.agent.snapshot(&policy.name).map(|(snapshot, age)| LineFacts {
            snapshot,
            age,
            stale: room.is_none_or(|room| room.stale),
        });
        RoomFacts {
            policy: Arc::clone(policy),
            line,
        }
    }
}

fn shared(policies: Vec<RoomPolicy>) -> Vec<Arc<RoomPolicy>> {
    policies.into_iter().map(Arc::new).collect()
}

#[async_trait]
impl RoomsPort for AgentRooms {
    fn rooms(&self) -> Vec<RoomFacts> {
        let health = self.agent.health();
        self.policies
            .load()
            .iter()
            .map(|policy| self.facts(policy, &health))
            .collect()
    }

    async fn put_settings(
        &self,
        room: &RoomName,
        expected_version: u64,
        settings: LiveSettings,
    ) -> Result<LiveSettings, Unchanged> {
        let Some(notes) = &self.notes else {
            return Ok(self.agent.put_settings(room, expected_version, settings).await?);
        };
        let next = LiveSettings {
            version: expected_version + 1,
            ..settings.clone()
        };
        if !Arc::clone(notes).note(room, next).await {
            return Err(Unchanged::NotDurable);
        }
        let put = self.agent.put_settings(room, expected_version, settings).await;
        if put.is_err() {
            Arc::clone(notes).withdraw(room).await;
        }
        Ok(put?)
    }

    fn health(&self) -> Health {
        let health = self.agent.health();
        let silent = health
            .rooms
            .iter()
            .filter(|room| room.last_tick_age.is_none())
            .map(|room| room.room.clone());
        Health {
            keys_loaded: self.keys_loaded.load(Ordering::Relaxed),
            store_reachable: health.store_reachable,
            rooms_without_snapshot: silent.collect(),
            clock_uncertainty: health.clock_uncertainty,
            wall_error: health.wall_error,
            checkpoint_works: self.notes.as_ref().is_none_or(|notes| notes.works()),
        }
    }
}
