//! Numbers with their units: `10m`, `500/min`, `16KiB`, `500B/s`. Pure text to values; a refusal says what would have
//! been right.

use std::time::Duration;

use stanchion_admission::rate::Rate;

/// Why a text is not such a number, and the text that was probably meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAUnit {
    pub why: String,
    pub meant: Option<String>,
}

const DURATION_SYNTAX: &str = "a duration is a whole number with one unit: ms, s, m, h or d";
const RATE_SYNTAX: &str = "a rate is COUNT/PERIOD: \"500/min\", \"100/10s\", \"2/s\"";
const SIZE_SYNTAX: &str = "a size is a whole number with a unit: B, KiB, MiB or GiB";

const MS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
const BYTES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
/// Names of periods that people write; the first two columns of a rate's second half.
const PERIODS: [(&str, u64); 12] = [
    ("ms", 1),
    ("s", 1_000),
    ("sec", 1_000),
    ("second", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("minute", 60_000),
    ("h", 3_600_000),
    ("hour", 3_600_000),
    ("d", 86_400_000),
    ("day", 86_400_000),
    ("hr", 3_600_000),
];

/// The names that a period of one unit is shown by.
const SHOWN_PERIODS: [&str; 5] = ["ms", "s", "min", "h", "d"];

/// `500ms`, `10s`, `5m`, `2h`, `1d`.
pub(crate) fn duration(text: &str) -> Result<Duration, NotAUnit> {
    exact(text, &MS).map(Duration::from_millis).ok_or_else(|| NotAUnit {
        why: DURATION_SYNTAX.to_owned(),
        meant: loose_ms(text).map(|ms| show_duration(Duration::from_millis(ms))),
    })
}

/// `16KiB`.
pub(crate) fn size(text: &str) -> Result<u64, NotAUnit> {
    exact(text, &BYTES).ok_or_else(|| NotAUnit {
        why: SIZE_SYNTAX.to_owned(),
        meant: loose_bytes(text).map(show_size),
    })
}

/// `500B/s`.
pub(crate) fn byte_rate(text: &str) -> Result<u64, NotAUnit> {
    let per_second = text.strip_suffix("/s").and_then(|bytes| exact(bytes, &BYTES));
    per_second.ok_or_else(|| NotAUnit {
        why: "a speed is a size per second: \"500B/s\", \"2KiB/s\"".to_owned(),
        meant: loose_bytes(text.split('/').next().unwrap_or_default()).map(|bytes| format!("{}/s", show_size(bytes))),
    })
}

/// `500/min`, `100/10s`: how many, and in which period.
pub(crate) fn rate(text: &str) -> Result<(u64, Duration), NotAUnit> {
    let parsed = text.split_once('/').and_then(|(count, period)| {
        let plain_period = PERIODS.iter().find(|(name, _)| *name == period).map(|(_, ms)| *ms);
        Some((
            whole(count)?,
            Duration::from_millis(plain_period.or_else(|| exact(period, &MS))?),
        ))
    });
    parsed.ok_or_else(|| NotAUnit {
        why: RATE_SYNTAX.to_owned(),
        meant: loose_rate(text),
    })
}

/// The pace of a room as the configuration writes it, for others who let people write one.
///
/// # Errors
/// What would have been right.
pub fn parse_rate(text: &str) -> Result<Rate, String> {
    let (count, period) = rate(text).map_err(|not| match not.meant {
        Some(meant) => format!("{}; meant \"{meant}\"?", not.why),
        None => not.why,
    })?;
    Rate::new(count, period)
        .ok_or_else(|| format!("a rate is 1 to {} visitors in a period of 1ms to 1d", Rate::MAX_COUNT))
}

/// The shortest text that [`parse_rate`] reads back.
#[must_use]
pub fn show_rate(rate: Rate) -> String {
    let ms = rate.period_us() / 1_000;
    match PERIODS
        .iter()
        .find(|(name, of)| *of == ms && SHOWN_PERIODS.contains(name))
    {
        Some((name, _)) => format!("{}/{name}", rate.count()),
        None => format!("{}/{}", rate.count(), show_duration(rate.period())),
    }
}

/// The shortest text that [`duration`] reads back.
pub(crate) fn show_duration(span: Duration) -> String {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    show(ms, &MS)
}

/// The shortest text that [`size`] reads back.
pub(crate) fn show_size(bytes: u64) -> String {
    show(bytes, &BYTES)
}

fn show(number: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, of): &&(&str, u64)| number.is_multiple_of(*of) && (number > 0 || *of == 1);
    let (unit, of) = units.iter().find(fits).copied().unwrap_or(("", 1));
    format!("{}{unit}", number / of)
}

/// Digits alone, without sign, blanks or a leading zero.
fn whole(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}

fn exact(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (count, unit) = text.split_at_checked(digits)?;
    let of = units.iter().find(|(name, _)| *name == unit)?.1;
    whole(count)?.checked_mul(of)
}

