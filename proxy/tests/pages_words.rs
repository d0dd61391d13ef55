//! The translations: complete, without English left over, with the plural forms that each language has.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot do its work fails loudly"
)]

use std::collections::BTreeSet;

use serde_json::Value;
use stanchion::pages::{lang, words};

fn files() -> Vec<(&'static lang::Language, Value)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pages/lang");
    let read = |language: &'static lang::Language| {
        let path = folder.join(format!("{}.json", language.tag));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (
            language,
            serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        )
    };
    let files: Vec<_> = lang::all().iter().map(read).collect();
    let in_folder = std::fs::read_dir(folder).expect("the folder").count();
    assert_eq!(
        files.len(),
        in_folder,
        "every file is a language, and every language a file"
    );
    files
}

/// Every text with the path to it; plural forms are looked at by themselves.
fn texts(at: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((at.to_owned(), text.clone())),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(i, v)| texts(&format!("{at}[{i}]"), v, found)),
        Value::Object(map) => map.iter().for_each(|(k, v)| texts(&format!("{at}.{k}"), v, found)),
        _ => {}
    }
}

fn plain(value: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    texts("", value, &mut found);
    found.retain(|(at, _)| !at.starts_with(".minutes.") && !at.starts_with(".hours.") && at != ".group");
    found
}

fn placeholders(text: &str) -> BTreeSet<String> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

#[test]
fn all_files_have_the_same_keys_and_placeholders() {
    let files = files();
    let english = plain(&files[0].1);
    assert!(english.len() > 45, "{} texts", english.len());
    for (language, file) in &files {
        let theirs = plain(file);
        let keys = |list: &[(String, String)]| list.iter().map(|(k, _)| k.clone()).collect::<Vec<_>>();
        assert_eq!(keys(&theirs), keys(&english), "{}", language.tag);
        for ((key, text), (_, ours)) in theirs.iter().zip(&english) {
            assert_eq!(placeholders(text), placeholders(ours), "{} {key}: {text}", language.tag);
            assert!(
                !text.trim().is_empty() && text.trim() == text,
                "{} {key}: {text:?}",
                language.tag
            );
            assert!(!text.contains(['<', '>', '"']), "{} {key}: {text}", language.tag);
        }
    }
}

#[test]
fn no_english_is_left_over() {
    let files = files();
    let english = plain(&files[0].1);
    for (language, file) in files.iter().skip(1) {
        for ((key, text), (_, ours)) in plain(file).iter().zip(&english) {
            let same = text == ours && key != ".range";
            assert!(!same, "{} {key} is still English: {text}", language.tag);
        }
    }
    let spoken = |tag: &str, letters: std::ops::RangeInclusive<char>| {
        let (_, file) = files.iter().find(|(language, _)| language.tag == tag).expect(tag);
        for (key, text) in plain(file).iter().filter(|(key, _)| key != ".range") {
            assert!(
                text.chars().any(|c| letters.contains(&c)),
                "{tag} {key} is not in its own script: {text}"
            );
        }
    };
    spoken("th", '\u{e00}'..='\u{e7f}');
    spoken("ru", '\u{400}'..='\u{4ff}');
    spoken("ar", '\u{600}'..='\u{6ff}');
    spoken("he", '\u{590}'..='\u{5ff}');
    spoken("ko", '\u{ac00}'..='\u{d7a3}');
    spoken("ja", '\u{3040}'..='\u{9fff}');
    spoken("zh-Hans", '\u{4e00}'..='\u{9fff}');
    spoken("zh-Hant", '\u{4e00}'..='\u{9fff}');
}

#[test]
fn plural_forms_are_those_of_the_language() {
    for (language, _) in files() {
        for forms in [&language.texts.minutes, &language.texts.hours] {
            for category in language.categories() {
                assert!(forms.contains_key(category), "{} lacks {category}", language.tag);
            }
            for form in forms.values() {
                assert_eq!(form.matches("{n}").count(), 1, "{}: {form}", language.tag);
            }
        }
    }
    let said = |tag: &str, minutes: u64| words::wait(lang::by_tag(tag).expect(tag), (minutes * 60, minutes * 60));
    let table = [
        ("ru", 1, "1 минута"),
        ("ru", 2, "2 минуты"),
        ("ru", 5, "5 минут"),
        ("ru", 11, "11 минут"),
        ("ar", 3, "3 دقائق"),
        ("ar", 11, "11 دقيقة"),
        ("fr", 1, "1 minute"),
        ("de", 2, "2 Minuten"),
        ("th", 1, "1 นาที"),
        ("ja", 15, "15分"),
    ];
    for (tag, minutes, expected) in table {
        assert_eq!(said(tag, minutes), expected, "{tag} {minutes}");
    }
}

#[test]
fn a_language_is_found_for_everybody() {
    let table: &[(Option<&str>, &str)] = &[
        (None, "en"),
        (Some(""), "en"),
        (Some("*"), "en"),
        (Some("tlh"), "en"),
        (Some("en-AU,th;q=0.9"), "en"),
        (Some("th-TH"), "th"),
        (Some("zh"), "zh-Hans"),
        (Some("zh-CN,zh;q=0.9,en;q=0.8"), "zh-Hans"),
        (Some("zh-TW"), "zh-Hant"),
        (Some("zh-Hant-HK"), "zh-Hant"),
        (Some("zh-HK"), "zh-Hant"),
        (Some("zh-SG"), "zh-Hans"),
        (Some("yue"), "zh-Hant"),
        (Some("pt-BR"), "pt"),
        (Some("es-419"), "es"),
        (Some("ar-EG"), "ar"),
        (Some("iw"), "he"),
        (Some("DE-at"), "de"),
        (Some("tlh, ko;q=0.2"), "ko"),
        (Some("fr;q=0, ja;q=0.1"), "ja"),
        (Some("en;q=0.1, ru"), "ru"),
        (Some("-,--,x-"), "en"),
        (Some("<script>, vi;q=0.5"), "vi"),
    ];
    for (asked, expected) in table {
        assert_eq!(lang::choose(*asked, None).tag, *expected, "{asked:?}");
    }
    assert_eq!(lang::choose(Some("tlh"), Some("fr-CA")).tag, "fr");
    assert_eq!(lang::choose(Some("tlh"), Some("nonsense")).tag, "en");
    assert_eq!(lang::choose(Some("ja"), Some("fr")).tag, "ja");
}
