//! What is and what is not a ticket (T1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stanchion_admission::ids::{Place, Stamp, VisitorId};
use stanchion_admission::ticket::{self, Ticket, TicketFault};

use crate::support::{NOW, good_pass, ring, room, sale, ticket};

fn verdict(text: &str) -> Result<Ticket, TicketFault> {
    ticket::open(&ring(1), &sale(), text)
}

#[test]
fn t1_a_sealed_ticket_opens_to_itself_bound_or_not() {
    for binding in [None, Some([9; 16])] {
        let text = ticket::seal(&ring(1), &ticket(binding), NOW);
        assert_eq!(verdict(&text), Ok(ticket(binding)));
        assert!(text.len() <= ticket::MAX_CHARS);
    }
}

#[test]
fn t1_texts_that_are_no_ticket_at_all() {
    let bare = ticket::seal(&ring(1), &ticket(None), NOW);
    let bound = ticket::seal(&ring(1), &ticket(Some([9; 16])), NOW);
    let at = |position: usize, with: &str| {
        let mut text = bare.clone();
        text.replace_range(position..=position, with);
        text
    };
    let cases: Vec<(&str, String, TicketFault)> = vec![
        ("empty", String::new(), TicketFault::Empty),
        ("one byte", "A".into(), TicketFault::Length),
        ("dot", ".".into(), TicketFault::Length),
        ("two dots", "..".into(), TicketFault::Length),
        ("1,025 bytes", "A".repeat(1_025), TicketFault::Length),
        ("64 KB", "A".repeat(65_536), TicketFault::Length),
        ("1 MB", "A".repeat(1 << 20), TicketFault::Length),
        ("one short", bare[1..].into(), TicketFault::Length),
        ("one long", format!("{bare}A"), TicketFault::Length),
        (
            "between the two lengths",
            format!("{bare}AAAAAAAAAA"),
            TicketFault::Length,
        ),
        ("padded", format!("{bare}=="), TicketFault::Length),
        ("trailing newline", format!("{bare}\n"), TicketFault::Length),
        ("leading space", format!(" {bare}"), TicketFault::Length),
        ("quoted", format!("\"{bare}\""), TicketFault::Length),
        ("two tickets", format!("{bare}{bare}"), TicketFault::Length),
        ("space inside", at(40, " "), TicketFault::Encoding),
        ("newline inside", at(40, "\n"), TicketFault::Encoding),
        ("tab inside", at(40, "\t"), TicketFault::Encoding),
        ("NUL inside", at(40, "\0"), TicketFault::Encoding),
        ("plus", at(40, "+"), TicketFault::Encoding),
        ("slash", at(40, "/"), TicketFault::Encoding),
        ("equals inside", at(40, "="), TicketFault::Encoding),
        ("dot inside", at(40, "."), TicketFault::Encoding),
        ("percent", at(40, "%"), TicketFault::Encoding),
        (
            "padding in place of the end",
            format!("{}==", &bare[..bare.len() - 2]),
            TicketFault::Encoding,
        ),
        (
            "two-byte letter",
            format!("{}é", &bare[..bare.len() - 2]),
            TicketFault::Encoding,
        ),
        ("BOM in front", format!("\u{feff}{}", &bare[3..]), TicketFault::Encoding),
        ("all A", "A".repeat(bare.len()), TicketFault::Version),
        ("all A, bound", "A".repeat(bound.len()), TicketFault::Version),
        ("all underscore", "_".repeat(bare.len()), TicketFault::Encoding),
        ("a pass", good_pass(&ring(1)), TicketFault::Length),
        (
            "a pass cut to length",
            good_pass(&ring(1))[..bare.len()].into(),
            TicketFault::Encoding,
        ),
    ];
    for (name, text, fault) in cases {
        assert_eq!(verdict(&text), Err(fault), "{name}");
    }
}

#[test]
fn t1_the_last_character_has_one_spelling() {
    // 70 and 86 bytes leave 4 and 2 unused bits in the last character.
    for binding in [None, Some([9; 16])] {
        let text = ticket::seal(&ring(1), &ticket(binding), NOW);
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let (head, last) = text.split_at(text.len() - 1);
        let good: Vec<char> = alphabet
            .chars()
            .filter(|c| verdict(&format!("{head}{c}")).is_ok())
            .collect();
        assert_eq!(good.iter().collect::<String>(), last);
    }
}

/// The fault that a broken byte at this place must have, by the layout in `ticket/mod.rs`.
fn fault_at(byte: usize) -> TicketFault {
    match byte {
        0 => TicketFault::Version,
        1 => TicketFault::Flags,
        2..6 => TicketFault::UnknownKey,
        6..14 => TicketFault::OtherRoom,
        _ => TicketFault::Seal,
    }
}

