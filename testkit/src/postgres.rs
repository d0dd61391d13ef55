//! A throw-away PostgreSQL server, made anew with `initdb`. Knows the server, nothing of Stanchion's tables.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::net::{free_port, wait_until};
use crate::process::{Process, Signal};

const INSTALL: &str = "apt-get install postgresql";
const START_WITHIN: Duration = Duration::from_secs(20);
/// The server refuses to run as root: then it runs as this account, which its package makes.
const ACCOUNT: &str = "postgres";

/// One server on 127.0.0.1 with one database, `booking`. Made by [`Postgres::start`] it does not wait for the disk (`fsync = off`):
/// what a killed process has written is kept by the system, which no test switches off.
#[derive(Debug)]
pub struct Postgres {
    dir: TempDir,
    port: u16,
    process: Process,
    durable: Durable,
}

/// Whether the server waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Durable {
    No,
    /// It does, and each flush takes so many microseconds more than this machine's own.
    Yes {
        more_us: u64,
    },
}

impl Postgres {
    /// # Panics
    /// Where PostgreSQL is not installed or does not start.
    #[must_use]
    pub fn start() -> Postgres {
        Postgres::start_so(Durable::No)
    }

    /// A server as one that keeps something should be: it waits for the disk, and has room in memory. Each flush takes
    /// `more_us` microseconds longer than it would (by strace, which must be there): many a virtual disk says that it has
    /// flushed when it has not.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    #[must_use]
    pub fn start_durable(more_us: u64) -> Postgres {
        Postgres::start_so(Durable::Yes { more_us })
    }

    fn start_so(durable: Durable) -> Postgres {
        let dir = tempfile::Builder::new()
            .prefix("stanchion-postgres-")
            .tempdir()
            .expect("a temporary folder");
        if is_root() {
            must(Command::new("chown").arg(ACCOUNT).arg(dir.path()));
        }
        let data = dir.path().join("data");
        must(
            as_account(&program("initdb"), &[])
                .args([
                    "--auth=trust",
                    "--username=booking",
                    "--no-sync",
                    "--no-instructions",
                    "--encoding=UTF8",
                    "--locale=C",
                    "-D",
                ])
                .arg(&data),
        );
        let mut last = String::new();
        for _attempt in 0..5 {
            let port = free_port();
            let mut process = launch(dir.path(), port, durable);
            match await_ready(&mut process, port) {
                Ok(()) => {
                    let server = Postgres {
                        dir,
                        port,
                        process,
                        durable,
                    };
                    server.run("postgres", "CREATE DATABASE booking");
                    return server;
                }
                Err(why) => last = why,
            }
        }
        panic!("postgres did not start: {last}");
    }

    /// `postgres://booking@127.0.0.1:PORT/booking`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("booking")
    }

    /// The same of another database on this server.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://booking@127.0.0.1:{}/{database}", self.port)
    }

    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a script with `psql`; what it printed, without headings.
    ///
    /// # Panics
    /// Where it fails.
    pub fn sql(&self, script: &str) -> String {
        self.run("booking", script)
    }

    fn run(&self, database: &str, script: &str) -> String {
        let mut psql = Command::new(program("psql"));
        psql.args(["-h", "127.0.0.1", "-U", "booking", "-p"])
            .arg(self.port.to_string());
        psql.args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
            "-c",
            script,
        ]);
        let output = psql.output().expect("psql runs");
        assert!(
            output.status.success(),
            "{script}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Every process of the server ends at once, in the middle of whatever it does (an immediate shutdown); then it is
    /// started again on the same port with what it had kept.
    ///
    /// # Panics
    /// Where it does not start again.
    pub fn crash_and_restart(&mut self) {
        self.process.signal(Signal::Quit);
        let _ = self.process.wait(Duration::from_secs(10));
        self.process.kill();
        self.process = launch(self.dir.path(), self.port, self.durable);
        if let Err(why) = await_ready(&mut self.process, self.port) {
            panic!("postgres did not start again: {why}");
        }
    }
}

/// The postmaster ends its children when it ends in order; killed, it would leave them behind for a while.
impl Drop for Postgres {
    fn drop(&mut self) {
        if self.process.is_running() {
            self.process.signal(Signal::Quit);
            let _ = self.process.wait(Duration::from_secs(5));
        }
    }
}

fn launch(dir: &Path, port: u16, durable: Durable) -> Process {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .expect("a log file");
    let mut command = as_account(&program("postgres"), &slowed(durable));
    command
        .arg("-D")
        .arg(dir.join("data"))
        .arg("-p")
        .arg(port.to_string())
        .arg("-k")
        .arg(dir);
    let settings: &[&str] = match durable {
        Durable::No => &["fsync=off", "shared_buffers=16MB"],
        Durable::Yes { .. } => &["fsync=on", "shared_buffers=256MB", "max_wal_size=4GB"],
    };
    for setting in [&["listen_addresses=127.0.0.1", "max_connections=40"], settings].concat() {
        command.args(["-c", setting]);
    }
    command.stdout(Stdio::null()).stderr(log);
    Process::spawn_in(&mut command, Some(dir)).expect("postgres can be started")
}

/// What the server is run under, so that flushes take longer. The tracer stands beside it: the process is the server's.
fn slowed(durable: Durable) -> Vec<String> {
    let Durable::Yes { more_us: more_us @ 1.. } = durable else {
        return Vec::new();
    };
    let inject = format!("inject=fdatasync:delay_exit={more_us}");
    let strace = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null"];
    let trace = ["-e", "trace=fdatasync", "-e", &inject];
    strace.into_iter().chain(trace).map(str::to_owned).collect()
}

fn await_ready(process: &mut Process, port: u16) -> Result<(), String> {
    let answers = || {
        let mut ready = Command::new(program("pg_isready"));
        ready.args(["-q", "-h", "127.0.0.1", "-p"]).arg(port.to_string());
        ready.status().is_ok_and(|status| status.success())
    };
    let mut ended = false;
    let ready = wait_until(START_WITHIN, || {
        ended = !process.is_running();
        ended || answers()
    });
    match ready && !ended {
        true => Ok(()),
        false => Err(format!("on port {port}: ended = {ended}")),
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("id runs");
    String::from_utf8_lossy(&id.stdout).trim() == "0"
}

/// The program, as an account that it accepts, run by `under`. The process id is the program's own.
fn as_account(program: &Path, under: &[String]) -> Command {
    let words = under.iter().map(OsStr::new).chain([program.as_os_str()]);
    let mut words: Vec<&OsStr> = words.collect();
    let account = ["setpriv", "--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups", "--"];
    if is_root() {
        words.splice(0..0, account.map(OsStr::new));
    }
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

/// In `PATH`, or where Debian puts what belongs to one version: the highest.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin").join(name)))
        .filter(|path| path.exists())
        .collect();
    versions.sort();
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path)
            .map(|dir| dir.join(name))
            .find(|path| path.exists())
    };
    versions
        .pop()
        .or_else(in_path)
        .unwrap_or_else(|| panic!("{name} is missing: {INSTALL}"))
}

fn must(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
