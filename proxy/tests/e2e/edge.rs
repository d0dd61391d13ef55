//! One `stanchion serve` in a folder of its own, its log beside it, its admin API at hand.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use stanchion_testkit::net::free_port;
use stanchion_testkit::process::{Process, Signal};
use tempfile::TempDir;

use super::http::{Client, Reply};
use super::slots::SlotWatch;
use super::{Origin, eventually};

/// What the configuration says; the rest is as an operator's first file would be.
#[derive(Clone, Debug)]
pub struct Setup {
    pub store: String,
    pub origin: SocketAddr,
    /// Lines of `[[rooms]]` beyond name, origin, hosts and paths.
    pub room: String,
    /// Lines of `[edge]` beyond the addresses.
    pub edge: String,
    /// Whole sections, before the rooms.
    pub sections: String,
    /// Whole sections at the end.
    pub more: String,
    pub hosts: String,
    /// Name and text of files beside the configuration; private ones, as keys must be.
    pub files: Vec<(String, String)>,
}

impl Setup {
    pub fn new(store: &str, origin: &Origin, room: &str) -> Setup {
        Setup {
            store: store.to_owned(),
            origin: origin.address,
            room: room.to_owned(),
            edge: String::new(),
            sections: String::new(),
            more: String::new(),
            hosts: "\"*\"".to_owned(),
            files: Vec::new(),
        }
    }

    fn text(&self, listen: SocketAddr, admin: SocketAddr) -> String {
        let Setup {
            store,
            origin,
            room,
            edge,
            sections,
            more,
            hosts,
            files: _,
        } = self;
        format!(
            "[edge]\nlisten = [\"{listen}\"]\nadmin = \"{admin}\"\n{edge}\n\
             [edge.guard]\nconnections_per_prefix = 30000\n\
             [store]\nurl = \"{store}\"\ndeadline = \"500ms\"\n[keys]\ndir = \"keys\"\n{sections}\n\
             [[origins]]\nname = \"origin\"\nservers = [\"{origin}\"]\n\
             [[rooms]]\nname = \"sale\"\norigin = \"origin\"\nhosts = [{hosts}]\npaths = [\"/\"]\n{room}\n{more}"
        )
    }
}

/// A running edge. Dropped: killed by its pid, the folder goes, too.
pub struct Edge {
    pub setup: Setup,
    pub at: SocketAddr,
    pub admin: SocketAddr,
    pub process: Process,
    slots: Option<SlotWatch>,
    dir: TempDir,
    token: String,
}

impl Edge {
    pub fn start(setup: Setup) -> Edge {
        let dir = tempfile::Builder::new().prefix("stanchion-e2e-").tempdir().unwrap();
        Edge::start_in(dir, setup)
    }

    /// Another edge of the same installation: it has the same keys, in a folder of its own.
    pub fn sibling(&self) -> Edge {
        let dir = tempfile::Builder::new().prefix("stanchion-e2e-").tempdir().unwrap();
        let keys = dir.path().join("keys");
        fs::create_dir(&keys).unwrap();
        set_private(&keys, 0o700);
        for entry in fs::read_dir(self.dir.path().join("keys")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !name.contains("checkpoint") && !name.starts_with('.') {
                fs::copy(entry.path(), keys.join(name)).unwrap();
            }
        }
        Edge::start_in(dir, self.setup.clone())
    }

    /// Another edge that uses the very same folder of keys.
    pub fn neighbour(&self) -> Edge {
        let dir = tempfile::Builder::new().prefix("stanchion-e2e-").tempdir().unwrap();
        std::os::unix::fs::symlink(self.path("keys"), dir.path().join("keys")).unwrap();
        Edge::start_in(dir, self.setup.clone())
    }

    fn start_in(dir: TempDir, setup: Setup) -> Edge {
        let port = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let (at, admin) = (port(), port());
        fs::write(dir.path().join("stanchion.toml"), setup.text(at, admin)).unwrap();
        for (name, text) in &setup.files {
            fs::write(dir.path().join(name), text).unwrap();
            set_private(&dir.path().join(name), 0o600);
        }
        let process = launch(&dir, &[]);
        let mut edge = Edge {
            setup,
            at,
            admin,
            process,
            slots: None,
            dir,
            token: String::new(),
        };
        edge.await_ready();
        edge.slots = Some(SlotWatch::start(edge.admin, &edge.token));
        edge
    }

