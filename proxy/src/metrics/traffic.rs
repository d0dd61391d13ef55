//! What visitors do, counted.

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Registry};

use super::build::counters;

/// Upper edges of the gate's buckets, in seconds.
const GATE_BUCKETS_S: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
const ENDED: &str = "Sessions ended by the origin.";
const VISITORS: &str = "Tickets and passes by the visitor's country.";
const ORIGINS: &str = "Answers of origins by class of status.";

/// What visitors do.
pub(super) struct Traffic {
    pub(super) forwarded: IntCounterVec,
    pub(super) waiting_answers: IntCounterVec,
    pub(super) status_polls: IntCounterVec,
    pub(super) tickets: IntCounterVec,
    pub(super) admissions: IntCounterVec,
    pub(super) ended: IntCounterVec,
    pub(super) visitors: IntCounterVec,
    pub(super) refused: IntCounterVec,
    pub(super) malformed: IntCounterVec,
    pub(super) gate_seconds: HistogramVec,
    pub(super) origin_answers: IntCounterVec,
    pub(super) origin_seconds: Histogram,
    pub(super) connections: IntGauge,
    pub(super) connections_refused: IntCounterVec,
}

impl Traffic {
    pub(super) fn new(at: &Registry) -> prometheus::Result<Traffic> {
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
        let by_room = |name, help| counters(at, name, help, &["room"]);
        let by = |name, help, label| counters(at, name, help, &[label]);
        let traffic = Traffic {
            forwarded: by_room("stanchion_requests_forwarded_total", "Requests sent to the origin.")?,
            waiting_answers: by_room(
                "stanchion_waiting_answers_total",
                "Requests answered with the waiting page.",
            )?,
            status_polls: by_room("stanchion_status_polls_total", "Polls of waiting visitors.")?,
            tickets: by_room("stanchion_tickets_issued_total", "Places given to newcomers.")?,
            admissions: by_room("stanchion_admissions_total", "Passes given at this edge.")?,
            refused: by(
                "stanchion_refused_requests_total",
                "Requests refused, by HTTP status.",
                "status",
            )?,
            malformed: by(
                "stanchion_malformed_requests_total",
                "Requests refused for what they are.",
                "reason",
            )?,
            connections_refused: by(
                "stanchion_connections_refused_total",
                "Connections not taken or cut.",
                "reason",
            )?,
            ended: counters(at, "stanchion_sessions_ended_total", ENDED, &["room", "how"])?,
            visitors: counters(at, "stanchion_visitors_total", VISITORS, &["country", "got"])?,
            origin_answers: counters(at, "stanchion_origin_answers_total", ORIGINS, &["origin", "status"])?,
            gate_seconds: HistogramVec::new(gate_seconds, &["outcome"])?,
            origin_seconds: Histogram::with_opts(seconds)?,
            connections,
        };
        at.register(Box::new(traffic.gate_seconds.clone()))?;
        at.register(Box::new(traffic.origin_seconds.clone()))?;
        at.register(Box::new(traffic.connections.clone()))?;
        Ok(traffic)
    }
}
