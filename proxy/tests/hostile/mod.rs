//! A stranger's tools: an edge with a gate that obeys the path, an origin that records and judges what it gets, and
//! raw sockets.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

pub mod cases;
pub mod cases2;
pub mod client;
pub mod desync;
pub mod frames;
pub mod gate;
pub mod origin;
pub mod spoofs;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use stanchion::edge::{EdgeHandle, EdgeSettings, ListenerSettings, OriginSettings};

pub use gate::ObedientGate;
pub use origin::StrictOrigin;

/// Longer than anything that works takes; a test that waits this long fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An edge before one origin.
pub struct Stand {
    pub edge: EdgeHandle,
    pub at: SocketAddr,
    pub gate: Arc<ObedientGate>,
    pub origin: StrictOrigin,
}

pub fn socket() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Starts an edge in the clear; `adjust` changes its settings.
pub async fn stand(adjust: impl FnOnce(&mut EdgeSettings)) -> Stand {
    stand_with(ListenerSettings::default(), adjust).await
}

pub async fn stand_with(listener: ListenerSettings, adjust: impl FnOnce(&mut EdgeSettings)) -> Stand {
    let origin = StrictOrigin::start().await;
    let gate = Arc::new(ObedientGate::default());
    let mut settings = EdgeSettings {
        origins: vec![OriginSettings::new("o", vec![origin.address.to_string()])],
        ..Default::default()
    };
    adjust(&mut settings);
    let edge = stanchion::edge::start(settings, gate.clone(), vec![(socket(), listener)])
        .await
        .unwrap();
    Stand {
        at: *edge
            .addresses()
            .iter()
            .chain(&edge.decision_addresses())
            .next()
            .unwrap(),
        edge,
        gate,
        origin,
    }
}
