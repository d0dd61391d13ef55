//! Paths of files and folders, and whether what should be there is.

use std::path::PathBuf;

use crate::files::Look;
use crate::read::{Field, Notes, Section, Told, quote};

const MAX_PATH_BYTES: usize = 4096;

/// What a file must be like.
pub(super) struct Wanted {
    pub is: &'static str,
    pub max_bytes: u64,
    /// Only this account may read it.
    pub private: bool,
}

pub(super) const CERTIFICATE: Wanted = Wanted {
    is: "a PEM certificate chain",
    max_bytes: 1 << 20,
    private: false,
};
pub(super) const PRIVATE_KEY: Wanted = Wanted {
    is: "a PEM private key",
    max_bytes: 1 << 20,
    private: true,
};
pub(super) const TOKEN: Wanted = Wanted {
    is: "a file with the admin token",
    max_bytes: 4096,
    private: true,
};
pub(super) const AUTHORITY: Wanted = Wanted {
    is: "PEM certificates of the authority that the store's certificate comes from",
    max_bytes: 1 << 20,
    private: false,
};
pub(super) const PASSWORD: Wanted = Wanted {
    is: "a file with a password",
    max_bytes: 4096,
    private: true,
};
pub(super) const TEMPLATE: Wanted = Wanted {
    is: "a page template",
    max_bytes: 1 << 20,
    private: false,
};
pub(super) const DATABASE: Wanted = Wanted {
    is: "a MaxMind-format database",
    max_bytes: 1 << 30,
    private: false,
};

/// The file a key names; noted where it is not as wanted.
pub(super) fn file(
    section: &mut Section<'_>,
    key: &'static str,
    wanted: &Wanted,
    notes: &mut Notes<'_>,
) -> Option<PathBuf> {
    let field = section.field(key)?;
    let path = path(&field, notes)?;
    let shown = quote(&path.display().to_string());
    let (what, why, help) = match notes.files.look(&path) {
        Look::File { bytes, .. } if bytes > wanted.max_bytes => (
            format!("{shown} has {bytes} bytes"),
            format!(
                "{} has at most {}",
                wanted.is,
                crate::units::show_size(wanted.max_bytes)
            ),
            "is it the right file?".to_owned(),
        ),
        Look::File { bytes: 0, .. } => (
            format!("{shown} is empty"),
            format!("it should be {}", wanted.is),
            "was it cut off while it was written?".to_owned(),
        ),
        Look::File {
            others_can_read: true, ..
        } if wanted.private => (
            format!("{shown} can be read by every account of this machine"),
            format!("it is {}: a secret", wanted.is),
            format!("chmod 600 {shown}"),
        ),
        Look::File { .. } | Look::Unknown => return Some(path),
        Look::Missing => (
            format!("there is no file {shown}"),
            format!("`{key}` names {}", wanted.is),
            String::new(),
        ),
        Look::Folder => (
            format!("{shown} is a folder"),
            format!("`{key}` names {}", wanted.is),
            String::new(),
        ),
        Look::Unreadable(reason) => (
            format!("{shown} cannot be read"),
            reason,
            "check the owner and mode of the file and of the folders above it".to_owned(),
        ),
    };
    notes.error(&field.at, Told { what, why, help });
    None
}

/// A folder, which may still be absent: it is made at the first start.
pub(super) fn folder(section: &mut Section<'_>, key: &'static str, default: &str, notes: &mut Notes<'_>) -> PathBuf {
    let Some(field) = section.field(key) else {
        return notes.files.base().join(default);
    };
    let Some(path) = path(&field, notes) else {
        return PathBuf::new();
    };
    let shown = quote(&path.display().to_string());
    let (what, why, help) = match notes.files.look(&path) {
        Look::File { .. } => (
            format!("{shown} is a file"),
            format!("`{key}` names a folder"),
            "name a folder of its own".to_owned(),
        ),
        Look::Unreadable(reason) => (
            format!("{shown} cannot be read"),
            reason,
            format!("run stanchion as the account that owns it, or: chown -R ACCOUNT {shown}; chmod 700 {shown}"),
        ),
        Look::Folder | Look::Missing | Look::Unknown => return path,
    };
    notes.error(&field.at, Told { what, why, help });
    path
}

/// A path that something will be made at: its folder must be there.
pub(super) fn socket(section: &mut Section<'_>, key: &'static str, notes: &mut Notes<'_>) -> Option<PathBuf> {
    let field = section.field(key)?;
    let path = path(&field, notes)?;
    let parent = path.parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    if !parent.as_os_str().is_empty() && notes.files.look(&parent) == Look::Missing {
        let what = format!("there is no folder {}", quote(&parent.display().to_string()));
        let why = format!("`{key}` is made in it");
        notes.error(
            &field.at,
            Told {
                what,
                why,
                help: "make the folder, writable by this service alone".to_owned(),
            },
        );
    }
    Some(path)
}

/// The path a field holds, from the folder of the configuration file on.
fn path(field: &Field<'_>, notes: &mut Notes<'_>) -> Option<PathBuf> {
    let text = notes.text(field, MAX_PATH_BYTES)?;
    if text.trim().is_empty() || text.contains('\0') {
        let what = format!("`{}` is empty", field.at.key());
        let why = "it is the path of a file".to_owned();
        notes.error(
            &field.at,
            Told {
                what,
                why,
                help: "name the file, or leave the key out".to_owned(),
            },
        );
        return None;
    }
    Some(notes.files.base().join(text))
}
