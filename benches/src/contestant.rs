//! A server under measurement: started on a core of its own, stopped by process id, its CPU time read from the
//! kernel's own account. Knows nothing of what it serves.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use stanchion_testkit::net::wait_until;
use stanchion_testkit::process::{Process, Signal};

use crate::http::{Client, Field, Reply};
use crate::line::Keepers;

/// The core of the server under measurement; the load and the origin have the other one.
const SERVER_CORE: &str = "0";
pub const LOAD_CORE: &str = "1";

pub struct Contestant {
    pub name: &'static str,
    pub port: u16,
    /// Sent with every request, e.g. a cookie.
    pub fields: Vec<Field>,
    pub path: &'static str,
    pub expected: Expected,
    /// Who else must be there while this one is measured.
    pub company: Option<Keepers>,
    process: Process,
    log: PathBuf,
}

/// What every answer must be.
#[derive(Clone, Debug)]
pub enum Expected {
    Body(String),
    /// The status of somebody who waits, far from the head.
    Waiting,
}

/// Somebody deep in the line is told to come again no sooner than this; near the head it is three seconds.
const DEEP_REFRESH_MS: u64 = 10_000;

impl Expected {
    pub fn check(&self, reply: &Reply) -> Result<()> {
        let text = String::from_utf8_lossy(&reply.body);
        let right = reply.status == 200
            && match self {
                Expected::Body(body) => text == *body,
                Expected::Waiting => is_deep_in_line(&text),
            };
        ensure!(right, "not the right answer: {} {text}", reply.status);
        Ok(())
    }
}

fn is_deep_in_line(text: &str) -> bool {
    let status: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let refresh_ms = status["refresh_ms"].as_u64().unwrap_or(0);
    status["status"] == "waiting" && status["position"].is_u64() && refresh_ms >= DEEP_REFRESH_MS
}

/// How to start one.
pub struct Start<'a> {
    pub name: &'static str,
    pub command: Vec<String>,
    pub port: u16,
    pub core: &'a str,
    pub dir: &'a Path,
    pub callgrind: Callgrind<'a>,
}

/// Whether instructions are counted, and where callgrind's own account goes, for `callgrind_annotate`.
#[derive(Clone, Copy, Debug)]
pub enum Callgrind<'a> {
    Off,
    Count { profiles: Option<&'a Path> },
}

impl Callgrind<'_> {
    pub fn is_on(self) -> bool {
        matches!(self, Callgrind::Count { .. })
    }
}

impl Contestant {
    pub fn start(how: &Start<'_>) -> Result<Contestant> {
        let file_name = how.name.replace(' ', "-");
        let log = how.dir.join(format!("{file_name}.log"));
        let mut command = Command::new("taskset");
        command.args(["-c", how.core]);
        if let Callgrind::Count { profiles } = how.callgrind {
            let out = profiles.map_or(PathBuf::from("/dev/null"), |dir| {
                dir.join(format!("{file_name}.callgrind"))
            });
            command.args(["valgrind", "--tool=callgrind"]);
            command.arg(format!("--callgrind-out-file={}", out.display()));
        }
        command.args(&how.command).current_dir(how.dir);
        command
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let process = Process::spawn(&mut command).with_context(|| format!("starting {}", how.name))?;
        let contestant = Contestant {
            name: how.name,
            port: how.port,
            fields: Vec::new(),
            path: "/",
            expected: Expected::Body(String::new()),
            company: None,
            process,
            log,
        };
        contestant.await_listening(how.callgrind.is_on())?;
        Ok(contestant)
    }

    fn await_listening(&self, slow: bool) -> Result<()> {
        let patience = Duration::from_secs(if slow { 120 } else { 20 });
        let listens = || TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        if !wait_until(patience, listens) {
            let log = fs::read_to_string(&self.log)?;
            bail!("{} does not listen on {}:\n{log}", self.name, self.port);
        }
        Ok(())
    }

    /// One request, whose answer must be right.
    pub fn probe(&self) -> Result<Reply> {
        let reply = Client::new(self.port).get(self.path, &self.fields)?;
        self.expected.check(&reply).with_context(|| self.name.to_owned())?;
        Ok(reply)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, self.path)
    }

    /// CPU time of the process and its children so far, in microseconds.
    pub fn cpu_us(&self) -> Result<u64> {
        let mut ticks = 0;
        for pid in family(self.process.pid()) {
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
                continue;
            };
            let after_name = stat.rsplit(") ").next().context("/proc/PID/stat has an odd form")?;
            let fields: Vec<&str> = after_name.split(' ').collect();
            ticks += fields
                .get(11..13)
                .context("short stat")?
                .iter()
                .filter_map(|f| f.parse::<u64>().ok())
                .sum::<u64>();
        }
        Ok(ticks * 10_000) // USER_HZ is 100 on Linux
    }

    /// Resident memory of the process and its children, in KiB.
    pub fn rss_kib(&self) -> u64 {
        family(self.process.pid()).into_iter().map(rss_kib).sum()
    }

    /// Ends it politely; what it printed.
    pub fn finish(mut self) -> Result<String> {
        drop(self.company.take());
        self.process.signal(Signal::Terminate);
        if !wait_until(Duration::from_secs(60), || !self.process.is_running()) {
            self.process.kill();
        }
        Ok(fs::read_to_string(&self.log)?)
    }
}

fn family(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let mut all = vec![pid];
    all.extend(
        children
            .split_whitespace()
            .filter_map(|child| child.parse::<u32>().ok())
            .flat_map(family),
    );
    all
}

fn rss_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

pub fn server_core() -> &'static str {
    SERVER_CORE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            fields: Vec::new(),
            body: body.as_bytes().to_vec(),
            bytes: body.len(),
        }
    }

    #[test]
    fn only_the_right_bytes_will_do() {
        let expected = Expected::Body("ok".to_owned());
        assert!(expected.check(&reply(200, "ok")).is_ok());
        for wrong in [reply(502, "ok"), reply(302, "ok"), reply(200, "no"), reply(200, "")] {
            assert!(expected.check(&wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_somebody_deep_in_line_will_do() {
        let told = |status, position, refresh_ms| {
            let text = format!(r#"{{"status":"{status}","position":{position},"refresh_ms":{refresh_ms}}}"#);
            Expected::Waiting.check(&reply(200, &text)).is_ok()
        };
        assert!(told("waiting", "301", 55_000));
        assert!(!told("admitted", "null", 0) && !told("waiting", "null", 55_000));
        assert!(!told("waiting", "7", 3_100), "near the head");
    }
}
