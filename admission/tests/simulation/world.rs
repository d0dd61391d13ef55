//! The world: events in order of time, a network that delays, loses and repeats, and the faults of the plan.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use stanchion_admission::ids::VisitorId;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::rate::Rate;
use stanchion_admission::room::Room;

use crate::check::{Checker, Violation};
use crate::edge::SimEdge;
use crate::flaws::Flaw;
use crate::plan::{ENDS, Kind, Plan, SECOND};
use crate::rng::Rng;
use crate::store::{Answer, Call, SimStore};
use crate::visitor::Visitor;

const LOOP_US: u64 = SECOND / 10;
const DEADLINE_US: u64 = SECOND / 10;
/// Everybody has gone by then.
const EVERYBODY_GONE: u64 = ENDS + 40 * SECOND;

/// Whom an answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    Loop,
    Visitor { visitor: usize, tab: usize },
    Ending,
    Operator,
    Nobody,
}

/// A call under way.
#[derive(Clone, Debug)]
pub struct Sent {
    pub edge: usize,
    pub life: u32,
    pub call: Rc<Call>,
    pub to: To,
    pub at: u64,
    /// The edge's own clock.
    pub clock: Duration,
}

#[derive(Clone, Debug)]
pub enum Event {
    Loop { edge: usize, life: u32 },
    AtStore(Sent),
    Back(Sent, Option<Answer>),
    Act { visitor: usize, tab: usize },
    Replicate(usize),
    Begin(usize),
    Over(usize),
    Gone,
}

