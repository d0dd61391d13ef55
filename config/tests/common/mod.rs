//! A file system that exists only here.

use std::path::Path;

use stanchion_config::{Files, Look};

/// `/etc/stanchion`, with one file of each kind.
pub struct EtcStanchion;

impl Files for EtcStanchion {
    fn base(&self) -> &Path {
        Path::new("/etc/stanchion")
    }

    fn look(&self, path: &Path) -> Look {
        let file = |bytes| Look::File {
            bytes,
            others_can_read: false,
        };
        match path.to_str().unwrap_or_default() {
            "/etc/stanchion/cert.pem"
            | "/etc/stanchion/ca.pem"
            | "/etc/stanchion/other-cert.pem"
            | "/etc/stanchion/waiting.html" => Look::File {
                bytes: 2_000,
                others_can_read: true,
            },
            "/etc/stanchion/key.pem" | "/etc/stanchion/other-key.pem" => file(1_700),
            "/etc/stanchion/token" | "/etc/stanchion/loader-password" | "/etc/stanchion/sentinel-password" => file(44),
            "/etc/stanchion/geo.mmdb" | "/etc/stanchion/asn.mmdb" => file(9_000_000),
            "/etc/stanchion/open-key.pem" | "/etc/stanchion/open-token" => Look::File {
                bytes: 44,
                others_can_read: true,
            },
            "/etc/stanchion/empty.mmdb" => file(0),
            "/etc/stanchion/huge.mmdb" => file(5 << 30),
            "/etc/stanchion/locked.pem" | "/etc/stanchion/locked-keys" => {
                Look::Unreadable("permission denied".to_owned())
            }
            "/etc/stanchion" | "/etc/stanchion/keys" | "/run" | "/run/stanchion" => Look::Folder,
            _ => Look::Missing,
        }
    }
}
