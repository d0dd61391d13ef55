//! The servers behind the edge: named groups, asked in turn, with a breaker each. Knows addresses and health, and says
//! when they change; nothing of requests.

mod breaker;
mod notice;
pub mod tunnel;

use std::collections::HashMap;
use std::fmt::Display;
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
use notice::{Notice, Notices};

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
    health: Arc<Mutex<Health>>,
}

#[derive(Debug, Default)]
struct Health {
    breaker: Breaker,
    /// Of the server itself, and of its name.
    notices: Notices,
    name_notices: Notices,
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

    /// Servers that were in `before` already keep the health and the address that they had there.
    #[must_use]
    pub fn following(mut self, before: &Origins) -> Origins {
        for (name, group) in &mut self.groups {
            if let (Some(group), Some(before)) = (Arc::get_mut(group), before.group(name)) {
                group.follow(before);
            }
        }
        self
    }

    /// Looks every name up; one that fails keeps the address it had.
    pub async fn look_up(&self) {
        for group in self.groups.values() {
            for server in &group.servers {
                if server.name.parse::<SocketAddr>().is_ok() {
                    continue;
                }
                let found = tokio::net::lookup_host(&server.name).await.map(|mut all| all.next());
                let why = match found {
                    Ok(Some(address)) => {
                        server.address.store(Some(Arc::new(address)));
                        None
                    }
                    Ok(None) => Some("it has no address".to_owned()),
                    Err(error) => Some(error.to_string()),
                };
                group.say_of_name(server, why.as_deref());
            }
        }
    }
}

impl Group {
    fn new(settings: OriginSettings) -> Group {
        let server = |name: &String| Server {
            name: name.clone(),
            address: ArcSwapOption::new(name.parse().ok().map(Arc::new)),
            health: Arc::default(),
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
                server
                    .health
                    .lock()
                    .breaker
                    .try_pass(now)
                    .then_some(Choice { index, address })
            })
    }

    /// How it went with a chosen server: it worked, or what went wrong. Changes are said in the log.
    pub fn report(&self, index: usize, outcome: Result<(), &dyn Display>) {
        let Some(server) = self.servers.get(index) else { return };
        let notice = server.health.lock().report(outcome.is_ok(), self.began.elapsed());
        let (origin, server) = (&*self.settings.name, &*server.name);
        match (notice, outcome) {
            (Some(Notice { changes, .. }), Err(reason)) => {
                tracing::warn!(origin, server, %reason, changes, "an origin's server fails; it is left alone and tried now and then");
            }
            (Some(Notice { changes, .. }), Ok(())) => {
                tracing::warn!(origin, server, changes, "an origin's server works again");
            }
            (None, _) => {}
        }
    }

    fn say_of_name(&self, server: &Server, why: Option<&str>) {
        let notice = server
            .health
            .lock()
            .name_notices
            .see(why.is_some(), self.began.elapsed());
        let (origin, server) = (&*self.settings.name, &*server.name);
        match (notice, why) {
            (Some(_), Some(reason)) => tracing::warn!(origin, server, reason, "an origin's name cannot be looked up"),
            (Some(_), None) => tracing::warn!(origin, server, "an origin's name is found again"),
            (None, _) => {}
        }
    }

    fn follow(&mut self, before: &Group) {
        self.began = before.began;
        for server in &mut self.servers {
            if let Some(same) = before.servers.iter().find(|old| old.name == server.name) {
                server.health = same.health.clone();
                server.address.store(same.address.load_full());
            }
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
            .filter(|s| s.address.load().is_some() && !s.health.lock().breaker.is_open(now))
            .count();
        (healthy, self.servers.len())
    }
}

impl Health {
    fn report(&mut self, worked: bool, now: Duration) -> Option<Notice> {
        if worked {
            self.breaker.worked();
        } else {
            self.breaker.failed(now);
        }
        self.notices.see(self.breaker.is_failing(), now)
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
            group.report(1, Err(&"refused"));
        }
        assert!((0..6).all(|_| group.choose(0).unwrap().index != 1));
        assert_eq!(group.health(), (2, 3));
        assert_eq!(group.choose(0b101), None, "the two healthy ones were tried");
        group.report(1, Ok(()));
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
    /// New settings do not forget who fails, and do not say it twice.
    #[test]
    fn h15_health_outlives_a_change_of_the_settings() {
        let settings = |servers: &[&str]| OriginSettings::new("o", servers.iter().map(|s| s.to_string()).collect());
        let old = Origins::new(&[settings(&["192.0.2.1:1", "192.0.2.2:1"])]);
        for _ in 0..3 {
            old.group("o").unwrap().report(1, Err(&"refused"));
        }
        let new = Origins::new(&[settings(&["192.0.2.2:1", "192.0.2.3:1"])]).following(&old);
        let group = new.group("o").unwrap();
        assert_eq!(group.health(), (1, 2), "192.0.2.2 is left alone still");
        assert_eq!(
            group.servers[0].health.lock().report(false, Duration::from_secs(60)),
            None
        );
        assert!(
            group.servers[0]
                .health
                .lock()
                .report(true, Duration::from_secs(60))
                .is_some()
        );
    }
}
