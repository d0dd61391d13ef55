//! The writer's thread: leads or stands by. Leading, it decides batches on a copy that may be thrown away; a copy that
//! is ahead of the disk is never shown to anybody. A writer that cannot know whether its commit happened steps down and
//! reads back; one that was replaced hears so from the journal and stands by.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::published::Published;
use super::snapshots::Snapshots;
use super::{Answer, NAP, NotDecided};
use crate::clock::Clock;
use crate::journal::{Epoch, Journal, JournalError, Seq};
use crate::shop::command::{Ask, Command};
use crate::shop::fact::Fact;
use crate::shop::{Applied, Sale};

/// How often a commit that surely failed is tried again before its visitors hear of it.
const TRIES: usize = 3;
/// How often the lease is renewed where nothing is committed.
const RENEW_EVERY: Duration = Duration::from_millis(800);
pub(super) struct Desk {
    journal: Box<dyn Journal>,
    clock: Clock,
    opening: Vec<Ask>,
    published: Arc<Published>,
    role: Role,
    /// Time never goes back, whatever the machine's clock does.
    now_ms: u64,
    snapshots: Snapshots,
    /// The last commit failed: no hurry.
    failing: bool,
}

enum Role {
    Standby,
    Leading {
        epoch: Epoch,
        /// What is published, or ahead of it while a batch is decided.
        sale: Box<Sale>,
        heard_at: Instant,
    },
}

impl Desk {
    pub(super) fn open(
        mut journal: Box<dyn Journal>,
        clock: Clock,
        opening: Vec<Ask>,
        published: Arc<Published>,
    ) -> Result<Desk, JournalError> {
        let snapshot_at = published.load(journal.as_mut())?;
        let mut desk = Desk {
            journal,
            clock,
            opening,
            snapshots: Snapshots::after(snapshot_at),
            published,
            role: Role::Standby,
            now_ms: 0,
            failing: false,
        };
        desk.try_to_lead()?;
        Ok(desk)
    }

    /// How long the thread may sleep when nobody asks for anything.
    pub(super) fn patience(&self) -> Duration {
        let Role::Leading { sale, .. } = &self.role else {
            return NAP;
        };
        if self.failing {
            return NAP;
        }
        let next_ms = sale
            .next_end_ms()
            .map_or(u64::MAX, |end_ms| end_ms.saturating_sub((self.clock)()));
        NAP.min(Duration::from_millis(next_ms))
    }

    /// Decides a batch; with none, does what time asks for.
    pub(super) fn work(&mut self, commands: Vec<Command>) -> Vec<Answer> {
        if matches!(self.role, Role::Standby)
            && let Err(error) = self.try_to_lead()
        {
            tracing::warn!(%error, "standing by");
        }
        let waiting = commands.len();
        let all = |why| vec![Err(why); waiting];
        if matches!(self.role, Role::Standby) {
            return all(NotDecided::Standby);
        }
        let answers = match commands.is_empty() {
            true => {
                self.idle();
                Vec::new()
            }
            false => self.decide(commands).unwrap_or_else(all),
        };
        self.renew();
        answers
    }

    pub(super) fn close(&mut self) {
        if let Role::Leading { epoch, .. } = self.role {
            self.published.set_leading(false);
            self.journal.resign(epoch);
        }
        self.snapshots.finish();
    }

    fn try_to_lead(&mut self) -> Result<(), JournalError> {
        self.published.follow(self.journal.as_mut())?;
        let Some(epoch) = self.journal.lead()? else {
            return Ok(());
        };
        // Whatever the writer before kept until this epoch began.
        self.published.follow(self.journal.as_mut())?;
        self.role = Role::Leading {
            epoch,
            sale: Box::new(self.published.copy()),
            heard_at: Instant::now(),
        };
        let opening = self.opening.iter().cloned().map(Command::from).collect();
        let Ok(opened) = self.decide(opening) else {
            self.step_down();
            return Err(JournalError::Away("what is on offer could not be kept".to_owned()));
        };
        for refusal in opened.into_iter().flatten().filter_map(|applied| applied.reply.err()) {
            tracing::error!(?refusal, "something cannot be put on offer");
        }
        tracing::info!(epoch, seq = self.published.seq(), "this is the writer now");
        self.published.set_leading(true);
        Ok(())
    }

    fn step_down(&mut self) {
        self.published.set_leading(false);
        self.role = Role::Standby;
    }

