//! What a ticket says: an order, a number, and a tag that only the holder of the key can make. Short, and in the letters
//! that a QR code packs best. The links to an order and to its tickets are made in the same way; each is good for nothing else.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::letters::in_letters;
use crate::shop::doors::TicketKey;

/// Bytes of a tag: 160 bits are 32 letters.
const TAG: usize = 20;
/// Longest text that is looked at.
const MAX_TEXT: usize = 200;
const VERSION: &str = "ST1";

/// A ticket whose tag is good. Whether it still lets somebody in is another question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Ticket {
    pub(crate) order: String,
    /// Counts from 1.
    pub(crate) number: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bad {
    /// Something else altogether.
    NotATicket,
    Forged,
}

impl Ticket {
    pub(crate) fn text(&self, key: &TicketKey) -> String {
        let Ticket { order, number } = self;
        format!("{VERSION}-{order}-{number}-{}", in_letters(&self.tag(key)))
    }

    pub(crate) fn read(text: &str, key: &TicketKey) -> Result<Ticket, Bad> {
        let text = text.trim();
        let parts: Vec<&str> = text.split('-').collect();
        let [VERSION, order, number, tag] = parts.as_slice() else {
            return Err(Bad::NotATicket);
        };
        let canonical = !number.starts_with(['0', '+']) && text.len() <= MAX_TEXT;
        let number: u32 = number.parse().ok().filter(|_| canonical).ok_or(Bad::NotATicket)?;
        let ticket = Ticket {
            order: (*order).to_owned(),
            number,
        };
        match is_same(tag, &in_letters(&ticket.tag(key))) {
            true => Ok(ticket),
            false => Err(Bad::Forged),
        }
    }

    fn tag(&self, key: &TicketKey) -> [u8; TAG] {
        tag(key, &["ticket", &self.order, &self.number.to_string()])
    }
}

/// What a link proves to whoever shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Link {
    /// May see the order's tickets, and nothing else.
    Tickets,
    /// Is the buyer of the order.
    Order,
}

impl Link {
    fn word(self) -> &'static str {
        match self {
            Link::Tickets => "link",
            Link::Order => "order link",
        }
    }

    /// The last part of an address.
    pub(crate) fn to(self, order: &str, key: &TicketKey) -> String {
        format!("{order}-{}", in_letters(&tag(key, &[self.word(), order])))
    }

    /// The order that the text of a link is of.
    pub(crate) fn read(self, text: &str, key: &TicketKey) -> Option<String> {
        let (order, _) = text.rsplit_once('-').filter(|_| text.len() <= MAX_TEXT)?;
        is_same(text, &self.to(order, key)).then(|| order.to_owned())
    }
}

fn tag(key: &TicketKey, parts: &[&str]) -> [u8; TAG] {
    let mut tag = [0; TAG];
    // A key of this size is always taken.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.bytes()) {
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG]);
    }
    tag
}

/// Takes the same time wherever they differ.
fn is_same(given: &str, wanted: &str) -> bool {
    let differ = given.bytes().zip(wanted.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == wanted.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> TicketKey {
        [seed; 32].into()
    }

    fn ticket(number: u32) -> Ticket {
        Ticket {
            order: "ABCDEFGH23".to_owned(),
            number,
        }
    }

    #[test]
    fn a_ticket_is_read_as_it_was_written() {
        for number in [1, 2, 100] {
            let text = ticket(number).text(&key(1));
            assert_eq!(Ticket::read(&text, &key(1)), Ok(ticket(number)));
            assert!(
                text.len() < 60
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'),
                "{text}"
            );
        }
        assert_eq!(
            Ticket::read(&format!(" {}\n", ticket(1).text(&key(1))), &key(1)),
            Ok(ticket(1))
        );
    }

    #[test]
    fn t1_no_letter_can_be_changed_and_no_part_exchanged() {
        let text = ticket(1).text(&key(1));
        for at in 0..text.len() {
            for letter in ["2", "Z", "-", "ä", ""] {
                let changed = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
                assert!(changed == text || Ticket::read(&changed, &key(1)).is_err(), "{changed}");
            }
        }
        let other = ticket(2).text(&key(1));
        let tag_of = |text: &str| text.rsplit_once('-').unwrap().1.to_owned();
        assert_eq!(
            Ticket::read(&text.replace(&tag_of(&text), &tag_of(&other)), &key(1)),
            Err(Bad::Forged)
        );
        assert_eq!(Ticket::read(&text, &key(2)), Err(Bad::Forged), "of another service");
        for nonsense in [
            "",
            "ST1",
            "ST1---",
            "ST1-A-01-B",
            "ST1-A-+1-B",
            "https://example.org",
            &"-".repeat(10_000),
        ] {
            assert_eq!(Ticket::read(nonsense, &key(1)), Err(Bad::NotATicket), "{nonsense}");
        }
    }

    #[test]
    fn t2_a_link_is_no_ticket_and_a_ticket_no_link() {
        let linked = |text: &str, key: &TicketKey| Link::Tickets.read(text, key);
        let address = Link::Tickets.to("ABCDEFGH23", &key(1));
        assert_eq!(linked(&address, &key(1)).as_deref(), Some("ABCDEFGH23"));
        assert_eq!(linked(&address, &key(2)), None);
        assert_eq!(
            Link::Order.read(&address, &key(1)),
            None,
            "who has the tickets is not the buyer"
        );
        let buyer = Link::Order.to("ABCDEFGH23", &key(1));
        assert_eq!(Link::Order.read(&buyer, &key(1)).as_deref(), Some("ABCDEFGH23"));
        assert_eq!(linked(&buyer, &key(1)), None);
        assert_eq!(Link::Order.read(&buyer.replace("ABC", "ABD"), &key(1)), None);
        let text = ticket(1).text(&key(1));
        let (_, tag) = text.rsplit_once('-').unwrap();
        assert_eq!(linked(&format!("ABCDEFGH23-{tag}"), &key(1)), None);
        assert_eq!(linked(&text, &key(1)), None);
        assert_eq!(linked(tag, &key(1)), None);
    }
}
