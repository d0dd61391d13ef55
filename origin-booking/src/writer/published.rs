//! What readers see: always a state that is on the disk. A second copy of the sale, changed only by facts that are kept;
//! a standby has nothing else.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::journal::{Journal, JournalError, Seq};
use crate::shop::Sale;
use crate::shop::fact::Fact;
use crate::shop::hall::SeatIndex;
use crate::shop::ids::EventId;
use crate::shop::order::Share;

/// Most changes that are remembered for readers who follow; whoever is further behind looks at everything again.
const MAX_CHANGES: usize = 65_536;

#[derive(Default)]
pub(super) struct Published {
    state: RwLock<State>,
    leading: AtomicBool,
    /// The last fact, for those who wait for the next.
    seq: watch::Sender<Seq>,
}

/// Places of an event were taken, or came free.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    pub(crate) seq: Seq,
    pub(crate) event: EventId,
    /// Empty for general admission.
    pub(crate) seats: Vec<SeatIndex>,
    pub(crate) taken: bool,
}

/// What happened since.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Since {
    /// Up to this fact, in order; of one event.
    Changes(Seq, Vec<Change>),
    /// Too long ago, or from a journal that is not this one.
    TooFar,
}

#[derive(Default)]
struct State {
    sale: Sale,
    /// Of the last fact that is in it.
    seq: Seq,
    changes: VecDeque<Change>,
    /// Of the last fact whose change is not remembered.
    forgotten: Seq,
}

impl State {
    fn take_in(&mut self, fact: &Fact) {
        let before = self.share(fact);
        self.sale.evolve(fact);
        self.seq += 1;
        let taken = match (before, self.share(fact)) {
            (Share::None, Share::Held | Share::Sold) => true,
            (Share::Held | Share::Sold, Share::None) => false,
            _ => return,
        };
        let Some(order) = order_of(fact).and_then(|id| self.sale.order(id)) else {
            return;
        };
        self.changes.push_back(Change {
            seq: self.seq,
            event: order.event.clone(),
            seats: order.places.seats.clone(),
            taken,
        });
        if self.changes.len() > MAX_CHANGES
            && let Some(oldest) = self.changes.pop_front()
        {
            self.forgotten = oldest.seq;
        }
    }

    fn share(&self, fact: &Fact) -> Share {
        let order = order_of(fact).and_then(|id| self.sale.order(id));
        order.map_or(Share::None, |order| order.stage.share())
    }
}

fn order_of(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::Order(fact) if !fact.is_aside() => Some(fact.id().as_str()),
        _ => None,
    }
}

impl Published {
    pub(super) fn look<T>(&self, look: impl FnOnce(&Sale) -> T) -> T {
        look(&self.state.read().sale)
    }

    pub(super) fn copy(&self) -> Sale {
        self.state.read().sale.clone()
    }

    pub(super) fn seq(&self) -> Seq {
        self.state.read().seq
    }

    pub(super) fn is_leading(&self) -> bool {
        self.leading.load(Ordering::Acquire)
    }

    pub(super) fn set_leading(&self, leading: bool) {
        self.leading.store(leading, Ordering::Release);
    }

    /// Facts that are on the disk, in order, after all that are known.
    pub(super) fn publish(&self, facts: &[Fact]) {
        let mut state = self.state.write();
        facts.iter().for_each(|fact| state.take_in(fact));
        let seq = state.seq;
        drop(state);
        self.seq.send_replace(seq);
    }

    pub(super) fn watch(&self) -> watch::Receiver<Seq> {
        self.seq.subscribe()
    }

    /// The changes of an event after a fact.
    pub(super) fn since(&self, event: &str, after: Seq) -> Since {
        let state = self.state.read();
        if after < state.forgotten || after > state.seq {
            return Since::TooFar;
        }
        let first = state.changes.partition_point(|change| change.seq <= after);
        let new = state.changes.range(first..);
        let changes = new.filter(|change| change.event.as_str() == event).cloned().collect();
        Since::Changes(state.seq, changes)
    }

    pub(super) fn look_at<T>(&self, look: impl FnOnce(Seq, &Sale) -> T) -> T {
        let state = self.state.read();
        look(state.seq, &state.sale)
    }

    /// From the newest snapshot; the last fact that is in it.
    pub(super) fn load(&self, journal: &mut dyn Journal) -> Result<Seq, JournalError> {
        let mut snapshot_at = 0;
        if let Some((seq, sale)) = journal.snapshot()? {
            snapshot_at = seq;
            *self.state.write() = State {
                sale,
                seq,
                changes: VecDeque::new(),
                forgotten: seq,
            };
        }
        self.follow(journal)?;
        Ok(snapshot_at)
    }

    /// Reads whatever was kept since.
    pub(super) fn follow(&self, journal: &mut dyn Journal) -> Result<(), JournalError> {
        loop {
            let after = self.seq();
            let kept = journal.read(after)?;
            if kept.is_empty() {
                return Ok(());
            }
            let contiguous = kept.iter().zip(after + 1..).all(|(kept, seq)| kept.seq == seq);
            if !contiguous {
                return Err(JournalError::Foreign(format!("a fact after {after} is missing")));
            }
            let facts: Vec<Fact> = kept.into_iter().map(|kept| kept.fact).collect();
            self.publish(&facts);
        }
    }
}
