//! Random histories: a store and the plain model live through the same operations, answer for answer; and the
//! promises of the line are checked on what the store said.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Claim, EdgeMemory, End, Enter, Session, Snapshot, StoreError, Tick};

use super::kit::{Bench, START, policy, remember, secs, visitor};
use super::model::Model;

const EDGES: usize = 3;
const PEOPLE: u32 = 48;

#[derive(Clone, Debug)]
pub enum Op {
    Step(u64),
    StepBack(u64),
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
    /// This edge has seen more than the store has: a lagged replica took over.
    SeenMore(usize, u64),
}

#[derive(Clone, Debug)]
pub struct Case {
    capacity: u64,
    rate: (u64, u64),
    mode: u8,
    opens_after: Option<u64>,
    max_waiting: u64,
    newborn: bool,
    ops: Vec<Op>,
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
        1 => (0..EDGES, prop::bool::weighted(0.5)).prop_map(|(e, c)| if c { Op::EdgeCrash(e) } else { Op::SeenMore(e, 3) }),
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

/// Runs random histories; `STANCHION_CASES` says how many.
pub fn histories(default_cases: u32, length: usize, run: impl Fn(Case) -> Result<(), TestCaseError>) {
    let cases = std::env::var("STANCHION_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default_cases);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    if let Err(failed) = TestRunner::new(config).run(&case(length), run) {
        panic!("{failed}");
    }
}

/// One history on a room that holds nothing yet.
pub async fn history(bench: &dyn Bench, case: Case) -> Result<(), TestCaseError> {
    let mut world = World::new(bench, &case);
    bench.wipe(&world.policy.name).await;
    bench.set_clock(world.now);
    for op in &case.ops {
        world.apply(op).await?;
    }
    world.must_not_stall().await
}

struct World<'a> {
    bench: &'a dyn Bench,
    policy: RoomPolicy,
    newborn: bool,
    now: Stamp,
    model: Model,
    edges: Vec<EdgeMemory>,
    epoch_ids: u64,
    places: HashMap<u32, Place>,
    sessions: HashMap<VisitorId, Session>,
    watch: Watch,
}

