//! What a visitor hears when the order processor, or the writer in front of it, says no. Every refusal has a status, a
//! name for machines and a sentence for people.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use time::OffsetDateTime;

use super::problem::Problem;
use crate::shop::order::Stage;
use crate::shop::refusal::Refusal;
use crate::writer::NotDecided;

pub(super) fn explained(refusal: Refusal) -> Problem {
    let (status, kind, text) = of_places(refusal)
        .or_else(|| of_orders(refusal))
        .or_else(|| of_goods(refusal))
        .unwrap_or_else(|| of_others(refusal));
    with_values(refusal, Problem::new(status, kind, text))
}

/// What other languages need to say the same.
fn with_values(refusal: Refusal, problem: Problem) -> Problem {
    match refusal {
        Refusal::SoldOut { left: 0 } => problem,
        Refusal::SoldOut { left } => problem.worded("only-left").about("left", left),
        Refusal::NoneTogether { left } => problem.about("left", left),
        Refusal::TooManySeats { cap, held: 0 } => problem.about("cap", cap),
        Refusal::TooManySeats { cap, held } => problem.worded("too-many-with").about("cap", cap).about("held", held),
        Refusal::CouponHad { number } => problem.about("number", number),
        Refusal::TooFewPoints { balance } => problem.about("balance", balance),
        _ => problem,
    }
}

type Explained = (StatusCode, &'static str, String);

fn of_places(refusal: Refusal) -> Option<Explained> {
    Some(match refusal {
        Refusal::UnknownEvent => (
            StatusCode::NOT_FOUND,
            "unknown-event",
            "There is no such event.".to_owned(),
        ),
        Refusal::NothingAsked => (
            StatusCode::BAD_REQUEST,
            "nothing-asked",
            "Ask for at least one.".to_owned(),
        ),
        Refusal::SoldOut { left: 0 } => (StatusCode::CONFLICT, "sold-out", "Sold out.".to_owned()),
        Refusal::SoldOut { left } => (StatusCode::CONFLICT, "sold-out", format!("Only {left} left.")),
        Refusal::NoneTogether { left } => {
            let text = format!("{left} are left, but not so many of this kind side by side.");
            (StatusCode::CONFLICT, "none-together", text)
        }
        Refusal::NoSuchSeat => (
            StatusCode::NOT_FOUND,
            "no-such-seat",
            "There is no such seat.".to_owned(),
        ),
        Refusal::SeatTwice => (
            StatusCode::BAD_REQUEST,
            "seat-twice",
            "One seat is named twice.".to_owned(),
        ),
        Refusal::SeatTaken => {
            let text = "Somebody else was quicker: at least one of the seats is taken.".to_owned();
            (StatusCode::CONFLICT, "seat-taken", text)
        }
        Refusal::TooManySeats { cap, held } => {
            let text = match held {
                0 => format!("At most {cap} seats a visitor."),
                _ => format!("At most {cap} seats a visitor; you have {held}."),
            };
            (StatusCode::CONFLICT, "too-many-seats", text)
        }
        Refusal::NothingToWaitFor => {
            let text = "There are places to be had: no need to wait.".to_owned();
            (StatusCode::CONFLICT, "nothing-to-wait-for", text)
        }
        Refusal::WaitsAlready => (
            StatusCode::CONFLICT,
            "waits-already",
            "You are on the list already.".to_owned(),
        ),
        _ => return None,
    })
}

fn of_orders(refusal: Refusal) -> Option<Explained> {
    Some(match refusal {
        Refusal::UnknownOrder => (
            StatusCode::NOT_FOUND,
            "unknown-order",
            "You have no such order.".to_owned(),
        ),
        Refusal::WrongStage { stage } => {
            let text = format!("That cannot be done with an order that is {}.", stage_name(stage));
            (StatusCode::CONFLICT, "wrong-stage", text)
        }
        Refusal::HoldOver => {
            let text = "The time is over, and the places have gone to others.".to_owned();
            (StatusCode::CONFLICT, "hold-over", text)
        }
        Refusal::NoName => (
            StatusCode::BAD_REQUEST,
            "no-name",
            "The order needs a name first.".to_owned(),
        ),
        Refusal::UnknownCode => (
            StatusCode::NOT_FOUND,
            "unknown-code",
            "This code is not good here.".to_owned(),
        ),
        Refusal::CodeSpent => (
            StatusCode::CONFLICT,
            "code-spent",
            "This code has been used up.".to_owned(),
        ),
        _ => return None,
    })
}

fn of_goods(refusal: Refusal) -> Option<Explained> {
    Some(match refusal {
        Refusal::UnknownCampaign => (
            StatusCode::NOT_FOUND,
            "unknown-campaign",
            "There is no such campaign.".to_owned(),
        ),
        Refusal::CouponsGone => (StatusCode::CONFLICT, "coupons-gone", "All coupons are gone.".to_owned()),
        Refusal::CouponHad { number } => {
            let text = format!("You have one: number {number}.");
            (StatusCode::CONFLICT, "coupon-had", text)
        }
        Refusal::TooFewPoints { balance } => {
            let text = format!("You have {balance} points; that is not enough.");
            (StatusCode::CONFLICT, "too-few-points", text)
        }
        Refusal::UnknownPoll => (
            StatusCode::NOT_FOUND,
            "unknown-poll",
            "There is no such poll.".to_owned(),
        ),
        Refusal::NoSuchOption => (
            StatusCode::BAD_REQUEST,
            "no-such-option",
            "There is no such option.".to_owned(),
        ),
        Refusal::PollClosed => (StatusCode::CONFLICT, "poll-closed", "The poll is closed.".to_owned()),
        Refusal::Voted => (StatusCode::CONFLICT, "voted", "You have voted.".to_owned()),
        _ => return None,
    })
}

fn of_others(refusal: Refusal) -> Explained {
    match refusal {
        Refusal::BadListing => {
            let text = "That is not well formed, or not possible.".to_owned();
            (StatusCode::BAD_REQUEST, "bad-listing", text)
        }
        Refusal::TicketCancelled => {
            let text = "The order of this ticket was cancelled or refunded.".to_owned();
            (StatusCode::GONE, "ticket-cancelled", text)
        }
        Refusal::TicketUsed { at_ms } => {
            let text = format!("Somebody came in with this ticket on {}.", clock_time(at_ms));
            (StatusCode::CONFLICT, "ticket-used", text)
        }
        Refusal::WrongEvent => {
            let text = "This ticket is for something else.".to_owned();
            (StatusCode::CONFLICT, "wrong-event", text)
        }
        Refusal::UnknownDelivery => {
            let text = "Nothing of the kind was put aside.".to_owned();
            (StatusCode::NOT_FOUND, "unknown-delivery", text)
        }
        Refusal::KeyReused => {
            let text = "This Idempotency-Key was used for another order.".to_owned();
            (StatusCode::UNPROCESSABLE_ENTITY, "key-reused", text)
        }
        Refusal::TooManyKeys => {
            let text = "Too many different attempts.".to_owned();
            (StatusCode::TOO_MANY_REQUESTS, "too-many-keys", text)
        }
        _ => {
            let text = "Too many people are booking; please try again.".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, "try-again", text)
        }
    }
}

