//! HMAC-SHA256 with the key already absorbed, so that a check costs only the message.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

pub(crate) type Mac256 = Hmac<Sha256>;
pub(crate) const TAG_BYTES: usize = 32;

/// A keyed MAC for one purpose: two purposes of one secret never share a tag.
pub(crate) fn keyed(secret: &[u8; 32], purpose: &str) -> Mac256 {
    let mut root = absorbed(secret);
    root.update(purpose.as_bytes());
    let subkey: [u8; TAG_BYTES] = root.finalize().into_bytes().into();
    absorbed(&subkey)
}

/// The tag of these parts, one after the other. Callers keep the parts apart (fixed lengths, or a separator
/// that cannot occur in them).
pub(crate) fn tag(mac: &Mac256, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
    fed(mac, parts).finalize().into_bytes().into()
}

/// Compares in constant time.
pub(crate) fn tag_matches(mac: &Mac256, parts: &[&[u8]], tag: &[u8]) -> bool {
    fed(mac, parts).verify_slice(tag).is_ok()
}

pub(crate) fn first_16(tag: [u8; TAG_BYTES]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&tag[..16]);
    short
}

fn fed(mac: &Mac256, parts: &[&[u8]]) -> Mac256 {
    let mut mac = mac.clone();
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// RFC 2104 pads a short key with zeros to one block; so the block can be given whole.
fn absorbed(secret: &[u8; 32]) -> Mac256 {
    let mut block = zeroize::Zeroizing::new([0u8; 64]);
    block[..32].copy_from_slice(secret);
    Mac256::new((&*block).into())
}
