//! Numbers and waits in words. The page's script does the same in the browser; a browser test holds both together.

use super::lang::{Forms, Language};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// Up to here a wait is said in minutes, beyond it in hours.
const HOURS_FROM: u64 = 3 * HOUR;
/// Above so many minutes they are said in fives: nobody knows better.
const FIVES_FROM: u64 = 20;

/// `4211` → `4,211`, as the language writes it.
#[must_use]
pub fn number(language: &Language, n: u64) -> String {
    let digits = n.to_string();
    if digits.len() < language.texts.group_from {
        return digits;
    }
    let mut written = String::with_capacity(digits.len() + 8);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            written.push_str(&language.texts.group);
        }
        written.push(digit);
    }
    written
}

/// A wait of `low` to `high` seconds, as a person would say it.
#[must_use]
pub fn wait(language: &Language, (low, high): (u64, u64)) -> String {
    let texts = &language.texts;
    if high < MINUTE {
        return texts.soon.clone();
    }
    if high > HOURS_FROM {
        return span(language, &texts.hours, low / HOUR, high.div_ceil(HOUR));
    }
    let (low, high) = (low / MINUTE, high.div_ceil(MINUTE));
    if high > FIVES_FROM {
        return span(language, &texts.minutes, low / 5 * 5, high.div_ceil(5) * 5);
    }
    span(language, &texts.minutes, low, high)
}

/// The high end decides the plural form.
fn span(language: &Language, forms: &Forms, low: u64, high: u64) -> String {
    let low = low.max(1);
    let count = if low < high {
        let range = language.texts.range.replace("{a}", &number(language, low));
        range.replace("{b}", &number(language, high))
    } else {
        number(language, high)
    };
    let form = forms.get(language.category(high)).or_else(|| forms.get("other"));
    form.map_or(count.clone(), |form| form.replace("{n}", &count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::lang::by_tag;

    #[test]
    fn english_waits() {
        let en = by_tag("en").expect("English");
        let table = [
            ((0, 59), "less than a minute"),
            ((10, 60), "1 minute"),
            ((60, 61), "1–2 minutes"),
            ((300, 480), "5–8 minutes"),
            ((480, 480), "8 minutes"),
            ((1_150, 1_210), "15–25 minutes"),
            ((60, 1_260), "1–25 minutes"),
            ((5_000, 10_800), "80–180 minutes"),
            ((3_600, 10_801), "1–4 hours"),
            ((0, 172_801), "1–49 hours"),
            (
                (u64::MAX, u64::MAX),
                "5,124,095,576,030,431–5,124,095,576,030,432 hours",
            ),
        ];
        for (seconds, said) in table {
            assert_eq!(wait(en, seconds), said, "{seconds:?}");
        }
        assert_eq!(number(en, 999), "999");
        assert_eq!(number(en, 1_234_567), "1,234,567");
    }
}
