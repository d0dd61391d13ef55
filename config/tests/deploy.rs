//! Everything under `deploy/` is read here, so that no sample rots: configurations through the check, commands and
//! options against the sources of the programs, names of metrics against the code, Redis by starting it.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of a test are test code

#[path = "deploy/alerts.rs"]
mod alerts;
#[path = "deploy/commands.rs"]
mod commands;
#[path = "deploy/compose.rs"]
mod compose;
#[path = "deploy/redis.rs"]
mod redis;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, Yaml};
use stanchion_config::{NotLooking, Problem, StoreKind, check};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Yaml<'static> {
    let text: &'static str = Box::leak(read(path).into_boxed_str());
    let mut documents = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

fn words(list: &Yaml<'_>) -> Vec<String> {
    let items = list.as_sequence().unwrap_or_else(|| panic!("{list:?} is not a list"));
    items.iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn sample_configurations_pass_the_check() {
    let mut samples = Vec::new();
    for entry in fs::read_dir(root().join("deploy/config")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let config = check(&text, &NotLooking).unwrap_or_else(|problems| {
            panic!(
                "{}:\n{}",
                path.display(),
                problems.iter().map(Problem::to_string).collect::<String>()
            )
        });
        let warned: Vec<&str> = config.warnings.iter().map(|warning| warning.what.as_str()).collect();
        assert!(
            warned.is_empty(),
            "{} shows what it warns of: {warned:?}",
            path.display()
        );
        samples.push((path.file_stem().unwrap().to_str().unwrap().to_owned(), config));
    }
    let sample = |name: &str| {
        &samples
            .iter()
            .find(|(stem, _)| stem == name)
            .unwrap_or_else(|| panic!("no {name}.toml"))
            .1
    };
    assert_eq!(sample("single").store.url.kind(), StoreKind::Memory);
    assert!(sample("redis").store.url.has_password() && sample("redis").admin.token.is_some());
    assert!(sample("sentinel").store.url.kind() == StoreKind::RedisSentinel && sample("sentinel").store.url.tls());
    assert!(!sample("cdn").edge.trusted_proxies.is_empty());
    assert!(sample("tls").edge.certificates.len() == 2 && !sample("tls").edge.listen_tls.is_empty());
    assert!(!sample("decision").decision.listen.is_empty() && !sample("decision").decision.allow.is_empty());
    assert_eq!(sample("compose").store.url.expose(), "redis://redis:6379");
}

/// Proxies that are not at hand: at least their files are YAML, and ask where the sample configuration listens.
#[test]
fn samples_of_proxies_ask_where_the_service_listens() {
    let config = check(&read("deploy/config/decision.toml"), &NotLooking).unwrap();
    let asked = config.decision.listen[0];
    for path in ["traefik/dynamic.yaml", "apisix/apisix.yaml", "envoy/envoy.yaml"] {
        yaml(&format!("deploy/{path}"));
    }
    for path in [
        "traefik/dynamic.yaml",
        "apisix/apisix.yaml",
        "nginx/stanchion.conf",
        "caddy/Caddyfile",
    ] {
        assert!(
            read(&format!("deploy/{path}")).contains(&asked.to_string()),
            "{path} does not ask {asked}"
        );
    }
    let port = format!("address: 127.0.0.1, port_value: {}", asked.port());
    assert!(read("deploy/envoy/envoy.yaml").contains(&port), "{port}");
}

/// A small reading of `Containerfile`: instructions, continued lines joined.
#[test]
fn containerfile_copies_what_is_there() {
    let text = read("deploy/Containerfile").replace("\\\n", " ");
    let mut stages = BTreeSet::new();
    let mut entry = String::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (instruction, rest) = line.split_once(' ').unwrap();
        match instruction {
            "FROM" => {
                let parts: Vec<&str> = rest.split_whitespace().collect();
                let [image, "AS", stage] = parts[..] else {
                    panic!("{line}: every stage has a name")
                };
                assert!(stages.contains(image) || image.starts_with("docker.io/"), "{line}");
                assert!(
                    !image.ends_with(":latest") && (stages.contains(image) || image.contains(':')),
                    "{line}: no version"
                );
                stages.insert(stage.to_owned());
            }
            "COPY" => match rest.strip_prefix("--from=") {
                Some(from) => assert!(stages.contains(from.split(' ').next().unwrap()), "{line}"),
                None => {
                    let sources = rest.rsplit_once(' ').unwrap().0;
                    sources
                        .split(' ')
                        .for_each(|source| assert!(root().join(source).exists(), "{line}: {source}"));
                }
            },
            "ENTRYPOINT" => entry = commands::exec_form(rest).remove(0),
            "CMD" => commands::check(&entry, &commands::exec_form(rest)),
            "RUN" | "WORKDIR" | "USER" | "VOLUME" | "EXPOSE" | "STOPSIGNAL" => {}
            other => panic!("unknown instruction {other}"),
        }
    }
    assert!(
        ["build", "base", "booking", "edge"]
            .iter()
            .all(|stage| stages.contains(*stage)),
        "{stages:?}"
    );
    let members = read("Cargo.toml")
        .lines()
        .find(|line| line.starts_with("members"))
        .unwrap()
        .to_owned();
    for member in members.split('"').skip(1).step_by(2) {
        assert!(
            text.contains(&format!("COPY {member} {member}\n")),
            "the workspace's {member} is not copied"
        );
    }
}

#[test]
fn units_run_our_programs_with_little_power() {
    for name in ["stanchion", "stanchion-booking"] {
        let text = read(&format!("deploy/systemd/{name}.service"));
        let mut section = String::new();
        let mut starts = 0;
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            if let Some(header) = line.strip_prefix('[') {
                section = header.trim_end_matches(']').to_owned();
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("{name}: {line}"));
            assert!(
                ["Unit", "Service", "Install"].contains(&section.as_str()),
                "{name}: {line} in [{section}]"
            );
            if matches!(key, "ExecStart" | "ExecStartPre") {
                starts += 1;
                let mut words = value.split_whitespace().map(str::to_owned);
                let program = words.next().unwrap();
                assert_eq!(program, format!("/usr/local/bin/{name}"), "{name}");
                commands::check(name, &words.collect::<Vec<_>>());
            }
        }
        assert!(starts > 0, "{name} starts nothing");
        for kept in [
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "PrivateTmp=yes",
            "RestrictNamespaces=yes",
            "MemoryDenyWriteExecute=yes",
        ] {
            assert!(text.contains(kept), "{name} lacks {kept}");
        }
    }
}
