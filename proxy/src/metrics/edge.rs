//! What an edge has counted itself, copied at each scrape.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::build::{counters, int_gauges};
use crate::edge::{ANSWER_CLASSES, Figures, OriginFigures};

pub(super) struct Edge {
    connections: IntGauge,
    accepted: IntCounter,
    connections_refused: IntCounterVec,
    requests: IntCounter,
    handled: IntCounterVec,
    refused: IntCounterVec,
    panics: IntCounter,
    origin_answers: IntCounterVec,
    origin_servers: IntGaugeVec,
}

const HANDLED: &str =
    "Requests answered by the edge itself, forwarded to an origin, or let through to another proxy's.";
const REFUSED: &str = "Requests refused for what they are, or because no origin could serve them.";
const ANSWERS: &str = "Answers of origins by class of status.";
const SERVERS: &str = "Servers of an origin: those that may be asked now, and all.";

impl Edge {
    pub(super) fn new(at: &Registry) -> prometheus::Result<Edge> {
        let edge = Edge {
            connections: IntGauge::new("stanchion_connections", "Visitors' connections open now.")?,
            accepted: IntCounter::new(
                "stanchion_connections_accepted_total",
                "Visitors' connections accepted.",
            )?,
            requests: IntCounter::new("stanchion_requests_total", "Requests of visitors.")?,
            panics: IntCounter::new("stanchion_panics_total", "Requests whose handler panicked.")?,
            connections_refused: counters(at, "stanchion_connections_refused_total", "Not served.", &["reason"])?,
            handled: counters(at, "stanchion_requests_handled_total", HANDLED, &["how"])?,
            refused: counters(at, "stanchion_requests_refused_total", REFUSED, &["reason"])?,
            origin_answers: counters(at, "stanchion_origin_answers_total", ANSWERS, &["origin", "status"])?,
            origin_servers: int_gauges(at, "stanchion_origin_servers", SERVERS, &["origin", "which"])?,
        };
        at.register(Box::new(edge.connections.clone()))?;
        for counter in [&edge.accepted, &edge.requests, &edge.panics] {
            at.register(Box::new(counter.clone()))?;
        }
        Ok(edge)
    }

    pub(super) fn set(&self, figures: &Figures) {
        self.connections
            .set(i64::try_from(figures.connections_open).unwrap_or(i64::MAX));
        set(&self.accepted, figures.accepted);
        set(&self.requests, figures.requests);
        set(&self.panics, figures.panics);
        for (reason, count) in [
            ("too-many", figures.turned_away),
            ("tls", figures.tls_failed),
            ("proxy-header", figures.preface_failed),
            ("stranger", figures.strangers),
        ] {
            set(&self.connections_refused.with_label_values(&[reason]), count);
        }
        for (how, count) in [
            ("answered", figures.answered),
            ("forwarded", figures.forwarded),
            ("let-through", figures.let_through),
        ] {
            set(&self.handled.with_label_values(&[how]), count);
        }
        for (reason, count) in &figures.refused {
            set(&self.refused.with_label_values(&[reason]), *count);
        }
        self.set_origins(&figures.origins);
    }

    /// Origins that are configured no more are gone.
    fn set_origins(&self, origins: &[OriginFigures]) {
        self.origin_answers.reset();
        self.origin_servers.reset();
        for origin in origins.iter().take(super::MAX_NAMES) {
            let name = origin.name.as_str();
            for (class, count) in ANSWER_CLASSES.iter().zip(origin.answers) {
                set(&self.origin_answers.with_label_values(&[name, class]), count);
            }
            for (which, servers) in [("healthy", origin.healthy), ("all", origin.servers)] {
                let gauge = self.origin_servers.with_label_values(&[name, which]);
                gauge.set(i64::try_from(servers).unwrap_or(i64::MAX));
            }
        }
    }
}

/// The edge counts; this only shows.
fn set(counter: &IntCounter, value: u64) {
    counter.reset();
    counter.inc_by(value);
}
