//! Real proxies with the sample configurations of `deploy/`: the addresses in them are replaced, and nothing else.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};

use stanchion_testkit::net::{free_port, wait_until};
use stanchion_testkit::process::Process;
use tempfile::TempDir;

use crate::e2e::http::{Reply, connect};
use crate::e2e::{Client, Edge, Origin, PATIENCE, Setup, Visitor};

#[path = "../../../docs/verify/rust/verify.rs"]
#[allow(dead_code, reason = "its main is for the command line")]
mod verify;

/// One visitor at a time, an address that needs no pass, and a limit on those inside.
const ROOM: &str = "capacity = 1\nrate = \"600/min\"\nnear_poll = \"1s\"\nexclude = [\"/open\"]";
const LIMITS: &str = r#"
[[limits]]
name = "per-visitor"
key = "visitor"
limit = "3/1h"
algorithm = "sliding-log"
match = { path = ["/api"] }
"#;

/// A proxy that asks, the edge that decides, and the origin that neither of them should show what is not for it.
pub struct Stage {
    pub front: Front,
    pub edge: Edge,
    pub decision: SocketAddr,
    pub origin: Origin,
}

pub struct Front {
    pub at: SocketAddr,
    dir: TempDir,
    _process: Process,
}

/// An edge with a decision service, and its address.
pub fn deciding(origin: &Origin) -> (Edge, SocketAddr) {
    let decision = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let mut setup = Setup::new("memory://", origin, ROOM);
    setup.sections = format!("[decision]\nlisten = [\"{decision}\"]");
    setup.more = LIMITS.to_owned();
    (Edge::start(setup), decision)
}

/// The text of a sample, with each address in it replaced by the real one.
pub fn sample(path: &str, addresses: &[(&str, SocketAddr)]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    for (written, address) in addresses {
        assert!(text.contains(written), "{path} does not name {written}");
        text = text.replace(written, &address.to_string());
    }
    text
}

impl Stage {
    /// `start` is told the origin's and the service's address and where to listen.
    pub fn set(start: impl FnOnce(SocketAddr, SocketAddr, SocketAddr) -> Front) -> Stage {
        let origin = Origin::start();
        let (edge, decision) = deciding(&origin);
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let front = start(origin.address, decision, at);
        Stage {
            front,
            edge,
            decision,
            origin,
        }
    }

    pub fn client(&self) -> Client {
        Client::to(self.front.at)
    }

    /// The subject of a pass that the origin was shown, checked as an origin would, with keys fetched by way of the proxy.
    pub fn verified(&self, pass: &str) -> Result<String, String> {
        stanchion_booking::install_crypto();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let keys = format!("http://{}/.well-known/stanchion/jwks.json", self.front.at);
        runtime.block_on(verify::verify(&keys, "sale", pass))
    }

    /// The origin ends the session of this pass.
    pub fn command(&self, pass: &str, command: &str) -> Reply {
        let fields = format!("Stanchion-Pass: {pass}\r\nStanchion-Command: {command}\r\n");
        Client::to(self.decision).send("POST", "/command", &fields, b"")
    }

    /// What the origin was sent last.
    pub fn last_seen(&self) -> crate::e2e::origin::Seen {
        self.origin.seen().pop().expect("the origin was asked")
    }
}

impl Front {
    /// Starts `command` with its log in `dir`, and waits until it listens. `install`: what to type where it is missing.
    pub fn start(command: &mut Command, dir: TempDir, at: SocketAddr, install: &str) -> Front {
        let log = fs::File::create(dir.path().join("log")).unwrap();
        command.stdout(Stdio::null()).stderr(Stdio::from(log));
        let started = Process::spawn(command);
        let mut process = started.unwrap_or_else(|error| panic!("{command:?}: {error}; install it with: {install}"));
        let log = || fs::read_to_string(dir.path().join("log")).unwrap_or_default();
        let listens = wait_until(PATIENCE, || {
            assert!(process.is_running(), "{command:?} ended:\n{}", log());
            connect(at).is_ok()
        });
        assert!(listens, "{command:?} does not listen:\n{}", log());
        Front {
            at,
            dir,
            _process: process,
        }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

/// As a person's browser asks.
pub fn page(client: &mut Client, visitor: &mut Visitor, path: &str) -> Reply {
    let fields = visitor.fields().replace("application/json", "text/html");
    let reply = client.get(path, &fields);
    visitor.keep(&reply);
    reply
}
