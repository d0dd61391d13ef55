//! wrk, pinned to the other core: so many connections, so many seconds, and what came back.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::contestant::{Contestant, LOAD_CORE};

/// One round of load on one contestant.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    pub requests_per_s: f64,
    pub cpu_us_per_request: f64,
}

const CONNECTIONS: &str = "64";

/// Loads `target` for `seconds`; an error where any answer was not a 2xx or a connection broke.
pub fn round(target: &Contestant, seconds: u64) -> Result<Round> {
    let before = target.cpu_us()?;
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", LOAD_CORE, "wrk", "-t1", "-c", CONNECTIONS])
        .arg(format!("-d{seconds}s"));
    for (name, value) in &target.headers {
        wrk.arg("-H").arg(format!("{name}: {value}"));
    }
    let output = wrk
        .arg(target.url())
        .output()
        .context("wrk is missing: apt-get install wrk")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("Non-2xx") || text.contains("Socket errors") || !output.status.success() {
        bail!("{}: not every answer was good:\n{text}", target.name);
    }
    let requests: f64 = number_before(&text, " requests in").context("wrk printed no total")?;
    let cpu_us = target.cpu_us()?.saturating_sub(before) as f64;
    Ok(Round {
        requests_per_s: requests / seconds as f64,
        cpu_us_per_request: cpu_us / requests.max(1.0),
    })
}

fn number_before(text: &str, marker: &str) -> Option<f64> {
    let head = text.split(marker).next()?;
    head.split_whitespace().last()?.parse().ok()
}
