//! What Stripe's documents mean: an intent's status, whose it is, what an event tells. Pure.

use serde_json::Value;

use crate::payments::{Payment, Reference};
use crate::shop::command::{Heard, News};

/// In the metadata of each intent and refund: whose it is.
pub(super) const ORDER: &str = "stanchion_order";
pub(super) const ATTEMPT: &str = "stanchion_attempt";
/// Longest name of an object.
const MAX_NAME: usize = 100;
/// Longest address that a visitor is sent to.
const MAX_ADDRESS: usize = 4_096;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Status {
    /// Nothing is set aside; it could still be paid with.
    Open,
    /// The visitor is to say yes elsewhere.
    ActionNeeded,
    /// Nothing can be said or done now.
    Processing,
    SetAside,
    Taken,
    Cancelled,
}

pub(super) fn status(intent: &Value) -> Option<Status> {
    Some(match intent.get("status")?.as_str()? {
        "requires_payment_method" | "requires_confirmation" => Status::Open,
        "requires_action" => Status::ActionNeeded,
        "processing" => Status::Processing,
        "requires_capture" => Status::SetAside,
        "succeeded" => Status::Taken,
        "canceled" => Status::Cancelled,
        _ => return None,
    })
}

/// Where the visitor is to go.
pub(super) fn next_action(intent: &Value) -> Option<String> {
    let address = intent.pointer("/next_action/redirect_to_url/url")?.as_str()?;
    // Over plain HTTP only to this machine, where the tests' bank is.
    let safe = address.starts_with("https://") || address.starts_with("http://127.0.0.1:");
    (safe && address.len() <= MAX_ADDRESS).then(|| address.to_owned())
}

/// An object's own name.
pub(super) fn name(object: &Value) -> Option<Reference> {
    plain(object.get("id")?.as_str()?)
}

fn plain(name: &str) -> Option<Reference> {
    let good =
        (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    good.then(|| name.into())
}

/// Whose payment this is. `None`: not one of ours.
pub(super) fn payment(object: &Value, reference: Option<Reference>) -> Option<Payment> {
    let word = |name: &str| object.get("metadata")?.get(name)?.as_str();
    let order = word(ORDER).filter(|order| (1..=MAX_NAME).contains(&order.len()))?;
    Some(Payment {
        order: order.into(),
        attempt: word(ATTEMPT)?.parse().ok()?,
        reference: Some(reference?),
    })
}

/// What became of a refund. `None`: nobody knows yet.
pub(super) fn refunded(refund: &Value) -> Option<News> {
    match refund.get("status")?.as_str()? {
        "succeeded" => Some(News::Refunded),
        "failed" | "canceled" => Some(News::RefundFailed),
        _ => None,
    }
}

/// What an event tells of a payment of ours; its id beside it. `None`: nothing, or of somebody else's.
pub(super) fn told(event: &Value) -> Option<(String, Heard)> {
    let id = plain(event.get("id")?.as_str()?)?;
    let object = event.pointer("/data/object")?;
    let intent = || plain(object.get("payment_intent")?.as_str()?);
    let (news, reference) = match event.get("type")?.as_str()? {
        "payment_intent.amount_capturable_updated" if status(object) == Some(Status::SetAside) => {
            (News::Authorised, name(object))
        }
        "payment_intent.succeeded" => (News::Captured, name(object)),
        "payment_intent.canceled" => (News::LetGo, name(object)),
        "payment_intent.payment_failed" => (News::Declined, name(object)),
        // In part is for the comparison of all payments to find.
        "charge.refunded" if object.get("refunded")?.as_bool()? => (News::Refunded, intent()),
        "charge.refund.updated" | "refund.updated" | "refund.failed" => (refunded(object)?, intent()),
        _ => return None,
    };
    let payment = payment(object, reference)?;
    Some((id.to_string(), Heard { payment, news }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(kind: &str, object: Value) -> Value {
        json!({"id": "evt_1", "type": kind, "data": {"object": object}})
    }

    #[test]
    fn events_and_what_they_tell() {
        let ours = json!({ORDER: "o", ATTEMPT: "2"});
        let intent = |status: &str| json!({"id": "pi_1", "status": status, "metadata": ours});
        let charge = |whole: bool| json!({"id": "ch_1", "payment_intent": "pi_1", "refunded": whole, "metadata": ours});
        let refund = |status: &str| json!({"id": "re_1", "payment_intent": "pi_1", "status": status, "metadata": ours});
        for (kind, object, news) in [
            (
                "payment_intent.amount_capturable_updated",
                intent("requires_capture"),
                Some(News::Authorised),
            ),
            ("payment_intent.amount_capturable_updated", intent("canceled"), None),
            ("payment_intent.succeeded", intent("succeeded"), Some(News::Captured)),
            ("payment_intent.canceled", intent("canceled"), Some(News::LetGo)),
            (
                "payment_intent.payment_failed",
                intent("requires_payment_method"),
                Some(News::Declined),
            ),
            ("payment_intent.created", intent("requires_confirmation"), None),
            ("charge.refunded", charge(true), Some(News::Refunded)),
            ("charge.refunded", charge(false), None),
            ("refund.failed", refund("failed"), Some(News::RefundFailed)),
            ("charge.refund.updated", refund("succeeded"), Some(News::Refunded)),
            ("refund.updated", refund("pending"), None),
        ] {
            let told = told(&event(kind, object));
            assert_eq!(told.as_ref().map(|(_, heard)| heard.news), news, "{kind}");
            if let Some((id, heard)) = told {
                assert_eq!(
                    (id.as_str(), heard.payment.attempt, heard.payment.reference.as_deref()),
                    ("evt_1", 2, Some("pi_1"))
                );
            }
        }
    }

    #[test]
    fn what_is_not_ours_or_not_well_formed_tells_nothing() {
        let ours = json!({ORDER: "o", ATTEMPT: "2"});
        for object in [
            json!({"id": "pi_1", "metadata": {}}),
            json!({"id": "pi_1"}),
            json!({"id": "pi_1", "metadata": {ORDER: "o", ATTEMPT: "-1"}}),
            json!({"id": "pi_1", "metadata": {ORDER: "", ATTEMPT: "1"}}),
            json!({"id": "../pi_1", "metadata": ours}),
            json!({"id": 7, "metadata": ours}),
            json!("pi_1"),
            Value::Null,
        ] {
            assert_eq!(
                told(&event("payment_intent.succeeded", object.clone())),
                None,
                "{object}"
            );
        }
        for whole in [
            json!({}),
            json!([]),
            json!({"id": "evt_1", "type": "payment_intent.succeeded"}),
        ] {
            assert_eq!(told(&whole), None);
        }
    }

    #[test]
    fn nobody_is_sent_to_a_script() {
        let to = |url: &str| next_action(&json!({"next_action": {"redirect_to_url": {"url": url}}}));
        assert!(to("https://bank.example.org/x").is_some());
        assert!(to("javascript:alert(1)").is_none() && to("http://bank.example.org/").is_none());
    }
}
