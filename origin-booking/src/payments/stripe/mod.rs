//! Stripe by its HTTP API: PaymentIntents that are captured by hand. An intent is made first and its name kept, then it is
//! confirmed: whatever is not known by name here can hold nobody's money. `capture` and `refund` look before they call
//! something failed.

mod http;
mod intent;
mod list;
mod settings;
mod signature;

use async_trait::async_trait;
use serde_json::Value;
use url::Url;

use super::books::{Entry, Page, Window};
use super::{BadWebhook, Charge, Event, Opened, Payment, Provider, Said};
use crate::shop::command::News;
use http::{Answer, Http};
use intent::Status;
pub use settings::{StripeSecret, StripeSettings};

/// Most refunds of one payment that are looked at.
const MAX_REFUNDS: &str = "100";
const INTENTS: &str = "payment_intents";

pub struct Stripe {
    http: Http,
    webhook_secrets: Vec<StripeSecret>,
    site: Option<Url>,
}

impl Stripe {
    /// # Errors
    /// Where no client can be made of the settings.
    pub fn new(settings: &StripeSettings) -> anyhow::Result<Stripe> {
        Ok(Stripe {
            http: Http::new(settings.api.clone(), &settings.key)?,
            webhook_secrets: settings.webhook_secrets.clone(),
            site: settings.site.clone(),
        })
    }

    async fn status(&self, reference: &str) -> Option<Status> {
        match self.http.get(&[INTENTS, reference], &[]).await {
            Answer::Document(intent) => intent::status(&intent),
            Answer::Refused(status, why) => {
                tracing::error!(
                    reference,
                    status,
                    why,
                    "Stripe does not know a payment; was its key changed?"
                );
                None
            }
            Answer::Spoilt | Answer::Unknown => None,
        }
    }

    /// Where the bank sends the visitor back to.
    fn return_url(&self, payment: &Payment) -> Option<String> {
        let mut url = self.site.clone()?;
        url.path_segments_mut()
            .ok()?
            .pop_if_empty()
            .extend(["orders", payment.order.as_str()]);
        Some(url.into())
    }

    async fn cancelled(&self, reference: &str) -> Option<News> {
        // Without a key: to cancel twice is harmless, and a key would repeat a refusal for a day.
        let answer = self.http.post(&[INTENTS, reference, "cancel"], &[], None).await;
        let status = match answer {
            Answer::Document(intent) => intent::status(&intent),
            _ => self.status(reference).await,
        };
        match status? {
            Status::Cancelled => Some(News::LetGo),
            Status::Taken => Some(News::Captured),
            Status::Open | Status::ActionNeeded | Status::Processing | Status::SetAside => None,
        }
    }

    /// What a confirmed intent says.
    async fn said(&self, reference: &str, intent: &Value) -> Option<Said> {
        match intent::status(intent)? {
            Status::SetAside => Some(News::Authorised.into()),
            Status::Taken => Some(News::Captured.into()),
            Status::Open | Status::Cancelled => Some(News::Declined.into()),
            Status::ActionNeeded => match intent::next_action(intent) {
                Some(address) => Some(Said::Elsewhere(address)),
                None => self.given_up(reference).await,
            },
            Status::Processing => None,
        }
    }

    /// It cannot be paid like this; what there is of it is cancelled first.
    async fn given_up(&self, reference: &str) -> Option<Said> {
        match self.cancelled(reference).await? {
            News::LetGo => Some(News::Declined.into()),
            news => Some(news.into()),
        }
    }

    /// A refund of ours that was made, or is under way; or what became of this try. Somebody else's may be of a part.
    async fn known_refund(&self, reference: &str, tries: u32) -> Option<Option<Value>> {
        let query = [("payment_intent", reference), ("limit", MAX_REFUNDS)];
        let Answer::Document(list) = self.http.get(&["refunds"], &query).await else {
            return None;
        };
        let is_wanted = |refund: &&Value| {
            let ours = refund.pointer("/metadata/stanchion_try").and_then(Value::as_str);
            let status = refund.get("status").and_then(Value::as_str);
            let is_made = matches!(status, Some("succeeded" | "pending" | "requires_action"));
            ours.is_some_and(|number| is_made || number == tries.to_string())
        };
        Some(list.get("data")?.as_array()?.iter().find(is_wanted).cloned())
    }
}

fn key(payment: &Payment, verb: &str) -> String {
    format!("{}:{}:{verb}", payment.order, payment.attempt)
}

#[async_trait]
impl Provider for Stripe {
    async fn open(&self, charge: &Charge) -> Option<Opened> {
        let Charge {
            payment, instrument, ..
        } = charge;
        let (amount, currency) = (charge.amount_minor.to_string(), charge.currency.to_ascii_lowercase());
        let attempt = payment.attempt.to_string();
        let (order_name, attempt_name) = (
            format!("metadata[{}]", intent::ORDER),
            format!("metadata[{}]", intent::ATTEMPT),
        );
        let form = [
            ("amount", amount.as_str()),
            ("currency", &currency),
            ("capture_method", "manual"),
            ("payment_method_types[]", "card"),
            ("payment_method", instrument),
            (&order_name, payment.order.as_str()),
            (&attempt_name, &attempt),
        ];
        if !instrument.starts_with("pm_") {
            return Some(Opened::Refused);
        }
        match self.http.post(&[INTENTS], &form, Some(&key(payment, "create"))).await {
            Answer::Document(document) => intent::name(&document).map(Opened::Named),
            // Nothing was confirmed: it holds no money, whether it was made or not.
            Answer::Refused(..) | Answer::Spoilt => Some(Opened::Refused),
            Answer::Unknown => None,
        }
    }

