//! `cargo xtask test`: installs what the suite needs, runs every test of the workspace, adds up cargo's result
//! lines and ends with one line of its own: `N passed, N failed, N skipped`.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::install;
use crate::peers::Chore;
use crate::shell::{cargo, text};

/// How much of the suite.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Profile {
    /// Unit tests alone: nothing to install but what the build needs.
    Quick,
    /// Everything, at the size of a change: what CI runs.
    Full,
    /// Everything, with many more seeds and cases: hours.
    Long,
    /// The booking service's races alone, a million on each database, in a release build: minutes once it is built.
    Races,
}

impl Profile {
    fn parse(name: &str) -> Result<Profile> {
        Ok(match name {
            "quick" => Profile::Quick,
            "full" => Profile::Full,
            "long" => Profile::Long,
            "races" => Profile::Races,
            other => bail!("unknown profile `{other}`: quick, full, long or races"),
        })
    }

    fn chore(self) -> Chore {
        match self {
            Profile::Quick => Chore::Build,
            Profile::Races => Chore::Races,
            Profile::Full | Profile::Long => Chore::Test,
        }
    }

    /// What the tests read to know how much to do. A variable that is set already is left alone.
    fn environment(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Profile::Quick => &[("STANCHION_SEEDS", "50"), ("PROPTEST_CASES", "64")],
            Profile::Full => &[
                ("STANCHION_SEEDS", "1000"),
                ("STANCHION_VICTIMS", "20000"),
                ("PROPTEST_CASES", "256"),
            ],
            Profile::Long => &[
                ("STANCHION_SEEDS", "100000"),
                ("STANCHION_VICTIMS", "20000"),
                ("PROPTEST_CASES", "20000"),
                ("STANCHION_RACES", "20000"),
                ("STANCHION_LONG", "1"),
            ],
            Profile::Races => &[("STANCHION_RACES", "1000000")],
        }
    }

    fn runs(self) -> &'static [&'static [&'static str]] {
        match self {
            Profile::Quick => &[&["--lib", "--bins"]],
            Profile::Full | Profile::Long => &[&["--lib", "--bins", "--tests"], &["--doc"]],
            Profile::Races => &[&["--lib"]],
        }
    }

    /// Which packages, how built, and what of them.
    fn selection(self) -> &'static [&'static str] {
        match self {
            Profile::Races => &["--release", "--package", "stanchion-booking"],
            _ => &["--workspace"],
        }
    }

    /// Arguments of the test programs. Races tell how many they were.
    fn filter(self) -> &'static [&'static str] {
        match self {
            Profile::Races => &["--", "writer::tests", "--show-output"],
            _ => &[],
        }
    }
}

/// What the result lines of test binaries add up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Adds `test result: ok. 12 passed; 0 failed; 1 ignored; …`; any other line counts for nothing.
    fn read(&mut self, line: &str) {
        let Some((_, numbers)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in numbers.split(';') {
            let mut words = part.split_whitespace();
            let count = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
            match words.next() {
                Some("passed") => self.passed += count,
                Some("failed") => self.failed += count,
                Some("ignored") => self.ignored += count,
                _ => {}
            }
        }
    }
}

pub fn run(args: &[String]) -> Result<ExitCode> {
    let (profile, extra) = parse(args)?;
    install::ensure(profile.chore())?;
    let began = Instant::now();
    let mut tally = Tally::default();
    let mut broken = Vec::new();
    for targets in profile.runs() {
        // A filter on one target has no doc tests to run.
        if targets == &["--doc"] && !extra.is_empty() {
            continue;
        }
        let mut command = test_command(profile, targets, extra);
        if !stream(&mut command, &mut tally)? {
            broken.push(text(&command));
        }
    }
    Ok(conclude(tally, &broken, began.elapsed()))
}

fn parse(args: &[String]) -> Result<(Profile, &[String])> {
    match args {
        [flag, name, rest @ ..] if flag == "--profile" => Ok((Profile::parse(name)?, after_dashes(rest)?)),
        rest => Ok((Profile::Full, after_dashes(rest)?)),
    }
}

fn after_dashes(args: &[String]) -> Result<&[String]> {
    match args {
        [] => Ok(&[]),
        [dashes, rest @ ..] if dashes == "--" => Ok(rest),
        [other, ..] => bail!("unknown argument `{other}`; arguments for cargo test come after `--`"),
    }
}

fn test_command(profile: Profile, targets: &[&str], extra: &[String]) -> Command {
    let mut command = cargo();
    command
        .args(["test", "--locked", "--no-fail-fast"])
        .args(profile.selection())
        .args(targets)
        .args(extra);
    if extra.is_empty() {
        command.args(profile.filter());
    }
    for (name, value) in profile.environment() {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    command
}

/// Runs with every line of standard output passed on as it comes; true where all went well.
fn stream(command: &mut Command, tally: &mut Tally) -> Result<bool> {
    eprintln!("▸ {}", text(command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo could not be started")?;
    let output = child.stdout.take().context("standard output is piped")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        tally.read(&line);
        println!("{line}");
    }
    Ok(child.wait()?.success())
}

fn conclude(tally: Tally, broken: &[String], took: Duration) -> ExitCode {
    println!();
    for command in broken {
        println!("did not succeed: {command}");
    }
    println!("the suite took {} min {} s", took.as_secs() / 60, took.as_secs() % 60);
    println!(
        "{} passed, {} failed, {} skipped",
        tally.passed, tally.failed, tally.ignored
    );
    let good = broken.is_empty() && tally.failed == 0 && tally.passed > 0;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn adds_up_result_lines_and_nothing_else() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s");
        tally.read("test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.read("test some::test ... ok");
        tally.read("this says 900 passed; 900 failed");
        assert_eq!(
            tally,
            Tally {
                passed: 17,
                failed: 2,
                ignored: 1
            }
        );
    }

    #[test]
    fn arguments() {
        assert_eq!(parse(&[]).unwrap().0, Profile::Full);
        let line = words("--profile quick -- -p stanchion-geo");
        let (profile, extra) = parse(&line).unwrap();
        assert_eq!(profile, Profile::Quick);
        assert_eq!(extra, words("-p stanchion-geo"));
        assert!(parse(&words("--profile nightly")).is_err());
        assert!(parse(&words("--profile")).is_err());
        assert!(parse(&words("stray")).is_err());
    }

    #[test]
    fn a_run_without_a_test_is_no_success() {
        let nothing = conclude(Tally::default(), &[], Duration::ZERO);
        assert_eq!(format!("{nothing:?}"), format!("{:?}", ExitCode::FAILURE));
    }
}
