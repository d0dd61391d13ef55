//! Every metric of the edge, in one place: names that begin with `stanchion_` and end with their unit, labels that are
//! bounded whatever strangers send. Knows no request and no room's rules; others call its plain methods.

use std::collections::HashSet;
use std::time::Duration;

use parking_lot::RwLock;
use prometheus::{
    Encoder, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};
use stanchion_admission::store::{End, RoomState, Snapshot};

/// Rooms, and origins, that have a label of their own; further ones are called `other`.
pub const MAX_NAMES: usize = 500;
/// Upper edges of the gate's buckets, in seconds.
const GATE_BUCKETS_S: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
const OTHER: &str = "other";
/// Label of a visitor whose country is not known.
const NOWHERE: &str = "??";

/// A room's figures at the moment of asking.
pub struct RoomGauges<'a> {
    pub room: &'a str,
    pub snapshot: &'a Snapshot,
    pub age: Duration,
}

/// One per process, shared. Nothing global: two edges in one process do not meet.
pub struct Metrics {
    registry: Registry,
    names: Names,
    traffic: Traffic,
    rooms: Rooms,
    process: Process,
}

/// What visitors do.
struct Traffic {
    forwarded: IntCounterVec,
    waiting_answers: IntCounterVec,
    status_polls: IntCounterVec,
    tickets: IntCounterVec,
    admissions: IntCounterVec,
    ended: IntCounterVec,
    visitors: IntCounterVec,
    refused: IntCounterVec,
    malformed: IntCounterVec,
    gate_seconds: HistogramVec,
    origin_answers: IntCounterVec,
    origin_seconds: Histogram,
    connections: IntGauge,
    connections_refused: IntCounterVec,
}

/// What the store says of every room, written anew at each scrape.
struct Rooms {
    people: IntGaugeVec,
    capacity: IntGaugeVec,
    rate: GaugeVec,
    state: IntGaugeVec,
    admitted: IntGaugeVec,
    left: IntGaugeVec,
    snapshot_age: GaugeVec,
    epoch: IntGaugeVec,
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

impl Traffic {
    fn new(at: &Registry) -> prometheus::Result<Traffic> {
        let seconds = HistogramOpts::new(
            "stanchion_origin_answer_seconds",
            "Time until an origin's answer began.",
        )
        .buckets(vec![
            0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
        ]);
        let gate_seconds = HistogramOpts::new("stanchion_gate_seconds", "Time that the line's decision took.")
            .buckets(GATE_BUCKETS_S.to_vec());
        let connections = IntGauge::new("stanchion_connections", "Connections of visitors open now.")?;
        let traffic = Traffic {
            forwarded: counters(
                at,
                "stanchion_requests_forwarded_total",
                "Requests sent to the origin.",
                &["room"],
            )?,
            waiting_answers: counters(
                at,
                "stanchion_waiting_answers_total",
                "Protected requests answered with the waiting page.",
                &["room"],
            )?,
            status_polls: counters(
                at,
                "stanchion_status_polls_total",
                "Polls of waiting visitors.",
                &["room"],
            )?,
            tickets: counters(
                at,
                "stanchion_tickets_issued_total",
                "Places given to newcomers.",
                &["room"],
            )?,
            admissions: counters(
                at,
                "stanchion_admissions_total",
                "Passes given at this edge.",
                &["room"],
            )?,
            ended: counters(
                at,
                "stanchion_sessions_ended_total",
                "Sessions ended by the origin.",
                &["room", "how"],
            )?,
            visitors: counters(
                at,
                "stanchion_visitors_total",
                "Tickets and passes by the visitor's country.",
                &["country", "got"],
            )?,
            refused: counters(
                at,
                "stanchion_refused_requests_total",
                "Requests refused, by HTTP status.",
                &["status"],
            )?,
            malformed: counters(
                at,
                "stanchion_malformed_requests_total",
                "Requests refused for what they are, by reason.",
                &["reason"],
            )?,
            gate_seconds: HistogramVec::new(gate_seconds, &["outcome"])?,
            origin_answers: counters(
                at,
                "stanchion_origin_answers_total",
                "Answers of origins by class of status.",
                &["origin", "status"],
            )?,
            origin_seconds: Histogram::with_opts(seconds)?,
            connections_refused: counters(
                at,
                "stanchion_connections_refused_total",
                "Connections not taken or cut.",
                &["reason"],
            )?,
            connections,
        };
        at.register(Box::new(traffic.gate_seconds.clone()))?;
        at.register(Box::new(traffic.origin_seconds.clone()))?;
        at.register(Box::new(traffic.connections.clone()))?;
        Ok(traffic)
    }
}

impl Rooms {
    fn new(at: &Registry) -> prometheus::Result<Rooms> {
        let people = "Visitors of a room by where they are: waiting, present, admitted, inside, ghost.";
        Ok(Rooms {
            people: int_gauges(at, "stanchion_room_visitors", people, &["room", "where"])?,
            capacity: int_gauges(at, "stanchion_room_capacity_visitors", "Capacity in force.", &["room"])?,
            rate: gauges(
                at,
                "stanchion_room_rate_visitors_per_second",
                "Pace in force.",
                &["room"],
            )?,
            state: int_gauges(
                at,
                "stanchion_room_state",
                "1 for the state that the room is in.",
                &["room", "state"],
            )?,
            admitted: int_gauges(
                at,
                "stanchion_room_admitted_total",
                "Admissions of all edges since the epoch began.",
                &["room"],
            )?,
            left: int_gauges(
                at,
                "stanchion_room_left_total",
                "Places dropped since the epoch began.",
                &["room"],
            )?,
            snapshot_age: gauges(
                at,
                "stanchion_room_snapshot_age_seconds",
                "Age of what this edge knows.",
                &["room"],
            )?,
            epoch: int_gauges(
                at,
                "stanchion_room_epoch",
                "The store's generation; rises when the store lost its data.",
                &["room"],
            )?,
        })
    }

