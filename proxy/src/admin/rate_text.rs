//! A pace as an operator writes it: `500/min`, `100/10s`. The same forms that the configuration takes.

use std::time::Duration;

use stanchion_admission::rate::Rate;

const PERIODS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Reads `COUNT/PERIOD`; the refusal says what would have been right.
///
/// # Errors
/// Another form, or numbers outside of what a [`Rate`] holds.
pub fn parse(text: &str) -> Result<Rate, String> {
    let form = || "must be COUNT/PERIOD, for example \"500/min\" or \"100/10s\"".to_owned();
    let (count, period) = text.split_once('/').ok_or_else(form)?;
    let digits = period.bytes().take_while(u8::is_ascii_digit).count();
    let (times, unit) = period.split_at(digits);
    let times = if times.is_empty() {
        1
    } else {
        whole(times).ok_or_else(form)?
    };
    let unit = if unit == "m" && digits > 0 { "min" } else { unit };
    let unit_ms = PERIODS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, ms)| *ms)
        .ok_or_else(form)?;
    let count = whole(count).ok_or_else(form)?;
    let period = times.checked_mul(unit_ms).map(Duration::from_millis);
    period
        .and_then(|period| Rate::new(count, period))
        .ok_or_else(|| format!("must be 1 to {} visitors in a period of 1ms to a day", Rate::MAX_COUNT))
}

/// The shortest text that [`parse`] reads back.
#[must_use]
pub fn show(rate: Rate) -> String {
    let ms = rate.period_us() / 1_000;
    let (unit, unit_ms) = PERIODS
        .iter()
        .rev()
        .find(|(_, of)| ms.is_multiple_of(*of))
        .copied()
        .unwrap_or(("ms", 1));
    let times = ms / unit_ms.max(1);
    if times == 1 {
        format!("{}/{unit}", rate.count())
    } else {
        format!("{}/{times}{unit}", rate.count())
    }
}

fn whole(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_same_text() {
        for text in [
            "500/min", "100/10s", "1/s", "1/ms", "3/250ms", "7/h", "100000/d", "1/2min",
        ] {
            assert_eq!(parse(text).map(show).as_deref(), Ok(text));
        }
        assert_eq!(parse("6/60s").map(show).as_deref(), Ok("6/min"));
        assert_eq!(parse("6/5m").map(show).as_deref(), Ok("6/5min"));
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "",
            "500",
            "500/",
            "/min",
            "0/min",
            "-1/min",
            "5.5/min",
            " 5/min",
            "5/ min",
            "05/min",
            "5/m",
            "5/0s",
            "5/2d",
            "100001/min",
            "5/min/s",
            "5/fortnight",
            "٥/min",
            "99999999999999999999/min",
            "5/99999999999999999999s",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
