//! What the small Stripe has: intents and refunds, and what may be done with them.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::now_s;

pub type Form = BTreeMap<String, String>;

pub struct Refusal {
    pub status: StatusCode,
    pub body: Value,
}

pub fn invalid(code: &str) -> Refusal {
    let body = json!({"error": {"type": "invalid_request_error", "code": code, "message": "no"}});
    Refusal {
        status: StatusCode::BAD_REQUEST,
        body,
    }
}

pub fn card_error() -> Refusal {
    let body = json!({"error": {"type": "card_error", "code": "card_declined", "message": "no"}});
    Refusal {
        status: StatusCode::PAYMENT_REQUIRED,
        body,
    }
}

type Said = Result<Value, Refusal>;

pub struct Objects {
    /// In the order of their making.
    pub intents: Vec<Value>,
    pub refunds: Vec<Value>,
    /// Not told yet.
    pub events: Vec<Value>,
    bank: String,
    told: usize,
}

const CARDS: [&str; 5] = [
    "pm_card_visa",
    "pm_card_chargeDeclined",
    "pm_card_authenticationRequired",
    "pm_card_captureFails",
    "pm_card_refundFail",
];

/// `metadata[x]` → `{"x": …}`.
fn metadata(form: &Form) -> Value {
    let member = |(name, value): (&String, &String)| {
        let name = name.strip_prefix("metadata[")?.strip_suffix(']')?;
        Some((name.to_owned(), Value::from(value.as_str())))
    };
    Value::Object(form.iter().filter_map(member).collect())
}

fn only(form: &Form, known: &[&str]) -> Result<(), Refusal> {
    let strange = |name: &&String| !name.starts_with("metadata[") && !known.contains(&name.as_str());
    match form.keys().find(strange) {
        Some(_) => Err(invalid("parameter_unknown")),
        None => Ok(()),
    }
}

impl Objects {
    pub fn at(bank: &str) -> Objects {
        Objects {
            intents: Vec::new(),
            refunds: Vec::new(),
            events: Vec::new(),
            bank: bank.to_owned(),
            told: 0,
        }
    }

    pub fn money(&self) -> (u64, u64) {
        let sum = |field: &str| {
            self.intents
                .iter()
                .map(|intent| intent[field].as_u64().unwrap())
                .sum::<u64>()
        };
        let back = |intent: &Value| intent["latest_charge"]["amount_refunded"].as_u64().unwrap_or(0);
        (
            sum("amount_capturable"),
            sum("amount_received") - self.intents.iter().map(back).sum::<u64>(),
        )
    }

    fn tell(&mut self, kind: &str, object: Value) {
        self.told += 1;
        let id = format!("evt_{}", self.told);
        self.events
            .push(json!({"id": id, "type": kind, "created": now_s(), "data": {"object": object}}));
    }

    fn intent(&mut self, id: &str) -> Result<&mut Value, Refusal> {
        let found = self.intents.iter_mut().find(|intent| intent["id"] == id);
        found.ok_or_else(|| Refusal {
            status: StatusCode::NOT_FOUND,
            ..invalid("resource_missing")
        })
    }

