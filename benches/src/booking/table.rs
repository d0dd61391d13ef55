//! Lanes of one database side by side, and what is asked of ours. Every figure comes from the rounds of this run.

use std::fmt;

use anyhow::Result;

use crate::report::median;

pub const IN_PROCESS: &str = "Stanchion, in process";
pub const HTTP: &str = "Stanchion, through HTTP";
pub const RAW: &str = "raw batch insert, nothing decided";
pub const EACH: &str = "one commit per command, one client";
pub const ADVISORY: &str = "advisory lock per event";
pub const ROW: &str = "row lock per seat";

/// What in process is measured against: the yardstick, and at least so many times it.
const MARKS: [(&str, f64); 2] = [(RAW, 0.5), (ADVISORY, 20.0)];

/// Somebody who makes holds.
pub struct Lane<'a> {
    pub name: &'static str,
    /// One round on a fresh database: holds a second.
    pub run: Box<dyn FnMut() -> Result<f64> + 'a>,
    pub per_s: Vec<f64>,
}

impl<'a> Lane<'a> {
    pub fn new(name: &'static str, run: impl FnMut() -> Result<f64> + 'a) -> Lane<'a> {
        let (run, per_s) = (Box::new(run), Vec::new());
        Lane { name, run, per_s }
    }
}

pub struct Table {
    title: &'static str,
    rows: Vec<(&'static str, Vec<f64>)>,
}

impl Table {
    pub fn new(title: &'static str, lanes: Vec<Lane<'_>>) -> Table {
        let rows = lanes.into_iter().map(|lane| (lane.name, lane.per_s)).collect();
        Table { title, rows }
    }

    fn rounds_of(&self, name: &str) -> Option<&[f64]> {
        let row = self.rows.iter().find(|(known, _)| *known == name);
        row.map(|(_, per_s)| per_s.as_slice())
    }

    /// Round by round, so that whatever else the machine does meets both.
    fn ratios(&self, own: &[f64], base: &str) -> Option<Vec<f64>> {
        let base = self.rounds_of(base)?;
        Some(own.iter().zip(base).map(|(own, base)| own / base).collect())
    }

    fn against(&self, own: &[f64], base: &str) -> String {
        self.ratios(own, base)
            .map_or("–".to_owned(), |ratios| format!("{:.2}", median(&ratios)))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## Holds on {}\n", self.title)?;
        writeln!(
            f,
            "| | holds/s (min–max) | of raw batches | times the advisory lock |\n|---|---|---|---|"
        )?;
        for (name, per_s) in &self.rows {
            let (least, most) = per_s
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), one| {
                    (least.min(*one), most.max(*one))
                });
            let (of_raw, times) = (self.against(per_s, RAW), self.against(per_s, ADVISORY));
            let middle = median(per_s);
            writeln!(
                f,
                "| {name} | {middle:.0} ({least:.0}–{most:.0}) | {of_raw} | {times} |"
            )?;
        }
        let own = self.rounds_of(IN_PROCESS).unwrap_or_default();
        for (base, mark) in MARKS {
            let Some(ratios) = self.ratios(own, base) else { continue };
            let ratio = median(&ratios);
            let verdict = if ratio >= mark { "reached" } else { "NOT reached" };
            writeln!(
                f,
                "\nAim: in process at {mark} times the {base} or more. {ratio:.2}: {verdict}."
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round_and_the_verdict_follows() {
        let rows = |own: &[f64]| Table {
            title: "T",
            rows: vec![
                (IN_PROCESS, own.to_vec()),
                (RAW, vec![100.0, 400.0, 200.0]),
                (ADVISORY, vec![5.0, 10.0, 5.0]),
            ],
        };
        let text = rows(&[60.0, 240.0, 120.0]).to_string();
        assert!(
            text.contains(&format!("| {IN_PROCESS} | 120 (60–240) | 0.60 | 24.00 |")),
            "{text}"
        );
        assert!(
            text.contains("0.60: reached") && text.contains("24.00: reached"),
            "{text}"
        );
        let text = rows(&[49.0, 190.0, 98.0]).to_string();
        assert!(
            text.contains("0.49: NOT reached") && text.contains("19.00: NOT reached") || text.contains("19.60"),
            "{text}"
        );
        assert!(
            rows(&[]).to_string().contains("NaN: NOT reached"),
            "nothing measured is nothing reached"
        );
    }
}
