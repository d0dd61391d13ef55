//! Programs of the Python environment that `cargo xtask` makes for the tests. Knows where they are, nothing of what they do.

use std::path::{Path, PathBuf};

/// A program of the packages in `testkit/python/requirements.txt`.
///
/// # Panics
/// Where it is not installed; says how to.
#[must_use]
pub fn python_program(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = root.join("target/tools/python/bin").join(name);
    assert!(
        program.exists(),
        "{name} is missing: python3 -m venv target/tools/python && \
         target/tools/python/bin/pip install -r testkit/python/requirements.txt"
    );
    program
}
