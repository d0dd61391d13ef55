//! Random text for references, nonces and keys.

use crate::letters::LETTERS;

/// Ten letters: what people read out at the door.
pub(super) fn reference() -> Option<String> {
    letters(10)
}

/// 130 bits.
pub(super) fn unguessable() -> Option<String> {
    letters(26)
}

/// `None` where the operating system gives no randomness.
fn letters(count: usize) -> Option<String> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes)
        .inspect_err(|error| tracing::error!(%error, "no random bytes"))
        .ok()?;
    Some(
        bytes
            .iter()
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
            .collect(),
    )
}
