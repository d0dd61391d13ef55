//! What all connections share: the gate, the settings in force, the counters, the date. Asking the gate happens here,
//! so that its panics cost one request and no more (F17).

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, header};
use stanchion_admission::clock::{Clock, SystemClock};
use stanchion_admission::ids::Stamp;

use super::decision;
use super::gate::{Answer, Asked, Forward, Gate, OriginCommand, SessionKey, Verdict};
use super::guard::count::{Counter, Seat};
use super::guard::stream::Tolerance;
use super::memory::{Gauge, Pressure};
use super::origin::Origins;
use super::refusal::Refusal;
use super::request::ALLOW;
use super::settings::EdgeSettings;
use super::stats::Stats;

pub struct Core {
    pub gate: Arc<dyn Gate>,
    pub live: ArcSwap<Live>,
    pub connections: Arc<Counter>,
    /// Requests on their way to an origin.
    pub forwards: Arc<Counter>,
    pub stats: Stats,
    pub memory: Gauge,
    /// Answers say from now on that they are the last of their connection.
    pub stopping: AtomicBool,
    date: ArcSwap<HeaderValue>,
    ids: RequestIds,
}

/// The settings in force. A request keeps those it began with.
#[derive(Debug)]
pub struct Live {
    pub settings: EdgeSettings,
    pub tolerance: Arc<Tolerance>,
    /// The same for proxies that ask: a visitor's whole head fits in, with what they add to it.
    pub decision_tolerance: Arc<Tolerance>,
    pub origins: Origins,
    pub max_connections: usize,
}

impl Live {
    /// How many places one network may have at a time; trusted hops speak for many.
    pub fn most_of_network(&self, client: IpAddr) -> Option<usize> {
        let trusted = self.settings.trusted_proxies.contains(client);
        (!trusted).then_some(self.settings.connections.per_prefix)
    }

    pub fn new(settings: EdgeSettings) -> Live {
        let max_connections = settings.connections.overall.unwrap_or_else(four_fifths_of_open_files);
        let origins = Origins::new(&settings.origins);
        Live {
            tolerance: Arc::new(settings.tolerance),
            decision_tolerance: Arc::new(decision::tolerance(&settings.tolerance)),
            origins,
            max_connections,
            settings,
        }
    }
}

/// The limit on open files leaves a fifth for origins, the store, logs and the operator.
fn four_fifths_of_open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(1 << 20);
    usize::try_from(limit / 5 * 4).unwrap_or(usize::MAX).max(16)
}

impl Core {
    pub fn new(gate: Arc<dyn Gate>, settings: EdgeSettings) -> Core {
        Core {
            gate,
            live: ArcSwap::from_pointee(Live::new(settings)),
            connections: Arc::default(),
            forwards: Arc::default(),
            stats: Stats::default(),
            memory: Gauge::default(),
            stopping: AtomicBool::new(false),
            date: ArcSwap::from_pointee(date_now()),
            ids: RequestIds::default(),
        }
    }

    /// Asks the gate; a panic in it is this request's misfortune only. Short of memory, nothing is forwarded.
    pub async fn ask(&self, asked: &Asked<'_>) -> Result<Verdict, Refusal> {
        let verdict = AssertUnwindSafe(self.gate.decide(asked))
            .catch_unwind()
            .await
            .map_err(|_| self.panicked("decide"))?;
        match verdict {
            Verdict::Forward(forward) if self.memory.now() >= Pressure::High => {
                Ok(Verdict::Answer(self.put_off(asked, &forward, Refusal::OutOfMemory)))
            }
            verdict => Ok(verdict),
        }
    }

    /// A refusal of what the gate lets through: whoever was let in just now keeps the right to come again.
    pub fn put_off(&self, asked: &Asked<'_>, forward: &Forward, refusal: Refusal) -> Answer {
        let mut answer = self.refuse(Some(asked), refusal);
        for cookie in &forward.set_cookies {
            answer.headers.append(header::SET_COOKIE, cookie.clone());
        }
        for (name, value) in &forward.response_headers {
            answer.headers.append(name.clone(), value.clone());
        }
        answer
    }

