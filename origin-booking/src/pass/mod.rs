//! Whether a request may come in: a signed pass, checked against public keys from an address. Complete in itself: copy
//! this folder to guard another service.

mod jwks;
mod keys;
mod token;

pub use keys::{KeySource, PassKeys};
pub use token::{Denied, Rules, Visitor};

use std::sync::Arc;

/// Checks passes.
#[derive(Clone)]
pub struct Guard {
    rules: Arc<Rules>,
    keys: PassKeys,
}

impl Guard {
    #[must_use]
    pub fn new(rules: Rules, keys: PassKeys) -> Guard {
        Guard {
            rules: Arc::new(rules),
            keys,
        }
    }

    #[must_use]
    pub fn audience(&self) -> &str {
        &self.rules.audience
    }

    /// Who this is. `now_s` is in seconds since the Unix epoch.
    ///
    /// # Errors
    /// Why not, in words for an operator's log.
    pub async fn check(&self, pass: &str, now_s: u64) -> Result<Visitor, Denied> {
        let kid = token::key_id(pass)?;
        let key = self.keys.find(&kid).await.map_err(|missing| match missing {
            keys::Missing::Unknown => Denied::UnknownKey,
            keys::Missing::Unreachable => Denied::NoKeys,
        })?;
        token::check(pass, &key, &self.rules, now_s)
    }
}

#[cfg(test)]
mod tests;
