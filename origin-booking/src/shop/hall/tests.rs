//! Plans, names, and the choice of the best seats against the slow and obvious way.

use super::{Best, Hall, Plan, Seats};

fn hall(text: &str) -> Hall {
    serde_json::from_str::<Plan>(text).unwrap().hall().unwrap()
}

const SMALL: &str = r#"{"zones":[{"id":"A","price_minor":5000},{"id":"B","price_minor":2000}],"sections":[
    {"id":"stalls","zone":"A","rows":[{"id":"A","seats":5,"accessible":[1]},{"id":"B","seats":4,"aisles":[2]}]},
    {"id":"circle","zone":"B","rows":[{"id":"7","rows":2,"seats":3},{"id":"box","seats":2,"zone":"A"}]}]}"#;

fn names(hall: &Hall, seats: Option<Vec<u32>>) -> Vec<String> {
    seats
        .unwrap_or_default()
        .into_iter()
        .map(|seat| hall.name_of(seat))
        .collect()
}

#[test]
fn a_seat_has_one_name_and_a_price() {
    let hall = hall(SMALL);
    assert_eq!(hall.seat_count(), 17);
    for seat in 0..17 {
        assert_eq!(hall.seat_named(&hall.name_of(seat)), Some(seat));
    }
    assert_eq!((hall.name_of(9).as_str(), hall.price_minor(9)), ("circle-7-1", 2_000));
    assert_eq!(
        (hall.name_of(12).as_str(), hall.name_of(16).as_str()),
        ("circle-8-1", "circle-box-2")
    );
    assert_eq!((hall.price_minor(16), hall.name_of(17)), (5_000, String::new()));
}

