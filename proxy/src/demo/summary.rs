//! What the demo prints: a line a second while it runs, and the summary at its end. Pure text; its sums add up.

use stanchion_admission::store::Snapshot;

use super::tally::Counts;

/// One moment of the demo.
pub struct Moment<'a> {
    pub elapsed_s: u64,
    pub snapshot: Option<&'a Snapshot>,
    pub counts: Counts,
    pub last_failure: Option<&'a str>,
    pub sold: u64,
}

/// The room as the store counts it (whoever looks in with a browser is in it), and where everybody of the crowd is.
#[must_use]
pub fn line(moment: &Moment<'_>) -> String {
    let (in_line, inside, capacity) = moment
        .snapshot
        .map_or((0, 0, 0), |s| (s.waiting, s.active + s.admitted, s.capacity));
    let all = &moment.counts;
    format!(
        "{:>4} s │ room: {in_line:>3} in line, {inside:>2}/{capacity} inside │ crowd: {} came = {} waiting + {} inside + {} booked \
         + {} left without + {} gave up + {} failed │ {} seats sold",
        moment.elapsed_s,
        all.came,
        all.waiting(),
        all.inside(),
        all.booked,
        all.left + all.sold_out,
        all.gave_up + all.turned_away,
        all.failed(),
        moment.sold,
    )
}

/// The end: what the crowd counted beside what the booking service's database holds.
#[must_use]
pub fn closing(moment: &Moment<'_>) -> String {
    let all = &moment.counts;
    let failure = moment
        .last_failure
        .map_or(String::new(), |why| format!("\nThe last failure: {why}"));
    format!(
        "\nAfter {} s:\n{} came = {} were let in + {} still wait + {} gave up + {} were turned away + {} failed in the line.\n\
         {} were let in = {} booked + {} left without booking + {} found it sold out + {} are still inside + {} failed inside.\n\
         The booking service's database holds {} sold seats.{failure}",
        moment.elapsed_s,
        all.came,
        all.let_in,
        all.waiting(),
        all.gave_up,
        all.turned_away,
        all.failed_outside,
        all.let_in,
        all.booked,
        all.left,
        all.sold_out,
        all.inside(),
        all.failed_inside,
        moment.sold,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::{Step, Tally};

    /// Visitors at every point of their way.
    fn counts() -> Counts {
        use Step::{Booked, Came, FailedInside, FailedOutside, GaveUp, LeftWithoutBooking, LetIn, SoldOut, TurnedAway};
        let (tally, mut rng) = (Tally::default(), fastrand::Rng::with_seed(3));
        for _ in 0..500 {
            let way: &[Step] = match rng.u32(..9) {
                0 => &[Came],
                1 => &[Came, GaveUp],
                2 => &[Came, TurnedAway],
                3 => &[Came, FailedOutside],
                4 => &[Came, LetIn],
                5 => &[Came, LetIn, SoldOut],
                6 => &[Came, LetIn, LeftWithoutBooking],
                7 => &[Came, LetIn, FailedInside],
                _ => &[Came, LetIn, Booked],
            };
            way.iter().for_each(|step| tally.note(*step));
        }
        tally.read().0
    }

    /// Left and right of each `=`: the number before it, and the sum of the terms up to the sentence's end.
    fn sums(text: &str) -> Vec<(u64, u64)> {
        let number = |text: &str| text.split_whitespace().find_map(|word| word.parse().ok());
        let sum = |line: &str| {
            let (total, terms) = line.split_once(" = ")?;
            let total = total.rsplit(['│', '\n']).next()?;
            let terms = terms.split('│').next()?.split(" + ");
            Some((number(total)?, terms.filter_map(number).sum()))
        };
        text.lines().filter_map(sum).collect()
    }

    /// Everybody is named once: each total is the sum of its parts, at the end and at any moment.
    #[test]
    fn the_sums_add_up() {
        let moment = Moment {
            elapsed_s: 60,
            snapshot: None,
            counts: counts(),
            last_failure: Some("the origin answered 500"),
            sold: 77,
        };
        let (came, let_in) = (500, moment.counts.let_in);
        assert!(let_in > 200 && moment.counts.waiting() > 20 && moment.counts.inside() > 20);
        let (live, end) = (line(&moment), closing(&moment));
        assert_eq!(sums(&live), [(came, came)], "{live}");
        assert_eq!(sums(&end), [(came, came), (let_in, let_in)], "{end}");
        assert!(end.contains("77 sold seats") && end.ends_with("500"), "{end}");
    }
}
