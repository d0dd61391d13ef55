//! The `stanchion` program: reads the command line and hands over to the library.

use clap::Parser;

/// Gives memory back to the system after a peak, which the limit on memory relies on (H13).
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    stanchion::cli::run(stanchion::cli::Cli::parse())
}
