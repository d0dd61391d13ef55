//! The world: events in order of time, a network that delays, loses and repeats, and the faults of the plan.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::rc::Rc;
use std::time::Duration;

use stanchion_admission::ids::VisitorId;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::room::Room;

use crate::check::{Checker, Violation};
use crate::edge::SimEdge;
use crate::flaws::Flaw;
use crate::plan::{ENDS, Kind, Plan, SECOND};
use crate::rng::Rng;
use crate::store::{Answer, Call, SimStore};
use crate::visitor::Visitor;

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
    pub store_up: bool,
    pub slow: bool,
    pub lossy: bool,
    pub twice: bool,
    pub replicas: Vec<Option<Room>>,
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

    pub fn new_id(&mut self) -> VisitorId {
        let (a, b) = (self.rng.next(), self.rng.next());
        let mut id = [0; 16];
        id[..8].copy_from_slice(&a.to_be_bytes());
        id[8..].copy_from_slice(&b.to_be_bytes());
        VisitorId(id)
    }
}
