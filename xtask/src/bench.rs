//! `cargo xtask bench`: makes sure that the proxies to compare with are here, then runs `stanchion-benches`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::install;
use crate::peers::Chore;
use crate::shell::{cargo, command, must, pass_through, root};

pub fn run(args: &[String]) -> Result<ExitCode> {
    install::ensure(Chore::Bench)?;
    // The contestants are programs of their own and must be there before the run.
    let mut build = cargo();
    build.args(["build", "--release", "--locked", "--package", "stanchion-benches"]);
    build.args(["--package", "stanchion-booking"]);
    // What the edge is built of takes longer than everything else together.
    if !args.iter().any(|word| word == "booking") {
        build.args(["--package", "stanchion"]);
    }
    must(&mut build)?;
    // Not `cargo run`: for one package alone features resolve differently, and everything would be built again.
    pass_through(command(built("stanchion-benches")).args(args))
}

fn built(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release").join(name)
}
