//! One call of one script: a place among the calls in flight, the breaker's leave, two attempts within one
//! deadline, and what each error asks for. I/O, but no connection is opened here and no answer read.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::Value;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout};

use super::breaker::{Admit, Breaker, BreakerState, Outcome};
use super::dial::Wire;
use super::fault::{Fault, Remedy, classify, timed_out};
use super::link::Link;
use super::script::{Invocation, Operation};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::store::StoreError;

/// All of a call, unless configured. Its first attempt, where there may be a second, has half of that.
pub(super) const CALL_WITHIN: Duration = Duration::from_millis(100);
const JITTER_MOST_MS: u64 = 10;
/// Calls on their way at one time, unless configured; one more is refused.
pub(super) const MAX_IN_FLIGHT: usize = 256;
/// Places that only ticks may take once those are gone: a rush of visitors must not keep an edge from its news.
const KEPT_FOR_TICKS: usize = 16;
/// Breakers kept at most, in a cluster one per room; a room beyond them shares one.
const MAX_BREAKERS: usize = 4_096;

pub(super) struct Caller {
    pub link: Arc<Link>,
    places: Places,
    breakers: Mutex<HashMap<String, Breaker>>,
    bounds: Bounds,
    call_within: Duration,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

/// How a caller is bounded.
pub(super) struct Bounds {
    pub in_flight: usize,
    /// In a cluster one dead master must not close the rooms of the others.
    pub breaker_per_room: bool,
}

/// The calls on their way.
struct Places {
    most: usize,
    all: Semaphore,
    ticks: Semaphore,
}

impl Places {
    fn new(most: usize) -> Places {
        Places {
            most,
            all: Semaphore::new(most),
            ticks: Semaphore::new(KEPT_FOR_TICKS),
        }
    }

    fn take(&self, operation: Operation) -> Option<SemaphorePermit<'_>> {
        let kept = || (operation == Operation::Tick).then(|| self.ticks.try_acquire().ok());
        self.all.try_acquire().ok().or_else(|| kept().flatten())
    }

    fn taken(&self) -> usize {
        self.most + KEPT_FOR_TICKS - self.all.available_permits() - self.ticks.available_permits()
    }
}

/// One attempt's share of a call.
struct Attempt {
    within: Duration,
    probe: bool,
}

