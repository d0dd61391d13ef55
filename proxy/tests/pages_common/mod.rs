//! Views and askers that the tests of the pages share.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod server;

use http::Method;
use stanchion::pages::view::{Notice, WaitView};
use stanchion::pages::{Dress, PageAsk};
use stanchion_admission::ids::Stamp;
use stanchion_admission::store::RoomState;

pub const STATES: [RoomState; 7] = [
    RoomState::Open,
    RoomState::Queueing,
    RoomState::Paused,
    RoomState::Prequeue,
    RoomState::Full,
    RoomState::Closed,
    RoomState::Recovering,
];

/// 4,211th of 12,000, a minute after arrival.
pub fn view(state: RoomState) -> WaitView {
    WaitView {
        room: "sale".to_owned(),
        state,
        position: Some(4_211),
        waiting: Some(12_000),
        wait_seconds: Some((620, 1_100)),
        refresh_ms: 12_000,
        arrived_at: Some(Stamp(1_795_000_000_123_456)),
        now: Stamp(1_795_000_060_123_456),
        stale: false,
        opens_at: (state == RoomState::Prequeue).then_some(Stamp(1_795_003_660_000_000)),
        paused_reason: (state == RoomState::Paused).then(|| "The lighting desk is being repaired.".to_owned()),
        message: None,
        notice: None,
    }
}

/// Every state, and everything else that changes a page.
pub fn views() -> Vec<(String, WaitView)> {
    let mut all: Vec<_> = STATES.iter().map(|s| (format!("{s:?}"), view(*s))).collect();
    let queueing = || view(RoomState::Queueing);
    for notice in [Notice::TicketReplaced, Notice::PlaceLapsed, Notice::SessionEnded] {
        let changed = WaitView {
            notice: Some(notice),
            ..queueing()
        };
        all.push((format!("{notice:?}"), changed));
    }
    let full = WaitView {
        notice: Some(Notice::LineFull),
        position: None,
        wait_seconds: None,
        arrived_at: None,
        ..queueing()
    };
    all.push(("LineFull".to_owned(), full));
    all.push((
        "stale".to_owned(),
        WaitView {
            stale: true,
            ..queueing()
        },
    ));
    let message = Some("Tickets for Saturday are still available.\nPlease have your member number ready.".to_owned());
    all.push(("message".to_owned(), WaitView { message, ..queueing() }));
    let unknown = WaitView {
        position: None,
        waiting: None,
        wait_seconds: None,
        ..queueing()
    };
    all.push(("unknown".to_owned(), unknown));
    all
}

/// A browser that opens a page.
pub fn ask<'a>(dress: &'a Dress, language: &str) -> PageAsk<'a> {
    let mut ask = PageAsk::new(
        &Method::GET,
        "bm9uY2Utb2YtMTI4LWJpdHM=",
        "/.well-known/stanchion/rooms/sale/status",
        dress,
    );
    ask.accept = Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8".to_owned());
    ask.accept_language = Some(language.to_owned());
    ask.at("/sale", None)
}
