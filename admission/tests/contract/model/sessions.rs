//! The plain model's sessions after they began.

use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::{End, Session};

use super::{Model, Part, S, us};

impl Model {
    pub fn touch(&mut self, policy: &RoomPolicy, sessions: &[Session], now: Stamp) -> Vec<VisitorId> {
        let now = self.store_time(now);
        let mut over = Vec::new();
        for session in sessions {
            if !self.touch_one(policy, session, now) {
                over.push(session.place.visitor);
            }
        }
        over
    }

    fn touch_one(&mut self, policy: &RoomPolicy, session: &Session, now: u64) -> bool {
        let id = session.place.visitor;
        let service = self.service_time(now);
        let part = self.part(id);
        if self.has_ended(id) || self.is_revoked(id) || part == Some(Part::Used) {
            return false;
        }
        if let Some(Part::Inside { .. }) = part {
            self.extend(policy, id, now);
            return true;
        }
        if part.is_none() {
            let lost = self.epoch.is_none() || service < self.readopt_until;
            let alive = session.expires_at.0 + 30 * S > now;
            let young = session.claimed_at.0 + (30 * S).min(us(policy.session_ttl)) > now;
            let space = self.free(policy) > 0;
            if !((alive && (lost || space)) || young) {
                return false;
            }
        }
        let claimed_at = session.claimed_at.0.min(now);
        if claimed_at <= self.ghost_as_of {
            self.ghost_active = self.ghost_active.saturating_sub(1);
        }
        self.go_inside(policy, session.place, claimed_at, now);
        true
    }

    pub fn spent(&mut self, places: &[Place], now: Stamp) {
        let now = self.store_time(now);
        let service = self.service_time(now);
        for place in places {
            let inside = matches!(self.part(place.visitor), Some(Part::Inside { .. }));
            self.put(*place, Part::Used);
            if inside {
                self.ended.push((service, place.visitor));
            }
        }
    }

    pub fn end(&mut self, place: Place, how: End, now: Stamp) {
        let now = self.store_time(now);
        let service = self.service_time(now);
        let id = place.visitor;
        if how == End::Revoked && !self.is_revoked(id) {
            self.revoked.push((service, id));
        }
        if self.has_ended(id) {
            return;
        }
        if self.find(id).is_none() && place.stamp.0 <= self.frontier {
            self.ghost_active = self.ghost_active.saturating_sub(1);
        }
        self.put(place, Part::Used);
        self.ended.push((service, id));
    }
}
