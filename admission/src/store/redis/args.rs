//! Arguments of the scripts: policy, memory, settings, places and sessions as decimal text and raw ids. Pure.
//! The tables on top of `lua/*.lua` name them in this order.

use std::time::Duration;

use super::script::{Invocation, Keys, Operation};
use crate::challenge::Nonce;
use crate::ids::{Place, Stamp};
use crate::policy::{LiveSettings, Mode, RoomPolicy};
use crate::room::bounds;
use crate::store::{EdgeMemory, End, Session, StoreError, Tick};

/// Collects arguments. Numbers become decimal text: Lua reads them exactly below 2^53.
pub(super) struct Args {
    room: String,
    list: Vec<Vec<u8>>,
}

impl Args {
    /// The arguments that every script takes first: the clock, if it is not the server's own, and the policy.
    pub fn new(room: &str, policy: &RoomPolicy, clock: Option<Stamp>) -> Args {
        let mut args = Args {
            room: room.to_owned(),
            list: Vec::with_capacity(32),
        };
        args.text(&clock.map_or_else(String::new, |now| now.0.to_string()));
        args.text(match policy.mode {
            Mode::Fifo => "fifo",
            Mode::Passthrough => "passthrough",
            Mode::Closed => "closed",
        });
        args.number(policy.capacity.min(Stamp::MAX.0));
        args.number(policy.rate.count());
        args.number(policy.rate.period_us());
        args.span(policy.session_ttl);
        args.span(policy.claim_window);
        args.span(policy.return_grace);
        args.span(bounds::presence_window(policy));
        args.span(bounds::recovery_freeze(policy));
        args.span(bounds::ended_kept(policy));
        args.number(policy.max_waiting.min(Stamp::MAX.0));
        args.number(policy.opens_at.map_or(0, |at| at.0));
        args
    }

    /// Of a room that nobody configured: closed, with the least of everything.
    pub fn canary(room: &str, place: &Place) -> Args {
        let fixed = [
            "", "closed", "0", "1", "1000000", "1", "1", "1", "1", "1", "1", "1", "0",
        ];
        let list = fixed.iter().map(|text| text.as_bytes().to_vec()).collect();
        Args {
            room: room.to_owned(),
            list,
        }
        .place(place)
    }

    pub fn invoke(self, operation: Operation) -> Invocation {
        Invocation {
            operation,
            room: self.room,
            keys: Keys::Room,
            args: self.list,
        }
    }

    pub fn place(mut self, place: &Place) -> Args {
        self.push_place(place);
        self
    }

    pub fn nonce(mut self, nonce: Nonce) -> Args {
        self.list.push(nonce.to_vec());
        self
    }

    pub fn places(mut self, places: &[Place]) -> Args {
        places.iter().for_each(|place| self.push_place(place));
        self
    }

    pub fn sessions(mut self, sessions: &[Session]) -> Args {
        for session in sessions {
            self.push_place(&session.place);
            self.number(session.claimed_at.0);
            self.number(session.expires_at.0);
        }
        self
    }

    pub fn end(mut self, place: &Place, how: End) -> Args {
        self.push_place(place);
        self.text(match how {
            End::Released => "released",
            End::Revoked => "revoked",
        });
        self
    }

    pub fn tick(mut self, call: &Tick<'_>) -> Result<Args, StoreError> {
        let EdgeMemory {
            epoch,
            seq,
            frontier,
            grace_frontier,
            active,
            admitted,
            as_of,
            settings,
        } = call.memory;
        for number in [
            epoch.ordinal,
            epoch.id,
            *seq,
            frontier.0,
            grace_frontier.0,
            *active,
            *admitted,
            as_of.0,
        ] {
            self.number(number);
        }
        self.number(call.new_epoch_id);
        self.number(u64::from(call.newborn));
        self.push_settings(settings)?;
        Ok(self)
    }

    pub fn settings(mut self, expected: u64, new: &LiveSettings) -> Result<Args, StoreError> {
        self.number(expected);
        self.push_settings(new)?;
        Ok(self)
    }

    /// version, capacity, rate count, rate period (empty = as configured), paused, closed, and all of it as JSON.
    fn push_settings(&mut self, settings: &LiveSettings) -> Result<(), StoreError> {
        let optional = |number: Option<u64>| number.map_or_else(String::new, |n| n.min(Stamp::MAX.0).to_string());
        self.number(settings.version);
        self.text(&optional(settings.capacity));
        self.text(&optional(settings.rate.map(|rate| rate.count())));
        self.text(&optional(settings.rate.map(|rate| rate.period_us())));
        self.number(u64::from(settings.paused.is_some()));
        self.number(u64::from(settings.closed));
        let json = serde_json::to_vec(settings).map_err(|error| StoreError::Nonsense(error.to_string()))?;
        self.list.push(json);
        Ok(())
    }

    fn push_place(&mut self, place: &Place) {
        self.list.push(place.visitor.0.to_vec());
        self.number(place.stamp.0);
    }

    fn span(&mut self, span: Duration) {
        self.number(u64::try_from(span.as_micros()).unwrap_or(u64::MAX).min(Stamp::MAX.0));
    }

    fn number(&mut self, number: u64) {
        self.list.push(number.to_string().into_bytes());
    }

    fn text(&mut self, text: &str) {
        self.list.push(text.as_bytes().to_vec());
    }
}
