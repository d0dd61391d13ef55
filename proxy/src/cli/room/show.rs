//! The API's answers as tables for a terminal. Pure. Words from elsewhere lose their control characters first.

use serde_json::Value;

/// Every room, one line each.
pub fn list(answer: &Value) -> String {
    let head = ["ROOM", "STATE", "IN LINE", "INSIDE", "PACE", "ADMITTED/MIN", "WAIT"]
        .map(str::to_owned)
        .to_vec();
    let rooms = answer.get("rooms").and_then(Value::as_array);
    let rows = rooms.into_iter().flatten().map(row);
    table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

fn row(room: &Value) -> Vec<String> {
    let stale = room
        .pointer("/snapshot/stale")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let state = format!("{}{}", word(room, "/state"), if stale { " (stale)" } else { "" });
    vec![
        word(room, "/room"),
        state,
        word(room, "/line/waiting"),
        format!("{} of {}", word(room, "/line/inside"), word(room, "/in_force/capacity")),
        word(room, "/in_force/rate"),
        word(room, "/line/admitted_per_minute"),
        wait(room),
    ]
}

/// One room, one fact a line.
pub fn room(room: &Value) -> String {
    let live = |at: &str, configured: &str| {
        let changed = room.pointer(at).is_some_and(|value| !value.is_null());
        if changed {
            format!(" (live; configured {})", word(room, configured))
        } else {
            String::new()
        }
    };
    let paused = room
        .pointer("/settings/paused/reason")
        .and_then(Value::as_str)
        .map(|reason| {
            if reason.is_empty() {
                "yes, without a reason".to_owned()
            } else {
                plain(reason)
            }
        });
    let closed = room.pointer("/settings/closed") == Some(&Value::Bool(true));
    let rows = [
        ("room", word(room, "/room")),
        ("state", word(room, "/state")),
        ("in line", word(room, "/line/waiting")),
        ("near the head", word(room, "/line/present")),
        ("admitted, not in yet", word(room, "/line/admitted")),
        ("inside", word(room, "/line/inside")),
        (
            "capacity",
            word(room, "/in_force/capacity") + &live("/settings/capacity", "/configured/capacity"),
        ),
        (
            "pace",
            word(room, "/in_force/rate") + &live("/settings/rate", "/configured/rate"),
        ),
        ("admitted per minute", word(room, "/line/admitted_per_minute")),
        ("wait for a newcomer", wait(room)),
        ("paused", paused.unwrap_or_else(|| "no".to_owned())),
        ("closed", if closed { "yes" } else { "no" }.to_owned()),
        ("message", word(room, "/settings/message")),
        ("version", word(room, "/settings/version")),
        ("figures are", age(room)),
    ];
    table(&rows.map(|(name, value)| vec![name.to_owned(), value]))
}

/// Without control characters: an answer must not steer the terminal.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() && c != '\n' { ' ' } else { c })
        .collect()
}

fn word(room: &Value, at: &str) -> String {
    match room.pointer(at) {
        Some(Value::String(text)) => plain(text).replace('\n', " "),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Bool(value)) => value.to_string(),
        _ => "-".to_owned(),
    }
}

fn wait(room: &Value) -> String {
    let seconds = |at: &str| room.pointer(at).and_then(Value::as_u64);
    match (seconds("/line/wait_seconds/low"), seconds("/line/wait_seconds/high")) {
        (Some(low), Some(high)) => format!("{} to {}", span(low), span(high)),
        _ => "-".to_owned(),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds.div_ceil(60)),
        _ => format!("{}h{:02}m", seconds / 3_600, seconds % 3_600 / 60),
    }
}

fn age(room: &Value) -> String {
    let stale = room.pointer("/snapshot/stale").and_then(Value::as_bool).unwrap_or(true);
    match room.pointer("/snapshot/age_ms").and_then(Value::as_u64) {
        Some(ms) if stale => format!("{:.1} s old: the store is away", ms as f64 / 1_000.0),
        Some(ms) => format!("{:.1} s old", ms as f64 / 1_000.0),
        None => "not there yet: the store has not answered".to_owned(),
    }
}

fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sale() -> Value {
        json!({
            "room": "sale", "state": "paused",
            "configured": {"mode": "fifo", "capacity": 100, "rate": "60/min"},
            "in_force": {"capacity": 80, "rate": "60/min"},
            "settings": {"version": 3, "capacity": 80, "rate": null, "paused": {"reason": "Back\u{1b}[31m at ten"}, "closed": false, "message": null},
            "line": {"waiting": 4211, "present": 80, "admitted": 2, "inside": 78, "admitted_per_minute": 59.5, "wait_seconds": {"low": 90, "high": 8_000}},
            "snapshot": {"age_ms": 412, "stale": false, "epoch": 1, "seq": 9}
        })
    }

    #[test]
    fn a_list_lines_up() {
        let told = list(&json!({"rooms": [sale(), {"room": "early-bird", "state": "unknown"}]}));
        let expected = "\
ROOM        STATE    IN LINE  INSIDE    PACE    ADMITTED/MIN  WAIT
sale        paused   4211     78 of 80  60/min  59.5          90s to 2h13m
early-bird  unknown  -        - of -    -       -             -
";
        assert_eq!(told, expected);
    }

    #[test]
    fn a_room_says_what_is_live_and_steers_no_terminal() {
        let told = room(&sale());
        assert!(
            told.contains("capacity              80 (live; configured 100)\n"),
            "{told}"
        );
        assert!(told.contains("pace                  60/min\n"), "{told}");
        assert!(told.contains("paused                Back [31m at ten\n"), "{told}");
        assert!(told.contains("figures are           0.4 s old\n"), "{told}");
        assert!(!told.contains('\u{1b}'));
    }
}