/// What people write for a duration: `10 min`, `1h30m`, `1.5h`, `10S`.
fn loose_ms(text: &str) -> Option<u64> {
    let lower: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    let (mut rest, mut total) = (lower.as_str(), 0.0_f64);
    if rest.is_empty() || rest.len() > 32 {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, left) = after.split_at_checked(end)?;
        let singular = if unit.len() > 2 {
            unit.trim_end_matches('s')
        } else {
            unit
        };
        let of = match singular {
            "msec" | "milli" | "millisecond" => 1,
            _ => PERIODS.iter().find(|(name, _)| *name == singular)?.1,
        };
        total += number * of as f64;
        rest = left;
    }
    ((1.0..1e15).contains(&total) && total.fract() == 0.0).then_some(total as u64)
}

/// What people write for a size: `16k`, `16KB`, `1.5 MiB`.
fn loose_bytes(text: &str) -> Option<u64> {
    let lower: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_lowercase();
    let (number, unit) = split_number(&lower)?;
    let of = match unit {
        "" | "b" | "byte" | "bytes" => 1.0,
        "k" | "kb" | "kib" => 1024.0,
        "m" | "mb" | "mib" => 1024.0 * 1024.0,
        "g" | "gb" | "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * of;
    ((1.0..1e15).contains(&bytes) && bytes.fract() == 0.0).then_some(bytes as u64)
}

/// What people write for a rate: `500 / min`, `500 per minute`, `500`, `10rps`.
fn loose_rate(text: &str) -> Option<String> {
    let lower = text
        .to_ascii_lowercase()
        .replace(" per ", "/")
        .replace("rps", "/s")
        .replace("rpm", "/min");
    let compact: String = lower.chars().filter(|c| !c.is_whitespace()).collect();
    let (count, period) = compact.split_once('/').unwrap_or((&compact, "min"));
    whole(count)?;
    let singular = if period.len() > 2 {
        period.trim_end_matches('s')
    } else {
        period
    };
    let known = PERIODS.iter().any(|(name, _)| *name == singular);
    let period = if known {
        singular.to_owned()
    } else {
        show_duration(Duration::from_millis(loose_ms(period)?))
    };
    Some(format!("{count}/{period}"))
}

fn split_number(text: &str) -> Option<(f64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations_strictly_and_guesses_what_was_meant() {
        let ms = |text| duration(text).map(|span| span.as_millis());
        for (text, expected) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(ms(text), Ok(expected), "{text}");
            assert_eq!(show_duration(Duration::from_millis(expected as u64)), text);
        }
        for (text, meant) in [
            ("10", None),
            ("", None),
            ("-5s", None),
            ("10 s", Some("10s")),
            ("10min", Some("10m")),
            ("10mins", Some("10m")),
            ("1h30m", Some("90m")),
            ("1.5h", Some("90m")),
            ("2 Hours", Some("2h")),
            ("007s", Some("7s")),
            ("1y", None),
            ("s", None),
            ("99999999999999999999d", None),
            ("٥s", None),
        ] {
            assert_eq!(
                duration(text).err().map(|not| not.meant),
                Some(meant.map(str::to_owned)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_rate_is_shown_as_it_is_read() {
        for text in [
            "500/min", "100/10s", "1/s", "1/ms", "3/250ms", "7/h", "100000/d", "1/2m",
        ] {
            assert_eq!(parse_rate(text).map(show_rate).as_deref(), Ok(text));
        }
        assert_eq!(parse_rate("6/60s").map(show_rate).as_deref(), Ok("6/min"));
        let bad = [
            "",
            "500",
            "0/min",
            "-1/min",
            "5.5/min",
            " 5/min",
            "05/min",
            "5/0s",
            "5/2d",
            "100001/min",
            "5/fortnight",
        ];
        for text in bad {
            assert!(parse_rate(text).is_err(), "{text}");
        }
        assert!(parse_rate("500 per minute").is_err_and(|told| told.ends_with("meant \"500/minute\"?")));
    }

    #[test]
    fn reads_rates() {
        for (text, count, secs) in [
            ("500/min", 500, 60),
            ("100/10s", 100, 10),
            ("1/h", 1, 3600),
            ("2/s", 2, 1),
        ] {
            assert_eq!(rate(text), Ok((count, Duration::from_secs(secs))), "{text}");
        }
        for (text, meant) in [
            ("500", Some("500/min")),
            ("500 / min", Some("500/min")),
            ("500 per minute", Some("500/minute")),
            ("10rps", Some("10/s")),
            ("5/2 min", Some("5/2m")),
            ("1.5/s", None),
            ("-1/s", None),
            ("/s", None),
            ("5/", None),
            ("many/min", None),
        ] {
            assert_eq!(
                rate(text).err().map(|not| not.meant),
                Some(meant.map(str::to_owned)),
                "{text:?}"
            );
        }
    }

    #[test]
    fn reads_sizes() {
        assert_eq!(size("16KiB"), Ok(16_384));
        assert_eq!(byte_rate("500B/s"), Ok(500));
        for (text, meant) in [
            ("16KB", Some("16KiB")),
            ("16384", Some("16KiB")),
            ("1.5 MiB", Some("1536KiB")),
            ("x", None),
        ] {
            assert_eq!(
                size(text).err().map(|not| not.meant),
                Some(meant.map(str::to_owned)),
                "{text:?}"
            );
        }
        assert_eq!(
            byte_rate("500").err().and_then(|not| not.meant).as_deref(),
            Some("500B/s")
        );
        assert_eq!(show_size(0), "0B");
    }
}
