//! The memory of verified passes: says what `verify` says, and never holds more than its maximum.

use std::time::Duration;

use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::keys::{KeyRing, PassAlg, Rotation, Which};
use stanchion_admission::pass::{self, PassCache, PassFault};
use stanchion_admission::store::Session;

use crate::support::{Counting, NOW, context, good_pass, ring, room, sale, session};

fn pass_of(keys: &KeyRing, visitor: u32) -> String {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&visitor.to_be_bytes());
    let session = Session {
        place: Place {
            stamp: NOW,
            visitor: VisitorId(id),
        },
        ..session()
    };
    pass::issue(keys, &sale(), &session, &context(), NOW).unwrap()
}

#[test]
fn a_hit_says_what_a_miss_said_and_only_for_that_room() {
    let (keys, cache, token) = (ring(1), PassCache::new(64), good_pass(&ring(1)));
    let first = cache.verify(&keys, &sale(), &token, NOW).unwrap();
    let second = cache.verify(&keys, &sale(), &token, NOW).unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    assert_eq!(cache.len(), 1);
    assert_eq!(
        cache.verify(&keys, &room("other"), &token, NOW),
        Err(PassFault::OtherRoom)
    );
    let mut tampered = token.clone();
    tampered.replace_range(0..1, "f");
    assert!(cache.verify(&keys, &sale(), &tampered, NOW).is_err());
    assert_eq!(
        cache.verify(&keys, &sale(), &"x".repeat(1 << 20), NOW),
        Err(PassFault::TooLong)
    );
    assert_eq!(cache.len(), 1, "what is bad is not remembered");
}

/// T2: what ends like a verified pass is not one. Each of these meets the held pass in the cache, none is it.
#[test]
fn a_hit_is_the_whole_text_and_not_its_end() {
    let (keys, cache, token) = (ring(1), PassCache::new(64), good_pass(&ring(1)));
    let kept = cache.verify(&keys, &sale(), &token, NOW).unwrap();
    let end = &token[token.len() - 40..];
    for at in 0..token.len() - 40 {
        let mut other = token.clone();
        let changed = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
        other.replace_range(at..=at, changed);
        assert!(
            other.ends_with(end) && cache.verify(&keys, &sale(), &other, NOW).is_err(),
            "{other}"
        );
    }
    assert!(cache.verify(&keys, &sale(), end, NOW).is_err());
    assert!(cache.verify(&keys, &sale(), &format!("x{token}"), NOW).is_err());
    let again = cache.verify(&keys, &sale(), &token, NOW).unwrap();
    assert!(std::sync::Arc::ptr_eq(&kept, &again), "the good one is still held");
}

#[test]
fn a_hit_still_asks_the_clock_and_forgets_what_has_ended() {
    let (keys, cache, token) = (ring(1), PassCache::new(64), good_pass(&ring(1)));
    cache.verify(&keys, &sale(), &token, NOW).unwrap();
    let last = Stamp(1_793_491_829_999_999);
    assert!(cache.verify(&keys, &sale(), &token, last).is_ok());
    assert_eq!(
        cache.verify(&keys, &sale(), &token, last.next()),
        Err(PassFault::Expired)
    );
    assert!(cache.is_empty());
}

#[test]
fn t5_a_leaked_key_is_refused_on_a_hit_too() {
    let (keys, cache, token) = (ring(1), PassCache::new(64), good_pass(&ring(1)));
    cache.verify(&keys, &sale(), &token, NOW).unwrap();
    let rotation = Rotation {
        which: Which::Passes,
        alg: PassAlg::EdDsa,
        emergency: true,
    };
    let after = keys.rotate(&Counting::from(7), rotation, NOW).unwrap();
    assert_eq!(cache.verify(&after, &sale(), &token, NOW), Err(PassFault::UnknownKey));
    assert!(cache.is_empty());
}

#[test]
fn never_more_than_its_maximum_and_the_busy_ones_stay() {
    let (keys, max) = (ring(1), 256);
    let cache = PassCache::new(max);
    let regular = pass_of(&keys, 0);
    let kept = cache.verify(&keys, &sale(), &regular, NOW).unwrap();
    for visitor in 1..=2_000 {
        cache.verify(&keys, &sale(), &pass_of(&keys, visitor), NOW).unwrap();
        let again = cache.verify(&keys, &sale(), &regular, NOW).unwrap();
        assert!(
            std::sync::Arc::ptr_eq(&kept, &again),
            "seen each time, so never forgotten ({visitor})"
        );
        assert!(cache.len() <= max, "{} held", cache.len());
    }
    assert!(cache.len() > max / 3);
}

#[test]
fn a_renewal_is_another_text_with_the_same_id() {
    let (keys, cache) = (ring(1), PassCache::new(64));
    let later = NOW.plus(Duration::from_secs(400));
    let renewed = pass::issue(&keys, &sale(), &session(), &context(), later).unwrap();
    let first = cache.verify(&keys, &sale(), &good_pass(&keys), later).unwrap();
    let second = cache.verify(&keys, &sale(), &renewed, later).unwrap();
    assert_eq!((first.id, cache.len()), (second.id, 2));
}
