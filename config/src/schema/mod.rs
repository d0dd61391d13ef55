//! The JSON Schema (2020-12) of the configuration file, for editors and for the page of the manual. The reader in
//! `sections` decides; a test holds the two together, key by key and default by default.

mod edge;
mod rooms;
mod services;
mod words;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// The configuration of a Stanchion edge.
#[derive(JsonSchema)]
#[schemars(title = "Stanchion configuration", deny_unknown_fields)]
#[allow(dead_code)] // only its shape is used
struct Document {
    /// Where the edge listens, whom it believes, what one connection may cost.
    edge: Option<edge::EdgeTable>,
    /// Who may use the admin listener.
    admin: Option<services::AdminTable>,
    /// Where the index of the line lives. The line itself is in the tickets that visitors hold.
    store: Option<services::StoreTable>,
    /// Signing keys of tickets and passes.
    keys: Option<services::KeysTable>,
    /// The web servers behind the edge.
    #[schemars(length(min = 1, max = 64))]
    origins: Vec<services::OriginTable>,
    /// The protected sets of routes, each with a line of its own.
    #[schemars(length(min = 1, max = 256))]
    rooms: Vec<rooms::RoomTable>,
    /// Rate limits on requests that are forwarded: those who are inside, and paths that no room protects. Those who wait in line are paced by the line.
    #[schemars(length(max = 256))]
    limits: Option<Vec<rooms::LimitTable>>,
    /// Where other proxies ask what to do with a request (docs/DECISION.md).
    decision: Option<services::DecisionTable>,
    /// Databases in MaxMind's format, for countries and networks in logs, metrics and passes.
    geo: Option<services::GeoTable>,
    /// What goes to standard error.
    log: Option<services::LogTable>,
    /// `/metrics` on the admin listener.
    metrics: Option<services::MetricsTable>,
}

/// The JSON Schema of the configuration file.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    settings.into_generator().into_root_schema_for::<Document>().to_value()
}

/// TOML has no null: a key is there or it is not.
fn without_null(schema: &mut Schema) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.remove("anyOf") {
        let mut real: Vec<Value> = choices.into_iter().filter(|choice| choice["type"] != "null").collect();
        match real.pop() {
            Some(Value::Object(only)) if real.is_empty() => only.into_iter().for_each(|(key, value)| {
                schema.insert(key, value);
            }),
            Some(last) => {
                real.push(last);
                schema.insert("anyOf".to_owned(), Value::Array(real));
            }
            None => {}
        }
    }
    transform_subschemas(&mut |_: &mut Schema| {}, schema);
}
