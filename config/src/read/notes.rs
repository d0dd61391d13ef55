//! The problems found so far, and the few ways to add one.

use std::collections::{BTreeMap, BTreeSet};

use crate::files::Files;
use crate::problem::{Problem, Severity};
use crate::read::{At, Field};
use crate::source::{Source, redact};

/// Most problems told at once; the rest is counted.
pub(crate) const MAX_PROBLEMS: usize = 100;
/// Longest piece of the operator's own text inside a sentence.
const MAX_QUOTED_CHARS: usize = 60;
const MAX_SENTENCE_CHARS: usize = 600;
const MAX_PATH_CHARS: usize = 120;

/// What to say.
pub(crate) struct Told {
    pub what: String,
    pub why: String,
    pub help: String,
}

pub(crate) struct Notes<'t> {
    source: Source<'t>,
    pub files: &'t dyn Files,
    problems: Vec<Problem>,
    untold: usize,
    /// Lines that TOML itself does not understand: nothing else is said about them, nor about what may be missing.
    broken_lines: BTreeSet<usize>,
    keys: BTreeMap<String, BTreeSet<&'static str>>,
}

impl<'t> Notes<'t> {
    pub fn new(text: &'t str, files: &'t dyn Files) -> Notes<'t> {
        Notes {
            source: Source::new(text),
            files,
            problems: Vec::new(),
            untold: 0,
            broken_lines: BTreeSet::new(),
            keys: BTreeMap::new(),
        }
    }

    pub fn error(&mut self, at: &At, told: Told) {
        self.push(Severity::Error, at, told);
    }

    pub fn warning(&mut self, at: &At, told: Told) {
        self.push(Severity::Warning, at, told);
    }

    /// An error that a broken line elsewhere may have caused: not said while there is one.
    pub fn dependent(&mut self, at: &At, told: Told) {
        if self.broken_lines.is_empty() {
            self.error(at, told);
        }
    }

    /// Whether a further problem would only be counted.
    pub fn is_full(&self) -> bool {
        self.problems.len() >= MAX_PROBLEMS
    }

    /// Counts errors that are not worth describing any more.
    pub fn count_untold(&mut self, errors: usize) {
        self.untold += errors;
    }

    pub fn has_errors(&self) -> bool {
        self.untold > 0 || self.problems.iter().any(Problem::is_error)
    }

    /// What TOML itself does not understand; one problem a line.
    pub fn syntax(&mut self, span: Option<std::ops::Range<usize>>, told: Told) {
        let Some(span) = span else {
            self.broken_lines.insert(0);
            self.problems.push(Problem::of_file(told.what, told.why, &told.help));
            return;
        };
        let line = self.source.line_of(span.start);
        if !self.broken_lines.contains(&line) {
            self.error(
                &At {
                    path: String::new(),
                    span,
                },
                told,
            );
            self.broken_lines.insert(line);
        }
    }

    /// How much was noted so far: equal before and after means that all was well in between.
    pub fn count(&self) -> usize {
        self.problems.len() + self.untold
    }

    /// The text of a value as it is written.
    pub fn written(&self, at: &At) -> &'t str {
        self.source.slice(&at.span)
    }

    /// The line of a value, for "as in line 12".
    pub fn line(&self, at: &At) -> usize {
        self.source.line_of(at.span.start)
    }

    /// The items of an array, at most `max`.
    pub fn list<'a>(&mut self, field: &Field<'a>, max: usize) -> Vec<Field<'a>> {
        let key = field.at.key();
        let Some(items) = field.value.as_array() else {
            let written = quote(self.written(&field.at));
            let help = if field.value.is_table() || !field.at.path.contains('.') {
                format!("write it with double brackets: [[{}]]", shape(&field.at.path))
            } else {
                format!("write {key} = [{written}]")
            };
            let what = match field.value.is_table() {
                true => format!("[{}] is one table, and there may be several", shape(&field.at.path)),
                false => format!("`{key}` is {}, not a list", super::scalar::kind(field.value)),
            };
            self.error(
                &field.at,
                Told {
                    what,
                    why: "it is a list, which may have several entries".to_owned(),
                    help,
                },
            );
            return Vec::new();
        };
        if items.len() > max {
            let what = format!("`{key}` has {} entries, more than {max}", items.len());
            let why = "every list of the configuration has a bound".to_owned();
            self.error(
                &field.at,
                Told {
                    what,
                    why,
                    help: "use fewer".to_owned(),
                },
            );
        }
        let item = |(index, item): (usize, &'a toml::Spanned<_>)| Field {
            at: At {
                path: format!("{}[{index}]", field.at.path),
                span: item.span(),
            },
            value: item.get_ref(),
        };
        items.iter().take(max).enumerate().map(item).collect()
    }

    pub(super) fn remember_keys(&mut self, path: &str, asked: &[&'static str]) {
        self.keys.entry(shape(path)).or_default().extend(asked);
    }

    pub fn keys(&self) -> &BTreeMap<String, BTreeSet<&'static str>> {
        &self.keys
    }

    fn push(&mut self, severity: Severity, at: &At, told: Told) {
        if self.broken_lines.contains(&self.line(at)) {
            return;
        }
        if self.is_full() {
            self.untold += usize::from(severity == Severity::Error);
            return;
        }
        let place = self.source.place(&at.span);
        self.problems.push(Problem {
            severity,
            line: place.line,
            column: place.column,
            path: plain(&at.path, MAX_PATH_CHARS),
            what: plain(&redact(&told.what), MAX_SENTENCE_CHARS),
            why: plain(&redact(&told.why), MAX_SENTENCE_CHARS),
            suggestion: plain(&redact(&told.help), MAX_SENTENCE_CHARS),
            excerpt: place.excerpt,
            indent: place.indent,
            width: place.width,
        });
    }

    /// All that was noted, in the order of the text.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        if self.untold > 0 {
            self.problems.push(Problem::of_file(
                format!("{} more errors are not shown", self.untold),
                format!("at most {MAX_PROBLEMS} problems are listed"),
                "correct these first",
            ));
        }
        self.problems
    }
}

/// A path without its indices: `rooms[3].rate` is a `rooms.rate`.
pub(crate) fn shape(path: &str) -> String {
    let mut inside = false;
    path.chars()
        .filter(|c| {
            inside = *c == '[' || (inside && *c != ']');
            !inside && *c != ']'
        })
        .collect()
}

/// The header of the table at a path, as it is written.
pub(super) fn header(path: &str) -> String {
    let shape = shape(path);
    if path.ends_with(']') || ["origins", "rooms", "limits"].contains(&path) {
        return format!("[[{shape}]]");
    }
    format!("[{shape}]")
}

/// The operator's own text, shortened and on one line, for a sentence.
pub(crate) fn quote(text: &str) -> String {
    plain(text, MAX_QUOTED_CHARS)
}

/// At most so many characters, none of which moves a terminal's cursor: TOML's escapes can hold any.
fn plain(text: &str, max_chars: usize) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(max_chars)
        .collect();
    if text.chars().nth(max_chars).is_some() {
        shown.push('…');
    }
    shown
}