#[test]
fn t1_one_bit_flipped_at_each_position() {
    let mut cases = 0;
    for binding in [None, Some([9; 16])] {
        let good = URL_SAFE_NO_PAD
            .decode(ticket::seal(&ring(1), &ticket(binding), NOW))
            .unwrap();
        for position in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[position / 8] ^= 1 << (position % 8);
            assert_eq!(
                verdict(&URL_SAFE_NO_PAD.encode(bytes)),
                Err(fault_at(position / 8)),
                "bit {position}"
            );
            cases += 1;
        }
    }
    assert_eq!(cases, (70 + 86) * 8);
}

#[test]
fn t1_each_byte_zero_and_each_byte_ff() {
    let good = URL_SAFE_NO_PAD
        .decode(ticket::seal(&ring(1), &ticket(None), NOW))
        .unwrap();
    for position in 0..good.len() {
        for value in [0, 0xff] {
            let mut bytes = good.clone();
            if bytes[position] == value {
                continue;
            }
            bytes[position] = value;
            assert_eq!(
                verdict(&URL_SAFE_NO_PAD.encode(bytes)),
                Err(fault_at(position)),
                "byte {position} = {value}"
            );
        }
    }
}

#[test]
fn t1_a_bound_ticket_does_not_become_an_unbound_one_or_the_other_way() {
    let bound = URL_SAFE_NO_PAD
        .decode(ticket::seal(&ring(1), &ticket(Some([9; 16])), NOW))
        .unwrap();
    let mut stripped = bound[..38].to_vec();
    stripped[1] = 0;
    stripped.extend(&bound[54..]);
    assert_eq!(verdict(&URL_SAFE_NO_PAD.encode(stripped)), Err(TicketFault::Seal));

    let bare = URL_SAFE_NO_PAD
        .decode(ticket::seal(&ring(1), &ticket(None), NOW))
        .unwrap();
    let mut grown = bare[..38].to_vec();
    grown[1] = 1;
    grown.extend([9; 16]);
    grown.extend(&bare[38..]);
    assert_eq!(verdict(&URL_SAFE_NO_PAD.encode(grown)), Err(TicketFault::Seal));
}

#[test]
fn t1_arrivals_out_of_range_are_refused_even_when_we_sealed_them() {
    for (stamp, opens) in [
        (0, false),
        (1, true),
        (Stamp::MAX.0, true),
        (Stamp::MAX.0 + 1, false),
        (1 << 63, false),
        (u64::MAX, false),
    ] {
        let place = Place {
            stamp: Stamp(stamp),
            visitor: VisitorId([0; 16]),
        };
        let odd = Ticket {
            room: sale(),
            place,
            binding: None,
        };
        let text = ticket::seal(&ring(1), &odd, NOW);
        let expected = if opens { Ok(odd) } else { Err(TicketFault::Arrival) };
        assert_eq!(verdict(&text), expected, "{stamp}");
    }
}

#[test]
fn t2_a_ticket_for_another_room_is_foreign_however_near_its_name() {
    let names = ["sales", "sal", "sale-", "sale-2", "sale2", "s-ale", "a", "0", "elas"];
    for name in names {
        let other = Ticket {
            room: room(name),
            ..ticket(None)
        };
        let text = ticket::seal(&ring(1), &other, NOW);
        assert_eq!(verdict(&text), Err(TicketFault::OtherRoom), "{name}");
        assert_eq!(ticket::open(&ring(1), &room(name), &text), Ok(other));
    }
}

/// With the room's fingerprint forged, the seal still knows that the ticket was for another.
#[test]
fn t2_the_seal_covers_the_room() {
    let other = Ticket {
        room: room("other"),
        ..ticket(None)
    };
    let ours = URL_SAFE_NO_PAD
        .decode(ticket::seal(&ring(1), &ticket(None), NOW))
        .unwrap();
    let mut theirs = URL_SAFE_NO_PAD.decode(ticket::seal(&ring(1), &other, NOW)).unwrap();
    theirs[6..14].copy_from_slice(&ours[6..14]);
    assert_eq!(verdict(&URL_SAFE_NO_PAD.encode(theirs)), Err(TicketFault::Seal));
}

#[test]
fn t2_a_foreign_ring_knows_none_of_our_tickets() {
    let text = ticket::seal(&ring(2), &ticket(None), NOW);
    assert_eq!(verdict(&text), Err(TicketFault::UnknownKey));
    // The same key id with another secret.
    let mut bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
    let ours = URL_SAFE_NO_PAD
        .decode(ticket::seal(&ring(1), &ticket(None), NOW))
        .unwrap();
    bytes[2..6].copy_from_slice(&ours[2..6]);
    assert_eq!(verdict(&URL_SAFE_NO_PAD.encode(bytes)), Err(TicketFault::Seal));
}
