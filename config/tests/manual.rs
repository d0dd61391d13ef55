//! `docs/CONFIGURATION.md` is written from the schema. `STANCHION_BLESS=1` writes it anew; otherwise it must be equal.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of a test are test code

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;
use stanchion_config::schema;

const INTRO: &str = include_str!("manual_intro.txt");

/// The tables in the order of the page: header, pointer from the root, and what the reader should know first.
const TABLES: [(&str, &str); 16] = [
    ("[edge]", "/edge"),
    ("[edge.tls]", "/edge/tls/0"),
    ("[edge.guard]", "/edge/guard"),
    ("[admin]", "/admin"),
    ("[store]", "/store"),
    ("[keys]", "/keys"),
    ("[[origins]]", "/origins"),
    ("[[rooms]]", "/rooms"),
    ("[rooms.challenge]", "/rooms/challenge"),
    ("[[limits]]", "/limits"),
    ("[limits.match]", "/limits/match"),
    ("[decision]", "/decision"),
    ("[geo]", "/geo"),
    ("[log]", "/log"),
    ("[metrics]", "/metrics"),
    ("", ""),
];

fn resolve<'s>(root: &'s Value, node: &'s Value) -> &'s Value {
    match node["$ref"].as_str() {
        Some(reference) => resolve(root, root.pointer(reference.trim_start_matches('#')).unwrap()),
        None => node,
    }
}

/// The table at a path of keys; lists and choices are looked through.
fn table<'s>(root: &'s Value, path: &str) -> (&'s Value, String) {
    let (mut node, mut description) = (root, String::new());
    for key in path.split('/').filter(|key| !key.is_empty() && *key != "0") {
        let property = &node["properties"][key];
        description = property["description"].as_str().unwrap_or_default().to_owned();
        node = resolve(root, property);
        if let Some(first) = node["anyOf"].get(0) {
            node = resolve(root, first);
        }
        if node["items"].is_object() {
            node = resolve(root, &node["items"]);
        }
    }
    (node, description)
}

/// What a value looks like, in a word or two.
fn shape(root: &Value, property: &Value) -> String {
    let node = resolve(root, property);
    if let Some(title) = node["title"].as_str() {
        return title.to_owned();
    }
    if let Some(words) = node["enum"].as_array() {
        return words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap()))
            .collect::<Vec<_>>()
            .join(", ");
    }
    if let Some(choices) = node["anyOf"].as_array() {
        let shapes: Vec<String> = choices.iter().map(|choice| shape(root, choice)).collect();
        return shapes.join(" or ");
    }
    match node["type"].as_str() {
        Some("array") => format!("list: {}", shape(root, &node["items"])),
        Some("integer") => match (node["minimum"].as_u64(), node["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("number, {least} to {most}"),
            _ => "number".to_owned(),
        },
        Some("boolean") => "`true`, `false`".to_owned(),
        Some("string") if node["format"] == "date-time" => "moment".to_owned(),
        Some("string") => "text".to_owned(),
        _ => "table".to_owned(),
    }
}

fn page(root: &Value) -> String {
    let mut page = INTRO.to_owned();
    for (header, path) in TABLES.iter().filter(|(header, _)| !header.is_empty()) {
        let (node, description) = table(root, path);
        let required: Vec<&str> = node["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        writeln!(page, "\n## `{header}`\n\n{}\n", description.replace('\n', " ")).unwrap();
        writeln!(page, "| key | value | default | meaning |\n|---|---|---|---|").unwrap();
        let properties = node["properties"].as_object().unwrap();
        let is_table = |property: &Value| {
            shape(root, property).contains("table") || resolve(root, property)["properties"].is_object()
        };
        let (first, rest): (Vec<_>, Vec<_>) = properties
            .iter()
            .filter(|(_, property)| !is_table(property))
            .partition(|(key, _)| required.contains(&key.as_str()));
        for (key, property) in first.into_iter().chain(rest) {
            let default = match &property["default"] {
                Value::Null if required.contains(&key.as_str()) => "needed".to_owned(),
                Value::Null => "–".to_owned(),
                default => format!("`{default}`"),
            };
            let meaning = property["description"]
                .as_str()
                .unwrap()
                .replace('\n', " ")
                .replace('|', "\\|");
            writeln!(page, "| `{key}` | {} | {default} | {meaning} |", shape(root, property)).unwrap();
        }
    }
    page
}

#[test]
fn the_manual_says_what_the_schema_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/CONFIGURATION.md");
    let page = page(&schema());
    if std::env::var_os("STANCHION_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/CONFIGURATION.md is not what the schema says: run this test with STANCHION_BLESS=1"
    );
    for table in schema()["$defs"].as_object().unwrap().values() {
        for key in table["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            assert!(
                page.contains(&format!("`{key}`")) || page.contains(&format!("{key}]`")),
                "{key} is not in the page"
            );
        }
    }
}
