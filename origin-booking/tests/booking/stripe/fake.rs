//! A small Stripe: PaymentIntents with manual capture, refunds, idempotency keys, lists, signed webhooks, and every bad
//! mood on demand. Written from Stripe's documentation (API 2024-06-20): what it does not know it refuses.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State as Shared;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::hooks::Hooks;
use super::objects::{Form, Objects, Refusal, card_error, invalid};

/// What it does the next time that it is asked for something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// Does it; nobody hears so.
    LoseReply,
    /// Does nothing, and says so; with a key it will always say so.
    Fails500,
    /// Does nothing.
    Busy429,
    /// Does it at once, and says so after this time.
    LateReplyMs(u64),
}

#[derive(Clone)]
pub struct Fake(Arc<Inner>);

struct Inner {
    pub objects: Mutex<Objects>,
    moods: Mutex<BTreeMap<&'static str, VecDeque<Mood>>>,
    /// Key → what was asked with it, and what was answered.
    keys: Mutex<BTreeMap<String, (String, Option<Said>)>>,
    hooks: Hooks,
    address: String,
}

impl Fake {
    pub async fn start() -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let fake = Fake(Arc::new(Inner {
            objects: Mutex::new(Objects::at(&address)),
            moods: Mutex::default(),
            keys: Mutex::default(),
            hooks: Hooks::default(),
            address,
        }));
        let app = Router::new().fallback(serve).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        fake
    }

    pub fn url(&self) -> &str {
        &self.0.address
    }

    pub fn hooks(&self) -> &Hooks {
        &self.0.hooks
    }

    pub fn objects<T>(&self, look: impl FnOnce(&mut Objects) -> T) -> T {
        look(&mut self.0.objects.lock())
    }

    /// What becomes of the next requests for this: `create`, `confirm`, `capture`, `cancel`, `retrieve`, `refund`, `list`.
    pub fn will(&self, verb: &'static str, moods: &[Mood]) {
        self.0.moods.lock().entry(verb).or_default().extend(moods);
    }

    /// (set aside, taken and not given back), of all payments.
    pub fn money(&self) -> (u64, u64) {
        self.objects(|objects| objects.money())
    }

    /// What was answered to this key before; a new one is noted.
    fn known(&self, key: &str, asked: &str) -> Result<Option<Said>, Said> {
        let mut keys = self.0.keys.lock();
        match keys.get(key) {
            Some((before, _)) if before != asked => {
                Err(error(StatusCode::BAD_REQUEST, "idempotency_error", "other_parameters"))
            }
            Some((_, None)) => Err(error(
                StatusCode::CONFLICT,
                "invalid_request_error",
                "idempotency_key_in_use",
            )),
            Some((_, Some(known))) => Ok(Some(known.clone())),
            None => {
                keys.insert(key.to_owned(), (asked.to_owned(), None));
                Ok(None)
            }
        }
    }

    fn mood(&self, verb: &str) -> Option<Mood> {
        self.0.moods.lock().get_mut(verb)?.pop_front()
    }
}

type Said = (StatusCode, Value);