    pub fn create(&mut self, form: &Form) -> Said {
        only(
            form,
            &[
                "amount",
                "currency",
                "capture_method",
                "payment_method_types[]",
                "payment_method",
            ],
        )?;
        let amount: u64 = form
            .get("amount")
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid("amount"))?;
        let method = form.get("payment_method").ok_or_else(|| invalid("payment_method"))?;
        if form.get("capture_method").is_none_or(|method| method != "manual") || amount < 50 {
            return Err(invalid("amount_too_small"));
        }
        if !CARDS.contains(&method.as_str()) {
            return Err(invalid("resource_missing"));
        }
        let intent = json!({
            "id": format!("pi_{}", self.intents.len() + 1), "object": "payment_intent", "amount": amount,
            "amount_capturable": 0, "amount_received": 0, "currency": form["currency"], "capture_method": "manual",
            "created": now_s(), "metadata": metadata(form), "payment_method": method, "status": "requires_confirmation",
            "next_action": null, "latest_charge": null,
        });
        self.intents.push(intent.clone());
        Ok(intent)
    }

    pub fn confirm(&mut self, id: &str, form: &Form) -> Said {
        only(form, &["return_url"])?;
        let bank = self.bank.clone();
        let intent = self.intent(id)?;
        if intent["status"] != "requires_confirmation" {
            return Err(invalid("payment_intent_unexpected_state"));
        }
        match intent["payment_method"].as_str().unwrap() {
            "pm_card_chargeDeclined" => {
                intent["status"] = "requires_payment_method".into();
                let told = intent.clone();
                self.tell("payment_intent.payment_failed", told);
                Err(card_error())
            }
            "pm_card_authenticationRequired" => {
                intent["status"] = "requires_action".into();
                let url = format!("{bank}/bank/{id}");
                intent["next_action"] = json!({"type": "redirect_to_url", "redirect_to_url": {"url": url, "return_url": form.get("return_url")}});
                Ok(intent.clone())
            }
            _ => Ok(self.set_aside(id)),
        }
    }

    fn set_aside(&mut self, id: &str) -> Value {
        let Ok(intent) = self.intent(id) else {
            return Value::Null;
        };
        intent["status"] = "requires_capture".into();
        intent["amount_capturable"] = intent["amount"].clone();
        intent["next_action"] = Value::Null;
        intent["latest_charge"] = json!({"id": format!("ch_{id}"), "amount_refunded": 0, "refunded": false});
        let told = intent.clone();
        self.tell("payment_intent.amount_capturable_updated", told.clone());
        told
    }

    /// The visitor says yes at the bank.
    pub fn authenticate(&mut self, id: &str) -> Vec<Value> {
        if self
            .intent(id)
            .is_ok_and(|intent| intent["status"] == "requires_action")
        {
            self.set_aside(id);
        }
        std::mem::take(&mut self.events)
    }

    pub fn capture(&mut self, id: &str, form: &Form) -> Said {
        only(form, &[])?;
        let intent = self.intent(id)?;
        if intent["status"] != "requires_capture" {
            return Err(invalid("payment_intent_unexpected_state"));
        }
        if intent["payment_method"] == "pm_card_captureFails" {
            return Err(card_error());
        }
        (intent["status"], intent["amount_capturable"]) = ("succeeded".into(), 0.into());
        intent["amount_received"] = intent["amount"].clone();
        let told = intent.clone();
        self.tell("payment_intent.succeeded", told.clone());
        Ok(told)
    }

    pub fn cancel(&mut self, id: &str, form: &Form) -> Said {
        only(form, &[])?;
        let intent = self.intent(id)?;
        if ["succeeded", "canceled", "processing"]
            .iter()
            .any(|status| intent["status"] == *status)
        {
            return Err(invalid("payment_intent_unexpected_state"));
        }
        (intent["status"], intent["amount_capturable"]) = ("canceled".into(), 0.into());
        let told = intent.clone();
        self.tell("payment_intent.canceled", told.clone());
        Ok(told)
    }

    pub fn retrieve(&mut self, id: &str) -> Said {
        self.intent(id).map(|intent| intent.clone())
    }

    pub fn list(&mut self, form: &Form) -> Said {
        only(
            form,
            &["limit", "starting_after", "created[gte]", "created[lte]", "expand[]"],
        )?;
        let bound = |name: &str| form.get(name).map(|text| text.parse::<u64>().unwrap());
        let inside = |intent: &&Value| {
            let at = intent["created"].as_u64().unwrap();
            bound("created[gte]").is_none_or(|from| at >= from) && bound("created[lte]").is_none_or(|until| at <= until)
        };
        let newest_first: Vec<Value> = self.intents.iter().rev().filter(inside).cloned().collect();
        page(&newest_first, form)
    }

    pub fn refund(&mut self, form: &Form) -> Said {
        only(form, &["payment_intent", "amount"])?;
        let id = form
            .get("payment_intent")
            .ok_or_else(|| invalid("payment_intent"))?
            .clone();
        let number = self.refunds.len() + 1;
        let intent = self.intent(&id)?;
        if intent["status"] != "succeeded" {
            return Err(invalid("charge_not_captured"));
        }
        if intent["latest_charge"]["refunded"] == true {
            return Err(invalid("charge_already_refunded"));
        }
        let amount = form
            .get("amount")
            .map_or_else(|| intent["amount"].as_u64().unwrap(), |text| text.parse().unwrap());
        let fails = intent["payment_method"] == "pm_card_refundFail";
        if !fails {
            let whole = amount == intent["amount"].as_u64().unwrap();
            intent["latest_charge"]["amount_refunded"] = amount.into();
            intent["latest_charge"]["refunded"] = whole.into();
        }
        let refund = json!({
            "id": format!("re_{number}"), "object": "refund", "amount": amount, "payment_intent": id,
            "metadata": metadata(form), "status": if fails { "failed" } else { "succeeded" },
        });
        self.refunds.push(refund.clone());
        let kind = if fails { "refund.failed" } else { "refund.updated" };
        self.tell(kind, refund.clone());
        Ok(refund)
    }

    pub fn refunds(&mut self, form: &Form) -> Said {
        only(form, &["limit", "starting_after", "payment_intent"])?;
        let of = |refund: &&Value| {
            form.get("payment_intent")
                .is_none_or(|id| refund["payment_intent"] == **id)
        };
        let newest_first: Vec<Value> = self.refunds.iter().rev().filter(of).cloned().collect();
        page(&newest_first, form)
    }
}

fn page(all: &[Value], form: &Form) -> Said {
    let limit: usize = form.get("limit").map_or(10, |text| text.parse().unwrap());
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit"));
    }
    let after = form.get("starting_after");
    let first = after.map_or(0, |id| {
        all.iter().position(|one| one["id"] == **id).map_or(0, |at| at + 1)
    });
    let rest = &all[first..];
    let data = &rest[..limit.min(rest.len())];
    Ok(json!({"object": "list", "data": data, "has_more": rest.len() > data.len()}))
}