impl<'a> World<'a> {
    fn new(bench: &'a dyn Bench, case: &Case) -> World<'a> {
        let mut policy = policy(bench.room());
        policy.capacity = case.capacity;
        policy.rate = Rate::new(case.rate.0, secs(case.rate.1)).unwrap();
        policy.mode = [Mode::Fifo, Mode::Passthrough, Mode::Closed][usize::from(case.mode)];
        policy.opens_at = case.opens_after.map(|n| START.plus(secs(n)));
        policy.max_waiting = case.max_waiting;
        (policy.session_ttl, policy.claim_window) = (secs(20), secs(5));
        (policy.return_grace, policy.near_poll) = (secs(16), secs(1));
        World {
            bench,
            newborn: case.newborn,
            now: START,
            model: Model::new(),
            edges: vec![EdgeMemory::default(); EDGES],
            epoch_ids: 0,
            places: HashMap::new(),
            sessions: HashMap::new(),
            watch: Watch::new(),
            policy,
        }
    }

    /// Stamps are made when first needed, a little around now, some of them equal.
    fn place(&mut self, n: u32) -> Place {
        let stamp = Stamp((self.now.0 + 500_000 - u64::from(n % 8) * 500_000) / 250_000 * 250_000);
        *self.places.entry(n).or_insert(Place {
            stamp,
            visitor: visitor(n),
        })
    }

    fn several(&mut self, who: &[u32]) -> Vec<Place> {
        who.iter().map(|n| self.place(*n)).collect()
    }

    async fn apply(&mut self, op: &Op) -> Result<(), TestCaseError> {
        match op {
            Op::Step(us) => self.set(Stamp(self.now.0 + us)),
            Op::StepBack(us) => self.set(Stamp(self.now.0 - us)),
            Op::Tick { edge, heard } => self.tick(*edge, *heard).await?,
            Op::Enter(n) => self.enter(*n).await?,
            Op::Join(who) => self.join(who).await?,
            Op::Present(who) => self.present(who).await,
            Op::EverybodyPolls => self.everybody_polls().await,
            Op::Claim(n) => self.claim(*n).await?,
            Op::Touch(who) => self.touch(who).await?,
            Op::Spent(who) => self.spent(who).await,
            Op::End(n, revoked) => self.end(*n, *revoked).await,
            Op::Settings { stale, new } => self.settings(*stale, new).await?,
            Op::Wipe => self.wipe().await,
            Op::EdgeCrash(edge) => self.edges[*edge] = EdgeMemory::default(),
            Op::SeenMore(edge, more) => self.edges[*edge].seq += more,
        }
        Ok(())
    }

    fn set(&mut self, now: Stamp) {
        self.now = now;
        self.bench.set_clock(now);
    }

    async fn tick(&mut self, edge: usize, heard: bool) -> Result<(), TestCaseError> {
        self.epoch_ids += 1;
        let memory = self.edges[edge].clone();
        let newborn = self.newborn;
        let call = Tick {
            policy: &self.policy,
            memory: &memory,
            new_epoch_id: self.epoch_ids,
            newborn,
        };
        let said = self.bench.store().tick(&call).await.unwrap();
        let before = self.model.clone();
        let expected = self.model.tick(&call, self.now);
        prop_assert_eq!(&said, &expected, "tick of edge {}", edge);
        self.watch.snapshot(&said, &memory)?;
        prefix_granted(&before, &self.model, said.now)?;
        if self.model.gave_since(&before) {
            let used = said.active + said.admitted + said.ghosts;
            prop_assert!(used <= said.capacity, "I2: {used} slots of {}", said.capacity);
        }
        if heard {
            remember(&mut self.edges[edge], &said);
        }
        Ok(())
    }

    async fn enter(&mut self, n: u32) -> Result<(), TestCaseError> {
        let place = self.place(n);
        let said = self.bench.store().enter(&self.policy, place).await.unwrap();
        prop_assert_eq!(said, self.model.enter(&self.policy, place, self.now), "enter of {}", n);
        if let Enter::Entered(session) = said {
            self.watch.inside(session)?;
            self.sessions.insert(session.place.visitor, session);
        }
        Ok(())
    }

    async fn join(&mut self, who: &[u32]) -> Result<(), TestCaseError> {
        let places = self.several(who);
        let said = self.bench.store().join(&self.policy, &places).await.unwrap();
        prop_assert_eq!(
            said,
            self.model.join(&self.policy, &places, self.now),
            "join of {:?}",
            who
        );
        Ok(())
    }

    async fn present(&mut self, who: &[u32]) {
        let places = self.several(who);
        self.bench.store().present(&self.policy, &places).await.unwrap();
        self.model.present(&places, self.now);
    }

    async fn everybody_polls(&mut self) {
        let places = self.model.waiting();
        self.bench.store().present(&self.policy, &places).await.unwrap();
        self.model.present(&places, self.now);
    }

    async fn claim(&mut self, n: u32) -> Result<(), TestCaseError> {
        let place = self.place(n);
        let said = self.bench.store().claim(&self.policy, place).await.unwrap();
        prop_assert_eq!(said, self.model.claim(&self.policy, place, self.now), "claim of {}", n);
        if let Claim::Inside(session) = said {
            self.watch.inside(session)?;
            self.sessions.insert(session.place.visitor, session);
        }
        Ok(())
    }

    async fn touch(&mut self, who: &[u32]) -> Result<(), TestCaseError> {
        let mut sessions = Vec::new();
        for n in who {
            let place = self.place(*n);
            let back = secs(u64::from(n % 5) * 15);
            let forged = Session {
                place,
                claimed_at: self.now.minus(back),
                expires_at: self.now.minus(back).plus(secs(20)),
            };
            sessions.push(self.sessions.get(&place.visitor).copied().unwrap_or(forged));
        }
        let said = self.bench.store().touch(&self.policy, &sessions).await.unwrap();
        prop_assert_eq!(
            &said,
            &self.model.touch(&self.policy, &sessions, self.now),
            "touch of {:?}",
            sessions
        );
        for session in sessions.iter().filter(|s| !said.contains(&s.place.visitor)) {
            self.watch.touched(session.place.visitor);
        }
        said.iter().for_each(|id| self.watch.over(*id));
        Ok(())
    }

    async fn spent(&mut self, who: &[u32]) {
        let places = self.several(who);
        self.bench.store().spent(&self.policy, &places).await.unwrap();
        self.model.spent(&places);
    }

    async fn end(&mut self, n: u32, revoked: bool) {
        let place = self.place(n);
        let how = if revoked { End::Revoked } else { End::Released };
        self.bench.store().end(&self.policy, place, how).await.unwrap();
        self.model.end(place, how, self.now);
        self.watch.over(place.visitor);
    }

    async fn settings(&mut self, stale: bool, new: &LiveSettings) -> Result<(), TestCaseError> {
        let version = self.model.settings_put(u64::MAX, new.clone()).unwrap_err();
        let expected_version = if stale { version + 1 } else { version };
        let said = self
            .bench
            .store()
            .settings_put(&self.policy, expected_version, new.clone())
            .await;
        let expected = self
            .model
            .settings_put(expected_version, new.clone())
            .map_err(StoreError::Conflict);
        prop_assert_eq!(said, expected, "settings");
        Ok(())
    }

    async fn wipe(&mut self) {
        self.bench.wipe(&self.policy.name).await;
        self.model = Model::new();
        self.watch.lost();
    }

    /// I10: with the room open and everybody polling, slots do not lie idle while people wait.
    async fn must_not_stall(&mut self) -> Result<(), TestCaseError> {
        self.policy.mode = Mode::Fifo;
        self.policy.opens_at = None;
        let rate = Rate::new(5, secs(1)).unwrap();
        let open = LiveSettings {
            capacity: Some(2),
            rate: Some(rate),
            ..LiveSettings::default()
        };
        self.tick(0, true).await?;
        self.settings(false, &open).await?;
        for _ in 0..200 {
            self.set(Stamp(self.now.0.max(self.watch.newest.0) + 1_000_000));
            self.everybody_polls().await;
            for place in self.model.admitted_places() {
                let said = self.bench.store().claim(&self.policy, place).await.unwrap();
                prop_assert_eq!(said, self.model.claim(&self.policy, place, self.now));
                self.bench
                    .store()
                    .end(&self.policy, place, End::Released)
                    .await
                    .unwrap();
                self.model.end(place, End::Released, self.now);
            }
            self.tick(0, true).await?;
        }
        prop_assert_eq!(
            self.model.waiting(),
            vec![],
            "200 s of an open room left people waiting"
        );
        Ok(())
    }
}

/// I1: who was granted stood before everybody present and settled who was not.
fn prefix_granted(before: &Model, after: &Model, now: Stamp) -> Result<(), TestCaseError> {
    let granted: HashSet<VisitorId> = after.admitted_places().iter().map(|p| p.visitor).collect();
    let settled = before
        .present_places()
        .into_iter()
        .filter(|p| p.stamp.0 + 2_000_000 <= now.0);
    let (chosen, left): (Vec<Place>, Vec<Place>) = settled.partition(|p| granted.contains(&p.visitor));
    let left = left.into_iter().filter(|p| after.present_places().contains(p)).min();
    let last = chosen.into_iter().max();
    prop_assert!(
        left.is_none() || last.is_none() || last < left,
        "granted {last:?} before {left:?}"
    );
    Ok(())
}

/// What was promised, held against what the store said.
struct Watch {
    last: Option<Snapshot>,
    newest: Stamp,
    /// A bucket of our own: admissions may not exceed it (I3). What it was filled under, its content, since when.
    bucket: Option<(LiveSettings, u128, Stamp)>,
    inside: HashMap<VisitorId, Stamp>,
    over: HashSet<VisitorId>,
}

impl Watch {
    fn new() -> Watch {
        Watch {
            last: None,
            newest: Stamp::ZERO,
            bucket: None,
            inside: HashMap::new(),
            over: HashSet::new(),
        }
    }

