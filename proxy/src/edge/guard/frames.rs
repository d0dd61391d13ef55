//! Counts the HTTP/2 frames that cost us an answer or a thought and the client nothing: SETTINGS, PING, PRIORITY and
//! kinds unknown (H12). Looks at the nine bytes before each frame and skips the rest; the frames themselves are read
//! elsewhere. Pure; the clock is an argument.

use std::time::Duration;

const PREFACE_LEN: u32 = 24;
const HEAD_LEN: usize = 9;
/// So many at once, and then so many a second.
const BURST: f64 = 1_000.0;
const PER_SECOND: f64 = 100.0;

/// More such frames than any honest client sends; the connection is to end.
#[derive(Debug, PartialEq, Eq)]
pub struct Flood;

#[derive(Debug)]
pub struct ControlFrames {
    /// Bytes up to the next frame's head.
    skip: u32,
    head: [u8; HEAD_LEN],
    have: usize,
    allowance: f64,
    counted: Duration,
}

impl Default for ControlFrames {
    fn default() -> Self {
        ControlFrames {
            skip: PREFACE_LEN,
            head: [0; HEAD_LEN],
            have: 0,
            allowance: BURST,
            counted: Duration::ZERO,
        }
    }
}

impl ControlFrames {
    /// The next bytes of the connection, come at `now` (since the connection began).
    pub fn look(&mut self, mut bytes: &[u8], now: Duration) -> Result<(), Flood> {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let skipped = bytes.len().min(self.skip as usize);
                self.skip -= skipped as u32;
                bytes = &bytes[skipped..];
                continue;
            }
            let taken = bytes.len().min(HEAD_LEN - self.have);
            self.head[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEAD_LEN {
                self.have = 0;
                self.skip = u32::from_be_bytes([0, self.head[0], self.head[1], self.head[2]]);
                if is_control(self.head[3]) {
                    self.count(now)?;
                }
            }
        }
        Ok(())
    }

    fn count(&mut self, now: Duration) -> Result<(), Flood> {
        let since = now.saturating_sub(self.counted).as_secs_f64();
        self.counted = self.counted.max(now);
        self.allowance = (self.allowance + since * PER_SECOND).min(BURST) - 1.0;
        if self.allowance < 0.0 { Err(Flood) } else { Ok(()) }
    }
}

/// PRIORITY, SETTINGS, PING, and every kind that HTTP/2 itself does not define.
fn is_control(kind: u8) -> bool {
    matches!(kind, 2 | 4 | 6 | 10..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: usize) -> Vec<u8> {
        let length = (payload as u32).to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, 0, 0, 0, 0, 0];
        frame.resize(HEAD_LEN + payload, 6);
        frame
    }

    /// How many of `frames` pass when they come in pieces of `piece` bytes, all at once.
    fn passed(frames: &[Vec<u8>], piece: usize) -> usize {
        let mut counter = ControlFrames::default();
        counter.look(&[b'P'; PREFACE_LEN as usize], Duration::ZERO).unwrap();
        frames
            .iter()
            .take_while(|frame| {
                frame
                    .chunks(piece)
                    .all(|bytes| counter.look(bytes, Duration::ZERO).is_ok())
            })
            .count()
    }

    #[test]
    fn a_burst_passes_and_one_more_does_not_however_it_is_cut() {
        for kind in [2, 4, 6, 10, 255] {
            for piece in [1, 2, 9, 10, 4096] {
                assert_eq!(passed(&vec![frame(kind, 8); 1_001], piece), 1_000, "{kind} in {piece}s");
            }
        }
    }

    #[test]
    fn frames_that_are_work_are_not_counted_whatever_they_carry() {
        for kind in [0, 1, 3, 8, 9] {
            for payload in [0, 9, 300, 16_384] {
                assert_eq!(passed(&vec![frame(kind, payload); 1_500], 1_000), 1_500, "{kind}");
            }
        }
    }

    #[test]
    fn the_allowance_grows_back_and_a_clock_that_steps_back_gives_nothing() {
        let preface = vec![b'P'; PREFACE_LEN as usize];
        let mut counter = ControlFrames::default();
        counter.look(&preface, Duration::ZERO).unwrap();
        let mut at = |n: usize, now: u64| counter.look(&frame(6, 8).repeat(n), Duration::from_secs(now));
        assert_eq!(at(1_000, 10), Ok(()));
        assert_eq!(at(100, 11), Ok(()), "a hundred a second");
        assert_eq!(at(1_000, 1_000), Ok(()), "never more than the burst");
        assert_eq!(at(1, 5), Err(Flood));
    }
}
