//! Ports and patience: free ports for servers that cannot be handed a socket, and polling for a
//! condition up to a deadline. Knows nothing of any particular server.

mod pipe;

use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use pipe::Pipe;

/// Below the range from which Linux takes the ports of outgoing connections, so that a server that
/// is restarted finds its port still free.
const PORTS: std::ops::Range<u16> = 10_240..32_000;
const POLL: Duration = Duration::from_millis(10);

static HANDED_OUT: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port on 127.0.0.1 that nobody listens on and that this process was not given before.
///
/// Another process may still take it first: prefer binding port 0 where the server allows it.
#[must_use]
pub fn free_port() -> u16 {
    let mut guard = HANDED_OUT.lock().unwrap_or_else(PoisonError::into_inner);
    let handed_out = guard.get_or_insert_with(HashSet::new);
    for _ in 0..1_000 {
        let span = u64::from(PORTS.end - PORTS.start);
        let port = PORTS.start + u16::try_from(random() % span).expect("the span fits in 16 bits");
        let unused = || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if !handed_out.contains(&port) && unused() {
            handed_out.insert(port);
            return port;
        }
    }
    panic!("no free port in {PORTS:?} after 1000 attempts");
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Polls until `condition` holds, at most `within`. False where it never did.
#[must_use]
pub fn wait_until(within: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

/// As [`wait_until`], without blocking the runtime's thread.
#[must_use]
pub async fn wait_until_async(within: Duration, mut condition: impl AsyncFnMut() -> bool) -> bool {
    let deadline = Instant::now() + within;
    loop {
        if condition().await {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
}