    fn lost(&mut self) {
        self.last = None;
        self.inside.clear();
        self.over.clear();
    }

    fn over(&mut self, id: VisitorId) {
        if self.inside.remove(&id).is_some() {
            self.over.insert(id);
        }
    }

    /// A touch may put a session in that the test made up.
    fn touched(&mut self, id: VisitorId) {
        self.inside.remove(&id);
        self.over.remove(&id);
    }

    /// I4: one ticket, one session. I5: none after it is over.
    fn inside(&mut self, session: Session) -> Result<(), TestCaseError> {
        let id = session.place.visitor;
        let first = *self.inside.entry(id).or_insert(session.claimed_at);
        prop_assert_eq!(first, session.claimed_at, "a second session for {:?}", id);
        prop_assert!(!self.over.contains(&id), "{:?} is inside again", id);
        Ok(())
    }

    fn snapshot(&mut self, said: &Snapshot, memory: &EdgeMemory) -> Result<(), TestCaseError> {
        self.newest = self.newest.max(said.now);
        prop_assert!(said.epoch >= memory.epoch, "I9: an epoch went back");
        prop_assert!(said.frontier >= memory.frontier, "I9: a frontier went back");
        let same = self.last.take().filter(|last| last.epoch == said.epoch);
        let before = same.as_ref().map_or(0, |last| last.admitted_total);
        if let Some(last) = &same {
            prop_assert!(said.seq >= last.seq && said.frontier >= last.frontier, "I9");
            prop_assert!(
                said.grace_frontier >= last.grace_frontier && said.left_total >= last.left_total,
                "I9"
            );
        }
        self.pace(said, said.admitted_total - before)?;
        prop_assert!(
            said.sketch.len() <= 64 && said.ended.len() <= 256,
            "a bound of the snapshot"
        );
        let rising = said.sketch.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1);
        prop_assert!(rising, "the sketch falls: {:?}", said.sketch);
        self.last = Some(said.clone());
        Ok(())
    }

    /// I3, across wipes too: no more than rate × time and one batch.
    fn pace(&mut self, said: &Snapshot, admitted: u64) -> Result<(), TestCaseError> {
        let rate = said.rate;
        let unit = u128::from(rate.period_us());
        let cap = unit + 2_000_000 * u128::from(rate.count());
        let made_anew = said.epoch.ordinal == 1 && said.seq == 1;
        let before = self
            .bucket
            .take()
            .filter(|(under, ..)| *under == said.settings && !made_anew);
        let left = match before {
            None => cap,
            Some((_, left, at)) => {
                let earned = u128::from(said.now.0.saturating_sub(at.0)) * u128::from(rate.count());
                let spent = u128::from(admitted) * unit;
                prop_assert!(
                    spent <= left + earned,
                    "I3: {admitted} admitted, paid for {}",
                    (left + earned) / unit
                );
                (left + earned - spent).min(cap)
            }
        };
        self.bucket = Some((said.settings.clone(), left, self.newest));
        Ok(())
    }
}
