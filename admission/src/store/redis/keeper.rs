//! The store as it is opened and looked after: its background tasks (the connection's keeper, the look at the
//! server's configuration each minute) and what an operator may ask of its state.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::{TlsCertificates, Value};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::args::Args;
use super::breaker::BreakerState;
use super::caller::{Bounds, CALL_WITHIN, Caller, MAX_IN_FLIGHT};
use super::check::{ConfigFinding, findings};
use super::dial::{Dialer, Wire};
use super::link::Link;
use super::script::{CANARY, Invocation, Operation};
use super::url::{self, Credentials, StoreUrl, Topology, UrlError};
use crate::clock::{Clock, SystemClock};
use crate::entropy::{Entropy, SystemEntropy};
use crate::ids::{Place, Stamp, VisitorId};
use crate::store::StoreError;

/// The first connection and the first look at the configuration, all together.
const OPEN_WITHIN: Duration = Duration::from_secs(3);
const CALL_BOUNDS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(5));
const CHECK_EVERY: Duration = Duration::from_secs(60);
const CHECK_WITHIN: Duration = Duration::from_secs(1);

/// How to open a store.
#[derive(Clone, Default)]
pub struct RedisOptions {
    /// Who loads the scripts, where the URL's own user may not (`SCRIPT LOAD`).
    pub loader: Option<Credentials>,
    /// Who we are at the sentinels.
    pub sentinel: Credentials,
    /// How long a call may take in all, 10 ms to 5 s; 100 ms unless set. A request waits no longer than this for the store.
    pub call_within: Option<Duration>,
    /// Calls on their way at one time, 1 to 65,536; 256 unless set. One more is refused at once.
    pub max_in_flight: Option<usize>,
    /// For `rediss`: certificates, where they are not the system's.
    pub tls: Option<TlsCertificates>,
}

/// How the store is, for the console and the metrics. None of it waits for the store.
#[derive(Clone, Debug)]
pub struct StoreStatus {
    pub connected: bool,
    /// Why there is no connection, or why the last attempt at another one failed.
    pub trouble: Option<String>,
    /// The worst of all rooms' breakers.
    pub breaker: BreakerState,
    pub in_flight: usize,
    /// As of the last look.
    pub findings: Vec<ConfigFinding>,
}

/// A room's live tickets in Redis. Dropping it ends its background tasks.
pub struct RedisStore {
    caller: Arc<Caller>,
    findings: Arc<Mutex<Option<Vec<ConfigFinding>>>>,
    tasks: Vec<JoinHandle<()>>,
    test_clock: Option<Reading>,
}

type Reading = Box<dyn Fn() -> Stamp + Send + Sync>;

impl RedisStore {
    /// Begins to connect in the background and returns at once; until connected every operation answers
    /// [`StoreError::Away`]. Needs a tokio runtime, whose tasks do the connecting for as long as the store lives.
    ///
    /// # Errors
    /// Only where the URL is wrong.
    pub fn open(url: &str, options: RedisOptions) -> Result<RedisStore, UrlError> {
        let url = url::parse(url)?;
        let (clock, entropy) = (Arc::new(SystemClock::default()), Arc::new(SystemEntropy));
        Ok(RedisStore::start(url, options, clock, entropy))
    }

    /// Opens, and waits at most three seconds for the first connection and the look at the configuration. A server
    /// that is away is no error (the line works without it); one that would delete the line is.
    ///
    /// # Errors
    /// [`StoreError::Refused`]: a wrong URL, or a finding that [`ConfigFinding::is_refused`].
    pub async fn connect(url: &str, options: RedisOptions) -> Result<RedisStore, StoreError> {
        let store = RedisStore::open(url, options).map_err(|e| StoreError::Refused(format!("the store's url: {e}")))?;
        let looked = async {
            while store.findings.lock().is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = timeout(OPEN_WITHIN, looked).await;
        match store.status().findings.iter().find(|finding| finding.is_refused()) {
            Some(finding) => Err(StoreError::Refused(finding.advice())),
            None => Ok(store),
        }
    }

    /// Hands this time to every script in place of the server's own: for tests.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Stamp + Send + Sync + 'static) -> RedisStore {
        self.test_clock = Some(Box::new(now));
        self
    }

    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let (connected, trouble) = self.caller.link.state();
        StoreStatus {
            connected,
            trouble,
            breaker: self.caller.breaker_state(),
            in_flight: self.caller.in_flight(),
            findings: self.findings.lock().clone().unwrap_or_default(),
        }
    }

    pub(super) fn test_clock(&self) -> Option<Stamp> {
        self.test_clock.as_ref().map(|now| now())
    }

    pub(super) async fn call(&self, script: &Invocation) -> Result<Value, StoreError> {
        self.caller.call(script).await
    }

    pub(super) async fn look(&self, script: &Invocation) -> Result<Value, StoreError> {
        self.caller.look(script).await
    }

    fn start(url: StoreUrl, options: RedisOptions, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> RedisStore {
        if url.tls {
            // Without a provider the first TLS connection would panic. One that is installed already stays.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let call_within = options
            .call_within
            .unwrap_or(CALL_WITHIN)
            .clamp(CALL_BOUNDS.0, CALL_BOUNDS.1);
        let bounds = Bounds {
            in_flight: options.max_in_flight.unwrap_or(MAX_IN_FLIGHT).clamp(1, 65_536),
            breaker_per_room: matches!(url.topology, Topology::Cluster(_)),
        };
        let dialer = Dialer {
            url,
            tls: options.tls,
            sentinel: options.sentinel,
        };
        let link = Arc::new(Link::new(dialer, options.loader, call_within, Arc::clone(&entropy)));
        let caller = Arc::new(Caller::new(Arc::clone(&link), bounds, clock, entropy));
        let findings = Arc::new(Mutex::new(None));
        let keep = {
            let (link, caller) = (Arc::clone(&link), Arc::clone(&caller));
            async move { link.keep(&canary(), || caller.reset()).await }
        };
        let check = check_for_ever(link, Arc::clone(&findings));
        let tasks = vec![tokio::spawn(keep), tokio::spawn(check)];
        RedisStore {
            caller,
            findings,
            tasks,
            test_clock: None,
        }
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Looks at each new connection's server, and again every minute.
async fn check_for_ever(link: Arc<Link>, findings: Arc<Mutex<Option<Vec<ConfigFinding>>>>) {
    loop {
        let renewed = link.renewed();
        if let Ok((_, mut wire)) = link.current()
            && let Some(found) = check(&mut wire).await
        {
            *findings.lock() = Some(found);
        }
        let _ = timeout(CHECK_EVERY, renewed).await;
    }
}

/// `None`: the server did not say.
async fn check(wire: &mut Wire) -> Option<Vec<ConfigFinding>> {
    let answer = timeout(CHECK_WITHIN, wire.info()).await.ok()?.ok()?;
    let mut all: Vec<ConfigFinding> = Vec::new();
    for found in answer.iter().flat_map(|text| findings(text)) {
        if !all.contains(&found) {
            all.push(found);
        }
    }
    Some(all)
}

pub(super) const CANARY_PLACE: Place = Place {
    stamp: Stamp::MAX,
    visitor: VisitorId([0; 16]),
};

/// A real claim in a room of its own: it writes, so a replica and a full server are found out too.
pub(super) fn canary() -> Invocation {
    Args::canary(CANARY, &CANARY_PLACE).invoke(Operation::Claim)
}
