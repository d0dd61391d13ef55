//! `stanchion room …`: look at rooms and steer them from a terminal, over the admin API. Nothing is tried twice: what
//! could not be done is said, with an exit code that a script can act on.

mod client;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Map, Value, json};

use client::{Client, Failure};

#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 refused, 2 wrong usage, 3 the edge or its store does not answer, 4 token refused."
)]
pub struct Room {
    /// The admin listener. Also STANCHION_ADMIN_URL.
    #[arg(long, global = true, value_name = "URL")]
    admin: Option<String>,
    /// A file whose first line is the admin token. Also the token itself in STANCHION_ADMIN_TOKEN.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print the API's JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every room at a glance.
    List,
    /// One room in full.
    Show { room: String },
    /// Change capacity, pace or message, live.
    Set(Set),
    /// Let nobody in for now; everybody keeps their place.
    Pause {
        room: String,
        /// What visitors are told.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Go on after a pause.
    Resume { room: String },
    /// Close the room: nobody gets in, nobody joins.
    Close { room: String },
    /// Open it again.
    Open { room: String },
}

#[derive(Args)]
#[command(
    override_usage = "stanchion room set <ROOM> [--capacity N] [--rate RATE] [--message TEXT | --no-message]",
    group = ArgGroup::new("change").required(true).multiple(true).args(["capacity", "rate", "message", "no_message"]),
    after_help = "At least one of them. For example: stanchion room set sale --rate 200/min --message 'Doors at noon'"
)]
struct Set {
    /// The room's name, as in the configuration.
    room: String,
    /// Most visitors inside at a time, or `configured`.
    #[arg(long, value_name = "N")]
    capacity: Option<String>,
    /// The pace, like 500/min, or `configured`.
    #[arg(long, value_name = "RATE")]
    rate: Option<String>,
    /// Words for everybody in the line.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Take the message away.
    #[arg(long, conflicts_with = "message")]
    no_message: bool,
}

impl Set {
    /// The body of the change. A number that is none goes on as it is: the API says what is wrong with it.
    fn change(&self) -> Value {
        let mut change = Map::new();
        if let Some(capacity) = &self.capacity {
            let value = match capacity.parse::<u64>() {
                Ok(number) => json!(number),
                Err(_) => configured_or(capacity),
            };
            change.insert("capacity".to_owned(), value);
        }
        if let Some(rate) = &self.rate {
            change.insert("rate".to_owned(), configured_or(rate));
        }
        if self.no_message {
            change.insert("message".to_owned(), Value::Null);
        } else if let Some(message) = &self.message {
            change.insert("message".to_owned(), json!(message));
        }
        Value::Object(change)
    }
}

fn configured_or(text: &str) -> Value {
    if text == "configured" { Value::Null } else { json!(text) }
}

impl What {
    /// The room that is to change, and how.
    fn change(&self) -> Option<(&str, Value)> {
        match self {
            What::List | What::Show { .. } => None,
            What::Set(set) => Some((&set.room, set.change())),
            What::Pause {
                room,
                reason: Some(reason),
            } => Some((room, json!({"paused": {"reason": reason}}))),
            What::Pause { room, reason: None } => Some((room, json!({"paused": {}}))),
            What::Resume { room } => Some((room, json!({"paused": null}))),
            What::Close { room } => Some((room, json!({"closed": true}))),
            What::Open { room } => Some((room, json!({"closed": false}))),
        }
    }
}

pub fn run(room: &Room) -> ExitCode {
    match done(room) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{}", failure.text);
            ExitCode::from(failure.code)
        }
    }
}

fn done(room: &Room) -> Result<String, Failure> {
    let client = Client::new(room.admin.as_deref(), room.token_file.as_deref())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::usage(format!("no runtime: {error}")))?;
    let answer = runtime.block_on(ask(&client, &room.what))?;
    Ok(match (&room.what, room.json) {
        (_, true) => format!("{answer:#}\n"),
        (What::List, false) => show::list(&answer),
        (_, false) => show::room(&answer),
    })
}

async fn ask(client: &Client, what: &What) -> Result<Value, Failure> {
    if let Some((room, change)) = what.change() {
        return client.change(room, &change).await;
    }
    match what {
        What::Show { room } => client.room(room).await,
        _ => client.rooms().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        room: Room,
    }

    fn change(line: &str) -> Option<Value> {
        let words = std::iter::once("room").chain(line.split(' '));
        Line::try_parse_from(words)
            .ok()?
            .room
            .what
            .change()
            .map(|(_, change)| change)
    }

    #[test]
    fn lines_and_the_changes_they_ask_for() {
        for (line, expected) in [
            (
                "set sale --capacity 80 --rate 500/min",
                json!({"capacity": 80, "rate": "500/min"}),
            ),
            (
                "set sale --capacity configured --rate configured",
                json!({"capacity": null, "rate": null}),
            ),
            ("set sale --capacity many", json!({"capacity": "many"})),
            ("set sale --message hello", json!({"message": "hello"})),
            ("set sale --no-message", json!({"message": null})),
            ("pause sale", json!({"paused": {}})),
            ("pause sale --reason lunch", json!({"paused": {"reason": "lunch"}})),
            ("resume sale --json --admin http://127.0.0.1:1", json!({"paused": null})),
            ("close sale", json!({"closed": true})),
            ("open sale", json!({"closed": false})),
        ] {
            assert_eq!(change(line), Some(expected), "{line}");
        }
        for line in [
            "set sale",
            "pause",
            "set sale --message a --no-message",
            "dance sale",
            "list",
            "show sale",
        ] {
            assert_eq!(change(line), None, "{line}");
        }
    }

    /// Whoever forgets what to set reads how it is written.
    #[test]
    fn set_without_a_change_shows_its_usage() {
        let refused = Line::try_parse_from(["room", "set", "sale"])
            .err()
            .map(|error| error.to_string());
        let said = refused.unwrap_or_default();
        assert!(
            said.contains("Usage: stanchion room set <ROOM> [--capacity N]"),
            "{said}"
        );
        let help = Line::try_parse_from(["room", "set", "--help"])
            .err()
            .map(|error| error.to_string());
        let help = help.unwrap_or_default();
        assert!(help.contains("stanchion room set sale --rate 200/min"), "{help}");
    }
}
