//! The examples of docs/verify, run against passes that we issue and passes that we forge (T1, T2): each language lets
//! in the same ones and prints the same subject. A missing tool fails the test and names the command that installs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests, outside #[test] functions

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use stanchion_admission::clock::{Clock, SystemClock};
use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::ids::{Place, RoomName, Stamp, VisitorId};
use stanchion_admission::keys::{KeyRing, PassAlg};
use stanchion_admission::pass::{self, PassContext};
use stanchion_admission::store::Session;
use stanchion_admission::ticket::{self, Ticket};

#[path = "../../docs/verify/rust/verify.rs"]
#[allow(dead_code)] // its main is for the command line
mod rust_example;

const SUBJECT: &str = "07070707070707070707070707070707";
const ROOM: &str = "sale";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn now() -> Stamp {
    SystemClock::default().wall()
}

fn issued(ring: &KeyRing, room: &str, age: Duration) -> String {
    let claimed_at = now().minus(age);
    let place = Place {
        stamp: claimed_at,
        visitor: VisitorId([7; 16]),
    };
    let session = Session {
        place,
        claimed_at,
        expires_at: claimed_at,
    };
    let context = PassContext {
        issuer: "https://tickets.example.org",
        region: Some("DE"),
        queue_position: Some(3),
        ttl: Duration::from_secs(300),
    };
    pass::issue(ring, &RoomName::new(room).unwrap(), &session, &context, claimed_at).unwrap()
}

/// Somebody who holds our secrets and signs what they like.
struct Forger {
    key: EncodingKey,
    alg: Algorithm,
    header: Value,
    claims: Value,
}

impl Forger {
    fn with(ring: &KeyRing) -> Forger {
        let files = ring.to_files();
        let (_, bytes) = files.iter().find(|(name, _)| name.starts_with("pass-")).unwrap();
        let doc: Value = serde_json::from_slice(bytes).unwrap();
        let edwards = doc["alg"] == "EdDSA";
        let mut der = match edwards {
            true => b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec(),
            false => b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20".to_vec(),
        };
        der.extend(URL_SAFE_NO_PAD.decode(doc["secret"].as_str().unwrap()).unwrap());
        let good = issued(ring, ROOM, Duration::ZERO);
        let part =
            |at| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(good.split('.').nth(at).unwrap()).unwrap()).unwrap();
        let (key, alg) = match edwards {
            true => (EncodingKey::from_ed_der(&der), Algorithm::EdDSA),
            false => (EncodingKey::from_ec_der(&der), Algorithm::ES256),
        };
        Forger {
            key,
            alg,
            header: part(0),
            claims: part(1),
        }
    }

    fn message(&self, header: &Value, claims: &Value) -> String {
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", encoded(header), encoded(claims))
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = self.message(header, claims);
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.alg).unwrap();
        format!("{message}.{signature}")
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        let mut header = self.header.clone();
        header[name] = value;
        self.sign(&header, &self.claims)
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims.clone();
        claims[name] = value;
        self.sign(&self.header, &claims)
    }

    fn without_claim(&self, name: &str) -> String {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        self.sign(&self.header, &claims)
    }

    fn unsigned(&self, alg: &str, signature: &[u8]) -> String {
        let mut header = self.header.clone();
        header["alg"] = alg.into();
        format!(
            "{}.{}",
            self.message(&header, &self.claims),
            URL_SAFE_NO_PAD.encode(signature)
        )
    }

    /// HMAC with the public key as the secret.
    fn confused(&self, x: &str) -> String {
        let mut header = self.header.clone();
        header["alg"] = "HS256".into();
        let message = self.message(&header, &self.claims);
        let secret = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(x).unwrap());
        let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, Algorithm::HS256).unwrap();
        format!("{message}.{mac}")
    }
}

fn tampered(token: &str, part: usize) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let swap = if &parts[part][middle..=middle] == "A" { "B" } else { "A" };
    parts[part].replace_range(middle..=middle, swap);
    parts.join(".")
}

/// (name, token, whether it lets its holder in)
fn cases(ring: &KeyRing) -> Vec<(&'static str, String, bool)> {
    let forger = Forger::with(ring);
    let now_s = now().unix_seconds();
    let good = issued(ring, ROOM, Duration::ZERO);
    let stranger = KeyRing::generate(&SystemEntropy, PassAlg::EdDsa, now());
    let their = Forger::with(&stranger);
    let place = Place {
        stamp: now(),
        visitor: VisitorId([7; 16]),
    };
    let room = RoomName::new(ROOM).unwrap();
    let jwks = ring.jwks(now());
    vec![
        ("good", good.clone(), true),
        ("a minute old", issued(ring, ROOM, Duration::from_secs(60)), true),
        (
            "just expired, within the leeway",
            forger.with_claim("exp", json!(now_s - 5)),
            true,
        ),
        ("expired", issued(ring, ROOM, Duration::from_secs(400)), false),
        ("not valid yet", forger.with_claim("nbf", json!(now_s + 120)), false),
        (
            "exp as text",
            forger.with_claim("exp", json!((now_s + 300).to_string())),
            false,
        ),
        ("no exp", forger.without_claim("exp"), false),
        ("no nbf", forger.without_claim("nbf"), false),
        ("no subject", forger.without_claim("sub"), false),
        ("no audience", forger.without_claim("aud"), false),
        ("another room", issued(ring, "other", Duration::ZERO), false),
        ("typ JWT", forger.with_header("typ", json!("JWT")), false),
        (
            "typ of a ticket",
            forger.with_header("typ", json!("stanchion-ticket+jwt")),
            false,
        ),
        ("unknown key", forger.with_header("kid", json!("nobody")), false),
        ("no key", forger.with_header("kid", Value::Null), false),
        (
            "a path as key",
            forger.with_header("kid", json!("../../etc/passwd")),
            false,
        ),
        ("alg none", forger.unsigned("none", &[]), false),
        (
            "no signature",
            forger.unsigned(forger.header["alg"].as_str().unwrap(), &[]),
            false,
        ),
        (
            "zeros for a signature",
            forger.unsigned(forger.header["alg"].as_str().unwrap(), &[0; 64]),
            false,
        ),
        (
            "HS256 with the public key",
            forger.confused(jwks["keys"][0]["x"].as_str().unwrap()),
            false,
        ),
        ("another alg", forger.with_header("alg", json!("RS256")), false),
        (
            "another's key under our id",
            their.sign(&forger.header, &forger.claims),
            false,
        ),
        ("another's pass", issued(&stranger, ROOM, Duration::ZERO), false),
        ("changed claims", tampered(&good, 1), false),
        ("changed signature", tampered(&good, 2), false),
        ("padded", format!("{good}=="), false),
        ("four parts", format!("{good}.x"), false),
        ("too long", forger.with_claim("more", json!("x".repeat(900))), false),
        (
            "a ticket",
            ticket::seal(
                ring,
                &Ticket {
                    room,
                    place,
                    binding: None,
                },
                now(),
            ),
            false,
        ),
        ("rubbish", "hello".to_owned(), false),
        ("nothing", String::new(), false),
    ]
}

/// What the algorithm decides; the other cases are run with one algorithm, for the sake of time.
const OF_EACH_ALGORITHM: [&str; 8] = [
    "good",
    "expired",
    "no signature",
    "zeros for a signature",
    "HS256 with the public key",
    "another alg",
    "another's key under our id",
    "changed signature",
];

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
        for (name, token, lets_in) in cases(&ring) {
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
