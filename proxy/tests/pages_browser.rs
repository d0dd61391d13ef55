//! The waiting page in a real browser, against a server whose status answers are scripted. What is looked at stands in
//! `testkit/browser/pages.mjs`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot do its work fails loudly"
)]

mod pages_common;

use pages_common::server;
use stanchion_testkit::browser;

#[test]
fn the_page_keeps_itself_up_to_date_and_everybody_can_use_it() {
    let base = server::start();
    println!("{}", browser::run("pages.mjs", &[("BASE", &base)]));
}

/// Pictures for people to look at: `STANCHION_SHOTS=queueing:en:phone:light,… STANCHION_SHOTS_DIR=/tmp/shots`.
#[test]
fn pictures_on_request() {
    let Ok(shots) = std::env::var("STANCHION_SHOTS") else {
        return;
    };
    let folder = std::env::var("STANCHION_SHOTS_DIR").unwrap_or_else(|_| "/tmp".to_owned());
    let base = server::start();
    let _ = browser::run("shots.mjs", &[("BASE", &base), ("SHOTS", &shots), ("OUT", &folder)]);
}
