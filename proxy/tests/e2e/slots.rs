//! The capacity rule, watched from outside while a test runs: every second, and at each look at the room, the slots in
//! use as the admin API tells them. A test that breaks it fails, whatever else it was about.

use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::http::Client;

/// As often as a room ticks.
const EVERY: Duration = Duration::from_secs(1);

/// Samples one edge until it is dropped; then it speaks up.
pub struct SlotWatch {
    seen: Arc<Mutex<Seen>>,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    /// The highest capacity in force: lowering it puts nobody out.
    capacity: u64,
    samples: u64,
    wrong: Option<String>,
}

impl Seen {
    fn take(&mut self, room: &Value) {
        let number = |field: &str| room.pointer(field).and_then(Value::as_u64);
        let (Some(inside), Some(admitted), Some(capacity)) = (
            number("/line/inside"),
            number("/line/admitted"),
            number("/in_force/capacity"),
        ) else {
            return;
        };
        self.capacity = self.capacity.max(capacity);
        self.samples += 1;
        if inside + admitted > self.capacity {
            let capacity = self.capacity;
            self.wrong
                .get_or_insert_with(|| format!("{inside} inside and {admitted} admitted; capacity {capacity}"));
        }
    }
}

impl SlotWatch {
    pub fn start(admin: SocketAddr, token: &str) -> SlotWatch {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (stop, stopped) = channel();
        let (shared, fields) = (Arc::clone(&seen), format!("Authorization: Bearer {token}\r\n"));
        let thread = std::thread::spawn(move || {
            // An edge that is away has nothing to say; tests start, stop and kill them.
            while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                if let Ok(reply) = Client::to(admin).try_send("GET", "/api/v1/rooms/sale", &fields, b"")
                    && let Ok(room) = serde_json::from_slice(&reply.body)
                {
                    shared.lock().unwrap().take(&room);
                }
            }
        });
        SlotWatch {
            seen,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// A look that the test itself took.
    pub fn saw(&self, room: &Value) {
        self.seen.lock().unwrap().take(room);
    }
}

impl Drop for SlotWatch {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if std::thread::panicking() {
            return;
        }
        assert!(matches!(ended, Some(Ok(()))), "the watch over the slots broke");
        let seen = self.seen.lock().unwrap();
        assert_eq!(seen.wrong, None, "after {} samples", seen.samples);
    }
}
