//! The whole system in a real browser: `stanchion demo` with its crowd, a visitor who waits, goes in and books, with
//! and without the page's script. What is looked at stands in `testkit/browser/journey.mjs`; pictures are left in
//! `target/screenshots`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod e2e;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::eventually;
use stanchion_testkit::browser;
use stanchion_testkit::net::free_port;
use stanchion_testkit::process::Process;

#[test]
fn a_visitor_waits_goes_in_and_books() {
    let dir = tempfile::tempdir().unwrap();
    let said = dir.path().join("said");
    let (listen, admin) = (free_port(), free_port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanchion"));
    command
        .args(["demo", "--crowd", "30"])
        .arg("--listen")
        .arg(format!("127.0.0.1:{listen}"))
        .arg("--admin")
        .arg(format!("127.0.0.1:{admin}"))
        .stdout(Stdio::from(fs::File::create(&said).unwrap()))
        .stderr(Stdio::from(fs::File::create(dir.path().join("log")).unwrap()));
    let mut demo = Process::spawn(&mut command).unwrap();
    let token = eventually("the demo says its admin token", || {
        assert!(
            demo.is_running(),
            "{}",
            fs::read_to_string(dir.path().join("log")).unwrap()
        );
        let text = fs::read_to_string(&said).unwrap();
        let line = text.lines().find(|line| line.contains("Admin token"))?.to_owned();
        line.split_whitespace().last().map(str::to_owned)
    });
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    let env = [
        ("BASE", format!("http://127.0.0.1:{listen}")),
        ("ADMIN", format!("http://127.0.0.1:{admin}")),
        ("TOKEN", token),
        ("OUT", pictures.display().to_string()),
    ];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    println!("{}", browser::run("journey.mjs", &env));
}
