//! The one writer: takes what is waiting, decides it in order, keeps it in one durable commit, then answers. Nobody else
//! changes the sale, so nothing about it can race. This file is the door to it; the thread is `desk.rs`.

mod desk;
mod published;
mod snapshots;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::clock::Clock;
use crate::journal::{Journal, JournalError, Seq};
use crate::shop::command::{Ask, Command};
use crate::shop::{Applied, Sale};
use desk::Desk;
use published::Published;
pub(crate) use published::{Change, Since};

/// Most commands that wait; the next one is told to come back.
pub const MAX_WAITING: usize = 4_096;
/// Most commands in one commit.
pub const MAX_BATCH: usize = 512;

/// Why a command was not decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotDecided {
    /// Too many commands wait. Nothing was done.
    Busy,
    /// The database does not answer. Nothing was done.
    Away,
    /// Another process is the writer. Nothing was done.
    Standby,
    /// It may have been done: the database did not say. A retry with the same key finds out.
    Unknown,
}

pub(crate) type Answer = Result<Applied, NotDecided>;

struct Waiting {
    command: Command,
    answer: oneshot::Sender<Answer>,
}

/// Hands commands to the writer. The writer ends when the last of these is gone.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: SyncSender<Waiting>,
    published: Arc<Published>,
}

impl Writer {
    /// Reads the journal, tries to become the writer, and starts the thread. `opening` is put on offer whenever this
    /// becomes the writer; what is known already stays as it is.
    pub(crate) fn start(
        journal: Box<dyn Journal>,
        clock: Clock,
        opening: Vec<Ask>,
    ) -> Result<(Writer, JoinHandle<()>), JournalError> {
        let published = Arc::new(Published::default());
        let mut desk = Desk::open(journal, clock, opening, Arc::clone(&published))?;
        let (queue, commands) = sync_channel(MAX_WAITING);
        let thread = std::thread::Builder::new()
            .name("booking-writer".to_owned())
            .spawn(move || run(&mut desk, &commands))
            .map_err(|error| JournalError::Away(error.to_string()))?;
        Ok((Writer { queue, published }, thread))
    }

    /// Decides a command. The answer comes after it is durable.
    pub(crate) async fn submit(&self, command: impl Into<Command>) -> Answer {
        let (answer, answered) = oneshot::channel();
        let command = command.into();
        self.queue
            .try_send(Waiting { command, answer })
            .map_err(|error| match error {
                TrySendError::Full(_) => NotDecided::Busy,
                TrySendError::Disconnected(_) => NotDecided::Away,
            })?;
        // The thread is gone: it may have kept the command first.
        answered.await.unwrap_or(Err(NotDecided::Unknown))
    }

    /// Looks at the sale as it is on the disk. The writer waits meanwhile: be brief.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Sale) -> T) -> T {
        self.published.look(look)
    }

    /// As [`Writer::look`], with the number of the last fact that is in it.
    pub(crate) fn look_at<T>(&self, look: impl FnOnce(Seq, &Sale) -> T) -> T {
        self.published.look_at(look)
    }

    /// Changes of an event's places after a fact.
    pub(crate) fn since(&self, event: &str, after: Seq) -> Since {
        self.published.since(event, after)
    }

    /// Tells of every new fact.
    pub(crate) fn watch(&self) -> watch::Receiver<Seq> {
        self.published.watch()
    }

    /// Whether this process is the writer.
    pub(crate) fn is_leading(&self) -> bool {
        self.published.is_leading()
    }
}

fn run(desk: &mut Desk, commands: &Receiver<Waiting>) {
    loop {
        let first = match commands.recv_timeout(desk.patience()) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return desk.close(),
        };
        let batch: Vec<Waiting> = first
            .into_iter()
            .chain(commands.try_iter().take(MAX_BATCH - 1))
            .collect();
        let (commands, senders): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.command, one.answer)).unzip();
        for (sender, answer) in senders.into_iter().zip(desk.work(commands)) {
            // Whoever asked may have gone; what was decided stays decided.
            let _ = sender.send(answer);
        }
    }
}

/// Longest sleep of the thread: how late a standby may notice that it is needed.
const NAP: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
