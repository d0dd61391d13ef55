//! A price on a new place: a sealed task that a browser works on for a moment, or, without JavaScript, waits for.
//! Pure: time and randomness are arguments. The edge keeps nothing of a task; whoever answers it brings it along. Knows
//! no HTTP, and does not spend a task: that is the store's, because one answer must do once at every edge.
//!
//! | bytes of a task | |
//! |---|---|
//! | 1 | version, 1 |
//! | 4 | key id (the ticket keys') |
//! | 8 | fingerprint of the room's name, as in a ticket |
//! | 8 | when it was made: seconds since the Unix epoch, big-endian |
//! | 4 | tries: how many a piece takes on average |
//! | 2 | patience: after so many seconds it counts without an answer |
//! | 16 | nonce |
//! | 32 | HMAC-SHA256 over all of the above and the binding of the client's network |
//!
//! Written in base64url without padding. An answer is the task and, after a dot each, [`PIECES`] numbers.

mod pressure;
mod work;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ids::{RoomName, Stamp};
use crate::keys::{KeyRing, TAG_BYTES, tag, tag_matches};
use crate::ticket::fingerprint;

pub use pressure::{Demand, Pressure, PressureRules};
pub use work::{MAX_TRIES, PIECES, ROUNDS, solve};

const VERSION: u8 = 1;
const BODY_BYTES: usize = 43;
const TASK_CHARS: usize = ((BODY_BYTES + TAG_BYTES) * 4).div_ceil(3);
/// The longest text that can be an answer: a number has at most ten digits.
pub const MAX_CHARS: usize = TASK_CHARS + PIECES * 11;
/// A task is good for this long.
pub const LIFE: Duration = Duration::from_secs(300);
/// Clocks of edges may differ by this much.
const LEEWAY: Duration = Duration::from_secs(5);

pub type Nonce = [u8; 16];

/// How much is asked for a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Price {
    /// On average per piece; 1 to [`MAX_TRIES`].
    pub tries: u32,
    /// Whole seconds, shorter than [`LIFE`].
    pub patience: Duration,
}

/// For whom a task is: another room or another network cannot use it.
#[derive(Clone, Copy, Debug)]
pub struct For<'a> {
    pub room: &'a RoomName,
    /// [`KeyRing::binding`] of the client's network.
    pub network: [u8; 16],
}

/// What somebody brought is worth. What counts must still be spent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judged {
    /// The work was done.
    Worked,
    /// The time was waited for.
    Waited,
    /// A task without an answer: it counts after this long.
    TooSoon(Duration),
}

/// A task of ours, for this room and network, and in time; with or without an answer.
#[derive(Debug)]
pub struct Reading<'a> {
    task: &'a str,
    answer: Option<&'a str>,
    body: Body,
    left: Duration,
}

/// Why a text is no answer. Whoever brings one gets a new task; nobody is told more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum Fault {
    #[error("not the length of an answer")]
    Length,
    #[error("not canonical base64url")]
    Encoding,
    #[error("not a version we know")]
    Version,
    #[error("sealed with a key we do not have")]
    UnknownKey,
    #[error("for another room")]
    OtherRoom,
    #[error("the seal is broken, or it is for another network")]
    Seal,
    #[error("too old, or from the future")]
    Expired,
    #[error("the numbers do not answer it")]
    Wrong,
}

impl Fault {
    /// A short name for a metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Fault::Length => "length",
            Fault::Encoding => "encoding",
            Fault::Version => "version",
            Fault::UnknownKey => "unknown-key",
            Fault::OtherRoom => "other-room",
            Fault::Seal => "seal",
            Fault::Expired => "expired",
            Fault::Wrong => "wrong",
        }
    }
}

