//! The waiting answer as bytes: its forms, headers and size.

use http::Method;
use stanchion::pages::view::WaitView;
use stanchion::pages::{self, Dress, PageAsk};
use stanchion_admission::ids::Stamp;
use stanchion_admission::store::RoomState;

#[test]
fn dump() {
    let view = WaitView {
        room: "sale".into(),
        state: RoomState::Queueing,
        position: Some(4211),
        waiting: Some(12000),
        wait_seconds: Some((400, 800)),
        refresh_ms: 2000,
        arrived_at: Some(Stamp(1_700_000_000_000_000)),
        now: Stamp(1_700_000_060_000_000),
        stale: false,
        opens_at: None,
        paused_reason: None,
        message: None,
        notice: None,
    };
    let dress = Dress::titled("Riverside Tickets");
    let mut ask = PageAsk::new(&Method::GET, "abc", "/status", &dress);
    ask.accept = Some("text/html".into());
    let a = pages::answer(&view, &ask);
    println!("{:?} {}", a.headers, a.body.len());
    std::fs::write("/tmp/pages-w.html", &a.body).unwrap();
    println!(
        "{}",
        String::from_utf8(pages::status_waiting(&view).body.to_vec()).unwrap()
    );
}
