//! One room of an agent: the pure core behind a short lock, its view beside it for everybody who only reads.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::health::RoomHealth;
use crate::challenge::Nonce;
use crate::clock::Clock;
use crate::edge::answers::{Arrival, Status};
use crate::edge::asked::{Asked, Told};
use crate::edge::core::EdgeRoom;
use crate::edge::seen::Seen;
use crate::edge::sessions::Touch;
use crate::edge::view::{Look, Report, View};
use crate::ids::{Place, Stamp, VisitorId};
use crate::policy::RoomPolicy;
use crate::room::Room as Index;
use crate::store::{EdgeMemory, Session};

pub(super) struct Room {
    core: Mutex<EdgeRoom>,
    view: ArcSwap<View>,
    asked: Mutex<Asked>,
    /// Answers to challenges that were used here, for when the store is away.
    paid: Mutex<Index>,
    pub(super) newborn: bool,
}

impl Room {
    pub(super) fn new(policy: RoomPolicy, newborn: bool, memory: Option<EdgeMemory>, clock: &dyn Clock) -> Room {
        let core = EdgeRoom::new(Arc::new(policy), clock.wall(), clock.monotonic(), memory);
        Room {
            view: ArcSwap::new(Arc::clone(core.view())),
            core: Mutex::new(core),
            asked: Mutex::default(),
            paid: Mutex::default(),
            newborn,
        }
    }

    /// Runs `change` on the core, then shows everybody the view that came of it. Never across an await.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut EdgeRoom) -> R) -> R {
        let mut core = self.core.lock();
        let result = change(&mut core);
        if !Arc::ptr_eq(core.view(), &self.view.load()) {
            self.view.store(Arc::clone(core.view()));
        }
        result
    }

    /// Whether this answer was not used at this edge before; it is used now.
    pub(super) fn pay(&self, nonce: Nonce, now: Stamp) -> bool {
        self.paid.lock().pay(nonce, now)
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    pub(super) fn policy(&self) -> Arc<RoomPolicy> {
        Arc::clone(&self.view.load().policy)
    }

    pub(super) fn status(&self, place: Place, seen: Option<Seen>, now: Duration) -> Status {
        let look = self.view.load().look(place, seen, now);
        match look {
            Look::AskClaim => Status::MayClaim,
            Look::Waiting {
                facts,
                report: Report::Nothing,
            } => Status::Waiting(facts),
            Look::Waiting { facts, report } => Status::Waiting(self.with(|core| core.reported(place, facts, report))),
        }
    }

    /// Where the store's answer about this ticket is, or will be. A session that ended since is no answer.
    pub(super) fn asked_about(&self, ticket: VisitorId, now: Duration) -> Told {
        let view = self.view.load();
        let worked = view
            .known
            .as_ref()
            .map(|known| (known.snapshot.epoch, known.snapshot.seq));
        let about = || self.asked.lock().about(ticket, now, worked.unwrap_or_default());
        let told = about();
        match told.get() {
            Some(Arrival::Inside(session)) if self.with(|core| core.has_ended(session.place.visitor)) => {
                self.forget_asked(ticket, &told);
                about()
            }
            _ => told,
        }
    }

    pub(super) fn forget_asked(&self, ticket: VisitorId, told: &Told) {
        self.asked.lock().forget(ticket, told);
    }

    pub(super) fn touch(&self, session: Session, now: Duration) -> Touch {
        self.with(|core| core.touch(session, now))
    }

    pub(super) fn health(&self, now: Duration) -> RoomHealth {
        let view = self.view();
        let (clock_uncertainty, wall_error) = self.with(|core| (core.clock().uncertainty(), core.clock().wall_error()));
        let last_tick_age = view.known.as_ref().map(|known| now.saturating_sub(known.received));
        RoomHealth {
            room: view.policy.name.clone(),
            store_reachable: last_tick_age.is_some() && !view.away,
            last_tick_age,
            stale: view.stale(now),
            clock_uncertainty,
            wall_error,
        }
    }
}