#[test]
fn plans_that_contradict_themselves_are_refused() {
    for (text, why) in [
        (r#"{"zones":[],"sections":[]}"#, "zones"),
        (
            r#"{"zones":[{"id":"A","price_minor":1}],"sections":[]}"#,
            "at least one seat",
        ),
        (
            r#"{"zones":[{"id":"A","price_minor":1},{"id":"A","price_minor":1}],"sections":[]}"#,
            "twice",
        ),
        (
            r#"{"zones":[{"id":"A-","price_minor":1}],"sections":[]}"#,
            "letters and digits",
        ),
    ] {
        let error = serde_json::from_str::<Plan>(text).unwrap().hall().unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    for (rows, why) in [
        (r#"{"id":"1","seats":0}"#, "1-64"),
        (r#"{"id":"1","seats":65}"#, "1-64"),
        (r#"{"id":"A","rows":2,"seats":5}"#, "begin with a number"),
        (r#"{"id":"1","rows":0,"seats":5}"#, "repeats"),
        (r#"{"id":"1","rows":100000,"seats":64}"#, "at most 100000 seats"),
        (r#"{"id":"1","seats":5},{"id":"1","seats":5}"#, "twice"),
        (r#"{"id":"1","seats":5,"zone":"Z"}"#, "no zone"),
        (r#"{"id":"1","seats":5,"accessible":[6]}"#, "no seat 6"),
        (r#"{"id":"1","seats":5,"aisles":[0]}"#, "no aisle after 0"),
    ] {
        let text = format!(
            r#"{{"zones":[{{"id":"A","price_minor":1}}],"sections":[{{"id":"s","zone":"A","rows":[{rows}]}}]}}"#
        );
        let error = serde_json::from_str::<Plan>(&text).unwrap().hall().unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn the_best_are_in_front_in_the_middle_and_leave_nobody_alone() {
    let hall = hall(SMALL);
    let mut seats = Seats::of(&hall);
    let best = |count| Best::of(count);
    // Seat 1 is for a wheelchair; 3-4 would leave 5 alone, 2-3 nobody but the wheelchair's.
    assert_eq!(
        names(&hall, best(4).choose(&hall, &seats)),
        ["stalls-A-2", "stalls-A-3", "stalls-A-4", "stalls-A-5"]
    );
    assert_eq!(
        names(&hall, best(2).choose(&hall, &seats)),
        ["stalls-A-4", "stalls-A-5"]
    );
    let wheelchair = Best {
        accessible: true,
        ..best(2)
    };
    assert_eq!(
        names(&hall, wheelchair.choose(&hall, &seats)),
        ["stalls-A-1", "stalls-A-2"]
    );
    seats.take(&hall, &[1, 2, 3, 4]);
    // Not across the aisle of row B.
    assert_eq!(
        names(&hall, best(3).choose(&hall, &seats)),
        ["circle-7-1", "circle-7-2", "circle-7-3"]
    );
    let of_a = Best {
        zone: Some("A".into()),
        ..best(3)
    };
    assert_eq!(of_a.choose(&hall, &seats), None);
    let apart = Best {
        together: false,
        ..of_a
    };
    assert_eq!(
        names(&hall, apart.choose(&hall, &seats)),
        ["stalls-B-1", "stalls-B-2", "stalls-B-3"]
    );
    assert_eq!(best(0).choose(&hall, &seats), None);
    assert_eq!(best(65).choose(&hall, &seats), None);
}

/// The obvious way: every place in every row.
fn slowly(hall: &Hall, seats: &Seats, count: u32) -> bool {
    let drawn: Vec<_> = hall.drawn().collect();
    hall.rows.iter().zip(&drawn).any(|(row, drawn)| {
        (1..=drawn.len.saturating_sub(count) + 1).any(|first| {
            let party: Vec<u32> = (first..first + count).collect();
            party.len() == count as usize
                && party
                    .iter()
                    .all(|number| *number <= drawn.len && !drawn.accessible.contains(number))
                && party.iter().all(|number| seats.is_free(hall, drawn.first + number - 1))
                && party[..party.len() - 1]
                    .iter()
                    .all(|number| row.aisles >> (number - 1) & 1 == 0)
        })
    })
}

#[test]
fn a_place_is_found_exactly_when_there_is_one_and_is_free_and_together() {
    let text = r#"{"zones":[{"id":"A","price_minor":1}],"sections":[{"id":"s","zone":"A","rows":[
        {"id":"1","rows":2,"seats":64,"aisles":[16,48]},{"id":"9","rows":3,"seats":7,"accessible":[4]},{"id":"20","seats":1}]}]}"#;
    let hall = hall(text);
    let mut dice = crate::shop::tests::trace::Dice(11);
    for _ in 0..400 {
        let mut seats = Seats::of(&hall);
        let share = dice.below(100);
        let taken: Vec<u32> = (0..hall.seat_count()).filter(|_| dice.below(100) < share).collect();
        seats.take(&hall, &taken);
        for count in 1..12 {
            let chosen = Best::of(count).choose(&hall, &seats);
            assert_eq!(chosen.is_some(), slowly(&hall, &seats, count), "{count} of {taken:?}");
            for seat in chosen.iter().flatten() {
                assert!(seats.is_free(&hall, *seat));
            }
        }
    }
}

/// The promise is 1 ms in a release build; a tenth of the hall is free, in single seats, so every row is looked at.
#[test]
fn best_of_fifty_thousand_seats_is_quick() {
    let text = r#"{"zones":[{"id":"A","price_minor":1}],"sections":[{"id":"s","zone":"A","rows":[{"id":"1","rows":1000,"seats":50}]}]}"#;
    let hall = hall(text);
    let mut seats = Seats::of(&hall);
    let taken: Vec<u32> = (0..hall.seat_count()).filter(|seat| seat % 10 != 0).collect();
    seats.take(&hall, &taken);
    let began = std::time::Instant::now();
    let rounds = 100;
    for _ in 0..rounds {
        assert_eq!(Best::of(2).choose(&hall, &seats), None);
    }
    let each = began.elapsed() / rounds;
    println!("best available on 50,000 seats, none together: {each:?}");
    assert!(each < std::time::Duration::from_millis(1), "{each:?}");
}
