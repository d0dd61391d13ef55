//! The rooms as HTTP sees them: where their doors are, which origin is behind them, how their cookies are called.
//! Built from the configuration as a whole and swapped as a whole.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use stanchion_admission::ids::RoomName;
use stanchion_admission::pass;
use stanchion_admission::policy::RoomPolicy;
use stanchion_config::{Bind, Config, Room, Upgrades};

use crate::pages::{Dress, Template};

use super::challenge::Door;
use super::cookies::Names;
use super::rooms::{Found, RoomTable};

/// One room's face.
pub struct Site {
    pub name: RoomName,
    pub policy: RoomPolicy,
    pub origin: Arc<str>,
    pub upgrades: Upgrades,
    pub bind: Bind,
    pub door: Door,
    pub message: Option<String>,
    /// How its pages look.
    pub dress: Dress,
    plain: Names,
    secure: Names,
}

impl Site {
    fn new(room: &Room, template: Option<Template>) -> Site {
        let name = room.policy.name.as_str();
        Site {
            name: room.policy.name.clone(),
            policy: room.policy.clone(),
            origin: Arc::from(room.origin.as_str()),
            upgrades: room.upgrades,
            bind: room.bind,
            door: Door::new(room.challenge),
            message: room.page.message.clone(),
            dress: dress(room, template),
            plain: Names::new(name, false),
            secure: Names::new(name, true),
        }
    }

    /// How long one pass is good for.
    #[must_use]
    pub fn pass_life(&self) -> Duration {
        self.policy.session_ttl.min(pass::MAX_LIFE)
    }

    #[must_use]
    pub fn names(&self, tls: bool) -> &Names {
        if tls { &self.secure } else { &self.plain }
    }
}

fn dress(room: &Room, template: Option<Template>) -> Dress {
    let title = room.page.title.as_deref().unwrap_or(room.policy.name.as_str());
    Dress {
        website: room.page.website.clone(),
        language: room.page.languages.first().cloned(),
        template,
        ..Dress::titled(title)
    }
}

/// Where a request goes, before anything is known of who sends it.
pub enum Way<'a> {
    Protected(&'a Site),
    /// To this origin, without a pass.
    Through(&'a Site),
    UnknownHost,
}

/// All sites.
pub struct Sites {
    sites: Vec<Site>,
    table: RoomTable,
    /// Cookies of every room: a path outside all rooms must not leak them either.
    cookie_names: [Arc<[String]>; 2],
}

impl Sites {
    /// `templates`: each room's own template, where it has one.
    #[must_use]
    pub fn new(config: &Config, mut templates: HashMap<RoomName, Template>) -> Sites {
        let rooms = &config.rooms;
        let sites: Vec<Site> = rooms
            .iter()
            .map(|room| Site::new(room, templates.remove(&room.policy.name)))
            .collect();
        let doors = rooms
            .iter()
            .map(|room| (room.hosts.as_slice(), room.paths.as_slice(), room.exclude.as_slice()));
        let table = RoomTable::new(doors);
        let names = |tls| sites.iter().flat_map(|site| site.names(tls).all()).collect();
        let cookie_names = [names(false), names(true)];
        Sites {
            table,
            cookie_names,
            sites,
        }
    }

    /// Goes on with what these have counted.
    #[must_use]
    pub fn after(mut self, before: &Sites) -> Sites {
        for site in &mut self.sites {
            if let Some(known) = before.room(site.name.as_str()) {
                site.door.count_on(&known.door);
            }
        }
        self
    }

    #[must_use]
    pub fn way(&self, host: &str, path: &str) -> Way<'_> {
        let site = |index: usize| self.sites.get(index);
        let way = match self.table.find(host, path) {
            Found::Protected(index) => site(index).map(Way::Protected),
            Found::Excluded(index) | Found::Unprotected(index) => site(index).map(Way::Through),
            Found::UnknownHost => None,
        };
        way.unwrap_or(Way::UnknownHost)
    }

    #[must_use]
    pub fn room(&self, name: &str) -> Option<&Site> {
        self.sites.iter().find(|site| site.name.as_str() == name)
    }

    #[must_use]
    pub fn cookie_names(&self, tls: bool) -> &Arc<[String]> {
        &self.cookie_names[usize::from(tls)]
    }
}
