//! What the demo prints: a line a second while it runs, and the summary at its end. Pure text; its sums add up.

use stanchion_admission::store::Snapshot;

use stanchion_booking::Audit;

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
        "{:>4} s │ room: {in_line:>3} in line, {inside:>2}/{capacity} inside │ crowd: {} came = {} waiting + {} inside + {} bought \
         + {} left without + {} gave up + {} failed │ {} seats sold",
        moment.elapsed_s,
        all.came,
        all.waiting(),
        all.inside(),
        all.bought,
        all.left + all.sold_out + all.gave_back + all.walked_off,
        all.gave_up + all.turned_away,
        all.failed(),
        moment.sold,
    )
}

/// The end: what the crowd counted beside what the booking service's database holds, and what its journal adds up to.
#[must_use]
pub fn closing(moment: &Moment<'_>, audit: &Audit) -> String {
    let all = &moment.counts;
    let failure = moment
        .last_failure
        .map_or(String::new(), |why| format!("\nThe last failure: {why}"));
    format!(
        "\nAfter {} s:\n{} came = {} were let in + {} still wait + {} gave up + {} were turned away + {} failed in the line.\n\
         {} were let in = {} bought + {} left without buying + {} gave seats back + {} walked off and let their time run out + {} found it sold out + {} are \
         still inside + {} failed inside. {} cards were declined.\n\
         The crowd has {} tickets; the booking service's database holds {} sold seats; its journal, read back from the disk ({} facts), adds up to {}. {}{failure}",
        moment.elapsed_s,
        all.came,
        all.let_in,
        all.waiting(),
        all.gave_up,
        all.turned_away,
        all.failed_outside,
        all.let_in,
        all.bought,
        all.left,
        all.gave_back,
        all.walked_off,
        all.sold_out,
        all.inside(),
        all.failed_inside,
        all.declined,
        all.tickets,
        moment.sold,
        audit.facts,
        audit.sold_places,
        verdict(all.tickets, moment.sold, audit.sold_places),
    )
}

/// Somebody with a browser may have bought too: then the database has more than the crowd.
fn verdict(tickets: u64, sold: u64, journal: u64) -> String {
    match (sold == journal, sold.checked_sub(tickets)) {
        (true, Some(0)) => "They agree.".to_owned(),
        (true, Some(others)) => format!("Others than the crowd have bought {others}."),
        _ => "THEY DISAGREE.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::tally::{Step, Tally};

    /// Visitors at every point of their way.
    fn counts() -> Counts {
        use Step::{
            Bought, Came, FailedInside, FailedOutside, GaveBack, GaveUp, LeftWithoutBooking, LetIn, SoldOut,
            TurnedAway, WalkedOff,
        };
        let (tally, mut rng) = (Tally::default(), fastrand::Rng::with_seed(3));
        for _ in 0..500 {
            let way: &[Step] = match rng.u32(..11) {
                0 => &[Came],
                1 => &[Came, GaveUp],
                2 => &[Came, TurnedAway],
                3 => &[Came, FailedOutside],
                4 => &[Came, LetIn],
                5 => &[Came, LetIn, SoldOut],
                6 => &[Came, LetIn, LeftWithoutBooking],
                7 => &[Came, LetIn, FailedInside],
                8 => &[Came, LetIn, GaveBack],
                9 => &[Came, LetIn, WalkedOff],
                _ => &[Came, LetIn, Bought],
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
        let audit = Audit {
            facts: 900,
            sold_places: 77,
        };
        let (live, end) = (line(&moment), closing(&moment, &audit));
        assert_eq!(sums(&live), [(came, came)], "{live}");
        assert_eq!(sums(&end), [(came, came), (let_in, let_in)], "{end}");
        assert!(end.contains("77 sold seats") && end.ends_with("500"), "{end}");
    }

    #[test]
    fn tickets_database_and_journal_are_compared() {
        assert_eq!(verdict(7, 7, 7), "They agree.");
        assert_eq!(verdict(5, 7, 7), "Others than the crowd have bought 2.");
        for (tickets, sold, journal) in [(8, 7, 7), (7, 7, 8), (7, 8, 7)] {
            assert_eq!(verdict(tickets, sold, journal), "THEY DISAGREE.");
        }
    }
}
