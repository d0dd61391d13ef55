//! Which form and which language an asker prefers, from `Accept` and `Accept-Language` (RFC 9110, 12.4 and 12.5).
//! Knows header text only; what cannot be read counts as not said.

/// Longest header text looked at, in bytes; the rest is ignored.
const MAX_TEXT: usize = 1_000;
/// Most members of a list looked at; the rest is ignored.
const MAX_MEMBERS: usize = 32;

/// What the answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Html,
    Json,
}

/// HTML for those who prefer it, JSON for everybody else.
///
/// HTML needs the higher quality, or an equal one where the asker names HTML (`text/html`, `application/xhtml+xml`,
/// `text/*`) or is a browser opening a page (`navigation`). So curl's `*/*`, a missing `Accept`, a script's `fetch` and
/// a picture's `image/*,*/*;q=0.8` get the small JSON document.
#[must_use]
pub fn form(accept: Option<&str>, navigation: bool) -> Form {
    let ranges = members(accept.unwrap_or("*/*"));
    let html = quality(&ranges, &["text/html", "application/xhtml+xml"], "text/*");
    let json = quality(
        &ranges,
        &["application/json", "application/problem+json"],
        "application/*",
    );
    let named = html.named || navigation;
    if html.q > json.q || (html.q == json.q && html.q > 0 && named) {
        Form::Html
    } else {
        Form::Json
    }
}

struct Quality {
    /// Thousandths.
    q: u32,
    /// Said by name, and not only by `*/*`.
    named: bool,
}

/// The most specific range that covers one of `names` decides; among equals the best.
fn quality(ranges: &[(String, u32)], names: &[&str], family: &str) -> Quality {
    let best = |fits: &dyn Fn(&str) -> bool| ranges.iter().filter(|(r, _)| fits(r)).map(|(_, q)| *q).max();
    let by_name = best(&|r| names.contains(&r)).or_else(|| best(&|r| r == family));
    match by_name {
        Some(q) => Quality { q, named: true },
        None => Quality {
            q: best(&|r| r == "*/*" || r == "*").unwrap_or(0),
            named: false,
        },
    }
}

/// Whether the asker takes gzip: by name, or by `*` where gzip is not named.
#[must_use]
pub fn takes_gzip(accept_encoding: &str) -> bool {
    let codings = members(accept_encoding);
    let named = |name: &str| codings.iter().find(|(c, _)| c == name).map(|(_, q)| *q > 0);
    named("gzip").or_else(|| named("*")).unwrap_or(false)
}

/// Language ranges, best first, lower case; those with `q=0` are left out.
#[must_use]
pub fn languages(accept_language: &str) -> Vec<String> {
    let mut wanted = members(accept_language);
    wanted.retain(|(_, q)| *q > 0);
    wanted.sort_by_key(|(_, q)| std::cmp::Reverse(*q));
    wanted.into_iter().map(|(tag, _)| tag).collect()
}

/// The members of a list with their qualities in thousandths. Other parameters (`level=1`) are passed over.
fn members(text: &str) -> Vec<(String, u32)> {
    let cut = text.floor_char_boundary(MAX_TEXT);
    text[..cut].split(',').take(MAX_MEMBERS).filter_map(member).collect()
}

fn member(text: &str) -> Option<(String, u32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
    let said = parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")));
    Some((name, said.map_or(Some(1_000), thousandths)?))
}

/// `0`, `1`, `0.5`, `1.000` and so on, at most three decimals.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = decimals.len() <= 3 && decimals.bytes().all(|b| b.is_ascii_digit());
    let fraction: u32 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" if digits => Some(fraction),
        "1" if digits && fraction == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_html_and_programs_json() {
        let chrome = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8";
        let table: &[(&str, bool, Form)] = &[
            (chrome, true, Form::Html),
            (chrome, false, Form::Html),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                false,
                Form::Html,
            ),
            ("text/html, */*; q=0.01", false, Form::Html),
            ("*/*", false, Form::Json),
            ("*/*", true, Form::Html),
            ("", false, Form::Json),
            ("application/json", true, Form::Json),
            ("application/problem+json", false, Form::Json),
            ("application/json, text/plain, */*", false, Form::Json),
            ("application/json;q=0.5, text/html", false, Form::Html),
            ("application/json, text/html", false, Form::Html),
            ("application/json, text/html;q=0.9", true, Form::Json),
            ("text/html;q=0.4, application/json;q=0.5", false, Form::Json),
            ("TEXT/HTML", false, Form::Html),
            ("text/*", false, Form::Html),
            ("text/html;level=1;q=0.9, application/*;q=0.8", false, Form::Html),
            ("text/html;q=0, */*", true, Form::Json),
            ("application/json;q=0, */*", false, Form::Html),
            ("image/avif,image/webp,*/*;q=0.8", false, Form::Json),
            ("image/png", true, Form::Json),
            ("text/html;q=nonsense", false, Form::Json),
            ("text/html;q=1.5", false, Form::Json),
            ("text/html;q=0.1234, application/json", false, Form::Json),
            (",,;;,q=1,\u{fffd}", false, Form::Json),
        ];
        for (accept, navigation, expected) in table {
            assert_eq!(
                form(Some(accept), *navigation),
                *expected,
                "{accept:?} navigation={navigation}"
            );
        }
        assert_eq!(form(None, false), Form::Json);
        assert_eq!(form(None, true), Form::Html);
    }

    #[test]
    fn gzip_is_for_those_who_take_it() {
        for (text, takes) in [
            ("gzip, deflate, br, zstd", true),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*", true),
            ("*;q=0", false),
            ("br", false),
            ("identity", false),
            ("", false),
            ("GZIP;q=0.001", true),
        ] {
            assert_eq!(takes_gzip(text), takes, "{text:?}");
        }
    }

    #[test]
    fn languages_come_best_first_and_bounded() {
        assert_eq!(languages("fr;q=0.5, th-TH, en;q=0.8, de;q=0"), ["th-th", "en", "fr"]);
        assert_eq!(languages("en;q=x, *;q=0.1"), ["*"]);
        let long = "xx,".repeat(10_000);
        assert_eq!(languages(&long).len(), MAX_MEMBERS);
        assert!(languages(&"é".repeat(2_000)).len() <= 1);
    }
}
