//! Makes a metric and registers it.

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

pub(super) fn counters(at: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
    let vector = IntCounterVec::new(Opts::new(name, help), labels)?;
    at.register(Box::new(vector.clone()))?;
    Ok(vector)
}

pub(super) fn int_gauges(at: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
    let vector = IntGaugeVec::new(Opts::new(name, help), labels)?;
    at.register(Box::new(vector.clone()))?;
    Ok(vector)
}

pub(super) fn gauges(at: &Registry, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
    let vector = GaugeVec::new(Opts::new(name, help), labels)?;
    at.register(Box::new(vector.clone()))?;
    Ok(vector)
}
