//! Whatever the bytes: no panic, and nothing that was not ours is believed.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::pass::{self, PassContext};
use stanchion_admission::store::Session;
use stanchion_admission::ticket::{self, Ticket};

use crate::support::{Forger, NOW, context, ring, room, sale, session, ticket};

/// `PROPTEST_CASES` (256 where it is not set) times this: cheap properties get more.
fn cases(times: u32) -> ProptestConfig {
    let set = ProptestConfig::default();
    ProptestConfig {
        failure_persistence: None,
        cases: set.cases.saturating_mul(times),
        ..set
    }
}

fn visitor() -> impl Strategy<Value = VisitorId> {
    any::<[u8; 16]>().prop_map(VisitorId)
}

fn name() -> impl Strategy<Value = String> {
    "[a-z0-9-]{1,64}"
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn t1_any_ticket_roundtrips_and_opens_no_other_room(
        stamp in 1..=Stamp::MAX.0, visitor in visitor(), binding in any::<Option<[u8; 16]>>(), a in name(), b in name(),
    ) {
        let made = Ticket { room: room(&a), place: Place { stamp: Stamp(stamp), visitor }, binding };
        let text = ticket::seal(&ring(1), &made, NOW);
        prop_assert_eq!(ticket::open(&ring(1), &room(&a), &text), Ok(made));
        prop_assert_eq!(ticket::open(&ring(1), &room(&b), &text).is_ok(), a == b);
    }

    #[test]
    fn t1_any_text_is_no_ticket_and_no_panic(text in "\\PC{0,130}|[A-Za-z0-9_-]{94}|[A-Za-z0-9_-]{115}|[A-Za-z0-9_.-]{0,300}") {
        prop_assert!(ticket::open(&ring(1), &sale(), &text).is_err());
        prop_assert!(pass::verify(&ring(1), &sale(), &text, NOW).is_err());
        let _ = ticket::peek(&text);
    }
}

proptest! {
    #![proptest_config(cases(2))]

    #[test]
    fn t3_any_pass_roundtrips(
        stamp in 1..=NOW.0, visitor in visitor(), ttl in 0..2_000_u64, waited in 0..100_000_u64,
        region in proptest::option::of("[A-Z]{2}"), position in any::<Option<u64>>(), name in name(),
    ) {
        let claimed_at = NOW.minus(Duration::from_secs(waited));
        let session = Session { place: Place { stamp: Stamp(stamp), visitor }, claimed_at, expires_at: NOW };
        let context = PassContext {
            issuer: "i", region: region.as_deref(), queue_position: position, ttl: Duration::from_secs(ttl),
        };
        let token = pass::issue(&ring(1), &room(&name), &session, &context, NOW).unwrap();
        let pass = pass::verify(&ring(1), &room(&name), &token, NOW).unwrap();
        prop_assert_eq!((pass.place, pass.claimed_at), (session.place, claimed_at));
        prop_assert_eq!((pass.region, pass.queue_position), (region, position));
        prop_assert!(pass.issued_at <= NOW && pass.expires_at > NOW, "made now, it is valid now");
        prop_assert!(pass.expires_at.since(pass.issued_at) <= pass::MAX_LIFE);
    }

    /// Signed by ourselves, so that the bytes get as far as the claims.
    #[test]
    fn t1_any_signed_claims_never_panic(claims in proptest::collection::vec(any::<u8>(), 0..300)) {
        let forger = Forger::with(&ring(1));
        let token = forger.sign(forger.header().to_string().as_bytes(), &claims);
        prop_assert!(pass::verify(&ring(1), &sale(), &token, NOW).is_err());
    }

    #[test]
    fn t1_any_header_never_panics(header in proptest::collection::vec(any::<u8>(), 0..300)) {
        let forger = Forger::with(&ring(1));
        let token = forger.sign(&header, forger.claims().to_string().as_bytes());
        prop_assert!(pass::verify(&ring(1), &sale(), &token, NOW).is_err());
    }

    #[test]
    fn t1_any_change_of_a_good_token_is_refused(at in any::<prop::sample::Index>(), with in any::<char>()) {
        let keys = ring(1);
        let sealed = ticket::seal(&keys, &ticket(Some([1; 16])), NOW);
        let passed = pass::issue(&keys, &sale(), &session(), &context(), NOW).unwrap();
        let changed = |text: &str| {
            let at = at.index(text.len());
            format!("{}{with}{}", &text[..at], &text[at + 1..])
        };
        let (ticket, pass) = (changed(&sealed), changed(&passed));
        prop_assert_eq!(ticket::open(&keys, &sale(), &ticket).is_ok(), ticket == sealed);
        prop_assert_eq!(pass::verify(&keys, &sale(), &pass, NOW).is_ok(), pass == passed);
    }
}

/// A figure to look at, and a bound loose enough for a busy machine: the release goal is below 1 µs a ticket.
#[test]
fn a_ticket_is_opened_in_microseconds() {
    let keys = ring(1);
    let text = ticket::seal(&keys, &ticket(Some([1; 16])), NOW);
    let name = sale();
    let rounds = 20_000;
    let began = Instant::now();
    let opened = (0..rounds)
        .filter(|_| ticket::open(&keys, &name, std::hint::black_box(&text)).is_ok())
        .count();
    let each = began.elapsed() / rounds;
    println!("ticket::open {each:?}");
    assert_eq!(opened, rounds as usize);
    assert!(each < Duration::from_micros(50), "{each:?}");
}
