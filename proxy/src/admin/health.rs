//! `/healthz` and `/readyz`: whether the process lives, and whether visitors should be sent to it. No token.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::port::Health;
use super::state::Admin;

/// Beyond it this edge does not know the store's clock well enough to stamp arrivals.
pub const MAX_CLOCK_UNCERTAINTY: Duration = Duration::from_secs(1);
/// Beyond it this machine's clock is wrong (F9): passes would be refused and logs mislead.
pub const MAX_WALL_ERROR: Duration = Duration::from_secs(5);

/// Whether visitors should be sent to this edge.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    pub ready: bool,
    /// Ready, but something is amiss.
    pub degraded: bool,
    pub checks: Vec<Check>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Check {
    #[schema(examples("store"))]
    pub name: &'static str,
    pub verdict: CheckVerdict,
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckVerdict {
    Good,
    /// Amiss, but visitors are served.
    Degraded,
    /// Visitors should go elsewhere.
    Bad,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses(
    (status = 200, description = "Alive", content_type = "text/plain", body = String),
))]
pub async fn live() -> &'static str {
    "ok\n"
}

/// Whether visitors should be sent here.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, description = "Ready, perhaps degraded", body = Readiness),
    (status = 503, description = "Not ready: send visitors elsewhere", body = Readiness),
))]
pub async fn ready(State(admin): State<Arc<Admin>>) -> (StatusCode, Json<Readiness>) {
    let readiness = judge(&admin.rooms.health());
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(readiness))
}

/// A store that went away does not take the edge away: passes go on working and the line is held. An edge that never
/// heard of the store knows nothing worth showing.
#[must_use]
pub fn judge(health: &Health) -> Readiness {
    let checks = vec![
        keys(health),
        first_snapshot(health),
        store(health),
        clock(health),
        wall(health),
        checkpoint(health),
    ];
    let ready = checks.iter().all(|check| check.verdict != CheckVerdict::Bad);
    let degraded = ready && checks.iter().any(|check| check.verdict == CheckVerdict::Degraded);
    Readiness {
        ready,
        degraded,
        checks,
    }
}

fn keys(health: &Health) -> Check {
    let (verdict, detail) = match health.keys_loaded {
        true => (CheckVerdict::Good, "loaded"),
        false => (CheckVerdict::Bad, "no key to make or check tickets and passes with"),
    };
    check("keys", verdict, detail)
}

fn first_snapshot(health: &Health) -> Check {
    let silent = health.rooms_without_snapshot.len();
    if silent == 0 {
        return check("rooms", CheckVerdict::Good, "the store has answered for every room");
    }
    check(
        "rooms",
        CheckVerdict::Bad,
        format!("the store has not answered for {silent} of the rooms yet"),
    )
}

fn store(health: &Health) -> Check {
    let (verdict, detail) = match health.store_reachable {
        true => (CheckVerdict::Good, "answers"),
        false => (
            CheckVerdict::Degraded,
            "away: passes work, the line is held, nobody new is let in",
        ),
    };
    check("store", verdict, detail)
}

fn clock(health: &Health) -> Check {
    match health.clock_uncertainty {
        None => check(
            "store-clock",
            CheckVerdict::Degraded,
            "the store's clock is not known yet",
        ),
        Some(error) if error > MAX_CLOCK_UNCERTAINTY => check(
            "store-clock",
            CheckVerdict::Bad,
            format!("known to {} ms only", error.as_millis()),
        ),
        Some(error) => check(
            "store-clock",
            CheckVerdict::Good,
            format!("known to {:.1} ms", error.as_secs_f64() * 1_000.0),
        ),
    }
}

fn wall(health: &Health) -> Check {
    match health.wall_error {
        Some(error) if error > MAX_WALL_ERROR => check(
            "machine-clock",
            CheckVerdict::Bad,
            format!("{:.1} s away from the store's", error.as_secs_f64()),
        ),
        Some(error) => check(
            "machine-clock",
            CheckVerdict::Good,
            format!("{:.3} s away from the store's", error.as_secs_f64()),
        ),
        None => check("machine-clock", CheckVerdict::Good, "nothing to compare with yet"),
    }
}

fn checkpoint(health: &Health) -> Check {
    let (verdict, detail) = match health.checkpoint_works {
        true => (CheckVerdict::Good, "written every second"),
        false => (
            CheckVerdict::Degraded,
            "cannot be written: with a store in memory no change is taken, and a restart is cautious",
        ),
    };
    check("checkpoint", verdict, detail)
}

fn check(name: &'static str, verdict: CheckVerdict, detail: impl Into<String>) -> Check {
    Check {
        name,
        verdict,
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stanchion_admission::ids::RoomName;

    fn good() -> Health {
        Health {
            keys_loaded: true,
            store_reachable: true,
            rooms_without_snapshot: vec![],
            clock_uncertainty: Some(Duration::from_micros(800)),
            wall_error: Some(Duration::from_millis(30)),
            checkpoint_works: true,
        }
    }

    /// F1, F9, F15: what makes an edge unready, and what only degrades it.
    #[test]
    fn f1_f9_f15_readiness_table() {
        let silent = vec![RoomName::new("sale").unwrap()];
        let far = Some(Duration::from_secs(6));
        for (health, ready, degraded, why) in [
            (good(), true, false, "all is well"),
            (
                Health {
                    keys_loaded: false,
                    ..good()
                },
                false,
                false,
                "no keys",
            ),
            (
                Health {
                    store_reachable: false,
                    ..good()
                },
                true,
                true,
                "F1: the store went away: the page must stay up",
            ),
            (
                Health {
                    rooms_without_snapshot: silent,
                    store_reachable: false,
                    ..good()
                },
                false,
                false,
                "never answered",
            ),
            (
                Health {
                    clock_uncertainty: Some(Duration::from_secs(2)),
                    ..good()
                },
                false,
                false,
                "stamps would be guesses",
            ),
            (
                Health {
                    wall_error: far,
                    ..good()
                },
                false,
                false,
                "F9: this machine's clock is wrong",
            ),
            (
                Health {
                    checkpoint_works: false,
                    ..good()
                },
                true,
                true,
                "F15: the disk is full",
            ),
        ] {
            let readiness = judge(&health);
            assert_eq!(
                (readiness.ready, readiness.degraded),
                (ready, degraded),
                "{why}: {readiness:?}"
            );
        }
    }
}