    /// A seat for a request on its way to an origin, which takes a socket there: connections and these together stay
    /// within the limit on open files.
    pub fn seat_for_forward(&self, live: &Live, client: IpAddr) -> Option<Seat> {
        let left = live.max_connections.saturating_sub(self.connections.open());
        self.forwards.admit(client, left, live.most_of_network(client)).ok()
    }

    /// Hands an origin's command to the gate.
    pub async fn command(&self, session: &SessionKey, command: OriginCommand) -> Vec<HeaderValue> {
        let outcome = AssertUnwindSafe(self.gate.command(session, command))
            .catch_unwind()
            .await;
        outcome.unwrap_or_else(|_| {
            self.panicked("command");
            Vec::new()
        })
    }

    /// Hands the command of somebody who holds a pass to the gate; whether the pass is anybody's.
    pub async fn command_by_pass(&self, pass: &str, command: OriginCommand) -> Result<bool, Refusal> {
        AssertUnwindSafe(self.gate.command_by_pass(pass, command))
            .catch_unwind()
            .await
            .map_err(|_| self.panicked("command"))
    }

    /// The answer for a refused request.
    pub fn refuse(&self, asked: Option<&Asked<'_>>, refusal: Refusal) -> Answer {
        self.stats.refused(refusal);
        let path = asked.map_or("-", |asked| asked.path);
        tracing::debug!(reason = refusal.code(), path, "refused");
        let (status, reason) = (refusal.status(), refusal.reason());
        let page = std::panic::catch_unwind(AssertUnwindSafe(|| self.gate.refusal(asked, status, reason)));
        let mut answer = page.unwrap_or_else(|_| {
            self.panicked("refusal");
            Answer {
                status,
                headers: HeaderMap::new(),
                body: Bytes::from_static(reason.as_bytes()),
                close: true,
            }
        });
        if refusal == Refusal::MethodNotAllowed {
            answer.headers.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
        }
        if matches!(refusal, Refusal::OutOfMemory | Refusal::TooBusy) {
            answer
                .headers
                .insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        answer.close = true;
        answer
    }

    pub fn date(&self) -> Arc<HeaderValue> {
        self.date.load_full()
    }

    /// Keeps the date, the memory's gauge and the origins' addresses current, for ever.
    pub async fn keep_current(self: Arc<Self>) {
        tokio::join!(self.keep_seconds(), self.keep_addresses());
    }

    async fn keep_seconds(&self) {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            second.tick().await;
            self.date.store(Arc::new(date_now()));
            self.memory.measure(self.live.load().settings.max_memory);
        }
    }

    async fn keep_addresses(&self) {
        loop {
            tokio::time::sleep(super::origin::LOOKUP_INTERVAL).await;
            self.live.load_full().origins.look_up().await;
        }
    }

    pub fn next_request_id(&self) -> String {
        self.ids.next()
    }

    fn panicked(&self, place: &str) -> Refusal {
        self.stats.panics.fetch_add(1, Ordering::Relaxed);
        tracing::error!(place, "a panic was caught: one request failed");
        Refusal::Panicked
    }
}

fn date_now() -> HeaderValue {
    let now = UNIX_EPOCH + SystemClock::default().wall().since(Stamp::ZERO);
    HeaderValue::from_str(&httpdate::fmt_http_date(now))
        .unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

/// Names for requests: unique in the process, and very probably anywhere.
struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        RequestIds {
            process: getrandom::u64().unwrap_or_default(),
            count: AtomicU64::new(0),
        }
    }
}

impl RequestIds {
    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // 24 digits: 48 bits of the process, 48 of the count.
        let mut id = String::with_capacity(24);
        for bits in [self.process, count] {
            id.extend((0..12).rev().map(|place| digit(bits >> (4 * place))));
        }
        id
    }
}

/// The lowest four bits, in hexadecimal.
fn digit(bits: u64) -> char {
    char::from(b"0123456789abcdef"[(bits & 15) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_differ() {
        let ids = RequestIds::default();
        let some: std::collections::HashSet<String> = (0..1000).map(|_| ids.next()).collect();
        assert!(some.len() == 1000 && some.iter().all(|id| id.len() == 24));
    }
}
