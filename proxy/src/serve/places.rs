//! Where an address is, from the operator's own databases; nowhere without them.

use std::net::IpAddr;

use stanchion_config::Config;
use stanchion_geo::{Geo, GeoFiles, Whereabouts};

use crate::flow::Places;

impl Places for Geo {
    fn whereabouts(&self, client: IpAddr) -> Whereabouts {
        self.look_up(client)
    }
}

/// What the configuration names.
#[must_use]
pub fn files(config: &Config) -> GeoFiles {
    GeoFiles {
        countries: config.geo.database.clone(),
        networks: config.geo.asn_database.clone(),
    }
}

/// Opens what can be opened; a database that cannot be used costs its answers, not the line.
#[must_use]
pub fn open(config: &Config) -> Geo {
    let (geo, problems) = Geo::open(&files(config));
    for problem in problems {
        tracing::error!(%problem, "a geo database cannot be used");
    }
    geo
}
