//! `stanchion room …` as a program against a real admin listener: what it prints, what it changes, how it ends.

use std::process::Output;
use std::sync::Arc;

use super::support::{Fake, Server, TOKEN, serve};
use stanchion_admission::store::StoreError;

async fn room(server: &Server, token: &str, args: &[&str]) -> Output {
    let admin = format!("http://{}", server.address);
    run(&admin, token, args).await
}

async fn run(admin: &str, token: &str, args: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_stanchion"));
    command
        .arg("room")
        .args(args)
        .env("STANCHION_ADMIN_URL", admin)
        .env("STANCHION_ADMIN_TOKEN", token);
    command
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("http_proxy", "http://127.0.0.1:9");
    command.output().await.expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn served() -> (Arc<Fake>, Server) {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    (fake, server)
}

#[tokio::test]
async fn looks() {
    let (_fake, server) = served().await;
    let list = room(&server, TOKEN, &["list"]).await;
    assert_eq!(list.status.code(), Some(0), "{}", text(&list.stderr));
    let listed = text(&list.stdout);
    assert!(
        listed
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("sale  queueing  120      96 of 100")),
        "{listed}"
    );
    let json = room(&server, TOKEN, &["show", "sale", "--json"]).await;
    let shown: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(shown["line"]["waiting"], 120);
}

#[tokio::test]
async fn changes() {
    let (fake, server) = served().await;
    let paused = room(&server, TOKEN, &["pause", "sale", "--reason", "Back at ten"]).await;
    assert_eq!(paused.status.code(), Some(0), "{}", text(&paused.stderr));
    assert!(text(&paused.stdout).contains("Back at ten"));
    for args in [
        vec!["set", "sale", "--capacity", "80", "--rate", "500/min"],
        vec!["resume", "sale"],
        vec!["close", "sale"],
        vec!["open", "sale"],
    ] {
        let output = room(&server, TOKEN, &args).await;
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", text(&output.stderr));
    }
    let puts = fake.puts.lock();
    let versions: Vec<u64> = puts.iter().map(|(_, expected, _)| *expected).collect();
    assert_eq!(versions, [0, 1, 2, 3, 4], "each change names the version it read");
    let last = &puts.last().unwrap().2;
    assert_eq!(
        (last.capacity, last.paused.as_deref(), last.closed),
        (Some(80), None, false)
    );
}

/// Exit codes, and that nothing is tried again.
#[tokio::test]
async fn failures() {
    let (fake, server) = served().await;
    *fake.refuse.lock() = Some(StoreError::Conflict(9).into());
    let stale = room(&server, TOKEN, &["close", "sale"]).await;
    assert_eq!(
        (stale.status.code(), fake.puts.lock().len()),
        (Some(1), 1),
        "{}",
        text(&stale.stderr)
    );
    *fake.refuse.lock() = Some(StoreError::Away("deadline".into()).into());
    assert_eq!(room(&server, TOKEN, &["close", "sale"]).await.status.code(), Some(3));
    for (args, code, words) in [
        (vec!["show", "nothing-here"], 1, "No such room"),
        (
            vec!["set", "sale", "--rate", "fast", "--capacity", "0"],
            1,
            "rate cannot be taken: a rate is COUNT/PERIOD",
        ),
        (vec!["set", "sale"], 2, "required"),
        (vec!["list", "--admin", "http://192.0.2.1:9090"], 2, "plain HTTP"),
        (vec!["list", "--admin", "http://127.0.0.1:9"], 3, "does not answer"),
        (vec!["list", "--token-file", "/no/such/file"], 2, "/no/such/file"),
    ] {
        let output = room(&server, TOKEN, &args).await;
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output.stderr));
        assert!(
            text(&output.stderr).contains(words),
            "{args:?}: {}",
            text(&output.stderr)
        );
    }
}

/// A2: a wrong token is told apart, and no token is ever printed.
#[tokio::test]
async fn a2_tokens_are_not_printed() {
    let (_fake, server) = served().await;
    let wrong = room(&server, "a-wrong-token-0123456789", &["list"]).await;
    assert_eq!(wrong.status.code(), Some(4));
    let away = run("http://127.0.0.1:9", TOKEN, &["list"]).await;
    for output in [&wrong, &away] {
        let all = text(&output.stdout) + &text(&output.stderr);
        assert!(!all.contains("a-wrong-token") && !all.contains(TOKEN), "{all}");
    }
}
