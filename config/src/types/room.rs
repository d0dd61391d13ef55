//! A protected set of routes.

use std::path::PathBuf;

use stanchion_admission::challenge::PressureRules;
use stanchion_admission::policy::RoomPolicy;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Name, mode, capacity, rate and every duration of the line.
    pub policy: RoomPolicy,
    /// The name of a configured origin.
    pub origin: String,
    /// `*`, `*.example.org` (names below) or an exact name; lower case, no port.
    pub hosts: Vec<String>,
    /// Canonical path prefixes that need a pass.
    pub paths: Vec<String>,
    /// Canonical path prefixes within them that are let through.
    pub exclude: Vec<String>,
    pub on_store_loss: OnStoreLoss,
    pub upgrades: Upgrades,
    pub bind: Bind,
    pub challenge: Challenge,
    pub page: PageText,
}

/// What happens to admissions while the store is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStoreLoss {
    /// Nobody new gets in until it is back.
    Hold,
}

/// What may stay open to the origin of this room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Upgrades {
    pub websocket: bool,
    pub sse: bool,
}

/// What ties a ticket and a pass to its visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bind {
    None,
    /// The client's IPv4 /24 or IPv6 /48.
    Network,
}

/// What a new place costs a network that has had many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    pub mode: Enforcement,
    pub rules: PressureRules,
}

/// Whether a verdict has consequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    Off,
    /// Counted alone.
    Observe,
    Enforce,
}

/// The operator's words on the waiting page.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct PageText {
    /// A minijinja template in place of the built-in page.
    pub template: Option<PathBuf>,
    pub title: Option<String>,
    pub message: Option<String>,
    /// An `http://` or `https://` address that the page links back to.
    pub website: Option<String>,
    /// Languages offered, the first is the fallback; empty: all that are built in.
    pub languages: Vec<String>,
}
