//! Medians and ratios, as a table for people.

use crate::load::Round;

/// A contestant's figures.
pub struct Row {
    pub name: &'static str,
    pub rounds: Vec<Round>,
    pub instructions: Option<f64>,
    pub rss_kib: u64,
}

/// Prints the rows; ratios are against the row named `base`, round by round, so that drift cancels out.
pub fn print(title: &str, rows: &[Row], base: &str) {
    println!("\n## {title}\n");
    println!(
        "| contestant | requests/s | ratio to {base} (min–max) | CPU µs/request | user instructions/request | RSS MiB |"
    );
    println!("|---|---|---|---|---|---|");
    let base_rounds: Vec<f64> = rows
        .iter()
        .filter(|row| row.name == base)
        .flat_map(|row| &row.rounds)
        .map(|round| round.requests_per_s)
        .collect();
    for row in rows {
        let rps: Vec<f64> = row.rounds.iter().map(|round| round.requests_per_s).collect();
        let cpu: Vec<f64> = row.rounds.iter().map(|round| round.cpu_us_per_request).collect();
        let ratios: Vec<f64> = rps.iter().zip(&base_rounds).map(|(own, base)| own / base).collect();
        let instructions = row.instructions.map_or("–".to_owned(), |n| format!("{n:.0}"));
        println!(
            "| {} | {:.0} | {:.2} ({:.2}–{:.2}) | {:.1} | {instructions} | {:.0} |",
            row.name,
            median(&rps),
            median(&ratios),
            ratios.iter().copied().fold(f64::INFINITY, f64::min),
            ratios.iter().copied().fold(0.0, f64::max),
            median(&cpu),
            row.rss_kib as f64 / 1024.0
        );
    }
}

pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
