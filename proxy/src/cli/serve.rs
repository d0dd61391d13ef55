//! `stanchion serve`: run an edge until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

#[derive(Args)]
pub struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "stanchion.toml")]
    pub config: PathBuf,
    /// Take the listening sockets over from the running edge (through `edge.upgrade_sock`); no connection is lost.
    #[arg(long)]
    pub upgrade: bool,
}

pub fn run(args: &Serve) -> ExitCode {
    crate::serve::main(&args.config, args.upgrade)
}
