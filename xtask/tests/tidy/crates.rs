//! What the Cargo.toml files say: who depends on whom, and that each choice is written down.

use toml::Table;

use crate::Finding;
use crate::tree::{CRATES, Tree, root};

/// What a crate may use of ours, what in its tests besides, and what of others it must not know.
struct Rule {
    crate_dir: &'static str,
    ours: &'static [&'static str],
    ours_in_tests: &'static [&'static str],
    banned: &'static [&'static str],
}

const HTTP_AND_SOCKETS: &[&str] = &[
    "pingora",
    "axum",
    "hyper",
    "http",
    "httparse",
    "h2",
    "reqwest",
    "tower-http",
    "socket2",
];

const RULES: &[Rule] = &[
    Rule {
        crate_dir: "admission",
        ours: &[],
        ours_in_tests: &["stanchion-testkit"],
        banned: HTTP_AND_SOCKETS,
    },
    Rule {
        crate_dir: "config",
        ours: &["stanchion-admission"],
        ours_in_tests: &[],
        banned: &[
            "pingora",
            "axum",
            "hyper",
            "h2",
            "reqwest",
            "tower-http",
            "socket2",
            "tokio",
            "redis",
        ],
    },
    Rule {
        crate_dir: "geo",
        ours: &[],
        ours_in_tests: &[],
        banned: &[
            "pingora", "axum", "hyper", "http", "httparse", "h2", "reqwest", "tokio", "redis",
        ],
    },
    Rule {
        crate_dir: "origin-booking",
        ours: &[],
        ours_in_tests: &["stanchion-testkit"],
        banned: &["pingora", "redis"],
    },
    Rule {
        crate_dir: "proxy",
        ours: &[
            "stanchion-admission",
            "stanchion-config",
            "stanchion-geo",
            "stanchion-booking",
        ],
        ours_in_tests: &["stanchion-testkit"],
        banned: &[],
    },
    Rule {
        crate_dir: "benches",
        ours: &[
            "stanchion-admission",
            "stanchion-config",
            "stanchion-geo",
            "stanchion",
            "stanchion-booking",
            "stanchion-testkit",
        ],
        ours_in_tests: &[],
        banned: &[],
    },
    Rule {
        crate_dir: "testkit",
        ours: &[],
        ours_in_tests: &[],
        banned: &["pingora"],
    },
    Rule {
        crate_dir: "xtask",
        ours: &[],
        ours_in_tests: &[],
        banned: &["pingora", "tokio"],
    },
];

pub fn direction(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for dir in CRATES {
        match RULES.iter().find(|rule| rule.crate_dir == *dir) {
            Some(rule) => check(tree, rule, &mut findings),
            None => findings.push(format!(
                "{dir}/: no rule says what it may depend on (xtask/tests/tidy/crates.rs)"
            )),
        }
    }
    findings
}

fn check(tree: &Tree, rule: &Rule, findings: &mut Vec<Finding>) {
    let path = format!("{}/Cargo.toml", rule.crate_dir);
    let in_tests = [rule.ours, rule.ours_in_tests].concat();
    for (section, allowed) in [
        ("dependencies", rule.ours),
        ("build-dependencies", rule.ours),
        ("dev-dependencies", in_tests.as_slice()),
    ] {
        for name in section_names(tree.text(&path), section) {
            if name.starts_with("stanchion") && !allowed.contains(&name.as_str()) {
                findings.push(format!("{path}: [{section}] must not have {name}"));
            }
            if section != "dev-dependencies" && rule.banned.contains(&name.as_str()) {
                findings.push(format!("{path}: [{section}] must not have {name}"));
            }
        }
    }
}

pub fn explained(tree: &Tree) -> Vec<Finding> {
    let page = tree.text("docs/DEPENDENCIES.md");
    workspace_dependencies(tree)
        .into_iter()
        .filter(|name| !name.starts_with("stanchion") && !page.contains(&format!("`{name}`")))
        .map(|name| format!("docs/DEPENDENCIES.md does not say why we use `{name}`"))
        .collect()
}

pub fn locked(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lock = tree.text("Cargo.lock");
    if lock.is_empty() {
        findings.push("Cargo.lock is not there".to_owned());
    }
    for line in lock.lines().filter(|line| line.starts_with("source = ")) {
        if line != "source = \"registry+https://github.com/rust-lang/crates.io-index\"" {
            findings.push(format!("Cargo.lock: {line}"));
        }
    }
    if tree
        .text(".gitignore")
        .lines()
        .any(|line| line.trim().contains("Cargo.lock"))
    {
        findings.push(".gitignore hides Cargo.lock".to_owned());
    }
    if root().join(".git").exists() && !is_tracked("Cargo.lock") {
        findings.push("Cargo.lock is not committed".to_owned());
    }
    findings
}

fn is_tracked(path: &str) -> bool {
    let mut git = std::process::Command::new("git");
    git.current_dir(root()).args(["ls-files", "--error-unmatch", path]);
    // A machine without git cannot say; a tree without it is a release archive.
    git.output().map_or(true, |output| output.status.success())
}

fn workspace_dependencies(tree: &Tree) -> Vec<String> {
    let root = parse(tree.text("Cargo.toml"));
    root.get("workspace")
        .and_then(toml::Value::as_table)
        .map(|table| names(table, "dependencies"))
        .unwrap_or_default()
}

fn section_names(text: &str, section: &str) -> Vec<String> {
    names(&parse(text), section)
}

fn parse(text: &str) -> Table {
    assert!(!text.is_empty(), "every crate has a Cargo.toml");
    text.parse().expect("a Cargo.toml is TOML")
}

fn names(table: &Table, section: &str) -> Vec<String> {
    let entries = table.get(section).and_then(toml::Value::as_table);
    entries
        .map(|entries| entries.keys().cloned().collect())
        .unwrap_or_default()
}

#[test]
fn a_wrong_arrow_is_found() {
    let mut tree = Tree::read();
    tree.files.insert(
        "geo/Cargo.toml".into(),
        "[dependencies]\nstanchion-admission = \"1\"\ntokio = \"1\"\n".into(),
    );
    let findings = direction(&tree);
    assert_eq!(findings.len(), 2, "{findings:?}");
}
