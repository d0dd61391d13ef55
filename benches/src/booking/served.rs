//! The service as a process of its own, on a database of its own, behind a signer of passes that this bench is.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use stanchion_booking::shop::catalogue::{Event, MAX_STOCK};
use stanchion_testkit::net::free_port;
use tempfile::TempDir;

use super::{commands, crowd};
use crate::contestant::{Callgrind, Contestant, Start};
use crate::http::Client;

const TOKEN: &str = "a-token-of-this-bench-and-nobody-else";
const KID: &str = "bench";

pub struct Service {
    pub process: Contestant,
    signer: Signer,
    _dir: TempDir,
}

impl Service {
    /// On the default number of cores, with the events of [`commands`].
    pub fn start(database: &str) -> Result<Service> {
        let (dir, signer, port) = (TempDir::new()?, Signer::new(), free_port());
        let token = dir.path().join("token");
        std::fs::write(&token, TOKEN)?;
        let program = std::env::current_exe()?.with_file_name("stanchion-booking");
        ensure!(program.exists(), "{} is not built", program.display());
        let (listen, jwks) = (format!("127.0.0.1:{port}"), signer.publish()?);
        let arguments = [
            "serve",
            "--listen",
            &listen,
            "--database",
            database,
            "--jwks",
            &jwks,
            "--organiser-token",
        ];
        let command = [path(&program)]
            .into_iter()
            .chain(arguments.map(str::to_owned))
            .chain([path(&token)]);
        let process = Contestant::start(&Start {
            name: "booking",
            command: command.collect(),
            port,
            core: "0-1023",
            dir: dir.path(),
            callgrind: Callgrind::Off,
        })?;
        let service = Service {
            process,
            signer,
            _dir: dir,
        };
        for number in 0..commands::EVENTS {
            service.list(&commands::event(number, MAX_STOCK))?;
        }
        Ok(service)
    }

    pub fn list(&self, event: &Event) -> Result<()> {
        let body = serde_json::to_string(event)?;
        let request = format!(
            "POST /api/v1/organiser/events HTTP/1.1\r\nHost: b\r\nAuthorization: Bearer {TOKEN}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = Client::new(self.process.port).send(&request)?;
        let text = String::from_utf8_lossy(&reply.body);
        ensure!(
            reply.status < 300,
            "{} was not listed: {} {text}",
            event.id,
            reply.status
        );
        Ok(())
    }

    pub fn pass(&self, visitor: &str) -> Result<String> {
        self.signer.pass(visitor)
    }

    /// Holds a second through real sockets, every answer looked at.
    pub fn holds(&self, lap: Duration) -> Result<f64> {
        crowd::holds(self, lap)
    }
}

/// `POST /api/v1/holds`: one place.
pub fn hold(pass: &str, key: &str, event: &str) -> String {
    let body = format!(r#"{{"event":"{event}","count":1}}"#);
    format!(
        "POST /api/v1/holds HTTP/1.1\r\nHost: b\r\nStanchion-Pass: {pass}\r\nIdempotency-Key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

struct Signer(EncodingKey);

impl Signer {
    /// A key that signs nothing but this run.
    fn new() -> Signer {
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend([7; 32]);
        Signer(EncodingKey::from_ed_der(&der))
    }

    fn pass(&self, visitor: &str) -> Result<String> {
        let mut header = Header::new(Algorithm::EdDSA);
        (header.typ, header.kid) = (Some("stanchion-pass+jwt".to_owned()), Some(KID.to_owned()));
        let now_s = stanchion_booking::clock::system()() / 1_000;
        let claims = json!({
            "iss": "https://tickets.example.org", "aud": "sale", "sub": visitor, "jti": format!("j-{visitor}"),
            "iat": now_s, "nbf": now_s, "exp": now_s + 600, "token_use": "access",
        });
        Ok(jsonwebtoken::encode(&header, &claims, &self.0)?)
    }

    /// Answers every connection with the public key, as long as this process lives; its address.
    fn publish(&self) -> Result<String> {
        let jwk = Jwk::from_encoding_key(&self.0, Algorithm::EdDSA)?;
        let AlgorithmParameters::OctetKeyPair(public) = jwk.algorithm else {
            return Err(anyhow!("not an Ed25519 key"));
        };
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": public.x, "kid": KID, "alg": "EdDSA", "use": "sig"});
        let document = json!({ "keys": [key] }).to_string();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}/jwks.json", listener.local_addr()?);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let length = document.len();
                let _ = stream.read(&mut [0; 2_048]);
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let _ = stream.write_all(format!("{head}{document}").as_bytes());
            }
        });
        Ok(url)
    }
}

/// Readers are sockets at both ends.
pub fn raise_file_limit(readers: usize) -> Result<()> {
    let wanted = readers as u64 + 500;
    let now = getrlimit(Resource::Nofile);
    if now.current.is_none_or(|now| now >= wanted) {
        return Ok(());
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: now.maximum,
    };
    setrlimit(Resource::Nofile, raised)
        .with_context(|| format!("{wanted} open files are needed; allow more: ulimit -n"))
}
