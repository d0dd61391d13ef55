//! Makes our own sources smaller before they go out: comments, indentation and needless blanks are dropped. Knows just
//! enough of JavaScript, CSS and HTML for the files in `proxy/pages`; not for anybody else's.

/// Without indentation, empty lines and lines of comment. Line ends stay.
fn lines(source: &str) -> String {
    kept(source).collect::<Vec<_>>().join("\n")
}

/// Without indentation, empty lines, lines of comment and line ends. For HTML and CSS, where a line ends at an element
/// or a declaration.
pub fn joined(source: &str) -> String {
    kept(source).collect()
}

fn kept(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with("// ") && !line.starts_with("/* "))
}

/// JavaScript: also without blanks that part nothing. Line ends stay, except after `{ ; , (` and before `}`, so that
/// a statement never runs into the next. Texts in quotes stay as they are.
pub fn script(source: &str) -> String {
    let source = lines(source);
    let mut out = String::with_capacity(source.len());
    let mut chars = source.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        let last = out.chars().next_back().unwrap_or('\n');
        match quote {
            Some(_) if c == '\\' => {
                out.push(c);
                out.extend(chars.next());
                continue;
            }
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if "\"'`".contains(c) => quote = Some(c),
            None if c == ' ' && !parts(last, chars.peek().copied()) => continue,
            None if c == '\n' && ("{;,(".contains(last) || chars.peek() == Some(&'}')) => continue,
            None => {}
        }
        out.push(c);
    }
    out
}

/// Whether a blank between these two is needed.
fn parts(before: char, after: Option<char>) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let after = after.unwrap_or('\n');
    (word(before) && word(after)) || (before == after && "+-".contains(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_matters() {
        let table = [
            (
                "// a comment\nlet a = 1;\n\n  let b = a + +a;\n",
                "let a=1;let b=a+ +a;",
            ),
            ("const s = \"a + b // c\";", "const s=\"a + b // c\";"),
            (
                "put(`[x = \"${k}\"]`, 'it\\'s  x')",
                "put(`[x = \"${k}\"]`,'it\\'s  x')",
            ),
            ("if (a) {\n  b();\n}\nelse c", "if(a){b();}\nelse c"),
            ("return a\nb = typeof c", "return a\nb=typeof c"),
        ];
        for (source, expected) in table {
            assert_eq!(script(source), expected, "{source:?}");
        }
    }
}
