//! The OpenAPI document is true: every route is in it, and every answer fits the schema it promises.

use serde_json::{Value, json};
use stanchion_admission::store::StoreError;

use super::support::{Answer, Fake, Server, TOKEN, serve, serve_with};

const ROOM: &str = "/api/v1/rooms/sale";

async fn document(server: &Server) -> Value {
    server.get("/api/v1/openapi.json").await.json()
}

/// The answer is one that the document promises for this operation: its status, its type, its shape.
fn assert_promised(document: &Value, method: &str, path: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is not in the document");
    let response = &operation["responses"][answer.status.to_string()];
    assert!(
        response.is_object(),
        "{method} {path} answers {} which is not promised: {}",
        answer.status,
        answer.body
    );
    let content = response["content"].as_object().expect("a promised answer has a body");
    let essence = answer
        .header("content-type")
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    let promised = content
        .get(essence)
        .unwrap_or_else(|| panic!("{method} {path} {}: {essence} is not promised", answer.status));
    if essence.ends_with("json") {
        let faults = mismatches(document, &promised["schema"], &answer.json(), "");
        assert!(
            faults.is_empty(),
            "{method} {path} {}: {faults:?}\n{}",
            answer.status,
            answer.body
        );
    }
    for name in response["headers"]
        .as_object()
        .into_iter()
        .flat_map(|headers| headers.keys())
    {
        assert!(answer.header(name).is_some(), "{method} {path}: no {name}");
    }
}

#[tokio::test]
async fn looks_are_as_promised() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    let document = document(&server).await;
    for (path, template) in [
        ("/healthz", "/healthz"),
        ("/readyz", "/readyz"),
        ("/metrics", "/metrics"),
        ("/", "/"),
        ("/rooms/sale", "/rooms/{room}"),
        ("/rooms/SALE", "/rooms/{room}"),
        ("/api/v1/rooms", "/api/v1/rooms"),
        (ROOM, "/api/v1/rooms/{room}"),
        ("/api/v1/rooms/none", "/api/v1/rooms/{room}"),
        ("/api/v1/openapi.json", "/api/v1/openapi.json"),
    ] {
        assert_promised(&document, "get", template, &server.get(path).await);
        if path.starts_with("/api/") {
            assert_promised(&document, "get", template, &server.send("GET", path, &[], "").await);
        }
    }
    fake.health.lock().keys_loaded = false;
    assert_promised(&document, "get", "/readyz", &server.get("/readyz").await);
}

/// Null wherever the store has not answered yet: the document says so too.
#[tokio::test]
async fn unknown_figures_are_as_promised() {
    let fake = Fake::with_room("sale");
    fake.rooms.lock()[0].line = None;
    let server = serve(fake).await;
    let document = document(&server).await;
    let faults = mismatches(
        &document,
        &json!({"$ref": "#/components/schemas/Room"}),
        &server.get(ROOM).await.json(),
        "",
    );
    assert!(faults.is_empty(), "{faults:?}");
}

