//! Names as documented, labels with their bounds.

use std::sync::Arc;
use std::time::Duration;

use stanchion_admission::store::End;

use super::*;
use crate::edge::{Figures, OriginFigures};

#[test]
fn counts_under_the_names_documented() {
    let metrics = Metrics::new().unwrap();
    metrics.ticket_issued("sale", Some("DE"));
    metrics.ticket_issued("sale", Some("nonsense"));
    metrics.session_ended("sale", End::Released);
    metrics.config_reloaded(false);
    let text = metrics.text();
    for line in [
        "stanchion_tickets_issued_total{room=\"sale\"} 2",
        "stanchion_visitors_total{country=\"DE\",got=\"ticket\"} 1",
        "stanchion_visitors_total{country=\"??\",got=\"ticket\"} 1",
        "stanchion_sessions_ended_total{how=\"released\",room=\"sale\"} 1",
        "stanchion_config_reloads_total{result=\"refused\"} 1",
        "stanchion_build_info{version=\"0.1.0\"} 1",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is missing from\n{text}");
    }
}

#[test]
fn one_name_past_the_bound_is_other() {
    let metrics = Metrics::new().unwrap();
    for number in 0..=MAX_NAMES {
        metrics.status_poll(&format!("room-{number}"));
    }
    let text = metrics.text();
    let lines = text
        .lines()
        .filter(|line| line.starts_with("stanchion_status_polls_total{"))
        .count();
    assert_eq!(lines, MAX_NAMES + 1);
    assert!(text.contains("stanchion_status_polls_total{room=\"other\"} 1"));
}

#[test]
fn rooms_that_are_gone_are_gone() {
    let metrics = Metrics::new().unwrap();
    let snapshot = crate::admin::fixtures::snapshot();
    let gauges = |room| RoomGauges {
        room,
        snapshot: &snapshot,
        age: Duration::from_millis(500),
    };
    metrics.set_rooms([gauges("old"), gauges("sale")].into_iter());
    metrics.set_rooms([gauges("sale")].into_iter());
    let text = metrics.text();
    assert!(!text.contains("\"old\""), "{text}");
    assert!(
        text.contains("stanchion_room_visitors{room=\"sale\",where=\"waiting\"} 120"),
        "{text}"
    );
    assert!(
        text.contains("stanchion_room_state{room=\"sale\",state=\"queueing\"} 1"),
        "{text}"
    );
    assert!(
        text.contains("stanchion_room_rate_visitors_per_second{room=\"sale\"} 1"),
        "{text}"
    );
}

/// What the edge counted is shown as it is at that moment, and only for origins that are configured.
#[test]
fn the_edge_is_shown_as_it_counts() {
    let metrics = Metrics::new().unwrap();
    let figures = Arc::new(parking_lot::Mutex::new(Figures::default()));
    let read = figures.clone();
    metrics.watch_edge(Arc::new(move || read.lock().clone()));
    let origin = |name: &str| OriginFigures {
        name: name.to_owned(),
        healthy: 1,
        servers: 2,
        answers: [0, 7, 0, 0, 3, 1],
    };
    *figures.lock() = Figures {
        panics: 1,
        origins: vec![origin("old")],
        ..Figures::default()
    };
    assert!(metrics.text().contains("stanchion_panics_total 1"));
    *figures.lock() = Figures {
        connections_open: 5,
        requests: 9,
        forwarded: 8,
        refused: vec![("head-too-large", 2)],
        origins: vec![origin("booking")],
        ..Figures::default()
    };
    let text = metrics.text();
    for line in [
        "stanchion_connections 5",
        "stanchion_requests_total 9",
        "stanchion_requests_handled_total{how=\"forwarded\"} 8",
        "stanchion_requests_refused_total{reason=\"head-too-large\"} 2",
        "stanchion_origin_answers_total{origin=\"booking\",status=\"2xx\"} 7",
        "stanchion_origin_answers_total{origin=\"booking\",status=\"none\"} 1",
        "stanchion_origin_servers{origin=\"booking\",which=\"healthy\"} 1",
    ] {
        assert!(text.lines().any(|have| have == line), "{line} is missing from\n{text}");
    }
    assert!(!text.contains("\"old\""), "{text}");
}
