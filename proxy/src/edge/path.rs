//! One canonical path, both matched and forwarded. Pure: text in, a canonical path or a refusal out. Knows
//! nothing of rooms, and decodes once only: what is still escaped afterwards stays escaped.

use std::borrow::Cow;

use super::refusal::Refusal;

/// A path in its only spelling.
#[derive(Debug, PartialEq, Eq)]
pub struct Canonical<'a> {
    pub path: Cow<'a, str>,
    /// Dot segments or empty segments were resolved: the client meant another path than it wrote. A mere other
    /// spelling of the same characters (`%7E` for `~`, `%c3` for `%C3`) does not count.
    pub restructured: bool,
}

/// Makes a raw path (without query) canonical.
///
/// Unreserved characters are decoded, other escapes keep upper-case hex, characters that must be escaped are; dot
/// segments are resolved and runs of slashes collapsed. Refused: escaped slash, backslash, NUL and other controls,
/// raw backslash, broken escapes, anything that is not UTF-8, and segments that only turn into dots once parameters
/// (`;…`) are cut off.
pub fn canonical(raw: &[u8]) -> Result<Canonical<'_>, Refusal> {
    if raw.first() != Some(&b'/') {
        return Err(Refusal::Target);
    }
    if let Some(path) = already_canonical(raw) {
        return Ok(Canonical {
            path: Cow::Borrowed(path),
            restructured: false,
        });
    }
    let spelled = respell(raw)?;
    let (path, restructured) = resolve(&spelled)?;
    Ok(Canonical {
        path: Cow::Owned(path),
        restructured,
    })
}

/// The common case, without allocation: only plain characters, no empty segment and none that could be a dotted one
/// (`.well-known` could not).
fn already_canonical(raw: &[u8]) -> Option<&str> {
    let mut previous = 0u8;
    for (at, &byte) in raw.iter().enumerate() {
        let suspicious = previous == b'/'
            && match byte {
                b'/' | b';' => true,
                b'.' => matches!(raw.get(at + 1), None | Some(b'.' | b'/' | b';')),
                _ => false,
            };
        if suspicious || !is_plain(byte) {
            return None;
        }
        previous = byte;
    }
    std::str::from_utf8(raw).ok()
}

/// Resolves every escape once and writes each character in its one spelling.
fn respell(raw: &[u8]) -> Result<String, Refusal> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut out = String::with_capacity(raw.len() + 16);
    let mut rest = raw;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let (byte, escaped) = if byte == b'%' {
            let [high, low, tail @ ..] = tail else {
                return Err(Refusal::PathEscape);
            };
            rest = tail;
            (hex(*high)? << 4 | hex(*low)?, true)
        } else {
            (byte, false)
        };
        if byte < 0x20
            || byte == 0x7f
            || byte == b'\\'
            || (escaped && byte == b'/')
            || (!escaped && matches!(byte, b' ' | b'#'))
        {
            return Err(Refusal::PathEscape);
        }
        decoded.push(byte);
        let keep = if escaped { is_unreserved(byte) } else { is_plain(byte) };
        if keep {
            out.push(char::from(byte))
        } else {
            push_escaped(&mut out, byte)
        }
    }
    if std::str::from_utf8(&decoded).is_err() {
        return Err(Refusal::PathEscape);
    }
    Ok(out)
}

/// Resolves `.`, `..` and empty segments.
fn resolve(spelled: &str) -> Result<(String, bool), Refusal> {
    let mut kept: Vec<&str> = Vec::new();
    let mut restructured = false;
    let mut open_end = false;
    let mut segments = spelled.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if let Some((name, _)) = segment.split_once(';')
            && matches!(name, "" | "." | "..")
        {
            return Err(Refusal::PathEscape);
        }
        match segment {
            "" if last => open_end = true,
            "" => restructured = true,
            "." => (restructured, open_end) = (true, last),
            ".." => {
                kept.pop();
                (restructured, open_end) = (true, last);
            }
            name => kept.push(name),
        }
    }
    let mut path = String::with_capacity(spelled.len());
    for segment in &kept {
        path.push('/');
        path.push_str(segment);
    }
    if open_end || kept.is_empty() {
        path.push('/');
    }
    Ok((path, restructured))
}

fn hex(byte: u8) -> Result<u8, Refusal> {
    char::from(byte)
        .to_digit(16)
        .map(|digit| digit as u8)
        .ok_or(Refusal::PathEscape)
}

fn push_escaped(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    for nibble in [byte >> 4, byte & 15] {
        out.push(char::from(DIGITS[usize::from(nibble)]));
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Stands for itself in a path: RFC 3986 `pchar` without escapes, and the slash.
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@'
        )
}

