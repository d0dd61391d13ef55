//! The end of an edge, as its operator reads it: how many are awaited, and what became of them.

use std::time::{Duration, Instant};

use crate::edge::{EdgeHandle, UnderWay};

/// Awaits what is under way for at most `drain`, or until `hurry`, and says so before and after.
pub async fn drain(edge: EdgeHandle, drain: Duration, hurry: impl Future<Output = ()>) {
    let UnderWay { connections, requests } = edge.under_way();
    let most = format!("{drain:?}");
    tracing::info!(
        requests,
        connections,
        most,
        "stopping: nobody new is served, requests under way are awaited; a second signal ends the wait"
    );
    let began = Instant::now();
    let cut = edge.stop_unless_hurried(drain, hurry).await;
    let waited_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    if cut == UnderWay::default() {
        tracing::info!(waited_ms, "stopped: nothing was cut off");
    } else {
        let UnderWay { connections, requests } = cut;
        tracing::warn!(
            requests,
            connections,
            waited_ms,
            "stopped: these were cut off (edge.drain says how long they are awaited)"
        );
    }
}
