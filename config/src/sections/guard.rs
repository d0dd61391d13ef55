//! `[edge.guard]`: what one connection may cost.

use crate::read::{At, Bounds, Notes, Section, Told};
use crate::types::Guard;
use crate::units;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const WAITING: &str = "too short cuts honest visitors off, too long lets a slow attacker hold connections";

fn wait(allowed: std::ops::RangeInclusive<u64>) -> Bounds<u64> {
    Bounds { allowed, why: WAITING }
}

pub(super) fn guard(mut section: Section<'_>, notes: &mut Notes<'_>) -> Guard {
    let bytes = |allowed| Bounds {
        allowed,
        why: "the edge holds it in memory for every connection",
    };
    let count = |allowed| Bounds {
        allowed,
        why: "every count of the edge has a bound",
    };
    let before = notes.count();
    let guard = Guard {
        head_timeout: section.duration("head_timeout", "10s", &wait(100..=2 * MINUTE), notes),
        tls_timeout: section.duration("tls_timeout", "5s", &wait(100..=MINUTE), notes),
        body_min_bytes_per_s: body_min_rate(&mut section, notes),
        body_grace: section.duration("body_grace", "5s", &wait(100..=5 * MINUTE), notes),
        write_stall: section.duration("write_stall", "30s", &wait(100..=10 * MINUTE), notes),
        idle: section.duration("idle", "60s", &wait(100..=60 * MINUTE), notes),
        max_head_bytes: small(section.size("max_head_bytes", "16KiB", &bytes(1 << 10..=256 << 10), notes)),
        max_fields: small(section.integer("max_fields", 100, &count(10..=256), notes)),
        max_url_bytes: small(section.size("max_url_bytes", "8KiB", &bytes(256..=64 << 10), notes)),
        connections_per_prefix: clamp(section.integer("connections_per_prefix", 4_096, &count(1..=1_000_000), notes)),
        max_connections: max_connections(&mut section, notes),
        max_memory: max_memory(&mut section, notes),
    };
    if notes.count() == before && guard.max_url_bytes > guard.max_head_bytes {
        let at = section
            .field("max_url_bytes")
            .map_or_else(|| section.at.clone(), |field| field.at);
        head_too_small(&at, &guard, notes);
    }
    section.close(notes);
    guard
}

fn head_too_small(at: &At, guard: &Guard, notes: &mut Notes<'_>) {
    let what = format!(
        "a URL of {} bytes does not fit a head of {}",
        guard.max_url_bytes, guard.max_head_bytes
    );
    let why = "`max_head_bytes` counts the request line too".to_owned();
    notes.error(
        at,
        Told {
            what,
            why,
            help: "raise max_head_bytes or lower max_url_bytes".to_owned(),
        },
    );
}

fn body_min_rate(section: &mut Section<'_>, notes: &mut Notes<'_>) -> u64 {
    const DEFAULT_BYTES_PER_S: u64 = 500;
    let Some(field) = section.field("body_min_rate") else {
        return DEFAULT_BYTES_PER_S;
    };
    let bounds = Bounds {
        allowed: 1..=1 << 30,
        why: "a body slower than this ends its connection",
    };
    let speed = notes.unit(
        &field,
        units::byte_rate,
        |speed| bounds.allowed.contains(speed),
        "500B/s",
    );
    let shown = |speed: &u64| format!("{}/s", units::show_size(*speed));
    speed
        .and_then(|speed| notes.within(&field, speed, &bounds, shown))
        .unwrap_or(DEFAULT_BYTES_PER_S)
}

fn max_connections(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<u32> {
    let field = section.field("max_connections")?;
    let bounds = Bounds {
        allowed: 1..=10_000_000,
        why: "every count of the edge has a bound",
    };
    notes.integer(&field, &bounds, 10_000).map(clamp)
}

fn max_memory(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Option<u64> {
    let field = section.field("max_memory")?;
    let bounds = Bounds {
        allowed: 32 << 20..=1 << 40,
        why: "with less the edge would refuse everybody from the start",
    };
    let size = notes.unit(&field, units::size, |size| bounds.allowed.contains(size), "512MiB")?;
    notes.within(&field, size, &bounds, |size: &u64| units::show_size(*size))
}

fn small(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
