//! `stanchion check`: says everything that is wrong with a configuration, and starts nothing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use stanchion_config::{Config, Problem};

use crate::config_file;

#[derive(Args)]
pub struct Check {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "stanchion.toml")]
    pub config: PathBuf,
}

/// Success where the configuration would be used, 1 where it would be refused.
pub fn run(args: &Check) -> ExitCode {
    let shown = args.config.display().to_string();
    let (told, code) = match config_file::read(&args.config) {
        Ok(config) => (accepted(&config, &shown), ExitCode::SUCCESS),
        Err(problems) => (refused(&problems, &shown), ExitCode::FAILURE),
    };
    // A reader that went away has seen enough.
    let _ = std::io::stdout().write_all(told.as_bytes());
    code
}

fn accepted(config: &Config, file: &str) -> String {
    let numbers = [
        (config.rooms.len(), "room"),
        (config.origins.len(), "origin"),
        (config.limits.len(), "limit"),
        (config.warnings.len(), "warning"),
    ];
    let needed = |(count, word): &(usize, &str)| *count > 0 || *word == "room";
    let counts: Vec<String> = numbers
        .iter()
        .filter(|number| needed(number))
        .map(|(n, word)| count(*n, word))
        .collect();
    format!("{}ok: {}\n", told(&config.warnings, file), counts.join(", "))
}

fn refused(problems: &[Problem], file: &str) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.len() - errors;
    let also = if warnings > 0 {
        format!(", {}", count(warnings, "warning"))
    } else {
        String::new()
    };
    format!("{}refused: {}{also}\n", told(problems, file), count(errors, "error"))
}

/// Each problem as it goes to a terminal.
#[must_use]
pub fn told(problems: &[Problem], file: &str) -> String {
    problems
        .iter()
        .map(|problem| format!("{}\n", problem.in_file(file)))
        .collect()
}

fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
