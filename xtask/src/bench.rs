//! `cargo xtask bench`: makes sure that the proxies to compare with are here, then runs `stanchion-benches`.

use std::process::ExitCode;

use anyhow::Result;

use crate::install;
use crate::peers::Chore;
use crate::shell::{cargo, must, pass_through};

pub fn run(args: &[String]) -> Result<ExitCode> {
    install::ensure(Chore::Bench)?;
    // The contestants are programs of their own and must be there before the run.
    must(cargo().args([
        "build",
        "--release",
        "--locked",
        "--package",
        "stanchion",
        "--package",
        "stanchion-benches",
    ]))?;
    let mut run = cargo();
    run.args([
        "run",
        "--release",
        "--locked",
        "--package",
        "stanchion-benches",
        "--bin",
        "stanchion-benches",
        "--",
    ]);
    pass_through(run.args(args))
}
