//! What the scripts answer → values. Pure and total: whatever a server answers, the result is a value or
//! [`StoreError::Nonsense`], never a panic.

use redis::Value;

use crate::ids::{Epoch, Place, Stamp, VisitorId};
use crate::policy::LiveSettings;
use crate::rate::Rate;
use crate::store::{Claim, Enter, Joined, MAX_BATCH, MAX_ENDED, RoomState, SKETCH_POINTS, Session, Snapshot, StoreError};

type Reply<T> = Result<T, StoreError>;

/// `{1, claimed_at, expires_at, stamp}` or `{0}`.
pub(super) fn enter(value: &Value, place: Place) -> Reply<Enter> {
    match numbers(value)?.as_slice() {
        [0] => Ok(Enter::Queue),
        [1, claimed_at, expires_at, stamp] => Ok(Enter::Entered(session(place, *stamp, *claimed_at, *expires_at))),
        other => nonsense("enter", &other),
    }
}

/// As `enter`, and `{0}` waiting, `{2}` gone, `{3}` revoked.
pub(super) fn claim(value: &Value, place: Place) -> Reply<Claim> {
    match numbers(value)?.as_slice() {
        [0] => Ok(Claim::Waiting),
        [1, claimed_at, expires_at, stamp] => Ok(Claim::Inside(session(place, *stamp, *claimed_at, *expires_at))),
        [2] => Ok(Claim::Gone),
        [3] => Ok(Claim::Revoked),
        other => nonsense("claim", &other),
    }
}

/// `{added, refused}`.
pub(super) fn joined(value: &Value) -> Reply<Joined> {
    match numbers(value)?.as_slice() {
        [added, refused] => Ok(Joined { added: *added, refused: *refused }),
        other => nonsense("join", &other),
    }
}

/// Any number: it was done.
pub(super) fn done(value: &Value) -> Reply<()> {
    number(value).map(drop)
}

/// The ended ids, 16 bytes each, in one string.
pub(super) fn ended(value: &Value) -> Reply<Vec<VisitorId>> {
    ids(bytes(value)?, MAX_BATCH)
}

/// `{1, json}` stored, `{0, version}` conflict.
pub(super) fn settings_put(value: &Value) -> Reply<LiveSettings> {
    match array(value)? {
        [Value::Int(1), json] => settings(bytes(json)?),
        [Value::Int(0), version] => Err(StoreError::Conflict(number(version)?)),
        other => nonsense("settings", &other.len()),
    }
}

/// `{now, numbers, sketch, ended, settings}`: see `lua/snapshot.lua`.
pub(super) fn snapshot(value: &Value) -> Reply<Snapshot> {
    let [now, scalars, sketch, ended, live] = array(value)? else {
        return nonsense("tick", &"not five parts");
    };
    let scalars = decimals(bytes(scalars)?)?;
    let [ordinal, id, seq, ticked_at, state, frontier, grace_frontier, horizon, rest @ ..] = scalars.as_slice() else {
        return nonsense("tick", &scalars.len());
    };
    let [waiting, present, admitted, active, ghosts, admitted_total, left_total, capacity, count, period_us] = rest
    else {
        return nonsense("tick", &scalars.len());
    };
    Ok(Snapshot {
        epoch: Epoch { ordinal: *ordinal, id: *id },
        seq: *seq,
        now: Stamp(number(now)?),
        ticked_at: Stamp(*ticked_at),
        state: room_state(*state)?,
        frontier: Stamp(*frontier),
        grace_frontier: Stamp(*grace_frontier),
        horizon: Stamp(*horizon),
        waiting: *waiting,
        present: *present,
        admitted: *admitted,
        active: *active,
        ghosts: *ghosts,
        admitted_total: *admitted_total,
        left_total: *left_total,
        capacity: *capacity,
        rate: rate(*count, *period_us)?,
        settings: settings(bytes(live)?)?,
        sketch: points(bytes(sketch)?)?,
        ended: ids(bytes(ended)?, MAX_ENDED)?,
    })
}

