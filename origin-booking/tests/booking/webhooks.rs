//! Webhooks against a real receiver that fails, hangs and redirects before it listens (I19: nothing that is committed is
//! left untold, whoever dies).

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use stanchion_booking::post::AfterSale;
use stanchion_testkit::wait_until_async;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::crash::{Service, serve_jwks};
use crate::support::{Answer, Booth, Signer, With, order};

const SECRETS: [&str; 2] = [
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
];
const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
enum Act {
    Answer(u16),
    Redirect,
    Hang,
}

#[derive(Clone, Debug)]
struct Heard {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// As a receiver checks it, with one secret.
    fn is_signed_by(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let (id, timestamp) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        mac.update(format!("{id}.{timestamp}.{}", self.body).as_bytes());
        let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|given| given == wanted)
    }
}

/// Does as it is told, in order; then answers 204.
#[derive(Clone)]
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    acts: Arc<Mutex<VecDeque<Act>>>,
}

impl Receiver {
    async fn open(acts: &[Act]) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Receiver {
            url: format!("http://{}", listener.local_addr().unwrap()),
            heard: Arc::default(),
            acts: Arc::new(Mutex::new(acts.iter().copied().collect())),
        };
        let serving = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().attend(stream));
            }
        });
        receiver
    }

    async fn attend(self, mut stream: TcpStream) {
        let Some(heard) = read(&mut stream).await else { return };
        let act = {
            self.heard.lock().push(heard);
            self.acts.lock().pop_front().unwrap_or(Act::Answer(204))
        };
        let answer = match act {
            Act::Answer(status) => format!("HTTP/1.1 {status} X\r\n"),
            Act::Redirect => format!("HTTP/1.1 307 X\r\nlocation: {}/elsewhere\r\n", self.url),
            Act::Hang => return std::future::pending().await,
        };
        let answer = format!("{answer}content-length: 0\r\nconnection: close\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    fn settings(&self) -> String {
        let [one, two] = SECRETS;
        format!(
            "[[webhook]]\nname = \"ledger\"\nurl = \"{}/in?a=b\"\nsecrets = [\"{one}\", \"{two}\"]\ntimeout_ms = 300\n",
            self.url
        )
    }

    async fn heard(&self, count: usize) -> Vec<Heard> {
        let enough = wait_until_async(SOON, async || self.heard.lock().len() >= count);
        assert!(enough.await, "{} of {count}", self.heard.lock().len());
        self.heard.lock().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut lines = head.lines();
            let path = lines.next()?.split(' ').nth(1)?.to_owned();
            let pair = |line: &str| {
                let (name, value) = line.split_once(": ")?;
                Some((name.to_lowercase(), value.to_owned()))
            };
            let headers: Vec<_> = lines.filter_map(pair).collect();
            let length = headers
                .iter()
                .find(|(name, _)| name == "content-length")?
                .1
                .parse()
                .ok()?;
            if body.len() >= length {
                let body = body.to_owned();
                return Some(Heard { path, headers, body });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

async fn telling(receiver: &Receiver) -> Booth {
    let after_sale = AfterSale::read(&receiver.settings(), |_| None).unwrap();
    let with = With {
        after_sale,
        ..With::default()
    };
    Booth::open_so(10, with).await
}

impl Booth {
    async fn deliveries(&self) -> Value {
        let request = self
            .get("/api/v1/organiser/deliveries")
            .bearer_auth(crate::support::TOKEN);
        request.send().await.unwrap().json().await.unwrap()
    }

    async fn until(&self, what: impl Fn(&Value) -> bool) -> Value {
        let there = wait_until_async(SOON, async || what(&self.deliveries().await["targets"][0]));
        assert!(there.await, "{}", self.deliveries().await);
        self.deliveries().await["targets"][0].clone()
    }
}

#[tokio::test]
async fn o4_a_webhook_arrives_in_the_end_and_is_the_same_each_time() {
    let receiver = Receiver::open(&[Act::Answer(500), Act::Hang, Act::Redirect]).await;
    let booth = telling(&receiver).await;
    let booked = booth.book("v", Some("k"), order("gala", 2)).await;
    for attempts in 1..=3_u64 {
        let target = booth
            .until(|target| target["first_waiting"][0]["attempts"] == attempts)
            .await;
        let why = target["first_waiting"][0]["why"].as_str().unwrap().to_owned();
        let said = ["500", "no answer within 300 ms", "redirects are not followed"][attempts as usize - 1];
        assert!(why.contains(said), "{why}");
        assert_eq!(receiver.heard.lock().len() as u64, attempts, "not before its time");
        booth.pass_time(100_000);
    }
    let heard = receiver.heard(4).await;
    booth
        .until(|target| target["delivered"] == 1 && target["waiting"] == 0)
        .await;
    let id = format!("msg_{}_confirmed", booked.reference());
    for (one, next) in heard.iter().zip(heard.iter().skip(1)) {
        let timestamps = [one, next].map(|heard| heard.header("webhook-timestamp").parse::<u64>().unwrap());
        assert!(timestamps[0] + 90 < timestamps[1], "of the attempt: {timestamps:?}");
    }
    for one in &heard {
        assert_eq!((one.header("webhook-id"), one.path.as_str()), (id.as_str(), "/in?a=b"));
        assert!(SECRETS.iter().all(|secret| one.is_signed_by(secret)), "{one:?}");
        assert!(!one.is_signed_by("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
        assert_eq!(one.body, heard[0].body);
    }
    let told: Value = serde_json::from_str(&heard[0].body).unwrap();
    assert_eq!(
        (&told["type"], &told["data"]["event"]["id"]),
        (&json!("order.confirmed"), &json!("gala"))
    );
    assert_eq!(told["data"]["order"]["id"], booked.reference());
    assert!(told["timestamp"].as_str().unwrap().ends_with('Z'), "{told}");
}

#[tokio::test]
async fn what_is_refused_for_good_is_put_aside_and_brought_back_by_the_organiser() {
    let receiver = Receiver::open(&[Act::Answer(410)]).await;
    let booth = telling(&receiver).await;
    booth.book("v", Some("k"), order("gala", 2)).await;
    let target = booth.until(|target| target["parked"] == 1).await;
    assert_eq!(target["first_parked"][0]["why"], "it answered 410");
    booth.pass_time(86_400_000);
    let nothing = booth
        .organise("/replays", json!({"target": "ledger", "message": "msg_X_paid"}))
        .await;
    assert_eq!(
        (nothing.status, nothing.problem()),
        (StatusCode::NOT_FOUND, "unknown-delivery")
    );
    let message = &target["first_parked"][0]["message"];
    let replayed = booth
        .organise("/replays", json!({"target": "ledger", "message": message}))
        .await;
    assert_eq!(replayed.body, json!({"replayed": 1}));
    booth
        .until(|target| target["delivered"] == 1 && target["parked"] == 0)
        .await;
    let heard = receiver.heard(2).await;
    assert_eq!(heard[0].header("webhook-id"), heard[1].header("webhook-id"));
}

/// The process dies while the receiver has not answered; the standby, which has told nobody anything so far, tells it.
#[tokio::test]
async fn i19_kill_nine_between_commit_and_delivery_leaves_nothing_untold() {
    let receiver = Receiver::open(&[Act::Hang]).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("after-sale.toml");
    std::fs::write(&settings, receiver.settings().replace("= 300", "= 30000")).unwrap();
    let signer = Signer::new("k1", 7);
    let jwks = serve_jwks(signer.jwks().to_string()).await;
    let database = format!("sqlite:{}", folder.path().join("booking.db").display());
    let more = ["--after-sale", settings.to_str().unwrap()];
    let mut first = Service::start_with(&database, &jwks, &more);
    let _second = Service::start_with(&database, &jwks, &more);
    let request = Client::new()
        .post(first.url("/bookings"))
        .header("stanchion-pass", signer.pass("v"));
    let booked = Answer::of(request.json(&order("small-hours", 2)).send().await.unwrap()).await;
    receiver.heard(1).await;
    first.kill();
    let heard = receiver.heard(2).await;
    let id = format!("msg_{}_confirmed", booked.reference());
    assert_eq!(heard.len(), 2, "once by each process");
    assert!(heard.iter().all(|one| one.header("webhook-id") == id), "{heard:?}");
    assert_eq!(heard[0].body, heard[1].body);
}
