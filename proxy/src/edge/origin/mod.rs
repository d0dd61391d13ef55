//! The servers behind the edge: named groups, asked in turn, with a breaker each. Knows addresses and health; nothing
//! of requests.

mod breaker;
pub mod tunnel;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use http::StatusCode;
use parking_lot::Mutex;

use super::figures::ANSWER_CLASSES;
use super::settings::OriginSettings;
use breaker::Breaker;

/// How often names are looked up again.
pub const LOOKUP_INTERVAL: Duration = Duration::from_secs(30);
/// Servers of one group that are told apart when a request is tried again.
const MAX_SERVERS: usize = 64;

/// Every group, by name.
#[derive(Debug, Default)]
pub struct Origins {
    groups: HashMap<String, Arc<Group>>,
}

/// Servers that answer alike.
#[derive(Debug)]
pub struct Group {
    pub settings: OriginSettings,
    servers: Vec<Server>,
    turn: AtomicUsize,
    /// By [`ANSWER_CLASSES`].
    answers: [AtomicU64; ANSWER_CLASSES.len()],
    began: Instant,
}

#[derive(Debug)]
struct Server {
    name: String,
    /// `None` while its name cannot be looked up.
    address: ArcSwapOption<SocketAddr>,
    breaker: Mutex<Breaker>,
}

/// A server that was chosen: its place in the group, and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub index: usize,
    pub address: SocketAddr,
}

impl Origins {
    /// Names in `settings` that are addresses are known at once; the others after [`Origins::look_up`].
    pub fn new(settings: &[OriginSettings]) -> Origins {
        Origins {
            groups: settings
                .iter()
                .map(|s| (s.name.clone(), Arc::new(Group::new(s.clone()))))
                .collect(),
        }
    }

    pub fn group(&self, name: &str) -> Option<&Arc<Group>> {
        self.groups.get(name)
    }

    /// Looks every name up; one that fails keeps the address it had.
    pub async fn look_up(&self) {
        for server in self.groups.values().flat_map(|group| &group.servers) {
            if server.name.parse::<SocketAddr>().is_ok() {
                continue;
            }
            match tokio::net::lookup_host(&server.name)
                .await
                .map(|mut found| found.next())
            {
                Ok(Some(address)) => server.address.store(Some(Arc::new(address))),
                Ok(None) => tracing::warn!(server = server.name, "an origin's name has no address"),
                Err(error) => tracing::warn!(server = server.name, %error, "an origin's name cannot be looked up"),
            }
        }
    }
}

impl Group {
    fn new(settings: OriginSettings) -> Group {
        let server = |name: &String| Server {
            name: name.clone(),
            address: ArcSwapOption::new(name.parse().ok().map(Arc::new)),
            breaker: Mutex::default(),
        };
        let servers = settings.servers.iter().take(MAX_SERVERS).map(server).collect();
        Group {
            settings,
            servers,
            turn: AtomicUsize::new(0),
            answers: Default::default(),
            began: Instant::now(),
        }
    }

    /// The next healthy server in turn that is not in the set `tried` (a bit for each index).
    pub fn choose(&self, tried: u64) -> Option<Choice> {
        let now = self.began.elapsed();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..self.servers.len())
            .map(|step| first.wrapping_add(step) % self.servers.len())
            .find_map(|index| {
                let server = self.servers.get(index).filter(|_| tried & (1 << index) == 0)?;
                let address = *server.address.load_full()?;
                server.breaker.lock().try_pass(now).then_some(Choice { index, address })
            })
    }

    /// How it went with a chosen server.
    pub fn report(&self, index: usize, worked: bool) {
        let Some(server) = self.servers.get(index) else { return };
        let mut breaker = server.breaker.lock();
        if worked {
            breaker.worked();
        } else {
            breaker.failed(self.began.elapsed());
        }
    }

    /// An answer with this status; `None`: there was none.
    pub fn answered(&self, status: Option<StatusCode>) {
        let class = status.map_or(ANSWER_CLASSES.len(), |status| usize::from(status.as_u16() / 100));
        if let Some(count) = self.answers.get(class.saturating_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Answers so far, by [`ANSWER_CLASSES`].
    pub fn answers(&self) -> [u64; ANSWER_CLASSES.len()] {
        std::array::from_fn(|class| self.answers.get(class).map_or(0, |count| count.load(Ordering::Relaxed)))
    }

    /// Servers that may be asked now, and servers in all.
    pub fn health(&self) -> (usize, usize) {
        let now = self.began.elapsed();
        let healthy = self
            .servers
            .iter()
            .filter(|s| s.address.load().is_some() && !s.breaker.lock().is_open(now))
            .count();
        (healthy, self.servers.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(servers: &[&str]) -> Group {
        Group::new(OriginSettings::new(
            "o",
            servers.iter().map(|s| s.to_string()).collect(),
        ))
    }

    /// H15: each in turn; a failing one is left out; when none is left there is none.
    #[test]
    fn servers_take_turns_and_failing_ones_are_left_out() {
        let group = group(&["192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"]);
        let ports: Vec<usize> = (0..6).map(|_| group.choose(0).unwrap().index).collect();
        assert_eq!(ports, [0, 1, 2, 0, 1, 2]);
        for _ in 0..3 {
            group.report(1, false);
        }
        assert!((0..6).all(|_| group.choose(0).unwrap().index != 1));
        assert_eq!(group.health(), (2, 3));
        assert_eq!(group.choose(0b101), None, "the two healthy ones were tried");
        group.report(1, true);
        assert_eq!(group.choose(0b101).unwrap().index, 1);
    }

    #[tokio::test]
    async fn names_are_looked_up() {
        let origins = Origins::new(&[OriginSettings::new(
            "o",
            vec!["localhost:81".into(), "no-such-name.invalid:81".into()],
        )]);
        let group = origins.group("o").unwrap();
        assert_eq!(group.choose(0), None);
        origins.look_up().await;
        let choice = group.choose(0).unwrap();
        assert!(choice.index == 0 && choice.address.ip().is_loopback() && choice.address.port() == 81);
        assert_eq!(group.health(), (1, 2));
    }
}
