//! A change of keys: publish the next one before it is used, accept the old one after.

use super::pass_key::{PassAlg, PassKey};
use super::schedule::{KeyState, Schedule};
use super::ticket_key::TicketKey;
use super::{KeyRing, MAX_KEYS, PASS_KEY_KEPT, PUBLISH_AHEAD, TICKET_KEY_KEPT};
use crate::entropy::Entropy;
use crate::ids::Stamp;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    Tickets,
    Passes,
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rotation {
    pub which: Which,
    /// What the new pass key signs with.
    pub alg: PassAlg,
    /// A secret has leaked: the new key begins now and the old ones are forgotten now. Visitors inside get a new
    /// pass with their next request; waiting visitors lose their places if ticket keys are replaced so.
    pub emergency: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RotationRefused {
    #[error("a key is already waiting to be used from {0:?}; rotate again after that")]
    AlreadyUnderWay(Stamp),
    #[error("{MAX_KEYS} keys are still accepted; rotate again when one of them has passed")]
    TooMany,
}

impl KeyRing {
    /// The ring after a rotation. Give it to every edge within [`PUBLISH_AHEAD`] less [`super::JWKS_MAX_AGE`] (5 minutes):
    /// then every origin has seen the new key in the JWKS before the first pass of it comes.
    ///
    /// # Errors
    /// Where a rotation is still under way, or too many old keys are still accepted. Never in an emergency.
    pub fn rotate(&self, entropy: &dyn Entropy, rotation: Rotation, now: Stamp) -> Result<KeyRing, RotationRefused> {
        let mut ring = self.clone();
        let from = if rotation.emergency {
            now
        } else {
            now.plus(PUBLISH_AHEAD)
        };
        if rotation.which != Which::Passes {
            let key = TicketKey::generate(entropy, from);
            ring.tickets = match rotation.emergency {
                true => Schedule::of(key, TICKET_KEY_KEPT),
                false => room_for_one(&self.tickets, now)?.with(key, now),
            };
        }
        if rotation.which != Which::Tickets {
            let key = PassKey::generate(entropy, rotation.alg, from);
            ring.passes = match rotation.emergency {
                true => Schedule::of(key, PASS_KEY_KEPT),
                false => room_for_one(&self.passes, now)?.with(key, now),
            };
        }
        Ok(ring)
    }
}

fn room_for_one<K: super::schedule::Key + Clone>(
    keys: &Schedule<K>,
    now: Stamp,
) -> Result<&Schedule<K>, RotationRefused> {
    if let Some((key, ..)) = keys.list(now).find(|(_, state, _)| *state == KeyState::Next) {
        return Err(RotationRefused::AlreadyUnderWay(key.from()));
    }
    if keys.accepted(now).count() >= MAX_KEYS {
        return Err(RotationRefused::TooMany);
    }
    Ok(keys)
}