struct Timed {
    at: u64,
    order: u64,
    event: Event,
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl Eq for Timed {}
impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timed {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

pub struct World {
    pub at: u64,
    pub plan: Plan,
    pub rng: Rng,
    pub store: SimStore,
    pub edges: Vec<SimEdge>,
    pub visitors: Vec<Visitor>,
    pub check: Checker,
    pub flaw: Option<Flaw>,
    pub wanted: LiveSettings,
    events: BinaryHeap<Timed>,
    order: u64,
    store_up: bool,
    slow: bool,
    lossy: bool,
    twice: bool,
    replicas: Vec<Option<Room>>,
}

/// What came of a seed.
pub struct Run {
    pub trace: u64,
    pub events: u64,
    pub faults: usize,
    pub admitted: u64,
    pub violation: Option<Violation>,
}

pub fn run(seed: u64, flaw: Option<Flaw>) -> Run {
    let mut world = World::new(Plan::new(seed), flaw);
    let last = EVERYBODY_GONE + world.plan.policy.session_ttl.as_micros() as u64 + 60 * SECOND;
    while let Some(next) = world.events.pop() {
        if next.at > last || world.check.violation.is_some() {
            break;
        }
        world.at = next.at;
        world.check.trace(next.at, &next.event);
        world.happen(next.event);
        world.after_event();
    }
    if world.check.violation.is_none() {
        world.check.at_the_end(world.at, &world.store);
    }
    Run {
        trace: world.check.hash,
        events: world.order,
        faults: world.plan.faults.len(),
        admitted: world.check.admissions,
        violation: world.check.violation,
    }
}

impl World {
    fn new(plan: Plan, flaw: Option<Flaw>) -> World {
        let mut rng = Rng::new(plan.seed ^ 0xabcd_ef01_2345);
        let edge =
            |i: usize, rng: &mut Rng| SimEdge::new(&plan.policy, 0, plan.wall_errors_us[i], rng.range(0, 1 << 40));
        let edges = (0..plan.edges).map(|i| edge(i, &mut rng)).collect();
        let visitors = plan.visitors.iter().cloned().map(Visitor::new).collect();
        let mut world = World {
            at: 0,
            rng,
            store: SimStore::new(plan.policy.clone(), flaw),
            edges,
            visitors,
            check: Checker::new(&plan),
            flaw,
            wanted: LiveSettings::default(),
            events: BinaryHeap::new(),
            order: 0,
            store_up: true,
            slow: false,
            lossy: false,
            twice: false,
            replicas: plan.faults.iter().map(|_| None).collect(),
            plan,
        };
        world.set_out();
        world
    }

    fn set_out(&mut self) {
        for edge in 0..self.edges.len() {
            let offset = self.rng.range(0, SECOND);
            self.schedule(offset, Event::Loop { edge, life: 0 });
        }
        for visitor in 0..self.visitors.len() {
            let plan = &self.plan.visitors[visitor];
            let (at, tabs) = (plan.arrives, plan.tabs);
            for tab in 0..tabs {
                let later = tab as u64 * self.rng.range(0, 5 * SECOND);
                self.schedule(at + later, Event::Act { visitor, tab });
            }
        }
        for i in 0..self.plan.faults.len() {
            let fault = self.plan.faults[i];
            self.schedule(fault.at, Event::Begin(i));
            self.schedule(fault.at + fault.lasts, Event::Over(i));
            if let Kind::Failover { lag_us, .. } = fault.kind {
                self.schedule(fault.at - lag_us, Event::Replicate(i));
            }
        }
        self.schedule(EVERYBODY_GONE, Event::Gone);
    }

    pub fn schedule(&mut self, at: u64, event: Event) {
        self.order += 1;
        self.events.push(Timed {
            at,
            order: self.order,
            event,
        });
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Loop { edge, life } if self.edges[edge].life == life && self.edges[edge].up => self.report(edge),
            Event::Loop { .. } => {}
            Event::AtStore(sent) => self.at_store(sent),
            Event::Back(sent, answer) => self.back(sent, answer),
            Event::Act { visitor, tab } => self.act(visitor, tab),
            Event::Replicate(fault) => self.replicas[fault] = Some(self.store.room.clone()),
            Event::Begin(fault) => self.begin(fault),
            Event::Over(fault) => self.over(fault),
            Event::Gone => self.everybody_goes(),
        }
    }

    fn everybody_goes(&mut self) {
        self.visitors.iter_mut().for_each(|visitor| visitor.done = true);
        self.check.everybody_gone();
    }

    fn after_event(&mut self) {
        for (i, edge) in self.edges.iter_mut().enumerate().filter(|(_, edge)| edge.up) {
            self.check.edge_moves_forward(i, edge);
        }
    }

    // The agent's loop: report what has gathered, then tick if it is time.

    fn report(&mut self, edge: usize) {
        match self.edges[edge].next_report() {
            Some(call) => self.call(edge, call, To::Loop),
            None => self.tick_if_due(edge),
        }
    }

    fn tick_if_due(&mut self, edge: usize) {
        if self.at < self.edges[edge].next_tick {
            return self.loop_later(edge);
        }
        let call = Call::Tick {
            memory: self.edges[edge].core.memory().clone(),
            id: self.rng.next() >> 11,
            newborn: self.edges[edge].life == 0,
        };
        self.call(edge, call, To::Loop);
    }

    fn loop_later(&mut self, edge: usize) {
        let life = self.edges[edge].life;
        self.schedule(self.at + LOOP_US, Event::Loop { edge, life });
    }

    fn loop_answered(&mut self, sent: &Sent, answer: Option<Answer>) {
        let edge = &mut self.edges[sent.edge];
        let now = edge.now(self.at);
        match (&*sent.call, answer) {
            (Call::Tick { .. }, answer) => {
                match answer {
                    Some(Answer::Snapshot(snapshot)) => {
                        edge.core.on_snapshot(*snapshot, sent.clock, now);
                    }
                    _ => edge.core.on_store_failure(),
                }
                edge.next_tick = self.at + SECOND - self.rng.range(0, SECOND / 10);
                self.loop_later(sent.edge);
            }
            (call, Some(answer)) => {
                if let (Call::Touch(sessions), Answer::Ended(ended)) = (call, answer) {
                    edge.core.touched(sessions, &ended, sent.clock);
                }
                edge.delivered(call);
                self.report(sent.edge);
            }
            (_, None) => {
                edge.undelivered();
                self.tick_if_due(sent.edge);
            }
        }
    }

    // The network.

    pub fn call(&mut self, edge: usize, call: Call, to: To) {
        let sent = Sent {
            edge,
            life: self.edges[edge].life,
            call: Rc::new(call),
            to,
            at: self.at,
            clock: self.edges[edge].now(self.at),
        };
        if !self.reaches(edge) || self.rng.ppm(self.plan.loss_ppm) {
            self.check.call_failed(self.at);
            let gives_up = if self.rng.percent(50) {
                DEADLINE_US
            } else {
                SECOND / 1_000
            };
            return self.schedule(self.at + gives_up, Event::Back(sent, None));
        }
        let arrives = self.at + self.delay();
        if self.twice && self.rng.percent(30) {
            let again = Sent {
                to: To::Nobody,
                ..sent.clone()
            };
            let later = arrives + self.rng.range(0, 3 * SECOND / 10);
            self.schedule(later, Event::AtStore(again));
        }
        self.schedule(arrives, Event::AtStore(sent));
    }

    fn reaches(&self, edge: usize) -> bool {
        self.store_up && !self.edges[edge].cut_off
    }

    fn delay(&mut self) -> u64 {
        match self.slow {
            true => self.rng.range(10_000, 70_000),
            false => self.rng.range(100, 2_000),
        }
    }

    fn at_store(&mut self, sent: Sent) {
        if !self.reaches(sent.edge) {
            return self.schedule(sent.at + DEADLINE_US, Event::Back(sent, None));
        }
        let before = self.check.before(&sent.call, &self.store);
        let answer = self.store.execute(&sent.call, self.at);
        self.check.executed(self.at, &sent, &answer, &self.store, before);
        let back = self.at + self.delay();
        let lost = (self.lossy && self.rng.percent(30)) || self.rng.ppm(self.plan.loss_ppm);
        if lost || back - sent.at > DEADLINE_US {
            self.check.call_failed(self.at);
            return self.schedule(self.at.max(sent.at + DEADLINE_US), Event::Back(sent, None));
        }
        self.schedule(back, Event::Back(sent, Some(answer)));
    }

    fn back(&mut self, sent: Sent, answer: Option<Answer>) {
        let answer = answer.filter(|_| !self.edges[sent.edge].cut_off);
        let alive = self.edges[sent.edge].life == sent.life && self.edges[sent.edge].up;
        match sent.to {
            To::Visitor { visitor, tab } if alive => self.store_answered(&sent, answer, visitor, tab),
            // The edge died over it: the browser tries again.
            To::Visitor { visitor, tab } => self.schedule(self.at + SECOND, Event::Act { visitor, tab }),
            To::Loop if alive => self.loop_answered(&sent, answer),
            To::Ending if alive && answer.is_none() => {
                if let Call::End(place, how) = *sent.call {
                    self.edges[sent.edge].core.end_later(place, how);
                }
            }
            To::Operator => self.operator_answered(answer),
            To::Loop | To::Ending | To::Nobody => {}
        }
    }

    // What goes wrong.

    fn begin(&mut self, fault: usize) {
        let kind = self.plan.faults[fault].kind;
        self.check.fault_begins(self.at, kind);
        match kind {
            Kind::Outage => self.store_up = false,
            Kind::Slow => self.slow = true,
            Kind::LostAnswers => self.lossy = true,
            Kind::Twice => self.twice = true,
            Kind::Wipe => self.store.wipe(),
            Kind::Failover { step_us, .. } => {
                self.store.room = self.replicas[fault].take().unwrap_or_default();
                self.store.step_us += step_us;
            }
            Kind::StoreClock { step_us } => self.store.step_us += step_us,
            Kind::EdgeClock { edge, step_us } => self.edges[edge].step(step_us),
            Kind::Crash { edge, .. } => self.edges[edge].crash(),
            Kind::Partition { edge } => self.edges[edge].cut_off = true,
            Kind::Capacity { to } => self.wanted.capacity = Some(to),
            Kind::Pace { per_minute } => self.wanted.rate = Rate::per_minute(per_minute),
            Kind::Pause => self.wanted.paused = Some("a moment".to_owned()),
        }
        if matches!(kind, Kind::Wipe | Kind::Failover { .. }) {
            self.check.data_lost(&self.store);
        }
        if matches!(kind, Kind::Capacity { .. } | Kind::Pace { .. } | Kind::Pause) {
            self.operate();
        }
    }

    fn over(&mut self, fault: usize) {
        let kind = self.plan.faults[fault].kind;
        match kind {
            Kind::Outage => self.store_up = true,
            Kind::Slow => self.slow = false,
            Kind::LostAnswers => self.lossy = false,
            Kind::Twice => self.twice = false,
            Kind::Crash { edge, keeps } if !self.edges[edge].up => {
                let error = self.plan.wall_errors_us[edge];
                self.edges[edge].restart(self.at, error, keeps);
                let life = self.edges[edge].life;
                self.schedule(self.at, Event::Loop { edge, life });
            }
            Kind::Partition { edge } => self.edges[edge].cut_off = false,
            Kind::Pause => {
                self.wanted.paused = None;
                self.operate();
            }
            _ => {}
        }
        self.check.fault_over(self.at, kind);
    }

    /// The operator changes the settings through some edge, until it is done.
    fn operate(&mut self) {
        let edge = self.rng.range(0, self.edges.len() as u64) as usize;
        let version = self.edges[edge].core.settings().version;
        self.call(edge, Call::Put(version, self.wanted.clone()), To::Operator);
    }

    fn operator_answered(&mut self, answer: Option<Answer>) {
        match answer {
            Some(Answer::Put(Ok(_))) => {}
            _ if self.at < ENDS + 30 * SECOND => {
                self.retry_operator();
            }
            _ => {}
        }
    }

    /// Through some edge, a second later.
    fn retry_operator(&mut self) {
        let edge = self.rng.range(0, self.edges.len() as u64) as usize;
        let life = self.edges[edge].life;
        let sent = Sent {
            edge,
            life,
            call: Rc::new(Call::Put(self.edges[edge].core.settings().version, self.wanted.clone())),
            to: To::Operator,
            at: self.at + SECOND,
            clock: Duration::ZERO,
        };
        self.schedule(self.at + SECOND, Event::AtStore(sent));
    }

    pub fn new_id(&mut self) -> VisitorId {
        let (a, b) = (self.rng.next(), self.rng.next());
        let mut id = [0; 16];
        id[..8].copy_from_slice(&a.to_be_bytes());
        id[8..].copy_from_slice(&b.to_be_bytes());
        VisitorId(id)
    }
}
