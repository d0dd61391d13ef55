//! What a database holds, read back from its journal alone: no snapshot, no memory of a process. For whoever wants to
//! compare. Writes nothing.

use anyhow::Context;

use crate::journal::Database;
use crate::shop::Sale;

/// What the facts of a journal add up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Audit {
    pub facts: u64,
    pub sold_places: u64,
}

impl Database {
    /// Reads every fact. Blocks.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub fn audit(&self) -> anyhow::Result<Audit> {
        let mut journal = self.open().context("opening the database")?;
        let (mut sale, mut last) = (Sale::default(), 0);
        loop {
            let kept = journal.read(last).context("reading the journal")?;
            let Some(end) = kept.last().map(|kept| kept.seq) else {
                break;
            };
            kept.iter().for_each(|kept| sale.evolve(&kept.fact));
            last = end;
        }
        Ok(Audit {
            facts: u64::try_from(last).unwrap_or(0),
            sold_places: sale.sold_seats(),
        })
    }
}
