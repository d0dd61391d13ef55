//! Every credential at every door (T2): ticket, pass, room, key. Only the one that fits opens.

use stanchion_admission::ids::RoomName;
use stanchion_admission::keys::KeyRing;
use stanchion_admission::pass;
use stanchion_admission::ticket::{self, Ticket};

use crate::support::{NOW, context, es_ring, ring, room, session, ticket};

struct Made {
    ring: usize,
    room: usize,
    kind: &'static str,
    text: String,
}

fn made(rings: &[KeyRing], rooms: &[RoomName]) -> Vec<Made> {
    let mut all = Vec::new();
    for (ring, keys) in rings.iter().enumerate() {
        for (at, name) in rooms.iter().enumerate() {
            for binding in [None, Some([3; 16])] {
                let text = ticket::seal(
                    keys,
                    &Ticket {
                        room: name.clone(),
                        ..ticket(binding)
                    },
                    NOW,
                );
                all.push(Made {
                    ring,
                    room: at,
                    kind: "ticket",
                    text,
                });
            }
            let text = pass::issue(keys, name, &session(), &context(), NOW).unwrap();
            all.push(Made {
                ring,
                room: at,
                kind: "pass",
                text,
            });
        }
    }
    all
}

#[test]
fn t2_only_the_right_credential_opens_the_right_door() {
    let rings = [ring(1), ring(2), es_ring(3)];
    let rooms = [room("sale"), room("sales"), room("presale"), room("a")];
    let (mut opened, mut refused) = (0, 0);
    for made in made(&rings, &rooms) {
        for (ring, keys) in rings.iter().enumerate() {
            for (at, name) in rooms.iter().enumerate() {
                for door in ["ticket", "pass"] {
                    let fits = (made.ring, made.room, made.kind) == (ring, at, door);
                    let open = match door {
                        "ticket" => ticket::open(keys, name, &made.text).is_ok(),
                        _ => pass::verify(keys, name, &made.text, NOW).is_ok(),
                    };
                    assert_eq!(
                        open, fits,
                        "{} of ring {} for {} at {door} {ring} {name}",
                        made.kind, made.ring, made.room
                    );
                    if open { opened += 1 } else { refused += 1 }
                }
            }
        }
    }
    // 3 rings × 4 rooms × (2 tickets + 1 pass), each before 3 × 4 × 2 doors.
    assert_eq!((opened, refused), (36, 36 * 24 - 36));
}

/// A pass's signature and a ticket's seal swapped into the other's shape open nothing either.
#[test]
fn t2_a_ticket_dressed_as_a_pass() {
    let keys = ring(1);
    let sealed = ticket::seal(&keys, &ticket(None), NOW);
    let passed = pass::issue(&keys, &room("sale"), &session(), &context(), NOW).unwrap();
    let parts: Vec<&str> = passed.split('.').collect();
    for text in [
        format!("{sealed}.{sealed}.{sealed}"),
        format!("{}.{sealed}.{}", parts[0], parts[2]),
        format!("{}.{}.{sealed}", parts[0], parts[1]),
        format!("{sealed}.{}.{}", parts[1], parts[2]),
    ] {
        assert!(pass::verify(&keys, &room("sale"), &text, NOW).is_err());
    }
    for part in parts {
        assert!(ticket::open(&keys, &room("sale"), part).is_err());
    }
}
