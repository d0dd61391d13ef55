//! The `stanchion` program: reads the command line and hands over to the library.

use clap::Parser;

fn main() -> std::process::ExitCode {
    stanchion::cli::run(stanchion::cli::Cli::parse())
}
