//! The keys' address down, slow, huge or lying (T5), on a clock that the tests move.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::keys::{KeySource, Missing, PassKeys};

/// RFC 8037, appendix A.2.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn key(kid: &str) -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": kid, "use": "sig", "alg": "EdDSA"})
}

fn keys(kids: &[&str]) -> Value {
    json!({"keys": kids.iter().map(|kid| key(kid)).collect::<Vec<_>>()})
}

/// A source whose answer can be changed, and how often it was asked.
struct Source {
    answer: Arc<Mutex<Value>>,
    asked: Arc<AtomicUsize>,
    keys: PassKeys,
}

fn source(first: Value) -> Source {
    crate::install_crypto();
    let (answer, asked) = (Arc::new(Mutex::new(first)), Arc::new(AtomicUsize::new(0)));
    let (says, counts) = (Arc::clone(&answer), Arc::clone(&asked));
    let callback = move || {
        counts.fetch_add(1, SeqCst);
        says.lock().clone()
    };
    let keys = PassKeys::new(KeySource::Callback(Arc::new(callback))).unwrap();
    Source { answer, asked, keys }
}

impl Source {
    async fn finds(&self, kid: &str) -> bool {
        self.keys.find(kid).await.is_ok()
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

async fn pass_time(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn t5_a_flood_of_unknown_kids_costs_one_fetch_in_ten_seconds() {
    let source = source(keys(&["a"]));
    assert!(source.finds("a").await);
    for second in 0..60 {
        for flood in 0..100 {
            assert!(!source.finds(&format!("x{second}-{flood}")).await);
        }
        assert!(source.finds("a").await, "and good passes go on");
        pass_time(1).await;
    }
    assert!(source.asked() <= 7, "{} fetches in a minute", source.asked());
}

#[tokio::test(start_paused = true)]
async fn t5_a_hundred_at_once_wait_for_one_fetch() {
    let source = source(keys(&["a"]));
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let keys = source.keys.clone();
            tokio::spawn(async move { keys.find("a").await.is_ok() })
        })
        .collect();
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert_eq!(source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn t5_a_new_key_is_found_and_an_old_one_forgotten_when_it_is_withdrawn() {
    let source = source(keys(&["a"]));
    assert!(source.finds("a").await);
    *source.answer.lock() = keys(&["a", "b"]);
    assert!(!source.finds("b").await, "asked too lately");
    pass_time(10).await;
    assert!(source.finds("b").await);
    *source.answer.lock() = keys(&["b"]);
    pass_time(301).await;
    assert!(source.finds("a").await, "served while it is fetched again");
    tokio::task::yield_now().await;
    assert!(!source.finds("a").await);
    assert!(source.finds("b").await);
}

#[tokio::test(start_paused = true)]
async fn t5_old_keys_are_served_for_a_day_while_the_address_is_away_or_lies() {
    let source = source(keys(&["a"]));
    assert!(source.finds("a").await);
    let many: Vec<String> = (0..17).map(|at| format!("k{at}")).collect();
    let too_many = keys(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let useless = json!({"keys": [{"kty": "RSA", "n": "x", "e": "AQAB", "kid": "a"}]});
    for (hour, lie) in [
        json!(null),
        json!({}),
        json!({"keys": {}}),
        json!({"keys": []}),
        too_many,
        useless,
    ]
    .into_iter()
    .enumerate()
    {
        *source.answer.lock() = lie;
        pass_time(3 * 3_600).await;
        assert!(source.finds("a").await, "hour {hour}");
        tokio::task::yield_now().await;
    }
    pass_time(7 * 3_600).await;
    assert!(!source.finds("a").await, "more than a day");
    *source.answer.lock() = keys(&["a"]);
    pass_time(10).await;
    assert!(source.finds("a").await);
}

#[tokio::test(start_paused = true)]
async fn t5_without_any_keys_it_is_not_the_visitors_fault() {
    let source = source(json!({"keys": []}));
    assert_eq!(source.keys.find("a").await.err(), Some(Missing::Unreachable));
    *source.answer.lock() = keys(&["b"]);
    pass_time(10).await;
    assert_eq!(source.keys.find("a").await.err(), Some(Missing::Unknown));
}

#[test]
fn t1_a_key_is_for_one_algorithm_and_for_signatures() {
    let read = |mut key: Value, name: &str, value: Value| {
        key[name] = value;
        super::jwks::read(json!({"keys": [key]}).to_string().as_bytes()).is_ok()
    };
    assert!(read(key("a"), "kid", json!("b")));
    for (name, value) in [
        ("alg", json!("ES256")),
        ("alg", json!("HS256")),
        ("use", json!("enc")),
        ("crv", json!("X25519")),
        ("kty", json!("oct")),
        ("kid", json!("../../x")),
        ("kid", json!(7)),
        ("kid", json!("")),
        ("x", json!("!")),
        ("y", json!("AAAA")),
    ] {
        assert!(!read(key("a"), name, value.clone()), "{name} = {value}");
    }
}

/// Real sockets: what an address can do to whoever asks it.
#[tokio::test]
async fn t5_huge_redirecting_and_failing_addresses_are_borne() {
    crate::install_crypto();
    let good = keys(&["a"]).to_string();
    let huge = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(100_000));
    let answer = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nlocation: /again\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    for (name, answer, found) in [
        ("good", answer("200 OK", &good), true),
        ("huge", answer("200 OK", &huge), false),
        ("moved", answer("302 Found", &good), false),
        ("broken", answer("500 Internal Server Error", &good), false),
        ("no HTTP", "hello".to_owned(), false),
        ("nothing", String::new(), false),
    ] {
        let url = serve_once(answer).await;
        let keys = PassKeys::new(KeySource::Url(url.parse().unwrap())).unwrap();
        assert_eq!(keys.find("a").await.is_ok(), found, "{name}");
    }
}

async fn serve_once(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 2_048];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}
