//! Side-by-side measurements: ratios taken in one run, on the same work, in interleaved rounds.
//! Machines are shared and noisy: read the ratios, not the absolutes. `cargo xtask bench` runs this.

mod contestant;
mod edge;
mod http;
mod instructions;
mod joins;
mod line;
mod load;
mod report;
mod yardsticks;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures Stanchion beside bare Pingora and nginx on the same machine, in the same run")]
struct Cli {
    /// Interleaved rounds; medians are quoted.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load per contestant and round.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Count user-space instructions under callgrind, too (slow, repeatable).
    #[arg(long)]
    instructions: bool,
    /// Keep callgrind's own accounts in this folder, for `callgrind_annotate`.
    #[arg(long, requires = "instructions")]
    profiles: Option<PathBuf>,
    /// Places that join, and wait.
    #[arg(long, default_value_t = 100_000)]
    places: usize,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Clone, Copy, Subcommand)]
enum What {
    /// Admitted requests: Stanchion, bare Pingora and nginx in front of the same origin.
    Admitted,
    /// Waiting polls: Stanchion beside bare Pingora and nginx answering by themselves.
    Polls,
    /// Joins per second into a real Redis, and store commands per join.
    Joins,
    /// All of them, which is the default.
    All,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let profiles = cli.profiles.map(std::path::absolute).transpose()?;
    if let Some(dir) = &profiles {
        std::fs::create_dir_all(dir)?;
    }
    let plan = edge::Plan {
        rounds: cli.rounds.max(1),
        seconds: cli.seconds.max(1),
        instructions: cli.instructions,
        profiles,
    };
    let what = cli.what.unwrap_or(What::All);
    if matches!(what, What::Admitted | What::All) {
        println!("{}", edge::admitted(&plan)?);
    }
    if matches!(what, What::Polls | What::All) {
        println!("{}", edge::polls(&plan)?);
    }
    if matches!(what, What::Joins | What::All) {
        println!("{}", joins::run(cli.places)?);
    }
    Ok(())
}
