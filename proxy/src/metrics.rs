//! Every metric of the edge, in one place: names that begin with `stanchion_` and end with their unit, labels that are
//! bounded whatever strangers send. Knows no request and no room's rules; others call its plain methods.

mod build;
mod rooms;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::HashSet;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus::{Encoder, Gauge, IntCounter, IntCounterVec, IntGauge, Registry, TextEncoder};
use stanchion_admission::store::End;

use build::{counters, int_gauges};
pub use rooms::RoomGauges;
use rooms::Rooms;
use traffic::Traffic;

/// Rooms, and origins, that have a label of their own; further ones are called `other`.
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
    process: Process,
}

struct Process {
    store_up: IntGauge,
    clock_uncertainty: Gauge,
    reloads: IntCounterVec,
    panics: IntCounter,
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
            process: Process::new(&registry)?,
            names: Names::default(),
            registry,
        })
    }

    /// A request went to the origin of this room.
    pub fn forwarded(&self, room: &str) {
        self.traffic
            .forwarded
            .with_label_values(&[self.names.bounded(room)])
            .inc();
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

    /// The gate refused a request.
    pub fn refused(&self, status: http::StatusCode) {
        self.traffic.refused.with_label_values(&[status.as_str()]).inc();
    }

    /// A request was refused for what it is, before anybody asked the gate. `reason` is one of a fixed list.
    pub fn malformed(&self, reason: &'static str) {
        self.traffic.malformed.with_label_values(&[reason]).inc();
    }

    /// The gate's decision took so long. `outcome` is one of a fixed list.
    pub fn gate_took(&self, outcome: &'static str, seconds: f64) {
        self.traffic.gate_seconds.with_label_values(&[outcome]).observe(seconds);
    }

    /// An origin answered, or did not (`None`).
    pub fn origin_answer(&self, origin: &str, status: Option<u16>, took: Duration) {
        self.traffic
            .origin_answers
            .with_label_values(&[self.names.bounded(origin), status_class(status)])
            .inc();
        self.traffic.origin_seconds.observe(took.as_secs_f64());
    }

    pub fn connection_opened(&self) {
        self.traffic.connections.inc();
    }

    pub fn connection_closed(&self) {
        self.traffic.connections.dec();
    }

    /// A connection was not taken, or cut. `reason` is one of a fixed list.
    pub fn connection_refused(&self, reason: &'static str) {
        self.traffic.connections_refused.with_label_values(&[reason]).inc();
    }

    /// A changed configuration was taken, or refused.
    pub fn config_reloaded(&self, taken: bool) {
        self.process
            .reloads
            .with_label_values(&[if taken { "taken" } else { "refused" }])
            .inc();
    }

    /// A request's handler panicked; the process lives on (F17).
    pub fn panicked(&self) {
        self.process.panics.inc();
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

    /// Prometheus text.
    #[must_use]
    pub fn text(&self) -> String {
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
            panics: IntCounter::new("stanchion_panics_total", "Requests whose handler panicked.")?,
            wrong_tokens: IntCounter::new(
                "stanchion_admin_wrong_tokens_total",
                "Wrong tokens sent to the admin listener.",
            )?,
        };
        at.register(Box::new(process.store_up.clone()))?;
        at.register(Box::new(process.clock_uncertainty.clone()))?;
        at.register(Box::new(process.panics.clone()))?;
        at.register(Box::new(process.wrong_tokens.clone()))?;
        Ok(process)
    }
}

/// The first [`MAX_NAMES`] names seen. Rooms and origins come from the configuration, which may be reloaded for ever.
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

fn status_class(status: Option<u16>) -> &'static str {
    match status {
        Some(100..=199) => "1xx",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(500..=599) => "5xx",
        Some(_) => "other",
        None => "none",
    }
}
