//! What the demo prints: a line a second while it runs, and the summary at its end. Pure text.

use std::sync::atomic::Ordering::Relaxed;

use stanchion_admission::store::Snapshot;

use super::crowd::Tally;

/// One moment of the demo.
pub struct Moment<'a> {
    pub elapsed_s: u64,
    pub snapshot: Option<&'a Snapshot>,
    pub tally: &'a Tally,
    pub sold: u64,
}

#[must_use]
pub fn line(moment: &Moment<'_>) -> String {
    let (waiting, inside, capacity) = moment
        .snapshot
        .map_or((0, 0, 0), |s| (s.waiting, s.active + s.admitted, s.capacity));
    let tally = moment.tally;
    format!(
        "{:>4} s │ in line {waiting:>4} │ inside {inside:>3}/{capacity} │ let in {:>4} │ seats sold {:>4} │ gave up {:>3} │ errors {}",
        moment.elapsed_s,
        tally.admitted.load(Relaxed),
        moment.sold,
        tally.gave_up.load(Relaxed),
        tally.errors.load(Relaxed),
    )
}

/// The end: what the crowd counted beside what the booking service's database holds.
#[must_use]
pub fn closing(moment: &Moment<'_>) -> String {
    let tally = moment.tally;
    let last_error = tally
        .last_error
        .lock()
        .clone()
        .map_or(String::new(), |what| format!(" (last: {what})"));
    format!(
        "\nAfter {} s: {} visitors came, {} were let in, {} booked ({} seats in the database), {} found it sold out, \
         {} gave up, {} were turned away, {} errors{last_error}.",
        moment.elapsed_s,
        tally.arrived.load(Relaxed),
        tally.admitted.load(Relaxed),
        tally.booked.load(Relaxed),
        moment.sold,
        tally.sold_out.load(Relaxed),
        tally.gave_up.load(Relaxed),
        tally.turned_away.load(Relaxed),
        tally.errors.load(Relaxed),
    )
}
