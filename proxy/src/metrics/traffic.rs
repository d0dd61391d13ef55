//! What visitors do, counted.

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Registry};

use super::build::counters;

/// Upper edges of the gate's buckets, in seconds.
const GATE_BUCKETS_S: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];
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
