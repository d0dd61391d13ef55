//! `cargo xtask bench`: makes sure that the proxies to compare with are here, then runs `stanchion-benches`.

use std::process::ExitCode;

use anyhow::Result;

use crate::install;
use crate::peers::Chore;
use crate::shell::{cargo, pass_through};

pub fn run(args: &[String]) -> Result<ExitCode> {
    install::ensure(Chore::Bench)?;
    let mut run = cargo();
    run.args(["run", "--release", "--locked", "--package", "stanchion-benches", "--"]);
    pass_through(run.args(args))
}
