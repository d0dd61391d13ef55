//! One room at one edge: what it knows, remembers and has yet to report. No I/O; time and randomness are arguments
//! (`now` is monotonic). docs/ADMISSION.md, "What an edge keeps".

use std::sync::Arc;
use std::time::Duration;

use super::batches::{Batches, Pending};
use super::clock_offset::ClockOffset;
use super::marks::Marks;
use super::pace::Measured;
use super::position::Before;
use super::recent::Recent;
use super::sessions::Verified;
use super::view::{Known, Report, View, WaitFacts};
use crate::ids::{Epoch, Place, Stamp, VisitorId};
use crate::policy::{LiveSettings, RoomPolicy};
use crate::room::bounds;
use crate::store::{EdgeMemory, RoomState, Snapshot};
use crate::wait::{self, Pace};

/// Sessions lately verified and places lately ended: at most so many each, newest win.
pub const MAX_REMEMBERED: usize = 65_536;
/// First contacts near the head that one edge reports as present between two snapshots; the rest join, so that a
/// crowd at the opening cannot outrun `max_waiting`.
const MAX_FIRST_PRESENT: u32 = 1_000;
/// After the store refused an entry here, newcomers here get tickets unasked for so long: the store lets nobody enter
/// for 4 s (`room::bounds::LINE_US`), and whoever got a ticket is indexed 1.3 s later.
const LINE_SEEN: Duration = Duration::from_millis(2_500);

#[derive(Clone, Debug)]
pub struct EdgeRoom {
    pub(super) view: Arc<View>,
    pub(super) clock: ClockOffset,
    pub(super) memory: EdgeMemory,
    measured: Measured,
    last_minted: Stamp,
    /// When the store last refused an entry here.
    line_seen: Option<Duration>,
    first_present: u32,
    pub(super) sessions: Recent<VisitorId, Verified>,
    pub(super) ended: Recent<VisitorId, Option<Place>>,
    /// Whose session the store does not know any more: their place decides.
    pub(super) lapsed: Recent<VisitorId, ()>,
    /// Whose place was indexed lately: for those who keep no cookie that says so.
    pub(super) indexed: Marks,
    pub(super) pending: Pending,
}

impl EdgeRoom {
    #[must_use]
    pub fn new(policy: Arc<RoomPolicy>, wall: Stamp, now: Duration, remembered: Option<EdgeMemory>) -> EdgeRoom {
        let memory = remembered.unwrap_or_default();
        let clock = ClockOffset::new(wall, now);
        let view = View {
            policy,
            known: None,
            frontier: memory.frontier,
            away: false,
            offset_us: clock.offset_us(),
        };
        EdgeRoom {
            view: Arc::new(view),
            clock,
            memory,
            measured: Measured::default(),
            last_minted: Stamp::ZERO,
            line_seen: None,
            first_present: 0,
            sessions: Recent::new(MAX_REMEMBERED),
            ended: Recent::new(MAX_REMEMBERED),
            lapsed: Recent::new(MAX_REMEMBERED),
            indexed: Marks::default(),
            pending: Pending::default(),
        }
    }

    /// What polls read. Replaced whole whenever it changes.
    #[must_use]
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    #[must_use]
    pub fn clock(&self) -> &ClockOffset {
        &self.clock
    }

    /// What each tick hands to the store, in case it lost its data.
    #[must_use]
    pub fn memory(&self) -> &EdgeMemory {
        &self.memory
    }

    pub fn set_policy(&mut self, policy: Arc<RoomPolicy>) {
        self.change_view(|view| view.policy = policy);
    }

    /// A place for a newcomer: behind every frontier this edge has seen and every place it has made.
    pub fn mint(&mut self, now: Duration, visitor: VisitorId) -> Place {
        let floor = self.view.frontier.max(self.last_minted).next();
        let stamp = self.clock.store_time(now).max(floor);
        self.last_minted = stamp;
        Place { stamp, visitor }
    }

    /// The store refused an entry: it knows now that there is a line.
    pub fn note_line(&mut self, now: Duration) {
        self.line_seen = Some(now);
    }

    /// Whether a newcomer is to ask the store for entry. Asked wherever nobody was waiting, even if the room lets nobody
    /// in: the refusal is what keeps later newcomers at other edges behind the ticket that is given here.
    #[must_use]
    pub fn asks_to_enter(&self, now: Duration) -> bool {
        let nobody_waits = |known: &Known| known.snapshot.waiting == 0;
        let line_seen = self.line_seen.is_some_and(|seen| now.saturating_sub(seen) < LINE_SEEN);
        !line_seen && !self.view.stale(now) && self.view.known.as_ref().is_some_and(nobody_waits)
    }

    /// Puts a poll's report into the next batch. `false` where there was no room: the browser must not be told that
    /// its place is indexed.
    pub fn report(&mut self, place: Place, report: Report) -> bool {
        match report {
            Report::Nothing => true,
            Report::Join => self.join(place),
            Report::Present { first: true } if self.first_present >= MAX_FIRST_PRESENT => self.join(place),
            Report::Present { first } => {
                self.first_present += u32::from(first);
                self.pending.present(place)
            }
        }
    }

    /// As [`Self::report`], with the facts that the browser may then be told.
    pub fn reported(&mut self, place: Place, mut facts: WaitFacts, report: Report) -> WaitFacts {
        let fits = self.report(place, report);
        if !fits {
            facts.seen.epoch_id = 0;
        }
        facts
    }

