//! A room's numbers: its size, its pace, and the durations of the line and how they must fit together.

use std::time::Duration;

use stanchion_admission::ids::{RoomName, Stamp};
use stanchion_admission::policy::{Mode, RoomPolicy};
use stanchion_admission::rate::Rate;

use crate::read::{At, Bounds, Field, Notes, Section, Told, quote};
use crate::units::{self, show_duration};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DEFAULT_GRACE: Duration = Duration::from_secs(300);
const MOST: u64 = 10_000_000;

/// The policy of one room. `name` is what it is called, or a stand-in where that was wrong.
pub(super) fn policy(name: RoomName, section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<RoomPolicy> {
    let mode = mode(section, notes);
    let before = notes.count();
    let many = Bounds {
        allowed: 1..=MOST,
        why: "to let nobody in, write mode = \"closed\"; every count has a bound",
    };
    let capacity = match section.field("capacity") {
        Some(field) => notes.integer(&field, &many, 1_000),
        None => needed(section, mode, "capacity", "1000"),
    };
    let rate = match section.field("rate") {
        Some(field) => rate(&field, notes),
        None => needed(section, mode, "rate", "\"500/min\""),
    };
    // One a minute is always a rate; it stands where none is used, or where it was wrong.
    let rate = rate.or_else(|| Rate::per_minute(1))?;
    let session = Bounds {
        allowed: SECOND..=24 * HOUR,
        why: "a session that never ends never gives its place to the next",
    };
    let claim = Bounds {
        allowed: SECOND..=HOUR,
        why: "a place that is held for somebody who left is lost to the others",
    };
    let grace = Bounds {
        allowed: 2 * SECOND..=24 * HOUR,
        why: "the store remembers everybody who left for this long",
    };
    let near = Bounds {
        allowed: 500..=6 * SECOND,
        why: "the head of the line is polled at this pace; after a loss it must be back within 12 s",
    };
    let slow = Bounds {
        allowed: 500..=10 * MINUTE,
        why: "nobody should look at a place older than this",
    };
    let waiting = Bounds {
        allowed: 1..=MOST,
        why: "a million places take about 130 MB in the store",
    };
    let claim_window = section.duration("claim_window", "60s", &claim, notes);
    let return_grace = section
        .field("return_grace")
        .map(|field| notes.duration(&field, "5m", &grace));
    let policy = RoomPolicy {
        name,
        mode,
        capacity: capacity.unwrap_or(1),
        rate,
        session_ttl: section.duration("session_ttl", "10m", &session, notes),
        claim_window,
        return_grace: return_grace
            .flatten()
            .unwrap_or_else(|| DEFAULT_GRACE.max(claim_window * 2)),
        near_poll: section.duration("near_poll", "3s", &near, notes),
        max_poll: section.duration("max_poll", "60s", &slow, notes),
        max_waiting: section.integer("max_waiting", 1_000_000, &waiting, notes),
        opens_at: section.field("opens_at").and_then(|field| moment(&field, notes)),
    };
    if notes.count() == before && section.is_complete() {
        relations(&policy, section, notes);
    }
    Some(policy)
}

fn mode(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Mode {
    let choices = [
        ("fifo", Mode::Fifo),
        ("passthrough", Mode::Passthrough),
        ("closed", Mode::Closed),
    ];
    choice_so_far(section, "mode", &choices, ("fifo", Mode::Fifo), "lottery", notes)
}

/// One of some words, or the default. `later` is a word that a later version will know.
pub(super) fn choice_so_far<T: Copy>(
    section: &mut Section<'_>,
    key: &'static str,
    choices: &[(&'static str, T)],
    (name, default): (&str, T),
    later: &str,
    notes: &mut Notes<'_>,
) -> T {
    match section.field(key) {
        Some(field) if field.value.as_str() == Some(later) => not_yet(&field, name, default, notes),
        Some(field) => notes.choice(&field, choices).unwrap_or(default),
        None => default,
    }
}

/// Notes that a word is known but does nothing in this version.
fn not_yet<T>(field: &Field<'_>, instead: &str, fallback: T, notes: &mut Notes<'_>) -> T {
    let (key, word) = (field.at.key().to_owned(), field.value.as_str().unwrap_or_default());
    let what = format!("{key} = \"{word}\" is not available yet");
    let why = "this version does not have it; taking it for something else would be a lie".to_owned();
    notes.error(
        &field.at,
        Told {
            what,
            why,
            help: format!("write {key} = \"{instead}\""),
        },
    );
    fallback
}

/// In a line of `fifo` the number must be there; elsewhere it is not used.
fn needed<T>(section: &mut Section<'_>, mode: Mode, key: &'static str, example: &str) -> Option<T> {
    if mode == Mode::Fifo && section.is_there() {
        section.missing(key, example);
    }
    None
}

fn rate(field: &Field<'_>, notes: &mut Notes<'_>) -> Option<Rate> {
    let (count, period) = notes.unit(field, units::rate, |_| true, "500/min")?;
    let rate = Rate::new(count, period);
    if rate.is_none() {
        let what = format!(
            "`rate` is out of its bounds: {}",
            quote(field.value.as_str().unwrap_or_default())
        );
        let why = if count == 0 {
            "nobody would ever get in"
        } else {
            "the pace is kept in exact numbers"
        };
        let help = if count == 0 {
            "to let nobody in, write mode = \"closed\"".to_owned()
        } else {
            format!("1 to {} visitors in a period of 1ms to 1d", Rate::MAX_COUNT)
        };
        notes.error(
            &field.at,
            Told {
                what,
                why: why.to_owned(),
                help,
            },
        );
    }
    rate
}

/// A moment with its offset, as a TOML date or in quotes.
fn moment(field: &Field<'_>, notes: &mut Notes<'_>) -> Option<Stamp> {
    let written = field.value.as_datetime().copied();
    let parsed = written.or_else(|| field.value.as_str().and_then(|text| text.parse().ok()));
    let stamp = parsed.and_then(|moment| unix_seconds(&moment));
    let Some(seconds) = stamp else {
        let shown = field
            .value
            .as_str()
            .map_or_else(|| notes.written(&field.at).to_owned(), str::to_owned);
        let what = format!("`opens_at` is not a moment: {}", quote(&shown));
        let why = "it is a date, a time and an offset (RFC 3339), from 2020 to 2100".to_owned();
        notes.error(
            &field.at,
            Told {
                what,
                why,
                help: "write opens_at = 2027-05-01T10:00:00Z, or …+07:00".to_owned(),
            },
        );
        return None;
    };
    Some(Stamp::ZERO.plus(Duration::from_secs(seconds)))
}

fn unix_seconds(moment: &toml::value::Datetime) -> Option<u64> {
    let (date, time) = (moment.date?, moment.time?);
    let offset_minutes = match moment.offset? {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    if !(2020..=2100).contains(&date.year) {
        return None;
    }
    let days = days_since_epoch(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let of_day = i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0));
    u64::try_from(days * 86_400 + of_day - offset_minutes * 60).ok()
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March so that the leap day comes last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

fn relations(policy: &RoomPolicy, section: &mut Section<'_>, notes: &mut Notes<'_>) {
    let mut wrong = |keys: [&'static str; 2], what: String, why: &str, help: String| {
        let at = keys
            .iter()
            .find_map(|key| section.field(key))
            .map_or_else(|| section.at.clone(), |field| field.at);
        notes.error(
            &at,
            Told {
                what,
                why: why.to_owned(),
                help,
            },
        );
    };
    let RoomPolicy {
        claim_window,
        return_grace,
        near_poll,
        max_poll,
        ..
    } = *policy;
    let (claim, grace, near) = (
        show_duration(claim_window),
        show_duration(return_grace),
        show_duration(near_poll),
    );
    if return_grace < claim_window * 2 {
        let help = format!("write return_grace = \"{}\" or more", show_duration(claim_window * 2));
        let why = "somebody who misses one claim must still be known at the next";
        wrong(
            ["return_grace", "claim_window"],
            format!("`return_grace` ({grace}) is under twice `claim_window` ({claim})"),
            why,
            help,
        );
    }
    if claim_window < near_poll * 2 {
        let help = format!("write claim_window = \"{}\" or more", show_duration(near_poll * 2));
        let why = "a visitor hears of their turn at a poll, and one poll may be lost";
        wrong(
            ["claim_window", "near_poll"],
            format!("`claim_window` ({claim}) is under twice `near_poll` ({near})"),
            why,
            help,
        );
    }
    if max_poll < near_poll {
        let what = format!("`max_poll` ({}) is under `near_poll` ({near})", show_duration(max_poll));
        let help = format!("write max_poll = \"{near}\" or more");
        wrong(
            ["max_poll", "near_poll"],
            what,
            "the slowest poll cannot be faster than the fastest",
            help,
        );
    }
    idle_pace(policy, section, notes);
}

/// A pace that fills the whole room within two seconds bounds nothing.
fn idle_pace(policy: &RoomPolicy, section: &mut Section<'_>, notes: &mut Notes<'_>) {
    let in_two_seconds = policy.rate.per_second() * 2.0;
    if policy.mode == Mode::Fifo && in_two_seconds > policy.capacity as f64 {
        let at: At = section
            .field("rate")
            .map_or_else(|| section.at.clone(), |field| field.at);
        let what = "`rate` fills the whole room within two seconds".to_owned();
        let why = format!("`capacity` is {}: the capacity alone decides then", policy.capacity);
        notes.warning(
            &at,
            Told {
                what,
                why,
                help: "lower rate or raise capacity, if that is not meant".to_owned(),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_seconds_since_the_epoch() {
        for (text, expected) in [
            ("2027-05-01T10:00:00Z", Some(1_809_165_600)),
            ("2027-05-01T10:00:00+07:00", Some(1_809_140_400)),
            ("2024-02-29T23:59:59-01:30", Some(1_709_256_599)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("2027-05-01T10:00:00", None),
            ("2027-05-01", None),
            ("1999-01-01T00:00:00Z", None),
        ] {
            let parsed: toml::value::Datetime = text.parse().unwrap();
            assert_eq!(unix_seconds(&parsed), expected, "{text}");
        }
    }
}
