//! Reading TOML tables key by key. A [`Section`] knows which keys were asked of it, so that whatever is left over is
//! unknown; [`Notes`] collects what is wrong. Knows no key of ours.
//!
//! Nothing here stops at a problem: a value that is wrong is noted and its default handed on, because a configuration
//! with an error is thrown away as a whole at the end.

mod notes;
mod scalar;
mod unknown;

use std::ops::Range;

use toml::de::{DeTable, DeValue};

pub(crate) use notes::{Notes, Told, quote};
pub(crate) use scalar::Bounds;
pub(crate) use unknown::nearest;

/// Where a value stands: its path in the configuration and its bytes in the text.
#[derive(Clone, Debug)]
pub(crate) struct At {
    pub path: String,
    pub span: Range<usize>,
}

impl At {
    /// How a better value is written: with its key, or alone where it is an entry of a list.
    pub fn assign(&self, value: &str) -> String {
        if self.path.ends_with(']') {
            format!("write {value}")
        } else {
            format!("write {} = {value}", self.key())
        }
    }

    /// The last part of the path: the key itself.
    pub fn key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// A value and its place.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    pub at: At,
    pub value: &'a DeValue<'a>,
}

/// A table that is being read.
pub(crate) struct Section<'a> {
    pub at: At,
    table: Option<&'a DeTable<'a>>,
    asked: Vec<&'static str>,
    /// Keys that are absent and have no default, with what is to be said of them.
    missing: Vec<(&'static str, Told)>,
}

impl<'a> Section<'a> {
    pub fn root(table: &'a DeTable<'a>) -> Section<'a> {
        Section {
            at: At {
                path: String::new(),
                span: 0..0,
            },
            table: Some(table),
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// A table that is not there: every key has its default.
    fn absent(at: At) -> Section<'a> {
        Section {
            at,
            table: None,
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The value as a table; a note and an empty one where it is something else.
    pub fn of(field: Field<'a>, notes: &mut Notes<'_>) -> Section<'a> {
        let table = field.value.as_table();
        if table.is_none() {
            let key = field.at.key().to_owned();
            notes.error(
                &field.at,
                Told {
                    what: format!("`{key}` is {}, not a table", scalar::kind(field.value)),
                    why: "it holds keys of its own".to_owned(),
                    help: format!("write it as a table: {}", notes::header(&field.at.path)),
                },
            );
        }
        Section {
            at: field.at,
            table,
            asked: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The value of a key, noted as known.
    pub fn field(&mut self, key: &'static str) -> Option<Field<'a>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let (found, value) = self.table?.get_key_value(key)?;
        let span = match value.get_ref() {
            // A table's own span may be its whole body: its header is what to point at.
            DeValue::Table(_) => found.span(),
            _ => value.span(),
        };
        Some(Field {
            at: At {
                path: self.path_of(key),
                span,
            },
            value: value.get_ref(),
        })
    }

    /// The table under a key; an empty one where it is absent.
    pub fn section(&mut self, key: &'static str, notes: &mut Notes<'_>) -> Section<'a> {
        match self.field(key) {
            Some(field) => Section::of(field, notes),
            None => Section::absent(At {
                path: self.path_of(key),
                span: self.at.span.clone(),
            }),
        }
    }

    /// The tables of `[[key]]`, at most `max`.
    pub fn sections(&mut self, key: &'static str, max: usize, notes: &mut Notes<'_>) -> Vec<Section<'a>> {
        let items = self.field(key).map(|field| notes.list(&field, max)).unwrap_or_default();
        items.into_iter().map(|item| Section::of(item, notes)).collect()
    }

    /// Whether the table is there at all.
    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// Whether no key was found missing so far.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    pub fn path_of(&self, key: &str) -> String {
        if self.at.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.at.path)
        }
    }

    /// Remembers that a key is absent which has no default. It is said when the table is closed, unless a key that is
    /// not known was probably meant to be it: one mistake, one error.
    pub fn missing(&mut self, key: &'static str, example: &str) {
        let (what, help) = match self.at.path.as_str() {
            "" => (format!("`{key}` is missing"), example.to_owned()),
            path => (
                format!("`{key}` is missing in {}", notes::header(path)),
                format!("add {key} = {example}"),
            ),
        };
        let told = Told {
            what,
            why: "it has no default".to_owned(),
            help,
        };
        self.missing.push((key, told));
    }

    /// Notes every key that nobody asked for, and those that are missing.
    pub fn close(mut self, notes: &mut Notes<'_>) {
        notes.remember_keys(&self.at.path, &self.asked);
        let mut meant = Vec::new();
        for (key, _) in self.table.into_iter().flatten() {
            let name: &str = key.get_ref();
            if !self.asked.contains(&name) && notes.is_full() {
                notes.count_untold(1);
            } else if !self.asked.contains(&name) {
                let at = At {
                    path: self.path_of(name),
                    span: key.span(),
                };
                meant.extend(unknown::note(&at, name, &self.asked, notes));
            }
        }
        for (key, told) in std::mem::take(&mut self.missing) {
            if !meant.contains(&key) {
                let at = At {
                    path: self.path_of(key),
                    span: self.at.span.clone(),
                };
                notes.dependent(&at, told);
            }
        }
    }
}
