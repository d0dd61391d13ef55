//! Single values: texts, numbers, switches, choices, and numbers with units.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::DeValue;

use crate::read::notes::{Notes, Told, quote};
use crate::read::unknown::nearest;
use crate::read::{Field, Section};
use crate::units::{self, NotAUnit, show_duration, show_size};

/// The least and the greatest, what a value outside would do, and the default.
pub(crate) struct Bounds<T> {
    pub allowed: RangeInclusive<T>,
    pub why: &'static str,
}

/// Bounds of a duration, written in milliseconds.
pub(crate) type Span = Bounds<u64>;

/// "a string", "a number" …
pub(crate) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a bare number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Units that a bare number may have meant, the likeliest first.
const UNITS: [&str; 8] = ["s", "ms", "m", "/min", "/s", "B", "KiB", "B/s"];

/// The first run of digits of a text.
fn first_number(written: &str) -> Option<u64> {
    let from = written.find(|c: char| c.is_ascii_digit())?;
    let digits = written.get(from..)?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

impl<'a> Section<'a> {
    pub fn duration(&mut self, key: &'static str, default: &str, bounds: &Span, notes: &mut Notes<'_>) -> Duration {
        let fallback = units::duration(default).unwrap_or_default();
        self.field(key)
            .and_then(|field| notes.duration(&field, default, bounds))
            .unwrap_or(fallback)
    }

    pub fn size(&mut self, key: &'static str, default: &str, bounds: &Bounds<u64>, notes: &mut Notes<'_>) -> u64 {
        let read = |field: Field<'a>| {
            let bytes = notes.unit(&field, units::size, |bytes| bounds.allowed.contains(bytes), default)?;
            notes.within(&field, bytes, bounds, |bytes| show_size(*bytes))
        };
        self.field(key)
            .and_then(read)
            .unwrap_or_else(|| units::size(default).unwrap_or_default())
    }

    pub fn integer(&mut self, key: &'static str, default: u64, bounds: &Bounds<u64>, notes: &mut Notes<'_>) -> u64 {
        self.field(key)
            .and_then(|field| notes.integer(&field, bounds, default))
            .unwrap_or(default)
    }

    pub fn boolean(&mut self, key: &'static str, default: bool, notes: &mut Notes<'_>) -> bool {
        self.field(key)
            .and_then(|field| notes.boolean(&field))
            .unwrap_or(default)
    }

    pub fn text(&mut self, key: &'static str, max_bytes: usize, notes: &mut Notes<'_>) -> Option<(Field<'a>, &'a str)> {
        let field = self.field(key)?;
        let text = notes.text(&field, max_bytes)?;
        Some((field, text))
    }

    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
        default: T,
        notes: &mut Notes<'_>,
    ) -> T {
        self.field(key)
            .and_then(|field| notes.choice(&field, choices))
            .unwrap_or(default)
    }
}

