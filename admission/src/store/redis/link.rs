//! Keeps one good connection to the store, in the background: a request takes what is there, or
//! fails at once. A connection is offered only after a real script has run on it.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::RedisError;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::{Instant, sleep, timeout};

use super::dial::{Dialer, Wire};
use super::fault::{Remedy, classify};
use super::script::Invocation;
use super::url::{Credentials, Topology};
use crate::entropy::Entropy;
use crate::store::StoreError;

/// To dial and try out, all together.
const DIAL_WITHIN: Duration = Duration::from_millis(1_500);
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MOST: Duration = Duration::from_secs(1);

struct Dialled {
    wire: Wire,
    /// Better than a connection that is doubted.
    replaces: bool,
    /// The store is well: breakers may close.
    well: bool,
}

/// What everybody shares. The keeper is one task: [`Link::keep`].
pub(super) struct Link {
    /// How long calls may wait: a connection that is no quicker is not well.
    pub call_within: Duration,
    dialer: Dialer,
    /// Loads scripts where our own user may not.
    loader: Option<Credentials>,
    now: Mutex<Held>,
    wanted: Notify,
    renewed: Notify,
    entropy: Arc<dyn Entropy>,
}

struct Held {
    /// Counts up with each connection.
    generation: u64,
    wire: Option<Wire>,
    /// Why there is none, or why the last attempt failed.
    why: String,
}

impl Link {
    pub fn new(dialer: Dialer, loader: Option<Credentials>, call_within: Duration, entropy: Arc<dyn Entropy>) -> Link {
        let why = "not connected yet".to_owned();
        Link {
            call_within,
            dialer,
            loader,
            now: Mutex::new(Held {
                generation: 0,
                wire: None,
                why,
            }),
            wanted: Notify::new(),
            renewed: Notify::new(),
            entropy,
        }
    }

    /// The present connection, or why there is none. Never waits.
    pub fn current(&self) -> Result<(u64, Wire), StoreError> {
        let held = self.now.lock();
        match &held.wire {
            Some(wire) => Ok((held.generation, wire.clone())),
            None => Err(StoreError::Away(held.why.clone())),
        }
    }

    /// This connection is broken or leads to the wrong server: nobody gets it any more.
    pub fn drop_wire(&self, generation: u64, why: &StoreError) {
        let mut held = self.now.lock();
        // A cluster's connection repairs itself and still serves the slots of its other masters.
        let whole = !matches!(held.wire, Some(Wire::Cluster(_)));
        if held.generation == generation && held.wire.is_some() {
            if whole {
                held.wire = None;
            }
            held.why = why.to_string();
            self.wanted.notify_one();
        }
    }

    /// It may be of no use: look for another, and keep it until that is found.
    pub fn doubt(&self, generation: u64) {
        if self.now.lock().generation == generation {
            self.wanted.notify_one();
        }
    }

    /// Ends with the next new connection after this was asked.
    pub fn renewed(&self) -> Notified<'_> {
        self.renewed.notified()
    }

    /// Whether there is a connection, and what was wrong last.
    pub fn state(&self) -> (bool, Option<String>) {
        let held = self.now.lock();
        (held.wire.is_some(), (!held.why.is_empty()).then(|| held.why.clone()))
    }

    /// Dials until it works, then waits until a new connection is wanted; forever. `on_new` runs after each new one.
    pub async fn keep(&self, tryout: &Invocation, on_new: impl Fn()) {
        let mut pause = PAUSE_FIRST;
        loop {
            match self.dial(tryout).await {
                Ok(dialled) => {
                    pause = PAUSE_FIRST;
                    self.take(dialled, &on_new);
                    sleep(PAUSE_FIRST).await;
                    self.wanted.notified().await;
                }
                Err(why) => {
                    self.now.lock().why = why;
                    sleep(self.jittered(pause)).await;
                    pause = (pause * 2).min(PAUSE_MOST);
                }
            }
        }
    }

    /// Loads one script where `wire` leads for it, with the loader's rights where there is a loader.
    pub async fn load(&self, wire: &mut Wire, script: &Invocation) -> Result<(), RedisError> {
        let load = script.load();
        match &self.loader {
            None => wire.run(&load).await?,
            Some(loader) => self.dialer.dial(loader).await?.run(&load).await?,
        };
        Ok(())
    }

    /// A connection that is no quicker than calls may wait replaces none, and closes no breaker.
    fn take(&self, dialled: Dialled, on_new: &impl Fn()) {
        {
            let mut held = self.now.lock();
            if held.wire.is_some() && !dialled.replaces {
                return;
            }
            held.generation += 1;
            held.wire = Some(dialled.wire);
            held.why.clear();
        }
        if dialled.well {
            on_new();
        }
        self.renewed.notify_waiters();
    }

    async fn dial(&self, tryout: &Invocation) -> Result<Dialled, String> {
        let attempt = async {
            let mut wire = self.dialer.dial(&self.dialer.url.credentials).await?;
            // One dead master of a cluster must not keep us from the others: no try-out on one slot. Its rooms'
            // breakers find out by themselves.
            if matches!(self.dialer.url.topology, Topology::Cluster(_)) {
                let well = self.now.lock().wire.is_none();
                return Ok(Dialled {
                    wire,
                    replaces: true,
                    well,
                });
            }
            let began = Instant::now();
            self.try_out(&mut wire, tryout).await?;
            let quick = began.elapsed() <= self.call_within;
            Ok(Dialled {
                wire,
                replaces: quick,
                well: quick,
            })
        };
        match timeout(DIAL_WITHIN, attempt).await {
            Ok(result) => result.map_err(|error: RedisError| classify(&error).error.to_string()),
            Err(_) => Err("no connection in time".to_owned()),
        }
    }

    /// A replica, a server that still loads, one that is full or that knows us not: all are found out here.
    async fn try_out(&self, wire: &mut Wire, tryout: &Invocation) -> Result<(), RedisError> {
        let run = tryout.run();
        match wire.run(&run).await {
            Err(error) if classify(&error).remedy == Remedy::LoadScript => {
                self.load(wire, tryout).await?;
                wire.run(&run).await.map(drop)
            }
            answer => answer.map(drop),
        }
    }

    fn jittered(&self, pause: Duration) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        pause.mul_f64(0.8 + f64::from(byte[0]) / 255.0 * 0.4)
    }
}
