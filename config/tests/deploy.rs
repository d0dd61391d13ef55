//! Everything under `deploy/` is read here, so that no sample rots: configurations through the check, commands and
//! options against the sources of the programs, names of metrics against the code, Redis by starting it.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of a test are test code

#[path = "deploy/commands.rs"]
mod commands;
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
    assert_eq!(sample("compose").store.url.expose(), "redis://redis:6379");
}

#[test]
fn compose_builds_and_runs_what_is_there() {
    let compose = yaml("deploy/compose.yaml");
    let containerfile = read("deploy/Containerfile");
    let services = compose["services"].as_mapping().unwrap();
    let volumes: BTreeSet<&str> = compose["volumes"]
        .as_mapping()
        .unwrap()
        .keys()
        .map(|key| key.as_str().unwrap())
        .collect();
    let mut used = BTreeSet::new();
    for (name, service) in services {
        let name = name.as_str().unwrap();
        for volume in words(&service["volumes"]) {
            let source = volume.split(':').next().unwrap().to_owned();
            if let Some(file) = source.strip_prefix("./") {
                assert!(
                    root().join("deploy").join(file).exists(),
                    "{name} mounts {file}, which is not there"
                );
            } else {
                assert!(
                    volumes.contains(source.as_str()),
                    "{name} mounts the undeclared volume {source}"
                );
                used.insert(source);
            }
        }
        if service.contains_mapping_key("build") {
            let build = &service["build"];
            assert!(
                root()
                    .join("deploy")
                    .join(build["context"].as_str().unwrap())
                    .join(build["dockerfile"].as_str().unwrap())
                    .exists()
            );
            let target = format!(" AS {}\n", build["target"].as_str().unwrap());
            assert!(containerfile.contains(&target), "{name}: no stage{target}");
            let program = if name == "booking" {
                "stanchion-booking"
            } else {
                "stanchion"
            };
            commands::check(program, &words(&service["command"]));
        }
        for needed in service
            .contains_mapping_key("depends_on")
            .then(|| words(&service["depends_on"]))
            .into_iter()
            .flatten()
        {
            assert!(
                services.keys().any(|key| key.as_str() == Some(&needed)),
                "{name} needs {needed}"
            );
        }
    }
    assert_eq!(used.len(), volumes.len(), "every volume is used");
    let store = compose["networks"]["store"]["internal"].as_bool();
    assert_eq!(store, Some(true), "Redis has no password: nobody else may reach it");
    assert_eq!(words(&compose["services"]["redis"]["networks"]), ["store"]);
    assert!(
        !compose["services"]["redis"].contains_mapping_key("ports"),
        "Redis is published"
    );
    let edge = check(&read("deploy/config/compose.toml"), &NotLooking).unwrap();
    for origin in edge.origins.iter().flat_map(|origin| &origin.servers) {
        let (host, _) = origin.split_once(':').unwrap();
        assert!(
            services.keys().any(|key| key.as_str() == Some(host)),
            "the edge asks for {host}"
        );
    }
    let published = words(&compose["services"]["edge"]["ports"]);
    assert!(
        published.iter().all(|port| !port.contains("9090")),
        "the admin listener is published"
    );
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

/// Alerts ask for metrics that the edge has, with labels that it sets.
#[test]
fn alerts_ask_for_metrics_that_exist() {
    let code = sources(&root().join("proxy/src"));
    let known: BTreeSet<&str> = metric_names(&code).collect();
    let alerts = yaml("deploy/prometheus/alerts.yaml");
    let rules = alerts["groups"][0]["rules"].as_sequence().unwrap();
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        let expression = rule["expr"].as_str().unwrap();
        assert_eq!(
            expression.matches('(').count(),
            expression.matches(')').count(),
            "{name}"
        );
        for metric in metric_names(expression) {
            assert!(known.contains(metric), "{name} asks for {metric}, which nothing counts");
        }
        for value in expression
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|value| *value != "stanchion")
        {
            assert!(
                code.contains(&format!("\"{value}\"")),
                "{name} asks for the label value {value}"
            );
        }
        let told = &rule["annotations"];
        assert!(
            told["summary"].as_str().is_some() && told["description"].as_str().is_some(),
            "{name} says nothing"
        );
        assert!(
            ["page", "ticket"].contains(&rule["labels"]["severity"].as_str().unwrap()),
            "{name}"
        );
    }
    assert!(rules.len() >= 10);
    let scrape = yaml("deploy/prometheus/scrape.yaml");
    assert_eq!(scrape["scrape_configs"][0]["job_name"].as_str(), Some("stanchion"));
}

fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                fs::read_to_string(path).unwrap_or_default()
            }
        })
        .collect()
}

fn metric_names(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    text.split(move |c| !is_part(c))
        .filter(|word| word.starts_with("stanchion_"))
}
