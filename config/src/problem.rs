//! What is wrong with a configuration, and how it is told. Knows nothing of TOML or of any key.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The configuration is refused.
    Error,
    /// It is used, and this is said.
    Warning,
}

/// One thing to tell the operator. Never holds a secret: passwords in addresses are replaced before they get here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub severity: Severity,
    /// From 1; 0 where the problem is not in a line (an absent file, a file too large).
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Where in the configuration, e.g. `rooms[1].rate`; empty for the whole file.
    pub path: String,
    pub what: String,
    pub why: String,
    /// What to do instead; empty where there is nothing to add.
    pub suggestion: String,
    /// The line itself, shortened and harmless to print.
    pub excerpt: String,
    /// Characters of the excerpt before the part that is meant.
    pub indent: usize,
    /// How many characters of it are meant.
    pub width: usize,
}

impl Problem {
    /// An error that has no line of its own.
    #[must_use]
    pub fn of_file(what: String, why: String, suggestion: &str) -> Problem {
        Problem {
            severity: Severity::Error,
            line: 0,
            column: 0,
            path: String::new(),
            what,
            why,
            suggestion: suggestion.to_owned(),
            excerpt: String::new(),
            indent: 0,
            width: 0,
        }
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The problem with the name of its file, as it goes to a terminal.
    #[must_use]
    pub fn in_file<'a>(&'a self, file: &'a str) -> impl fmt::Display + 'a {
        InFile { problem: self, file }
    }
}

struct InFile<'a> {
    problem: &'a Problem,
    file: &'a str,
}

impl fmt::Display for InFile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            line,
            column,
            path,
            what,
            why,
            suggestion,
            excerpt,
            indent,
            width,
            ..
        } = self.problem;
        let severity = if self.problem.is_error() { "error" } else { "warning" };
        writeln!(f, "{severity}: {what}")?;
        let gutter = if *line == 0 { 1 } else { line.to_string().len() };
        let place = match (*line, path.as_str()) {
            (0, _) => String::new(),
            (line, "") => format!(":{line}:{column}"),
            (line, path) => format!(":{line}:{column} ({path})"),
        };
        writeln!(f, "{:gutter$}--> {}{place}", "", self.file)?;
        if *line > 0 {
            writeln!(f, "{:gutter$} |", "")?;
            writeln!(f, "{line} | {excerpt}")?;
            writeln!(
                f,
                "{:gutter$} | {:offset$}{}",
                "",
                "",
                "^".repeat((*width).max(1)),
                offset = *indent
            )?;
        }
        writeln!(f, "{:gutter$} = why: {why}", "")?;
        if !suggestion.is_empty() {
            writeln!(f, "{:gutter$} = help: {suggestion}", "")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.in_file("stanchion.toml").fmt(f)
    }
}
