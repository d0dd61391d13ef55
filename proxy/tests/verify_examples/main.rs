//! The examples of docs/verify, run against passes that we issue and passes that we forge (T1, T2): each language lets
//! in the same ones and prints the same subject. A missing tool fails the test and names the command that installs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests, outside #[test] functions

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::keys::{KeyRing, PassAlg};

mod cases;
mod forge;

#[path = "../../../docs/verify/rust/verify.rs"]
#[allow(dead_code)] // its main is for the command line
mod rust_example;

use cases::OF_EACH_ALGORITHM;
use forge::now;

const SUBJECT: &str = "07070707070707070707070707070707";
const ROOM: &str = "sale";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Answers every request with this document, on a thread of its own, until the test ends.
fn serve(document: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/.well-known/stanchion/jwks.json",
        listener.local_addr().unwrap()
    );
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request);
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\nconnection: close";
            let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{document}", document.len());
        }
    });
    url
}

fn each_case(check: impl Fn(&str, &str) -> Result<String, String>) {
    for alg in [PassAlg::EdDsa, PassAlg::Es256] {
        let ring = KeyRing::generate(&SystemEntropy, alg, now());
        let url = serve(ring.jwks(now()).to_string());
        for (name, token, lets_in) in cases::all(&ring) {
            if alg == PassAlg::Es256 && !OF_EACH_ALGORITHM.contains(&name) {
                continue;
            }
            let said = check(&url, &token);
            let expected = lets_in.then_some(SUBJECT);
            assert_eq!(said.as_deref().ok(), expected, "{} {name}: {said:?}", alg.name());
        }
    }
}

/// Runs an example as its reader would. Exit code 0 with a subject, or 1 with a reason; anything else is a crash.
fn each_case_by(program: &Path, arguments: &[&str]) {
    each_case(|url, token| {
        let output = Command::new(program)
            .args(arguments)
            .args([url, ROOM, token])
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        match output.status.code() {
            Some(0) => Ok(text(&output.stdout)),
            Some(1) if output.stdout.is_empty() && !output.stderr.is_empty() => Err(text(&output.stderr)),
            other => panic!("exit {other:?}: {} {}", text(&output.stdout), text(&output.stderr)),
        }
    });
}

/// A program in `PATH`, or a failure with what to type.
fn tool(name: &str, install: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is missing; install it with: {install}"))
}

fn example(path: &str) -> String {
    root().join("docs/verify").join(path).display().to_string()
}

fn must(command: &mut Command) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = [stdout, stderr].concat();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn t1_the_rust_example() {
    stanchion_booking::install_crypto();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    each_case(|url, token| runtime.block_on(rust_example::verify(url, ROOM, token)));
}

#[test]
fn t1_the_node_example() {
    let node = tool("node", "apt-get install nodejs npm");
    let installed = root().join("docs/verify/node/node_modules/jose").is_dir();
    assert!(
        installed,
        "jose is missing; install it with: npm ci --prefix docs/verify/node"
    );
    each_case_by(&node, &[&example("node/verify.mjs")]);
    let alone = Command::new(&node).arg(example("node/verify.mjs")).output().unwrap();
    let said = String::from_utf8_lossy(&alone.stderr);
    assert!(
        alone.status.code() == Some(2) && said.contains("usage: node verify.mjs JWKS-URL AUDIENCE PASS"),
        "{said}"
    );
}

#[test]
fn t1_the_python_example() {
    let python = root().join("target/tools/python/bin/python");
    let install =
        "python3 -m venv target/tools/python && target/tools/python/bin/pip install -r testkit/python/requirements.txt";
    assert!(python.is_file(), "PyJWT is missing; install it with: {install}");
    must(Command::new(&python).args(["-c", "import jwt, cryptography"]));
    each_case_by(&python, &[&example("python/verify.py")]);
}

#[test]
fn t1_the_go_example() {
    let go = tool("go", "apt-get install golang-go");
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("verify");
    let cache = root().join("target/tools/go-cache");
    must(
        Command::new(go)
            .args(["build", "-o"])
            .arg(&program)
            .arg(example("go/verify.go"))
            .env("GOCACHE", cache)
            .env("GOFLAGS", "-mod=mod")
            .env("GOTOOLCHAIN", "local"),
    );
    each_case_by(&program, &[]);
}

#[test]
fn t1_the_java_example() {
    let install = "apt-get install default-jdk-headless";
    let (java, javac) = (tool("java", install), tool("javac", install));
    let folder = tempfile::tempdir().unwrap();
    must(
        Command::new(javac)
            .arg("-Werror")
            .arg("-Xlint:all")
            .arg("-d")
            .arg(folder.path())
            .arg(example("java/VerifyPass.java")),
    );
    let classes = folder.path().display().to_string();
    each_case_by(
        &java,
        &[
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-cp",
            &classes,
            "VerifyPass",
        ],
    );
}

#[test]
fn t1_the_php_example() {
    let php = tool("php", "apt-get install php-cli");
    each_case_by(&php, &[&example("php/verify.php")]);
}

/// The page shows the files themselves, not a copy that has grown old.
#[test]
fn the_page_links_every_example() {
    let page = std::fs::read_to_string(root().join("docs/verify-the-pass.md")).unwrap();
    for file in [
        "rust/verify.rs",
        "node/verify.mjs",
        "python/verify.py",
        "go/verify.go",
        "java/VerifyPass.java",
        "php/verify.php",
    ] {
        assert!(root().join("docs/verify").join(file).is_file(), "{file}");
        assert!(page.contains(&format!("(verify/{file})")), "{file}");
    }
}
