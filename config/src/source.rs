//! The text itself: from byte offsets to lines and columns, and lines that are harmless to print.

use std::ops::Range;

/// Longest line shown whole; of a longer one the part around the problem.
const SHOWN_CHARS: usize = 120;

pub(crate) struct Source<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
}

/// Where something stands, and the line it stands in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: usize,
    pub column: usize,
    pub excerpt: String,
    /// Characters before the marked part, in `excerpt`.
    pub indent: usize,
    pub width: usize,
}

impl<'t> Source<'t> {
    pub fn new(text: &'t str) -> Source<'t> {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Source { text, line_starts }
    }

    /// The text between two offsets; empty where they do not fit.
    pub fn slice(&self, span: &Range<usize>) -> &'t str {
        self.text.get(span.clone()).unwrap_or_default()
    }

    /// The line (from 1) that holds this offset.
    pub fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    pub fn place(&self, span: &Range<usize>) -> Place {
        let start = span.start.min(self.text.len());
        let line = self.line_of(start);
        let line_start = self.line_starts.get(line - 1).copied().unwrap_or_default();
        let whole = self
            .text
            .get(line_start..)
            .unwrap_or_default()
            .lines()
            .next()
            .unwrap_or_default();
        let before = self.text.get(line_start..start).unwrap_or_default().chars().count();
        let marked = self.slice(&(start..span.end.max(start)));
        let width = marked.lines().next().unwrap_or_default().chars().count();
        let (excerpt, indent) = shorten(&harmless(whole), before);
        let room = excerpt.chars().count().saturating_sub(indent);
        Place {
            line,
            column: before + 1,
            excerpt,
            indent,
            width: width.clamp(1, room.max(1)),
        }
    }
}

/// The part of the line that holds `column` characters in, and where that then is.
fn shorten(line: &str, column: usize) -> (String, usize) {
    if line.chars().count() <= SHOWN_CHARS {
        return (line.to_owned(), column.min(line.chars().count()));
    }
    let skipped = column.saturating_sub(SHOWN_CHARS / 3);
    let mut shown = String::from(if skipped > 0 { "…" } else { "" });
    let indent = column - skipped + shown.chars().count();
    shown.extend(line.chars().skip(skipped).take(SHOWN_CHARS));
    if line.chars().nth(skipped + SHOWN_CHARS).is_some() {
        shown.push('…');
    }
    let indent = indent.min(shown.chars().count());
    (shown, indent)
}

/// A line without secrets and without bytes that would move a terminal's cursor.
fn harmless(line: &str) -> String {
    let plain: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let key = plain
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .trim_matches(['"', '\''])
        .to_ascii_lowercase();
    let names_a_file = key.ends_with("_file");
    if plain.contains('=') && !names_a_file && ["token", "password", "secret"].iter().any(|w| key.contains(w)) {
        let cut = plain.find('=').map_or(0, |at| at + 1);
        return format!("{} …", plain.get(..cut).unwrap_or_default());
    }
    redact(&plain)
}

/// Replaces what stands before the last `@` of an address, or of a quoted text, by `***`.
pub(crate) fn redact(text: &str) -> String {
    let Some(at) = text.rfind('@') else {
        return text.to_owned();
    };
    let before = text.get(..at).unwrap_or_default();
    let scheme_end = before.find("://").map(|found| found + 3);
    let Some(from) = scheme_end.or_else(|| before.find(['"', '\'', '`']).map(|found| found + 1)) else {
        return text.to_owned();
    };
    format!(
        "{}***{}",
        text.get(..from).unwrap_or_default(),
        text.get(at..).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_columns_in_characters() {
        let source = Source::new("a = 1\nü = \"é\"\r\n\tb");
        let at = |span: Range<usize>| source.place(&span);
        assert_eq!((at(0..1).line, at(0..1).column, at(0..1).width), (1, 1, 1));
        let value = at(11..15);
        assert_eq!(
            (value.line, value.column, value.excerpt.as_str(), value.width),
            (2, 5, "ü = \"é\"", 3)
        );
        let last = at(18..19);
        assert_eq!((last.line, last.column, last.excerpt.as_str()), (3, 2, " b"));
        assert_eq!(at(19..19).line, 3, "the end of the text");
        assert_eq!(at(900..901).line, 3, "beyond the end");
    }

    #[test]
    fn shows_the_part_of_a_long_line() {
        let text = format!("key = \"{}\" # wrong", "x".repeat(10_000));
        let place = Source::new(&text).place(&(10_011..10_016));
        assert!(place.excerpt.chars().count() <= SHOWN_CHARS + 2, "{}", place.excerpt);
        assert_eq!(
            place.excerpt.chars().skip(place.indent).take(5).collect::<String>(),
            "wrong"
        );
    }

    #[test]
    fn hides_secrets_and_control_characters() {
        for (line, shown) in [
            ("url = \"redis://:hunter2@db\"", "url = \"redis://***@db\""),
            ("url = 'redis://u:hunter2@a@db' # me", "url = 'redis://***@db' # me"),
            ("url = \"redis:/:hunter2@db\"", "url = \"***@db\""),
            ("token = \"hunter2\"", "token = …"),
            ("  \"db_Password\"=hunter2", "  \"db_Password\"= …"),
            ("token_file = \"t\"", "token_file = \"t\""),
            ("a = \"\u{1b}[31m\"", "a = \" [31m\""),
        ] {
            assert_eq!(harmless(line), shown);
        }
    }
}
