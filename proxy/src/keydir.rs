//! Keys on disk: read, made at the first start, rotated, watched. Knows files and their modes; what a key is and
//! when it is used is in `stanchion_admission::keys`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use stanchion_admission::entropy::Entropy;
use stanchion_admission::ids::Stamp;
use stanchion_admission::keys::{KEY_FILE_ENDING, KeyProblem, KeyRing, PassAlg, Rotation, RotationRefused};
use zeroize::Zeroizing;

/// Most files that are looked at; a folder with more is not a folder of keys.
const MAX_FILES: usize = 256;
/// A key file is far smaller; nothing larger is read.
const MAX_FILE_BYTES: u64 = 64 * 1024;
const LOCK: &str = ".lock";

#[derive(Debug, thiserror::Error)]
pub enum KeyDirError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{}", denied(path))]
    Denied { path: PathBuf },
    #[error("{path} can be {by} (mode {mode:04o}). Run: chmod {wanted} {path}")]
    TooOpen {
        path: PathBuf,
        by: &'static str,
        mode: u32,
        wanted: &'static str,
    },
    #[error("{path} holds more than {MAX_FILES} files; give the keys a folder of their own")]
    TooMany { path: PathBuf },
    #[error("{path} holds no keys. They are made by `stanchion serve`, or by: stanchion keys generate --dir {path}")]
    Empty { path: PathBuf },
    #[error("{path} already holds keys; to change them: stanchion keys rotate --dir {path}")]
    NotEmpty { path: PathBuf },
    #[error("the keys in {path} cannot be used:{}", lines(problems))]
    Keys { path: PathBuf, problems: Vec<KeyProblem> },
    #[error(transparent)]
    Rotation(#[from] RotationRefused),
}

