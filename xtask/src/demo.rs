//! `cargo demo`: makes sure that the workspace can be built here, builds it, runs `stanchion demo`.

use std::process::ExitCode;

use anyhow::Result;

use crate::install;
use crate::peers::Chore;
use crate::shell::{cargo, pass_through};

pub fn run(args: &[String]) -> Result<ExitCode> {
    install::ensure(Chore::Build)?;
    eprintln!("▸ building Stanchion (a first build takes some minutes, later ones seconds)");
    let mut run = cargo();
    run.args([
        "run",
        "--locked",
        "--package",
        "stanchion",
        "--bin",
        "stanchion",
        "--",
        "demo",
    ]);
    pass_through(run.args(args))
}
