//! `[[limits]]`: how often who may ask for what.

use std::time::Duration;

use crate::read::{At, Bounds, Field, Notes, Section, Told, quote};
use crate::sections::{cross, names};
use crate::types::{Algorithm, Key, Limit, Matcher, OnMissingKey, OnStoreError, Quota, Scope};
use crate::units;

const MAX_ITEMS: usize = 64;
const MAX_KEYS: usize = 4;
const MAX_COUNT: u64 = 1_000_000_000;
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 86_400);
const LONGEST_GLOBAL_WINDOW: Duration = Duration::from_secs(30 * 86_400);
const KEYS: [(&str, Key); 8] = [
    ("ip", Key::Ip),
    ("prefix", Key::Prefix),
    ("visitor", Key::Visitor),
    ("country", Key::Country),
    ("network", Key::Network),
    ("host", Key::Host),
    ("path", Key::Path),
    ("method", Key::Method),
];
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(super) fn limits(sections: Vec<Section<'_>>, notes: &mut Notes<'_>) -> Vec<Limit> {
    let mut placed = Vec::new();
    let mut limits = Vec::new();
    for section in sections {
        let mut section = section;
        let at = section
            .field("name")
            .map_or_else(|| section.at.clone(), |field| field.at);
        let limit = limit(section, notes);
        placed.push((limit.name.clone(), at));
        limits.push(limit);
    }
    cross::unique(placed.iter().map(|(name, at)| (name.as_str(), at)), "limits", notes);
    limits
}

fn limit(mut section: Section<'_>, notes: &mut Notes<'_>) -> Limit {
    let algorithms = [
        ("sliding-window", Algorithm::SlidingWindow),
        ("token-bucket", Algorithm::TokenBucket),
        ("sliding-log", Algorithm::SlidingLog),
        ("fixed-window", Algorithm::FixedWindow),
        ("leaky-bucket", Algorithm::LeakyBucket),
        ("concurrency", Algorithm::Concurrency),
    ];
    let missing = [
        ("skip", OnMissingKey::Skip),
        ("share", OnMissingKey::Share),
        ("refuse", OnMissingKey::Refuse),
    ];
    let lost = [
        ("open", OnStoreError::Open),
        ("closed", OnStoreError::Closed),
        ("local", OnStoreError::LocalShare),
    ];
    let costs = Bounds {
        allowed: 1..=1_000_000,
        why: "a request that costs nothing is not limited",
    };
    let name = names::name(&mut section, "per-address", notes).unwrap_or_default();
    let key = keys(&mut section, notes);
    let algorithm = section.choice("algorithm", &algorithms, Algorithm::SlidingWindow, notes);
    let quota = quota(&mut section, algorithm, notes);
    let cost = section.integer("cost", 1, &costs, notes);
    let limit = Limit {
        name,
        matcher: matcher(section.section("match", notes), notes),
        key,
        quota,
        algorithm,
        scope: scope(&mut section, notes),
        cost,
        on_missing_key: section.choice("on_missing_key", &missing, OnMissingKey::Skip, notes),
        on_store_error: section.choice("on_store_error", &lost, OnStoreError::LocalShare, notes),
        shadow: section.boolean("shadow", false, notes),
    };
    cost_fits(&mut section, &limit, notes);
    log_fits(&mut section, &limit, notes);
    global_fits(&mut section, &limit, notes);
    not_yet(&section.at, &limit, notes);
    section.close(notes);
    limit
}

/// What is read and checked, and not done by this version.
fn not_yet(at: &At, limit: &Limit, notes: &mut Notes<'_>) {
    let mut warn = |what: &str, why: &str, help: &str| {
        let (what, why, help) = (what.to_owned(), why.to_owned(), help.to_owned());
        notes.warning(at, Told { what, why, help });
    };
    let claim = limit.key.iter().any(|key| matches!(key, Key::Claim(_))) || !limit.matcher.claims.is_empty();
    if claim {
        let why = "no token is read for its claims: a key of claims is always missing, and a match never fits";
        warn(
            "claims are not looked at by this version",
            why,
            "count by visitor, ip or a header",
        );
    }
}

