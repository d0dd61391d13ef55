//! Runs a browser script of `testkit/browser` against a page that a test serves. Knows Node and Chromium, and nothing
//! of what the script looks at.

use std::path::{Path, PathBuf};
use std::process::Command;

const CHROMIUM: &str = "/usr/bin/chromium";
const INSTALL_CHROMIUM: &str =
    "apt-get install --no-install-recommends chromium fonts-noto-core fonts-noto-cjk fonts-thai-tlwg";
const INSTALL_MODULES: &str = "npm ci --prefix testkit/browser";

/// Runs `testkit/browser/<script>` to its end and returns what it printed. `STANCHION_CHROMIUM` names another browser.
///
/// # Panics
/// Where the script fails, with what it printed, and where something it needs is not installed.
#[must_use]
pub fn run(script: &str, env: &[(&str, &str)]) -> String {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let modules = home.join("node_modules").join("playwright-core");
    assert!(
        modules.exists(),
        "the browser tests need their Node modules: {INSTALL_MODULES}"
    );
    let output = Command::new("node")
        .arg(home.join(script))
        .env("STANCHION_CHROMIUM", chromium())
        .envs(env.iter().copied())
        .output()
        .unwrap_or_else(|error| panic!("node does not start ({error}): apt-get install nodejs npm"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{script} failed ({}):\n{said}{complaint}",
        output.status
    );
    said
}

fn chromium() -> PathBuf {
    let path = std::env::var_os("STANCHION_CHROMIUM").map_or_else(|| PathBuf::from(CHROMIUM), PathBuf::from);
    assert!(
        path.exists(),
        "there is no browser at {}: {INSTALL_CHROMIUM}",
        path.display()
    );
    path
}
