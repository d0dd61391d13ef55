//! `stanchion demo`: the whole system in one process, with a crowd.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

#[derive(Args)]
pub struct Demo {
    /// Where visitors come.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Health, metrics, rooms and their live pages.
    #[arg(long, default_value = "127.0.0.1:9090")]
    pub admin: SocketAddr,
    /// Simulated visitors that join, wait, book and leave (at most 20000). As they leave, up to 40 others come.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=20_000))]
    pub crowd: u32,
    /// Stop after this long (for example 60s or 5m), print a summary and exit with 0.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub run_for: Option<Duration>,
}

fn duration(text: &str) -> Result<Duration, String> {
    stanchion_config::parse_duration(text)
        .ok()
        .filter(|span| *span >= Duration::from_secs(1))
        .ok_or_else(|| "a duration of at least a second, for example 60s or 5m".to_owned())
}

pub fn run(args: &Demo) -> ExitCode {
    crate::demo::main(args)
}