    async fn authorise(&self, charge: &Charge) -> Option<Said> {
        let payment = &charge.payment;
        let reference: &str = payment.reference.as_ref()?;
        let back = self.return_url(payment);
        let form: Vec<(&str, &str)> = back.iter().map(|back| ("return_url", back.as_str())).collect();
        let answer = self
            .http
            .post(&[INTENTS, reference, "confirm"], &form, Some(&key(payment, "confirm")))
            .await;
        match answer {
            Answer::Document(intent) => self.said(reference, &intent).await,
            // The card was declined.
            Answer::Refused(402, _) => Some(News::Declined.into()),
            Answer::Refused(..) | Answer::Spoilt => match self.status(reference).await? {
                Status::SetAside => Some(News::Authorised.into()),
                Status::Taken => Some(News::Captured.into()),
                Status::Cancelled => Some(News::Declined.into()),
                Status::Open | Status::ActionNeeded => self.given_up(reference).await,
                Status::Processing => None,
            },
            Answer::Unknown => None,
        }
    }

    async fn capture(&self, payment: &Payment) -> Option<News> {
        let Some(reference) = payment.reference.as_deref() else {
            return Some(News::CaptureFailed);
        };
        let path = [INTENTS, reference, "capture"];
        let refused = match self.http.post(&path, &[], Some(&key(payment, "capture"))).await {
            Answer::Document(intent) if intent::status(&intent) == Some(Status::Taken) => return Some(News::Captured),
            Answer::Refused(status, _) => status != 401 && status != 403,
            // Its key is worth nothing any more. An intent is captured once, with or without a key.
            Answer::Spoilt => {
                self.http.post(&path, &[], None).await;
                false
            }
            Answer::Document(_) => false,
            Answer::Unknown => return None,
        };
        match self.status(reference).await? {
            Status::Taken => Some(News::Captured),
            Status::SetAside if !refused => None,
            Status::SetAside | Status::Open | Status::ActionNeeded | Status::Cancelled => Some(News::CaptureFailed),
            Status::Processing => None,
        }
    }

    async fn look(&self, payment: &Payment) -> Option<News> {
        // Without a name nothing was ever confirmed.
        let Some(reference) = payment.reference.as_deref() else {
            return Some(News::LetGo);
        };
        Some(match self.status(reference).await? {
            Status::SetAside => News::Authorised,
            Status::Taken => News::Captured,
            Status::Cancelled => News::LetGo,
            Status::Open | Status::ActionNeeded | Status::Processing => News::Declined,
        })
    }

    async fn cancel(&self, payment: &Payment) -> Option<News> {
        match payment.reference.as_deref() {
            Some(reference) => self.cancelled(reference).await,
            None => Some(News::LetGo),
        }
    }

    async fn refund(&self, payment: &Payment, tries: u32) -> Option<News> {
        let Some(reference) = payment.reference.as_deref() else {
            return Some(News::RefundFailed);
        };
        if let Some(refund) = self.known_refund(reference, tries).await? {
            return intent::refunded(&refund);
        }
        let (number, attempt) = (tries.to_string(), payment.attempt.to_string());
        let (order_name, attempt_name) = (
            format!("metadata[{}]", intent::ORDER),
            format!("metadata[{}]", intent::ATTEMPT),
        );
        let form = [
            ("payment_intent", reference),
            (&order_name, payment.order.as_str()),
            (&attempt_name, &attempt),
            ("metadata[stanchion_try]", &number),
        ];
        match self
            .http
            .post(&["refunds"], &form, Some(&key(payment, &format!("refund-{tries}"))))
            .await
        {
            Answer::Document(refund) => intent::refunded(&refund),
            Answer::Refused(401 | 403, _) | Answer::Unknown => None,
            // Also where all of it was given back already: that is found by looking the next time.
            Answer::Refused(_, why) if why.contains("charge_already_refunded") => Some(News::Refunded),
            Answer::Refused(..) | Answer::Spoilt => Some(News::RefundFailed),
        }
    }

    async fn list(&self, window: Window, after: Option<&str>) -> Option<Page> {
        list::page(&self.http, window, after).await
    }

    async fn entry(&self, reference: &str) -> Option<Option<Entry>> {
        list::one(&self.http, reference).await
    }

    fn webhook(&self, signature: &str, body: &[u8], now_s: u64) -> Result<Option<Event>, BadWebhook> {
        if self.webhook_secrets.is_empty() {
            return Err(BadWebhook::NotTaken);
        }
        signature::check(signature, body, &self.webhook_secrets, now_s).map_err(|flaw| {
            BadWebhook::Signature(match flaw {
                signature::Flaw::Malformed => "There is no signature that can be read.",
                signature::Flaw::Untimely => "It was signed too long ago, or in the future.",
                signature::Flaw::Foreign => "It was signed by somebody else.",
            })
        })?;
        let event: Value = serde_json::from_slice(body).map_err(|_| BadWebhook::Body)?;
        Ok(intent::told(&event).map(|(id, heard)| Event { id: id.into(), heard }))
    }
}
