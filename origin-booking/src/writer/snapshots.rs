//! Snapshots, so that a start need not read the whole journal. Written beside the writer, by a thread and a connection of
//! their own: a large one takes longer than a lease. One at a time; one that fails costs a longer start, nothing else.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::published::Published;
use crate::journal::{Database, Journal, JournalError, Seq};

/// Facts before the first snapshot. From then on each comes when the journal is twice as long as at the one before: a
/// start reads at most as many facts as the snapshot stands for, and each fact is written into two snapshots or so.
const FIRST_AFTER: Seq = 8_192;

pub(super) struct Snapshots {
    latest: Seq,
    under_way: Option<JoinHandle<()>>,
}

impl Snapshots {
    /// The last fact of the newest one.
    pub(super) fn after(latest: Seq) -> Snapshots {
        let under_way = None;
        Snapshots { latest, under_way }
    }

    pub(super) fn keep_where_due(&mut self, published: &Arc<Published>, journal: &dyn Journal) {
        let seq = published.seq();
        let under_way = self.under_way.as_ref().is_some_and(|thread| !thread.is_finished());
        if under_way || seq - self.latest < FIRST_AFTER.max(self.latest) {
            return;
        }
        self.latest = seq;
        let (published, database) = (Arc::clone(published), journal.database());
        let keep = move || {
            if let Err(error) = keep(&published, &database) {
                tracing::warn!(%error, seq, "no snapshot was kept");
            }
        };
        let thread = std::thread::Builder::new().name("booking-snapshot".to_owned());
        self.under_way = thread.spawn(keep).ok();
    }

    /// Waits for the one that is under way.
    pub(super) fn finish(&mut self) {
        if let Some(thread) = self.under_way.take() {
            let _ = thread.join();
        }
    }
}

/// Of what is published at this moment; publishing waits for the copy, not for the disk.
fn keep(published: &Published, database: &Database) -> Result<(), JournalError> {
    let (seq, sale) = published.look_at(|seq, sale| (seq, sale.clone()));
    database.open()?.keep_snapshot(seq, &sale)
}
