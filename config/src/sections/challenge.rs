//! `[rooms.challenge]`: what a new place costs a network that has had many.

use stanchion_admission::challenge::PressureRules;

use crate::read::{Bounds, Notes, Section};
use crate::types::{Challenge, Enforcement};

const FREE_PLACES: u64 = 30;
const WAITING_INSTEAD: u64 = 30;

pub(super) fn challenge(mut section: Section<'_>, notes: &mut Notes<'_>) -> Challenge {
    let modes = [
        ("off", Enforcement::Off),
        ("observe", Enforcement::Observe),
        ("enforce", Enforcement::Enforce),
    ];
    let free = Bounds {
        allowed: 0..=1_000_000,
        why: "places are counted for ten minutes",
    };
    let waiting = Bounds {
        allowed: 1..=100_000,
        why: "whoever has no JavaScript must be able to get in",
    };
    let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let challenge = Challenge {
        mode: section.choice("mode", &modes, Enforcement::Off, notes),
        rules: PressureRules {
            free: count(section.integer("free_places", FREE_PLACES, &free, notes)),
            waiters_per_minute: count(section.integer("waiting_instead", WAITING_INSTEAD, &waiting, notes)),
        },
    };
    section.close(notes);
    challenge
}
