//! The small Stripe's webhooks: signed, and sent in the way that a test wants.

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use sha2::Sha256;

use crate::support::now_s;

pub const SECRET: &str = "whsec_fake";

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Style {
    /// Kept until the test sends them.
    #[default]
    Held,
    /// Each twice, before the reply to what caused it.
    TwiceBeforeTheReply,
}

#[derive(Default)]
pub struct Hooks {
    to: Mutex<Option<String>>,
    style: Mutex<Style>,
    held: Mutex<Vec<Value>>,
}

impl Hooks {
    pub fn send_to(&self, url: &str, style: Style) {
        (*self.to.lock(), *self.style.lock()) = (Some(url.to_owned()), style);
    }

    pub fn held(&self) -> Vec<Value> {
        self.held.lock().clone()
    }

    pub async fn tell(&self, events: Vec<Value>) {
        let style = *self.style.lock();
        for event in events {
            if style == Style::TwiceBeforeTheReply {
                self.send(&event).await;
                self.send(&event).await;
            }
            self.held.lock().push(event);
        }
    }

    pub async fn send(&self, event: &Value) -> StatusCode {
        let body = event.to_string();
        let signature = signed(SECRET, now_s(), &body);
        self.send_raw(&body, Some(&signature)).await
    }

    pub async fn send_raw(&self, body: &str, signature: Option<&str>) -> StatusCode {
        let Some(url) = self.to.lock().clone() else {
            return StatusCode::NOT_FOUND;
        };
        let mut request = Client::new()
            .post(url)
            .header("content-type", "application/json")
            .body(body.to_owned());
        if let Some(signature) = signature {
            request = request.header("stripe-signature", signature);
        }
        request
            .send()
            .await
            .map_or(StatusCode::BAD_GATEWAY, |response| response.status())
    }
}

pub fn signed(secret: &str, at_s: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at_s}.{body}").as_bytes());
    let hex: String = mac
        .finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("t={at_s},v1={hex}")
}
