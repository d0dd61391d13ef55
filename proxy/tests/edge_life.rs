//! The edge's own life: TLS and its certificates, a graceful stop, and handing the sockets to a successor (H17).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod hostile;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hostile::client::Peer;
use hostile::{ObedientGate, socket, stand, stand_with};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use stanchion::edge::{CertificateFiles, EdgeSettings, ListenerSettings};
use stanchion::serve::handover::{self, Taken};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A self-signed certificate in files.
fn certificate(folder: &Path, name: &str) -> CertificateFiles {
    let made = rcgen::generate_simple_self_signed([name.to_string()]).unwrap();
    let files = CertificateFiles {
        chain: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
        hosts: vec![name.to_string()],
    };
    std::fs::write(&files.chain, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    files
}

/// A TLS client that trusts exactly this certificate.
async fn connect(
    at: SocketAddr,
    name: &str,
    chain: &Path,
    alpn: &[&[u8]],
) -> std::io::Result<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(chain).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
    let tcp = tokio::net::TcpStream::connect(at).await?;
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from(name.to_string()).unwrap(), tcp)
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_http2_everybody_speaks_http1() {
    let folder = tempfile::tempdir().unwrap();
    let a = certificate(folder.path(), "a.example");
    let listener = ListenerSettings {
        tls: Some(vec![a.clone()]),
        ..ListenerSettings::default()
    };
    let stand = stand_with(listener, |settings| settings.tolerance.http2 = false).await;
    let tls = connect(stand.at, "a.example", &a.chain, &[b"h2", b"http/1.1"])
        .await
        .unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let plain = hostile::stand(|settings| settings.tolerance.http2 = false).await;
    let reply = hostile::client::once(plain.at, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    assert!(matches!(reply.status, 400 | 405 | 505), "{}", reply.head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_serves_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        certificate(folder.path(), "a.example"),
        certificate(folder.path(), "b.example"),
    );
    let listener = ListenerSettings {
        tls: Some(vec![a.clone(), b.clone()]),
        ..ListenerSettings::default()
    };
    let stand = stand_with(listener, |_| {}).await;
    for (name, files) in [("a.example", &a), ("b.example", &b)] {
        let mut tls = connect(stand.at, name, &files.chain, &[b"http/1.1"]).await.unwrap();
        tls.write_all(format!("GET /big HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut all = Vec::new();
        let _ = tls.read_to_end(&mut all).await;
        assert!(
            all.starts_with(b"HTTP/1.1 200 ") && all.len() > 8 << 20,
            "{name}: {} bytes",
            all.len()
        );
        assert!(stand.gate.asked.lock().last().unwrap().tls);
        assert_eq!(stand.origin.take()[0].values("x-forwarded-proto"), ["https"]);
    }
    let tls = connect(stand.at, "a.example", &a.chain, &[b"h2", b"http/1.1"])
        .await
        .unwrap();
    assert_eq!(tls.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut client, connection) = h2::client::handshake(tls).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://a.example/x").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_certificates_are_reloaded_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (
        certificate(folder.path(), "a.example"),
        certificate(folder.path(), "b.example"),
    );
    let listener = ListenerSettings {
        tls: Some(vec![a.clone(), b.clone()]),
        ..ListenerSettings::default()
    };
    let stand = stand_with(listener.clone(), |_| {}).await;
    let old = std::fs::read(&a.chain).unwrap();
    let old_chain = folder.path().join("old.pem");
    std::fs::write(&old_chain, &old).unwrap();
    certificate(folder.path(), "a.example");
    stand.edge.reload_certificates(0, &listener).unwrap();
    assert!(
        connect(stand.at, "a.example", &a.chain, &[]).await.is_ok(),
        "the new one is shown"
    );
    assert!(
        connect(stand.at, "a.example", &old_chain, &[]).await.is_err(),
        "the old one is not"
    );
    std::fs::write(&a.chain, "broken").unwrap();
    let error = stand.edge.reload_certificates(0, &listener).unwrap_err();
    assert!(format!("{error:#}").contains("a.example.pem"), "{error:#}");
    let mismatched = CertificateFiles {
        key: b.key.clone(),
        chain: old_chain,
        hosts: vec![],
    };
    assert!(
        stand
            .edge
            .reload_certificates(
                0,
                &ListenerSettings {
                    tls: Some(vec![mismatched]),
                    ..ListenerSettings::default()
                }
            )
            .is_err()
    );
    assert!(
        connect(stand.at, "b.example", &b.chain, &[]).await.is_ok(),
        "a broken reload changes nothing"
    );
}

/// H9: a handshake that does not come is not waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h9_a_silent_handshake_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let listener = ListenerSettings {
        tls: Some(vec![certificate(folder.path(), "a.example")]),
        ..ListenerSettings::default()
    };
    let stand = stand_with(listener, |s| {
        s.tolerance.deadlines.tls_handshake = Duration::from_millis(300)
    })
    .await;
    let mut silent = Peer::to(stand.at).await;
    assert!(silent.end().await.is_empty());
    let mut plain = Peer::to(stand.at).await;
    plain.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    plain.end().await;
    assert_eq!(stand.edge.stats().tls_failed.load(Ordering::Relaxed), 2);
}

