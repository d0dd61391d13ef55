//! What is left of one event: counters, and for halls which seats. `sold + held` never exceeds the capacity because
//! whoever takes has asked [`Offer::find`] in the same breath.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::catalogue::Event;
use super::guard::Guard;
use super::hall::{Best, Hall, SeatIndex, Seats};
use super::ids::OrderId;
use super::refusal::Refusal;

/// Which places somebody wants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// The best there are; of general admission, so many.
    Best(Best),
    /// These and no others, by name.
    Seats(Vec<String>),
}

impl Want {
    #[must_use]
    pub fn count(&self) -> u32 {
        match self {
            Want::Best(best) => best.count,
            Want::Seats(names) => u32::try_from(names.len()).unwrap_or(u32::MAX),
        }
    }
}

/// Places found for somebody, with what they cost before any discount.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Places {
    pub count: u32,
    /// Empty for general admission.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<SeatIndex>,
    pub price_minor: u64,
}

/// An event on offer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "Kept")]
pub struct Offer {
    event: Event,
    held: u32,
    sold: u32,
    seats: Option<Seats>,
    /// Who waits for places, first come first. At most [`MAX_WAITING`](super::waiting::MAX_WAITING).
    pub(super) waiting: VecDeque<OrderId>,
    #[serde(skip)]
    hall: Option<Arc<Hall>>,
}

/// An [`Offer`] as a snapshot keeps it.
#[derive(Deserialize)]
struct Kept {
    event: Event,
    held: u32,
    sold: u32,
    seats: Option<Seats>,
    waiting: VecDeque<OrderId>,
}

impl From<Kept> for Offer {
    fn from(kept: Kept) -> Offer {
        Offer {
            held: kept.held,
            sold: kept.sold,
            seats: kept.seats,
            waiting: kept.waiting,
            ..Offer::new(kept.event)
        }
    }
}

impl Offer {
    #[must_use]
    pub fn new(event: Event) -> Offer {
        let hall = event.hall.as_ref().and_then(|plan| plan.hall().ok()).map(Arc::new);
        Offer {
            seats: hall.as_deref().map(Seats::of),
            hall,
            event,
            held: 0,
            sold: 0,
            waiting: VecDeque::new(),
        }
    }

    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    #[must_use]
    pub fn hall(&self) -> Option<&Arc<Hall>> {
        self.hall.as_ref()
    }

    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.hall.as_ref().map_or(self.event.seats, |hall| hall.seat_count())
    }

    #[must_use]
    pub fn held(&self) -> u32 {
        self.held
    }

    #[must_use]
    pub fn sold(&self) -> u32 {
        self.sold
    }

    /// Neither held nor sold.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.capacity().saturating_sub(self.held).saturating_sub(self.sold)
    }

    #[must_use]
    pub fn free_seats(&self) -> Option<&Seats> {
        self.seats.as_ref()
    }

    #[must_use]
    pub fn is_free(&self, seat: SeatIndex) -> bool {
        match (&self.hall, &self.seats) {
            (Some(hall), Some(seats)) => seats.is_free(hall, seat),
            _ => false,
        }
    }

    /// Places for this wish, or why there are none. All or nothing.
    pub(super) fn find(&self, want: &Want) -> Result<Places, Refusal> {
        let left = self.left();
        if want.count() == 0 {
            return Err(Refusal::NothingAsked);
        }
        if Guard::Stock.forbids(want.count() > left) {
            return Err(Refusal::SoldOut { left });
        }
        match (&self.hall, &self.seats) {
            (Some(hall), Some(seats)) => self.find_seats(want, hall, seats),
            _ => self.find_admission(want),
        }
    }

    fn find_admission(&self, want: &Want) -> Result<Places, Refusal> {
        let Want::Best(Best {
            count,
            zone: None,
            accessible: false,
            ..
        }) = want
        else {
            return Err(Refusal::NoSuchSeat);
        };
        Ok(Places {
            count: *count,
            seats: Vec::new(),
            price_minor: self.event.price.minor.saturating_mul(u64::from(*count)),
        })
    }

    fn find_seats(&self, want: &Want, hall: &Hall, seats: &Seats) -> Result<Places, Refusal> {
        let chosen = match want {
            Want::Best(best) => {
                if best.zone.as_ref().is_some_and(|zone| !hall.has_zone(zone)) {
                    return Err(Refusal::NoSuchSeat);
                }
                best.choose(hall, seats)
                    .ok_or(Refusal::NoneTogether { left: self.left() })?
            }
            Want::Seats(names) => {
                let named = |name: &String| hall.seat_named(name).ok_or(Refusal::NoSuchSeat);
                let mut chosen = names.iter().map(named).collect::<Result<Vec<_>, _>>()?;
                chosen.sort_unstable();
                if chosen.windows(2).any(|pair| pair[0] == pair[1]) {
                    return Err(Refusal::SeatTwice);
                }
                chosen
            }
        };
        if Guard::Seat.forbids(chosen.iter().any(|seat| !seats.is_free(hall, *seat))) {
            return Err(Refusal::SeatTaken);
        }
        Ok(Places {
            count: want.count(),
            price_minor: chosen.iter().map(|seat| hall.price_minor(*seat)).sum(),
            seats: chosen,
        })
    }

    pub(super) fn hold(&mut self, places: &Places) {
        self.held = self.held.saturating_add(places.count);
        self.mark(places, Seats::take);
    }

    pub(super) fn sell_held(&mut self, places: &Places) {
        self.held = self.held.saturating_sub(places.count);
        self.sold = self.sold.saturating_add(places.count);
    }

    pub(super) fn free_held(&mut self, places: &Places) {
        self.held = self.held.saturating_sub(places.count);
        self.mark(places, Seats::give_back);
    }

    pub(super) fn free_sold(&mut self, places: &Places) {
        self.sold = self.sold.saturating_sub(places.count);
        self.mark(places, Seats::give_back);
    }

    fn mark(&mut self, places: &Places, how: impl Fn(&mut Seats, &Hall, &[SeatIndex])) {
        if let (Some(hall), Some(seats)) = (&self.hall, &mut self.seats) {
            how(seats, hall, &places.seats);
        }
    }
}
