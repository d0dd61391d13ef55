//! Look-ups in databases that are made here, and what happens with broken ones (THREATS F16).

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of a test are test code

mod mmdb;

use std::fs;
use std::net::IpAddr;

use mmdb::{Value, Writer, map, text};
use proptest::prelude::*;
use stanchion_geo::{BadDatabase, Database, Geo, GeoFiles, MAX_DATABASE_BYTES, Wanted, Whereabouts};

fn country(code: &str) -> Value {
    map([("country", map([("iso_code", text(code))]))])
}

fn city(code: &str, region: &str) -> Value {
    map([
        (
            "country",
            map([("iso_code", text(code)), ("names", map([("en", text("Somewhere"))]))]),
        ),
        ("subdivisions", Value::Array(vec![map([("iso_code", text(region))])])),
    ])
}

fn network(number: u32, name: &str) -> Value {
    map([
        ("autonomous_system_number", Value::U32(number)),
        ("autonomous_system_organization", text(name)),
    ])
}

fn countries(record_bits: u16) -> Vec<u8> {
    Writer::new("GeoLite2-Country", record_bits, 6)
        .add("192.0.2.0/24", &city("de", "BE"))
        .add("198.51.100.0/25", &country("TH"))
        .add("2001:db8::/32", &map([("country_code", text("KR"))]))
        .add(
            "203.0.113.0/24",
            &map([("registered_country", map([("iso_code", text("FR"))]))]),
        )
        .finish()
}

fn networks() -> Vec<u8> {
    Writer::new("GeoLite2-ASN", 24, 6)
        .add("192.0.2.0/24", &network(64_496, "Example \u{7} Net"))
        .add("2001:db8:1::/48", &network(4_200_000_000, &"long ".repeat(60)))
        .finish()
}

fn opened(countries: &[u8], networks: &[u8]) -> Geo {
    let folder = tempfile::tempdir().unwrap();
    let files = GeoFiles {
        countries: Some(folder.path().join("c")),
        networks: Some(folder.path().join("n")),
    };
    fs::write(files.countries.as_ref().unwrap(), countries).unwrap();
    fs::write(files.networks.as_ref().unwrap(), networks).unwrap();
    let (geo, problems) = Geo::open(&files);
    assert!(problems.is_empty(), "{problems:?}");
    geo
}

fn found(geo: &Geo, address: &str) -> (String, Option<String>, Option<u32>) {
    let Whereabouts { region, network, .. } = geo.look_up(address.parse().unwrap());
    (
        geo.look_up(address.parse().unwrap()).country_or_unknown().to_owned(),
        region,
        network,
    )
}

#[test]
fn finds_country_region_and_network() {
    for record_bits in [24, 28, 32] {
        let geo = opened(&countries(record_bits), &networks());
        for (address, country, region, network) in [
            ("192.0.2.1", "DE", Some("BE"), Some(64_496)),
            ("::ffff:192.0.2.1", "DE", Some("BE"), Some(64_496)),
            ("198.51.100.127", "TH", None, None),
            ("198.51.100.128", "ZZ", None, None),
            ("203.0.113.9", "FR", None, None),
            ("2001:db8:1::5", "KR", None, Some(4_200_000_000)),
            ("2001:db8:2::5", "KR", None, None),
            ("127.0.0.1", "ZZ", None, None),
            ("::1", "ZZ", None, None),
        ] {
            let expected = (country.to_owned(), region.map(str::to_owned), network);
            assert_eq!(found(&geo, address), expected, "{address} with {record_bits} bits");
        }
        let name = geo.look_up("192.0.2.1".parse().unwrap()).network_name;
        assert_eq!(name.as_deref(), Some("Example  Net"), "without control characters");
        let long = geo.look_up("2001:db8:1::5".parse().unwrap()).network_name.unwrap();
        assert_eq!(long.chars().count(), 80);
    }
}

#[test]
fn an_ipv4_database_knows_no_ipv6() {
    let bytes = Writer::new("Country", 28, 4)
        .add("192.0.2.0/24", &country("DE"))
        .finish();
    let geo = opened(&bytes, &networks());
    assert_eq!(found(&geo, "192.0.2.3").0, "DE");
    assert_eq!(found(&geo, "2001:db8::1").0, "ZZ");
}

