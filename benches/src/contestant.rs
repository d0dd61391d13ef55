//! A server under measurement: started on a core of its own, stopped by process id, its CPU time read from the
//! kernel's own account. Knows nothing of what it serves.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use stanchion_testkit::net::{free_port, wait_until};
use stanchion_testkit::process::{Process, Signal};

/// The core of the server under measurement; the load and the origin have the other one.
const SERVER_CORE: &str = "0";
pub const LOAD_CORE: &str = "1";

pub struct Contestant {
    pub name: &'static str,
    pub port: u16,
    /// Sent with every request, e.g. a cookie.
    pub headers: Vec<(String, String)>,
    pub path: &'static str,
    process: Process,
    log: PathBuf,
}

/// How to start one.
pub struct Start<'a> {
    pub name: &'static str,
    pub command: Vec<String>,
    pub port: u16,
    pub core: &'a str,
    pub dir: &'a Path,
    pub under_callgrind: bool,
}

impl Contestant {
    pub fn start(how: &Start<'_>) -> Result<Contestant> {
        let log = how.dir.join(format!("{}.log", how.name.replace(' ', "-")));
        let mut command = Command::new("taskset");
        command.args(["-c", how.core]);
        if how.under_callgrind {
            command.args(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        }
        command.args(&how.command).current_dir(how.dir);
        command
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?);
        let process = Process::spawn(&mut command).with_context(|| format!("starting {}", how.name))?;
        let patience = Duration::from_secs(if how.under_callgrind { 120 } else { 20 });
        if !wait_until(patience, || TcpStream::connect(("127.0.0.1", how.port)).is_ok()) {
            bail!(
                "{} does not listen on {}:\n{}",
                how.name,
                how.port,
                fs::read_to_string(&log)?
            );
        }
        Ok(Contestant {
            name: how.name,
            port: how.port,
            headers: Vec::new(),
            path: "/",
            process,
            log,
        })
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

    /// Resident memory in KiB.
    pub fn rss_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap_or("0");
        line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
    }

    /// Ends it politely; what it printed.
    pub fn finish(mut self) -> Result<String> {
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

/// One plain request on a connection of its own; the whole answer as text.
pub fn fetch(port: u16, path: &str, headers: &[(String, String)]) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let extra: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{extra}\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The cookies an answer sets, as one `Cookie` value.
pub fn cookies(answer: &str) -> String {
    let lines = answer.lines().take_while(|line| !line.is_empty());
    let set = lines.filter_map(|line| {
        line.split_once(": ")
            .filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"))
    });
    let pairs: Vec<&str> = set.filter_map(|(_, value)| value.split(';').next()).collect();
    pairs.join("; ")
}

/// nginx with one worker: `location` is the body of `location /`.
pub fn nginx(name: &'static str, dir: &Path, core: &str, location: &str, under_callgrind: bool) -> Result<Contestant> {
    let port = free_port();
    let config = dir.join(format!("{}.conf", name.replace(' ', "-")));
    let user = if runs_as_root() { "user root;" } else { "" };
    let workers = if under_callgrind {
        "master_process off;"
    } else {
        "worker_processes 1;"
    };
    let text = format!(
        "daemon off; {user} {workers} pid {port}.pid; error_log /dev/null crit;\n\
         events {{ worker_connections 4096; }}\n\
         http {{ access_log off; keepalive_requests 100000000; default_type text/plain;\n\
         client_body_temp_path t{port}; proxy_temp_path p{port}; fastcgi_temp_path f{port}; uwsgi_temp_path u{port}; scgi_temp_path s{port};\n\
         server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ {location} }} }} }}\n"
    );
    fs::write(&config, text)?;
    let command = vec![
        "nginx".into(),
        "-p".into(),
        dir.display().to_string(),
        "-c".into(),
        config.display().to_string(),
    ];
    Contestant::start(&Start {
        name,
        command,
        port,
        core,
        dir,
        under_callgrind,
    })
}

fn runs_as_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

pub fn server_core() -> &'static str {
    SERVER_CORE
}
