//! A real admin server on port 0 over a port of the test's own, and a client that sends exactly what it is told.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;
use stanchion::admin::token::TokenHash;
use stanchion::admin::{Admin, Door, Health, LineFacts, RoomFacts, RoomsPort, Unchanged};
use stanchion::metrics::Metrics;
use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::store::{RoomState, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[path = "../../src/admin/fixtures.rs"]
mod fixtures;

pub const TOKEN: &str = "the-token-of-this-test-0123456789";

pub fn name(room: &str) -> RoomName {
    RoomName::new(room).expect("a room's name")
}

pub use fixtures::policy;

/// What the port will say; tests change it as they go.
pub struct Fake {
    pub rooms: Mutex<Vec<RoomFacts>>,
    pub health: Mutex<Health>,
    /// The next change fails so.
    pub refuse: Mutex<Option<Unchanged>>,
    pub puts: Mutex<Vec<(RoomName, u64, LiveSettings)>>,
}

pub fn facts(room: &str) -> RoomFacts {
    let policy = policy(room);
    let snapshot = fixtures::snapshot();
    let line = LineFacts {
        snapshot: Arc::new(snapshot),
        age: Duration::from_millis(300),
        stale: false,
    };
    RoomFacts {
        policy: Arc::new(policy),
        line: Some(line),
    }
}

pub fn healthy() -> Health {
    Health {
        keys_loaded: true,
        store_reachable: true,
        rooms_without_snapshot: vec![],
        clock_uncertainty: Some(Duration::from_millis(1)),
        wall_error: Some(Duration::ZERO),
        checkpoint_works: true,
    }
}

impl Fake {
    pub fn with_room(room: &str) -> Arc<Fake> {
        Arc::new(Fake {
            rooms: Mutex::new(vec![facts(room)]),
            health: Mutex::new(healthy()),
            refuse: Mutex::default(),
            puts: Mutex::default(),
        })
    }

    fn take(&self, room: &RoomName, expected: u64, mut new: LiveSettings) -> Result<LiveSettings, StoreError> {
        let mut rooms = self.rooms.lock();
        let line = rooms
            .iter_mut()
            .find(|facts| facts.policy.name == *room)
            .and_then(|facts| facts.line.as_mut());
        let line = line.ok_or_else(|| StoreError::Refused("no such room".into()))?;
        let mut snapshot = (*line.snapshot).clone();
        if snapshot.settings.version != expected {
            return Err(StoreError::Conflict(snapshot.settings.version));
        }
        new.version = expected + 1;
        snapshot.settings = new.clone();
        snapshot.state = if new.paused.is_some() {
            RoomState::Paused
        } else {
            RoomState::Queueing
        };
        line.snapshot = Arc::new(snapshot);
        Ok(new)
    }
}

#[async_trait]
impl RoomsPort for Fake {
    fn rooms(&self) -> Vec<RoomFacts> {
        self.rooms.lock().clone()
    }

    async fn put_settings(&self, room: &RoomName, expected: u64, new: LiveSettings) -> Result<LiveSettings, Unchanged> {
        self.puts.lock().push((room.clone(), expected, new.clone()));
        match self.refuse.lock().take() {
            Some(refusal) => Err(refusal),
            None => Ok(self.take(room, expected, new)?),
        }
    }

    fn health(&self) -> Health {
        self.health.lock().clone()
    }
}

/// A running admin server; stopped when dropped.
pub struct Server {
    pub address: std::net::SocketAddr,
    pub metrics: Arc<Metrics>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub async fn serve(rooms: Arc<dyn RoomsPort>) -> Server {
    serve_with(rooms, vec![], false).await
}

pub async fn serve_with(rooms: Arc<dyn RoomsPort>, allow: Vec<ipnet::IpNet>, metrics_need_token: bool) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let metrics = Arc::new(Metrics::new().expect("metrics"));
    let door = Door::new(TokenHash::of(TOKEN), allow);
    let admin = Admin::new(rooms, door, Arc::clone(&metrics), metrics_need_token);
    let task = tokio::spawn(stanchion::admin::serve(listener, admin, std::future::pending()));
    Server { address, metrics, task }
}

/// An answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(have, _)| have.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    /// Sends these bytes on a connection of their own, reads to the end.
    pub async fn raw(&self, bytes: &[u8]) -> Answer {
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
            // A server that refuses a long body may close before all of it is sent.
            let _ = stream.write_all(bytes).await;
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer).await;
            answer
        };
        let answer = tokio::time::timeout(Duration::from_secs(20), talk)
            .await
            .expect("an answer in time");
        take_apart(&String::from_utf8_lossy(&answer))
    }

    /// One request with exactly these headers besides Host, Connection and Content-Length.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
            self.address
        );
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        text.push_str("\r\n");
        text.push_str(body);
        self.raw(text.as_bytes()).await
    }

    /// With the token.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[("Authorization", &format!("Bearer {TOKEN}"))], "")
            .await
    }

    /// A change with the token, of this version.
    pub async fn patch(&self, path: &str, if_match: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/merge-patch+json"),
            ("If-Match", if_match),
        ];
        self.send("PATCH", path, &headers, body).await
    }
}

fn take_apart(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    let headers = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    Answer {
        status,
        headers: headers.collect(),
        body: body.to_owned(),
    }
}
