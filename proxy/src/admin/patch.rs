//! A change of a room's live settings, as a JSON merge patch (RFC 7396): bytes in, settings or every fault out. Strict:
//! what is not understood is refused, never ignored. Pure.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use stanchion_admission::policy::LiveSettings;
use stanchion_admission::rate::Rate;
use stanchion_config::parse_rate;

use super::problem::Fault;

/// Most visitors that a room may be told to hold.
pub const MAX_CAPACITY: u64 = 10_000_000;
/// Most faults that are told; a body can hold thousands.
const MAX_FAULTS: usize = 32;

/// Left out: stays as it is.
type Change<T> = Option<T>;

/// What is to change. The inner `None` of capacity, rate, paused and message is "as configured" or "no".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    capacity: Change<Option<u64>>,
    rate: Change<Option<Rate>>,
    paused: Change<Option<String>>,
    closed: Change<bool>,
    message: Change<Option<String>>,
}

/// Why a body is no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Not JSON at all.
    Malformed(String),
    /// JSON, but not such a change: all that is wrong.
    Faulty(Vec<Fault>),
}

impl Patch {
    /// # Errors
    /// Every fault at once, at most 32.
    pub fn read(body: &[u8]) -> Result<Patch, Refused> {
        let object: Object = serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => Refused::Faulty(vec![Fault::new("", "must be a JSON object")]),
            _ => Refused::Malformed(error.to_string()),
        })?;
        let (mut patch, mut faults) = (Patch::default(), Vec::new());
        if object.0.is_empty() {
            faults.push(Fault::new(
                "",
                "changes nothing: name at least one of capacity, rate, paused, closed, message",
            ));
        }
        for (index, (name, value)) in object.0.iter().enumerate() {
            if object.0.iter().take(index).any(|(earlier, _)| earlier == name) {
                faults.push(Fault::new(pointer(name), "is there twice"));
            } else if let Err(problem) = patch.take(name, value) {
                faults.extend(problem);
            }
        }
        faults.truncate(MAX_FAULTS);
        if faults.is_empty() {
            Ok(patch)
        } else {
            Err(Refused::Faulty(faults))
        }
    }

    /// The settings after this change. The version is the store's business.
    #[must_use]
    pub fn apply(self, mut settings: LiveSettings) -> LiveSettings {
        settings.capacity = self.capacity.unwrap_or(settings.capacity);
        settings.rate = self.rate.unwrap_or(settings.rate);
        settings.paused = self.paused.unwrap_or(settings.paused);
        settings.closed = self.closed.unwrap_or(settings.closed);
        settings.message = self.message.unwrap_or(settings.message);
        settings
    }

    /// The names of what it changes, for the log.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        let named = [
            ("capacity", self.capacity.is_some()),
            ("rate", self.rate.is_some()),
            ("paused", self.paused.is_some()),
            ("closed", self.closed.is_some()),
            ("message", self.message.is_some()),
        ];
        named
            .into_iter()
            .filter(|(_, there)| *there)
            .map(|(name, _)| name)
            .collect()
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), Vec<Fault>> {
        let here = |problem: String| vec![Fault::new(pointer(name), problem)];
        match name {
            "capacity" => self.capacity = Some(nullable(value, capacity).map_err(here)?),
            "rate" => self.rate = Some(nullable(value, rate).map_err(here)?),
            "closed" => self.closed = Some(nullable(value, boolean).map_err(here)?.unwrap_or(false)),
            "message" => self.message = Some(nullable(value, text).map_err(here)?),
            "paused" => self.paused = Some(paused(value)?),
            _ => {
                return Err(here(
                    "is unknown: capacity, rate, paused, closed and message can be changed".to_owned(),
                ));
            }
        }
        Ok(())
    }
}

fn nullable<T>(value: &Value, read: impl Fn(&Value) -> Result<T, String>) -> Result<Option<T>, String> {
    if value.is_null() {
        Ok(None)
    } else {
        read(value).map(Some)
    }
}

fn capacity(value: &Value) -> Result<u64, String> {
    let number = value.as_u64().filter(|number| (1..=MAX_CAPACITY).contains(number));
    number.ok_or_else(|| format!("must be a whole number from 1 to {MAX_CAPACITY}, or null for the configured one"))
}

fn rate(value: &Value) -> Result<Rate, String> {
    let text = value
        .as_str()
        .ok_or("must be a text like \"500/min\", or null for the configured one")?;
    parse_rate(text).map_err(|why| format!("cannot be taken: {why}"))
}

