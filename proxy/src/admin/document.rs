//! What the API says about a room: the shapes of its answers. Made from what the edge knows; figures that it does not
//! know yet are null, never zero.

use serde::Serialize;
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::store::{RoomState, Snapshot};
use stanchion_admission::wait::{self, Pace};
use stanchion_config::show_rate;
use utoipa::ToSchema;

use super::port::{LineFacts, RoomFacts};

/// All rooms of this edge.
#[derive(Debug, Serialize, ToSchema)]
pub struct RoomList {
    pub rooms: Vec<Room>,
}

/// A room as this edge knows it now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Room {
    #[schema(examples("sale"))]
    pub room: String,
    /// Why the line is as it is; `unknown` until the store first answered.
    #[schema(examples("queueing"))]
    pub state: State,
    /// From the configuration file.
    pub configured: Configured,
    /// What was changed live, in the store; its version is the ETag. Null until the store first answered.
    #[schema(required = true)]
    pub settings: Option<Settings>,
    /// What counts now: live where set, else configured.
    pub in_force: InForce,
    /// Null until the store first answered.
    #[schema(required = true)]
    pub line: Option<Line>,
    #[schema(required = true)]
    pub snapshot: Option<SnapshotAge>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    Open,
    Queueing,
    Paused,
    Prequeue,
    Full,
    Closed,
    Recovering,
    Unknown,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Configured {
    pub mode: RoomMode,
    #[schema(examples(1000))]
    pub capacity: u64,
    #[schema(examples("500/min"))]
    pub rate: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoomMode {
    Fifo,
    Passthrough,
    Closed,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct InForce {
    pub capacity: u64,
    pub rate: String,
}

/// What an operator changed live. Null: as configured, or none.
#[derive(Debug, Serialize, ToSchema)]
pub struct Settings {
    /// Counts up with each change, 0 = never changed.
    pub version: u64,
    #[schema(required = true)]
    pub capacity: Option<u64>,
    #[schema(required = true)]
    pub rate: Option<String>,
    #[schema(required = true)]
    pub paused: Option<Paused>,
    pub closed: bool,
    #[schema(required = true)]
    pub message: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Paused {
    /// What visitors are told; may be empty.
    pub reason: String,
}

/// People.
#[derive(Debug, Serialize, ToSchema)]
pub struct Line {
    /// In the line.
    pub waiting: u64,
    /// Of those, seen near the head lately.
    pub present: u64,
    /// Their turn came, they have not entered yet.
    pub admitted: u64,
    /// With a session.
    pub inside: u64,
    /// Slots kept for sessions that a lost store no longer knows.
    pub ghosts: u64,
    /// Since the store's data began.
    pub admitted_total: u64,
    /// Places dropped because their owner did not come back, since the store's data began.
    pub left_total: u64,
    /// Over the last minute; null until five seconds were seen.
    #[schema(required = true)]
    pub admitted_per_minute: Option<f64>,
    /// How long somebody would wait who joined now; null where nothing honest can be said.
    #[schema(required = true)]
    pub wait_seconds: Option<WaitSeconds>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WaitSeconds {
    pub low: u64,
    pub high: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SnapshotAge {
    pub age_ms: u64,
    /// Too old to be called current, or the store is away.
    pub stale: bool,
    /// The store's generation; it changes when the store lost its data.
    pub epoch: u64,
    /// Working ticks within it.
    pub seq: u64,
}

impl Room {
    #[must_use]
    pub fn of(facts: &RoomFacts, admitted_per_second: Option<f64>) -> Room {
        let (policy, line) = (&facts.policy, facts.line.as_ref());
        let snapshot = line.map(|line| &*line.snapshot);
        let rate = snapshot.map_or(policy.rate, |snapshot| snapshot.rate);
        Room {
            room: policy.name.as_str().to_owned(),
            state: state(policy, snapshot),
            configured: Configured {
                mode: mode(policy.mode),
                capacity: policy.capacity,
                rate: show_rate(policy.rate),
            },
            settings: snapshot.map(|snapshot| Settings::of(&snapshot.settings)),
            in_force: InForce {
                capacity: snapshot.map_or(policy.capacity, |snapshot| snapshot.capacity),
                rate: show_rate(rate),
            },
            line: snapshot.map(|snapshot| Line::of(policy, snapshot, admitted_per_second)),
            snapshot: line.map(SnapshotAge::of),
        }
    }
}

impl Settings {
    #[must_use]
    pub fn of(settings: &LiveSettings) -> Settings {
        Settings {
            version: settings.version,
            capacity: settings.capacity,
            rate: settings.rate.map(show_rate),
            paused: settings.paused.clone().map(|reason| Paused { reason }),
            closed: settings.closed,
            message: settings.message.clone(),
        }
    }
}

impl Line {
    fn of(policy: &RoomPolicy, snapshot: &Snapshot, admitted_per_second: Option<f64>) -> Line {
        Line {
            waiting: snapshot.waiting,
            present: snapshot.present,
            admitted: snapshot.admitted,
            inside: snapshot.active,
            ghosts: snapshot.ghosts,
            admitted_total: snapshot.admitted_total,
            left_total: snapshot.left_total,
            admitted_per_minute: admitted_per_second.map(|per_second| (per_second * 600.0).round() / 10.0),
            wait_seconds: wait_of_a_newcomer(policy, snapshot, admitted_per_second),
        }
    }
}

impl SnapshotAge {
    fn of(line: &LineFacts) -> SnapshotAge {
        SnapshotAge {
            age_ms: u64::try_from(line.age.as_millis()).unwrap_or(u64::MAX),
            stale: line.stale,
            epoch: line.snapshot.epoch.ordinal,
            seq: line.snapshot.seq,
        }
    }
}

fn wait_of_a_newcomer(policy: &RoomPolicy, snapshot: &Snapshot, recent_per_s: Option<f64>) -> Option<WaitSeconds> {
    if !matches!(snapshot.state, RoomState::Open | RoomState::Queueing | RoomState::Full) {
        return None;
    }
    let gone = snapshot.left_total + snapshot.admitted_total;
    let pace = Pace {
        rate_per_s: snapshot.rate.per_second(),
        recent_per_s: recent_per_s.filter(|_| snapshot.waiting > 0),
        left_share: if gone == 0 {
            0.0
        } else {
            snapshot.left_total as f64 / gone as f64
        },
        full: snapshot.is_used_up(),
    };
    let range = wait::range(snapshot.waiting, &pace, policy.near_poll)?;
    Some(WaitSeconds {
        low: range.low_s,
        high: range.high_s,
    })
}

fn mode(mode: Mode) -> RoomMode {
    match mode {
        Mode::Fifo => RoomMode::Fifo,
        Mode::Passthrough => RoomMode::Passthrough,
        Mode::Closed => RoomMode::Closed,
    }
}

/// Configuration can close a room or let everybody through without the store.
fn state(policy: &RoomPolicy, snapshot: Option<&Snapshot>) -> State {
    match (policy.mode, snapshot.map(|snapshot| snapshot.state)) {
        (Mode::Closed, _) | (_, Some(RoomState::Closed)) => State::Closed,
        (_, Some(RoomState::Open)) => State::Open,
        (_, Some(RoomState::Queueing)) => State::Queueing,
        (_, Some(RoomState::Paused)) => State::Paused,
        (_, Some(RoomState::Prequeue)) => State::Prequeue,
        (_, Some(RoomState::Full)) => State::Full,
        (_, Some(RoomState::Recovering)) => State::Recovering,
        (_, None) => State::Unknown,
    }
}