fn busy() -> Said {
    error(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit")
}

fn error(status: StatusCode, kind: &str, code: &str) -> (StatusCode, Value) {
    (status, json!({"error": {"type": kind, "code": code, "message": "no"}}))
}

/// What has begun is done, also when nobody waits for it any more.
async fn serve(Shared(fake): Shared<Fake>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let serving = tokio::spawn(async move { answered(&fake, &method, &uri, &headers, &body).await });
    serving.await.unwrap()
}

async fn answered(fake: &Fake, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Response {
    let path: Vec<&str> = uri.path().trim_start_matches('/').split('/').collect();
    if let ["bank", intent] = path.as_slice() {
        let events = fake.objects(|objects| objects.authenticate(intent));
        fake.hooks().tell(events).await;
        return StatusCode::OK.into_response();
    }
    let has = |name: &str, value: &str| headers.get(name).is_some_and(|there| there == value);
    if !has("authorization", "Bearer sk_test_fake") || !has("stripe-version", "2024-06-20") {
        let refused = error(StatusCode::UNAUTHORIZED, "invalid_request_error", "key_or_version");
        return answer(refused, false);
    }
    let text = match *method == Method::GET {
        true => uri.query().unwrap_or("").to_owned(),
        false => String::from_utf8(body.to_vec()).unwrap(),
    };
    let key = headers
        .get("idempotency-key")
        .map(|key| key.to_str().unwrap().to_owned());
    let asked = format!("{method} {} {text}", uri.path());
    let mood = fake.mood(verb(method, &path));
    let known = match &key {
        Some(key) => fake.known(key, &asked),
        None => Ok(None),
    };
    let (said, replayed) = match known {
        Err(conflict) => return answer(conflict, false),
        Ok(Some(_)) if mood == Some(Mood::Busy429) => (busy(), false),
        Ok(Some(known)) => (known, true),
        Ok(None) => {
            let form: Form = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            let (said, keep) = act(fake, verb(method, &path), &path, &form, mood).await;
            if let Some(key) = key {
                match keep {
                    true => fake.0.keys.lock().insert(key, (asked, Some(said.clone()))),
                    false => fake.0.keys.lock().remove(&key),
                };
            }
            (said, false)
        }
    };
    match mood {
        Some(Mood::LoseReply) => {
            let broken = futures::stream::iter([Ok(Bytes::from("{\"id\": ")), Err(std::io::Error::other("cut"))]);
            return Body::from_stream(broken).into_response();
        }
        Some(Mood::LateReplyMs(ms)) => tokio::time::sleep(Duration::from_millis(ms)).await,
        _ => {}
    }
    answer(said, replayed)
}

fn verb(method: &Method, path: &[&str]) -> &'static str {
    match (method.as_str(), path) {
        ("POST", ["v1", "payment_intents"]) => "create",
        ("POST", ["v1", "payment_intents", _, "confirm"]) => "confirm",
        ("POST", ["v1", "payment_intents", _, "capture"]) => "capture",
        ("POST", ["v1", "payment_intents", _, "cancel"]) => "cancel",
        ("GET", ["v1", "payment_intents", _]) => "retrieve",
        ("GET", ["v1", "payment_intents"]) => "list",
        ("POST", ["v1", "refunds"]) => "refund",
        ("GET", ["v1", "refunds"]) => "refunds",
        _ => "nothing",
    }
}

/// The answer, and whether it is remembered with its key.
async fn act(fake: &Fake, verb: &str, path: &[&str], form: &Form, mood: Option<Mood>) -> ((StatusCode, Value), bool) {
    match mood {
        Some(Mood::Fails500) => return (error(StatusCode::INTERNAL_SERVER_ERROR, "api_error", ""), true),
        Some(Mood::Busy429) => {
            return (
                error(StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit"),
                false,
            );
        }
        Some(Mood::LoseReply | Mood::LateReplyMs(_)) | None => {}
    }
    let id = path.get(2).copied().unwrap_or_default();
    let (said, events) = fake.objects(|objects| {
        let said = match verb {
            "create" => objects.create(form),
            "confirm" => objects.confirm(id, form),
            "capture" => objects.capture(id, form),
            "cancel" => objects.cancel(id, form),
            "retrieve" => objects.retrieve(id),
            "list" => objects.list(form),
            "refund" => objects.refund(form),
            "refunds" => objects.refunds(form),
            _ => Err(invalid("no_such_address")),
        };
        (said, std::mem::take(&mut objects.events))
    });
    // Before the reply, where the test wants it so.
    fake.hooks().tell(events).await;
    match said {
        Ok(document) => ((StatusCode::OK, document), true),
        Err(Refusal { status, body }) => ((status, body), status == card_error().status),
    }
}

fn answer((status, body): (StatusCode, Value), replayed: bool) -> Response {
    let mut response = (status, axum::Json(body)).into_response();
    if replayed {
        response
            .headers_mut()
            .insert("idempotent-replayed", "true".parse().unwrap());
    }
    response
}
