//! What people who arrive together are told of their place: nothing until it is known, then the truth, and never
//! more than before. Agents over a store of one process, with a paused clock; the proxy polls in the same way.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "the promises of the agent use the rest")]
#[path = "agent_promises/house.rs"]
mod house;

use std::sync::Arc;
use std::time::Duration;

use house::{House, inside, name, policy};
use proptest::prelude::*;
use stanchion_admission::edge::agent::{Agent, Arrival, Seen, Status, Touch, WaitFacts};
use stanchion_admission::ids::Place;
use tokio::time::{Instant, sleep, sleep_until};

struct Visitor {
    place: Place,
    seen: Seen,
    told: Option<u64>,
    again: Instant,
    /// From arrival until a position was told.
    took: Option<Duration>,
    arrived: Instant,
}

impl Visitor {
    async fn arrives(edge: &Agent) -> Visitor {
        let (place, facts) = match edge.arrive(&name("sale"), None, None).await {
            Arrival::Waiting { place, facts, .. } => (place, facts),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (facts.position, facts.wait),
            (None, None),
            "{place:?} is known to nobody yet"
        );
        Visitor {
            place,
            seen: facts.seen,
            told: None,
            again: Instant::now() + facts.refresh,
            took: None,
            arrived: Instant::now(),
        }
    }

    async fn polls(&mut self, edge: &Agent) {
        let sale = name("sale");
        let facts = match edge.status(&sale, self.place, Some(self.seen)) {
            Status::Waiting(facts) => facts,
            _ => match edge.arrive(&sale, Some(self.place), Some(self.seen)).await {
                Arrival::Waiting { facts, .. } => facts,
                other => panic!("nobody is let in: {other:?}"),
            },
        };
        self.is_told(&facts);
    }

    fn is_told(&mut self, facts: &WaitFacts) {
        let (before, now) = (self.told, facts.position);
        assert!(
            before.is_none_or(|before| now.is_some_and(|now| now <= before)),
            "{:?} was told {before:?}, then {now:?}",
            self.place
        );
        if now.is_some() {
            self.took.get_or_insert(self.arrived.elapsed());
        }
        self.told = now;
        // As the cookie would carry it.
        self.seen = Seen::parse(&facts.seen.to_string()).unwrap();
        self.again = Instant::now() + facts.refresh;
    }
}

/// Everybody polls as told, at one edge after the other, for so long.
async fn time_passes(line: &mut [Visitor], edges: &[Arc<Agent>], span: Duration) {
    let until = Instant::now() + span;
    let mut turn = 0;
    while let Some(next) = line.iter_mut().min_by_key(|visitor| visitor.again)
        && next.again < until
    {
        sleep_until(next.again).await;
        turn += 1;
        next.polls(&edges[turn % edges.len()]).await;
    }
    sleep_until(until).await;
}

/// Two edges of a room of one place, which is taken.
async fn a_full_room(house: &House) -> Vec<Arc<Agent>> {
    let edges = vec![house.edge(vec![policy(1)]).await, house.edge(vec![policy(1)]).await];
    let session = inside(edges[0].arrive(&name("sale"), None, None).await);
    assert!(matches!(edges[0].touch(&name("sale"), session), Touch::Fine(_)));
    sleep(Duration::from_millis(2_030)).await;
    edges
}

fn told(line: &[Visitor]) -> Vec<Option<u64>> {
    line.iter().map(|visitor| visitor.told).collect()
}

/// Ten people arrive between two ticks, at two edges in turn: each learns the place that is theirs, soon, and it stays.
#[tokio::test(start_paused = true)]
async fn ten_who_arrive_together_are_told_ten_places() {
    let house = House::new();
    let edges = a_full_room(&house).await;
    let mut line = Vec::new();
    for number in 0..10 {
        line.push(Visitor::arrives(&edges[number % 2]).await);
        sleep(Duration::from_millis(30)).await;
    }
    time_passes(&mut line, &edges, Duration::from_secs(1)).await;
    assert_eq!(told(&line), [None; 10], "nobody knows yet");
    time_passes(&mut line, &edges, Duration::from_secs(4)).await;
    let right: Vec<_> = (1..=10).map(Some).collect();
    assert_eq!(told(&line), right);
    let slowest = line.iter().filter_map(|visitor| visitor.took).max().unwrap();
    assert!(slowest < Duration::from_secs(5), "known after {slowest:?}");
    time_passes(&mut line, &edges, Duration::from_secs(20)).await;
    assert_eq!(told(&line), right);
}

/// F3: the store loses everything. Who was told a place keeps it while the line fills up again; who was not is told one
/// when it has.
#[tokio::test(start_paused = true)]
async fn f3_a_place_that_was_told_stands_through_a_loss() {
    let house = House::new();
    let mut edges = a_full_room(&house).await;
    let mut line = Vec::new();
    for number in 0..6 {
        line.push(Visitor::arrives(&edges[number % 2]).await);
        sleep(Duration::from_millis(1)).await;
    }
    time_passes(&mut line, &edges, Duration::from_secs(6)).await;
    for number in 0..4 {
        line.push(Visitor::arrives(&edges[number % 2]).await);
        sleep(Duration::from_millis(1)).await;
    }
    house.store.inner.wipe();
    time_passes(&mut line, &edges, Duration::from_millis(1_100)).await;
    // One edge saw it happen, one starts after it.
    edges[1] = house.edge(vec![policy(1)]).await;
    time_passes(&mut line, &edges, Duration::from_secs(12)).await;
    let mut told_before: Vec<_> = (1..=6).map(Some).collect();
    assert_eq!(told(&line[..6]), told_before);
    assert_eq!(told(&line[6..]), [None; 4], "the line is not whole yet");
    time_passes(&mut line, &edges, Duration::from_secs(60)).await;
    told_before.extend((7..=10).map(Some));
    assert_eq!(told(&line), told_before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever comes when, and wherever they poll: what is told is the number of people before them, and one.
    #[test]
    fn whatever_the_arrivals_each_is_told_the_truth(
        gaps in proptest::collection::vec(prop_oneof![Just(1u64), 1u64..80, 1u64..3_000], 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let house = House::new();
            let edges = a_full_room(&house).await;
            let mut line = Vec::new();
            for (number, gap) in gaps.iter().enumerate() {
                time_passes(&mut line, &edges, Duration::from_millis(*gap)).await;
                line.push(Visitor::arrives(&edges[number * 7 % 3 % 2]).await);
            }
            time_passes(&mut line, &edges, Duration::from_secs(45)).await;
            let mut places: Vec<Place> = line.iter().map(|visitor| visitor.place).collect();
            places.sort_unstable();
            for visitor in &line {
                let ahead = places.partition_point(|place| *place < visitor.place) as u64;
                // Beyond the sixteenth the sketch has gaps: out by less than a sixteenth.
                let (told, right) = (visitor.told.unwrap(), ahead + 1);
                assert!(told.abs_diff(right) <= right / 16, "told {told}, is {right}");
            }
        });
    }
}
