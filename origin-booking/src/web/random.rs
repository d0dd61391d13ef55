//! Random text for references, nonces and keys.

/// Without those that look alike; 32 of them, so that each is equally likely.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

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
