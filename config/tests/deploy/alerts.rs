//! The alert rules and the scrape configuration, against the metrics of the edge.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{root, yaml};

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
