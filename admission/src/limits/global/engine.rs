//! Global rules at one edge: asks the store where it must, within the time that a request may wait, and lets each rule
//! do as it is told where the store is away. I/O through [`Counts`] only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::super::{Ask, Finding};
use super::leases::{Leases, Spent};
use super::{Counts, MAX_BATCH, Mode, SYNC_EVERY_US};
use crate::clock::Clock;

/// The longest that a request waits for the store, all calls together.
const WAIT_MOST: Duration = Duration::from_millis(100);
/// Requests that wait for their part of a batch; one more does without the store.
const MAX_WAITING: usize = 4_096;
/// An edge with nothing to report says that it is alive after so many periods.
const SILENT_PERIODS: u32 = 10;
/// A request asks again where others took what came for it; then it is refused for one period.
const ROUNDS: usize = 4;

/// Who answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// The store, or what it had given this edge.
    Counts,
    /// The store is away, and the rule's `on_store_error` decided.
    Policy,
}

/// What became of a request: one finding for each ask.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    pub findings: Vec<(Finding, By)>,
    /// The first that refuses; nothing was charged then.
    pub refused_by: Option<usize>,
}

/// Figures of an edge's exchange with the store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Watch {
    /// Alive when the store last answered.
    pub edges: u32,
    /// Whether its latest answer came.
    pub reached: bool,
    pub calls: u64,
    pub failures: u64,
    /// Keys with something to report.
    pub unreported: usize,
}

/// All global rules in force at this edge. Dropping it ends its exchange with the store.
pub struct Global {
    inner: Arc<Inner>,
    waiting: mpsc::Sender<Waiting>,
    task: tokio::task::JoinHandle<()>,
}

struct Inner {
    leases: Leases,
    store: Arc<dyn Counts>,
    clock: Arc<dyn Clock>,
    edge: u64,
    reached: AtomicBool,
    calls: AtomicU64,
    failures: AtomicU64,
}

struct Waiting {
    asks: Vec<Ask>,
    heard: oneshot::Sender<bool>,
}

impl Global {
    /// Begins to exchange counts as `edge`, a number that no other edge has. Needs a tokio runtime.
    #[must_use]
    pub fn start(leases: Leases, store: Arc<dyn Counts>, clock: Arc<dyn Clock>, edge: u64) -> Global {
        let inner = Arc::new(Inner {
            leases,
            store,
            clock,
            edge,
            reached: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        });
        let (waiting, wanted) = mpsc::channel(MAX_WAITING);
        let task = tokio::spawn(Arc::clone(&inner).exchange(wanted));
        Global { inner, waiting, task }
    }

    #[must_use]
    pub fn leases(&self) -> &Leases {
        &self.inner.leases
    }

    #[must_use]
    pub fn watch(&self) -> Watch {
        Watch {
            edges: self.inner.leases.edges(),
            reached: self.inner.reached.load(Ordering::Relaxed),
            calls: self.inner.calls.load(Ordering::Relaxed),
            failures: self.inner.failures.load(Ordering::Relaxed),
            unreported: self.inner.leases.dirty(),
        }
    }

    /// Judges a request by rules of rising number, each once: all are charged or none. Takes no longer than 100 ms.
    pub async fn decide(&self, asks: &[Ask]) -> Answer {
        let inner = &*self.inner;
        let deadline = inner.clock.monotonic() + WAIT_MOST;
        let is = |mode| move |ask: &&Ask| inner.leases.rule(ask.rule).is_some_and(|rule| rule.mode == mode);
        let synced: Vec<Ask> = asks.iter().filter(is(Mode::Synced)).copied().collect();
        let exact: Vec<Ask> = asks.iter().filter(is(Mode::Exact)).copied().collect();
        let first = self.synced(&synced, !exact.is_empty(), deadline).await;
        if first.refused_by.is_some() || exact.is_empty() {
            return merge(asks, (&synced, &first), (&exact, &Answer::default()));
        }
        let second = inner.exact(&exact, deadline).await;
        inner.settle(&synced, &first, second.refused_by.is_none());
        merge(asks, (&synced, &first), (&exact, &second))
    }

    async fn synced(&self, asks: &[Ask], aside: bool, deadline: Duration) -> Answer {
        if asks.is_empty() {
            return Answer::default();
        }
        let leases = &self.inner.leases;
        for _ in 0..ROUNDS {
            let wanting = match leases.spend(asks, self.inner.now_us(), aside) {
                Spent::Asks(wanting) => wanting,
                done => return Answer::of(done, By::Counts),
            };
            if !self.ask(wanting, deadline).await {
                return Answer::of(leases.spend_alone(asks, self.inner.now_us()), By::Policy);
            }
        }
        match leases.spend(asks, self.inner.now_us(), aside) {
            Spent::Asks(_) => Answer::crowded_out(asks.len()),
            done => Answer::of(done, By::Counts),
        }
    }

    /// Whether the store was told, in time.
    async fn ask(&self, asks: Vec<Ask>, deadline: Duration) -> bool {
        let (heard, answer) = oneshot::channel();
        if self.waiting.try_send(Waiting { asks, heard }).is_err() {
            return false;
        }
        matches!(timeout(self.inner.until(deadline), answer).await, Ok(Ok(true)))
    }
}

