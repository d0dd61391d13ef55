//! Tickets: the signed place, held by the visitor. Stays between browser and edge; checked on every poll.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version, 1 |
//! | 1 | flags: bit 0 = bound |
//! | 4 | key id |
//! | 8 | fingerprint of the room's name (FNV-1a): operators choose names, strangers do not |
//! | 8 | arrival stamp, microseconds, big-endian |
//! | 16 | visitor id |
//! | 0 or 16 | binding |
//! | 32 | HMAC-SHA256 over all of the above: at most 54 bytes, so one block of SHA-256 inside and one outside |
//!
//! Written in base64url without padding, in its one canonical form.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::ids::{Place, RoomName, Stamp, VisitorId};
use crate::keys::{KeyRing, TAG_BYTES, hex, tag, tag_matches};

const VERSION: u8 = 1;
const FLAG_BOUND: u8 = 1;
const BARE_BYTES: usize = 38;
const BOUND_BYTES: usize = BARE_BYTES + 16;
const MAX_BYTES: usize = BOUND_BYTES + TAG_BYTES;
const BARE_CHARS: usize = ((BARE_BYTES + TAG_BYTES) * 4).div_ceil(3);
/// The longest text that can be a ticket.
pub const MAX_CHARS: usize = (MAX_BYTES * 4).div_ceil(3);

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ticket {
    pub room: RoomName,
    pub place: Place,
    /// [`KeyRing::binding`] of what the ticket is bound to.
    pub binding: Option<[u8; 16]>,
}

/// Why a text is no ticket for this room. Whoever brings one is a newcomer; nobody is told more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum TicketFault {
    #[error("empty")]
    Empty,
    #[error("not the length of a ticket")]
    Length,
    #[error("not canonical base64url")]
    Encoding,
    #[error("not a version we know")]
    Version,
    #[error("flags and length disagree")]
    Flags,
    #[error("sealed with a key we do not have")]
    UnknownKey,
    #[error("for another room")]
    OtherRoom,
    #[error("the seal is broken")]
    Seal,
    #[error("the arrival is out of range")]
    Arrival,
}

impl TicketFault {
    /// A short name for a metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            TicketFault::Empty => "empty",
            TicketFault::Length => "length",
            TicketFault::Encoding => "encoding",
            TicketFault::Version => "version",
            TicketFault::Flags => "flags",
            TicketFault::UnknownKey => "unknown-key",
            TicketFault::OtherRoom => "other-room",
            TicketFault::Seal => "seal",
            TicketFault::Arrival => "arrival",
        }
    }
}

/// Writes a ticket, sealed with the key in use at `now`.
#[must_use]
pub fn seal(keys: &KeyRing, ticket: &Ticket, now: Stamp) -> String {
    let key = keys.tickets.current(now);
    let mut bytes = Vec::with_capacity(MAX_BYTES);
    bytes.push(VERSION);
    bytes.push(if ticket.binding.is_some() { FLAG_BOUND } else { 0 });
    bytes.extend(key.id);
    bytes.extend(fingerprint(&ticket.room));
    bytes.extend(ticket.place.stamp.0.to_be_bytes());
    bytes.extend(ticket.place.visitor.0);
    bytes.extend(ticket.binding.iter().flatten());
    let tag = tag(&key.mac, &[&bytes]);
    bytes.extend(tag);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a ticket. Whatever the text is, this costs at most one decoding of [`MAX_CHARS`] characters and one MAC.
///
/// # Errors
/// Why the text is no ticket of ours for this room.
pub fn open(keys: &KeyRing, room: &RoomName, text: &str) -> Result<Ticket, TicketFault> {
    let (body_bytes, flags) = match text.len() {
        0 => return Err(TicketFault::Empty),
        BARE_CHARS => (BARE_BYTES, 0),
        MAX_CHARS => (BOUND_BYTES, FLAG_BOUND),
        _ => return Err(TicketFault::Length),
    };
    let mut buffer = [0; MAX_BYTES];
    let length = URL_SAFE_NO_PAD
        .decode_slice(text, &mut buffer)
        .map_err(|_| TicketFault::Encoding)?;
    let (body, tag) = buffer
        .get(..length)
        .and_then(|bytes| bytes.split_at_checked(body_bytes))
        .ok_or(TicketFault::Length)?;
    let fields = Fields::read(body).ok_or(TicketFault::Length)?;
    if fields.version != VERSION {
        return Err(TicketFault::Version);
    }
    if fields.flags != flags {
        return Err(TicketFault::Flags);
    }
    let key = keys.tickets.find(&fields.key).ok_or(TicketFault::UnknownKey)?;
    if fields.room != fingerprint(room) {
        return Err(TicketFault::OtherRoom);
    }
    if !tag_matches(&key.mac, &[body], tag) {
        return Err(TicketFault::Seal);
    }
    let stamp = Stamp(u64::from_be_bytes(fields.stamp));
    if stamp == Stamp::ZERO || stamp > Stamp::MAX {
        return Err(TicketFault::Arrival);
    }
    let visitor = VisitorId(fields.visitor);
    Ok(Ticket {
        room: room.clone(),
        place: Place { stamp, visitor },
        binding: fields.binding,
    })
}

/// What a text claims to be, for an operator's eyes: nothing of it is checked against a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Peek {
    pub version: u8,
    /// The key id, as in the list of keys.
    pub key: String,
    pub place: Place,
    pub bound: bool,
}

/// Reads a ticket's fields without believing them. `None` where it has not even a ticket's form.
#[must_use]
pub fn peek(text: &str) -> Option<Peek> {
    if text.len() > MAX_CHARS {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let body = bytes
        .len()
        .checked_sub(TAG_BYTES)
        .filter(|body| [BARE_BYTES, BOUND_BYTES].contains(body))?;
    let fields = Fields::read(bytes.get(..body)?)?;
    let place = Place {
        stamp: Stamp(u64::from_be_bytes(fields.stamp)),
        visitor: VisitorId(fields.visitor),
    };
    Some(Peek {
        version: fields.version,
        key: hex(&fields.key),
        place,
        bound: fields.binding.is_some(),
    })
}

/// A ticket's body, cut into its fields.
struct Fields {
    version: u8,
    flags: u8,
    key: [u8; 4],
    room: [u8; 8],
    stamp: [u8; 8],
    visitor: [u8; 16],
    binding: Option<[u8; 16]>,
}

impl Fields {
    fn read(body: &[u8]) -> Option<Fields> {
        let (&[version, flags], rest) = body.split_first_chunk()?;
        let (&key, rest) = rest.split_first_chunk()?;
        let (&room, rest) = rest.split_first_chunk()?;
        let (&stamp, rest) = rest.split_first_chunk()?;
        let (&visitor, rest) = rest.split_first_chunk()?;
        let binding = rest.split_first_chunk().map(|(&binding, _)| binding);
        Some(Fields {
            version,
            flags,
            key,
            room,
            stamp,
            visitor,
            binding,
        })
    }
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo). Not a secret, and no proof by itself: the seal covers it. Two rooms of one
/// installation that meet by chance: below 10^-13 for a thousand rooms.
pub(crate) fn fingerprint(room: &RoomName) -> [u8; 8] {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    room.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, step).to_be_bytes()
}
