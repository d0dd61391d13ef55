//! Relative links in documents lead somewhere, and documents named in code exist.

use std::collections::BTreeSet;

use crate::Finding;
use crate::tree::{Tree, root};

pub fn findings(tree: &Tree) -> Vec<Finding> {
    let mut findings = BTreeSet::new();
    for (path, text) in &tree.files {
        for (index, line) in text.lines().enumerate() {
            // The beginning of docs/CONFIGURATION.md is kept where the test that writes it is.
            let broken = if path.ends_with(".md") && path != "config/tests/manual_intro.md" {
                broken_links(path, line)
            } else {
                Vec::new()
            };
            let unknown = if is_prose_or_code(path) {
                unknown_documents(line)
            } else {
                Vec::new()
            };
            findings.extend(
                broken
                    .iter()
                    .chain(&unknown)
                    .map(|target| format!("{path}:{}: no {target}", index + 1)),
            );
        }
    }
    findings.into_iter().collect()
}

fn is_prose_or_code(path: &str) -> bool {
    (path.ends_with(".md") || path.ends_with(".rs") || path.ends_with(".lua") || path.ends_with(".toml"))
        && !path.starts_with("xtask/tests/tidy/links.rs")
}

/// `](target)` that is neither an address nor an anchor, seen from the document's own folder.
fn broken_links(path: &str, line: &str) -> Vec<String> {
    let folder = root()
        .join(path)
        .parent()
        .map(std::path::Path::to_path_buf)
        .unwrap_or_default();
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default().trim())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
        .filter(|target| !folder.join(target).exists())
        .map(str::to_owned)
        .collect()
}

/// `docs/NAME.md` anywhere in a line.
fn unknown_documents(line: &str) -> Vec<String> {
    line.split("docs/")
        .skip(1)
        .filter_map(|rest| {
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "-_./".contains(*c))
                .collect();
            let end = name.find(".md")? + 3;
            Some(format!("docs/{}", &name[..end]))
        })
        .filter(|file| !root().join(file).exists())
        .collect()
}

#[test]
fn broken_links_are_found() {
    assert_eq!(
        broken_links(
            "README.md",
            "[a](docs/NOPE.md) [b](https://x.y/z) [c](#here) [d](Cargo.toml)"
        ),
        ["docs/NOPE.md"]
    );
    assert_eq!(unknown_documents("see docs/NOPE.md."), ["docs/NOPE.md"]);
    assert!(unknown_documents("see docs/ADMISSION.md, and docs/").is_empty());
}
