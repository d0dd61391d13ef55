//! A secret that seals tickets. Shared by the edges of an installation, by nobody else.

use zeroize::Zeroizing;

use super::schedule::Key;
use super::{Mac256, hex, keyed, secret_from};
use crate::entropy::Entropy;
use crate::ids::Stamp;

pub(crate) const TICKET_KEY_ID_BYTES: usize = 4;

#[derive(Clone)]
pub(crate) struct TicketKey {
    pub(crate) id: [u8; TICKET_KEY_ID_BYTES],
    pub(crate) from: Stamp,
    pub(crate) secret: Zeroizing<[u8; 32]>,
    pub(crate) mac: Mac256,
    /// Seals the tasks that a place may cost.
    pub(crate) challenge: Mac256,
}

impl TicketKey {
    pub(crate) fn new(id: [u8; TICKET_KEY_ID_BYTES], from: Stamp, secret: Zeroizing<[u8; 32]>) -> TicketKey {
        let mac = keyed(&secret, "stanchion ticket v1");
        let challenge = keyed(&secret, "stanchion challenge v1");
        TicketKey {
            id,
            from,
            secret,
            mac,
            challenge,
        }
    }

    pub(crate) fn generate(entropy: &dyn Entropy, from: Stamp) -> TicketKey {
        let mut id = [0; TICKET_KEY_ID_BYTES];
        entropy.fill(&mut id);
        TicketKey::new(id, whole_seconds(from), secret_from(entropy))
    }

    pub(crate) fn id_text(&self) -> String {
        hex(&self.id)
    }
}

impl Key for TicketKey {
    fn id(&self) -> &[u8] {
        &self.id
    }

    fn from(&self) -> Stamp {
        self.from
    }
}

/// Key files keep whole seconds; a key in memory and the same key read back begin together.
pub(crate) fn whole_seconds(stamp: Stamp) -> Stamp {
    Stamp(stamp.unix_seconds() * 1_000_000)
}
