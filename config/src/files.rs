//! The one question the check asks of the outside: what is at this path?

use std::path::Path;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    Missing,
    File {
        bytes: u64,
        /// Any account of the machine may read it.
        others_can_read: bool,
    },
    Folder,
    /// It is there, but this process may not read it; why.
    Unreadable(String),
    /// Nobody looked: taken to be what is wanted.
    Unknown,
}

/// Answers for a file system.
pub trait Files {
    /// The folder of the configuration file: relative paths start here.
    fn base(&self) -> &Path;
    /// What is at `path`, which is absolute or starts at [`Files::base`].
    fn look(&self, path: &Path) -> Look;
}

/// Nobody looks: for text that is checked away from its machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct NotLooking;

impl Files for NotLooking {
    fn base(&self) -> &Path {
        Path::new("")
    }

    fn look(&self, _path: &Path) -> Look {
        Look::Unknown
    }
}