fn boolean(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// Words for visitors: bounded, and without control characters, which no page should have to render.
fn text(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or("must be a text, or null for none")?.trim();
    if text.is_empty() {
        return Err("must not be empty; null takes it away".to_owned());
    }
    if text.len() > LiveSettings::MAX_TEXT {
        return Err(format!("is longer than {} bytes", LiveSettings::MAX_TEXT));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("has control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// `{"reason": "…"}`, `{}` for a pause without a word, null to go on.
fn paused(value: &Value) -> Result<Option<String>, Vec<Fault>> {
    let object = match value {
        Value::Null => return Ok(None),
        Value::Object(object) => object,
        _ => {
            return Err(vec![Fault::new(
                "/paused",
                "must be an object {\"reason\": \"…\"}, or null to go on",
            )]);
        }
    };
    let strange = object.keys().filter(|name| *name != "reason");
    let mut faults: Vec<Fault> = strange
        .map(|name| {
            Fault::new(
                format!("/paused{}", pointer(name)),
                "is unknown: only reason belongs here",
            )
        })
        .collect();
    let reason = match object.get("reason") {
        None | Some(Value::Null) => String::new(),
        Some(value) => text(value).unwrap_or_else(|problem| {
            faults.push(Fault::new("/paused/reason", problem));
            String::new()
        }),
    };
    if faults.is_empty() {
        Ok(Some(reason))
    } else {
        Err(faults)
    }
}

/// RFC 6901. A name can be as long as the body: cut.
fn pointer(name: &str) -> String {
    let cut: String = name.chars().take(64).collect();
    format!("/{}", cut.replace('~', "~0").replace('/', "~1"))
}

/// An object with its members in order, so that a name given twice is seen.
struct Object(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<String> {
        match Patch::read(body.as_bytes()) {
            Err(Refused::Faulty(faults)) => faults.into_iter().map(|fault| fault.at).collect(),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn changes_what_it_names_and_nothing_else() {
        let before = LiveSettings {
            version: 7,
            capacity: Some(5),
            message: Some("hello".into()),
            ..LiveSettings::default()
        };
        let after = |body: &str| Patch::read(body.as_bytes()).unwrap().apply(before.clone());
        assert_eq!(
            after(r#"{"capacity": 900}"#),
            LiveSettings {
                capacity: Some(900),
                ..before.clone()
            }
        );
        assert_eq!(
            after(r#"{"capacity": null}"#),
            LiveSettings {
                capacity: None,
                ..before.clone()
            }
        );
        assert_eq!(after(r#"{"rate": "500/min"}"#).rate, Rate::per_minute(500));
        assert_eq!(
            after(r#"{"paused": {"reason": " Back at 10 "}}"#).paused.as_deref(),
            Some("Back at 10")
        );
        assert_eq!(after(r#"{"paused": {}}"#).paused.as_deref(), Some(""));
        assert_eq!(
            after(r#"{"paused": null, "closed": true}"#),
            LiveSettings {
                closed: true,
                ..before.clone()
            }
        );
        assert_eq!(after(r#"{"message": null}"#).message, None);
        let patch = Patch::read(br#"{"message": null, "rate": null}"#).unwrap();
        assert_eq!(patch.names(), ["rate", "message"]);
    }

    #[test]
    fn every_fault_at_once() {
        let body =
            r#"{"capacity": "900", "rate": 500, "paused": {"reason": 3, "until": 1}, "closed": "yes", "colour": 1}"#;
        assert_eq!(
            faults(body),
            [
                "/capacity",
                "/rate",
                "/paused/until",
                "/paused/reason",
                "/closed",
                "/colour"
            ]
        );
    }

    /// THREATS, bad input: Admin/API bodies.
    #[test]
    fn bad_bodies_table() {
        let long = format!(r#"{{"message": "{}"}}"#, "x".repeat(501));
        for (body, expected) in [
            ("{}", ""),
            ("[]", ""),
            ("null", ""),
            ("\"text\"", ""),
            ("3", ""),
            (r#"{"capacity": 0}"#, "/capacity"),
            (r#"{"capacity": -1}"#, "/capacity"),
            (r#"{"capacity": 1.5}"#, "/capacity"),
            (r#"{"capacity": 1e3}"#, "/capacity"),
            (r#"{"capacity": 18446744073709551616}"#, "/capacity"),
            (r#"{"capacity": 10000001}"#, "/capacity"),
            (r#"{"capacity": true}"#, "/capacity"),
            (r#"{"capacity": [900]}"#, "/capacity"),
            (r#"{"capacity": 5, "capacity": 6}"#, "/capacity"),
            (r#"{"Capacity": 5}"#, "/Capacity"),
            (r#"{"rate": "fast"}"#, "/rate"),
            (r#"{"rate": "0/min"}"#, "/rate"),
            (r#"{"closed": 1}"#, "/closed"),
            (r#"{"closed": "true"}"#, "/closed"),
            (r#"{"paused": true}"#, "/paused"),
            (r#"{"paused": "reason"}"#, "/paused"),
            (r#"{"paused": {"reason": ""}}"#, "/paused/reason"),
            (r#"{"message": ""}"#, "/message"),
            (r#"{"message": "  "}"#, "/message"),
            (r#"{"message": "a\u0000b"}"#, "/message"),
            (r#"{"message": "a\u001b[31mb"}"#, "/message"),
            (r#"{"version": 3}"#, "/version"),
            (r#"{"__proto__": {}}"#, "/__proto__"),
            (r#"{"a/b~c": 1}"#, "/a~1b~0c"),
            (long.as_str(), "/message"),
        ] {
            assert_eq!(faults(body), [expected], "{body}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = format!("{{\"capacity\": {}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let bodies = [
            "",
            "{",
            "{\"capacity\": 5,}",
            "{'capacity': 5}",
            "capacity=5",
            "{\"capacity\": 5} x",
            "\u{feff}{}",
            deep.as_str(),
        ];
        for body in bodies {
            let short: String = body.chars().take(40).collect();
            assert!(
                matches!(Patch::read(body.as_bytes()), Err(Refused::Malformed(_))),
                "{short}"
            );
        }
        assert!(matches!(
            Patch::read(b"{\"message\": \"\xff\xfe\"}"),
            Err(Refused::Malformed(_))
        ));
    }

    #[test]
    fn a_thousand_faults_are_told_as_a_few() {
        let members: Vec<String> = (0..1_000).map(|n| format!("\"x{n}\": 1")).collect();
        assert_eq!(faults(&format!("{{{}}}", members.join(","))).len(), MAX_FAULTS);
    }

    proptest::proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Patch::read(&body);
        }
    }
}
