//! `stanchion keys list|generate|rotate`: the folder of keys, by hand. Never prints a secret.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use stanchion_admission::clock::{Clock, SystemClock};
use stanchion_admission::entropy::SystemEntropy;
use stanchion_admission::ids::Stamp;
use stanchion_admission::keys::{KeyInfo, KeyKind, KeyRing, PassAlg, Rotation, Which};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::keydir::{KeyDir, KeyDirError};

#[derive(Subcommand)]
pub enum Keys {
    /// Every key, its state and its times.
    List(Folder),
    /// Make the first keys.
    Generate {
        #[command(flatten)]
        folder: Folder,
        /// How passes are signed.
        #[arg(long, value_enum, default_value = "eddsa")]
        alg: Alg,
    },
    /// Publish a next key; it is used after ten minutes, the old one is accepted until nobody needs it.
    Rotate {
        #[command(flatten)]
        folder: Folder,
        #[arg(long, value_enum, default_value = "both")]
        which: WhichArg,
        /// How passes are signed from then on.
        #[arg(long, value_enum, default_value = "eddsa")]
        alg: Alg,
        /// A secret has leaked: change at once and accept the old keys no more. With ticket keys, everybody who waits
        /// loses their place.
        #[arg(long)]
        emergency: bool,
    },
}

#[derive(Args)]
pub struct Folder {
    /// The folder of keys, as in `[keys] dir`.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Alg {
    Eddsa,
    Es256,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum WhichArg {
    Passes,
    Tickets,
    Both,
}

pub fn run(keys: &Keys) -> ExitCode {
    let now = SystemClock::default().wall();
    match done(keys, now) {
        Ok(ring) => {
            print!("{}", table(&ring.list(now)));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn done(keys: &Keys, now: Stamp) -> Result<KeyRing, KeyDirError> {
    match keys {
        Keys::List(folder) => KeyDir::new(&folder.dir).read(),
        Keys::Generate { folder, alg } => KeyDir::new(&folder.dir).generate(&SystemEntropy, pass_alg(*alg), now),
        Keys::Rotate {
            folder,
            which,
            alg,
            emergency,
        } => {
            let which = match which {
                WhichArg::Passes => Which::Passes,
                WhichArg::Tickets => Which::Tickets,
                WhichArg::Both => Which::Both,
            };
            let rotation = Rotation {
                which,
                alg: pass_alg(*alg),
                emergency: *emergency,
            };
            KeyDir::new(&folder.dir).rotate(&SystemEntropy, rotation, now)
        }
    }
}

fn pass_alg(alg: Alg) -> PassAlg {
    match alg {
        Alg::Eddsa => PassAlg::EdDsa,
        Alg::Es256 => PassAlg::Es256,
    }
}

fn table(keys: &[KeyInfo]) -> String {
    let row = |kind: &str, id: &str, alg: &str, state: &str, from: &str, until: &str| {
        format!("{kind:<7} {id:<32} {alg:<12} {state:<8} {from:<20} {until}\n")
    };
    let header = row("KIND", "ID", "ALG", "STATE", "USED FROM", "ACCEPTED UNTIL");
    let rows = keys.iter().map(|key| {
        let kind = if key.kind == KeyKind::Ticket { "ticket" } else { "pass" };
        let until = key.until.map_or("(no end set)".to_owned(), when);
        row(kind, &key.id, key.alg, key.state.name(), &when(key.from), &until)
    });
    std::iter::once(header).chain(rows).collect()
}

/// Whole seconds, RFC 3339.
pub(super) fn when(stamp: Stamp) -> String {
    let at = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(stamp.unix_seconds());
    at.format(&Rfc3339).unwrap_or_else(|_| stamp.unix_seconds().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_there_is_and_no_secret() {
        let temp = tempfile::tempdir().unwrap();
        let keys = KeyDir::new(temp.path().join("keys"));
        let now = Stamp(1_793_491_200_000_000);
        let ring = keys.generate(&SystemEntropy, PassAlg::Es256, now).unwrap();
        let said = table(&ring.list(now));
        assert!(
            said.contains("ES256") && said.contains("current") && said.contains("2026-11-01T00:00:00Z"),
            "{said}"
        );
        for (_, bytes) in ring.to_files() {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let secret = text.rsplit('"').nth(1).unwrap();
            assert_eq!(secret.len(), 43);
            assert!(!said.contains(secret));
        }
    }

    #[test]
    fn the_last_moment_a_stamp_can_hold_is_printed() {
        assert_eq!(when(Stamp::MAX), "2255-06-05T23:47:34Z");
    }
}
