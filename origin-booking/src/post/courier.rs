//! The loop of deliveries: looks for what is due, hands it to its carrier, tells the order processor what became of it.
//! Only where this process is the writer. What is under way when a process dies is carried again by the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::{Carrier, Letter};
use crate::clock::Clock;
use crate::shop::command::Ask;
use crate::shop::ids::{MessageId, TargetId};
use crate::shop::outbox::{Outcome, Report};
use crate::writer::Writer;

/// Most deliveries under way to one target: one that hangs holds up nobody else.
const MAX_AT_ONCE: usize = 8;
/// A look for what is due at the latest after this, and at the soonest after that.
const NAP: Duration = Duration::from_millis(250);
const BREATH: Duration = Duration::from_millis(20);
/// Longest wait for a carrier, which has shorter ones of its own.
const PATIENCE: Duration = Duration::from_secs(60);
/// Before a delivery whose outcome could not be kept is tried again.
const AFTER_LOSS: Duration = Duration::from_secs(2);

type Under = (TargetId, MessageId);

pub(crate) struct Courier {
    writer: Writer,
    clock: Clock,
    carriers: BTreeMap<TargetId, Arc<dyn Carrier>>,
    under_way: BTreeSet<Under>,
    tasks: JoinSet<Under>,
}

impl Courier {
    pub(crate) fn new(writer: Writer, clock: Clock, carriers: BTreeMap<TargetId, Arc<dyn Carrier>>) -> Courier {
        Courier {
            writer,
            clock,
            carriers,
            under_way: BTreeSet::new(),
            tasks: JoinSet::new(),
        }
    }

    /// For as long as the service runs.
    pub(crate) async fn attend(mut self) {
        if self.carriers.is_empty() {
            return;
        }
        let mut changes = self.writer.watch();
        loop {
            if self.writer.is_leading() {
                self.send_due();
            }
            tokio::select! {
                () = tokio::time::sleep(NAP) => {}
                _ = changes.changed() => {}
                Some(ended) = self.tasks.join_next() => self.note_end(ended),
            }
            while let Some(ended) = self.tasks.try_join_next() {
                self.note_end(ended);
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    fn note_end(&mut self, ended: Result<Under, tokio::task::JoinError>) {
        match ended {
            Ok(under) => {
                self.under_way.remove(&under);
            }
            // Which one is not known: all that are really under way are asked for again, and arrive twice at worst.
            Err(error) => {
                tracing::error!(%error, "a delivery broke off");
                self.under_way.clear();
            }
        }
    }

    fn send_due(&mut self) {
        let now_ms = (self.clock)();
        let letters: Vec<Letter> = self.writer.look(|sale| {
            let due = self.carriers.keys().flat_map(|target| {
                let waiting = sale.outbox().waiting(target.as_str());
                let due = waiting.take_while(move |(due_ms, _)| *due_ms <= now_ms);
                due.take(MAX_AT_ONCE).map(move |(_, message)| (target, message))
            });
            due.filter(|(target, message)| !self.under_way.contains(&((*target).clone(), (*message).clone())))
                .filter_map(|(target, message)| Letter::of(sale, message, target))
                .collect()
        });
        for letter in letters {
            self.send(letter, now_ms);
        }
    }

    fn send(&mut self, letter: Letter, now_ms: u64) {
        let Some(carrier) = self.carriers.get(&letter.target).map(Arc::clone) else {
            return;
        };
        let under = (letter.target.clone(), letter.id.clone());
        self.under_way.insert(under.clone());
        let writer = self.writer.clone();
        self.tasks.spawn(async move {
            let carried = tokio::time::timeout(PATIENCE, carrier.carry(&letter, now_ms)).await;
            let outcome = carried.unwrap_or_else(|_| Outcome::Failed {
                why: "it took too long".to_owned(),
                pause_ms: 0,
            });
            log(&letter, &outcome);
            let report = Report {
                message: letter.id,
                target: letter.target,
                outcome,
                jitter: jitter(),
            };
            if writer.submit(Ask::Report(report)).await.is_err() {
                tokio::time::sleep(AFTER_LOSS).await;
            }
            under
        });
    }
}

fn jitter() -> u16 {
    let mut bytes = [0; 2];
    // Without randomness, everybody comes back together: unpleasant, not wrong.
    let _ = getrandom::fill(&mut bytes);
    u16::from_le_bytes(bytes)
}

fn log(letter: &Letter, outcome: &Outcome) {
    let (message, target) = (letter.id.as_str(), letter.target.as_str());
    match outcome {
        Outcome::Delivered => tracing::debug!(message, target, "delivered"),
        Outcome::Failed { why, .. } => tracing::info!(message, target, why, "a delivery failed"),
        Outcome::Refused { why } => tracing::warn!(message, target, why, "a delivery was refused for good"),
    }
}
