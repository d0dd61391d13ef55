//! wrk, pinned to the other core: so many connections, so many seconds, and what came back.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::contestant::{Contestant, LOAD_CORE};

pub const CONNECTIONS: u32 = 64;
/// wrk's own two seconds are an error too soon on a machine that others use.
const PATIENCE: &str = "20s";

/// Printed by wrk itself in plain numbers; asked for once, at the end, so that it costs no request anything.
const SCRIPT: &str = r#"
done = function(summary, latency)
  local e = summary.errors
  print(string.format("result %d %d %d %d %d %d %d", summary.requests, summary.duration, summary.bytes,
    latency:percentile(99), e.connect + e.read + e.write, e.timeout, e.status))
end
"#;

/// One round of load on one contestant.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub requests_per_s: f64,
    pub cpu_us_per_request: f64,
    pub p99_us: f64,
}

/// What wrk counted.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Counted {
    requests: f64,
    duration_us: f64,
    bytes: f64,
    p99_us: f64,
    broken: f64,
    late: f64,
    bad: f64,
}

/// Loads `target` for `seconds`. An error where an answer was bad, a connection broke, or the answers were not of the
/// size of the right one, which is asked for before and after.
pub fn round(target: &Contestant, seconds: u64, dir: &Path) -> Result<Round> {
    let right = target.probe()?;
    let before = target.cpu_us()?;
    let counted = wrk(target, seconds, dir)?;
    let cpu_us = target.cpu_us()?.saturating_sub(before) as f64;
    target.probe()?;
    let Counted { broken, late, bad, .. } = counted;
    ensure!(
        broken + late + bad == 0.0,
        "{}: {broken} connections broke, {late} answers took more than {PATIENCE}, {bad} were bad",
        target.name
    );
    ensure!(counted.requests > 0.0, "{} answered nothing", target.name);
    let each = counted.bytes / counted.requests;
    let close = (each / right.bytes as f64 - 1.0).abs() < 0.03;
    ensure!(close, "{}: {each:.0} bytes each, {} expected", target.name, right.bytes);
    Ok(Round {
        requests_per_s: counted.requests * 1e6 / counted.duration_us,
        cpu_us_per_request: cpu_us / counted.requests,
        p99_us: counted.p99_us,
    })
}

fn wrk(target: &Contestant, seconds: u64, dir: &Path) -> Result<Counted> {
    let script = dir.join("result.lua");
    std::fs::write(&script, SCRIPT)?;
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", LOAD_CORE, "wrk", "-t1"])
        .arg(format!("-c{CONNECTIONS}"))
        .arg(format!("-d{seconds}s"))
        .args(["--timeout", PATIENCE])
        .arg("-s")
        .arg(&script);
    for (name, value) in &target.fields {
        wrk.arg("-H").arg(format!("{name}: {value}"));
    }
    let output = wrk.arg(target.url()).output().context("taskset could not be started")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let trouble = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "wrk failed (apt-get install wrk, where it is missing):\n{text}{trouble}"
    );
    parse(&text).with_context(|| format!("wrk printed no result:\n{text}{trouble}"))
}

fn parse(text: &str) -> Option<Counted> {
    let line = text.lines().find_map(|line| line.strip_prefix("result "))?;
    let numbers: Vec<f64> = line.split(' ').map(|n| n.parse().ok()).collect::<Option<_>>()?;
    let &[requests, duration_us, bytes, p99_us, broken, late, bad] = numbers.as_slice() else {
        return None;
    };
    Some(Counted {
        requests,
        duration_us,
        bytes,
        p99_us,
        broken,
        late,
        bad,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_script_prints() {
        let counted = parse("Running 1s test\n  2 threads\nresult 100 1000000 5000 1234 0 2 3\n").unwrap();
        assert_eq!(
            (
                counted.requests,
                counted.bytes,
                counted.p99_us,
                counted.late,
                counted.bad
            ),
            (100.0, 5000.0, 1234.0, 2.0, 3.0)
        );
        for bad in [
            "",
            "result",
            "result 1 2 3",
            "result 1 2 3 4 5 6 x",
            "result 1 2 3 4 5 6 7 8",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
