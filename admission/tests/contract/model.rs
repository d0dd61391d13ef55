//! The plain model of a room: a list of people, searched and sorted each time. It follows docs/ADMISSION.md sentence by
//! sentence and shares no code with the stores but the words (ids, policy, rate, answers).

use stanchion_admission::ids::{Epoch, Place, Stamp, VisitorId};
use stanchion_admission::policy::{LiveSettings, Mode, RoomPolicy};
use stanchion_admission::rate::Rate;
use stanchion_admission::store::{Claim, Enter, Joined, Session};

mod sessions;
mod telling;
mod tick;

const S: u64 = 1_000_000;

#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Waiting { seen: Option<u64> },
    Admitted { deadline: u64 },
    Inside { end: u64, claimed_at: u64, proven: bool },
    Used,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub place: Place,
    pub part: Part,
}

#[derive(Clone, Default, Debug)]
pub struct Model {
    pub people: Vec<Person>,
    ended: Vec<(u64, VisitorId)>,
    revoked: Vec<(u64, VisitorId)>,
    epoch: Option<Epoch>,
    seq: u64,
    frontier: u64,
    grace_frontier: u64,
    credit: u64,
    credit_unit: u64,
    credit_at: u64,
    ticked_at: u64,
    paused_total: u64,
    line_until: u64,
    recovering_until: u64,
    readopt_until: u64,
    ghost_active: u64,
    ghost_admitted: u64,
    ghost_as_of: u64,
    ghost_active_until: u64,
    ghost_admitted_until: u64,
    horizon: u64,
    factor: u64,
    factor_changed_at: u64,
    marks: Vec<(u64, u64)>,
    admitted_total: u64,
    left_total: u64,
    settings: LiveSettings,
}

fn us(span: std::time::Duration) -> u64 {
    span.as_micros() as u64
}

fn presence_window(policy: &RoomPolicy) -> u64 {
    (3 * us(policy.near_poll)).max(10 * S)
}

impl Model {
    pub fn new() -> Model {
        Model {
            horizon: Stamp::MAX.0,
            factor: 1,
            ..Model::default()
        }
    }

    fn store_time(&self, now: Stamp) -> u64 {
        now.0.max(self.ticked_at)
    }

    fn service_time(&self, now: u64) -> u64 {
        if self.ticked_at == 0 {
            return now;
        }
        self.ticked_at - self.paused_total + (now - self.ticked_at).min(3 * S)
    }

    fn find(&self, id: VisitorId) -> Option<&Person> {
        self.people.iter().find(|p| p.place.visitor == id)
    }

    fn find_mut(&mut self, id: VisitorId) -> Option<&mut Person> {
        self.people.iter_mut().find(|p| p.place.visitor == id)
    }

    fn part(&self, id: VisitorId) -> Option<Part> {
        self.find(id).map(|p| p.part.clone())
    }

    fn has_ended(&self, id: VisitorId) -> bool {
        self.ended.iter().any(|e| e.1 == id)
    }

    fn is_revoked(&self, id: VisitorId) -> bool {
        self.revoked.iter().any(|e| e.1 == id)
    }

    /// Whether somebody was admitted between `before` and now.
    pub fn gave_since(&self, before: &Model) -> bool {
        self.epoch == before.epoch && self.admitted_total > before.admitted_total
    }

    /// Whom this model knows and that one does not.
    pub fn forgot<'a>(&'a self, after: &'a Model) -> impl Iterator<Item = VisitorId> + 'a {
        let ids = self.people.iter().map(|p| p.place.visitor);
        ids.filter(|id| after.find(*id).is_none())
    }

    pub fn waiting(&self) -> Vec<Place> {
        self.sorted(|part| matches!(part, Part::Waiting { .. }))
    }

    pub fn present_places(&self) -> Vec<Place> {
        self.sorted(|part| matches!(part, Part::Waiting { seen: Some(_) }))
    }

    pub fn admitted_places(&self) -> Vec<Place> {
        self.sorted(|part| matches!(part, Part::Admitted { .. }))
    }

    fn sorted(&self, which: impl Fn(&Part) -> bool) -> Vec<Place> {
        let mut out: Vec<Place> = self.people.iter().filter(|p| which(&p.part)).map(|p| p.place).collect();
        out.sort();
        out
    }

    fn count(&self, which: impl Fn(&Part) -> bool) -> u64 {
        self.people.iter().filter(|p| which(&p.part)).count() as u64
    }

    fn inside(&self) -> u64 {
        self.count(|part| matches!(part, Part::Inside { .. }))
    }

    fn admitted(&self) -> u64 {
        self.count(|part| matches!(part, Part::Admitted { .. }))
    }

    fn capacity(&self, policy: &RoomPolicy) -> u64 {
        self.settings.capacity.unwrap_or(policy.capacity)
    }

    fn rate(&self, policy: &RoomPolicy) -> Rate {
        self.settings.rate.unwrap_or(policy.rate)
    }

    fn free(&self, policy: &RoomPolicy) -> u64 {
        let used = self.inside() + self.admitted() + self.ghost_active + self.ghost_admitted;
        self.capacity(policy).saturating_sub(used)
    }

    fn recovering(&self, now: u64) -> bool {
        self.epoch.is_none() || self.service_time(now) < self.recovering_until
    }

    fn admits(&self, policy: &RoomPolicy, now: u64) -> bool {
        policy.mode == Mode::Fifo
            && !self.settings.closed
            && self.settings.paused.is_none()
            && !self.recovering(now)
            && policy.opens_at.is_none_or(|at| now >= at.0)
    }

    fn see_line(&mut self, now: u64) {
        self.line_until = self.line_until.max(now + 4 * S);
    }

    fn see_line_if_any(&mut self, now: u64) {
        if !self.waiting().is_empty() {
            self.see_line(now);
        }
    }

