//! The admin plane over real agents: two edges on one store, each with an admin listener of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stanchion::admin::AgentRooms;
use stanchion_admission::clock::SystemClock;
use stanchion_admission::edge::agent::Agent;
use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::store::memory::MemoryStore;

use super::support::{Server, policy, serve};

const ROOM: &str = "/api/v1/rooms/sale";

async fn edge(store: &Arc<MemoryStore>) -> (Arc<Agent>, Server) {
    let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
    let agent = Agent::start(store.clone(), clock, entropy, vec![policy("sale")], true, vec![]);
    let server = serve(AgentRooms::new(Arc::clone(&agent), vec![policy("sale")])).await;
    (agent, server)
}

/// Looks until the room is so, at most until the deadline; how long it took.
async fn until(server: &Server, what: &str, within: Duration, so: impl Fn(&Value) -> bool) -> Duration {
    let began = Instant::now();
    loop {
        let room = server.get(ROOM).await.json();
        if so(&room) {
            return began.elapsed();
        }
        assert!(began.elapsed() < within, "{what} not within {within:?}: {room:#}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A change at one edge is in force on every edge within two seconds, through the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_every_edge_within_two_seconds() {
    let store = Arc::new(MemoryStore::new(Arc::new(SystemClock::default())));
    let ((one, here), (other, there)) = (edge(&store).await, edge(&store).await);
    for server in [&here, &there] {
        until(server, "a first snapshot", Duration::from_secs(10), |room| {
            !room["snapshot"].is_null()
        })
        .await;
    }
    let changed = here
        .patch(
            ROOM,
            "\"0\"",
            r#"{"paused": {"reason": "Lunch"}, "capacity": 7, "rate": "5/s"}"#,
        )
        .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(
        changed.json()["in_force"],
        json!({"capacity": 7, "rate": "5/s"}),
        "the answer shows it at once"
    );
    let two_seconds = Duration::from_secs(2);
    for (server, which) in [(&here, "the edge that was asked"), (&there, "the other edge")] {
        until(server, which, two_seconds, |room| {
            room["state"] == "paused" && room["in_force"] == json!({"capacity": 7, "rate": "5/s"})
        })
        .await;
    }
    let stale = there.patch(ROOM, "\"0\"", r#"{"paused": null}"#).await;
    assert_eq!(
        stale.status, 412,
        "the other edge's operator is not the first: {}",
        stale.body
    );
    assert_eq!(
        there
            .patch(ROOM, "\"1\"", r#"{"paused": null, "closed": true}"#)
            .await
            .status,
        200
    );
    until(&here, "closed there", two_seconds, |room| room["state"] == "closed").await;
    assert_eq!(here.send("GET", "/readyz", &[], "").await.json()["ready"], true);
    one.shutdown().await;
    other.shutdown().await;
}
