//! Every refusal of the API with its status, and which calls may hear it: what stands beside the handler, and what follows
//! from a call's form: who may call, whether it has a body, a key, an effect.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// The last part of each problem's `type`, and its status.
const PROBLEMS: &[(&str, u16)] = &[
    ("bad-order", 400),
    ("bad-request", 400),
    ("bad-address", 400),
    ("bad-query", 400),
    ("bad-signature", 400),
    ("bad-event", 400),
    ("bad-key", 400),
    ("key-required", 400),
    ("nothing-asked", 400),
    ("seat-twice", 400),
    ("no-name", 400),
    ("no-such-option", 400),
    ("bad-listing", 400),
    ("not-a-ticket", 400),
    ("pass-required", 401),
    ("token-required", 401),
    ("payment-declined", 402),
    ("cross-site", 403),
    ("wrong-scope", 403),
    ("forged-ticket", 403),
    ("unknown-event", 404),
    ("not-numbered", 404),
    ("no-such-seat", 404),
    ("unknown-order", 404),
    ("unknown-code", 404),
    ("unknown-campaign", 404),
    ("unknown-poll", 404),
    ("unknown-delivery", 404),
    ("unknown-tickets", 404),
    ("not-found", 404),
    ("method-not-allowed", 405),
    ("sold-out", 409),
    ("none-together", 409),
    ("seat-taken", 409),
    ("too-many-seats", 409),
    ("wrong-stage", 409),
    ("hold-over", 409),
    ("code-spent", 409),
    ("coupons-gone", 409),
    ("coupon-had", 409),
    ("too-few-points", 409),
    ("poll-closed", 409),
    ("voted", 409),
    ("nothing-to-wait-for", 409),
    ("waits-already", 409),
    ("in-flight", 409),
    ("payment-failed", 409),
    ("refund-refused", 409),
    ("ticket-used", 409),
    ("wrong-event", 409),
    ("ticket-cancelled", 410),
    ("too-large", 413),
    ("media-type", 415),
    ("key-reused", 422),
    ("too-many-keys", 429),
    ("too-many-tokens", 429),
    ("failed", 500),
    ("try-again", 503),
    ("standby", 503),
    ("not-known", 503),
    ("keys-away", 503),
];

/// What stands beside a handler, in its `extensions`.
const BESIDE: &str = "x-problems";

/// Puts the refusals into every operation of the document.
pub(super) fn complete(document: &mut Value) {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, methods) in paths.into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let Some(operation) = operation.as_object_mut() else {
                continue;
            };
            let heard = heard(path, method, operation);
            operation.remove(BESIDE);
            let responses = operation.entry("responses").or_insert_with(|| json!({}));
            for (status, kinds) in by_status(&heard) {
                responses[status.to_string()] = answer(status, &kinds);
            }
        }
    }
}

/// All that a call may hear.
fn heard(path: &str, method: &str, operation: &Map<String, Value>) -> BTreeSet<String> {
    let beside = operation.get(BESIDE).and_then(Value::as_array).into_iter().flatten();
    let mut heard: BTreeSet<String> = beside.filter_map(Value::as_str).map(str::to_owned).collect();
    let mut also = |kinds: &[&str]| heard.extend(kinds.iter().map(|kind| (*kind).to_owned()));
    let changes = method != "get";
    let may_call = |who: &str| {
        let ways = operation.get("security").and_then(Value::as_array);
        ways.is_some_and(|ways| ways.iter().any(|way| way.get(who).is_some()))
    };
    if may_call("pass") {
        also(&["pass-required", "keys-away", "try-again"]);
    }
    if may_call("pass") && changes {
        also(&["cross-site"]);
    }
    if may_call("organiser") {
        also(&["token-required", "too-many-tokens", "try-again"]);
    }
    if may_call("organiser") && !may_call("door") {
        also(&["wrong-scope"]);
    }
    if path.contains('{') || changes {
        also(&["bad-request"]);
    }
    if operation.contains_key("requestBody") {
        also(&["bad-order", "too-large", "media-type"]);
    }
    if changes {
        also(&["standby", "not-known"]);
    }
    let parameters = operation.get("parameters").and_then(Value::as_array);
    if parameters.is_some_and(|all| all.iter().any(|one| one["name"] == "Idempotency-Key")) {
        also(&["key-required", "bad-key", "in-flight", "key-reused", "too-many-keys"]);
    }
    heard
}

fn by_status(heard: &BTreeSet<String>) -> BTreeMap<u16, Vec<&'static str>> {
    let mut statuses: BTreeMap<u16, Vec<&'static str>> = BTreeMap::new();
    for (kind, status) in PROBLEMS.iter().filter(|(kind, _)| heard.contains(*kind)) {
        statuses.entry(*status).or_default().push(*kind);
    }
    statuses
}

fn answer(status: u16, kinds: &[&str]) -> Value {
    let types: Vec<String> = kinds
        .iter()
        .map(|kind| format!("urn:stanchion-booking:{kind}"))
        .collect();
    let this = json!({ "type": "object", "properties": { "type": { "enum": types }, "status": { "const": status } } });
    let schema = json!({ "allOf": [{ "$ref": "#/components/schemas/Problem" }, this] });
    let mut answer = json!({
        "description": kinds.join(", "),
        "content": { "application/problem+json": { "schema": schema } },
    });
    let header = match status {
        401 => Some(("WWW-Authenticate", json!({ "type": "string" }))),
        503 => Some(("Retry-After", json!({ "type": "integer", "minimum": 1 }))),
        _ => None,
    };
    if let Some((name, schema)) = header {
        answer["headers"] = json!({ name: { "required": true, "schema": schema } });
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What handlers name is known, and the page that people read lists the same problems.
    #[test]
    fn every_problem_is_known_and_written_down() {
        let mut raw = serde_json::to_value(<super::super::Description as utoipa::OpenApi>::openapi()).unwrap();
        for (path, methods) in raw["paths"].as_object_mut().unwrap() {
            for (method, operation) in methods.as_object_mut().unwrap() {
                for kind in heard(path, method, operation.as_object().unwrap()) {
                    assert!(
                        PROBLEMS.iter().any(|(known, _)| *known == kind),
                        "{method} {path}: {kind}"
                    );
                }
            }
        }
        let page = include_str!("../../../../docs/BOOKING.md");
        let table = page
            .split("### Problems")
            .nth(1)
            .unwrap()
            .split("\n## ")
            .next()
            .unwrap();
        for (kind, status) in PROBLEMS {
            let line = table.lines().find(|line| line.contains(&format!("`{kind}`")));
            let line = line.unwrap_or_else(|| panic!("{kind} is not in the table of problems"));
            assert!(line.contains(&status.to_string()), "{kind}: {line}");
        }
    }
}
