//! Medians, ratios and verdicts, as tables for people. Nothing here is known beforehand: every figure comes from the
//! rounds of this run.

use std::fmt;

use crate::load::Round;

/// A contestant's figures.
pub struct Row {
    pub name: &'static str,
    pub rounds: Vec<Round>,
    pub instructions: Option<f64>,
    pub rss_kib: u64,
}

impl Row {
    pub fn named(name: &'static str) -> Row {
        Row {
            name,
            rounds: Vec::new(),
            instructions: None,
            rss_kib: 0,
        }
    }

    fn each(&self, figure: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(figure).collect()
    }

    /// Requests per second against `base`, round by round, so that drift cancels out.
    fn ratios(&self, base: &Row) -> Vec<f64> {
        let rounds = self.rounds.iter().zip(&base.rounds);
        rounds
            .map(|(own, base)| own.requests_per_s / base.requests_per_s)
            .collect()
    }

    /// Requests per CPU second against `base`. Where something else slows the load down, this shows more than requests
    /// per second do.
    fn cpu_ratios(&self, base: &Row) -> Vec<f64> {
        let rounds = self.rounds.iter().zip(&base.rounds);
        rounds
            .map(|(own, base)| base.cpu_us_per_request / own.cpu_us_per_request)
            .collect()
    }
}

/// One comparison.
pub struct Table {
    pub title: &'static str,
    /// The row that the ratios are against.
    pub base: &'static str,
    /// Whose requests per second, and per CPU second, should both be at least so much of the base's.
    pub aim: Option<(&'static str, f64)>,
    pub rows: Vec<Row>,
}

impl Table {
    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// The ratios that the aim speaks of: by the clock on the wall, by CPU time.
    fn reached(&self) -> Option<(f64, f64)> {
        let (own, base) = (self.row(self.aim?.0)?, self.row(self.base)?);
        Some((median(&own.ratios(base)), median(&own.cpu_ratios(base))))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## {}\n", self.title)?;
        writeln!(
            f,
            "| | requests/s | of {} (min–max) | CPU µs/request | per CPU second, of {0} | p99 ms | user instructions/request | resident MiB |",
            self.base
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        let Some(base) = self.row(self.base) else { return Ok(()) };
        for row in &self.rows {
            write_row(f, row, base)?;
        }
        if let (Some((name, aim)), Some((wall, cpu))) = (self.aim, self.reached()) {
            let verdict = if wall >= aim && cpu >= aim {
                "reached"
            } else {
                "NOT reached"
            };
            writeln!(f, "\nAim: {name} at {aim:.2} of {} or more.", self.base)?;
            writeln!(
                f,
                "By requests per second {wall:.2}, per CPU second {cpu:.2}: {verdict}."
            )?;
        }
        Ok(())
    }
}

fn write_row(f: &mut fmt::Formatter<'_>, row: &Row, base: &Row) -> fmt::Result {
    let ratios = row.ratios(base);
    let instructions = match (row.instructions, base.instructions) {
        (Some(own), Some(base)) => format!("{own:.0} ({:.2}×)", own / base),
        _ => "–".to_owned(),
    };
    writeln!(
        f,
        "| {} | {:.0} | {:.2} ({:.2}–{:.2}) | {:.1} | {:.2} | {:.1} | {instructions} | {:.0} |",
        row.name,
        median(&row.each(|round| round.requests_per_s)),
        median(&ratios),
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        median(&row.each(|round| round.cpu_us_per_request)),
        median(&row.cpu_ratios(base)),
        median(&row.each(|round| round.p99_us)) / 1000.0,
        row.rss_kib as f64 / 1024.0
    )
}

/// The middle one; of an even number the mean of the two in the middle. Not a number where there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.len().saturating_sub(1) / 2, sorted.len() / 2);
    match (sorted.get(low), sorted.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, requests_per_s: &[f64], instructions: f64) -> Row {
        let round = |rps: &f64| Round {
            requests_per_s: *rps,
            cpu_us_per_request: 1e6 / rps,
            p99_us: 2_500.0,
        };
        Row {
            rounds: requests_per_s.iter().map(round).collect(),
            instructions: Some(instructions),
            rss_kib: 2048,
            ..Row::named(name)
        }
    }

    fn table(ours: &[f64]) -> Table {
        Table {
            title: "T",
            base: "bare",
            aim: Some(("ours", 0.90)),
            rows: vec![row("ours", ours, 1500.0), row("bare", &[100.0, 200.0, 400.0], 1000.0)],
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[7.0]), 7.0);
        assert!(median(&[]).is_nan());
    }

    /// A machine that gets faster all the time changes no ratio: each round is compared with itself.
    #[test]
    fn ratios_are_taken_round_by_round() {
        let table = table(&[95.0, 180.0, 400.0]);
        assert_eq!(table.rows[0].ratios(&table.rows[1]), [0.95, 0.9, 1.0]);
        assert_eq!(table.reached().map(|(wall, _)| wall), Some(0.95));
        let text = table.to_string();
        assert!(
            text.contains("| ours | 180 | 0.95 (0.90–1.00) | 5555.6 | 0.95 | 2.5 | 1500 (1.50×) | 2 |"),
            "{text}"
        );
        assert!(text.contains("| bare | 200 | 1.00 (1.00–1.00) |"), "{text}");
    }

    #[test]
    fn the_verdict_follows_from_the_figures() {
        let text = |ours: &[f64]| table(ours).to_string();
        assert!(text(&[91.0, 182.0, 364.0]).contains("second 0.91, per CPU second 0.91: reached"));
        assert!(text(&[89.0, 178.0, 356.0]).contains("0.89: NOT reached"));
        assert!(
            text(&[]).contains("NaN: NOT reached"),
            "nothing measured is nothing reached"
        );
        let mut busy = table(&[91.0, 182.0, 364.0]);
        busy.rows[0]
            .rounds
            .iter_mut()
            .for_each(|round| round.cpu_us_per_request *= 4.0);
        let told = busy.to_string();
        assert!(told.contains("second 0.91, per CPU second 0.23: NOT reached"), "{told}");
    }
}
