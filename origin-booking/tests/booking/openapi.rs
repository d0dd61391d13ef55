//! The OpenAPI document is true (O5): every route is in it and nothing else, and every answer that any test of this suite
//! gets from the API is one that it promises: its status, its type, its shape.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::{Answer, Booth, TOKEN};

/// The document, with nothing in any answer that it does not describe.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let mut document = stanchion_booking::openapi().clone();
    // What is a part of something larger has other members beside it.
    let text = document["components"].to_string();
    let parts: Vec<&str> = text
        .split("\"allOf\":[{\"$ref\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let parts: Vec<String> = parts
        .iter()
        .filter_map(|part| Some(part.rsplit('/').next()?.to_owned()))
        .collect();
    let schemas = document["components"]["schemas"].as_object_mut().unwrap();
    for (_, schema) in schemas
        .iter_mut()
        .filter(|(name, _)| *name != "Problem" && !parts.contains(name))
    {
        let schema = schema.as_object_mut().unwrap();
        if schema.contains_key("properties") {
            schema.entry("additionalProperties").or_insert(json!(false));
        }
    }
    document
});

type Validators = BTreeMap<String, &'static jsonschema::Validator>;
static VALIDATORS: LazyLock<Mutex<Validators>> = LazyLock::new(Mutex::default);

/// Where a value does not fit a schema of the document.
pub fn mismatches(schema: &Value, value: &Value) -> Vec<String> {
    let compiled = *VALIDATORS.lock().unwrap().entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({ "components": DOCUMENT["components"], "allOf": [schema] });
        Box::leak(Box::new(jsonschema::validator_for(&whole).expect("a schema")))
    });
    compiled
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    let same = |(template, part): (&&str, &&str)| template.starts_with('{') || template == part;
    template.len() == path.len() && template.iter().zip(&path).all(same)
}

/// The document promises this answer for some method of this path. Which, the answer does not say.
pub fn assert_promised(path: &str, status: StatusCode, headers: &HeaderMap, body: &Value) {
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
    let essence = kind.split(';').next().unwrap();
    let unknown = status == StatusCode::METHOD_NOT_ALLOWED || body["type"] == "urn:stanchion-booking:not-found";
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let exact = paths.get_key_value(path);
    let Some((template, methods)) = exact.or_else(|| paths.iter().find(|(template, _)| fits(template, path))) else {
        return;
    };
    if unknown || essence == "text/html" {
        return;
    }
    let mut faults = Vec::new();
    for (method, operation) in methods.as_object().unwrap() {
        let response = &operation["responses"][status.as_str()];
        let schema = &response["content"][essence]["schema"];
        if schema.is_null() {
            faults.push(format!("{method}: no {status} with `{essence}`"));
            continue;
        }
        let mut wrong = if essence.ends_with("json") {
            mismatches(schema, body)
        } else {
            Vec::new()
        };
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            if header["required"] == true && !headers.contains_key(name) {
                wrong.push(format!("no {name}"));
            }
        }
        if wrong.is_empty() {
            return;
        }
        faults.push(format!("{method}: {wrong:?}"));
    }
    panic!("{template} answers {status}, which is not promised: {faults:#?}\n{body:#}");
}

/// `(path, method)` of each route under `/api/v1`, as `web/mod.rs` says them.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../../src/web/mod.rs");
    let nested = source
        .split("let organisers = ")
        .nth(1)
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    let mut routes = BTreeSet::new();
    for line in source.lines().filter_map(|line| line.trim().strip_prefix(".route(\"")) {
        let (path, handlers) = line.split_once('"').unwrap();
        let is_nested = nested.contains(&format!(".route(\"{path}\"{handlers}"));
        let path = if is_nested {
            format!("/api/v1/organiser{path}")
        } else {
            path.to_owned()
        };
        for method in ["get", "post", "put", "patch", "delete"] {
            let named = [format!(" {method}("), format!(".{method}(")]
                .iter()
                .any(|call| handlers.contains(call));
            if named && path.starts_with("/api/v1/") {
                routes.insert((path.clone(), method.to_owned()));
            }
        }
    }
    routes
}

fn described() -> BTreeSet<(String, String)> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    let of = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(|method| (path.clone(), method.clone())).collect::<Vec<_>>()
    };
    paths.flat_map(of).collect()
}

#[test]
fn o5_no_route_without_a_description_and_no_description_without_a_route() {
    let (routes, described) = (routes(), described());
    assert!(routes.len() > 25, "{routes:?}");
    let lacking: Vec<_> = routes.symmetric_difference(&described).collect();
    assert!(lacking.is_empty(), "a route or a description is missing: {lacking:?}");
    let mut ids = BTreeSet::new();
    for (path, method) in &described {
        let operation = &DOCUMENT["paths"][path][method];
        assert!(operation["summary"].is_string(), "{method} {path} has no words");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap()),
            "{method} {path}: its name is taken"
        );
    }
}

/// Each call asks for what the document says: the pass, a token, or nothing; and what it does not describe is refused.
#[tokio::test]
async fn o3_each_call_asks_for_what_the_document_says() {
    let booth = Booth::open(10).await;
    for (path, method) in described() {
        let security = DOCUMENT["paths"][&path][&method]["security"].as_array().unwrap();
        let ways: Vec<&str> = security
            .iter()
            .filter_map(|way| Some(way.as_object()?.keys().next()?.as_str()))
            .collect();
        let verb = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let url = booth.url(&path.replace("{id}", "x"));
        let answer = Answer::of(booth.client.request(verb, &url).send().await.unwrap()).await;
        let expected = match ways.as_slice() {
            [] => None,
            ["pass"] => Some("pass-required"),
            _ => Some("token-required"),
        };
        assert_eq!(
            answer.status == StatusCode::UNAUTHORIZED,
            expected.is_some(),
            "{method} {path}"
        );
        assert!(
            expected.is_none_or(|kind| kind == answer.problem()),
            "{method} {path}: {}",
            answer.body
        );
        let request = booth.client.request(reqwest::Method::PUT, &url).bearer_auth(TOKEN);
        let request = request.header("stanchion-pass", booth.signer.pass("v"));
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem()),
            (405, "method-not-allowed"),
            "PUT {path}"
        );
        assert!(
            answer.headers["allow"]
                .to_str()
                .unwrap()
                .contains(&method.to_uppercase()),
            "PUT {path}"
        );
    }
}

#[tokio::test]
async fn the_document_is_served_without_a_pass() {
    let booth = Booth::open(10).await;
    let answer = Answer::of(booth.get("/api/v1/openapi.json").send().await.unwrap()).await;
    assert_eq!(
        (answer.status, &answer.body),
        (StatusCode::OK, stanchion_booking::openapi())
    );
    assert!(answer.body["openapi"].as_str().unwrap().starts_with("3.1"));
}
