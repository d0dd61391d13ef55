//! Side-by-side measurements: ratios taken in one run, on the same work, in interleaved rounds.
//! Machines are shared and noisy: read the ratios, not the absolutes. `cargo xtask bench` runs this.

mod booking;
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
use std::time::Duration;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures Stanchion beside others on the same machine, in the same run")]
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
    /// Who watch one event.
    #[arg(long, default_value_t = 5_000)]
    readers: usize,
    /// Make each flush of the booking service's PostgreSQL take so many microseconds more (needs strace).
    #[arg(long, default_value_t = 0, value_name = "MICROSECONDS")]
    flush: u64,
    /// A run that shows that everything works; its figures mean little.
    #[arg(long)]
    quick: bool,
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
    /// Holds of the booking service beside what others do with the same database; best seats; live readers.
    Booking,
    /// All of them, which is the default.
    All,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let profiles = cli.profiles.map(std::path::absolute).transpose()?;
    if let Some(dir) = &profiles {
        std::fs::create_dir_all(dir)?;
    }
    let booking = match cli.quick {
        true => booking::Plan {
            rounds: 1,
            lap: Duration::from_millis(300),
            readers: cli.readers.min(500),
            flush_us: cli.flush,
        },
        false => booking::Plan {
            rounds: cli.rounds.max(1),
            lap: Duration::from_secs(cli.seconds.clamp(1, 6)),
            readers: cli.readers,
            flush_us: cli.flush,
        },
    };
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
    if matches!(what, What::Booking | What::All) {
        booking::run(&booking)?;
    }
    Ok(())
}
