//! The configuration file on disk: reads it with a bound, answers what the check asks of the file system, and refuses
//! secrets that others may read. What a configuration may hold is decided in `stanchion-config`.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::keydir::{KeyDir, denied};
use stanchion_config::{AdminToken, Config, Files, Look, MAX_BYTES, Problem, check_bytes};

/// Largest file with a token or a password.
const MAX_SECRET_FILE_BYTES: u64 = 4096;
const MAX_PASSWORD_BYTES: usize = 1024;
/// Fewest and most characters of a token: 32 hold at least 128 bits even in hexadecimal.
const TOKEN_CHARS: std::ops::RangeInclusive<usize> = 32..=512;
const OTHERS_READ: u32 = 0o004;

/// Reads and checks a configuration file.
///
/// # Errors
/// Everything that is wrong with it, or why it could not be read.
pub fn read(path: &Path) -> Result<Config, Vec<Problem>> {
    let shown = path.display();
    let (bytes, mode) = read_bounded(path, MAX_BYTES as u64).map_err(|error| {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "name the file: --config FILE",
            _ => "check its name and mode",
        };
        vec![problem(format!("{shown} cannot be read"), &why_not(path, &error), help)]
    })?;
    let config = check_bytes(&bytes, &Disk::beside(path))?;
    let mut problems = Vec::new();
    if config.store.url.has_password() && mode & OTHERS_READ != 0 {
        let why = "it holds the password of the store";
        problems.push(problem(
            format!("{shown} can be read by every account of this machine"),
            why,
            "chmod 640 it",
        ));
    }
    if let Some(AdminToken::File(file)) = &config.admin.token
        && let Err(why) = read_token(file)
    {
        let help = "make one with: head -c 32 /dev/urandom | base64 > FILE; chmod 600 FILE";
        problems.push(problem(format!("{} holds no token", file.display()), &why, help));
    }
    for login in [&config.store.loader, &config.store.sentinel].into_iter().flatten() {
        let file = &login.password_file;
        if let Err(why) = read_password(file) {
            let help = "its first line is the password; chmod 600 it";
            problems.push(problem(format!("{} holds no password", file.display()), &why, help));
        }
    }
    let keys = &config.keys.dir;
    if let Err(why) = KeyDir::new(keys).check() {
        let what = format!("the folder of `keys.dir`, {}, cannot be used", keys.display());
        problems.push(problem(what, &why.to_string(), ""));
    }
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// The password in a file: its first line.
///
/// # Errors
/// Why there is none, without what was found.
pub fn read_password(path: &Path) -> Result<String, String> {
    let text = read_secret(path)?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() || password.len() > MAX_PASSWORD_BYTES {
        return Err(format!("its first line is not 1 to {MAX_PASSWORD_BYTES} bytes of text"));
    }
    Ok(password.to_owned())
}

