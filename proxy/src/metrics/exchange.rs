//! How edges exchange what they count together.

use prometheus::{IntGauge, Registry};
use stanchion_admission::limits::global::Watch;

pub(super) struct Exchange {
    reached: IntGauge,
    edges: IntGauge,
    calls: IntGauge,
    failures: IntGauge,
    unreported: IntGauge,
}

impl Exchange {
    pub(super) fn new(at: &Registry) -> prometheus::Result<Exchange> {
        let gauge = |name, help| {
            let gauge = IntGauge::new(name, help)?;
            at.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        Ok(Exchange {
            reached: gauge(
                "stanchion_limit_store_up",
                "1 while the store counts global limits; 1 also where there are none.",
            )?,
            edges: gauge(
                "stanchion_limit_edges",
                "Edges that count global limits together, as last heard.",
            )?,
            calls: gauge(
                "stanchion_limit_store_calls",
                "Calls for global limits since they were last changed.",
            )?,
            failures: gauge("stanchion_limit_store_failures", "Those of them that failed.")?,
            unreported: gauge(
                "stanchion_limit_unreported_keys",
                "Keys with counts that the store is yet to hear of.",
            )?,
        })
    }

    pub(super) fn set(&self, watch: Option<Watch>) {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.reached.set(watch.is_none_or(|watch| watch.reached).into());
        self.edges.set(watch.map_or(0, |watch| i64::from(watch.edges)));
        self.calls.set(watch.map_or(0, |watch| number(watch.calls)));
        self.failures.set(watch.map_or(0, |watch| number(watch.failures)));
        self.unreported
            .set(watch.map_or(0, |watch| number(watch.unreported as u64)));
    }
}
