//! `stanchion token inspect`: what a ticket or a pass says, and whether our keys believe it. Prints nothing that is
//! not in the token already.

use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use stanchion_admission::clock::{Clock, SystemClock};
use stanchion_admission::ids::{RoomName, Stamp};
use stanchion_admission::keys::KeyRing;
use stanchion_admission::{pass, ticket};

use super::keys::when;
use crate::keydir::KeyDir;

/// Far more than a token; nothing longer is read from standard input.
const MAX_INPUT_BYTES: u64 = 64 * 1024;

#[derive(Subcommand)]
pub enum Token {
    /// What it says; with `--keys`, whether it is good. Exit code 1 where it is not.
    Inspect {
        /// The ticket or pass; `-` reads it from standard input, so that it stays out of the shell's history.
        token: String,
        /// Check it with the keys of this folder.
        #[arg(long, value_name = "DIR")]
        keys: Option<PathBuf>,
        /// The room it should be for. A pass names its own; a ticket does not.
        #[arg(long)]
        room: Option<String>,
    },
}

pub fn run(token: &Token) -> ExitCode {
    let Token::Inspect { token, keys, room } = token;
    let said = asked(token, keys, room.as_deref())
        .and_then(|(text, ring, room)| inspect(&text, ring.as_ref(), room.as_ref(), SystemClock::default().wall()));
    match said {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{}", text.trim_end());
            ExitCode::FAILURE
        }
    }
}

type Asked = (String, Option<KeyRing>, Option<RoomName>);

fn asked(token: &str, keys: &Option<PathBuf>, room: Option<&str>) -> Result<Asked, String> {
    let text = if token == "-" { from_stdin()? } else { token.to_owned() };
    let ring = keys
        .as_ref()
        .map(|dir| KeyDir::new(dir).read())
        .transpose()
        .map_err(|error| error.to_string())?;
    let room = match room {
        None => None,
        Some(name) => Some(RoomName::new(name).ok_or("a room's name is 1-64 characters of a-z, 0-9 and -")?),
    };
    Ok((text, ring, room))
}

fn from_stdin() -> Result<String, String> {
    let mut text = String::new();
    let read = std::io::stdin().take(MAX_INPUT_BYTES).read_to_string(&mut text);
    read.map_err(|error| format!("standard input: {error}"))?;
    Ok(text.trim().to_owned())
}

/// The description; `Err` with a description where the token is bad, or cannot be checked as asked.
fn inspect(text: &str, ring: Option<&KeyRing>, room: Option<&RoomName>, now: Stamp) -> Result<String, String> {
    if text.contains('.') {
        return inspect_pass(text, ring, room, now);
    }
    let Some(peek) = ticket::peek(text) else {
        return Err("this is neither a pass nor a ticket".to_owned());
    };
    let bound = if peek.bound { ", bound" } else { "" };
    let mut said = format!("ticket, version {}, key {}{bound}\n", peek.version, peek.key);
    let _ = writeln!(
        said,
        "visitor  {}\narrival  {} ({} us)",
        peek.place.visitor,
        when(peek.place.stamp),
        peek.place.stamp.0
    );
    match (ring, room) {
        (Some(ring), Some(room)) => judged(said, ticket::open(ring, room, text)),
        (Some(_), None) => Err(format!("{said}not checked: say which room with --room")),
        (None, _) => Ok(format!("{said}not checked: give --keys DIR to check it\n")),
    }
}

fn inspect_pass(text: &str, ring: Option<&KeyRing>, room: Option<&RoomName>, now: Stamp) -> Result<String, String> {
    let mut parts = text.split('.').map(json_of);
    let header = parts.next().flatten();
    let claims = parts.next().flatten();
    let (Some(header), Some(claims)) = (header, claims) else {
        return Err("this is neither a pass nor a ticket".to_owned());
    };
    let said = format!("pass\nheader  {header:#}\nclaims  {claims:#}\n");
    let Some(ring) = ring else {
        return Ok(format!("{said}not checked: give --keys DIR to check it\n"));
    };
    let named = claims.get("aud").and_then(|aud| aud.as_str()).and_then(RoomName::new);
    match room.or(named.as_ref()) {
        Some(room) => judged(said, pass::verify(ring, room, text, now)),
        None => Err(format!("{said}bad: it names no room")),
    }
}

fn json_of(part: &str) -> Option<serde_json::Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn judged<T, E: std::fmt::Display>(said: String, verdict: Result<T, E>) -> Result<String, String> {
    match verdict {
        Ok(_) => Ok(format!("{said}good\n")),
        Err(fault) => Err(format!("{said}bad: {fault}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stanchion_admission::entropy::SystemEntropy;
    use stanchion_admission::ids::{Place, VisitorId};
    use stanchion_admission::keys::PassAlg;
    use stanchion_admission::pass::PassContext;
    use stanchion_admission::store::Session;

    use super::*;

    const NOW: Stamp = Stamp(1_793_491_200_000_000);

    #[test]
    fn says_what_a_token_says_and_whether_it_is_good() {
        let ring = KeyRing::generate(&SystemEntropy, PassAlg::EdDsa, NOW);
        let stranger = KeyRing::generate(&SystemEntropy, PassAlg::EdDsa, NOW);
        let (sale, other) = (RoomName::new("sale").unwrap(), RoomName::new("other").unwrap());
        let place = Place {
            stamp: NOW,
            visitor: VisitorId([7; 16]),
        };
        let ticket = ticket::seal(
            &ring,
            &ticket::Ticket {
                room: sale.clone(),
                place,
                binding: None,
            },
            NOW,
        );
        let session = Session {
            place,
            claimed_at: NOW,
            expires_at: NOW.plus(Duration::from_secs(60)),
        };
        let context = PassContext {
            issuer: "x",
            region: None,
            queue_position: None,
            ttl: Duration::from_secs(60),
        };
        let pass = pass::issue(&ring, &sale, &session, &context, NOW).unwrap();
        let late = NOW.plus(Duration::from_secs(600));

        for (token, ring, room, now, good, word) in [
            (&ticket, None, None, NOW, true, "not checked"),
            (&ticket, Some(&ring), None, NOW, false, "--room"),
            (&ticket, Some(&ring), Some(&sale), NOW, true, "good"),
            (&ticket, Some(&ring), Some(&other), NOW, false, "bad: for another room"),
            (
                &ticket,
                Some(&stranger),
                Some(&sale),
                NOW,
                false,
                "bad: sealed with a key we do not have",
            ),
            (&pass, None, None, NOW, true, "\"aud\": \"sale\""),
            (&pass, Some(&ring), None, NOW, true, "good"),
            (&pass, Some(&ring), Some(&other), NOW, false, "bad: for another room"),
            (&pass, Some(&ring), None, late, false, "bad: has expired"),
            (&"..".to_owned(), None, None, NOW, false, "neither"),
            (&"hello".to_owned(), None, None, NOW, false, "neither"),
            (&String::new(), None, None, NOW, false, "neither"),
        ] {
            let said = inspect(token, ring, room, now);
            assert_eq!(said.is_ok(), good, "{said:?}");
            let text = said.unwrap_or_else(|text| text);
            assert!(text.contains(word), "{word} in {text}");
        }
    }
}