/// A stop lets requests under way end, closes idle connections at once, and cuts off only what takes too long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h17_a_stop_cuts_nobody_off_who_is_in_time() {
    let stand = stand(|_| {}).await;
    let at = stand.at;
    let mut idle = Peer::to(at).await;
    idle.send(b"GET /answer HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(idle.reply().await.unwrap().status, 200);
    let mut busy = Peer::to(at).await;
    busy.send(b"POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\npi")
        .await;
    let mut stuck = Peer::to(at).await;
    stuck.send(b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let began = Instant::now();
    while stand.edge.stats().forwarded.load(Ordering::Relaxed) < 2 {
        assert!(began.elapsed() < hostile::PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stopping = tokio::spawn(stand.edge.stop(Duration::from_secs(4)));
    assert!(idle.end().await.is_empty());
    assert!(
        tokio::net::TcpStream::connect(at).await.is_err(),
        "nobody is accepted any more"
    );
    busy.send(b"ng").await;
    assert_eq!(
        busy.reply().await.expect("the request under way was cut off").text(),
        "ping"
    );
    busy.end().await;
    let cut = stopping.await.unwrap();
    assert_eq!((cut.connections, cut.requests), (1, 1), "one was cut off");
    stuck.end().await;
}

/// Not a test by itself: the process that the next one starts. Serves, hands over, stops.
#[test]
fn process_under_upgrade() {
    let Ok(path) = std::env::var("STANCHION_TEST_UPGRADE_SOCKET") else {
        return;
    };
    let path = PathBuf::from(path);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let taken = Taken::from(&path).ok();
    let sockets = taken.as_ref().map_or_else(
        || vec![socket()],
        |t| t.sockets.iter().map(|s| s.try_clone().unwrap()).collect(),
    );
    let sockets = sockets
        .into_iter()
        .map(|socket| (socket, ListenerSettings::default()))
        .collect();
    let gate = Arc::new(ObedientGate::default());
    let edge = runtime
        .block_on(stanchion::edge::start(EdgeSettings::default(), gate, sockets))
        .unwrap();
    println!("serving {}", edge.addresses()[0]);
    let had_predecessor = taken.is_some();
    if let Some(taken) = taken {
        taken.ready().unwrap();
    }
    let listener = handover::listen(&path).unwrap();
    println!("offering after {had_predecessor}");
    while handover::give(&listener, &edge.sockets().unwrap()).is_err() {}
    drop(listener);
    let left = runtime.block_on(edge.stop(Duration::from_secs(5)));
    println!("stopped {}", left.connections);
}

struct Process {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start(path: &Path) -> Process {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["process_under_upgrade", "--exact", "--nocapture"])
            .env("STANCHION_TEST_UPGRADE_SOCKET", path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Process { child, lines }
    }

    fn until(&mut self, word: &str) -> String {
        let line = self
            .lines
            .find_map(|line| line.unwrap().split_once(word).map(|(_, rest)| rest.to_string()));
        line.unwrap_or_else(|| panic!("the process ended without saying {word:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request; `keep`: over a connection that is used again.
fn ask(tcp: &mut TcpStream, keep: bool) -> std::io::Result<bool> {
    let fate = if keep { "keep-alive" } else { "close" };
    tcp.write_all(format!("GET /answer HTTP/1.1\r\nHost: a\r\nConnection: {fate}\r\n\r\n").as_bytes())?;
    let mut reply = [0; 1024];
    let mut length = 0;
    while !reply[..length].ends_with(b"waiting") {
        match tcp.read(&mut reply[length..])? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => length += n,
        }
    }
    Ok(reply.starts_with(b"HTTP/1.1 200 OK") && !String::from_utf8_lossy(&reply).contains("connection: close"))
}

/// H17: real processes, upgraded under load: no new connection fails. `STANCHION_UPGRADES` sets how often.
#[test]
fn h17_an_upgrade_turns_nobody_away() {
    let upgrades: usize = std::env::var("STANCHION_UPGRADES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(3);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("upgrade.sock");
    let mut old = Process::start(&path);
    let at: SocketAddr = old.until("serving ").parse().unwrap();
    assert_eq!(old.until("offering after "), "false");
    let stop = Arc::new(AtomicBool::new(false));
    let counts = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let fresh = {
        let (stop, counts) = (stop.clone(), counts.clone());
        std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                let worked = TcpStream::connect(at).and_then(|mut tcp| ask(&mut tcp, false));
                worked.unwrap_or_else(|error| panic!("a new connection failed: {error}"));
                counts[0].fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let kept = {
        let (stop, counts) = (stop.clone(), counts.clone());
        std::thread::spawn(move || {
            let mut resets = 0;
            let mut tcp = TcpStream::connect(at).unwrap();
            while !stop.load(Ordering::Relaxed) {
                match ask(&mut tcp, true) {
                    Ok(true) => drop(counts[1].fetch_add(1, Ordering::Relaxed)),
                    Ok(false) => tcp = TcpStream::connect(at).unwrap(),
                    Err(_) => {
                        resets += 1;
                        tcp = TcpStream::connect(at).unwrap();
                    }
                }
            }
            resets
        })
    };
    for _ in 0..upgrades {
        let before = counts[0].load(Ordering::Relaxed);
        let began = Instant::now();
        while counts[0].load(Ordering::Relaxed) < before + 50 && !fresh.is_finished() {
            assert!(began.elapsed() < hostile::PATIENCE);
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let mut new = Process::start(&path);
        assert_eq!(new.until("serving ").parse::<SocketAddr>().unwrap(), at);
        assert_eq!(old.until("stopped "), "0", "the old process had connections left");
        assert_eq!(
            new.until("offering after "),
            "true",
            "the successor bound a socket of its own"
        );
        old = new;
    }
    stop.store(true, Ordering::Relaxed);
    fresh.join().unwrap();
    let resets = kept.join().unwrap();
    assert!(
        resets <= upgrades,
        "{resets} kept connections were reset in {upgrades} upgrades"
    );
    println!(
        "{} fresh, {} kept, {resets} resets",
        counts[0].load(Ordering::Relaxed),
        counts[1].load(Ordering::Relaxed)
    );
}
