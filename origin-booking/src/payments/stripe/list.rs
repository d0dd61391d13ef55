//! Stripe's books: pages of intents with what was taken and given back of each.

use serde_json::Value;

use super::http::{Answer, Http};
use super::{INTENTS, intent};
use crate::payments::books::{Entry, Page, Window};

const PER_PAGE: &str = "100";

pub(super) async fn page(http: &Http, window: Window, after: Option<&str>) -> Option<Page> {
    let (from, until) = (window.from_s.to_string(), window.until_s.to_string());
    let mut query = vec![
        ("limit", PER_PAGE),
        ("created[gte]", &from),
        ("created[lte]", &until),
        ("expand[]", "data.latest_charge"),
    ];
    query.extend(after.map(|after| ("starting_after", after)));
    let Answer::Document(list) = http.get(&[INTENTS], &query).await else {
        return None;
    };
    let entries = list
        .get("data")?
        .as_array()?
        .iter()
        .map(entry)
        .collect::<Option<Vec<_>>>()?;
    let has_more = list.get("has_more")?.as_bool()?;
    let last = entries.last().map(|entry| entry.reference.to_string());
    Some(Page {
        next: last.filter(|_| has_more),
        entries,
    })
}

pub(super) async fn one(http: &Http, reference: &str) -> Option<Option<Entry>> {
    match http.get(&[INTENTS, reference], &[("expand[]", "latest_charge")]).await {
        Answer::Document(document) => entry(&document).map(Some),
        Answer::Refused(404, _) => Some(None),
        Answer::Refused(..) | Answer::Spoilt | Answer::Unknown => None,
    }
}

fn entry(document: &Value) -> Option<Entry> {
    let amount = |path: &str| document.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let reference = intent::name(document)?;
    Some(Entry {
        payment: intent::payment(document, Some(reference.clone())),
        currency: document.get("currency")?.as_str()?.to_owned(),
        set_aside_minor: amount("/amount_capturable"),
        taken_minor: amount("/amount_received"),
        given_back_minor: amount("/latest_charge/amount_refunded"),
        reference,
    })
}
