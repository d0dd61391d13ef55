//! `compose.yaml`: what it builds, mounts, publishes and runs is there.

use std::collections::BTreeSet;

use saphyr::Yaml;
use stanchion_config::{NotLooking, check};

use super::{commands, read, root, words, yaml};

const FILE: &str = "deploy/compose.yaml";

/// The services by name.
fn services(compose: &'static Yaml<'static>) -> Vec<(&'static str, &'static Yaml<'static>)> {
    let services = compose["services"].as_mapping().unwrap();
    services
        .iter()
        .map(|(name, service)| (name.as_str().unwrap(), service))
        .collect()
}

fn compose() -> &'static Yaml<'static> {
    Box::leak(Box::new(yaml(FILE)))
}

fn has(service: &Yaml<'_>, key: &str) -> bool {
    service.contains_mapping_key(key)
}

#[test]
fn services_are_built_from_stages_and_run_our_commands() {
    let containerfile = read("deploy/Containerfile");
    for (name, service) in services(compose())
        .into_iter()
        .filter(|(_, service)| has(service, "build"))
    {
        let build = |key: &str| service["build"][key].as_str().unwrap();
        assert!(
            root()
                .join("deploy")
                .join(build("context"))
                .join(build("dockerfile"))
                .exists(),
            "{name}"
        );
        let stage = format!(" AS {}\n", build("target"));
        assert!(containerfile.contains(&stage), "{name}: no stage{stage}");
        let program = if name == "booking" {
            "stanchion-booking"
        } else {
            "stanchion"
        };
        commands::check(program, &words(&service["command"]));
    }
}

#[test]
fn what_is_mounted_is_there() {
    let compose = compose();
    let declared: BTreeSet<&str> = compose["volumes"]
        .as_mapping()
        .unwrap()
        .keys()
        .map(|key| key.as_str().unwrap())
        .collect();
    let mut used = BTreeSet::new();
    for (name, service) in services(compose) {
        for volume in words(&service["volumes"]) {
            let source = volume.split(':').next().unwrap().to_owned();
            if let Some(file) = source.strip_prefix("./") {
                assert!(
                    root().join("deploy").join(file).exists(),
                    "{name} mounts {file}, which is not there"
                );
            } else {
                assert!(
                    declared.contains(source.as_str()),
                    "{name} mounts the undeclared volume {source}"
                );
                used.insert(source);
            }
        }
    }
    assert_eq!(used.len(), declared.len(), "every volume is used");
}

#[test]
fn only_the_edge_reaches_redis_and_only_the_site_is_published() {
    let compose = compose();
    assert_eq!(
        compose["networks"]["store"]["internal"].as_bool(),
        Some(true),
        "Redis has no password"
    );
    for (name, service) in services(compose) {
        let in_store = words(&service["networks"]).iter().any(|network| network == "store");
        assert_eq!(in_store, ["edge", "redis"].contains(&name), "{name}");
        assert_eq!(has(service, "ports"), name == "edge", "{name}");
    }
    let published = words(&compose["services"]["edge"]["ports"]);
    assert!(
        published.iter().all(|port| !port.contains("9090")),
        "the admin listener is published"
    );
}

#[test]
fn the_edge_asks_for_services_that_are_there() {
    let compose = compose();
    let names: Vec<&str> = services(compose).into_iter().map(|(name, _)| name).collect();
    let edge = check(&read("deploy/config/compose.toml"), &NotLooking).unwrap();
    for server in edge.origins.iter().flat_map(|origin| &origin.servers) {
        assert!(
            names.contains(&server.split(':').next().unwrap()),
            "the edge asks for {server}"
        );
    }
    let store = edge
        .store
        .url
        .expose()
        .trim_start_matches("redis://")
        .split(':')
        .next()
        .unwrap();
    assert!(names.contains(&store), "the edge asks for {store}");
    for needed in words(&compose["services"]["edge"]["depends_on"]) {
        assert!(names.contains(&needed.as_str()), "the edge waits for {needed}");
    }
}
