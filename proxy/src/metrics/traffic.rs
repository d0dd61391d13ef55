//! What visitors do, counted.

use prometheus::{IntCounterVec, Registry};

use super::build::counters;

const ENDED: &str = "Sessions ended by the origin.";
const CHALLENGES: &str = "Newcomers of whom a price was asked, and what they brought.";
const LIMITS: &str = "What a limit said of a request.";
const VISITORS: &str = "Tickets and passes by the visitor's country.";

/// What visitors do.
pub(super) struct Traffic {
    pub(super) waiting_answers: IntCounterVec,
    pub(super) status_polls: IntCounterVec,
    pub(super) tickets: IntCounterVec,
    pub(super) admissions: IntCounterVec,
    pub(super) ended: IntCounterVec,
    pub(super) visitors: IntCounterVec,
    pub(super) limits: IntCounterVec,
    pub(super) challenges: IntCounterVec,
}

impl Traffic {
    pub(super) fn new(at: &Registry) -> prometheus::Result<Traffic> {
        let by_room = |name, help| counters(at, name, help, &["room"]);
        Ok(Traffic {
            waiting_answers: by_room(
                "stanchion_waiting_answers_total",
                "Requests answered with the waiting page.",
            )?,
            status_polls: by_room("stanchion_status_polls_total", "Polls of waiting visitors.")?,
            tickets: by_room("stanchion_tickets_issued_total", "Places given to newcomers.")?,
            admissions: by_room("stanchion_admissions_total", "Passes given at this edge.")?,
            ended: counters(at, "stanchion_sessions_ended_total", ENDED, &["room", "how"])?,
            limits: counters(at, "stanchion_limit_decisions_total", LIMITS, &["limit", "said"])?,
            challenges: counters(at, "stanchion_challenges_total", CHALLENGES, &["room", "came"])?,
            visitors: counters(at, "stanchion_visitors_total", VISITORS, &["country", "got"])?,
        })
    }
}