/// What all edges can count together.
fn global_fits(section: &mut Section<'_>, limit: &Limit, notes: &mut Notes<'_>) {
    let (why, help) = match (limit.scope, limit.algorithm) {
        (Scope::Edge, _) => return,
        (_, Algorithm::SlidingLog) => (
            "it would write every request into the store",
            "use algorithm = \"sliding-window\": a few numbers a key, and never more than the limit either",
        ),
        (_, Algorithm::Concurrency) => (
            "a place under way would be lost with the edge that holds it",
            "use scope = \"edge\", with the limit divided by the number of edges",
        ),
        (Scope::GlobalSynced, Algorithm::LeakyBucket) => (
            "requests that leave evenly need one queue, which no edge holds alone",
            "use mode = \"exact\", or algorithm = \"token-bucket\"",
        ),
        _ => return window_fits(section, limit, notes),
    };
    let at = section
        .field("algorithm")
        .map_or_else(|| section.at.clone(), |field| field.at);
    let what = "this algorithm is not counted for all edges together".to_owned();
    let (why, help) = (why.to_owned(), help.to_owned());
    notes.error(&at, Told { what, why, help });
}

/// The store's numbers are exact so far.
fn window_fits(section: &mut Section<'_>, limit: &Limit, notes: &mut Notes<'_>) {
    let Quota::PerWindow { window, .. } = limit.quota else {
        return;
    };
    if let Some(field) = section.field("limit").filter(|_| window > LONGEST_GLOBAL_WINDOW) {
        let what = "the window of a global limit is at most 30d".to_owned();
        let why = "the store keeps the count of every key for as long".to_owned();
        let help = "shorten the window, or use scope = \"edge\"".to_owned();
        notes.error(&field.at, Told { what, why, help });
    }
}

/// A sliding log keeps every request that still counts.
fn log_fits(section: &mut Section<'_>, limit: &Limit, notes: &mut Notes<'_>) {
    const MOST: u64 = 10_000;
    let Quota::PerWindow { count, .. } = limit.quota else {
        return;
    };
    if let Some(field) = section
        .field("limit")
        .filter(|_| limit.algorithm == Algorithm::SlidingLog && count > MOST)
    {
        let what = format!("`limit` is more than {MOST}, the most for a sliding log");
        let why = "every request that counts is kept in memory, for every key".to_owned();
        let help = "use algorithm = \"sliding-window\", whose memory does not depend on the limit".to_owned();
        notes.error(&field.at, Told { what, why, help });
    }
}

fn cost_fits(section: &mut Section<'_>, limit: &Limit, notes: &mut Notes<'_>) {
    let (Quota::PerWindow { count: most, .. } | Quota::Concurrent(most)) = limit.quota;
    if let Some(field) = section.field("cost").filter(|_| limit.cost > most) {
        let what = format!("`cost` ({}) is more than the whole limit ({most})", limit.cost);
        let why = "every request would be refused".to_owned();
        notes.error(
            &field.at,
            Told {
                what,
                why,
                help: "raise limit or lower cost".to_owned(),
            },
        );
    }
}

/// One key, or a list of them; "all" is one bucket for everybody.
fn keys(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Vec<Key> {
    let Some(field) = section.field("key") else {
        section.missing("key", "\"ip\"");
        return Vec::new();
    };
    if field.value.as_str() == Some("all") {
        return Vec::new();
    }
    let items = if field.value.is_array() {
        notes.list(&field, MAX_KEYS)
    } else {
        vec![field]
    };
    items.iter().filter_map(|item| key(item, notes)).collect()
}

fn key(field: &Field<'_>, notes: &mut Notes<'_>) -> Option<Key> {
    let text = notes.text(field, 256)?;
    if let Some((_, key)) = KEYS.iter().find(|(name, _)| *name == text) {
        return Some(key.clone());
    }
    match text.split_once(':') {
        Some(("header", name)) if is_token(name) => return Some(Key::Header(name.to_ascii_lowercase())),
        Some(("claim", name)) if is_token(name) => return Some(Key::Claim(name.to_owned())),
        _ => {}
    }
    let names: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
    let help = match crate::read::nearest(text, &names) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => format!(
            "one of \"all\", \"{}\", \"header:NAME\", \"claim:NAME\"",
            names.join("\", \"")
        ),
    };
    let what = format!("`key` cannot be \"{}\"", quote(text));
    notes.error(
        &field.at,
        Told {
            what,
            why: "it says whose requests are counted together".to_owned(),
            help,
        },
    );
    None
}

