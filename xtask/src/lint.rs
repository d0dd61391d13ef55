//! `cargo xtask lint`: formatting, clippy, the house rules (tests/tidy), the tree of dependencies (cargo-deny).

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::install;
use crate::peers::Chore;
use crate::shell::{cargo, command, find, must, pass_through, succeeds, tools_dir};

pub fn run(args: &[String]) -> Result<ExitCode> {
    let install_deny = match args {
        [] => false,
        [flag] if flag == "--install-deny" => true,
        _ => bail!("lint takes --install-deny and nothing else"),
    };
    install::ensure(Chore::Build)?;
    must(cargo().args(["fmt", "--all", "--check"]))?;
    must(cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    must(&mut tidy_command())?;
    deny(install_deny)?;
    println!("lint: clean");
    Ok(ExitCode::SUCCESS)
}

pub fn tidy(args: &[String]) -> Result<ExitCode> {
    match args {
        [] => pass_through(&mut tidy_command()),
        [flag] if flag == "--tighten" => pass_through(tidy_command().env("STANCHION_TIGHTEN", "1")),
        _ => bail!("tidy takes --tighten and nothing else"),
    }
}

fn tidy_command() -> std::process::Command {
    let mut command = cargo();
    command.args(["test", "--quiet", "--locked", "--package", "xtask", "--test", "tidy"]);
    command
}

/// cargo-deny takes one or two minutes to build, so it is used where it is found and installed only where that is asked for.
/// Advisories need a database from outside; where it cannot be had the rest is checked and that is said.
fn deny(install: bool) -> Result<()> {
    let deny = match find_deny() {
        Some(found) => found,
        None if install => build_deny()?,
        None => {
            println!(
                "lint: no cargo-deny here: licences, sources and bans not checked (`cargo xtask lint --install-deny`)"
            );
            return Ok(());
        }
    };
    must(command(&deny).args(["--offline", "check", "bans", "licenses", "sources"]))?;
    if !succeeds(command(&deny).args(["fetch", "db"])) {
        println!("lint: the advisory database could not be fetched, so advisories were not checked");
        return Ok(());
    }
    must(command(&deny).args(["check", "advisories"]))
}

fn find_deny() -> Option<PathBuf> {
    let ours = tools_dir().join("bin/cargo-deny");
    if ours.exists() { Some(ours) } else { find("cargo-deny") }
}

fn build_deny() -> Result<PathBuf> {
    let mut install = cargo();
    install.args([
        "install",
        "--locked",
        "--debug",
        "cargo-deny",
        "--version",
        "^0.20",
        "--root",
    ]);
    must(install.arg(tools_dir()))?;
    Ok(tools_dir().join("bin/cargo-deny"))
}
