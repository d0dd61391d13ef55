//! What readers see: always a state that is on the disk. A second copy of the sale, changed only by facts that are kept;
//! a standby has nothing else.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;

use crate::journal::{Journal, JournalError, Seq};
use crate::shop::Sale;
use crate::shop::fact::Fact;

#[derive(Default)]
pub(super) struct Published {
    state: RwLock<State>,
    leading: AtomicBool,
}

#[derive(Default)]
struct State {
    sale: Sale,
    /// Of the last fact that is in it.
    seq: Seq,
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
        for fact in facts {
            state.sale.evolve(fact);
            state.seq += 1;
        }
    }

    /// From the newest snapshot.
    pub(super) fn load(&self, journal: &mut dyn Journal) -> Result<(), JournalError> {
        if let Some((seq, sale)) = journal.snapshot()? {
            *self.state.write() = State { sale, seq };
        }
        self.follow(journal)
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
