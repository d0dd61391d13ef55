//! What the API answers, as types: handlers fill them, the OpenAPI document describes them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::shop::catalogue::Price;
use crate::shop::hall::Zone;
use crate::shown::Shown;

#[derive(Serialize, ToSchema)]
pub(super) struct OrderAnswer {
    pub(super) order: Shown,
}

/// A hold is an order that has no name or is not paid yet.
#[derive(Serialize, ToSchema)]
pub(super) struct HoldAnswer {
    pub(super) hold: Shown,
}

/// The visitor's own, without those that came to nothing.
#[derive(Serialize, ToSchema)]
pub(super) struct Orders {
    pub(super) orders: Vec<Shown>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EventPage {
    pub(super) events: Vec<EventShown>,
    #[schema(minimum = 1)]
    pub(super) page: usize,
    #[schema(minimum = 1, maximum = 100)]
    pub(super) per_page: usize,
    /// On all pages.
    pub(super) total: usize,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EventAnswer {
    pub(super) event: EventShown,
}

#[derive(Serialize, ToSchema)]
pub(super) struct EventShown {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) venue: String,
    /// In words, in the venue's own time.
    pub(super) when: String,
    /// Milliseconds since the Unix epoch; 0 where nobody said.
    pub(super) starts_at_ms: u64,
    /// Of a place of general admission; a hall's seats have the prices of their zones.
    pub(super) price: Price,
    /// All there are.
    pub(super) seats: u32,
    pub(super) left: u32,
    pub(super) numbered: bool,
    /// Most places that one person may have.
    pub(super) cap: u32,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SeatMap {
    /// Of the last change that is in it: where the live changes begin.
    #[schema(minimum = 0)]
    pub(super) seq: i64,
    pub(super) zones: Vec<Zone>,
    pub(super) rows: Vec<SeatRow>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SeatRow {
    pub(super) section: String,
    pub(super) row: String,
    pub(super) zone: String,
    /// Numbers of the seats for wheelchairs; the leftmost is 1.
    pub(super) accessible: Vec<u32>,
    /// A letter a seat: `.` free, `x` taken.
    #[schema(pattern = "^[.x]{1,64}$")]
    pub(super) seats: String,
}

/// The tickets of a confirmed order.
#[derive(Serialize, ToSchema)]
pub(super) struct Tickets {
    /// Where all of them are shown, without a pass.
    pub(super) link: String,
    pub(super) tickets: Vec<TicketShown>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TicketShown {
    #[schema(minimum = 1)]
    pub(super) number: u32,
    /// `null` where places are not numbered.
    pub(super) seat: Option<String>,
    /// As people call it.
    pub(super) seat_name: Option<String>,
    /// The text of the code.
    pub(super) ticket: String,
    /// The address of the code as a picture.
    pub(super) svg: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CheckInAnswer {
    pub(super) check_in: CheckedIn,
}

/// Somebody came in.
#[derive(Serialize, ToSchema)]
pub(super) struct CheckedIn {
    pub(super) order: String,
    /// Of the ticket.
    #[schema(minimum = 1)]
    pub(super) number: u32,
    /// Tickets of the order.
    pub(super) of: u32,
    pub(super) event: String,
    pub(super) name: Option<String>,
    pub(super) seat: Option<String>,
    /// As people call it.
    pub(super) seat_name: Option<String>,
    pub(super) at_ms: Option<u64>,
    pub(super) gate: Option<String>,
    /// What the whole order still has to pay.
    pub(super) order_owes_minor: u64,
    /// How many came to the event so far.
    pub(super) arrived: u32,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CouponAnswer {
    pub(super) coupon: CouponShown,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CouponShown {
    /// Counts from 1.
    #[schema(minimum = 1)]
    pub(super) number: u32,
    #[schema(value_type = String)]
    pub(super) code: std::sync::Arc<str>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PollAnswer {
    pub(super) poll: PollShown,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PollShown {
    pub(super) id: String,
    pub(super) question: String,
    pub(super) options: Vec<OptionShown>,
    /// 0: for ever.
    pub(super) until_ms: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct OptionShown {
    pub(super) text: String,
    pub(super) votes: u32,
}

#[derive(Serialize, ToSchema)]
pub(super) struct PointsAnswer {
    pub(super) points: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Replayed {
    /// So many deliveries wait again.
    pub(super) replayed: usize,
}

/// It is so now.
#[derive(Serialize, ToSchema)]
pub(super) struct DoneAnswer {
    pub(super) done: bool,
}

impl DoneAnswer {
    pub(super) const DONE: DoneAnswer = DoneAnswer { done: true };
}
