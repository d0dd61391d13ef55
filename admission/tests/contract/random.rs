//! Random histories: a store and the plain model live through the same operations, answer for answer; and the
//! promises of the line are checked on what the store said.

use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Claim, EdgeMemory, End, Enter, Session, StoreError, Tick};

use super::kit::{Bench, START, policy, remember, secs, visitor};
use super::model::Model;

mod cases;
mod watch;

use cases::{Case, EDGES, Op, case};
use watch::{Watch, prefix_granted};

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
            Op::SeenMore(edge, true) => self.edges[*edge].seq += 3,
            Op::SeenMore(edge, false) => self.edges[*edge].frontier.0 += 200_000,
            Op::Pass(edge, seconds) => {
                for _ in 0..*seconds {
                    self.set(Stamp(self.now.0 + 1_000_000));
                    self.tick(*edge, true).await?;
                }
            }
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
        for gone in before.forgot(&self.model) {
            self.watch.forgotten(gone);
        }
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
        self.model.spent(&places, self.now);
        places.iter().for_each(|place| self.watch.over(place.visitor));
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
