//! The languages of the pages: the texts, who is given which, and plural forms by the rules of Unicode CLDR.
//! The texts are JSON files in `proxy/pages/lang`, compiled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use icu_locale_core::Locale;
use icu_plurals::{PluralCategory, PluralRules};
use serde::{Deserialize, Serialize};

use super::accept;

/// A heading and a sentence.
pub type Said = [String; 2];
/// Plural category → form with `{n}`.
pub type Forms = BTreeMap<String, String>;

/// Everything the pages say. Every file has every key. What the page's script needs of it is serialised.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Between groups of three digits …
    #[serde(skip_serializing)]
    pub group: String,
    /// … in numbers of at least so many digits.
    #[serde(skip_serializing)]
    pub group_from: usize,
    pub range: String,
    pub state: BTreeMap<String, Said>,
    #[serde(skip_serializing)]
    pub place: String,
    #[serde(skip_serializing)]
    pub ahead: String,
    #[serde(skip_serializing)]
    pub waiting: String,
    #[serde(skip_serializing)]
    pub wait: String,
    #[serde(skip_serializing)]
    pub opens: String,
    #[serde(skip_serializing)]
    pub organiser: String,
    #[serde(skip_serializing)]
    pub progress: String,
    pub soon: String,
    pub unknown: String,
    pub minutes: Forms,
    pub hours: Forms,
    #[serde(skip_serializing)]
    pub keep: String,
    pub updated: String,
    #[serde(skip_serializing)]
    pub stale: String,
    #[serde(skip_serializing)]
    pub offline: String,
    pub turn: String,
    pub go: String,
    #[serde(skip_serializing)]
    pub sound: String,
    #[serde(skip_serializing)]
    pub notify: String,
    pub notice: BTreeMap<String, String>,
    #[serde(skip_serializing)]
    pub unsent: String,
    #[serde(skip_serializing)]
    pub no_js: String,
    #[serde(skip_serializing)]
    pub no_cookies: String,
    /// Where a new place has a price: heading, why, and what browsers without JavaScript are told.
    #[serde(skip_serializing)]
    pub price: [String; 3],
    #[serde(skip_serializing)]
    pub refusal: BTreeMap<String, Said>,
    #[serde(skip_serializing)]
    pub again: String,
}

pub struct Language {
    /// As in `lang` and `Content-Language`.
    pub tag: &'static str,
    /// `ltr` or `rtl`.
    pub dir: &'static str,
    pub texts: Texts,
    plural: Option<PluralRules>,
}

impl Language {
    /// CLDR category of a count: `zero`, `one`, `two`, `few`, `many` or `other`.
    #[must_use]
    pub fn category(&self, count: u64) -> &'static str {
        match self.plural.as_ref().map(|rules| rules.category_for(count)) {
            Some(PluralCategory::Zero) => "zero",
            Some(PluralCategory::One) => "one",
            Some(PluralCategory::Two) => "two",
            Some(PluralCategory::Few) => "few",
            Some(PluralCategory::Many) => "many",
            _ => "other",
        }
    }

    /// Every category this language's whole numbers can have.
    #[must_use]
    pub fn categories(&self) -> Vec<&'static str> {
        let mut seen: Vec<_> = (0..1_000).map(|n| self.category(n)).collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }
}

/// Tag, direction, file. The first is the one that everybody gets who asks for none of these.
const FILES: &[(&str, &str, &str)] = &[
    ("en", "ltr", include_str!("../../pages/lang/en.json")),
    ("ar", "rtl", include_str!("../../pages/lang/ar.json")),
    ("de", "ltr", include_str!("../../pages/lang/de.json")),
    ("es", "ltr", include_str!("../../pages/lang/es.json")),
    ("fr", "ltr", include_str!("../../pages/lang/fr.json")),
    ("he", "rtl", include_str!("../../pages/lang/he.json")),
    ("ja", "ltr", include_str!("../../pages/lang/ja.json")),
    ("ko", "ltr", include_str!("../../pages/lang/ko.json")),
    ("pt", "ltr", include_str!("../../pages/lang/pt.json")),
    ("ru", "ltr", include_str!("../../pages/lang/ru.json")),
    ("th", "ltr", include_str!("../../pages/lang/th.json")),
    ("vi", "ltr", include_str!("../../pages/lang/vi.json")),
    ("zh-Hans", "ltr", include_str!("../../pages/lang/zh-Hans.json")),
    ("zh-Hant", "ltr", include_str!("../../pages/lang/zh-Hant.json")),
];

/// What others call one of ours, lower case.
const ALIASES: &[(&str, &str)] = &[
    ("zh", "zh-Hans"),
    ("zh-tw", "zh-Hant"),
    ("zh-hk", "zh-Hant"),
    ("zh-mo", "zh-Hant"),
    ("yue", "zh-Hant"),
    ("iw", "he"),
];

static LANGUAGES: LazyLock<Vec<Language>> = LazyLock::new(|| FILES.iter().map(load).collect());

fn load(&(tag, dir, file): &(&'static str, &'static str, &str)) -> Language {
    // The files are ours and a test reads each of them; a stranger has no way here.
    let texts: Texts = serde_json::from_str(file).unwrap_or_default();
    let plural = tag
        .parse::<Locale>()
        .ok()
        .and_then(|locale| PluralRules::try_new_cardinal((&locale).into()).ok());
    Language {
        tag,
        dir,
        texts,
        plural,
    }
}

/// All of them, the default first.
#[must_use]
pub fn all() -> &'static [Language] {
    &LANGUAGES
}

/// The language with exactly this tag (any case).
#[must_use]
pub fn by_tag(tag: &str) -> Option<&'static Language> {
    all().iter().find(|language| language.tag.eq_ignore_ascii_case(tag))
}

/// The best of ours for an `Accept-Language`, by lookup (RFC 4647, 3.4): each wish in order, cut from the right
/// until it is one of ours. Otherwise `fallback`, otherwise English.
#[must_use]
pub fn choose(accept_language: Option<&str>, fallback: Option<&str>) -> &'static Language {
    let wishes = accept::languages(accept_language.unwrap_or_default());
    wishes
        .iter()
        .find_map(|wish| lookup(wish))
        .or_else(|| fallback.and_then(|tag| lookup(&tag.to_ascii_lowercase())))
        .unwrap_or(&all()[0])
}

fn lookup(wish: &str) -> Option<&'static Language> {
    let mut rest = wish;
    loop {
        let alias = ALIASES
            .iter()
            .find(|(theirs, _)| *theirs == rest)
            .map(|(_, ours)| *ours);
        if let Some(found) = by_tag(alias.unwrap_or(rest)) {
            return Some(found);
        }
        rest = &rest[..rest.rfind('-')?];
    }
}