fn lines(problems: &[KeyProblem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// What a start found.
#[derive(Debug)]
pub struct Opened {
    pub ring: KeyRing,
    /// The keys were made just now: no ticket of this installation can exist yet.
    pub newborn: bool,
}

/// A folder of keys. Its own mode is 0700 and its files' 0600 where we make them.
#[derive(Clone, Debug)]
pub struct KeyDir {
    path: PathBuf,
}

impl KeyDir {
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> KeyDir {
        KeyDir { path: path.into() }
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The keys of a running edge: those that are there, or new ones where the folder is missing or empty.
    ///
    /// # Errors
    /// Where the folder or a file is open to others, unreadable, or no key.
    pub fn open(&self, entropy: &dyn Entropy, alg: PassAlg, now: Stamp) -> Result<Opened, KeyDirError> {
        if self.path.exists() && !self.key_files()?.is_empty() {
            match self.read() {
                Ok(ring) => return Ok(Opened { ring, newborn: false }),
                // Another edge may be in the middle of writing them; then it holds the lock.
                Err(KeyDirError::Keys { .. }) if self.lock().is_ok() => {}
                Err(problem) => return Err(problem),
            }
        }
        self.make()?;
        let _lock = self.lock()?;
        // Another edge may have been first.
        if !self.key_files()?.is_empty() {
            return Ok(Opened {
                ring: self.read()?,
                newborn: false,
            });
        }
        let ring = KeyRing::generate(entropy, alg, now);
        self.write(&ring)?;
        Ok(Opened { ring, newborn: true })
    }

    /// New keys in a folder that has none.
    ///
    /// # Errors
    /// Where there are keys already, or the folder cannot be written.
    pub fn generate(&self, entropy: &dyn Entropy, alg: PassAlg, now: Stamp) -> Result<KeyRing, KeyDirError> {
        match self.open(entropy, alg, now)? {
            Opened { ring, newborn: true } => Ok(ring),
            Opened { newborn: false, .. } => Err(KeyDirError::NotEmpty {
                path: self.path.clone(),
            }),
        }
    }

    /// The keys that are there.
    ///
    /// # Errors
    /// As [`KeyDir::open`]; and where there is none.
    pub fn read(&self) -> Result<KeyRing, KeyDirError> {
        let files = self.key_files()?;
        if files.is_empty() {
            return Err(KeyDirError::Empty {
                path: self.path.clone(),
            });
        }
        let read: Result<Vec<_>, _> = files.iter().map(|file| self.read_file(&file.name)).collect();
        KeyRing::from_files(&read?).map_err(|problems| KeyDirError::Keys {
            path: self.path.clone(),
            problems,
        })
    }

    /// Rotates the keys and writes what changed.
    ///
    /// # Errors
    /// As [`KeyDir::read`], or where a rotation is refused.
    pub fn rotate(&self, entropy: &dyn Entropy, rotation: Rotation, now: Stamp) -> Result<KeyRing, KeyDirError> {
        self.check_modes()?;
        let _lock = self.lock()?;
        let ring = self.read()?.rotate(entropy, rotation, now)?;
        self.write(&ring)?;
        Ok(ring)
    }

    /// What changes whenever a key file does. Cheap: reads no key.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn version(&self) -> Result<DirVersion, KeyDirError> {
        self.key_files().map(DirVersion)
    }

    /// New files first, each complete before it has its name; then those go that are no keys any more. A crash between
    /// leaves a ring that works. The identity is last: a first start cut short is seen as such.
    fn write(&self, ring: &KeyRing) -> Result<(), KeyDirError> {
        let mut files = ring.to_files();
        files.sort_by_key(|(name, _)| name.starts_with("identity"));
        for (name, bytes) in &files {
            self.write_file(name, bytes)?;
        }
        for old in self.key_files()? {
            if files.iter().all(|(name, _)| *name != old.name) {
                let path = self.path.join(&old.name);
                fs::remove_file(&path).map_err(|source| KeyDirError::Io { path, source })?;
            }
        }
        self.io(&self.path, File::open(&self.path).and_then(|dir| dir.sync_all()))
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), KeyDirError> {
        let path = self.path.join(name);
        if fs::read(&path).map(Zeroizing::new).is_ok_and(|there| *there == bytes) {
            return Ok(());
        }
        let draft = self.path.join(format!(".{name}.{}", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&draft, &path));
        if written.is_err() {
            let _ = fs::remove_file(&draft);
        }
        self.io(&path, written)
    }

    fn read_file(&self, name: &str) -> Result<(String, Zeroizing<Vec<u8>>), KeyDirError> {
        let path = self.path.join(name);
        let bytes = self.io(&path, fs::read(&path))?;
        Ok((name.to_owned(), Zeroizing::new(bytes)))
    }

    /// The key files, sorted by name; refuses what others can read.
    fn key_files(&self) -> Result<Vec<FileVersion>, KeyDirError> {
        self.check_modes()?;
        let mut files = Vec::new();
        for (seen, entry) in self.io(&self.path, fs::read_dir(&self.path))?.enumerate() {
            if seen >= MAX_FILES {
                return Err(KeyDirError::TooMany {
                    path: self.path.clone(),
                });
            }
            let entry = self.io(&self.path, entry)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if name.starts_with('.') || !name.ends_with(KEY_FILE_ENDING) {
                continue;
            }
            let path = entry.path();
            let about = self.io(&path, fs::metadata(&path))?;
            refuse_if(
                &path,
                about.permissions().mode(),
                0o007,
                "read by every account of this machine",
                "600",
            )?;
            refuse_if(
                &path,
                about.permissions().mode(),
                0o020,
                "changed by other accounts",
                "600",
            )?;
            if !about.is_file() || about.len() > MAX_FILE_BYTES {
                let source = io::Error::other("not a key file");
                return Err(KeyDirError::Io { path, source });
            }
            let version = (about.ino(), about.len(), about.mtime(), about.mtime_nsec());
            files.push(FileVersion { name, version });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn check_modes(&self) -> Result<(), KeyDirError> {
        let about = self.io(&self.path, fs::metadata(&self.path))?;
        refuse_if(
            &self.path,
            about.permissions().mode(),
            0o022,
            "written by other accounts",
            "700",
        )
    }

    fn make(&self) -> Result<(), KeyDirError> {
        self.io(
            &self.path,
            DirBuilder::new().recursive(true).mode(0o700).create(&self.path),
        )?;
        self.check_modes()
    }

    /// Held while keys are made or rotated; the operating system drops it with the process.
    fn lock(&self) -> Result<File, KeyDirError> {
        let path = self.path.join(LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        self.io(&path, file.and_then(|file| file.lock().map(|()| file)))
    }

    /// What a start would find wrong with the folder, without making anything.
    ///
    /// # Errors
    /// As [`KeyDir::open`], as far as it can be seen from outside the keys.
    pub fn check(&self) -> Result<(), KeyDirError> {
        let there = self.io(&self.path, self.path.try_exists())?;
        let needs_making = !there || self.key_files()?.is_empty();
        let folder = nearest(&self.path);
        let may_write = rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK);
        if needs_making && may_write == Err(rustix::io::Errno::ACCESS) {
            return Err(KeyDirError::Denied {
                path: folder.to_owned(),
            });
        }
        Ok(())
    }

    fn io<T>(&self, path: &Path, result: io::Result<T>) -> Result<T, KeyDirError> {
        result.map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::PermissionDenied => KeyDirError::Denied { path },
                _ => KeyDirError::Io { path, source },
            }
        })
    }
}

/// The path, or the nearest above it that this account can see at all.
fn nearest(path: &Path) -> &Path {
    let named = path
        .ancestors()
        .find(|path| !path.as_os_str().is_empty() && path.exists());
    named.unwrap_or(Path::new("."))
}

/// Why this account may not: whose it is, its mode, and what to do.
#[must_use]
pub fn denied(path: &Path) -> String {
    let (nearest, me) = (nearest(path), rustix::process::geteuid().as_raw());
    let whose = fs::metadata(nearest).map(|about| (about.uid(), about.permissions().mode()));
    denied_to(me, nearest, whose.ok())
}

fn denied_to(me: u32, path: &Path, whose: Option<(u32, u32)>) -> String {
    let shown = path.display();
    let about = whose.map_or(String::new(), |(owner, mode)| {
        format!(": it belongs to account {owner} and has mode {:04o}", mode & 0o7777)
    });
    format!(
        "account {me} has not the right to use {shown}{about}. Run stanchion as the account that owns it, or: chown {me} {shown}"
    )
}

/// The state of a folder's key files, for comparison only.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DirVersion(Vec<FileVersion>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct FileVersion {
    name: String,
    version: (u64, u64, i64, i64),
}

fn refuse_if(path: &Path, mode: u32, open: u32, by: &'static str, wanted: &'static str) -> Result<(), KeyDirError> {
    if mode & open == 0 {
        return Ok(());
    }
    Err(KeyDirError::TooOpen {
        path: path.to_owned(),
        by,
        mode: mode & 0o7777,
        wanted,
    })
}

#[cfg(test)]
mod tests;