/// A field name of HTTP (RFC 9110, token).
fn is_token(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn quota(section: &mut Section<'_>, algorithm: Algorithm, notes: &mut Notes<'_>) -> Quota {
    let nothing = Quota::Concurrent(MAX_COUNT);
    let Some(field) = section.field("limit") else {
        section.missing("limit", "\"100/10s\"");
        return nothing;
    };
    if algorithm == Algorithm::Concurrency {
        let bounds = Bounds {
            allowed: 1..=1_000_000,
            why: "with algorithm = \"concurrency\" it is how many at one time",
        };
        return notes.integer(&field, &bounds, 10).map_or(nothing, Quota::Concurrent);
    }
    let Some((count, window)) = notes.unit(&field, units::rate, |_| true, "100/10s") else {
        return nothing;
    };
    if !(1..=MAX_COUNT).contains(&count) || window.is_zero() || window > LONGEST_WINDOW {
        let what = format!(
            "`limit` is out of its bounds: {}",
            quote(field.value.as_str().unwrap_or_default())
        );
        let help = format!("1 to {MAX_COUNT} in a window of 1ms to 366d");
        let why = if count == 0 {
            "it would refuse everybody"
        } else {
            "every count and window has a bound"
        }
        .to_owned();
        notes.error(&field.at, Told { what, why, help });
        return nothing;
    }
    Quota::PerWindow { count, window }
}

fn scope(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Scope {
    let global = section.choice("scope", &[("edge", false), ("global", true)], false, notes);
    let exact = section.choice("mode", &[("synced", false), ("exact", true)], false, notes);
    match (global, exact) {
        (false, _) => Scope::Edge,
        (true, false) => Scope::GlobalSynced,
        (true, true) => Scope::GlobalExact,
    }
}

fn matcher(mut section: Section<'_>, notes: &mut Notes<'_>) -> Matcher {
    let matcher = Matcher {
        hosts: names::hosts(&mut section, "host", &[], notes),
        paths: names::paths(&mut section, "path", &[], notes),
        methods: words(
            &mut section,
            "method",
            "it is GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
            notes,
            |text| METHODS.contains(&text),
        ),
        countries: words(
            &mut section,
            "country",
            "it is a two-letter country code such as \"DE\"",
            notes,
            |text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
        ),
        networks: networks(&mut section, notes),
        headers: words(
            &mut section,
            "header",
            "it is the name of a request header",
            notes,
            is_token,
        ),
        claims: words(&mut section, "claim", "it is the name of a claim", notes, is_token),
    };
    section.close(notes);
    matcher
}

fn words(
    section: &mut Section<'_>,
    key: &'static str,
    why: &str,
    notes: &mut Notes<'_>,
    fits: impl Fn(&str) -> bool,
) -> Vec<String> {
    let Some(field) = section.field(key) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (item, text) in names::texts(&field, MAX_ITEMS, notes) {
        if fits(text) {
            found.push(text.to_owned());
        } else {
            let upper = text.to_ascii_uppercase();
            let help = if fits(&upper) {
                format!("write \"{upper}\"")
            } else {
                String::new()
            };
            let what = format!("\"{}\" fits no request", quote(text));
            notes.error(
                &item.at,
                Told {
                    what,
                    why: why.to_owned(),
                    help,
                },
            );
        }
    }
    found
}

/// Autonomous system numbers.
fn networks(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Vec<u32> {
    let Some(field) = section.field("network") else {
        return Vec::new();
    };
    let bounds = Bounds {
        allowed: 1..=u64::from(u32::MAX),
        why: "it is the number of an autonomous system",
    };
    let items = notes.list(&field, MAX_ITEMS);
    items
        .iter()
        .filter_map(|item| notes.integer(item, &bounds, 64_496))
        .filter_map(|number| u32::try_from(number).ok())
        .collect()
}
