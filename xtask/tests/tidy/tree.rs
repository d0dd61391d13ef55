//! The files of the workspace as text, and which parts of them are tests. Knows no rule.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every text file, by its path from the root with forward slashes.
pub struct Tree {
    pub files: BTreeMap<String, String>,
}

/// The crates, by folder.
pub const CRATES: &[&str] = &[
    "admission",
    "config",
    "geo",
    "proxy",
    "origin-booking",
    "benches",
    "testkit",
    "xtask",
];

const SKIPPED_DIRS: &[&str] = &["target", "node_modules", ".git", "shared"];
const TEXT: &[&str] = &[
    "rs", "md", "toml", "lua", "html", "css", "js", "mjs", "json", "yml", "yaml", "sh", "ftl", "service", "txt",
    "conf", "py", "go", "java", "php", "lock",
];
const TEXT_NAMES: &[&str] = &["run", "LICENSE", "Dockerfile", "Containerfile"];

impl Tree {
    pub fn read() -> Tree {
        let mut files = BTreeMap::new();
        let root = root();
        collect(&root, &root, &mut files);
        assert!(
            files.contains_key("Cargo.toml"),
            "the workspace's root is where it should be"
        );
        Tree { files }
    }

    /// Path and text of the Rust files.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub fn text(&self, path: &str) -> &str {
        self.files.get(path).map_or("", String::as_str)
    }
}

pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Whether the whole file is test code, by where it lies. `#[cfg(test)]` inside files is the parser's business.
pub fn is_test_file(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("/tests.rs") || path.ends_with("_tests.rs") || path.contains("/benches/")
}

fn collect(root: &Path, dir: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(dir)
        .expect("a folder of the workspace can be read")
        .flatten()
    {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED_DIRS.contains(&name.as_str()) {
                collect(root, &path, files);
            }
        } else if is_text(&path, &name) {
            // What is not UTF-8 is a fixture of bad bytes.
            if let Ok(text) = std::fs::read_to_string(&path) {
                let inside = path.strip_prefix(root).expect("found below the root");
                files.insert(inside.to_string_lossy().replace('\\', "/"), text);
            }
        }
    }
}

fn is_text(path: &Path, name: &str) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.map_or(TEXT_NAMES.contains(&name), |extension| TEXT.contains(&extension))
}
