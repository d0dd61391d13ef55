//! schemathesis against the real service, by its own description (O5): no 5xx, and schemas that are true in both
//! directions: what fits is taken, what does not fit is refused, and every answer is one that was promised.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::Value;
use stanchion_testkit::{Process, python_program};

use crate::crash::{Service, serve_jwks};
use crate::support::{Signer, TOKEN};

/// Each makes so many calls and is then followed by the next: see hooks.py.
const VISITORS: usize = 400;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,negative_data_rejection,positive_data_acceptance,missing_required_header,unsupported_method,\
    allow_header_conformance";

/// More of everything where the suite has hours.
fn is_long() -> bool {
    std::env::var_os("STANCHION_LONG").is_some()
}

fn command(url: &str, folder: &Path) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis");
    let mut command = Command::new(python_program("schemathesis"));
    command.arg("--config-file").arg(here.join("schemathesis.toml"));
    command.args([
        "run",
        &format!("{url}/api/v1/openapi.json"),
        "--no-color",
        "--checks",
        CHECKS,
    ]);
    let (phases, examples) = match is_long() {
        true => ("examples,coverage,fuzzing,stateful", "300"),
        false => ("examples,coverage,fuzzing", "8"),
    };
    command.args(["--phases", phases, "--max-examples", examples]);
    command.args(["--workers", "1", "--continue-on-failure"]);
    // The same calls at each run, or those of a seed.
    match std::env::var("STANCHION_SEED") {
        Ok(seed) => command.args(["--seed", &seed, "--generation-database", "none"]),
        Err(_) => command.arg("--generation-deterministic"),
    };
    // A stream without an end; `live.rs` reads it.
    command.args(["--exclude-operation-id", "changes"]);
    command
        .current_dir(folder)
        .env("PYTHONPATH", here)
        .env("SCHEMATHESIS_HOOKS", "hooks");
    command
        .env("STANCHION_PASSES", folder.join("passes"))
        .env("STANCHION_TOKEN", TOKEN);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn o5_schemathesis_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let signer = Signer::new("k1", 7);
    let passes: Vec<String> = (0..VISITORS)
        .map(|visitor| signer.pass(&format!("v{visitor}")))
        .collect();
    fs::write(at("passes"), passes.join("\n")).unwrap();
    fs::write(at("token"), TOKEN).unwrap();
    let jwks = serve_jwks(signer.jwks().to_string()).await;
    let database = format!("sqlite:{}", at("booking.db").display());
    let token = at("token").display().to_string();
    let service = Service::start_with(&database, &jwks, &["--organiser-token", &token]);

    let output = fs::File::create(at("output")).unwrap();
    let mut command = command(&service.url(""), folder.path());
    command.stdout(output.try_clone().unwrap()).stderr(output);
    let mut process = Process::spawn(command.stdin(Stdio::null())).unwrap();
    let most = Duration::from_secs(if is_long() { 3 * 3_600 } else { 300 });
    let ended = tokio::task::spawn_blocking(move || process.wait(most)).await.unwrap();
    let said = fs::read_to_string(at("output")).unwrap();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}\n{said}");
    println!(
        "{}",
        said.lines()
            .rev()
            .take(14)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("\n")
    );

    let sales = Client::new()
        .get(service.url("/api/v1/organiser/sales"))
        .bearer_auth(TOKEN);
    let sales: Value = sales.send().await.unwrap().json().await.unwrap();
    for event in sales["events"].as_array().unwrap() {
        let number = |name: &str| event[name].as_u64().unwrap();
        assert_eq!(
            number("sold") + number("held") + number("left"),
            number("capacity"),
            "{event}"
        );
    }
}
