//! The waiting answer as bytes: its forms, headers and size.

mod pages_common;

use pages_common::{ask, views};
use stanchion::pages::{self, Dress, lang};

/// Everything inline, and still within the first flight of a connection: ten packets of 1,460 bytes.
const MOST_BYTES: usize = 14_000;

#[test]
fn a_page_is_small_in_every_language_and_state() {
    let dress = Dress::titled("Riverside Tickets");
    let mut largest = (0, String::new());
    for language in lang::all() {
        for (name, view) in views() {
            let answer = pages::answer(&view, &ask(&dress, language.tag));
            let headers: usize = answer.headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
            let total = headers + answer.body.len();
            largest = largest.max((total, format!("{name} in {}", language.tag)));
        }
    }
    println!("largest page: {largest:?}");
    assert!(largest.0 < MOST_BYTES, "{largest:?}");
}
#[test]
fn dump() {
    let dress = Dress::titled("Riverside Tickets");
    for language in lang::all() {
        let answer = pages::answer(
            &pages_common::view(stanchion_admission::store::RoomState::Queueing),
            &ask(&dress, language.tag),
        );
        println!("{} body {}", language.tag, answer.body.len());
        std::fs::write(format!("/tmp/pages-{}.html", language.tag), &answer.body).unwrap();
    }
}
