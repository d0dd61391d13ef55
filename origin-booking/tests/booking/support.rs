//! A signer of passes, and a service that believes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use stanchion_booking::clock::Clock;
use stanchion_booking::payments::{Provider, Simulated};
use stanchion_booking::post::AfterSale;
use stanchion_booking::shop::catalogue::{Event, Price};
use stanchion_booking::{Config, Database, KeySource, Running, install_crypto, serve};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub const ROOM: &str = "sale";
pub const FRONT_DOOR: &str = "https://tickets.example.org/?a=1&b=<x>";

pub struct Signer {
    pub kid: &'static str,
    key: EncodingKey,
}

impl Signer {
    pub fn new(kid: &'static str, seed: u8) -> Signer {
        install_crypto();
        let mut der = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
        der.extend([seed; 32]);
        Signer {
            kid,
            key: EncodingKey::from_ed_der(&der),
        }
    }

    pub fn jwks(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA).unwrap();
        let AlgorithmParameters::OctetKeyPair(public) = jwk.algorithm else {
            panic!("an Ed25519 key")
        };
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": public.x, "kid": self.kid, "alg": "EdDSA", "use": "sig"});
        json!({ "keys": [key] })
    }

    /// A good pass of this visitor, with these members of header and claims put in their place.
    pub fn pass_with(&self, visitor: &str, header_typ: &str, claims: Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(header_typ.to_owned());
        header.kid = Some(self.kid.to_owned());
        let now = now_s();
        let mut all = json!({
            "iss": "https://tickets.example.org", "aud": ROOM, "sub": visitor, "jti": format!("j-{visitor}"),
            "iat": now, "nbf": now, "exp": now + 600, "arr": now * 1_000_000, "adm": now * 1_000_000, "token_use": "access",
        });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        jsonwebtoken::encode(&header, &all, &self.key).unwrap()
    }

    pub fn pass(&self, visitor: &str) -> String {
        self.pass_with(visitor, "stanchion-pass+jwt", json!({}))
    }
}

#[allow(clippy::disallowed_methods)] // the service under test has the real clock
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub fn event(id: &str, seats: u32) -> Event {
    let price = Price {
        currency: "EUR".to_owned(),
        minor: 1_250,
    };
    Event {
        id: id.into(),
        title: format!("<b>{id}</b>"),
        venue: "Hall".into(),
        when: "Today".into(),
        starts_at_ms: 0,
        price,
        seats,
        hall: None,
        cap: 8,
    }
}

pub const TOKEN: &str = "organiser-token-organiser-token-0";
pub const DOOR_TOKEN: &str = "door-token-door-token-door-token-0";

pub struct Booth {
    pub provider: Arc<Simulated>,
    /// Milliseconds by which the service's clock is ahead.
    ahead_ms: Arc<AtomicU64>,
    pub running: Running,
    pub signer: Signer,
    pub client: Client,
    pub folder: TempDir,
}

/// What is not as usual.
#[derive(Default)]
pub struct With {
    pub provider: Option<Arc<dyn Provider>>,
    pub after_sale: AfterSale,
    pub clock: Option<Clock>,
    pub database: Option<Database>,
}

impl Booth {
    pub async fn open(seats: u32) -> Booth {
        let folder = tempfile::tempdir().unwrap();
        Booth::reopen(folder, seats).await
    }

    /// With another provider than the simulated one.
    pub async fn open_with(seats: u32, provider: Arc<dyn Provider>) -> Booth {
        let with = With {
            provider: Some(provider),
            ..With::default()
        };
        Booth::open_so(seats, with).await
    }

    pub async fn open_so(seats: u32, with: With) -> Booth {
        Booth::make(tempfile::tempdir().unwrap(), seats, with).await
    }

    pub async fn reopen(folder: TempDir, seats: u32) -> Booth {
        Booth::make(folder, seats, With::default()).await
    }

