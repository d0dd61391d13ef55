//! How the agent fares. Values only.

use std::time::Duration;

use crate::ids::RoomName;

#[derive(Clone, PartialEq, Debug)]
pub struct AgentHealth {
    /// Every room's last tick was answered.
    pub store_reachable: bool,
    /// The worst of the rooms'. `None` before any answer.
    pub clock_uncertainty: Option<Duration>,
    /// How far this machine's wall clock was from the store's at the start.
    pub wall_error: Option<Duration>,
    pub rooms: Vec<RoomHealth>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct RoomHealth {
    pub room: RoomName,
    pub store_reachable: bool,
    /// `None` where no tick was ever answered.
    pub last_tick_age: Option<Duration>,
    pub stale: bool,
    pub clock_uncertainty: Option<Duration>,
    pub wall_error: Option<Duration>,
}