impl Inner {
    fn now_us(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_micros()).unwrap_or(u64::MAX)
    }

    fn until(&self, deadline: Duration) -> Duration {
        deadline.saturating_sub(self.clock.monotonic())
    }

    async fn exact(&self, asks: &[Ask], deadline: Duration) -> Answer {
        if asks.is_empty() {
            return Answer::default();
        }
        let charges = self.leases.charges(asks, self.now_us());
        let judged = timeout(self.until(deadline), self.store.exact(&charges)).await;
        let answer = match judged {
            Ok(answer) => answer.ok(),
            Err(_) => None,
        };
        self.note(answer.is_some());
        let Some(judged) = answer.filter(|judged| judged.findings.len() == asks.len()) else {
            return Answer::of(self.leases.spend_alone(asks, self.now_us()), By::Policy);
        };
        if judged.refused_by.is_none() {
            self.leases.count(asks, &judged.findings, self.now_us());
        }
        Answer {
            findings: judged
                .findings
                .into_iter()
                .map(|finding| (finding, By::Counts))
                .collect(),
            refused_by: judged.refused_by,
        }
    }

    /// The exact rules have spoken: what synced ones set aside is spent, or put back.
    fn settle(&self, asks: &[Ask], said: &Answer, goes: bool) {
        let findings: Vec<Finding> = said.findings.iter().map(|(finding, _)| *finding).collect();
        let alone = said.findings.iter().any(|(_, by)| *by == By::Policy);
        match (alone, goes) {
            (false, _) => self.leases.settle_aside(asks, &findings, self.now_us(), goes),
            (true, false) => self.leases.give_back(asks, &findings, self.now_us()),
            (true, true) => {}
        }
    }

    /// One call at a time: those who come meanwhile go together with the next.
    async fn exchange(self: Arc<Self>, mut wanted: mpsc::Receiver<Waiting>) {
        let mut ticks = interval(Duration::from_micros(SYNC_EVERY_US));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = SILENT_PERIODS;
        loop {
            let mut waiting = Vec::new();
            let due = tokio::select! {
                _ = ticks.tick() => true,
                came = wanted.recv() => match came {
                    Some(one) => { waiting.push(one); false }
                    None => return,
                },
            };
            while waiting.len() < MAX_BATCH
                && let Ok(one) = wanted.try_recv()
            {
                waiting.push(one);
            }
            silent += u32::from(due);
            let mut left = if due { self.leases.dirty() } else { 0 };
            if due && left == 0 && waiting.is_empty() && silent < SILENT_PERIODS {
                continue;
            }
            silent = 0;
            loop {
                let (reported, heard) = self.say(&mut waiting, due).await;
                left = left.saturating_sub(reported);
                while waiting.len() < MAX_BATCH
                    && let Ok(one) = wanted.try_recv()
                {
                    waiting.push(one);
                }
                if !heard || left == 0 && waiting.is_empty() {
                    break;
                }
            }
            // Unheard: nobody waits for a store that is away.
            for one in waiting {
                let _ = one.heard.send(false);
            }
        }
    }

    /// One call; how many reports went with it, and whether it was heard. Whoever's part of it was is told, and gone.
    async fn say(&self, waiting: &mut Vec<Waiting>, due: bool) -> (usize, bool) {
        let asks: Vec<Vec<Ask>> = waiting.iter_mut().map(|one| std::mem::take(&mut one.asks)).collect();
        let (batch, served) = self.leases.batch(&asks, due, self.now_us());
        for (one, asks) in waiting.iter_mut().zip(asks) {
            one.asks = asks;
        }
        let answer = self.store.sync(self.edge, &batch.reports).await;
        let answer = answer.ok().filter(|answer| answer.grants.len() == batch.reports.len());
        self.leases.settle(&batch, answer.as_ref(), self.now_us());
        self.note(answer.is_some());
        for one in waiting.drain(..served) {
            let _ = one.heard.send(answer.is_some());
        }
        (batch.reports.len(), answer.is_some())
    }

    fn note(&self, heard: bool) {
        self.reached.store(heard, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(u64::from(!heard), Ordering::Relaxed);
    }
}

impl Default for Answer {
    /// Nobody was asked.
    fn default() -> Self {
        Answer {
            findings: Vec::new(),
            refused_by: None,
        }
    }
}

impl Answer {
    fn of(spent: Spent, by: By) -> Answer {
        let (findings, refused_by) = match spent {
            Spent::All(findings) => (findings, None),
            Spent::Refused { findings, by } => (findings, Some(by)),
            Spent::Asks(_) => return Answer::default(),
        };
        Answer {
            findings: findings.into_iter().map(|finding| (finding, by)).collect(),
            refused_by,
        }
    }

    /// What came for this request went to others, again and again: as good as refused, for one period.
    fn crowded_out(asks: usize) -> Answer {
        let finding = Finding {
            retry_us: Some(SYNC_EVERY_US),
            ..Finding::counted(0, 0, 1)
        };
        Answer {
            findings: vec![(finding, By::Counts); asks],
            refused_by: Some(0),
        }
    }
}

/// The findings of both kinds in the order of the asks. Where the first kind refused, the second was not asked.
fn merge(asks: &[Ask], synced: (&[Ask], &Answer), exact: (&[Ask], &Answer)) -> Answer {
    let mut answer = Answer::default();
    for ask in asks {
        for (part, said) in [synced, exact] {
            let Some(at) = part.iter().position(|one| one.rule == ask.rule) else {
                continue;
            };
            if said.refused_by == Some(at) {
                answer.refused_by = Some(answer.findings.len());
            }
            let not_asked = (Finding::counted(u32::MAX, 0, 0), By::Counts);
            answer
                .findings
                .push(said.findings.get(at).copied().unwrap_or(not_asked));
        }
    }
    answer
}

impl Drop for Global {
    fn drop(&mut self) {
        self.task.abort();
    }
}
