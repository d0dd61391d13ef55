//! How a visitor is written to: an e-mail address, checked with plain answers, and a language.

use axum::http::{HeaderMap, StatusCode, header};
use lettre::Address;

use super::problem::Problem;
use crate::post::words::preferred;
use crate::shop::order::Contact;

/// Of the standard for e-mail.
const MAX_ADDRESS: usize = 254;
const MAX_LANGUAGE: usize = 35;

/// What was said, and for the language else what the browser says.
pub(super) fn contact(headers: &HeaderMap, email: Option<&str>, language: Option<&str>) -> Result<Contact, Problem> {
    let email = email.map(address).transpose()?;
    let language = language.map(tag).transpose()?;
    let accepted = || {
        let accept = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        preferred(accept).map(str::to_owned)
    };
    let language = language.or_else(|| email.as_ref().and_then(|_| accepted()));
    Ok(Contact { email, language })
}

fn tag(text: &str) -> Result<String, Problem> {
    let good = (2..=MAX_LANGUAGE).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match good {
        true => Ok(text.to_owned()),
        false => Err(super::asked::bad("language must be a tag like ko or en-GB")),
    }
}

fn address(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    match flaw(text) {
        None => Ok(text.to_owned()),
        Some(flaw) => Err(Problem::new(StatusCode::BAD_REQUEST, "bad-address", flaw)),
    }
}

/// What is wrong with an address, in words.
fn flaw(text: &str) -> Option<&'static str> {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Some("An e-mail address has an @ in it, like ada@example.org.");
    };
    if text.len() > MAX_ADDRESS {
        return Some("This e-mail address is too long: at most 254 characters.");
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Some("An e-mail address has no spaces or line breaks in it.");
    }
    if local.is_empty() || domain.is_empty() {
        return Some("Something is missing before or after the @ of the e-mail address.");
    }
    if !text.is_ascii() || text.contains(['"', '(', ')', ',', ':', ';', '<', '>', '[', ']', '\\']) {
        return Some("This e-mail address has a character in it that we cannot write to.");
    }
    if !domain.contains('.') {
        return Some("After the @ of an e-mail address comes a name with a dot, like example.org.");
    }
    match text.parse::<Address>() {
        Ok(_) => None,
        Err(_) => Some("This does not look like an e-mail address. Please check it."),
    }
}

#[cfg(test)]
mod tests {
    use super::flaw;

    #[test]
    fn what_is_wrong_with_an_address_is_said() {
        for good in [
            "ada@example.org",
            "a.b+c@sub.example.co.uk",
            "o'neil@example.org",
            "a@xn--bcher-kva.example",
        ] {
            assert_eq!(flaw(good), None, "{good}");
        }
        for (bad, said) in [
            ("", "an @"),
            ("ada", "an @"),
            ("@example.org", "missing"),
            ("ada@", "missing"),
            ("ada@example", "a dot"),
            ("ada@exa mple.org", "no spaces"),
            ("ada@example.org\r\nBcc: eve@example.org", "no spaces"),
            ("ada\u{2028}@example.org", "no spaces"),
            ("ada@example.org,eve@example.org", "a character"),
            ("<ada@example.org>", "a character"),
            ("\"ada\"@example.org", "a character"),
            ("ada@ex\u{e4}mple.org", "a character"),
            ("a..b@example.org", "does not look"),
            ("ada@example..org", "does not look"),
            ("ada@-example.org", "does not look"),
        ] {
            let text = flaw(bad).unwrap_or("nothing");
            assert!(text.contains(said), "{bad:?}: {text}");
        }
        assert!(
            flaw(&format!("{}@example.org", "a".repeat(250)))
                .unwrap()
                .contains("too long")
        );
    }
}
