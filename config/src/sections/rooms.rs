//! `[[rooms]]`: which requests wait, for which origin, and what their visitors are shown.

use stanchion_admission::ids::RoomName;
use stanchion_admission::policy::LiveSettings;

use crate::read::{Field, Notes, Section, Told, quote};
use crate::sections::cross::Placed;
use crate::sections::{challenge, edge, files, names, timing};
use crate::types::{Bind, OnStoreLoss, PageText, Room, Upgrades};

const MAX_TITLE_BYTES: usize = 200;
const MAX_LANGUAGES: usize = 64;

pub(super) fn rooms(sections: Vec<Section<'_>>, notes: &mut Notes<'_>) -> Vec<Placed<Room>> {
    sections
        .into_iter()
        .filter_map(|section| room(section, notes))
        .collect()
}

fn room(mut section: Section<'_>, notes: &mut Notes<'_>) -> Option<Placed<Room>> {
    let at = section.at.clone();
    let name_at = section.field("name").map_or_else(|| at.clone(), |field| field.at);
    let name = names::name(&mut section, "sale", notes).unwrap_or_default();
    let policy = timing::policy(
        RoomName::new(&name).or_else(|| RoomName::new("unnamed"))?,
        &mut section,
        notes,
    )?;
    let refers_at = section.field("origin").map_or_else(|| at.clone(), |field| field.at);
    let origin = origin(&mut section, notes);
    let hosts = names::hosts(&mut section, "hosts", &["*"], notes);
    let paths = names::paths(&mut section, "paths", &["/"], notes);
    let exclude = names::paths(&mut section, "exclude", &[], notes);
    outside(&mut section, &paths, &exclude, notes);
    let room = Room {
        policy,
        origin,
        hosts,
        paths,
        exclude,
        on_store_loss: on_store_loss(&mut section, notes),
        upgrades: upgrades(&mut section, notes),
        bind: section.choice(
            "bind",
            &[("none", Bind::None), ("network", Bind::Network)],
            Bind::None,
            notes,
        ),
        challenge: challenge::challenge(section.section("challenge", notes), notes),
        page: page(&mut section, notes),
    };
    section.close(notes);
    Some(Placed {
        value: room,
        name,
        at,
        name_at,
        refers_at,
    })
}

fn origin(section: &mut Section<'_>, notes: &mut Notes<'_>) -> String {
    if section.field("origin").is_none() && section.is_there() {
        section.missing("origin", "\"booking\"");
    }
    section
        .text("origin", 256, notes)
        .map(|(_, text)| text.to_owned())
        .unwrap_or_default()
}

/// An exclusion that no path of the room covers lets nothing through.
fn outside(section: &mut Section<'_>, paths: &[String], exclude: &[String], notes: &mut Notes<'_>) {
    let covers = |prefix: &String, path: &String| {
        let (prefix, path) = (
            prefix.trim_end_matches('/').to_ascii_lowercase(),
            path.to_ascii_lowercase(),
        );
        path.strip_prefix(&prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for path in exclude {
        let at = section
            .field("exclude")
            .map_or_else(|| section.at.clone(), |field| field.at);
        if paths.contains(path) {
            let what = format!("{path} is in `paths` and in `exclude`");
            let why = "one says that it waits, the other that it does not".to_owned();
            notes.error(
                &at,
                Told {
                    what,
                    why,
                    help: "remove it from one of them".to_owned(),
                },
            );
        } else if !paths.is_empty() && !paths.iter().any(|prefix| covers(prefix, path)) {
            let what = format!("{path} in `exclude` is under no path of the room");
            let why = "it is let through anyway: this entry is without effect".to_owned();
            notes.warning(
                &at,
                Told {
                    what,
                    why,
                    help: "remove it, or correct it".to_owned(),
                },
            );
        }
    }
}

fn on_store_loss(section: &mut Section<'_>, notes: &mut Notes<'_>) -> OnStoreLoss {
    let hold = ("hold", OnStoreLoss::Hold);
    timing::choice_so_far(section, "on_store_loss", &[hold], hold, "lease", notes)
}

fn upgrades(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Upgrades {
    let mut upgrades = Upgrades::default();
    let Some(field) = section.field("allow_upgrade") else {
        return upgrades;
    };
    for item in notes.list(&field, 8) {
        match notes.choice(&item, &[("websocket", true), ("sse", false)]) {
            Some(true) => upgrades.websocket = true,
            Some(false) => upgrades.sse = true,
            None => {}
        }
    }
    upgrades
}

fn page(section: &mut Section<'_>, notes: &mut Notes<'_>) -> PageText {
    let website = section.text("website", 2048, notes);
    PageText {
        template: files::file(section, "template", &files::TEMPLATE, notes),
        title: words(section, "title", MAX_TITLE_BYTES, notes),
        message: words(section, "message", LiveSettings::MAX_TEXT, notes),
        website: website
            .and_then(|(field, text)| edge::web_address(&field, text, notes))
            .map(String::from),
        languages: languages(section, notes),
    }
}

fn words(section: &mut Section<'_>, key: &'static str, max_bytes: usize, notes: &mut Notes<'_>) -> Option<String> {
    let (field, text) = section.text(key, max_bytes, notes)?;
    if text.chars().any(|c| c.is_control() && c != '\n') {
        let what = format!("`{key}` has a control character");
        let why = "it is shown to people, on pages and terminals".to_owned();
        notes.error(
            &field.at,
            Told {
                what,
                why,
                help: "use letters and line breaks alone".to_owned(),
            },
        );
        return None;
    }
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn languages(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Vec<String> {
    let Some(field) = section.field("languages") else {
        return Vec::new();
    };
    let items = names::texts(&field, MAX_LANGUAGES, notes);
    items
        .iter()
        .filter_map(|(item, text)| language(item, text, notes))
        .collect()
}

/// A language tag (RFC 5646): two or three letters, then parts of up to eight letters and digits.
fn language(item: &Field<'_>, text: &str, notes: &mut Notes<'_>) -> Option<String> {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let first_fits = (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_alphabetic());
    let rest_fits = parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
    if first_fits && rest_fits && text.len() <= 35 {
        return Some(text.to_owned());
    }
    let what = format!("\"{}\" is not a language", quote(text));
    let why = "a language is a tag as in Accept-Language".to_owned();
    notes.error(
        &item.at,
        Told {
            what,
            why,
            help: "write \"en\", \"de\" or \"zh-Hant\"".to_owned(),
        },
    );
    None
}
