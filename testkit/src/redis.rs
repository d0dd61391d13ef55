//! Throw-away Redis servers: one alone ([`Redis::single`]), a master with replicas and sentinels
//! ([`Redis::sentinel`]), a cluster ([`Redis::cluster`]). Knows the server, nothing of Stanchion's keys.

mod cluster;
mod resp;
mod sentinel;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

pub use cluster::{RedisCluster, SlotMove};
pub use resp::{Connection, Value};
pub use sentinel::RedisSentinel;

use crate::net::{free_port, wait_until};
use crate::process::{Process, Signal};

const INSTALL: &str = "apt-get install redis-server redis-sentinel";
const START_WITHIN: Duration = Duration::from_secs(10);

/// What a restarted server finds on its disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Data {
    /// All that was written (append-only file).
    Kept,
    /// Nothing.
    Lost,
}

/// One server on 127.0.0.1. Its append-only file is on; it saves no other dumps.
#[derive(Debug)]
pub struct Redis {
    dir: TempDir,
    port: u16,
    /// `--name value` pairs beyond the usual.
    options: Vec<(String, String)>,
    process: Process,
}

impl Redis {
    #[must_use]
    pub fn single() -> Redis {
        Redis::with(&[])
    }

    /// A server with further configuration, e.g. `&[("maxmemory", "4mb")]`.
    ///
    /// # Panics
    /// Where Redis is not installed or does not start.
    #[must_use]
    pub fn with(options: &[(&str, &str)]) -> Redis {
        let options: Vec<_> = options
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        let mut last = String::new();
        for _attempt in 0..5 {
            let dir = tempfile::Builder::new()
                .prefix("stanchion-redis-")
                .tempdir()
                .expect("a temporary folder");
            let port = free_port();
            let mut process = launch(dir.path(), port, &options);
            match await_ready(&mut process, dir.path(), port) {
                Ok(()) => {
                    return Redis {
                        dir,
                        port,
                        options,
                        process,
                    };
                }
                Err(why) => last = why,
            }
        }
        panic!("redis-server did not start: {last}");
    }

    /// One master, `replicas` replicas and three sentinels, found through the sentinels.
    #[must_use]
    pub fn sentinel() -> RedisSentinel {
        RedisSentinel::start(1)
    }

    /// Three masters with a replica each.
    #[must_use]
    pub fn cluster() -> RedisCluster {
        RedisCluster::start(1)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGSTOP: connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.process.signal(Signal::Stop);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.process.signal(Signal::Continue);
    }

    /// Kills the server if it runs, then starts it on the same port; returns once it answers (`LOADING` counts).
    ///
    /// # Panics
    /// Where it does not start.
    pub fn restart(&mut self, data: Data) {
        self.process.kill();
        if data == Data::Lost {
            let _ = std::fs::remove_dir_all(self.dir.path().join("appendonlydir"));
            let _ = std::fs::remove_file(self.dir.path().join("dump.rdb"));
        }
        self.process = launch(self.dir.path(), self.port, &self.options);
        if let Err(why) = await_ready(&mut self.process, self.dir.path(), self.port) {
            panic!("redis-server did not start again: {why}");
        }
    }

    /// A blocking connection of its own; every read and write ends within two seconds.
    ///
    /// # Panics
    /// Where the server cannot be reached.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::open(self.port).expect("redis-server must accept connections")
    }

    /// Runs one command on a fresh connection. An error answer is a [`Value::Error`].
    ///
    /// # Panics
    /// Where the server cannot be reached or does not answer.
    #[must_use]
    pub fn command(&self, parts: &[&str]) -> Value {
        self.connect().command(parts)
    }

    /// As [`Redis::command`], for commands that must succeed.
    ///
    /// # Panics
    /// Also where the answer is an error.
    pub fn run(&self, parts: &[&str]) -> Value {
        match self.command(parts) {
            Value::Error(text) => panic!("{parts:?}: {text}"),
            value => value,
        }
    }

    /// One section of `INFO`, as its `name:value` lines.
    #[must_use]
    pub fn info(&self, section: &str) -> BTreeMap<String, String> {
        let text = self.run(&["INFO", section]).text();
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect()
    }

    /// How often each command ran since the server started or [`Redis::reset_stats`], scripts' inner commands included.
    #[must_use]
    pub fn commandstats(&self) -> BTreeMap<String, u64> {
        let calls = |value: &str| value.split(',').find_map(|f| f.strip_prefix("calls=")?.parse().ok());
        self.info("commandstats")
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("cmdstat_")?.to_owned(), calls(value)?)))
            .collect()
    }

    pub fn reset_stats(&self) {
        self.run(&["CONFIG", "RESETSTAT"]);
    }
}

/// Starts a server or a sentinel in `dir`, with its output in `dir/log`.
fn launch(dir: &Path, port: u16, options: &[(String, String)]) -> Process {
    let mut command = Command::new("redis-server");
    let usual = [
        ("bind", "127.0.0.1"),
        ("save", ""),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("repl-diskless-sync-delay", "0"),
        ("daemonize", "no"),
        ("loglevel", "notice"),
    ];
    command.arg("--port").arg(port.to_string()).arg("--dir").arg(dir);
    for (name, value) in usual {
        command.arg(format!("--{name}")).arg(value);
    }
    for (name, value) in options {
        command.arg(format!("--{name}")).args(value.split(' '));
    }
    spawn_logged(&mut command, dir)
}

fn spawn_logged(command: &mut Command, dir: &Path) -> Process {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .expect("a log file");
    command.stdout(Stdio::from(log)).stderr(Stdio::null());
    match Process::spawn_in(command, Some(dir)) {
        Ok(process) => process,
        Err(error) if error.kind() == ErrorKind::NotFound => panic!("{INSTALL}"),
        Err(error) => panic!("redis-server: {error}"),
    }
}

/// Waits until our own server (and not a stranger on the same port) answers.
fn await_ready(process: &mut Process, dir: &Path, port: u16) -> Result<(), String> {
    let pid = process.pid().to_string();
    let answers = || {
        let Ok(mut connection) = Connection::open(port) else {
            return false;
        };
        match connection.try_command(&["INFO", "server"]) {
            Ok(Value::Bulk(text)) => String::from_utf8_lossy(&text).contains(&format!("process_id:{pid}\r")),
            Ok(Value::Error(text)) => text.starts_with("LOADING") || text.starts_with("NOAUTH"),
            _ => false,
        }
    };
    let mut ended = false;
    let ready = wait_until(START_WITHIN, || {
        ended = !process.is_running();
        ended || answers()
    });
    if ready && !ended {
        return Ok(());
    }
    let log = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
    let tail: Vec<_> = log.lines().rev().take(5).collect();
    Err(format!("{tail:?}"))
}