    fn session(&self, id: VisitorId, now: u64) -> Option<Session> {
        let person = self.find(id)?;
        let Part::Inside { end, claimed_at, .. } = person.part else {
            return None;
        };
        let expires_at = Stamp(end + now - self.service_time(now));
        Some(Session {
            place: person.place,
            claimed_at: Stamp(claimed_at),
            expires_at,
        })
    }

    fn put(&mut self, place: Place, part: Part) {
        match self.find_mut(place.visitor) {
            Some(person) => person.part = part,
            None => self.people.push(Person { place, part }),
        }
    }

    fn go_inside(&mut self, policy: &RoomPolicy, place: Place, claimed_at: u64, now: u64) {
        let end = self.service_time(now) + us(policy.session_ttl);
        self.put(
            place,
            Part::Inside {
                end,
                claimed_at,
                proven: true,
            },
        );
    }

    /// Somebody inside came back with what they got.
    fn extend(&mut self, policy: &RoomPolicy, id: VisitorId, now: u64) {
        let until = self.service_time(now) + us(policy.session_ttl);
        if let Some(Person {
            part: Part::Inside { end, proven, .. },
            ..
        }) = self.find_mut(id)
        {
            *end = (*end).max(until);
            *proven = true;
        }
    }

    /// (credit, unit) at `now`.
    fn accrued(&self, rate: Rate, now: u64) -> (u64, u64) {
        let (count, period) = (rate.count(), rate.period_us());
        let cap = period + 2 * S * count;
        let kept = if self.credit_unit == period {
            self.credit.min(cap)
        } else {
            self.credit.checked_div(self.credit_unit).unwrap_or(0).min(cap / period) * period
        };
        let elapsed = now.saturating_sub(self.credit_at).min(cap.div_ceil(count));
        ((kept + elapsed * count).min(cap), period)
    }

    fn set_credit(&mut self, (credit, unit): (u64, u64), now: u64) {
        self.credit = credit;
        self.credit_unit = unit;
        self.credit_at = self.credit_at.max(now);
    }

    pub fn enter(&mut self, policy: &RoomPolicy, place: Place, now: Stamp) -> Enter {
        let now = self.store_time(now);
        if let Some(session) = self.session(place.visitor, now) {
            return Enter::Entered(session);
        }
        let (credit, unit) = self.accrued(self.rate(policy), now);
        let allowed = self.admits(policy, now)
            && !matches!(self.part(place.visitor), Some(Part::Used | Part::Admitted { .. }))
            && !self.is_revoked(place.visitor)
            && self.waiting().is_empty()
            && now >= self.line_until
            && self.free(policy) > 0
            && credit >= unit;
        if !allowed {
            self.see_line(now);
            return Enter::Queue;
        }
        self.set_credit((credit - unit, unit), now);
        let end = self.service_time(now) + us(policy.session_ttl).min(60 * S);
        self.put(
            place,
            Part::Inside {
                end,
                claimed_at: now,
                proven: false,
            },
        );
        self.frontier = self.frontier.max(place.stamp.0);
        self.admitted_total += 1;
        Enter::Entered(self.session(place.visitor, now).unwrap())
    }

    fn may_index(&self, place: Place) -> bool {
        self.find(place.visitor).is_none() && !self.is_revoked(place.visitor) && place.stamp.0 > self.grace_frontier
    }

    pub fn join(&mut self, policy: &RoomPolicy, places: &[Place], now: Stamp) -> Joined {
        let now = self.store_time(now);
        let mut joined = Joined { added: 0, refused: 0 };
        for place in places {
            if !self.may_index(*place) {
                continue;
            }
            if self.waiting().len() as u64 >= policy.max_waiting {
                joined.refused += 1;
            } else {
                self.put(*place, Part::Waiting { seen: None });
                joined.added += 1;
            }
        }
        self.see_line_if_any(now);
        joined
    }

    pub fn present(&mut self, places: &[Place], now: Stamp) {
        let now = self.store_time(now);
        for place in places {
            self.note_present(*place, now);
        }
        self.see_line_if_any(now);
    }

    fn note_present(&mut self, place: Place, now: u64) {
        let service = self.service_time(now);
        if self.may_index(place) {
            self.put(place, Part::Waiting { seen: None });
        }
        if let Some(Person {
            part: Part::Waiting { seen },
            ..
        }) = self.find_mut(place.visitor)
        {
            *seen = Some(service);
        }
    }

    pub fn claim(&mut self, policy: &RoomPolicy, place: Place, now: Stamp) -> Claim {
        let now = self.store_time(now);
        let id = place.visitor;
        if matches!(self.part(id), Some(Part::Inside { proven: false, .. })) {
            self.extend(policy, id, now);
        }
        if let Some(session) = self.session(id, now) {
            return Claim::Inside(session);
        }
        if self.is_revoked(id) {
            return Claim::Revoked;
        }
        if !self.recovering(now) {
            match self.part(id) {
                Some(Part::Admitted { .. }) => {
                    self.go_inside(policy, place, now, now);
                    return Claim::Inside(self.session(id, now).unwrap());
                }
                Some(Part::Used) => return Claim::Gone,
                None if place.stamp.0 <= self.grace_frontier => return Claim::Gone,
                _ => {}
            }
        }
        self.note_present(place, now);
        self.see_line_if_any(now);
        Claim::Waiting
    }

    /// `Err` is the current version.
    pub fn settings_put(&mut self, expected: u64, new: LiveSettings) -> Result<LiveSettings, u64> {
        if self.settings.version != expected {
            return Err(self.settings.version);
        }
        self.settings = LiveSettings {
            version: expected + 1,
            ..new
        };
        Ok(self.settings.clone())
    }
}