    async fn make(folder: TempDir, seats: u32, with: With) -> Booth {
        let signer = Signer::new("k1", 7);
        let jwks = signer.jwks();
        let own = Database::Sqlite(folder.path().join("booking.db"));
        let database = with.database.unwrap_or(own);
        let (provider, ahead_ms) = (Arc::new(Simulated::default()), Arc::new(AtomicU64::new(0)));
        let (clock, ahead) = (stanchion_booking::clock::system(), Arc::clone(&ahead_ms));
        let config = Config {
            after_sale: with.after_sale,
            provider: with
                .provider
                .unwrap_or_else(|| Arc::clone(&provider) as Arc<dyn Provider>),
            organiser_token: Some(TOKEN.to_owned()),
            door_token: Some(DOOR_TOKEN.to_owned()),
            clock: with
                .clock
                .unwrap_or_else(|| Arc::new(move || clock() + ahead.load(Relaxed))),
            front_door: FRONT_DOOR.to_owned(),
            issuer: Some("https://tickets.example.org".to_owned()),
            catalogue: vec![event("gala", seats), event("matinee", 1_000)],
            ..Config::new(database, KeySource::Callback(Arc::new(move || jwks.clone())))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let running = serve(config, listener).await.unwrap();
        let client = Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        Booth {
            provider,
            ahead_ms,
            running,
            signer,
            client,
            folder,
        }
    }

    pub fn pass_time(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Relaxed);
    }

    /// A call of the organiser's.
    pub async fn organise(&self, path: &str, body: Value) -> Answer {
        let request = self.post(&format!("/api/v1/organiser{path}"));
        let request = request.bearer_auth(TOKEN).header("idempotency-key", path).json(&body);
        Answer::of(request.send().await.unwrap()).await
    }

    pub async fn differences(&self) -> Value {
        let asked = self.get("/api/v1/organiser/differences").bearer_auth(TOKEN);
        asked.send().await.unwrap().json().await.unwrap()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address())
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.url(path))
    }

    pub async fn book(&self, visitor: &str, key: Option<&str>, order: Value) -> Answer {
        let mut request = self
            .post("/bookings")
            .header("stanchion-pass", self.signer.pass(visitor))
            .json(&order);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// As a browser sees it.
    pub async fn page(&self, visitor: &str, path: &str) -> String {
        let request = self.get(path).header("accept", "text/html");
        let request = request.header("stanchion-pass", self.signer.pass(visitor));
        request.send().await.unwrap().text().await.unwrap()
    }

    /// As the list of events says it.
    pub async fn left(&self, event: &str) -> u64 {
        let list = self
            .get("/api/v1/events")
            .header("stanchion-pass", self.signer.pass("onlooker"));
        let list: Value = list.send().await.unwrap().json().await.unwrap();
        let known = list["events"]
            .as_array()
            .unwrap()
            .iter()
            .find(|known| known["id"] == event)
            .unwrap();
        known["left"].as_u64().unwrap()
    }
}

pub fn order(event: &str, seats: u32) -> Value {
    json!({"event": event, "seats": seats, "name": "Ada"})
}

pub struct Answer {
    pub status: StatusCode,
    pub released: bool,
    pub replayed: bool,
    pub headers: reqwest::header::HeaderMap,
    pub body: Value,
}

impl Answer {
    pub async fn of(response: Response) -> Answer {
        let headers = response.headers().clone();
        let has = |name: &str, value: &str| headers.get(name).is_some_and(|there| there == value);
        let (released, replayed) = (has("stanchion-command", "release"), has("idempotency-replayed", "true"));
        let (status, path) = (response.status(), response.url().path().to_owned());
        let body = response.json().await.unwrap_or(Value::Null);
        crate::openapi::assert_promised(&path, status, &headers, &body);
        Answer {
            status,
            released,
            replayed,
            headers,
            body,
        }
    }

    pub fn reference(&self) -> &str {
        self.body["booking"]["reference"].as_str().unwrap()
    }

    pub fn problem(&self) -> &str {
        self.body["type"].as_str().unwrap().rsplit(':').next().unwrap()
    }
}
