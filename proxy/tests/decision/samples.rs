//! The samples for proxies that are not at hand name what the service reads and gives.

use std::net::SocketAddr;

use crate::fronts::sample;

/// Every field that must travel, for the line to work at all.
const THERE: [&str; 2] = ["stanchion-ticket", "stanchion-pass"];

#[test]
fn samples_name_the_addresses_and_fields_that_there_are() {
    let at: SocketAddr = "127.0.0.1:1".parse().unwrap();
    for (path, needed) in [
        (
            "deploy/traefik/dynamic.yaml",
            &[
                "/forward-auth/redirect",
                "trustforwardheader: false",
                "- cookie",
                "stanchion-command",
            ][..],
        ),
        (
            "deploy/apisix/apisix.yaml",
            &[
                "/forward-auth/redirect",
                "allow_degradation: false",
                "set-cookie",
                "location",
                "retry-after",
            ],
        ),
        (
            "deploy/envoy/envoy.yaml",
            &[
                "path_prefix: /envoy",
                "failure_mode_allow: false",
                "use_remote_address: true",
                "x-forwarded-for",
                "x-forwarded-proto",
                "set-cookie",
                "stanchion-command",
            ],
        ),
    ] {
        let text = match path {
            "deploy/envoy/envoy.yaml" => sample(path, &[]),
            _ => sample(path, &[("127.0.0.1:9092", at), ("127.0.0.1:9000", at)]),
        };
        let text = text.to_lowercase();
        for word in needed.iter().chain(&THERE) {
            assert!(text.contains(word), "{path} lacks {word}");
        }
        assert!(
            text.contains("/.well-known/stanchion/"),
            "{path} does not send our own addresses on"
        );
    }
}
