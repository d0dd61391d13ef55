//! What a browser keeps beside its ticket: the position it was last told, if any, and the epoch in which its place was
//! indexed. Not signed: it can only lower what this one visitor is shown, or cost them one more index entry.

use std::fmt;

/// Printed and read as `position.epoch`, e.g. `4211.3`, or `-.3` where no position was told yet. Epoch 0 is none: the
/// place is not indexed yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// 1 = next. `None`: not told yet.
    pub position: Option<u64>,
    pub epoch_id: u64,
}

impl Seen {
    /// Longest text that is read: two numbers of 16 digits and the dot.
    pub const MAX_LEN: usize = 33;
    const MAX_DIGITS: usize = 16;
    const UNTOLD: &str = "-";

    /// `None` for anything but two plain decimal numbers, the first at least 1 or a `-` in its stead.
    #[must_use]
    pub fn parse(text: &str) -> Option<Seen> {
        if text.len() > Self::MAX_LEN {
            return None;
        }
        let (position, epoch) = text.split_once('.')?;
        let position = match position {
            Self::UNTOLD => None,
            told => Some(number(told).filter(|told| *told >= 1)?),
        };
        Some(Seen {
            position,
            epoch_id: number(epoch)?,
        })
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = (1..=Seen::MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    (plain && canonical).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(f, "{position}.{}", self.epoch_id),
            None => write!(f, "{}.{}", Self::UNTOLD, self.epoch_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints() {
        let most = 9_999_999_999_999_999;
        for (text, position, epoch_id) in [
            ("1.0", Some(1), 0),
            ("4211.3", Some(4_211), 3),
            ("9999999999999999.9999999999999999", Some(most), most),
            ("-.0", None, 0),
            ("-.3", None, 3),
        ] {
            let seen = Seen { position, epoch_id };
            assert_eq!((seen.to_string().as_str(), Seen::parse(text)), (text, Some(seen)));
        }
    }

    #[test]
    fn refuses_everything_else() {
        let long = "1".repeat(17);
        let cases = [
            "", ".", "1", "1.", ".1", "0.1", "1.2.3", "01.2", "1.02", "+1.2", "1.-2", " 1.2", "1.2 ", "1,2", "١.٢",
            "1.2\n", "0x1.2", "1e3.2", "-", "-.", "-1.2", "--.2", "-.-",
        ];
        for case in cases {
            assert_eq!(Seen::parse(case), None, "{case:?}");
        }
        assert_eq!(Seen::parse(&format!("{long}.1")), None);
        assert_eq!(Seen::parse(&format!("1.{long}")), None);
    }
}