impl Caller {
    pub fn new(link: Arc<Link>, bounds: Bounds, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Caller {
        Caller {
            call_within: link.call_within,
            link,
            places: Places::new(bounds.in_flight),
            breakers: Mutex::default(),
            bounds,
            clock,
            entropy,
        }
    }

    pub async fn call(&self, script: &Invocation) -> Result<Value, StoreError> {
        let _place = self.places.take(script.operation).ok_or(StoreError::Busy)?;
        let deadline = Instant::now() + self.call_within;
        let probe = match self.breaker(script, |breaker, now| breaker.admit(now)) {
            Admit::Yes => false,
            Admit::Probe => true,
            Admit::No { .. } => return Err(StoreError::Away("the breaker is open".to_owned())),
        };
        let twice = script.operation.may_run_twice() && !probe;
        let within = if twice { self.call_within / 2 } else { self.call_within };
        let fault = match self.attempt(script, Attempt { within, probe }).await {
            Ok(value) => return Ok(value),
            Err(fault) => fault,
        };
        let nothing_ran = fault.remedy == Remedy::LoadScript;
        if !(nothing_ran || twice && matches!(fault.remedy, Remedy::Retry | Remedy::Reconnect)) {
            return Err(fault.error);
        }
        if !nothing_ran {
            sleep(self.jitter()).await;
        }
        let within = deadline.saturating_duration_since(Instant::now());
        let second = self.attempt(script, Attempt { within, probe }).await;
        second.map_err(|fault| fault.error)
    }

    /// As a call, past the breaker and the bound, once: a look at the store itself.
    pub async fn look(&self, script: &Invocation) -> Result<Value, StoreError> {
        let attempt = || {
            self.attempt(
                script,
                Attempt {
                    within: self.call_within,
                    probe: false,
                },
            )
        };
        match attempt().await {
            Err(fault) if fault.remedy == Remedy::LoadScript => attempt().await.map_err(|fault| fault.error),
            answer => answer.map_err(|fault| fault.error),
        }
    }

    /// The store is well again: everybody may try.
    pub fn reset(&self) {
        self.breakers.lock().values_mut().for_each(Breaker::reset);
    }

    /// The worst state of any breaker.
    pub fn breaker_state(&self) -> BreakerState {
        let breakers = self.breakers.lock();
        let any = |state| breakers.values().any(|breaker| breaker.state() == state);
        if any(BreakerState::Open) {
            BreakerState::Open
        } else if any(BreakerState::HalfOpen) {
            BreakerState::HalfOpen
        } else {
            BreakerState::Closed
        }
    }

    pub fn in_flight(&self) -> usize {
        self.places.taken()
    }

    async fn attempt(&self, script: &Invocation, attempt: Attempt) -> Result<Value, Fault> {
        let (generation, mut wire) = self.link.current().map_err(|error| Fault {
            remedy: Remedy::None,
            error,
            outcome: Outcome::Bad,
        })?;
        let answer = match timeout(attempt.within, self.run(&mut wire, script)).await {
            Ok(answer) => answer,
            Err(_) => Err(timed_out()),
        };
        let outcome = answer.as_ref().map_or_else(|fault| fault.outcome, |_| Outcome::Good);
        let opened = self.breaker(script, |breaker, now| {
            breaker.record(now, attempt.probe, outcome);
            breaker.state() == BreakerState::Open
        });
        if let Err(fault) = &answer {
            match fault.remedy {
                Remedy::Reconnect => self.link.drop_wire(generation, &fault.error),
                _ if opened => self.link.doubt(generation),
                _ => {}
            }
        }
        answer
    }

    /// Runs the script; loads it first where the server does not know it and says so.
    async fn run(&self, wire: &mut Wire, script: &Invocation) -> Result<Value, Fault> {
        let error = match wire.run(&script.run()).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let fault = classify(&error);
        if fault.remedy == Remedy::LoadScript {
            self.link.load(wire, script).await.map_err(|error| Fault {
                remedy: Remedy::None,
                ..classify(&error)
            })?;
        }
        Err(fault)
    }

    fn breaker<T>(&self, script: &Invocation, act: impl FnOnce(&mut Breaker, Duration) -> T) -> T {
        let now = self.clock.monotonic();
        let mut breakers = self.breakers.lock();
        let own =
            self.bounds.breaker_per_room && (breakers.len() < MAX_BREAKERS || breakers.contains_key(&script.room));
        let name = if own { script.room.as_str() } else { "" };
        if !breakers.contains_key(name) {
            breakers.insert(name.to_owned(), Breaker::default());
        }
        let mut spare = Breaker::default();
        act(breakers.get_mut(name).unwrap_or(&mut spare), now)
    }

    fn jitter(&self) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        Duration::from_millis(1 + u64::from(byte[0]) % JITTER_MOST_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F1: claims fill their places and no more; ticks go on, in bounds of their own.
    #[test]
    fn claims_leave_places_for_ticks() {
        let places = Places::new(3);
        let claims: Vec<_> = (0..4).filter_map(|_| places.take(Operation::Claim)).collect();
        assert_eq!(claims.len(), 3);
        let ticks: Vec<_> = (0..=KEPT_FOR_TICKS)
            .filter_map(|_| places.take(Operation::Tick))
            .collect();
        assert_eq!((ticks.len(), places.taken()), (KEPT_FOR_TICKS, 3 + KEPT_FOR_TICKS));
        drop(ticks);
        assert!(places.take(Operation::Claim).is_none(), "kept for ticks");
        drop(claims);
        assert_eq!(places.taken(), 0);
    }
}
