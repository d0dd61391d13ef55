//! The schema and the reader are two descriptions of one file: here they are held together.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of a test are test code

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use stanchion_config::{Config, NotLooking, Problem, check, known_keys, schema};

/// The node a reference points to.
fn resolve<'s>(root: &'s Value, node: &'s Value) -> &'s Value {
    match node["$ref"].as_str() {
        Some(reference) => resolve(root, root.pointer(reference.trim_start_matches('#')).unwrap()),
        None => node,
    }
}

/// The properties of every table, by its path without indices.
fn tables(root: &Value) -> BTreeMap<String, Map<String, Value>> {
    let mut found = BTreeMap::new();
    walk(root, root, "", &mut found);
    found
}

fn walk(root: &Value, node: &Value, path: &str, found: &mut BTreeMap<String, Map<String, Value>>) {
    let node = resolve(root, node);
    for choice in node["anyOf"].as_array().into_iter().flatten() {
        walk(root, choice, path, found);
    }
    if node["items"].is_object() {
        walk(root, &node["items"], path, found);
    }
    if let Some(properties) = node["properties"].as_object() {
        assert_eq!(
            node["additionalProperties"], false,
            "[{path}] lets unknown keys through"
        );
        found.insert(path.to_owned(), properties.clone());
        for (key, property) in properties {
            walk(root, property, format!("{path}.{key}").trim_start_matches('.'), found);
        }
    }
}

/// A value as TOML text.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(key, value)| format!("{key} = {}", toml(value)))
                .collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A configuration with every table and nothing that has a default; with certificates only where they are looked at.
fn base(with_tls: bool) -> Value {
    let edge = if with_tls {
        json!({ "listen_tls": ["127.0.0.1:443"], "tls": [{ "cert": "c", "key": "k" }], "guard": {} })
    } else {
        json!({ "guard": {} })
    };
    json!({
        "edge": edge, "admin": {}, "store": {}, "keys": {}, "decision": {}, "geo": {}, "log": {}, "metrics": {},
        "origins": [{ "name": "a", "servers": ["127.0.0.1:9000"] }],
        "rooms": [{ "name": "r", "origin": "a", "capacity": 100, "rate": "5/min" }],
        "limits": [{ "name": "l", "key": "ip", "limit": "1000000000/d", "match": {} }],
    })
}

/// The base with one key set.
fn with(path: &str, key: &str, value: &Value) -> Result<Config, Vec<Problem>> {
    let mut document = base(path == "edge.tls");
    let mut table = &mut document;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        table = &mut table[part];
        if table.is_array() {
            table = &mut table[0];
        }
    }
    table[key] = value.clone();
    read(&document)
}

fn read(document: &Value) -> Result<Config, Vec<Problem>> {
    let tables = document.as_object().unwrap().iter();
    let lines: String = tables
        .map(|(key, value)| format!("{key} = {}\n", toml(value)))
        .collect();
    check(&lines, &NotLooking)
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect()
}

#[test]
fn schema_and_reader_know_the_same_keys() {
    let described: BTreeMap<String, BTreeSet<String>> = tables(&schema())
        .into_iter()
        .map(|(path, table)| (path, table.into_iter().map(|(key, _)| key).collect()))
        .collect();
    let read: BTreeMap<String, BTreeSet<String>> = known_keys()
        .into_iter()
        .map(|(path, keys)| (path, keys.into_iter().map(str::to_owned).collect()))
        .collect();
    assert_eq!(described, read);
}

#[test]
fn every_key_is_described() {
    for (path, table) in tables(&schema()) {
        for (key, property) in table {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(
                description.ends_with('.') && description.len() > 5,
                "[{path}] {key}: {description:?}"
            );
        }
    }
}

/// Writing a default down changes nothing.
#[test]
fn defaults_are_what_the_reader_takes() {
    for (path, table) in tables(&schema()) {
        for (key, property) in table {
            let default = &property["default"];
            if default.is_null() {
                continue;
            }
            let written =
                with(&path, &key, default).unwrap_or_else(|problems| panic!("[{path}] {key}:\n{}", told(&problems)));
            let unwritten = read(&base(path == "edge.tls")).unwrap_or_else(|problems| panic!("{}", told(&problems)));
            let values = |config: Config| Config {
                warnings: vec![],
                ..config
            };
            assert_eq!(values(written), values(unwritten), "[{path}] {key}");
        }
    }
}

/// The numbers the schema allows are those that the reader allows.
#[test]
fn bounds_are_what_the_reader_keeps() {
    let mut compared = 0;
    for (path, table) in tables(&schema()) {
        for (key, property) in table {
            let (Some(least), Some(most)) = (property["minimum"].as_u64(), property["maximum"].as_u64()) else {
                continue;
            };
            compared += 1;
            for inside in [least, most] {
                let result = with(&path, &key, &json!(inside));
                assert!(
                    result.is_ok(),
                    "[{path}] {key} = {inside}:\n{}",
                    told(&result.unwrap_err())
                );
            }
            for outside in [json!(least as i64 - 1), json!(most + 1)] {
                let problems = with(&path, &key, &outside).unwrap_err();
                assert!(
                    told(&problems).contains("out of its bounds"),
                    "[{path}] {key} = {outside}"
                );
            }
        }
    }
    assert!(compared >= 6, "only {compared} keys have bounds");
}

/// "From 10ms to 1s" in a description is the truth.
#[test]
fn described_ranges_are_what_the_reader_keeps() {
    let mut compared = 0;
    for (path, table) in tables(&schema()) {
        for (key, property) in table {
            let description = property["description"].as_str().unwrap_or_default().replace('\n', " ");
            let Some((_, range)) = description.split_once("From ") else {
                continue;
            };
            let (least, rest) = range.split_once(" to ").unwrap();
            let most = rest.split('.').next().unwrap();
            compared += 1;
            for end in [least, most] {
                // A bound may clash with another key's default; it must not be out of its own.
                let problems = with(&path, &key, &json!(end)).err().unwrap_or_default();
                assert!(
                    !told(&problems).contains("out of its bounds"),
                    "[{path}] {key} = {end}:\n{}",
                    told(&problems)
                );
                assert!(
                    !told(&problems).contains("cannot be read"),
                    "[{path}] {key} = {end}:\n{}",
                    told(&problems)
                );
            }
            let unit = most.trim_start_matches(|c: char| c.is_ascii_digit());
            let number: u64 = most.trim_end_matches(unit).parse().unwrap();
            let problems = with(&path, &key, &json!(format!("{}{unit}", number + 1))).unwrap_err();
            assert!(
                told(&problems).contains("out of its bounds"),
                "[{path}] {key} beyond {most}:\n{}",
                told(&problems)
            );
        }
    }
    assert!(compared >= 12, "only {compared} keys have a range");
}
