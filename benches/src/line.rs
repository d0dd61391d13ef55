//! Stanchion as a contestant: an edge with one room, somebody who was let in, somebody who waits deep in the line. Knows
//! the edge's addresses and cookies as any client would, nothing of its insides.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, ensure};
use stanchion_testkit::net::{free_port, wait_until};

use crate::contestant::{Callgrind, Contestant, Expected, Start, server_core};
use crate::http::{Client, Jar};
use crate::yardsticks::binary;

const STATUS: &str = "/.well-known/stanchion/rooms/bench/status";
/// More than are ever near the head.
const AHEAD: usize = 300;
/// So many of them go on asking, as the browsers at a head do; the room needs to hear from eight in ten seconds.
const KEPT: usize = 12;
const KEPT_EVERY: Duration = Duration::from_secs(4);
/// Two ticks, and some.
const COUNTED: Duration = Duration::from_secs(3);

/// An edge, and the pass of somebody who is in: `body` is what the origin answers.
pub fn admitted(dir: &Path, origin: u16, body: &str, callgrind: Callgrind<'_>) -> Result<Contestant> {
    let mut edge = start(dir, origin, "capacity = 1000\nrate = \"10000/min\"", callgrind)?;
    edge.expected = Expected::Body(body.to_owned());
    let mut client = Client::new(edge.port);
    let mut jar = Jar::default();
    let let_in = wait_until(Duration::from_secs(40), || {
        let Ok(reply) = client.get("/", &jar.fields()) else {
            return false;
        };
        jar.take(&reply);
        let inside = edge.expected.check(&reply).is_ok();
        if !inside {
            std::thread::sleep(Duration::from_secs(1));
        }
        inside
    });
    ensure!(let_in && jar.has("-pass-"), "the room did not let the bench in");
    edge.fields = jar.fields();
    Ok(edge)
}

/// An edge, and the ticket of somebody with [`AHEAD`] places ahead. The room goes on admitting, slowly: one a day, so that
/// nobody gets in while the bench lasts.
pub fn waiting(dir: &Path, callgrind: Callgrind<'_>) -> Result<Contestant> {
    let mut edge = start(dir, free_port(), "capacity = 1000\nrate = \"1/24h\"", callgrind)?;
    let mut client = Client::new(edge.port);
    let mut head = Vec::new();
    for number in 0..AHEAD {
        let jar = join(&mut client)?;
        if number < KEPT {
            head.push(jar);
        }
    }
    edge.company = Some(Keepers::start(edge.port, head));
    // A position is never shown to rise, so the bench comes once the crowd has been counted.
    std::thread::sleep(COUNTED);
    let mut jar = join(&mut client)?;
    edge.path = STATUS;
    edge.expected = Expected::Waiting;
    let mut deep = || {
        let Ok(reply) = client.get(STATUS, &jar.fields()) else {
            return false;
        };
        jar.take(&reply);
        std::thread::sleep(Duration::from_millis(100));
        edge.expected.check(&reply).is_ok() && told_ahead(&reply.body) >= AHEAD as u64 / 2
    };
    ensure!(
        wait_until(Duration::from_secs(60), &mut deep),
        "the bench is not deep in the line"
    );
    // As if the line had moved since: every answer has a position to set.
    jar.change("-seen-", |seen| format!("9{seen}"));
    edge.fields = jar.fields();
    Ok(edge)
}

fn told_ahead(body: &[u8]) -> u64 {
    let status: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    status["position"].as_u64().unwrap_or(0)
}

/// A newcomer who got a ticket and whose first poll was heard. The first of all is let in at once, and asks again.
fn join(client: &mut Client) -> Result<Jar> {
    for _ in 0..20 {
        let mut jar = Jar::default();
        jar.take(&client.get("/", &[])?);
        if jar.has("-ticket-") && !jar.has("-pass-") {
            jar.take(&client.get(STATUS, &jar.fields())?);
            return Ok(jar);
        }
    }
    anyhow::bail!("the room gave no ticket")
}

/// The head of the line, which goes on asking until this is dropped.
pub struct Keepers {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keepers {
    fn start(port: u16, mut jars: Vec<Jar>) -> Keepers {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut client = Client::new(port);
            let pause = KEPT_EVERY / u32::try_from(jars.len().max(1)).unwrap_or(1);
            while !stopped.load(Ordering::Relaxed) {
                for jar in &mut jars {
                    // An edge that is gone will be noticed by whoever measures it.
                    if let Ok(reply) = client.get(STATUS, &jar.fields()) {
                        jar.take(&reply);
                    }
                    std::thread::sleep(pause);
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                }
            }
        });
        Keepers {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Keepers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// As an operator's first file would be, but for the bounds on connections from one address.
fn start(dir: &Path, origin: u16, room: &str, callgrind: Callgrind<'_>) -> Result<Contestant> {
    let (port, admin) = (free_port(), free_port());
    let text = format!(
        "[edge]\nlisten = [\"127.0.0.1:{port}\"]\nadmin = \"127.0.0.1:{admin}\"\n\
         [edge.guard]\nconnections_per_prefix = 10000\n\
         [store]\nurl = \"memory://\"\n[keys]\ndir = \"keys-{port}\"\n\
         [[origins]]\nname = \"origin\"\nservers = [\"127.0.0.1:{origin}\"]\n\
         [[rooms]]\nname = \"bench\"\norigin = \"origin\"\nhosts = [\"*\"]\npaths = [\"/\"]\n{room}\n"
    );
    let config = dir.join(format!("stanchion-{port}.toml"));
    fs::write(&config, text)?;
    let command = vec![
        binary("stanchion")?,
        "serve".into(),
        "--config".into(),
        config.display().to_string(),
    ];
    Contestant::start(&Start {
        name: "Stanchion",
        command,
        port,
        core: server_core(),
        dir,
        callgrind,
    })
}