impl Notes<'_> {
    pub fn text<'a>(&mut self, field: &Field<'a>, max_bytes: usize) -> Option<&'a str> {
        let key = field.at.key();
        let Some(text) = field.value.as_str() else {
            let written = quote(self.written(&field.at));
            let help = match field.value {
                DeValue::Array(_) | DeValue::Table(_) => format!("write one quoted text: {key} = \"…\""),
                _ => field.at.assign(&format!("\"{written}\"")),
            };
            let what = format!("`{key}` is {}, not a text", kind(field.value));
            self.error(
                &field.at,
                Told {
                    what,
                    why: "a text in quotes is expected".to_owned(),
                    help,
                },
            );
            return None;
        };
        if text.len() > max_bytes {
            let what = format!("`{key}` has {} bytes, more than {max_bytes}", text.len());
            let why = "every text of the configuration has a bound".to_owned();
            self.error(
                &field.at,
                Told {
                    what,
                    why,
                    help: "shorten it".to_owned(),
                },
            );
            return None;
        }
        Some(text)
    }

    pub fn boolean(&mut self, field: &Field<'_>) -> Option<bool> {
        let found = field.value.as_bool();
        if found.is_none() {
            let key = field.at.key();
            let what = format!("`{key}` is {}, not true or false", kind(field.value));
            let help = format!("write {key} = true or {key} = false, without quotes");
            self.error(
                &field.at,
                Told {
                    what,
                    why: "it is a switch".to_owned(),
                    help,
                },
            );
        }
        found
    }

    /// `example`: what to suggest where the text holds no number.
    pub fn integer(&mut self, field: &Field<'_>, bounds: &Bounds<u64>, example: u64) -> Option<u64> {
        let Some(digits) = field.value.as_integer() else {
            let what = format!("`{}` is {}, not a whole number", field.at.key(), kind(field.value));
            let why = "it is a count, without a unit and without quotes".to_owned();
            let meant = first_number(self.written(&field.at)).filter(|number| bounds.allowed.contains(number));
            let help = field.at.assign(&meant.unwrap_or(example).to_string());
            self.error(&field.at, Told { what, why, help });
            return None;
        };
        let number = i128::from_str_radix(digits.as_str(), digits.radix())
            .ok()
            .and_then(|n| u64::try_from(n).ok());
        match number {
            Some(number) => self.within(field, number, bounds, u64::to_string),
            None => {
                self.out_of_bounds(field, bounds, u64::to_string);
                None
            }
        }
    }

    pub fn duration(&mut self, field: &Field<'_>, default: &str, bounds: &Span) -> Option<Duration> {
        let ms = |span: &Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let span = self.unit(
            field,
            units::duration,
            |span| bounds.allowed.contains(&ms(span)),
            default,
        )?;
        self.within(field, ms(&span), bounds, |ms| show_duration(Duration::from_millis(*ms)))?;
        Some(span)
    }

    /// A number with its unit, in quotes. `fits` chooses among the units that a bare number may have meant.
    pub fn unit<T>(
        &mut self,
        field: &Field<'_>,
        read: impl Fn(&str) -> Result<T, NotAUnit>,
        fits: impl Fn(&T) -> bool,
        example: &str,
    ) -> Option<T> {
        let written = quote(self.written(&field.at).trim_matches(['"', '\'']));
        let bare = matches!(field.value, DeValue::Integer(_) | DeValue::Float(_));
        let guess = || {
            let with_unit = UNITS.iter().map(|unit| format!("{written}{unit}"));
            with_unit
                .into_iter()
                .find(|guess| read(guess).is_ok_and(|value| fits(&value)))
        };
        if bare {
            let what = format!("`{}` is a bare number: {written}", field.at.key());
            let why = "without its unit a number can be read in more than one way".to_owned();
            let help = field
                .at
                .assign(&format!("\"{}\"", guess().unwrap_or_else(|| example.to_owned())));
            self.error(&field.at, Told { what, why, help });
            return None;
        }
        let text = self.text(field, 64)?;
        match read(text) {
            Ok(value) => Some(value),
            Err(NotAUnit { why, meant }) => {
                let what = format!("`{}` cannot be read: \"{}\"", field.at.key(), quote(text));
                let meant = meant.or_else(guess).unwrap_or_else(|| example.to_owned());
                self.error(
                    &field.at,
                    Told {
                        what,
                        why,
                        help: field.at.assign(&format!("\"{meant}\"")),
                    },
                );
                None
            }
        }
    }

    /// The value, where it is in its bounds.
    pub fn within<T: PartialOrd>(
        &mut self,
        field: &Field<'_>,
        value: T,
        bounds: &Bounds<T>,
        show: impl Fn(&T) -> String,
    ) -> Option<T> {
        if bounds.allowed.contains(&value) {
            return Some(value);
        }
        self.out_of_bounds(field, bounds, show);
        None
    }

    fn out_of_bounds<T>(&mut self, field: &Field<'_>, bounds: &Bounds<T>, show: impl Fn(&T) -> String) {
        let (least, most) = (show(bounds.allowed.start()), show(bounds.allowed.end()));
        let written = quote(self.written(&field.at).trim_matches(['"', '\'']));
        let what = format!("`{}` is out of its bounds: {written}", field.at.key());
        self.error(
            &field.at,
            Told {
                what,
                why: bounds.why.to_owned(),
                help: format!("from {least} to {most}"),
            },
        );
    }

    pub fn choice<T: Copy>(&mut self, field: &Field<'_>, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(field, 64)?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let help = match nearest(text, &names) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("one of \"{}\"", names.join("\", \"")),
        };
        let what = format!("`{}` cannot be \"{}\"", field.at.key(), quote(text));
        self.error(
            &field.at,
            Told {
                what,
                why: "it is one of a few words".to_owned(),
                help,
            },
        );
        None
    }
}
