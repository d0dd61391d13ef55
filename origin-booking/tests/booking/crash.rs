//! What was acknowledged is there after a kill -9 (I19), a stop, and a restart.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use reqwest::{Client, StatusCode};
use stanchion_testkit::wait_until_async;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::{Answer, Booth, Signer, order};

#[tokio::test]
async fn i19_a_stop_and_a_start_keep_every_booking_and_every_key() {
    let booth = Booth::open(10).await;
    let first = booth.book("v", Some("k"), order("gala", 2)).await;
    let Booth { running, folder, .. } = booth;
    running.stop().await;
    let booth = Booth::reopen(folder, 999).await;
    assert_eq!(booth.running.sold_count(), 2);
    assert_eq!(booth.left("gala").await, 8, "a known event keeps its stock");
    let again = booth.book("v", Some("k"), order("gala", 2)).await;
    assert_eq!((again.body, again.replayed), (first.body, true));
}

/// The real binary, killed between requests that are under way; the next one must know all that was answered 201.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i19_kill_nine_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new("k1", 7);
    let jwks = serve_jwks(signer.jwks().to_string()).await;
    let database = format!("sqlite:{}", folder.path().join("booking.db").display());
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let mut acknowledged: Vec<(String, serde_json::Value)> = Vec::new();

    for round in 0..3 {
        let mut service = Service::start(&database, &jwks);
        let (acks, mut acked) = tokio::sync::mpsc::unbounded_channel();
        for buyer in 0..8 {
            let visitor = format!("v{round}-{buyer}");
            let (client, url, pass, acks) = (
                client.clone(),
                service.url("/bookings"),
                signer.pass(&visitor),
                acks.clone(),
            );
            tokio::spawn(async move {
                for number in 0..8 {
                    let key = format!("{visitor}-{number}");
                    let request = client
                        .post(&url)
                        .header("stanchion-pass", &pass)
                        .header("idempotency-key", &key);
                    let Ok(response) = request.json(&order("harbour-lights", 1)).send().await else {
                        return;
                    };
                    let answer = Answer::of(response).await;
                    if answer.status == StatusCode::CREATED {
                        let _ = acks.send((key, answer.body));
                    }
                }
            });
        }
        drop(acks);
        // In the middle of the work: after some, before all.
        for _ in 0..12 {
            acknowledged.extend(acked.recv().await);
        }
        service.kill();
        while let Some(ack) = acked.recv().await {
            acknowledged.push(ack);
        }
    }

    let service = Service::start(&database, &jwks);
    assert!(acknowledged.len() >= 36, "{}", acknowledged.len());
    for (key, body) in &acknowledged {
        let visitor = key.rsplit_once('-').unwrap().0;
        let request = client
            .post(service.url("/bookings"))
            .header("stanchion-pass", signer.pass(visitor));
        let request = request.header("idempotency-key", key).json(&order("harbour-lights", 1));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert!(answer.replayed, "{key} was forgotten: {}", answer.status);
        assert_eq!(&answer.body, body);
    }
    println!(
        "{} bookings acknowledged over 3 kills, all found again",
        acknowledged.len()
    );
}

/// A second process on the same database stands by, says so, and takes over within five seconds when the first is killed.
#[tokio::test]
async fn i19_a_standby_takes_over_from_a_writer_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let signer = Signer::new("k1", 7);
    let jwks = serve_jwks(signer.jwks().to_string()).await;
    let database = format!("sqlite:{}", folder.path().join("booking.db").display());
    let client = Client::builder().timeout(Duration::from_secs(10)).build().unwrap();
    let (mut first, second) = (Service::start(&database, &jwks), Service::start(&database, &jwks));
    let active = async |service: &Service| {
        client
            .get(service.url("/healthz/active"))
            .send()
            .await
            .unwrap()
            .status()
    };
    let book = async |service: &Service, visitor: &str| {
        let request = client
            .post(service.url("/bookings"))
            .header("stanchion-pass", signer.pass(visitor))
            .header("idempotency-key", "k");
        Answer::of(request.json(&order("small-hours", 2)).send().await.unwrap()).await
    };
    assert_eq!(
        (active(&first).await, active(&second).await),
        (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
    );
    let booked = book(&first, "v").await;
    assert_eq!(booked.status, StatusCode::CREATED);
    let refused = book(&second, "w").await;
    assert_eq!(
        (refused.status, refused.problem()),
        (StatusCode::SERVICE_UNAVAILABLE, "standby")
    );
    assert_eq!(refused.headers["retry-after"], "2");
    first.kill();
    let took_over = wait_until_async(Duration::from_secs(5), async || active(&second).await == StatusCode::OK);
    assert!(took_over.await);
    let again = book(&second, "v").await;
    assert_eq!((again.body, again.replayed), (booked.body, true));
    assert_eq!(book(&second, "w").await.status, StatusCode::CREATED);
}

pub struct Service {
    child: Child,
    address: String,
}

fn command(database: &str, jwks: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stanchion-booking"));
    command.args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--database",
        database,
        "--jwks",
        jwks,
    ]);
    command.env("RUST_LOG", "warn");
    command
}

impl Service {
    pub fn start(database: &str, jwks: &str) -> Service {
        Service::start_with(database, jwks, &[])
    }

    pub fn start_with(database: &str, jwks: &str, more: &[&str]) -> Service {
        let mut command = command(database, jwks);
        let mut child = command.args(more).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .expect("the service starts")
            .to_owned();
        Service { child, address }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// By its name, like `STOP`.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("kill");
        let status = kill.args(["-s", name]).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// SIGKILL: nothing is flushed, nothing is closed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The smallest server of one document.
pub async fn serve_jwks(document: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2_048];
            let _ = stream.read(&mut request).await;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{document}",
                document.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}
