//! Why something was not done. Nothing of it happened, and the same answer is given to a retry with the same key.

use serde::{Deserialize, Serialize};

use super::order::Stage;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    UnknownEvent,
    /// A count of nothing, or an amount of nothing.
    NothingAsked,
    /// Fewer places are left than were asked for.
    SoldOut {
        left: u32,
    },
    /// Enough are left, but not of this kind or not side by side.
    NoneTogether {
        left: u32,
    },
    NoSuchSeat,
    SeatTwice,
    /// At least one of the seats is held or sold.
    SeatTaken,
    /// With these, the person would have more than the event's cap.
    TooManySeats {
        cap: u32,
        held: u32,
    },
    /// There is no such order, or it is somebody else's.
    UnknownOrder,
    /// The order is not at a point where that can be done.
    WrongStage {
        stage: Stage,
    },
    /// The hold's time is over.
    HoldOver,
    /// The order has no name yet.
    NoName,
    UnknownCode,
    /// The code's uses are spent, or this person has used it.
    CodeSpent,
    UnknownCampaign,
    /// Every coupon of the campaign is issued.
    CouponsGone,
    /// This person has one.
    CouponHad {
        number: u32,
    },
    /// The account has fewer points than that.
    TooFewPoints {
        balance: u64,
    },
    UnknownPoll,
    NoSuchOption,
    PollClosed,
    Voted,
    /// There are places to be had: nothing to wait for.
    NothingToWaitFor,
    /// This person waits for this event already.
    WaitsAlready,
    /// The order of the ticket is not confirmed, or not any more.
    TicketCancelled,
    /// Somebody came in with it.
    TicketUsed {
        at_ms: u64,
    },
    /// The ticket is for something else.
    WrongEvent,
    /// Nothing of the kind was put aside.
    UnknownDelivery,
    /// What the organiser sent is not well formed, or contradicts what is there.
    BadListing,
    /// The key was used for another request.
    KeyReused,
    /// This person has used too many keys.
    TooManyKeys,
    /// As many are remembered as may be; try later.
    Crowded,
    /// The reference is taken: ask again with another.
    Again,
}

impl Refusal {
    /// Whether a retry with the same key should be decided anew.
    #[must_use]
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Refusal::KeyReused | Refusal::TooManyKeys | Refusal::Crowded | Refusal::Again
        )
    }
}