    /// Ends holds where nobody asks for anything.
    fn idle(&mut self) {
        let now_ms = (self.clock)();
        let Role::Leading { sale, .. } = &self.role else { return };
        if sale.next_end_ms().is_some_and(|end_ms| end_ms <= now_ms) {
            let _ = self.decide(vec![Command::from(Ask::Tick)]);
        }
    }

    /// A commit renews the lease; where there is none for a while, because nobody asks or everybody is refused, this does.
    fn renew(&mut self) {
        let Role::Leading { epoch, heard_at, .. } = &self.role else {
            return;
        };
        if heard_at.elapsed() < RENEW_EVERY {
            return;
        }
        match (self.journal.renew(*epoch), &mut self.role) {
            (Ok(()), Role::Leading { heard_at, .. }) => *heard_at = Instant::now(),
            (Err(JournalError::Fenced), _) => {
                tracing::warn!("another writer has taken over; standing by");
                self.step_down();
            }
            // The next commit finds out.
            (Err(error), _) => tracing::warn!(%error, "the lease could not be renewed"),
            (Ok(()), Role::Standby) => {}
        }
    }

    fn decide(&mut self, commands: Vec<Command>) -> Result<Vec<Answer>, NotDecided> {
        self.now_ms = self.now_ms.max((self.clock)());
        let now_ms = self.now_ms;
        let Role::Leading { epoch, sale, .. } = &mut self.role else {
            return Err(NotDecided::Standby);
        };
        let epoch = *epoch;
        let mut facts: Vec<Fact> = Vec::new();
        let applied: Vec<Applied> = commands
            .iter()
            .map(|command| {
                let mut applied = sale.apply(command, now_ms);
                facts.append(&mut applied.facts);
                applied
            })
            .collect();
        let kept = self.keep(epoch, &facts);
        self.failing = kept.is_err();
        kept?;
        self.published.publish(&facts);
        if let Role::Leading { heard_at, .. } = &mut self.role
            && !facts.is_empty()
        {
            *heard_at = Instant::now();
        }
        self.snapshots.keep_where_due(&self.published, self.journal.as_ref());
        Ok(applied.into_iter().map(Ok).collect())
    }

    /// Durable, or why not. After a failure the copy is thrown away.
    fn keep(&mut self, epoch: Epoch, facts: &[Fact]) -> Result<(), NotDecided> {
        if facts.is_empty() {
            return Ok(());
        }
        let first = self.published.seq() + 1;
        let mut kept = self.journal.commit(epoch, first, facts);
        for _ in 1..TRIES {
            match kept {
                Err(JournalError::Away(_)) => kept = self.journal.commit(epoch, first, facts),
                _ => break,
            }
        }
        let Err(error) = kept else { return Ok(()) };
        tracing::error!(%error, facts = facts.len(), "a batch was not acknowledged");
        match error {
            JournalError::Fenced => {
                self.step_down();
                Err(NotDecided::Standby)
            }
            JournalError::Unknown(_) => self.read_back(epoch, first, facts),
            JournalError::Away(_) | JournalError::Foreign(_) => {
                self.throw_away();
                Err(NotDecided::Away)
            }
        }
    }

    /// Steps down, becomes the writer again where it can, so that nothing of the old epoch can still happen, and looks.
    fn read_back(&mut self, epoch: Epoch, first: Seq, facts: &[Fact]) -> Result<(), NotDecided> {
        self.step_down();
        let leads = self.journal.lead();
        let looked = self.journal.read(first - 1);
        let Ok(looked) = looked.inspect_err(|error| tracing::error!(%error, "the batch cannot be read back")) else {
            return Err(NotDecided::Unknown);
        };
        let is_there = looked
            .first()
            .is_some_and(|kept| kept.epoch == epoch && facts.first() == Some(&kept.fact));
        let new_epoch = match leads {
            Ok(Some(epoch)) => epoch,
            // Another one leads: what is there is there, what is not will never be.
            Ok(None) if is_there => return Ok(()),
            Ok(None) => return Err(NotDecided::Standby),
            Err(_) if is_there => return Ok(()),
            Err(_) => return Err(NotDecided::Unknown),
        };
        tracing::info!(is_there, "the batch was read back");
        let mut sale = Box::new(self.published.copy());
        if is_there {
            facts.iter().for_each(|fact| sale.evolve(fact));
        }
        self.role = Role::Leading {
            epoch: new_epoch,
            sale,
            heard_at: Instant::now(),
        };
        self.published.set_leading(true);
        if is_there { Ok(()) } else { Err(NotDecided::Away) }
    }

    fn throw_away(&mut self) {
        if let Role::Leading { sale, .. } = &mut self.role {
            **sale = self.published.copy();
        }
    }
}