    /// Starts it again where it was, with the same keys.
    pub fn restart(&mut self) {
        self.process.kill();
        self.process = launch(&self.dir, &[]);
        self.await_ready();
    }

    /// Ends it as an operator does, and starts it again where it was.
    pub fn stop_and_start(&mut self) {
        self.process.signal(Signal::Terminate);
        assert!(
            self.process.wait(super::PATIENCE).is_some(),
            "it does not end:\n{}",
            self.log()
        );
        self.process = launch(&self.dir, &[]);
        self.await_ready();
    }

    /// `serve --upgrade` beside the running process; gives the old one back.
    pub fn upgrade(&mut self) -> Process {
        let successor = launch(&self.dir, &["--upgrade"]);
        std::mem::replace(&mut self.process, successor)
    }

    fn await_ready(&mut self) {
        let mut client = Client::to(self.admin);
        let ready = stanchion_testkit::net::wait_until(super::PATIENCE, || {
            assert!(self.process.is_running(), "stanchion ended:\n{}", self.log());
            matches!(client.try_send("GET", "/readyz", "", b""), Ok(reply) if reply.status == 200)
        });
        assert!(ready, "stanchion is not ready:\n{}", self.log());
        let token = fs::read_to_string(self.path("keys/admin.token")).unwrap();
        self.token = token.trim().to_owned();
    }

    pub fn client(&self) -> Client {
        Client::to(self.at)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the configuration anew, as `setup` is now.
    pub fn configure(&self) {
        self.write_config(&self.setup.text(self.at, self.admin));
    }

    /// Replaces the configuration file in one step, as careful editors do.
    pub fn write_config(&self, text: &str) {
        let beside = self.path("stanchion.toml.new");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path("stanchion.toml")).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Waits until the log beyond its first `from` bytes has `words`.
    pub fn await_log(&self, from: usize, words: &str) -> String {
        eventually(&format!("{words:?} in the log"), || {
            let log = self.log();
            let new = log.get(from..).unwrap_or_default();
            new.contains(words).then(|| new.to_owned())
        })
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Another subcommand of the same binary, in this edge's folder.
    pub fn run(&self, args: &[&str]) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_stanchion"))
            .args(args)
            .current_dir(self.dir.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        output
    }

    /// The room as the admin API tells it.
    pub fn room(&self) -> Value {
        let room = self.admin("GET", "/api/v1/rooms/sale", "", b"").json();
        self.slots.iter().for_each(|watch| watch.saw(&room));
        room
    }

    pub fn admin(&self, method: &str, path: &str, fields: &str, body: &[u8]) -> Reply {
        let fields = format!("Authorization: Bearer {}\r\n{fields}", self.token);
        Client::to(self.admin).send(method, path, &fields, body)
    }

    /// The operator's change of the room's live settings; it must be taken.
    pub fn patch(&self, change: &Value) {
        let fields = "Content-Type: application/merge-patch+json\r\nIf-Match: *\r\n";
        let reply = self.admin("PATCH", "/api/v1/rooms/sale", fields, change.to_string().as_bytes());
        assert_eq!(reply.status, 200, "{change}: {}", reply.text());
    }

    /// Waits until the room's document fits; how long that took, in the document's own words of the last look.
    pub fn await_room(&self, what: &str, fits: impl Fn(&Value) -> bool) -> Duration {
        let began = Instant::now();
        let mut last = Value::Null;
        let found = stanchion_testkit::net::wait_until(super::PATIENCE, || {
            last = self.room();
            fits(&last)
        });
        assert!(found, "{what}: {last:#}\n{}", self.log());
        began.elapsed()
    }

    /// A field of `/proc/PID/status`, in KiB.
    pub fn memory_kib(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|n| n.parse().ok())
            .unwrap_or_else(|| panic!("{status}"))
    }
}

fn launch(dir: &TempDir, more: &[&str]) -> Process {
    let log = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.path().join("log"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanchion"));
    command
        .args(["serve", "--config", "stanchion.toml"])
        .args(more)
        .current_dir(dir.path())
        .env_remove("RUST_LOG")
        .stdout(Stdio::null())
        .stderr(Stdio::from(log));
    Process::spawn(&mut command).unwrap()
}

fn set_private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
