//! The command line. One file a subcommand; this one only names them.

mod keys;
mod room;
mod token;

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
pub enum Command {
    /// List, make or rotate the keys that sign tickets and passes.
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Look at rooms and steer them, over the admin API.
    Room(room::Room),
    /// Look into a ticket or a pass.
    #[command(subcommand)]
    Token(token::Token),
}

/// Runs one command line; the exit code.
pub fn run(cli: Cli) -> std::process::ExitCode {
    match cli.command {
        Command::Keys(keys) => keys::run(&keys),
        Command::Room(room) => room::run(&room),
        Command::Token(token) => token::run(&token),
    }
}