/// Hours and minutes, in UTC, which it says.
pub(super) fn time_of_day(at_ms: u64) -> String {
    format!("{:02}:{:02} UTC", at_ms / 3_600_000 % 24, at_ms / 60_000 % 60)
}

/// For people; in UTC, which it says.
pub(super) fn clock_time(at_ms: u64) -> String {
    let seconds = i64::try_from(at_ms / 1_000).unwrap_or(0);
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second) = at.to_hms();
    format!("{} at {hour:02}:{minute:02}:{second:02} UTC", at.date())
}

fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Created => "waiting",
        Stage::Held => "held",
        Stage::Paying => "being paid",
        Stage::Paid | Stage::Confirmed => "paid",
        Stage::Cancelled => "cancelled",
        Stage::Expired => "expired",
        Stage::Refunding | Stage::Refunded => "refunded",
    }
}

/// Come back in a moment; what is told is true of what was done.
pub(super) fn not_decided(why: NotDecided) -> Problem {
    let (kind, text) = match why {
        NotDecided::Busy => (
            "try-again",
            "Too many people are booking at this moment. Nothing was booked; please try again.",
        ),
        NotDecided::Away => (
            "try-again",
            "Bookings cannot be kept at the moment. Nothing was booked; please try again.",
        ),
        NotDecided::Standby => (
            "standby",
            "Another server takes bookings at the moment. Nothing was booked; please try again.",
        ),
        NotDecided::Unknown => (
            "not-known",
            "The database did not say whether it kept this. Ask again with the same Idempotency-Key to find out.",
        ),
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, text)
}

/// Whoever hears 503 hears when to come back.
pub(super) fn with_retry(mut response: Response) -> Response {
    if response.status() == StatusCode::SERVICE_UNAVAILABLE {
        let headers = response.headers_mut();
        headers
            .entry(header::RETRY_AFTER)
            .or_insert(HeaderValue::from_static("2"));
    }
    response
}
