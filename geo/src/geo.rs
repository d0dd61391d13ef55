//! Both databases together, and their replacement while they are used: whole or not at all, the last good one stays.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::database::{BadDatabase, Database, Wanted};

/// Where the databases are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeoFiles {
    pub countries: Option<PathBuf>,
    pub networks: Option<PathBuf>,
}

/// What is known of an address. Every part has a bounded form; the names of networks do not belong into metric labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whereabouts {
    /// ISO 3166-1, two capital letters.
    pub country: Option<[u8; 2]>,
    /// The part after the dash of ISO 3166-2: at most three letters and digits.
    pub region: Option<String>,
    /// Autonomous system number.
    pub network: Option<u32>,
    /// At most 80 characters.
    pub network_name: Option<String>,
}

impl Whereabouts {
    /// The country's code; `ZZ`, which ISO keeps free, where it is unknown.
    #[must_use]
    pub fn country_or_unknown(&self) -> &str {
        self.country
            .as_ref()
            .and_then(|code| std::str::from_utf8(code).ok())
            .unwrap_or("ZZ")
    }
}

/// A database that stayed as it was, and why.
#[derive(Debug)]
pub struct ReloadProblem {
    pub file: PathBuf,
    pub why: BadDatabase,
}

impl fmt::Display for ReloadProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.why)
    }
}

/// The databases in use. Look-ups take no lock.
#[derive(Debug, Default)]
pub struct Geo {
    countries: ArcSwapOption<Database>,
    networks: ArcSwapOption<Database>,
}

impl Geo {
    /// Loads what the files hold. A database that is named and cannot be used is a problem; the other one is used.
    #[must_use]
    pub fn open(files: &GeoFiles) -> (Geo, Vec<ReloadProblem>) {
        let geo = Geo::default();
        let problems = geo.reload(files);
        (geo, problems)
    }

    /// Loads both files anew. Each replaces its predecessor only where it is good; one that is no longer named goes.
    /// Reads files: not for the thread of a request.
    pub fn reload(&self, files: &GeoFiles) -> Vec<ReloadProblem> {
        let slots = [
            (&self.countries, &files.countries, Wanted::Countries),
            (&self.networks, &files.networks, Wanted::Networks),
        ];
        slots
            .into_iter()
            .filter_map(|(slot, file, wanted)| replace(slot, file.as_deref(), wanted))
            .collect()
    }

    /// Everything known of an address.
    #[must_use]
    pub fn look_up(&self, address: IpAddr) -> Whereabouts {
        let said = |slot: &ArcSwapOption<Database>| {
            slot.load()
                .as_ref()
                .map(|base| base.look_up(address))
                .unwrap_or_default()
        };
        let (place, net) = (said(&self.countries), said(&self.networks));
        Whereabouts {
            country: place.country.or(net.country),
            region: place.region,
            network: net.network.or(place.network),
            network_name: net.network_name.or(place.network_name),
        }
    }
}

fn replace(slot: &ArcSwapOption<Database>, file: Option<&Path>, wanted: Wanted) -> Option<ReloadProblem> {
    let Some(file) = file else {
        slot.store(None);
        return None;
    };
    match Database::from_file(file, wanted) {
        Ok(database) => {
            slot.store(Some(Arc::new(database)));
            None
        }
        Err(why) => Some(ReloadProblem {
            file: file.to_owned(),
            why,
        }),
    }
}
