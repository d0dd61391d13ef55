//! Says in the log when the store goes away and when it is back: once each, with the reason and the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stanchion_admission::edge::agent::{Agent, AgentHealth};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// One late tick is no outage.
const SAY_AFTER: Duration = Duration::from_secs(2);

/// What is wrong with the store, in its own words.
pub type Trouble = Box<dyn Fn() -> Option<String> + Send>;

/// What is worth a line.
#[derive(PartialEq, Eq, Debug)]
enum Word {
    /// These rooms have no answer.
    Away(Vec<String>),
    Back {
        after: Duration,
    },
}

#[derive(Default)]
struct Watch {
    away_since: Option<Instant>,
    said: bool,
}

impl Watch {
    fn look(&mut self, health: &AgentHealth, now: Instant) -> Option<Word> {
        if health.store_reachable {
            let since = self.away_since.take()?;
            return std::mem::take(&mut self.said).then(|| Word::Back { after: now - since });
        }
        let since = *self.away_since.get_or_insert(now);
        if self.said || now.saturating_duration_since(since) < SAY_AFTER {
            return None;
        }
        self.said = true;
        let rooms = health.rooms.iter().filter(|room| !room.store_reachable);
        Some(Word::Away(rooms.map(|room| room.room.to_string()).collect()))
    }
}

/// Looks until the task is dropped.
pub async fn watch(agent: Arc<Agent>, trouble: Trouble) {
    let mut watch = Watch::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match watch.look(&agent.health(), Instant::now()) {
            Some(Word::Away(rooms)) => tracing::warn!(
                rooms = rooms.join(","),
                trouble = trouble().unwrap_or_else(|| "no answer in time".to_owned()),
                "the store is away; passes work and the line is held, but nobody new is let in until it is back"
            ),
            Some(Word::Back { after }) => tracing::info!(away_for = ?after, "the store is back"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use stanchion_admission::edge::agent::RoomHealth;
    use stanchion_admission::ids::RoomName;

    use super::*;

    fn health(near: bool) -> AgentHealth {
        let room = |name, store_reachable| RoomHealth {
            room: RoomName::new(name).unwrap(),
            store_reachable,
            last_tick_age: None,
            stale: false,
            clock_uncertainty: None,
            wall_error: None,
        };
        AgentHealth {
            store_reachable: near,
            clock_uncertainty: None,
            wall_error: None,
            rooms: vec![room("fine", true), room("sale", near)],
        }
    }

    /// F1: near, one late tick, near, away for 9 s, near: two lines.
    #[test]
    fn an_outage_is_said_once_and_its_end_once() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let mut said = Vec::new();
        for half_seconds in 0..40_u32 {
            let near = half_seconds != 3 && !(10..28).contains(&half_seconds);
            let word = watch.look(&health(near), start + LOOK_EVERY * half_seconds);
            said.extend(word.map(|word| (half_seconds, word)));
        }
        let after = Duration::from_secs(9);
        assert_eq!(
            said,
            [(14, Word::Away(vec!["sale".to_owned()])), (28, Word::Back { after })]
        );
    }
}
