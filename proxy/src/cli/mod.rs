//! The command line. One file a subcommand; this one only names them.

pub mod check;
pub mod demo;
mod keys;
mod room;
mod schema;
mod serve;
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
    /// Run an edge.
    Serve(serve::Serve),
    /// Run the whole system in one process, with a crowd of simulated visitors.
    Demo(demo::Demo),
    /// Say everything that is wrong with a configuration, without starting anything.
    Check(check::Check),
    /// Print the JSON Schema of the configuration file.
    Schema,
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
        Command::Serve(args) => serve::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema => schema::run(),
        Command::Keys(keys) => keys::run(&keys),
        Command::Room(room) => room::run(&room),
        Command::Token(token) => token::run(&token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_and_serve_find_the_same_file() {
        let found = |line: &[&str]| match Cli::try_parse_from(line).map(|cli| cli.command) {
            Ok(Command::Serve(args)) => args.config,
            Ok(Command::Check(args)) => args.config,
            _ => std::path::PathBuf::new(),
        };
        for (more, file) in [(&[][..], "stanchion.toml"), (&["--config", "a.toml"], "a.toml")] {
            for command in ["serve", "check"] {
                let line = [&["stanchion", command], more].concat();
                assert_eq!(found(&line), std::path::Path::new(file), "{line:?}");
            }
        }
    }
}
