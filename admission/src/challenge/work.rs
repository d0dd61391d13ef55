//! The work itself: for each piece a number such that a key derived from it by PBKDF2-HMAC-SHA256 (RFC 8018) begins
//! with a small enough value. Several small pieces rather than one large one, so that luck decides less.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;

/// Pieces of one task.
pub const PIECES: usize = 4;
/// Rounds of HMAC in each try: makes a try slow for everybody, machines built for single hashes included.
pub const ROUNDS: u32 = 500;
/// Most tries a piece may be asked to take on average.
pub const MAX_TRIES: u32 = 4_096;

const EACH_TRY: NonZeroU32 = NonZeroU32::new(ROUNDS).unwrap();

/// Whether these are the numbers: exactly [`PIECES`], in decimal, as one would write them.
pub(super) fn answers(task: &str, numbers: &str, tries: u32) -> bool {
    let mut given = numbers.split('.');
    let mut right = (0..PIECES).all(|piece| {
        let number = given.next().and_then(plain_number);
        number.is_some_and(|number| fits(task, piece, number, tries))
    });
    right &= given.next().is_none();
    right
}

fn plain_number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// One try.
fn fits(task: &str, piece: usize, number: u32, tries: u32) -> bool {
    let mut derived = [0; 4];
    let password = format!("{piece}.{number}");
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        EACH_TRY,
        task.as_bytes(),
        password.as_bytes(),
        &mut derived,
    );
    u32::from_be_bytes(derived) <= u32::MAX / tries.max(1)
}

/// Answers a task as a browser would: for apps, tests and measurements. `None` where four thousand million tries
/// were not enough.
#[must_use]
pub fn solve(task: &str, tries: u32) -> Option<String> {
    let mut answer = task.to_owned();
    for piece in 0..PIECES {
        let number = (0..=u32::MAX).find(|number| fits(task, piece, *number, tries))?;
        answer.push('.');
        answer.push_str(&number.to_string());
    }
    Some(answer)
}
