//! Every metric of the edge, in one place: names with their units, labels with a bound. Counts what it is told;
//! decides nothing.

use prometheus::{Encoder, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder};
use stanchion_admission::store::{End, Snapshot};

/// Countries told apart in metrics; the rest count as `other`, so that a label cannot grow without bound.
const MAX_COUNTRIES: usize = 260;
/// Upper edges of the answer-time buckets, in seconds.
const ANSWER_BUCKETS_S: &[f64] = &[
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Counters and gauges. Rooms are configured, so their names bound the label.
pub struct Metrics {
    registry: Registry,
    tickets: IntCounterVec,
    admissions: IntCounterVec,
    waiting_answers: IntCounterVec,
    status_polls: IntCounterVec,
    sessions_ended: IntCounterVec,
    refusals: IntCounterVec,
    answer_seconds: HistogramVec,
    line: IntGaugeVec,
    countries: parking_lot::Mutex<std::collections::HashSet<String>>,
}

impl Metrics {
    /// # Errors
    /// Where two metrics have one name, which would be a mistake in this file.
    pub fn new() -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let by_country = &["room", "country"];
        let tickets = counter("stanchion_tickets_issued_total", "New places in line.", by_country)?;
        let admissions = counter(
            "stanchion_admissions_total",
            "Passes given after an admission.",
            by_country,
        )?;
        let waiting_answers = counter(
            "stanchion_waiting_answers_total",
            "Waiting answers on protected paths.",
            &["room"],
        )?;
        let status_polls = counter(
            "stanchion_status_polls_total",
            "Waiting answers on the status address.",
            &["room"],
        )?;
        let sessions_ended = counter(
            "stanchion_sessions_ended_total",
            "Sessions an origin ended.",
            &["room", "how"],
        )?;
        let refusals = counter(
            "stanchion_refused_requests_total",
            "Requests refused, by HTTP status.",
            &["status"],
        )?;
        let answer_seconds = HistogramVec::new(
            HistogramOpts::new("stanchion_gate_seconds", "Time the line's decision took.")
                .buckets(ANSWER_BUCKETS_S.to_vec()),
            &["outcome"],
        )?;
        registry.register(Box::new(answer_seconds.clone()))?;
        let line = IntGaugeVec::new(
            Opts::new(
                "stanchion_line",
                "A room as of its newest snapshot; figure says which number.",
            ),
            &["room", "figure"],
        )?;
        registry.register(Box::new(line.clone()))?;
        Ok(Metrics {
            tickets,
            admissions,
            waiting_answers,
            status_polls,
            sessions_ended,
            refusals,
            answer_seconds,
            line,
            countries: parking_lot::Mutex::default(),
            registry,
        })
    }

    pub fn ticket_issued(&self, room: &str, country: Option<&str>) {
        self.tickets
            .with_label_values(&[room, self.country(country).as_str()])
            .inc();
    }

    pub fn admitted(&self, room: &str, country: Option<&str>) {
        self.admissions
            .with_label_values(&[room, self.country(country).as_str()])
            .inc();
    }

    pub fn waiting_answer(&self, room: &str) {
        self.waiting_answers.with_label_values(&[room]).inc();
    }

    pub fn status_poll(&self, room: &str) {
        self.status_polls.with_label_values(&[room]).inc();
    }

    pub fn session_ended(&self, room: &str, how: End) {
        let how = match how {
            End::Released => "released",
            End::Revoked => "revoked",
        };
        self.sessions_ended.with_label_values(&[room, how]).inc();
    }

    pub fn refused(&self, status: http::StatusCode) {
        self.refusals.with_label_values(&[status.as_str()]).inc();
    }

    pub fn gate_took(&self, outcome: &'static str, seconds: f64) {
        self.answer_seconds.with_label_values(&[outcome]).observe(seconds);
    }

    /// A room's figures as of a snapshot of this age.
    pub fn room(&self, room: &str, snapshot: &Snapshot, age: std::time::Duration) {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        for (figure, value) in [
            ("waiting", snapshot.waiting),
            ("present", snapshot.present),
            ("admitted", snapshot.admitted),
            ("active", snapshot.active),
            ("ghosts", snapshot.ghosts),
            ("capacity", snapshot.capacity),
            ("epoch", snapshot.epoch.ordinal),
            ("snapshot_age_ms", age_ms),
        ] {
            self.line
                .with_label_values(&[room, figure])
                .set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }

    /// More metrics for the same page: the admin's own, the store's.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The Prometheus text format.
    ///
    /// # Errors
    /// Where a metric cannot be written, which would be a mistake in this file.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|e| prometheus::Error::Msg(e.to_string()))
    }

    fn country(&self, country: Option<&str>) -> String {
        let Some(code) = country else {
            return "unknown".to_owned();
        };
        let mut known = self.countries.lock();
        if known.contains(code) {
            return code.to_owned();
        }
        if known.len() >= MAX_COUNTRIES {
            return "other".to_owned();
        }
        known.insert(code.to_owned());
        code.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_what_it_was_told() {
        let metrics = Metrics::new().unwrap();
        metrics.ticket_issued("sale", Some("TH"));
        metrics.admitted("sale", None);
        let text = metrics.render().unwrap();
        assert!(
            text.contains("stanchion_tickets_issued_total{country=\"TH\",room=\"sale\"} 1"),
            "{text}"
        );
        assert!(
            text.contains("stanchion_admissions_total{country=\"unknown\",room=\"sale\"} 1"),
            "{text}"
        );
    }

    #[test]
    fn countries_are_bounded() {
        let metrics = Metrics::new().unwrap();
        for number in 0..=MAX_COUNTRIES {
            metrics.admitted("sale", Some(&format!("c{number}")));
        }
        assert!(metrics.render().unwrap().contains("country=\"other\""));
        assert_eq!(metrics.countries.lock().len(), MAX_COUNTRIES);
    }
}
