//! The one writer: takes what is waiting, decides it in order, keeps it in one durable commit, then answers.
//! Nobody else changes the sale, so nothing about it can race.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::RwLock;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::journal::{Journal, JournalError};
use crate::sale::{Applied, Command, Fact, Offer, Sale};

/// Most commands that wait; the next one is told to come back.
const MAX_WAITING: usize = 1_024;
/// Most commands in one commit.
const MAX_BATCH: usize = 256;
/// How often a commit that failed is tried again before its visitors hear of it.
const TRIES: usize = 3;

/// Why a command was not decided. Nothing of it was kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotDecided {
    /// Too many commands wait.
    Busy,
    /// The database does not answer.
    Away,
}

type Answer = Result<Applied, NotDecided>;

struct Waiting {
    command: Command,
    answer: oneshot::Sender<Answer>,
}

/// What readers see: always a state that is on the disk.
#[derive(Default, Debug)]
pub(crate) struct View {
    pub(crate) offers: Vec<Offer>,
    pub(crate) sold_seats: u64,
}

/// Hands commands to the writer. The writer ends when the last of these is gone.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Waiting>,
    view: Arc<RwLock<Arc<View>>>,
}

impl Writer {
    /// Loads the sale and starts the thread.
    pub(crate) fn start(mut journal: Box<dyn Journal>, clock: Clock) -> Result<(Writer, JoinHandle<()>), JournalError> {
        let sale = journal.load()?;
        let view = Arc::new(RwLock::new(Arc::new(view_of(&sale))));
        let (queue, commands) = sync_channel(MAX_WAITING);
        let mut desk = Desk {
            journal,
            sale: Some(sale),
            clock,
            view: Arc::clone(&view),
        };
        let thread = std::thread::Builder::new()
            .name("booking-writer".to_owned())
            .spawn(move || desk.run(&commands))
            .map_err(|error| JournalError::Away(error.to_string()))?;
        Ok((Writer { queue, view }, thread))
    }

    /// Decides a command. The answer comes after it is durable.
    pub(crate) async fn submit(&self, command: Command) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { command, answer })
            .map_err(|error| match error {
                TrySendError::Full(_) => NotDecided::Busy,
                TrySendError::Disconnected(_) => NotDecided::Away,
            })?;
        answered.await.unwrap_or(Err(NotDecided::Away))
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read())
    }
}

struct Desk {
    journal: Box<dyn Journal>,
    /// `None` after a failed commit: what is in memory may be ahead of the disk, so it is read again.
    sale: Option<Sale>,
    clock: Clock,
    view: Arc<RwLock<Arc<View>>>,
}

impl Desk {
    fn run(&mut self, commands: &Receiver<Waiting>) {
        while let Ok(first) = commands.recv() {
            let batch: Vec<Waiting> = std::iter::once(first)
                .chain(commands.try_iter())
                .take(MAX_BATCH)
                .collect();
            let answers = self.decide(&batch);
            for (waiting, answer) in batch.into_iter().zip(answers) {
                // Whoever asked may have gone; what was decided stays decided.
                let _ = waiting.answer.send(answer);
            }
        }
    }

    fn decide(&mut self, batch: &[Waiting]) -> Vec<Answer> {
        let Some(mut sale) = self.sale.take().or_else(|| self.reload()) else {
            return batch.iter().map(|_| Err(NotDecided::Away)).collect();
        };
        let now_ms = (self.clock)();
        let applied: Vec<Applied> = batch
            .iter()
            .map(|waiting| sale.apply(&waiting.command, now_ms))
            .collect();
        let facts: Vec<Fact> = applied.iter().flat_map(|one| one.facts.iter().cloned()).collect();
        if let Err(error) = self.keep(&facts, &sale) {
            tracing::error!(%error, commands = batch.len(), "a batch could not be kept");
            return batch.iter().map(|_| Err(NotDecided::Away)).collect();
        }
        *self.view.write() = Arc::new(view_of(&sale));
        self.sale = Some(sale);
        applied.into_iter().map(Ok).collect()
    }

    fn keep(&mut self, facts: &[Fact], sale: &Sale) -> Result<(), JournalError> {
        if facts.is_empty() {
            return Ok(());
        }
        let mut last = self.journal.commit(facts, sale);
        for _ in 1..TRIES {
            if last.is_ok() {
                break;
            }
            last = self.journal.commit(facts, sale);
        }
        last
    }

    fn reload(&mut self) -> Option<Sale> {
        self.journal
            .load()
            .inspect_err(|error| tracing::error!(%error, "the journal cannot be read"))
            .ok()
    }
}

fn view_of(sale: &Sale) -> View {
    View {
        offers: sale.offers().to_vec(),
        sold_seats: sale.sold_seats(),
    }
}

#[cfg(test)]
mod tests;