fn session(place: Place, stamp: u64, claimed_at: u64, expires_at: u64) -> Session {
    let place = Place { stamp: Stamp(stamp), visitor: place.visitor };
    Session { place, claimed_at: Stamp(claimed_at), expires_at: Stamp(expires_at) }
}

fn room_state(code: u64) -> Reply<RoomState> {
    Ok(match code {
        0 => RoomState::Open,
        1 => RoomState::Queueing,
        2 => RoomState::Paused,
        3 => RoomState::Prequeue,
        4 => RoomState::Full,
        5 => RoomState::Closed,
        6 => RoomState::Recovering,
        other => return nonsense("state", &other),
    })
}

fn rate(count: u64, period_us: u64) -> Reply<Rate> {
    match Rate::new(count, std::time::Duration::from_micros(period_us)) {
        Some(rate) => Ok(rate),
        None => nonsense("rate", &(count, period_us)),
    }
}

/// Empty: never changed.
fn settings(json: &[u8]) -> Reply<LiveSettings> {
    if json.is_empty() {
        return Ok(LiveSettings::default());
    }
    let settings: LiveSettings = match serde_json::from_slice(json) {
        Ok(settings) => settings,
        Err(error) => return nonsense("settings", &error),
    };
    if let Some(paced) = settings.rate {
        rate(paced.count(), paced.period_us())?;
    }
    Ok(settings)
}

fn points(text: &[u8]) -> Reply<Vec<(Stamp, u64)>> {
    let flat = decimals(text)?;
    let points: Vec<_> = flat.chunks_exact(2).filter_map(|pair| Some((Stamp(*pair.first()?), *pair.get(1)?))).collect();
    let rising = points.windows(2).all(|pair| matches!(pair, [(s, r), (t, q)] if s <= t && r < q));
    if flat.len() % 2 == 1 || points.len() > SKETCH_POINTS || !rising {
        return nonsense("sketch", &flat.len());
    }
    Ok(points)
}

fn ids(raw: &[u8], most: usize) -> Reply<Vec<VisitorId>> {
    if raw.len() % 16 != 0 || raw.len() / 16 > most {
        return nonsense("ids", &raw.len());
    }
    Ok(raw.chunks_exact(16).filter_map(|id| id.try_into().ok().map(VisitorId)).collect())
}

/// Decimal numbers below 2^53, separated by single spaces.
fn decimals(text: &[u8]) -> Reply<Vec<u64>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Ok(text) = std::str::from_utf8(text) else { return nonsense("numbers", &"not text") };
    let exact = |word: &str| word.parse().ok().filter(|number| *number <= Stamp::MAX.0 && !word.starts_with('+'));
    match text.split(' ').map(exact).collect() {
        Some(numbers) => Ok(numbers),
        None => nonsense("numbers", &text),
    }
}

fn numbers(value: &Value) -> Reply<Vec<u64>> {
    array(value)?.iter().map(number).collect()
}

fn number(value: &Value) -> Reply<u64> {
    match value {
        Value::Int(number) => match u64::try_from(*number) {
            Ok(number) if number <= Stamp::MAX.0 => Ok(number),
            _ => nonsense("a number", number),
        },
        other => nonsense("a number", other),
    }
}

fn bytes(value: &Value) -> Reply<&[u8]> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => nonsense("a string", other),
    }
}

fn array(value: &Value) -> Reply<&[Value]> {
    match value {
        Value::Array(items) => Ok(items),
        other => nonsense("an array", other),
    }
}

fn nonsense<T>(expected: &str, got: &dyn std::fmt::Debug) -> Reply<T> {
    let mut text = format!("{expected}: {got:?}");
    let end = text.char_indices().nth(120).map_or(text.len(), |(at, _)| at);
    text.truncate(end);
    Err(StoreError::Nonsense(text))
}
