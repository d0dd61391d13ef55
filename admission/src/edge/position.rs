//! From a stamp to "so many are ahead of you", by the sketch in a snapshot. Knows nothing of visitors or time.

use std::time::Duration;

use crate::ids::Stamp;
use crate::room::bounds::SETTLE_US;
use crate::store::Snapshot;

/// Whether everybody ahead of `stamp` had time to come in by `as_of` (both on the store's clock): before that, people
/// who arrived together would all be told the same place.
#[must_use]
pub fn is_settled(stamp: Stamp, as_of: Stamp) -> bool {
    stamp.plus(Duration::from_micros(SETTLE_US)) <= as_of
}

/// How many are ahead of `stamp`. Exact at the points of the sketch, on a straight line between them. A stamp
/// beyond the last point stands behind everybody who waits.
#[must_use]
pub fn ahead(sketch: &[(Stamp, u64)], waiting: u64, stamp: Stamp) -> u64 {
    let after = sketch.partition_point(|(point, _)| *point < stamp);
    let Some(&(next, next_rank)) = sketch.get(after) else {
        return waiting;
    };
    let Some(&(last, last_rank)) = after.checked_sub(1).and_then(|i| sketch.get(i)) else {
        return next_rank;
    };
    if next == stamp {
        return next_rank;
    }
    let (span, way) = (u128::from(next.0 - last.0), u128::from(stamp.0 - last.0));
    let ranks = u128::from(next_rank.saturating_sub(last_rank));
    // Somebody after a point has at least that point's owner ahead of them.
    let between = u64::try_from(ranks * way / span.max(1)).unwrap_or(0).max(1);
    last_rank.saturating_add(between).min(next_rank)
}

/// The line as it was before the store lost it, for as long as the new index is still filling up.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    sketch: Vec<(Stamp, u64)>,
    waiting: u64,
    /// Admissions of epochs that came and went meanwhile.
    admitted_between: u64,
    /// When the line was so (store clock); zero where it was still filling up.
    as_of: Stamp,
    until: Duration,
}

impl Before {
    /// Kept when `old` is followed by a snapshot of a newer epoch at `now`. `whole`: that epoch's index had filled up.
    /// `settling`: a former line that the old epoch itself had not yet outgrown, which then says more than the old
    /// epoch's own half-filled index.
    #[must_use]
    pub fn epoch_changed(
        old: &Snapshot,
        whole: bool,
        settling: Option<Before>,
        now: Duration,
        lasts: Duration,
    ) -> Before {
        let until = now + lasts;
        match settling {
            Some(before) if now < before.until => Before {
                admitted_between: before.admitted_between.saturating_add(old.admitted_total),
                until,
                ..before
            },
            _ => Before {
                sketch: old.sketch.clone(),
                waiting: old.waiting,
                admitted_between: 0,
                as_of: if whole { old.now } else { Stamp::ZERO },
                until,
            },
        }
    }

    /// Whether everybody ahead of `stamp` was in that line.
    #[must_use]
    pub fn is_settled(&self, stamp: Stamp) -> bool {
        is_settled(stamp, self.as_of)
    }

    /// How many were ahead then, less those admitted since. `None` once the new index can be trusted alone.
    #[must_use]
    pub fn ahead(&self, stamp: Stamp, admitted_total: u64, now: Duration) -> Option<u64> {
        let admitted = self.admitted_between.saturating_add(admitted_total);
        (now < self.until).then(|| ahead(&self.sketch, self.waiting, stamp).saturating_sub(admitted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_at_the_points_and_between_them_on_a_line() {
        let sketch = [(Stamp(100), 0), (Stamp(200), 1), (Stamp(1_200), 101)];
        let cases = [
            (50, 0),
            (100, 0),
            (150, 1),
            (200, 1),
            (201, 2),
            (700, 51),
            (1_199, 100),
            (1_200, 101),
            (1_201, 102),
        ];
        for (stamp, expected) in cases {
            assert_eq!(ahead(&sketch, 102, Stamp(stamp)), expected, "stamp {stamp}");
        }
        assert_eq!(ahead(&[], 0, Stamp(7)), 0);
        assert_eq!(ahead(&[], 3, Stamp(7)), 3);
    }

    #[test]
    fn never_falls_with_a_later_stamp() {
        let sketch = [
            (Stamp(5), 0),
            (Stamp(6), 1),
            (Stamp(7), 2),
            (Stamp(50), 9),
            (Stamp(51), 30),
        ];
        let ranks: Vec<u64> = (0..60).map(|stamp| ahead(&sketch, 31, Stamp(stamp))).collect();
        assert!(ranks.is_sorted(), "{ranks:?}");
    }
}