/// Codes that would be unbounded labels are not handed on.
#[test]
fn strange_codes_are_unknown() {
    let bytes = Writer::new("Country", 24, 6)
        .add("192.0.2.0/26", &country("Germany"))
        .add("192.0.2.64/26", &city("DE", "BERLIN"))
        .add("192.0.2.128/26", &country("d\n"))
        .finish();
    let geo = opened(&bytes, &networks());
    assert_eq!(found(&geo, "192.0.2.1").0, "ZZ");
    assert_eq!(found(&geo, "192.0.2.65"), ("DE".to_owned(), None, Some(64_496)));
    assert_eq!(found(&geo, "192.0.2.129").0, "ZZ");
}

#[test]
fn refuses_what_is_not_wanted() {
    let refuse = |bytes: Vec<u8>, wanted| Database::from_bytes(bytes, wanted).unwrap_err().to_string();
    assert_eq!(
        refuse(networks(), Wanted::Countries),
        "it holds no countries: its type is \"GeoLite2-ASN\""
    );
    assert_eq!(
        refuse(countries(24), Wanted::Networks),
        "it holds no networks: its type is \"GeoLite2-Country\""
    );
    assert!(refuse(Vec::new(), Wanted::Countries).starts_with("it is not a database"));
    assert!(refuse(b"<html>404</html>".to_vec(), Wanted::Countries).starts_with("it is not a database"));
    let number = Writer::new("Country", 24, 6)
        .add("192.0.2.0/24", &map([("country", Value::U32(7))]))
        .finish();
    assert!(refuse(number, Wanted::Countries).starts_with("it is not a database"));
    let empty = Writer::new("Country", 24, 6).finish();
    assert!(refuse(empty, Wanted::Countries).starts_with("it holds no countries"));
}

/// F16: while the file is missing, cut off, of another kind or huge, the last good one answers.
#[test]
fn a_bad_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geo.mmdb");
    let files = GeoFiles {
        countries: Some(path.clone()),
        networks: None,
    };
    fs::write(&path, countries(28)).unwrap();
    let (geo, problems) = Geo::open(&files);
    assert!(problems.is_empty(), "{problems:?}");

    let whole = countries(28);
    for (case, bytes) in [
        ("half", whole[..whole.len() / 2].to_vec()),
        ("empty", Vec::new()),
        ("networks", networks()),
        ("text", b"not found".to_vec()),
    ] {
        fs::write(&path, bytes).unwrap();
        let problems = geo.reload(&files);
        assert_eq!(problems.len(), 1, "{case}");
        assert!(
            problems[0].to_string().contains("geo.mmdb: it "),
            "{case}: {}",
            problems[0]
        );
        assert_eq!(found(&geo, "192.0.2.1").0, "DE", "{case}");
    }
    // A sparse file one byte over the bound: refused by its size, and not kept in memory.
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(MAX_DATABASE_BYTES + 1)
        .unwrap();
    let problems = geo.reload(&files);
    assert!(matches!(problems[0].why, BadDatabase::TooLarge), "{problems:?}");
    fs::remove_file(&path).unwrap();
    assert_eq!(geo.reload(&files).len(), 1);
    assert_eq!(found(&geo, "192.0.2.1").0, "DE", "the file is gone");

    let other = Writer::new("Country", 24, 6)
        .add("192.0.2.0/24", &country("JP"))
        .finish();
    fs::write(&path, other).unwrap();
    assert!(geo.reload(&files).is_empty());
    assert_eq!(found(&geo, "192.0.2.1").0, "JP", "a good one replaces it");
    assert!(geo.reload(&GeoFiles::default()).is_empty());
    assert_eq!(found(&geo, "192.0.2.1").0, "ZZ", "no longer named");
}

/// Every way to cut a database short is refused or answers; nothing panics.
#[test]
fn every_truncation_is_survived() {
    let whole = countries(24);
    for end in 0..whole.len() {
        survive(whole[..end].to_vec());
    }
}

fn survive(bytes: Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("geo.mmdb");
    fs::write(&path, bytes).unwrap();
    let (geo, _) = Geo::open(&GeoFiles {
        countries: Some(path),
        networks: None,
    });
    for address in ["192.0.2.1", "203.0.113.9", "2001:db8::1", "::", "255.255.255.255"] {
        let _ = geo.look_up(address.parse::<IpAddr>().unwrap());
    }
}

proptest! {
    #[test]
    fn changed_databases_are_survived(
        record_bits in prop::sample::select(vec![24_u16, 28, 32]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = countries(record_bits);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        survive(bytes);
    }

    #[test]
    fn any_bytes_with_a_marker_are_survived(mut bytes in prop::collection::vec(any::<u8>(), 0..300), tail in prop::collection::vec(any::<u8>(), 0..300)) {
        bytes.extend(b"\xab\xcd\xefMaxMind.com");
        bytes.extend(tail);
        survive(bytes);
    }
}
