//! The words every part of the line uses: who, when, which room, which generation of the store.
//! Values only; nothing here reads a clock or draws a random number.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// 128 random bits that name a visitor. Made by an edge, carried in the ticket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VisitorId(pub [u8; 16]);

impl fmt::Debug for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Microseconds since the Unix epoch on the store's clock. Always below 2^53, so that it is an
/// exact integer in a sorted-set score and in a Lua number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub struct Stamp(pub u64);

impl Stamp {
    /// Before everybody.
    pub const ZERO: Stamp = Stamp(0);
    /// The largest exact integer in a double: after everybody.
    pub const MAX: Stamp = Stamp((1 << 53) - 1);

    #[must_use]
    pub fn plus(self, span: Duration) -> Stamp {
        Stamp(self.0.saturating_add(micros(span)).min(Self::MAX.0))
    }

    #[must_use]
    pub fn minus(self, span: Duration) -> Stamp {
        Stamp(self.0.saturating_sub(micros(span)))
    }

    /// How long after `earlier` this is; zero where it is not after.
    #[must_use]
    pub fn since(self, earlier: Stamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The next stamp.
    #[must_use]
    pub fn next(self) -> Stamp {
        Stamp((self.0 + 1).min(Self::MAX.0))
    }

    /// Whole seconds since the Unix epoch, as JWT claims count them.
    #[must_use]
    pub fn unix_seconds(self) -> u64 {
        self.0 / 1_000_000
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// A visitor's place: ordered by stamp, ties broken by visitor id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Place {
    pub stamp: Stamp,
    pub visitor: VisitorId,
}

/// The name of a room, as configured: 1–64 characters of `[a-z0-9-]`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomName(Arc<str>);

impl RoomName {
    pub const MAX_LEN: usize = 64;

    /// `None` where the name is empty, too long or has another character.
    #[must_use]
    pub fn new(name: &str) -> Option<RoomName> {
        let fits = (1..=Self::MAX_LEN).contains(&name.len());
        let plain = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        (fits && plain).then(|| RoomName(Arc::from(name)))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text, without a copy.
    #[must_use]
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl TryFrom<String> for RoomName {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        RoomName::new(&name).ok_or("a room's name is 1-64 characters of a-z, 0-9 and -")
    }
}

impl From<RoomName> for String {
    fn from(name: RoomName) -> String {
        name.as_str().to_owned()
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A generation of the store's data. A higher ordinal is newer; equal ordinals with different ids
/// are two stores that do not know of each other, and the higher id wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
pub struct Epoch {
    pub ordinal: u64,
    /// Random, below 2^53, made by the edge that noticed the loss.
    pub id: u64,
}
