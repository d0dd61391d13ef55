//! The command line. One file a subcommand; this one only names them.

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "stanchion",
    version,
    about = "A waiting room and rate-limiting proxy that holds the line"
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {}

/// Runs one command line; the exit code.
pub fn run(cli: Cli) -> std::process::ExitCode {
    match cli.command {}
}