/// The text of a small file that not everybody may read.
fn read_secret(path: &Path) -> Result<String, String> {
    let (bytes, mode) = read_bounded(path, MAX_SECRET_FILE_BYTES).map_err(|error| error.to_string())?;
    if mode & OTHERS_READ != 0 {
        return Err("every account of this machine can read it".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not text".to_owned())
}

/// The admin token in a file: its first line.
///
/// # Errors
/// Why there is none, without what was found.
pub fn read_token(path: &Path) -> Result<String, String> {
    let text = read_secret(path)?;
    let token = text.lines().next().unwrap_or_default().trim();
    if !TOKEN_CHARS.contains(&token.len()) || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its first line is not 32 to 512 printable characters without blanks".to_owned());
    }
    Ok(token.to_owned())
}

/// The bytes of a file and its mode; one byte over the bound where it is longer.
fn read_bounded(path: &Path, max_bytes: u64) -> io::Result<(Vec<u8>, u32)> {
    let file = File::open(path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok((bytes, about.permissions().mode()))
}

fn problem(what: String, why: &str, suggestion: &str) -> Problem {
    Problem::of_file(what, why.to_owned(), suggestion)
}

/// The file system, seen from the folder of the configuration file.
struct Disk {
    base: PathBuf,
}

impl Disk {
    fn beside(config: &Path) -> Disk {
        Disk {
            base: config.parent().map(Path::to_path_buf).unwrap_or_default(),
        }
    }
}

impl Files for Disk {
    fn base(&self) -> &Path {
        &self.base
    }

    fn look(&self, path: &Path) -> Look {
        let about = match fs::metadata(path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Look::Missing,
            Err(error) => return Look::Unreadable(why_not(path, &error)),
        };
        let opened = if about.is_dir() {
            fs::read_dir(path).map(drop)
        } else {
            open_regular(path, &about)
        };
        match opened {
            Err(error) => Look::Unreadable(why_not(path, &error)),
            Ok(()) if about.is_dir() => Look::Folder,
            Ok(()) => Look::File {
                bytes: about.len(),
                others_can_read: about.permissions().mode() & OTHERS_READ != 0,
            },
        }
    }
}

fn why_not(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => denied(path),
        _ => error.to_string(),
    }
}

/// Opens only what is a file: opening a pipe would wait for its other end.
fn open_regular(path: &Path, about: &fs::Metadata) -> io::Result<()> {
    if !about.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    File::open(path).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[[origins]]\nname = \"a\"\nservers = [\"127.0.0.1:9000\"]\n\
        [[rooms]]\nname = \"r\"\norigin = \"a\"\ncapacity = 5\nrate = \"5/min\"\n";

    fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn refusal(path: &Path) -> String {
        read(path).unwrap_err().iter().map(Problem::to_string).collect()
    }

    /// THREATS A1, F16: what is read is bounded, and secrets are private.
    #[test]
    fn reads_only_private_secrets_and_bounded_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        assert!(read(&write(at, "good.toml", GOOD, 0o644)).is_ok());
        let nowhere = refusal(&at.join("nowhere.toml"));
        assert!(
            nowhere.contains("cannot be read") && nowhere.contains("--config FILE"),
            "{nowhere}"
        );
        assert!(refusal(at).contains("it is not a file"));
        let huge = write(at, "huge.toml", vec![b'#'; MAX_BYTES + 1], 0o644);
        assert!(refusal(&huge).contains("at most 1 MiB"));

        let with_password = format!("[store]\nurl = \"rediss://u:hunter2@db:6379\"\n{GOOD}");
        assert!(read(&write(at, "private.toml", &with_password, 0o640)).is_ok());
        let open = refusal(&write(at, "open.toml", &with_password, 0o644));
        assert!(
            open.contains("can be read by every account") && !open.contains("hunter2"),
            "{open}"
        );

        let with_token = format!("[admin]\ntoken_file = \"token\"\n{GOOD}");
        let config = write(at, "token.toml", with_token, 0o644);
        assert!(refusal(&config).contains("there is no file"));
        write(at, "token", "0123456789abcdef0123456789abcdef\n", 0o644);
        assert!(refusal(&config).contains("can be read by every account"));
        write(at, "token", "short\n", 0o600);
        let short = refusal(&config);
        assert!(short.contains("holds no token") && !short.contains("short"), "{short}");
        write(at, "token", "0123456789abcdef0123456789abcdef\n", 0o600);
        let config = read(&config).unwrap();
        assert_eq!(config.admin.token, Some(AdminToken::File(at.join("token"))));
        assert_eq!(read_token(&at.join("token")).unwrap().len(), 32);
    }

    /// A1: a folder of keys that `serve` would refuse is refused here, with its mode and the remedy.
    #[test]
    fn a1_a_folder_of_keys_that_is_open_to_others_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let config = write(folder.path(), "a.toml", format!("[keys]\ndir = \"k\"\n{GOOD}"), 0o644);
        assert!(read(&config).is_ok(), "it is made at the first start");
        let keys = folder.path().join("k");
        fs::create_dir(&keys).unwrap();
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o777)).unwrap();
        let said = refusal(&config);
        for words in [
            keys.display().to_string().as_str(),
            "keys.dir",
            "mode 0777",
            "chmod 700",
        ] {
            assert!(said.contains(words), "{words} is missing from {said}");
        }
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(read(&config).is_ok());
        let key = format!("a{}", stanchion_admission::keys::KEY_FILE_ENDING);
        write(&keys, &key, "x", 0o644);
        assert!(refusal(&config).contains("chmod 600"), "{}", refusal(&config));
    }

    /// A pipe in place of a file is refused without waiting for its other end.
    #[test]
    fn does_not_wait_on_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo")
            .arg(folder.path().join("cert.pem"))
            .status()
            .unwrap();
        assert!(made.success());
        let about = Disk {
            base: folder.path().to_owned(),
        }
        .look(&folder.path().join("cert.pem"));
        assert!(matches!(about, Look::Unreadable(_)), "{about:?}");
    }
}
