//! From the bytes of a file to a [`Config`] or its problems.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeTable;

use crate::files::{Files, NotLooking};
use crate::problem::Problem;
use crate::read::{Notes, Section, Told, quote};
use crate::sections;
use crate::types::Config;

/// Largest configuration file.
pub const MAX_BYTES: usize = 1 << 20;
/// Every table there is, so that the reader names every key it knows.
const EVERY_TABLE: &str = "[edge.tls]\n[edge.guard]\n[[origins]]\n[[rooms]]\n[[limits]]\n[limits.match]\n";

/// Checks a file as it was read: its size and encoding first, then [`check`].
///
/// # Errors
/// All that is wrong.
pub fn check_bytes(bytes: &[u8], files: &dyn Files) -> Result<Config, Vec<Problem>> {
    let refuse = |what: String, why: &str, help: &str| Err(vec![Problem::of_file(what, why.to_owned(), help)]);
    if bytes.len() > MAX_BYTES {
        let what = format!("the file has {} bytes", bytes.len());
        return refuse(what, "a configuration has at most 1 MiB", "is it the right file?");
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return refuse("the file is in UTF-16".to_owned(), "TOML is UTF-8", "save it as UTF-8");
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => check(text, files),
        Err(broken) => {
            let line = 1 + bytes
                .iter()
                .take(broken.valid_up_to())
                .filter(|byte| **byte == b'\n')
                .count();
            let what = format!("line {line} is not UTF-8");
            refuse(
                what,
                "TOML is UTF-8",
                "save the file as UTF-8, or write the character as \\uXXXX",
            )
        }
    }
}

/// Checks a whole configuration: its values (with warnings), or every problem (warnings among them).
///
/// # Errors
/// All that is wrong, in the order of the file; at least one of them is an error.
pub fn check(text: &str, files: &dyn Files) -> Result<Config, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        return check_bytes(text.as_bytes(), files);
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(at) = text.find('\0') {
        let line = 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
        let why = "no text has one: the file was cut off or damaged, or is not a configuration".to_owned();
        return Err(vec![Problem::of_file(
            format!("line {line} has a NUL byte"),
            why,
            "write the file again",
        )]);
    }
    let mut notes = Notes::new(text, files);
    let mut config = read(text, &mut notes);
    let problems = notes.into_problems();
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    config.warnings = problems;
    Ok(config)
}

fn read<'t>(text: &'t str, notes: &mut Notes<'t>) -> Config {
    let (table, broken) = DeTable::parse_recoverable(text);
    for error in broken {
        let told = syntax(
            error.message(),
            error.span().and_then(|span| text.get(span)).unwrap_or_default(),
        );
        notes.syntax(error.span(), told);
    }
    sections::document(Section::root(table.get_ref()), notes)
}

/// What the parser says, in the words of this program.
fn syntax(message: &str, written: &str) -> Told {
    let (what, expected) = message
        .split_once(", expected ")
        .map_or((message, None), |(what, rest)| (what, Some(rest)));
    let told = |why: &str, help: String| Told {
        what: what.to_owned(),
        why: why.to_owned(),
        help,
    };
    let written = quote(written.trim());
    match what {
        "duplicate key" => told(
            "only one of them could be meant; a table that repeats is written with double brackets: [[rooms]]",
            "keep one".to_owned(),
        ),
        "string values must be quoted" if written.is_empty() => Told {
            what: "a value is missing".to_owned(),
            ..told("every key has a value", "write one, or remove the key".to_owned())
        },
        "string values must be quoted" => told("this is not TOML", format!("write \"{written}\" in quotes")),
        deep if deep.contains("recurs") => Told {
            what: "tables or lists are nested too deeply".to_owned(),
            ..told(
                "nothing in a configuration is nested more than a few times",
                "is it the right file?".to_owned(),
            )
        },
        _ => told(
            "this is not TOML",
            expected
                .map(|expected| format!("expected here: {expected}"))
                .unwrap_or_default(),
        ),
    }
}

/// Every key there is, by table (`edge.guard` → `head_timeout`, …; the empty table is the top level).
#[must_use]
pub fn known_keys() -> BTreeMap<String, BTreeSet<&'static str>> {
    let mut notes = Notes::new(EVERY_TABLE, &NotLooking);
    read(EVERY_TABLE, &mut notes);
    notes.keys().clone()
}
