//! B2: what is an answer, and everything that is none.

use proptest::prelude::*;

use super::*;
use crate::entropy::SystemEntropy;
use crate::keys::PassAlg;

const NOW: Stamp = Stamp(1_700_000_000_000_000);
const CHEAP: Price = Price {
    tries: 3,
    patience: Duration::from_secs(10),
};

struct Stand {
    keys: KeyRing,
    sale: RoomName,
    tour: RoomName,
}

impl Stand {
    fn new() -> Stand {
        Stand {
            keys: KeyRing::generate(&SystemEntropy, PassAlg::EdDsa, Stamp(0)),
            sale: RoomName::new("sale").unwrap(),
            tour: RoomName::new("tour").unwrap(),
        }
    }

    fn whom(&self) -> For<'_> {
        For {
            room: &self.sale,
            network: self.keys.binding(&[10, 0, 0]),
        }
    }

    fn task(&self) -> String {
        issue(&self.keys, &self.whom(), CHEAP, [7; 16], NOW)
    }

    fn judge(&self, text: &str, seconds: u64) -> Result<Judged, Fault> {
        judge(&self.keys, &self.whom(), text, NOW.plus(Duration::from_secs(seconds)))
    }
}

fn judge(keys: &KeyRing, whom: &For<'_>, text: &str, now: Stamp) -> Result<Judged, Fault> {
    let read = read(keys, whom, text, now)?;
    assert_eq!(read.nonce(), [7; 16]);
    read.judge()
}

fn replaced(text: &str, at: usize, with: &str) -> String {
    let mut text = text.to_owned();
    text.replace_range(at..at + with.len(), with);
    text
}

/// The task's bytes with one changed, in its text again.
fn changed(task: &str, byte: usize) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(task).unwrap();
    bytes[byte] ^= 1;
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn work_or_patience_counts() {
    let stand = Stand::new();
    let task = stand.task();
    assert_eq!(tries_of(&task), Some(CHEAP.tries));
    let answer = solve(&task, CHEAP.tries).unwrap();
    assert!(answer.len() <= MAX_CHARS);
    assert_eq!(stand.judge(&answer, 1), Ok(Judged::Worked));
    assert_eq!(stand.judge(&task, 3), Ok(Judged::TooSoon(Duration::from_secs(7))));
    assert_eq!(stand.judge(&task, 10), Ok(Judged::Waited));
    assert_eq!(stand.judge(&task, 300), Ok(Judged::Waited));
    for text in [&task, &answer] {
        assert_eq!(stand.judge(text, 301), Err(Fault::Expired));
    }
}

/// B2: what is not exactly an answer to a task of ours, for this room and this network, is none.
#[test]
fn b2_the_table() {
    let stand = Stand::new();
    let task = stand.task();
    let answer = solve(&task, CHEAP.tries).unwrap();
    let numbers = answer.strip_prefix(&format!("{task}.")).unwrap();
    let parts: Vec<&str> = numbers.split('.').collect();
    let wrong = |numbers: &str| (format!("{task}.{numbers}"), Fault::Wrong);
    let rows = [
        (String::new(), Fault::Length),
        (".".repeat(40), Fault::Length),
        (task[1..].to_owned(), Fault::Length),
        (format!("{task}A"), Fault::Length),
        ("x".repeat(1_000_000), Fault::Length),
        (format!("{answer}.1"), Fault::Wrong),
        (replaced(&task, 10, "+"), Fault::Encoding),
        (replaced(&task, 10, " "), Fault::Encoding),
        (changed(&task, 0), Fault::Version),
        (changed(&task, 1), Fault::UnknownKey),
        (changed(&task, 5), Fault::OtherRoom),
        // Made earlier or later, fewer tries, less patience, another nonce.
        (changed(&task, 20), Fault::Seal),
        (changed(&task, 24), Fault::Seal),
        (changed(&task, 26), Fault::Seal),
        (changed(&task, 27), Fault::Seal),
        (changed(&task, 74), Fault::Seal),
        // Numbers in other words.
        wrong(""),
        wrong("1"),
        wrong(&parts[..3].join(".")),
        wrong(&format!("{numbers}.")),
        wrong(&format!(".{numbers}")),
        wrong(&format!("0{numbers}")),
        wrong(&format!("+{numbers}")),
        wrong(&format!("-{numbers}")),
        wrong(&numbers.replace('.', "..")),
        wrong("4294967296.4294967296.1.1"),
        wrong("99999999999.1.1.1"),
        wrong("1e3.1.1.1"),
        wrong("0x1.1.1.1"),
        wrong("١.1.1.1"),
    ];
    for (text, fault) in rows {
        let shown: String = text.chars().take(140).collect();
        assert_eq!(stand.judge(&text, 11), Err(fault), "{shown}");
    }
    let elsewhere = For {
        room: &stand.tour,
        network: stand.keys.binding(&[10, 0, 0]),
    };
    assert_eq!(judge(&stand.keys, &elsewhere, &answer, NOW), Err(Fault::OtherRoom));
    let neighbour = For {
        room: &stand.sale,
        network: stand.keys.binding(&[10, 0, 1]),
    };
    assert_eq!(judge(&stand.keys, &neighbour, &answer, NOW), Err(Fault::Seal));
    assert_eq!(
        judge(&Stand::new().keys, &stand.whom(), &answer, NOW),
        Err(Fault::UnknownKey)
    );
    let early = Stamp(NOW.0 - 6_000_000);
    assert_eq!(
        judge(&stand.keys, &stand.whom(), &answer, early),
        Err(Fault::Expired),
        "from the future"
    );
}

/// A harder task is not answered by the numbers of an easy one.
#[test]
fn numbers_belong_to_a_task() {
    let stand = Stand::new();
    let dear = Price { tries: 200, ..CHEAP };
    let mut borrowed = 0;
    for n in 0..20 {
        let (mine, other) = ([n; 16], [n + 100; 16]);
        let task = issue(&stand.keys, &stand.whom(), dear, mine, NOW);
        let elsewhere = issue(&stand.keys, &stand.whom(), CHEAP, other, NOW);
        let numbers = solve(&elsewhere, CHEAP.tries).unwrap();
        let numbers = numbers.strip_prefix(&elsewhere).unwrap();
        let text = format!("{task}{numbers}");
        let read = read(&stand.keys, &stand.whom(), &text, NOW).unwrap();
        borrowed += u32::from(read.judge().is_ok());
    }
    assert_eq!(borrowed, 0);
}

proptest! {
    /// Nothing a stranger writes is an answer, or more than an error.
    #[test]
    fn b2_no_text_is_an_answer_by_chance(text in "\\PC{0,200}") {
        prop_assert!(Stand::new().judge(&text, 11).is_err());
    }

    /// One changed character, and it is none.
    #[test]
    fn b2_every_character_counts(at in 0_usize..100, with in "[A-Za-z0-9_-]") {
        let stand = Stand::new();
        let task = stand.task();
        let other = replaced(&task, at, &with);
        prop_assume!(other != task);
        prop_assert!(stand.judge(&other, 11).is_err());
    }
}
