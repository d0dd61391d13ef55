//! The operator's live settings: replaced whole, by whoever saw the current version.

use crate::ids::Stamp;
use crate::policy::{LiveSettings, RoomPolicy};

use super::Room;

/// Why settings were not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SettingsError {
    /// Somebody else changed them first: the current version.
    Conflict(u64),
    /// A text longer than [`LiveSettings::MAX_TEXT`].
    TooLong,
}

/// Whether the texts keep their bound. Every store asks before it stores.
pub fn check_texts(settings: &LiveSettings) -> Result<(), SettingsError> {
    let fits = |text: &Option<String>| text.as_ref().is_none_or(|t| t.len() <= LiveSettings::MAX_TEXT);
    if fits(&settings.paused) && fits(&settings.message) {
        Ok(())
    } else {
        Err(SettingsError::TooLong)
    }
}

impl Room {
    /// Stores `new` with the next version, if `expected_version` is still current.
    pub fn settings_put(
        &mut self,
        _policy: &RoomPolicy,
        expected_version: u64,
        new: LiveSettings,
        _now: Stamp,
    ) -> Result<LiveSettings, SettingsError> {
        check_texts(&new)?;
        if self.settings.version != expected_version {
            return Err(SettingsError::Conflict(self.settings.version));
        }
        self.settings = LiveSettings {
            version: expected_version + 1,
            ..new
        };
        Ok(self.settings.clone())
    }
}
