//! What can happen to a room, drawn at random.

use proptest::prelude::*;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::rate::Rate;

use crate::contract::kit::secs;

pub const EDGES: usize = 3;
pub const PEOPLE: u32 = 48;

#[derive(Clone, Debug)]
pub enum Op {
    Step(u64),
    StepBack(u64),
    /// So many seconds with a tick in each.
    Pass(usize, u64),
    Tick {
        edge: usize,
        heard: bool,
    },
    Enter(u32),
    Join(Vec<u32>),
    Present(Vec<u32>),
    EverybodyPolls,
    Claim(u32),
    /// Touches with what the edge was told, or with made-up times where it was told nothing.
    Touch(Vec<u32>),
    Spent(Vec<u32>),
    End(u32, bool),
    Settings {
        stale: bool,
        new: LiveSettings,
    },
    Wipe,
    EdgeCrash(usize),
    /// This edge has seen more than the store has, in ticks or of the frontier: a lagged replica took over.
    SeenMore(usize, bool),
}

#[derive(Clone, Debug)]
pub struct Case {
    pub capacity: u64,
    pub rate: (u64, u64),
    pub mode: u8,
    pub opens_after: Option<u64>,
    pub max_waiting: u64,
    pub newborn: bool,
    pub ops: Vec<Op>,
}

fn span() -> impl Strategy<Value = u64> {
    let edges = vec![0u64, 1, 899_999, 900_000, 2_000_000, 3_000_000, 3_000_001];
    prop_oneof![
        3 => prop::sample::select(edges),
        4 => 100_000u64..2_000_000,
        1 => 1_000_000u64..60_000_000,
    ]
}

fn settings() -> impl Strategy<Value = LiveSettings> {
    let rate = prop::option::of((1u64..200, prop_oneof![Just(1u64), Just(60), Just(7)]));
    (
        prop::option::of(0u64..8),
        rate,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(capacity, rate, paused, closed)| LiveSettings {
            version: 0,
            capacity,
            rate: rate.map(|(count, period)| Rate::new(count, secs(period)).unwrap()),
            paused: paused.then(|| "a moment: 少々お待ちください".to_owned()),
            closed,
            message: None,
        })
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..PEOPLE;
    let some = || prop::collection::vec(0..PEOPLE, 0..6);
    prop_oneof![
        8 => span().prop_map(Op::Step),
        1 => (1u64..4_000_000).prop_map(Op::StepBack),
        2 => (0..EDGES, 1u64..25).prop_map(|(edge, seconds)| Op::Pass(edge, seconds)),
        8 => (0..EDGES, prop::bool::weighted(0.9)).prop_map(|(edge, heard)| Op::Tick { edge, heard }),
        3 => who().prop_map(Op::Enter),
        4 => some().prop_map(Op::Join),
        4 => some().prop_map(Op::Present),
        3 => Just(Op::EverybodyPolls),
        6 => who().prop_map(Op::Claim),
        4 => some().prop_map(Op::Touch),
        1 => some().prop_map(Op::Spent),
        2 => (who(), any::<bool>()).prop_map(|(n, revoked)| Op::End(n, revoked)),
        1 => (prop::bool::weighted(0.2), settings()).prop_map(|(stale, new)| Op::Settings { stale, new }),
        1 => prop::bool::weighted(0.3).prop_map(|wipe| if wipe { Op::Wipe } else { Op::EverybodyPolls }),
        1 => (0..EDGES, any::<bool>(), any::<bool>()).prop_map(|(edge, crashed, ticks)| if crashed { Op::EdgeCrash(edge) } else { Op::SeenMore(edge, ticks) }),
    ]
}

pub fn case(length: usize) -> impl Strategy<Value = Case> {
    let rate = prop_oneof![
        Just((1, 60)),
        Just((30, 60)),
        Just((45, 60)),
        Just((300, 60)),
        Just((5, 1)),
        Just((7, 3_600))
    ];
    let opens = prop::option::weighted(0.1, 0u64..30);
    let mode = prop_oneof![18 => Just(0u8), 1 => Just(1u8), 1 => Just(2u8)];
    let max = prop_oneof![Just(3u64), Just(1_000)];
    (
        0u64..7,
        rate,
        mode,
        opens,
        max,
        any::<bool>(),
        prop::collection::vec(op(), 1..length),
    )
        .prop_map(|(capacity, rate, mode, opens_after, max_waiting, newborn, ops)| Case {
            capacity,
            rate,
            mode,
            opens_after,
            max_waiting,
            newborn,
            ops,
        })
}
