//! What the scripts answer → values. Pure and total: whatever a server answers, the result is a value or
//! [`StoreError::Nonsense`], never a panic.

use redis::Value;

use crate::ids::{Epoch, Place, Stamp, VisitorId};
use crate::policy::LiveSettings;
use crate::rate::Rate;
use crate::store::{
    Claim, Enter, Joined, MAX_BATCH, MAX_ENDED, RoomState, SKETCH_POINTS, Session, Snapshot, StoreError,
};

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
        [added, refused] => Ok(Joined {
            added: *added,
            refused: *refused,
        }),
        other => nonsense("join", &other),
    }
}

/// 1: never seen before. 0: used already.
pub(super) fn paid(value: &Value) -> Reply<bool> {
    match number(value)? {
        0 => Ok(false),
        1 => Ok(true),
        other => nonsense("pay", &other),
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
    let [
        ordinal,
        id,
        seq,
        ticked_at,
        state,
        frontier,
        grace_frontier,
        horizon,
        rest @ ..,
    ] = scalars.as_slice()
    else {
        return nonsense("tick", &scalars.len());
    };
    let [
        waiting,
        present,
        admitted,
        active,
        ghosts,
        admitted_total,
        left_total,
        capacity,
        count,
        period_us,
    ] = rest
    else {
        return nonsense("tick", &scalars.len());
    };
    Ok(Snapshot {
        epoch: Epoch {
            ordinal: *ordinal,
            id: *id,
        },
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
    let place = Place {
        stamp: Stamp(stamp),
        visitor: place.visitor,
    };
    Session {
        place,
        claimed_at: Stamp(claimed_at),
        expires_at: Stamp(expires_at),
    }
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
    let points: Vec<_> = flat
        .chunks_exact(2)
        .filter_map(|pair| Some((Stamp(*pair.first()?), *pair.get(1)?)))
        .collect();
    let rising = points
        .windows(2)
        .all(|pair| matches!(pair, [(s, r), (t, q)] if s <= t && r < q));
    if !flat.len().is_multiple_of(2) || points.len() > SKETCH_POINTS || !rising {
        return nonsense("sketch", &flat.len());
    }
    Ok(points)
}

fn ids(raw: &[u8], most: usize) -> Reply<Vec<VisitorId>> {
    if !raw.len().is_multiple_of(16) || raw.len() / 16 > most {
        return nonsense("ids", &raw.len());
    }
    Ok(raw
        .chunks_exact(16)
        .filter_map(|id| id.try_into().ok().map(VisitorId))
        .collect())
}

/// Decimal numbers below 2^53, separated by single spaces.
fn decimals(text: &[u8]) -> Reply<Vec<u64>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return nonsense("numbers", &"not text");
    };
    let exact = |word: &str| {
        word.parse()
            .ok()
            .filter(|number| *number <= Stamp::MAX.0 && !word.starts_with('+'))
    };
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place = Place {
        stamp: Stamp(5),
        visitor: VisitorId([7; 16]),
    };

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn tick_answer() -> Vec<Value> {
        let scalars = "1 2 3 4 6 5 0 9007199254740991 1 2 3 4 5 6 7 8 60 60000000";
        vec![
            Value::Int(9),
            text(scalars),
            text("5 0 6 1"),
            Value::BulkString(vec![1; 32]),
            text(""),
        ]
    }

    #[test]
    fn a_tick_s_answer_is_read_field_by_field() {
        let read = snapshot(&Value::Array(tick_answer())).unwrap();
        assert_eq!(
            (read.epoch, read.seq, read.now),
            (Epoch { ordinal: 1, id: 2 }, 3, Stamp(9))
        );
        assert_eq!(
            (read.ticked_at, read.state, read.horizon),
            (Stamp(4), RoomState::Recovering, Stamp::MAX)
        );
        assert_eq!((read.capacity, read.rate), (8, Rate::per_minute(60).unwrap()));
        assert_eq!(read.sketch, [(Stamp(5), 0), (Stamp(6), 1)]);
        assert_eq!(read.ended, [VisitorId([1; 16]); 2]);
    }

    #[test]
    fn each_part_that_makes_no_sense_is_nonsense() {
        let scalars = |from: &str, to: &str| {
            let Value::BulkString(good) = &tick_answer()[1] else {
                panic!("text")
            };
            text(&String::from_utf8_lossy(good).replacen(from, to, 1))
        };
        let zero_rate = r#"{"version":1,"capacity":null,"rate":{"count":0,"period_us":0},"paused":null,"closed":false,"message":null}"#;
        let table = [
            (0, Value::Int(-1)),
            (0, Value::Int(i64::MAX)),
            (0, Value::Nil),
            (1, text("")),
            (1, text("1 2")),
            (1, scalars("1 2 3", "1 2")),
            (1, scalars("1 2 3", "1 2 3 3")),
            (1, scalars(" 4 6 ", " 4 7 ")),
            (1, scalars("9007199254740991", "9007199254740992")),
            (1, scalars("1 2", "1  2")),
            (1, scalars("1 2", "1e+15 2")),
            (1, scalars("1 2", "+1 2")),
            (1, scalars(" 60 ", " 0 ")),
            (2, text("5")),
            (2, text("6 0 5 1")),
            (2, text("5 0 6 0")),
            (
                2,
                text(&(0..65).map(|i| format!("{i} {i}")).collect::<Vec<_>>().join(" ")),
            ),
            (3, Value::BulkString(vec![0; 15])),
            (3, Value::BulkString(vec![0; 16 * (MAX_ENDED + 1)])),
            (4, text("{")),
            (4, text(zero_rate)),
            (4, Value::Okay),
        ];
        for (part, wrong) in table {
            let mut answer = tick_answer();
            answer[part] = wrong.clone();
            let read = snapshot(&Value::Array(answer));
            assert!(
                matches!(read, Err(StoreError::Nonsense(_))),
                "{part} {wrong:?}: {read:?}"
            );
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let words = prop::collection::vec(any::<u64>().prop_map(|n| n.to_string()), 0..20);
        let leaf = prop_oneof![
            Just(Value::Nil),
            Just(Value::Okay),
            any::<i64>().prop_map(Value::Int),
            (0i64..5).prop_map(Value::Int),
            prop::collection::vec(any::<u8>(), 0..80).prop_map(Value::BulkString),
            words.prop_map(|words| text(&words.join(" "))),
            any::<String>().prop_map(Value::SimpleString),
        ];
        leaf.prop_recursive(2, 24, 6, |inner| {
            prop::collection::vec(inner, 0..6).prop_map(Value::Array)
        })
    }

    proptest! {
        /// Whatever is answered: a value or a refusal, never a panic.
        #[test]
        fn reading_is_total(value in any_value()) {
            let _ = (enter(&value, PLACE), claim(&value, PLACE), joined(&value), done(&value));
            let _ = (ended(&value), settings_put(&value), snapshot(&value));
        }
    }
}
