//! The tables of the configuration, one file each. Every function here reads one table into its checked values and
//! notes what is wrong with it; what concerns several tables is in `cross`.

mod challenge;
pub(crate) mod cross;
mod decision;
mod edge;
mod files;
mod guard;
mod limits;
mod names;
mod origins;
mod proxy_protocol;
mod rooms;
mod services;
mod store;
mod timing;

use crate::read::{Notes, Section};
use crate::types::Config;

/// Most entries of each list of tables.
pub(crate) const MAX_ORIGINS: usize = 64;
pub(crate) const MAX_ROOMS: usize = 256;
pub(crate) const MAX_LIMITS: usize = 256;
pub(crate) const MAX_CERTIFICATES: usize = 256;

/// The whole document. Its values mean something only where nothing was noted as an error.
pub(crate) fn document(mut root: Section<'_>, notes: &mut Notes<'_>) -> Config {
    let edge = edge::edge(root.section("edge", notes), notes);
    let admin = services::admin(root.section("admin", notes), &edge, notes);
    let store = store::store(root.section("store", notes), notes);
    let keys = services::keys(root.section("keys", notes), notes);
    let origins = origins::origins(root.sections("origins", MAX_ORIGINS, notes), &edge, notes);
    let rooms = rooms::rooms(root.sections("rooms", MAX_ROOMS, notes), notes);
    let limits = limits::limits(root.sections("limits", MAX_LIMITS, notes), notes);
    let decision = decision::decision(root.section("decision", notes), &edge, notes);
    let geo = services::geo(root.section("geo", notes), notes);
    let log = services::log(root.section("log", notes), notes);
    let metrics = services::metrics(root.section("metrics", notes), notes);
    if origins.is_empty() {
        missing(&mut root, "origins", "add an [[origins]] table with name and servers");
    }
    if rooms.is_empty() {
        missing(
            &mut root,
            "rooms",
            "add a [[rooms]] table with name, origin, capacity and rate",
        );
    }
    cross::check(&origins, &rooms, notes);
    root.close(notes);
    let values = |placed: Vec<cross::Placed<_>>| placed.into_iter().map(|placed| placed.value).collect();
    Config {
        edge: edge.value,
        admin,
        store,
        keys,
        origins: values(origins),
        rooms: rooms.into_iter().map(|placed| placed.value).collect(),
        limits,
        decision,
        geo,
        log,
        metrics,
        warnings: Vec::new(),
    }
}

/// There is no such table at all. One that is there and no list has been noted as that.
fn missing(root: &mut Section<'_>, key: &'static str, help: &str) {
    let not_a_list = root.field(key).is_some_and(|field| !field.value.is_array());
    if !not_a_list {
        root.missing(key, help);
    }
}
