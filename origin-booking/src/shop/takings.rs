//! What an event has brought in, for the organiser: added up as orders are confirmed and given back. A sum of what was
//! decided; what the provider really paid out is its own statement's to say.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::order::{Method, Order, Stage};

/// In the event's currency. What was given back is in both the sum of its kind and in `refunded`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Takings {
    /// By card.
    pub paid_minor: u64,
    pub points: u64,
    /// To be paid at the door by orders that are confirmed now.
    pub owed_minor: u64,
    pub refunded_minor: u64,
    pub refunded_points: u64,
}

impl Takings {
    /// Follows an order from one stage to the next.
    pub(super) fn follow(&mut self, before: Option<Stage>, order: &Order) {
        if before == Some(order.stage) {
            return;
        }
        let minor = order.total_minor();
        let add = |sum: &mut u64| *sum = sum.saturating_add(minor);
        match (order.stage, order.method) {
            (Stage::Confirmed, Some(Method::Card)) => add(&mut self.paid_minor),
            (Stage::Confirmed, Some(Method::Points)) => add(&mut self.points),
            (Stage::Confirmed, Some(Method::Door)) => add(&mut self.owed_minor),
            (Stage::Refunded, Some(Method::Card)) => add(&mut self.refunded_minor),
            (Stage::Refunded, Some(Method::Points)) => add(&mut self.refunded_points),
            (Stage::Refunded, Some(Method::Door)) => self.owed_minor = self.owed_minor.saturating_sub(minor),
            _ => {}
        }
    }
}