/// Writes a task, sealed with the key in use at `now`.
#[must_use]
pub fn issue(keys: &KeyRing, whom: &For<'_>, price: Price, nonce: Nonce, now: Stamp) -> String {
    let key = keys.tickets.current(now);
    let patience = u16::try_from(price.patience.min(LIFE).as_secs()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(BODY_BYTES + TAG_BYTES);
    bytes.push(VERSION);
    bytes.extend(key.id);
    bytes.extend(fingerprint(whom.room));
    bytes.extend(now.unix_seconds().to_be_bytes());
    bytes.extend(price.tries.clamp(1, MAX_TRIES).to_be_bytes());
    bytes.extend(patience.to_be_bytes());
    bytes.extend(nonce);
    let tag = tag(&key.challenge, &[&bytes, &whom.network]);
    bytes.extend(tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads what a newcomer brought. Costs one MAC.
///
/// # Errors
/// Why it is no task of ours for this room and network.
pub fn read<'a>(keys: &KeyRing, whom: &For<'_>, text: &'a str, now: Stamp) -> Result<Reading<'a>, Fault> {
    if text.len() > MAX_CHARS {
        return Err(Fault::Length);
    }
    let (task, answer) = match text.split_once('.') {
        Some((task, answer)) => (task, Some(answer)),
        None => (text, None),
    };
    let body = open(keys, whom, task)?;
    let age = now.since(Stamp(body.made_s.saturating_mul(1_000_000)));
    let ahead = body.made_s.saturating_sub(now.unix_seconds());
    if age > LIFE || ahead > LEEWAY.as_secs() {
        return Err(Fault::Expired);
    }
    let left = Duration::from_secs(u64::from(body.patience_s) + ahead).saturating_sub(age);
    Ok(Reading {
        task,
        answer,
        body,
        left,
    })
}

impl Reading<'_> {
    /// What is to be spent.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        self.body.nonce
    }

    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// Costs at most [`PIECES`] derivations of a key, where there is an answer.
    ///
    /// # Errors
    /// [`Fault::Wrong`].
    pub fn judge(&self) -> Result<Judged, Fault> {
        match self.answer {
            Some(numbers) if work::answers(self.task, numbers, self.body.tries) => Ok(Judged::Worked),
            Some(_) => Err(Fault::Wrong),
            None if self.left.is_zero() => Ok(Judged::Waited),
            None => Ok(Judged::TooSoon(self.left)),
        }
    }
}

/// How many tries a piece of this task takes on average, where it is one: for whoever wants to answer it.
#[must_use]
pub fn tries_of(task: &str) -> Option<u32> {
    let bytes = URL_SAFE_NO_PAD.decode(task).ok()?;
    Body::read(bytes.get(..BODY_BYTES)?).map(|body| body.tries)
}

#[derive(Debug)]
struct Body {
    version: u8,
    key: [u8; 4],
    room: [u8; 8],
    made_s: u64,
    tries: u32,
    patience_s: u16,
    nonce: Nonce,
}

impl Body {
    fn read(bytes: &[u8]) -> Option<Body> {
        let (version, rest) = bytes.split_first()?;
        let (key, rest) = rest.split_first_chunk()?;
        let (room, rest) = rest.split_first_chunk()?;
        let (made, rest) = rest.split_first_chunk()?;
        let (tries, rest) = rest.split_first_chunk()?;
        let (patience, rest) = rest.split_first_chunk()?;
        Some(Body {
            version: *version,
            key: *key,
            room: *room,
            made_s: u64::from_be_bytes(*made),
            tries: u32::from_be_bytes(*tries),
            patience_s: u16::from_be_bytes(*patience),
            nonce: *rest.first_chunk()?,
        })
    }
}

fn open(keys: &KeyRing, whom: &For<'_>, task: &str) -> Result<Body, Fault> {
    if task.len() != TASK_CHARS {
        return Err(Fault::Length);
    }
    let mut buffer = [0; BODY_BYTES + TAG_BYTES];
    let length = URL_SAFE_NO_PAD
        .decode_slice(task, &mut buffer)
        .map_err(|_| Fault::Encoding)?;
    let (bytes, tag) = buffer
        .get(..length)
        .and_then(|bytes| bytes.split_at_checked(BODY_BYTES))
        .ok_or(Fault::Length)?;
    let body = Body::read(bytes).ok_or(Fault::Length)?;
    if body.version != VERSION {
        return Err(Fault::Version);
    }
    let key = keys.tickets.find(&body.key).ok_or(Fault::UnknownKey)?;
    if body.room != fingerprint(whom.room) {
        return Err(Fault::OtherRoom);
    }
    if !tag_matches(&key.challenge, &[bytes, &whom.network], tag) {
        return Err(Fault::Seal);
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
