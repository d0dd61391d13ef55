//! `[decision]`: where other proxies ask what to do with a request, and which of them may.

use std::net::SocketAddr;

use crate::read::{At, Notes, Section, Told};
use crate::sections::edge::{EdgeRead, clash};
use crate::sections::names;
use crate::types::Decision;

const MAX_LISTENERS: usize = 8;
const MAX_ALLOWED: usize = 256;

pub(super) fn decision(mut section: Section<'_>, edge: &EdgeRead, notes: &mut Notes<'_>) -> Decision {
    let listen = listeners(&mut section, notes);
    let named = section.field("allow").is_some();
    let allow = names::prefixes(&mut section, "allow", MAX_ALLOWED, notes);
    distinct(&listen, edge, notes);
    for (address, at) in listen
        .iter()
        .filter(|(address, _)| !named && !address.ip().is_loopback())
    {
        let told = Told {
            what: format!(
                "the decision service is on {address}, where others can reach it, and nobody is named who may"
            ),
            why: "whoever asks is believed in whom they ask for: limits and places per address would mean nothing"
                .to_owned(),
            help: "name the proxies that ask in decision.allow = [\"10.0.0.7/32\"], or listen on 127.0.0.1".to_owned(),
        };
        notes.dependent(at, told);
    }
    for (at, net) in allow.iter().filter(|(_, net)| net.prefix_len() == 0) {
        let told = Told {
            what: format!("`allow` lets everybody ask: {net}"),
            why: "whoever asks is believed in whom they ask for".to_owned(),
            help: "name the proxies that ask, and nothing else".to_owned(),
        };
        notes.error(at, told);
    }
    section.close(notes);
    Decision {
        listen: listen.into_iter().map(|(address, _)| address).collect(),
        allow: allow.into_iter().map(|(_, net)| net).collect(),
    }
}

fn listeners(section: &mut Section<'_>, notes: &mut Notes<'_>) -> Vec<(SocketAddr, At)> {
    let Some(field) = section.field("listen") else {
        return Vec::new();
    };
    let items = notes.list(&field, MAX_LISTENERS);
    items
        .into_iter()
        .filter_map(|item| Some((names::listen_address(&item, notes)?, item.at)))
        .collect()
}

fn distinct(listen: &[(SocketAddr, At)], edge: &EdgeRead, notes: &mut Notes<'_>) {
    let edge = &edge.value;
    let mut taken: Vec<SocketAddr> = edge.listen.iter().chain(&edge.listen_tls).copied().collect();
    taken.push(edge.admin);
    for (address, at) in listen {
        if let Some(other) = taken.iter().find(|other| clash(other, address)) {
            let told = Told {
                what: format!("{address} is taken already by {other}"),
                why: "two listeners cannot share an address and port".to_owned(),
                help: "give one of them another port".to_owned(),
            };
            notes.error(at, told);
        }
        taken.push(*address);
    }
}