    fn join(&mut self, place: Place) -> bool {
        if self.indexed.contains(place.visitor) {
            return true;
        }
        let fits = self.pending.join(place);
        if fits {
            self.indexed.put(place.visitor);
        }
        fits
    }

    /// Takes a tick's answer. Lower epochs, and older answers of the same epoch, are ignored; whatever is taken moves
    /// time forward. Returns whether it was taken.
    pub fn on_snapshot(&mut self, snapshot: Snapshot, sent: Duration, received: Duration) -> bool {
        self.clock.observe(sent, received, snapshot.now);
        let news = (snapshot.epoch, snapshot.seq) >= (self.memory.epoch, self.memory.seq);
        if news {
            self.take_snapshot(snapshot, received);
        }
        let offset_us = self.clock.offset_us();
        self.change_view(|view| {
            view.away = false;
            view.offset_us = offset_us;
        });
        news
    }

    /// The store did not answer.
    pub fn on_store_failure(&mut self) {
        if !self.view.away {
            self.change_view(|view| view.away = true);
        }
    }

    fn take_snapshot(&mut self, snapshot: Snapshot, received: Duration) {
        let lost = self.memory.epoch != Epoch::default() && self.memory.epoch != snapshot.epoch;
        let before = self.before(&snapshot, received);
        let refilled_at = self.refilled_at(&snapshot, received);
        self.measured.observe(&snapshot);
        self.remember(&snapshot);
        self.hear_ended(&snapshot.ended);
        if lost {
            self.report_again(self.clock.store_time(received));
        }
        self.first_present = 0;
        let pace = pace(&snapshot, self.measured.per_second());
        let horizon_rank = super::position::ahead(&snapshot.sketch, snapshot.waiting, snapshot.horizon);
        let known = Known {
            horizon_factor: wait::horizon_factor(horizon_rank, snapshot.rate, &self.view.policy),
            pace,
            received,
            refilled_at,
            before,
            paused_reason: snapshot.settings.paused.as_deref().map(Arc::from),
            message: snapshot.settings.message.as_deref().map(Arc::from),
            snapshot: Arc::new(snapshot),
        };
        let frontier = self.memory.frontier;
        self.change_view(|view| {
            view.known = Some(known);
            view.frontier = frontier;
        });
    }

    fn before(&self, snapshot: &Snapshot, received: Duration) -> Option<Before> {
        let old = self.view.known.as_ref()?;
        if old.snapshot.epoch == snapshot.epoch {
            return old.before.clone();
        }
        let whole = received >= old.refilled_at;
        let (settling, lasts) = (old.before.clone(), self.refill());
        Some(Before::epoch_changed(&old.snapshot, whole, settling, received, lasts))
    }

    /// When everybody who waits will be in the index again. Working ticks tell how old an epoch is at least. The very
    /// first one has nothing to put back, unless even the edges have forgotten.
    fn refilled_at(&self, snapshot: &Snapshot, received: Duration) -> Duration {
        let age = Duration::from_micros(bounds::TICK_WORK_US.saturating_mul(snapshot.seq));
        match &self.view.known {
            Some(old) if old.snapshot.epoch == snapshot.epoch => old.refilled_at,
            Some(_) => received + self.refill(),
            None if snapshot.epoch.ordinal > 1 => received + self.refill().saturating_sub(age),
            None if snapshot.state == RoomState::Recovering => received + bounds::recovery_freeze(&self.view.policy),
            None => Duration::ZERO,
        }
    }

    /// How long everybody takes to poll once: polls are jittered by a fifth.
    fn refill(&self) -> Duration {
        self.view.policy.max_poll.mul_f64(1.2)
    }

    fn remember(&mut self, snapshot: &Snapshot) {
        let ours = std::mem::take(&mut self.memory);
        let recovering = snapshot.state == RoomState::Recovering;
        let keep_settings = recovering && ours.settings.version > snapshot.settings.version;
        self.memory = EdgeMemory {
            epoch: snapshot.epoch,
            seq: snapshot.seq,
            frontier: ours.frontier.max(snapshot.frontier),
            grace_frontier: ours.grace_frontier.max(snapshot.grace_frontier),
            active: snapshot.active.saturating_add(snapshot.ghosts),
            admitted: snapshot.admitted,
            as_of: snapshot.now,
            settings: if keep_settings {
                ours.settings
            } else {
                snapshot.settings.clone()
            },
        };
    }

    fn hear_ended(&mut self, ended: &[VisitorId]) {
        for visitor in ended {
            if !self.ended.contains(visitor) {
                self.note_ended_id(*visitor);
            }
        }
    }

    /// The next round of calls; empty when there is nothing to report.
    pub fn take_batches(&mut self) -> Batches {
        self.pending.take()
    }

    /// What could not be delivered.
    pub fn give_back(&mut self, undelivered: Batches) {
        self.pending.give_back(undelivered);
    }

    /// The operator's settings as this edge knows them.
    #[must_use]
    pub fn settings(&self) -> &LiveSettings {
        &self.memory.settings
    }

    fn change_view(&mut self, change: impl FnOnce(&mut View)) {
        let mut view = View::clone(&self.view);
        change(&mut view);
        self.view = Arc::new(view);
    }
}

fn pace(snapshot: &Snapshot, recent_per_s: Option<f64>) -> Pace {
    let (left, admitted) = (snapshot.left_total as f64, snapshot.admitted_total as f64);
    Pace {
        rate_per_s: snapshot.rate.per_second(),
        recent_per_s,
        left_share: if left > 0.0 { left / (left + admitted) } else { 0.0 },
        full: snapshot.is_used_up(),
    }
}
