//! What is written to people, in their language. One file a language, compiled in; all have the same keys, or the
//! service does not start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::shop::outbox::Kind;

/// The first is for everybody whose language is not here.
const FILES: [(&str, &str); 4] = [
    ("en", include_str!("words/en.toml")),
    ("ko", include_str!("words/ko.toml")),
    ("th", include_str!("words/th.toml")),
    ("vi", include_str!("words/vi.toml")),
];

#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) hello: String,
    order: String,
    places: String,
    total: String,
    seats: String,
    /// Of one: [`crate::shown::seat`].
    pub(super) seat: String,
    door: String,
    tickets: String,
    tickets_note: String,
    offer: String,
    auto: String,
    confirmed: News,
    offered: News,
    cancelled: News,
    refunded: News,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct News {
    pub(super) subject: String,
    pub(super) text: String,
}

impl Words {
    /// `None`: nobody is written to about that.
    pub(super) fn news(&self, kind: Kind) -> Option<&News> {
        match kind {
            Kind::Offered => Some(&self.offered),
            Kind::Paid => None,
            Kind::Confirmed => Some(&self.confirmed),
            Kind::Cancelled => Some(&self.cancelled),
            Kind::Refunded => Some(&self.refunded),
        }
    }
}

pub(super) struct Languages(BTreeMap<&'static str, Words>);

impl Languages {
    pub(super) fn new() -> anyhow::Result<Languages> {
        let read = |(name, text): &(&'static str, &str)| {
            let words = toml::from_str(text).map_err(|error| anyhow::anyhow!("the words of {name}: {error}"))?;
            anyhow::Ok((*name, words))
        };
        Ok(Languages(FILES.iter().map(read).collect::<anyhow::Result<_>>()?))
    }

    /// By a language tag like `ko` or `ko-KR`, with the name that it is found under.
    pub(super) fn of(&self, tag: Option<&str>) -> Option<(&'static str, &Words)> {
        let name = tag.and_then(known).unwrap_or(FILES[0].0);
        self.0.get_key_value(name).map(|(name, words)| (*name, words))
    }
}

fn known(tag: &str) -> Option<&'static str> {
    let main = tag.split(['-', '_']).next()?;
    FILES
        .iter()
        .map(|(name, _)| *name)
        .find(|name| name.eq_ignore_ascii_case(main))
}

/// The first language of an `Accept-Language` that is here.
pub(crate) fn preferred(accept: &str) -> Option<&'static str> {
    let tags = accept
        .split(',')
        .filter(|tag| !tag.contains("q=0.0") && !tag.trim_end().ends_with("q=0"));
    tags.filter_map(|tag| known(tag.split(';').next()?.trim())).next()
}

/// Puts values in the places of `{name}`s, once: what a value says is not looked at. Line breaks become spaces.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let value = after.split_once('}').and_then(|(name, tail)| {
            let found = values.iter().find(|(known, _)| *known == name)?;
            Some((found.1, tail))
        });
        filled.push_str(before);
        match value {
            Some((value, tail)) => {
                filled.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_says_everything() {
        let languages = Languages::new().unwrap();
        for (name, _) in FILES {
            let (found, words) = languages.of(Some(name)).unwrap();
            assert_eq!(found, name);
            assert!(words.hello.contains("{name}"), "{name}");
            for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Paid) {
                assert!(words.news(kind).unwrap().subject.contains("{event}"), "{name} {kind:?}");
            }
        }
        for (tag, found) in [("ko-KR", "ko"), ("VI", "vi"), ("de", "en"), ("", "en"), ("th_TH", "th")] {
            assert_eq!(languages.of(Some(tag)).unwrap().0, found, "{tag}");
        }
        for (accept, found) in [
            ("de-DE,de;q=0.9,th;q=0.8,en;q=0.7", Some("th")),
            ("ko;q=0, vi", Some("vi")),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(preferred(accept), found, "{accept}");
        }
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        let values = [("name", "{event}\r\nBcc: x@example.org"), ("event", "E")];
        assert_eq!(
            fill("{name}: {event} {other} {", &values),
            "{event}  Bcc: x@example.org: E {other} {"
        );
    }
}