#[tokio::test]
async fn changes_and_refusals_are_as_promised() {
    let fake = Fake::with_room("sale");
    let server = serve(fake.clone()).await;
    let document = document(&server).await;
    let template = "/api/v1/rooms/{room}";
    let long = format!(r#"{{"message": "{}"}}"#, "x".repeat(70 * 1024));
    for (if_match, body, status) in [
        (
            "\"0\"",
            r#"{"paused": {"reason": "x"}, "capacity": 5, "rate": "5/s", "message": "m"}"#,
            200,
        ),
        ("\"0\"", r#"{"closed": true}"#, 412),
        ("0", r#"{"closed": true}"#, 400),
        ("*", "{", 400),
        ("*", r#"{"capacity": -1, "x": 2}"#, 422),
        ("*", long.as_str(), 413),
    ] {
        let answer = server.patch(ROOM, if_match, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_promised(&document, "patch", template, &answer);
    }
    let bearer = format!("Bearer {TOKEN}");
    let json_only = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    assert_promised(
        &document,
        "patch",
        template,
        &server.send("PATCH", ROOM, &json_only, r#"{"closed": true}"#).await,
    );
    assert_promised(
        &document,
        "patch",
        template,
        &server.send("PATCH", ROOM, &json_only[..1], "{}").await,
    );
    assert_promised(
        &document,
        "patch",
        template,
        &server.patch("/api/v1/rooms/none", "*", "{}").await,
    );
    *fake.refuse.lock() = Some(StoreError::Busy.into());
    assert_promised(
        &document,
        "patch",
        template,
        &server.patch(ROOM, "*", r#"{"closed": true}"#).await,
    );
    for _ in 0..6 {
        let answer = server
            .send("PATCH", ROOM, &[("Authorization", "Bearer wrong")], "{}")
            .await;
        assert_promised(&document, "patch", template, &answer);
    }
    assert_promised(&document, "get", "/api/v1/rooms", &server.get("/api/v1/rooms").await);
}

/// What is served and what is described are the same paths, and each says whether it needs the token.
#[tokio::test]
async fn security_is_as_promised() {
    let server = serve_with(Fake::with_room("sale"), vec![], true).await;
    let document = document(&server).await;
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    assert_eq!(document["security"], json!([{"token": []}]));
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let open = operation["security"]
                .as_array()
                .is_some_and(|security| security.contains(&json!({})));
            let url = path.replace("{room}", "sale");
            let status = server.send(&method.to_uppercase(), &url, &[], "").await.status;
            assert_eq!(status == 401, !open, "{method} {path}: {status}");
        }
    }
}

/// What a change may hold is what the document says it may hold.
#[tokio::test]
async fn the_request_schema_agrees_with_the_server() {
    let server = serve(Fake::with_room("sale")).await;
    let document = document(&server).await;
    let schema = json!({"$ref": "#/components/schemas/RoomChange"});
    for body in [
        json!({"capacity": 5}),
        json!({"capacity": null}),
        json!({"capacity": 0}),
        json!({"capacity": "5"}),
        json!({"capacity": 1.5}),
        json!({"capacity": 10_000_001}),
        json!({"rate": null}),
        json!({"rate": 5}),
        json!({"paused": {}}),
        json!({"paused": null}),
        json!({"paused": {"reason": "x"}}),
        json!({"paused": {"until": 5}}),
        json!({"paused": "x"}),
        json!({"closed": true}),
        json!({"closed": 1}),
        json!({"message": "x"}),
        json!({"message": 5}),
        json!({"other": 1}),
        json!([]),
        json!("text"),
    ] {
        let fits = mismatches(&document, &schema, &body, "").is_empty();
        let taken = server.patch(ROOM, "*", &body.to_string()).await.status == 200;
        assert_eq!(fits, taken, "{body}");
    }
}

/// Where `value` does not fit `schema`: the part of JSON Schema that the document uses.
fn mismatches(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or_else(|| panic!("{reference} is nowhere"));
        return mismatches(document, target, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fitting = choices
            .iter()
            .filter(|choice| mismatches(document, choice, value, at).is_empty())
            .count();
        return if fitting == 1 {
            vec![]
        } else {
            vec![format!("{at}: {value} fits {fitting} of {choices:?}")]
        };
    }
    let mut faults = Vec::new();
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    if !types.is_empty() && !types.iter().any(|kind| is_a(kind, value)) {
        return vec![format!("{at}: {value} is not {types:?}")];
    }
    if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        faults.push(format!("{at}: {value} is not among {}", schema["enum"]));
    }
    let (least, most) = (schema["minimum"].as_f64(), schema["maximum"].as_f64());
    if value
        .as_f64()
        .is_some_and(|n| least.is_some_and(|least| n < least) || most.is_some_and(|most| n > most))
    {
        faults.push(format!("{at}: {value} is out of bounds"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        faults.extend(mismatches(document, &schema["items"], item, &format!("{at}/{index}")));
    }
    faults.extend(member_mismatches(document, schema, value, at));
    faults
}

/// Members of objects: a described object has no member that is not described, and all that are required.
fn member_mismatches(document: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let (Some(members), Some(properties)) = (value.as_object(), schema["properties"].as_object()) else {
        return vec![];
    };
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let mut faults: Vec<String> = required
        .filter(|name| !members.contains_key(*name))
        .map(|name| format!("{at}/{name} is missing"))
        .collect();
    for (name, member) in members {
        match properties.get(name) {
            Some(schema) => faults.extend(mismatches(document, schema, member, &format!("{at}/{name}"))),
            None => faults.push(format!("{at}/{name} is not described")),
        }
    }
    faults
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}