/// A query is kept as it is, so it must already be printable ASCII, without a fragment.
pub fn query_is_allowed(query: &[u8]) -> bool {
    query.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelled(raw: &str) -> Option<(String, bool)> {
        canonical(raw.as_bytes())
            .ok()
            .map(|c| (c.path.into_owned(), c.restructured))
    }

    /// H8: which paths are one and the same, and which of them the client has to be told about.
    #[test]
    fn one_spelling_for_each_path() {
        let cases: &[(&str, &str, bool)] = &[
            ("/", "/", false),
            ("/a", "/a", false),
            ("/a/", "/a/", false),
            ("/a/b.c", "/a/b.c", false),
            ("/.well-known/x", "/.well-known/x", false),
            ("/..a", "/..a", false),
            ("/...", "/...", false),
            ("/a;b/c", "/a;b/c", false),
            ("/%7Euser", "/~user", false),
            ("/%61dmin", "/admin", false),
            ("/caf%c3%a9", "/caf%C3%A9", false),
            ("/a%20b", "/a%20b", false),
            ("/a%3Fb", "/a%3Fb", false),
            ("/a%3bb", "/a%3Bb", false),
            ("/%252e%252e/x", "/%252e%252e/x", false),
            ("/%2525", "/%2525", false),
            ("/a|b", "/a%7Cb", false),
            ("/é", "/%C3%A9", false),
            ("//", "/", true),
            ("//a", "/a", true),
            ("/a//b", "/a/b", true),
            ("/a//", "/a/", true),
            ("/.", "/", true),
            ("/..", "/", true),
            ("/./a", "/a", true),
            ("/a/.", "/a/", true),
            ("/a/..", "/", true),
            ("/a/../b", "/b", true),
            ("/a/b/../..", "/", true),
            ("/../../a", "/a", true),
            ("/%2e%2e/a", "/a", true),
            ("/%2E/a", "/a", true),
            ("/a/%2e.", "/", true),
            ("/.%2e/a", "/a", true),
        ];
        for (raw, want, restructured) in cases {
            assert_eq!(spelled(raw), Some((want.to_string(), *restructured)), "{raw}");
        }
    }

    /// H8: what no canonical path can be made of.
    #[test]
    fn ambiguous_paths_are_refused() {
        let cases: &[&[u8]] = &[
            b"",
            b"a",
            b"*",
            b"/%",
            b"/%2",
            b"/%zz",
            b"/%2fa",
            b"/%2Fa",
            b"/a%5cb",
            b"/a%5Cb",
            b"/a\\b",
            b"/%00",
            b"/a%0d%0a",
            b"/%09",
            b"/%1f",
            b"/%7f",
            b"/a b",
            b"/a#b",
            b"/\x01",
            b"/\x7f",
            b"/\xff",
            b"/%ff",
            b"/%c0%ae",
            b"/%c0%af",
            b"/%e0%80%af",
            b"/%ed%a0%80",
            b"/%f8%88%80%80%80",
            b"/\xc0\xae",
            b"/..;/a",
            b"/a/..;x=1/b",
            b"/.;/a",
            b"/;/a",
            b"/;x=1/a",
            b"/%2e%2e;/a",
            b"/a/;",
            b"/%c3",
            b"/%C3%28",
        ];
        for raw in cases {
            assert!(canonical(raw).is_err(), "{:?}", String::from_utf8_lossy(raw));
        }
    }

    /// The short cut is taken by paths that need nothing, and says of every path what the long way says.
    #[test]
    fn the_short_cut_is_no_other_way() {
        let allocated = |raw: &[u8]| {
            matches!(
                canonical(raw),
                Ok(Canonical {
                    path: Cow::Owned(_),
                    ..
                })
            )
        };
        for plain in [
            "/",
            "/a/b.c",
            "/.well-known/stanchion/rooms/sale/status",
            "/a/.b",
            "/.a;x",
        ] {
            assert!(!allocated(plain.as_bytes()), "{plain}");
        }
        for length in 1..=7u32 {
            for number in 0..4usize.pow(length) {
                let letter = |place: u32| b"/.;a"[number / 4usize.pow(place) % 4];
                let raw: Vec<u8> = std::iter::once(b'/').chain((0..length).map(letter)).collect();
                let long_way = respell(&raw).and_then(|spelled| resolve(&spelled));
                let got = canonical(&raw).map(|c| (c.path.into_owned(), c.restructured));
                assert_eq!(got, long_way, "{}", String::from_utf8_lossy(&raw));
            }
        }
    }

    #[test]
    fn ten_thousand_segments_are_no_trouble() {
        let raw = "/a/..".repeat(10_000);
        assert_eq!(spelled(&raw), Some(("/".into(), true)));
    }

    proptest! {
        /// Canonical is a fixed point, starts with exactly one slash, and holds no dot segment.
        #[test]
        fn canonical_is_a_fixed_point(raw in "/[a-z./%;\\\\A-F0-9 é~|]{0,40}") {
            if let Some((path, _)) = spelled(&raw) {
                prop_assert_eq!(spelled(&path), Some((path.clone(), false)));
                prop_assert!(path.starts_with('/') && !path.contains("//"));
                prop_assert!(path.split('/').all(|s| s != "." && s != ".."));
            }
        }

        #[test]
        fn any_bytes_are_survived(raw in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = canonical(&raw);
        }
    }
}