    fn clear(&self) {
        for vector in [
            &self.people,
            &self.capacity,
            &self.state,
            &self.admitted,
            &self.left,
            &self.epoch,
        ] {
            vector.reset();
        }
        self.rate.reset();
        self.snapshot_age.reset();
    }

    fn set(&self, gauges: &RoomGauges<'_>) {
        let (room, now) = (gauges.room, gauges.snapshot);
        for (place, count) in [
            ("waiting", now.waiting),
            ("present", now.present),
            ("admitted", now.admitted),
            ("inside", now.active),
            ("ghost", now.ghosts),
        ] {
            self.people.with_label_values(&[room, place]).set(signed(count));
        }
        for (state, name) in STATES {
            self.state
                .with_label_values(&[room, name])
                .set(i64::from(now.state == state));
        }
        self.capacity.with_label_values(&[room]).set(signed(now.capacity));
        self.rate.with_label_values(&[room]).set(now.rate.per_second());
        self.admitted.with_label_values(&[room]).set(signed(now.admitted_total));
        self.left.with_label_values(&[room]).set(signed(now.left_total));
        self.snapshot_age
            .with_label_values(&[room])
            .set(gauges.age.as_secs_f64());
        self.epoch.with_label_values(&[room]).set(signed(now.epoch.ordinal));
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

const STATES: [(RoomState, &str); 7] = [
    (RoomState::Open, "open"),
    (RoomState::Queueing, "queueing"),
    (RoomState::Paused, "paused"),
    (RoomState::Prequeue, "prequeue"),
    (RoomState::Full, "full"),
    (RoomState::Closed, "closed"),
    (RoomState::Recovering, "recovering"),
];

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

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn counters(at: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    let vector = IntCounterVec::new(Opts::new(name, help), labels)?;
    at.register(Box::new(vector.clone()))?;
    Ok(vector)
}

fn int_gauges(at: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    let vector = IntGaugeVec::new(Opts::new(name, help), labels)?;
    at.register(Box::new(vector.clone()))?;
    Ok(vector)
}

fn gauges(at: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
    let vector = GaugeVec::new(Opts::new(name, help), labels)?;
    at.register(Box::new(vector.clone()))?;
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_under_the_names_documented() {
        let metrics = Metrics::new().unwrap();
        metrics.forwarded("sale");
        metrics.ticket_issued("sale", Some("DE"));
        metrics.ticket_issued("sale", Some("nonsense"));
        metrics.session_ended("sale", End::Released);
        metrics.origin_answer("booking", Some(503), Duration::from_millis(20));
        metrics.config_reloaded(false);
        let text = metrics.text();
        for line in [
            "stanchion_requests_forwarded_total{room=\"sale\"} 1",
            "stanchion_tickets_issued_total{room=\"sale\"} 2",
            "stanchion_visitors_total{country=\"DE\",got=\"ticket\"} 1",
            "stanchion_visitors_total{country=\"??\",got=\"ticket\"} 1",
            "stanchion_sessions_ended_total{how=\"released\",room=\"sale\"} 1",
            "stanchion_origin_answers_total{origin=\"booking\",status=\"5xx\"} 1",
            "stanchion_config_reloads_total{result=\"refused\"} 1",
            "stanchion_build_info{version=\"0.1.0\"} 1",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is missing from\n{text}");
        }
    }

    #[test]
    fn one_name_past_the_bound_is_other() {
        let metrics = Metrics::new().unwrap();
        for number in 0..=MAX_NAMES {
            metrics.status_poll(&format!("room-{number}"));
        }
        let text = metrics.text();
        let lines = text
            .lines()
            .filter(|line| line.starts_with("stanchion_status_polls_total{"))
            .count();
        assert_eq!(lines, MAX_NAMES + 1);
        assert!(text.contains("stanchion_status_polls_total{room=\"other\"} 1"));
    }

    #[test]
    fn rooms_that_are_gone_are_gone() {
        let metrics = Metrics::new().unwrap();
        let snapshot = crate::admin::fixtures::snapshot();
        let gauges = |room| RoomGauges {
            room,
            snapshot: &snapshot,
            age: Duration::from_millis(500),
        };
        metrics.set_rooms([gauges("old"), gauges("sale")].into_iter());
        metrics.set_rooms([gauges("sale")].into_iter());
        let text = metrics.text();
        assert!(!text.contains("\"old\""), "{text}");
        assert!(
            text.contains("stanchion_room_visitors{room=\"sale\",where=\"waiting\"} 120"),
            "{text}"
        );
        assert!(
            text.contains("stanchion_room_state{room=\"sale\",state=\"queueing\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("stanchion_room_rate_visitors_per_second{room=\"sale\"} 1"),
            "{text}"
        );
    }
}
