//! Public keys from an address, remembered. One fetch at a time, never two within ten seconds, old keys served while
//! the address is away: whatever strangers put into `kid`, the address hears of it six times a minute.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use super::jwks::{self, PublicKey};

/// After this, keys are fetched again, in the background.
const FRESH: Duration = Duration::from_secs(300);
/// After this without an answer, old keys are not trusted any more.
const STALE: Duration = Duration::from_secs(24 * 3600);
const COOLDOWN: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(3);
const MAX_BYTES: usize = 64 * 1024;

/// Where the keys come from.
#[derive(Clone)]
pub enum KeySource {
    /// An address that answers with a JWKS.
    Url(url::Url),
    /// A function that does: for a service in the same process.
    Callback(Arc<dyn Fn() -> serde_json::Value + Send + Sync>),
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            KeySource::Url(url) => write!(f, "{url}"),
            KeySource::Callback(_) => f.write_str("callback"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    /// The address does not know it either.
    Unknown,
    /// There are no keys at all.
    Unreachable,
}

#[derive(Clone)]
pub struct PassKeys(Arc<Shared>);

struct Shared {
    source: KeySource,
    client: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<PublicKey>,
    fetched_at: Option<Instant>,
    tried_at: Option<Instant>,
    /// Closes when the fetch under way ends.
    under_way: Option<watch::Receiver<()>>,
}

impl PassKeys {
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn new(source: KeySource) -> Result<PassKeys, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(PassKeys(Arc::new(Shared {
            source,
            client,
            state: Mutex::default(),
        })))
    }

    pub(super) async fn find(&self, kid: &str) -> Result<PublicKey, Missing> {
        let known = self.0.known(kid);
        if let Some((key, age)) = known {
            if age > FRESH {
                // Nobody waits for it.
                let _ = self.refresh();
            }
            return Ok(key);
        }
        if let Some(mut under_way) = self.refresh() {
            // Ends with an error when the fetch is over, which is what is waited for.
            let _ = under_way.changed().await;
        }
        let empty = self.0.state.lock().keys.is_empty();
        let missing = if empty { Missing::Unreachable } else { Missing::Unknown };
        self.0.known(kid).map(|(key, _)| key).ok_or(missing)
    }

    /// Joins the fetch under way or starts one. `None`: one was made too lately.
    fn refresh(&self) -> Option<watch::Receiver<()>> {
        let mut state = self.0.state.lock();
        if let Some(under_way) = &state.under_way {
            return Some(under_way.clone());
        }
        if state.tried_at.is_some_and(|at| at.elapsed() < COOLDOWN) {
            return None;
        }
        let (done, under_way) = watch::channel(());
        state.tried_at = Some(Instant::now());
        state.under_way = Some(under_way.clone());
        drop(state);
        let shared = Arc::clone(&self.0);
        tokio::spawn(async move {
            let fetched = shared.fetch().await;
            shared.store(fetched);
            drop(done);
        });
        Some(under_way)
    }
}

impl Shared {
    fn known(&self, kid: &str) -> Option<(PublicKey, Duration)> {
        let state = self.state.lock();
        let age = state.fetched_at?.elapsed();
        let key = state.keys.iter().find(|key| key.kid == kid)?;
        (age < STALE).then(|| (key.clone(), age))
    }

    async fn fetch(&self) -> Result<Vec<PublicKey>, String> {
        let url = match &self.source {
            KeySource::Callback(keys) => return jwks::read(keys().to_string().as_bytes()),
            KeySource::Url(url) => url.clone(),
        };
        let mut response = self.client.get(url).send().await.map_err(|error| error.to_string())?;
        if !response.status().is_success() {
            return Err(format!("answered {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| error.to_string())? {
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(format!("longer than {MAX_BYTES} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        jwks::read(&body)
    }

    fn store(&self, fetched: Result<Vec<PublicKey>, String>) {
        let mut state = self.state.lock();
        state.under_way = None;
        match fetched {
            Ok(keys) => {
                state.keys = keys;
                state.fetched_at = Some(Instant::now());
            }
            Err(problem) => {
                drop(state);
                tracing::warn!(source = ?self.source, problem, "the public keys could not be fetched; old ones are kept");
            }
        }
    }
}
