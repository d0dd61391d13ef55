//! What pages say to people, in their language: one file a language, compiled in; all have the same keys. What the
//! organiser wrote stays as it is.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, HtmlEscape, Value};

use crate::post::words::{fill, preferred};

const ENGLISH: (&str, &str) = ("en", include_str!("words/en.toml"));
const OTHERS: [(&str, &str); 3] = [
    ("ko", include_str!("words/ko.toml")),
    ("th", include_str!("words/th.toml")),
    ("vi", include_str!("words/vi.toml")),
];

pub(super) struct Languages {
    english: Said,
    others: BTreeMap<&'static str, Said>,
}

/// All that is said in one language.
pub(super) struct Said {
    table: toml::Table,
    /// The same, for templates.
    pub(super) all: Value,
    /// The words of the map's script, as JSON.
    pub(super) map: String,
}

impl Languages {
    pub(super) fn new() -> anyhow::Result<Languages> {
        let other = |(name, text): (&'static str, &str)| anyhow::Ok((name, Said::read(name, text)?));
        Ok(Languages {
            english: Said::read(ENGLISH.0, ENGLISH.1)?,
            others: OTHERS.into_iter().map(other).collect::<anyhow::Result<_>>()?,
        })
    }

    pub(super) fn english(&self) -> &Said {
        &self.english
    }

    /// By `Accept-Language`.
    pub(super) fn of(&self, headers: &HeaderMap) -> &Said {
        let accept = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        let name = accept.and_then(preferred);
        name.and_then(|name| self.others.get(name)).unwrap_or(&self.english)
    }
}

impl Said {
    fn read(name: &str, text: &str) -> anyhow::Result<Said> {
        let table: toml::Table =
            toml::from_str(text).map_err(|error| anyhow::anyhow!("the words of {name}: {error}"))?;
        Ok(Said {
            all: Value::from(Serde(table.clone())),
            map: serde_json::to_string(&table.get("map"))?,
            table,
        })
    }

    /// The words under a name like `map.free`; nothing where there are none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.find(name).and_then(toml::Value::as_str).unwrap_or_default()
    }

    pub(super) fn filled(&self, name: &str, values: &[(&str, &str)]) -> String {
        fill(self.text(name), values)
    }

    /// How a problem of this name is told; `None`: as it stands, in English.
    pub(super) fn refusal(&self, name: &str, values: &[(&'static str, String)]) -> Option<String> {
        let text = self.table.get("refusals")?.get(name)?.as_str()?;
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        (self.text("lang") != ENGLISH.0).then(|| fill(text, &values))
    }

    fn find(&self, name: &str) -> Option<&toml::Value> {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let found = self.table.get(first)?;
        if rest.is_empty() { Some(found) } else { found.get(rest) }
    }
}

/// What templates do with words: `fill` puts values in their places, `fill_html` also markup, `many` chooses by a number.
pub(super) fn teach(pages: &mut Environment<'static>) {
    pages.add_filter("fill", |text: String, values: Kwargs| filled(&text, &values));
    pages.add_filter("fill_html", |text: String, values: Kwargs| marked_up(&text, &values));
    pages.add_filter(
        "many",
        |words: Value, n: u32, values: Kwargs| -> Result<String, Error> {
            let text = words.get_attr(if n == 1 { "one" } else { "many" })?.to_string();
            Ok(fill(&filled(&text, &values)?, &[("n", &n.to_string())]))
        },
    );
}

fn filled(text: &str, values: &Kwargs) -> Result<String, Error> {
    let given = values
        .args()
        .map(|name| Ok((name, values.get::<Value>(name)?.to_string())));
    let given = given.collect::<Result<Vec<_>, Error>>()?;
    let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(fill(text, &given))
}

/// The words themselves are ours; what is put in is escaped unless it is markup already.
fn marked_up(text: &str, values: &Kwargs) -> Result<Value, Error> {
    let mut given = Vec::new();
    for name in values.args() {
        let value: Value = values.get(name)?;
        let text = value.to_string();
        let text = if value.is_safe() {
            text
        } else {
            HtmlEscape(&text).to_string()
        };
        given.push((name, text));
    }
    let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Ok(Value::from_safe_string(fill(text, &given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text with the path to it.
    fn texts(prefix: &str, value: &toml::Value, all: &mut BTreeMap<String, String>) {
        match value {
            toml::Value::Table(table) => {
                (table.iter()).for_each(|(name, value)| texts(&format!("{prefix}.{name}"), value, all));
            }
            value => {
                all.insert(prefix.to_owned(), value.as_str().unwrap().to_owned());
            }
        }
    }

    fn places(text: &str) -> Vec<&str> {
        let mut places: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|rest| rest.split('}').next())
            .collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn every_language_says_everything_with_the_same_values() {
        let languages = Languages::new().unwrap();
        let all = |said: &Said| {
            let mut all = BTreeMap::new();
            texts("", &toml::Value::Table(said.table.clone()), &mut all);
            all
        };
        let english = all(&languages.english);
        for (name, said) in &languages.others {
            let other = all(said);
            let missing: Vec<_> = english.keys().filter(|key| !other.contains_key(*key)).collect();
            assert_eq!(missing, Vec::<&String>::new(), "{name}");
            for (key, text) in other {
                let known = english.get(&key).unwrap_or_else(|| panic!("{name}: {key}"));
                // Where a language has no plural, the number is said of one as well.
                let same = places(&text) == places(known) || (key.ends_with(".one") && places(&text).contains(&"n"));
                assert!(same && !text.is_empty(), "{name}: {key}: {text}");
                assert!(
                    key != ".map.short" || !text.contains(','),
                    "{name}: the script cuts at the comma"
                );
            }
        }
    }

    #[test]
    fn by_the_browsers_language() {
        let languages = Languages::new().unwrap();
        for (accept, lang) in [
            ("ko-KR,ko;q=0.9", "ko"),
            ("de,vi;q=0.8,en;q=0.7", "vi"),
            ("fr", "en"),
            ("en,ko", "en"),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, accept.parse().unwrap())]);
            assert_eq!(languages.of(&headers).text("lang"), lang, "{accept}");
        }
        assert_eq!(languages.of(&HeaderMap::new()).text("lang"), "en");
    }
}
