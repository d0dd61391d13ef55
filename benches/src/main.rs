//! Side-by-side measurements: ratios taken in one run, on the same work, in interleaved rounds.
//! Machines are shared and noisy: read the ratios, not the absolutes. `cargo xtask bench` runs this.

mod contestant;
mod edge;
mod instructions;
mod joins;
mod load;
mod report;

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
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Admitted requests: Stanchion, bare Pingora and nginx in front of the same origin.
    Admitted,
    /// Waiting polls: Stanchion beside bare Pingora and nginx answering by themselves.
    Polls,
    /// Joins per second into a real Redis, and store commands per join.
    Joins,
    All,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let plan = edge::Plan {
        rounds: cli.rounds.max(1),
        seconds: cli.seconds.max(1),
        instructions: cli.instructions,
    };
    match cli.what {
        What::Admitted => edge::admitted(&plan),
        What::Polls => edge::polls(&plan),
        What::Joins => joins::run(),
        What::All => {
            edge::admitted(&plan)?;
            edge::polls(&plan)?;
            joins::run()
        }
    }
}
