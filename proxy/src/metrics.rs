//! Every metric of the edge, in one place: names that begin with `stanchion_` and end with their unit, labels that are
//! bounded whatever strangers send. Knows no request and no room's rules; others call its plain methods.

mod build;
mod edge;
mod exchange;
mod rooms;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::HashSet;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use prometheus::{Encoder, Gauge, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};
use stanchion_admission::limits::global::Watch;
use stanchion_admission::store::End;

use crate::edge::ReadFigures;
use crate::flow::limits::Said;
use build::{counters, int_gauges};
use edge::Edge;
use exchange::Exchange;
pub use rooms::RoomGauges;
use rooms::Rooms;
use traffic::Traffic;

/// Rooms that have a label of their own; further ones are called `other`.
pub const MAX_NAMES: usize = 500;
const OTHER: &str = "other";
/// Label of a visitor whose country is not known.
const NOWHERE: &str = "??";

/// One per process, shared. Nothing global: two edges in one process do not meet.
pub struct Metrics {
    registry: Registry,
    names: Names,
    traffic: Traffic,
    rooms: Rooms,
    edge: Edge,
    process: Process,
    watched: Mutex<Option<ReadFigures>>,
    exchange: Exchange,
    watched_limits: Mutex<Option<ReadWatch>>,
}

/// How the exchange of global limits goes; none where there are no such limits.
pub type ReadWatch = Box<dyn Fn() -> Option<Watch> + Send>;

struct Process {
    store_up: IntGauge,
    clock_uncertainty: Gauge,
    reloads: IntCounterVec,
    wrong_tokens: IntCounter,
}

impl Metrics {
    /// # Errors
    /// Two metrics of one name: a mistake in this file, which its test would show.
    pub fn new() -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let build = int_gauges(
            &registry,
            "stanchion_build_info",
            "Always 1; the version is a label.",
            &["version"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Metrics {
            traffic: Traffic::new(&registry)?,
            rooms: Rooms::new(&registry)?,
            edge: Edge::new(&registry)?,
            watched: Mutex::default(),
            exchange: Exchange::new(&registry)?,
            watched_limits: Mutex::default(),
            process: Process::new(&registry)?,
            names: Names::default(),
            registry,
        })
    }

    /// A protected path was answered with the waiting page.
    pub fn waiting_answer(&self, room: &str) {
        self.traffic
            .waiting_answers
            .with_label_values(&[self.names.bounded(room)])
            .inc();
    }

    pub fn status_poll(&self, room: &str) {
        self.traffic
            .status_polls
            .with_label_values(&[self.names.bounded(room)])
            .inc();
    }

    /// `came`: what it came to, one of a few words.
    pub fn challenged(&self, room: &str, came: &'static str) {
        self.traffic
            .challenges
            .with_label_values(&[self.names.bounded(room), came])
            .inc();
    }

    /// `limit`: a configured name.
    pub fn limit_decided(&self, limit: &str, said: Said) {
        let said = match said {
            Said::Allowed => "allowed",
            Said::Refused => "refused",
            Said::Shadow => "shadow",
            Said::AllowedAlone => "allowed-alone",
            Said::RefusedAlone => "refused-alone",
        };
        self.traffic
            .limits
            .with_label_values(&[self.names.bounded(limit), said])
            .inc();
    }

    /// A newcomer got a place.
    pub fn ticket_issued(&self, room: &str, country: Option<&str>) {
        self.traffic
            .tickets
            .with_label_values(&[self.names.bounded(room)])
            .inc();
        self.traffic
            .visitors
            .with_label_values(&[country_label(country), "ticket"])
            .inc();
    }

    /// A visitor got a pass at this edge.
    pub fn admitted(&self, room: &str, country: Option<&str>) {
        self.traffic
            .admissions
            .with_label_values(&[self.names.bounded(room)])
            .inc();
        self.traffic
            .visitors
            .with_label_values(&[country_label(country), "pass"])
            .inc();
    }

    /// The origin released or revoked a session.
    pub fn session_ended(&self, room: &str, how: End) {
        let how = match how {
            End::Released => "released",
            End::Revoked => "revoked",
        };
        self.traffic
            .ended
            .with_label_values(&[self.names.bounded(room), how])
            .inc();
    }

    /// A changed configuration was taken, or refused.
    pub fn config_reloaded(&self, taken: bool) {
        self.process
            .reloads
            .with_label_values(&[if taken { "taken" } else { "refused" }])
            .inc();
    }

    pub fn admin_token_refused(&self) {
        self.process.wrong_tokens.inc();
    }

    pub fn set_store(&self, reachable: bool, clock_uncertainty: Option<Duration>) {
        self.process.store_up.set(i64::from(reachable));
        self.process
            .clock_uncertainty
            .set(clock_uncertainty.map_or(f64::NAN, |error| error.as_secs_f64()));
    }

    /// Replaces the figures of all rooms; those not among them are gone.
    pub fn set_rooms<'a>(&self, rooms: impl Iterator<Item = RoomGauges<'a>>) {
        self.rooms.clear();
        for room in rooms.take(MAX_NAMES) {
            self.rooms.set(&room);
        }
    }

    /// Shows this edge's own figures from now on.
    pub fn watch_edge(&self, figures: ReadFigures) {
        *self.watched.lock() = Some(figures);
    }

    /// Shows how global limits are exchanged from now on.
    pub fn watch_limits(&self, read: ReadWatch) {
        *self.watched_limits.lock() = Some(read);
    }

    /// Prometheus text.
    #[must_use]
    pub fn text(&self) -> String {
        let figures = self.watched.lock().clone();
        if let Some(figures) = figures {
            self.edge.set(&figures());
        }
        self.exchange
            .set(self.watched_limits.lock().as_ref().and_then(|read| read()));
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics could not be written");
        }
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Process {
    fn new(at: &Registry) -> prometheus::Result<Process> {
        let process = Process {
            store_up: IntGauge::new("stanchion_store_up", "1 while the store answers for every room.")?,
            clock_uncertainty: Gauge::new(
                "stanchion_store_clock_uncertainty_seconds",
                "How exactly the store's clock is known.",
            )?,
            reloads: counters(
                at,
                "stanchion_config_reloads_total",
                "Changed configurations taken or refused.",
                &["result"],
            )?,
            wrong_tokens: IntCounter::new(
                "stanchion_admin_wrong_tokens_total",
                "Wrong tokens sent to the admin listener.",
            )?,
        };
        at.register(Box::new(process.store_up.clone()))?;
        at.register(Box::new(process.clock_uncertainty.clone()))?;
        at.register(Box::new(process.wrong_tokens.clone()))?;
        Ok(process)
    }
}

/// The first [`MAX_NAMES`] names seen. Rooms come from the configuration, which may be reloaded for ever.
#[derive(Default)]
struct Names(RwLock<HashSet<String>>);

impl Names {
    fn bounded<'a>(&self, name: &'a str) -> &'a str {
        if self.0.read().contains(name) {
            return name;
        }
        let mut known = self.0.write();
        if known.len() >= MAX_NAMES && !known.contains(name) {
            return OTHER;
        }
        known.insert(name.to_owned());
        name
    }
}

/// Two capital letters, or nowhere: at most 677 values.
fn country_label(country: Option<&str>) -> &str {
    country
        .filter(|code| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        .unwrap_or(NOWHERE)
}
