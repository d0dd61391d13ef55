//! What a million waiting cost: bytes per member, time per tick. A process of its own, so that its memory is the room's.
#![allow(clippy::unwrap_used)] // helpers of tests, outside of the test functions

use std::time::{Duration, Instant};

use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::room::Room;
use stanchion_admission::store::{EdgeMemory, Tick};

const START: Stamp = Stamp(1_795_000_000_000_000);
const MEMBERS: u64 = 1_000_000;
/// docs/ADMISSION.md states it.
const MOST_BYTES_PER_MEMBER: u64 = 120;

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4_096
}

fn place(n: u64) -> Place {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    // Nearly in order, as the batches of several edges are.
    Place {
        stamp: Stamp(START.0 + (n ^ 0x1F) * 10),
        visitor: VisitorId(id),
    }
}

#[test]
fn a_million_waiting_cost_little() {
    let policy = RoomPolicy {
        name: RoomName::new("sale").unwrap(),
        mode: Mode::Fifo,
        capacity: 1_000_000,
        rate: Rate::per_minute(10_000).unwrap(),
        session_ttl: Duration::from_secs(600),
        claim_window: Duration::from_secs(60),
        return_grace: Duration::from_secs(180),
        near_poll: Duration::from_secs(2),
        max_poll: Duration::from_secs(60),
        max_waiting: 2_000_000,
        opens_at: None,
    };
    let memory = EdgeMemory::default();
    let mut room = Room::new();
    let mut now = START;
    let mut tick = |room: &mut Room, after: Duration| {
        now = now.plus(after);
        let began = Instant::now();
        let seen = room.tick(
            &Tick {
                policy: &policy,
                memory: &memory,
                new_epoch_id: 1,
                newborn: true,
            },
            now,
        );
        (seen, began.elapsed())
    };
    tick(&mut room, Duration::ZERO);

    let before = resident_bytes();
    let began = Instant::now();
    for batch in 0..MEMBERS / 500 {
        let places: Vec<Place> = (batch * 500..(batch + 1) * 500).map(place).collect();
        assert_eq!(
            room.join(&policy, &places, START.plus(Duration::from_secs(1))).added,
            500
        );
    }
    let joined = began.elapsed();
    let bytes = (resident_bytes() - before) / MEMBERS;

    let (seen, _) = tick(&mut room, Duration::from_secs(20));
    assert_eq!(seen.waiting, MEMBERS);
    let mut times = Vec::new();
    for round in 0..60u64 {
        let head: Vec<Place> = (round * 150..round * 150 + 500).map(place).collect();
        room.present(&policy, &head, START.plus(Duration::from_secs(20 + round)));
        times.push(tick(&mut room, Duration::from_secs(1)).1);
    }
    times.sort();
    let (median, slowest) = (times[30], times[59]);
    println!(
        "{bytes} bytes a member; join {:?} each; tick: median {median:?}, slowest {slowest:?}",
        joined / 1_000_000
    );
    assert!(bytes <= MOST_BYTES_PER_MEMBER, "{bytes} bytes a member");
    assert!(median < Duration::from_millis(5), "a tick takes {median:?}");
}
