//! Keys change, nobody notices (T5): no good pass or ticket is refused while keys rotate with overlap, whoever
//! learns of the new key within the time that is published.

use std::time::Duration;

use stanchion_admission::ids::Stamp;
use stanchion_admission::keys::{
    JWKS_MAX_AGE, KeyKind, KeyRing, KeyState, PASS_KEY_KEPT, PUBLISH_AHEAD, PassAlg, Rotation, RotationRefused,
    TICKET_KEY_KEPT, Which,
};
use stanchion_admission::pass::{self, PassFault};
use stanchion_admission::store::Session;
use stanchion_admission::ticket::{self, TicketFault};

use crate::support::{Counting, NOW, context, good_pass, ring, sale, session, ticket};

const BOTH: Rotation = Rotation {
    which: Which::Both,
    alg: PassAlg::EdDsa,
    emergency: false,
};

fn after(seconds: u64) -> Stamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// An origin with a cached JWKS: the ids of the keys it knows.
fn kids(keys: &KeyRing, now: Stamp) -> Vec<String> {
    let jwks = keys.jwks(now);
    jwks["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap().to_owned())
        .collect()
}

/// The rotation that an operator makes: all keys, or the pass keys alone where ticket keys, which are kept for two
/// weeks, have become too many.
fn rotated(keys: &KeyRing, round: u64, now: Stamp) -> KeyRing {
    let alg = if round.is_multiple_of(2) {
        PassAlg::Es256
    } else {
        PassAlg::EdDsa
    };
    let entropy = Counting::from(100 + round);
    match keys.rotate(&entropy, Rotation { alg, ..BOTH }, now) {
        Err(RotationRefused::TooMany) => {
            let passes = Rotation {
                alg,
                which: Which::Passes,
                ..BOTH
            };
            keys.rotate(&entropy, passes, now).unwrap()
        }
        other => other.unwrap(),
    }
}

/// What visitors hold, and how often it was shown.
#[derive(Default)]
struct Held {
    passes: Vec<(Stamp, String)>,
    tickets: Vec<String>,
    shown: u64,
}

impl Held {
    fn issue(&mut self, edge: &KeyRing, now: Stamp) {
        let session = Session {
            claimed_at: now,
            ..session()
        };
        self.passes
            .push((now, pass::issue(edge, &sale(), &session, &context(), now).unwrap()));
        self.passes.retain(|(made, _)| now.since(*made) <= context().ttl);
        self.tickets.push(ticket::seal(edge, &ticket(None), now));
    }

    fn show(&mut self, edge: &KeyRing, origin: &[String], now: Stamp) {
        for (made, token) in &self.passes {
            let pass =
                pass::verify(edge, &sale(), token, now).unwrap_or_else(|e| panic!("made {made:?}, at {now:?}: {e}"));
            assert!(
                origin.contains(&pass.kid),
                "the origin does not know {} at {now:?}",
                pass.kid
            );
        }
        let tickets = self.tickets.iter().step_by(37);
        self.shown += (self.passes.len() + tickets.len()) as u64;
        tickets.for_each(|token| assert_eq!(ticket::open(edge, &sale(), token), Ok(ticket(None))));
    }
}

/// 20 rotations, a step every minute; edge A learns of a rotation at once, edge B after almost five minutes; an origin
/// fetches the JWKS as rarely as it may. Passes and tickets of both edges, new and old, are shown to both.
#[test]
fn t5_twenty_rotations_refuse_no_good_pass_and_no_good_ticket() {
    const STEP: u64 = 60;
    const EVERY: u64 = 2_400;
    let (mut a, mut b) = (ring(1), ring(1));
    let mut origin = (NOW, kids(&a, NOW));
    let mut held = Held::default();
    for second in (0..EVERY * 20).step_by(STEP as usize) {
        let now = after(second);
        if second % EVERY == 0 {
            a = rotated(&a, second / EVERY, now);
        }
        if second % EVERY == (PUBLISH_AHEAD - JWKS_MAX_AGE).as_secs() - STEP {
            b = a.clone();
        }
        // The origin serves from its cache until max-age is over.
        if now.since(origin.0) > JWKS_MAX_AGE {
            origin = (now, kids(&b, now));
        }
        for edge in [&a, &b] {
            held.issue(edge, now);
        }
        for edge in [&a, &b] {
            held.show(edge, &origin.1, now);
        }
    }
    assert_eq!(a.list(NOW).iter().filter(|key| key.kind == KeyKind::Pass).count(), 2);
    assert!(held.shown > 30_000, "{}", held.shown);
}

#[test]
fn t5_states_and_times_of_a_rotation() {
    let keys = ring(1).rotate(&Counting::from(5), BOTH, NOW).unwrap();
    let published = NOW.unix_seconds() + PUBLISH_AHEAD.as_secs();
    let at = |second: u64| Stamp(second * 1_000_000);
    let states = |now: Stamp| -> Vec<KeyState> { keys.list(now).iter().map(|key| key.state).collect() };
    use KeyState::{Current, Next, Past, Retired};
    assert_eq!(states(NOW), [Current, Next, Current, Next]);
    assert_eq!(states(at(published - 1)), [Current, Next, Current, Next]);
    assert_eq!(states(at(published)), [Retired, Current, Retired, Current]);
    let passes_end = published + PASS_KEY_KEPT.as_secs();
    assert_eq!(states(at(passes_end - 1)), [Retired, Current, Retired, Current]);
    assert_eq!(states(at(passes_end)), [Retired, Current, Past, Current]);
    assert_eq!(kids(&keys, at(passes_end)).len(), 1);
    assert_eq!(
        states(at(published + TICKET_KEY_KEPT.as_secs())),
        [Past, Current, Past, Current]
    );
    // Read back from its files, it keeps the same times.
    let again = KeyRing::from_files(&keys.to_files()).unwrap();
    assert_eq!(again.list(NOW), keys.list(NOW));
}

#[test]
fn t5_a_retired_key_is_refused_after_its_time_though_it_is_still_in_the_ring() {
    let keys = ring(1).rotate(&Counting::from(5), BOTH, NOW).unwrap();
    let end = after(PUBLISH_AHEAD.as_secs() + PASS_KEY_KEPT.as_secs());
    let session = Session {
        claimed_at: end,
        ..session()
    };
    let old = pass::issue(&ring(1), &sale(), &session, &context(), end).unwrap();
    assert_eq!(pass::verify(&keys, &sale(), &old, end), Err(PassFault::RetiredKey));
    assert!(
        pass::verify(&ring(1), &sale(), &old, end).is_ok(),
        "the key alone is what was wrong"
    );
}

#[test]
fn t5_one_rotation_at_a_time_and_never_too_many_keys() {
    let mut keys = ring(1).rotate(&Counting::from(5), BOTH, NOW).unwrap();
    let refused = keys.rotate(&Counting::from(6), BOTH, NOW).unwrap_err();
    assert_eq!(
        refused,
        RotationRefused::AlreadyUnderWay(Stamp((NOW.unix_seconds() + 600) * 1_000_000))
    );
    let mut refusal = None;
    for round in 1..20 {
        match keys.rotate(&Counting::from(10 + round), BOTH, after(round * 3_600)) {
            Ok(next) => keys = next,
            Err(error) => {
                refusal = Some((round, error));
                break;
            }
        }
    }
    assert_eq!(refusal, Some((7, RotationRefused::TooMany)));
}

#[test]
fn t5_an_emergency_forgets_the_old_keys_at_once() {
    let old = ring(1);
    let (pass, sealed) = (good_pass(&old), ticket::seal(&old, &ticket(None), NOW));
    let passes_only = Rotation {
        which: Which::Passes,
        emergency: true,
        ..BOTH
    };
    let keys = old.rotate(&Counting::from(5), passes_only, NOW).unwrap();
    assert_eq!(pass::verify(&keys, &sale(), &pass, NOW), Err(PassFault::UnknownKey));
    assert!(ticket::open(&keys, &sale(), &sealed).is_ok(), "places are kept");
    // The same visitor's next pass has the same id.
    let id = |keys: &KeyRing, token: &str| pass::verify(keys, &sale(), token, NOW).unwrap().id;
    assert_eq!(id(&keys, &good_pass(&keys)), id(&old, &pass));

    let all = old
        .rotate(
            &Counting::from(5),
            Rotation {
                emergency: true,
                ..BOTH
            },
            NOW,
        )
        .unwrap();
    assert_eq!(ticket::open(&all, &sale(), &sealed), Err(TicketFault::UnknownKey));
    // Even while a rotation is under way.
    let under_way = old.rotate(&Counting::from(5), BOTH, NOW).unwrap();
    assert!(
        under_way
            .rotate(
                &Counting::from(6),
                Rotation {
                    emergency: true,
                    ..BOTH
                },
                NOW
            )
            .is_ok()
    );
}
