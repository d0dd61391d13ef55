//! The admin token: kept as its SHA-256 only, compared in constant time, made where there is none. What is read or
//! made here is never logged.

use std::io::Write;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use stanchion_admission::entropy::Entropy;

/// Shortest token accepted from a file: a shorter one can be guessed.
pub const MIN_LEN: usize = 32;
/// Longest; a header beyond it is not hashed.
pub const MAX_LEN: usize = 512;

/// What a bearer token is checked against.
#[derive(Clone)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    #[must_use]
    pub fn of(token: &str) -> TokenHash {
        TokenHash(Sha256::digest(token.as_bytes()).into())
    }

    #[must_use]
    pub fn from_sha256(hash: [u8; 32]) -> TokenHash {
        TokenHash(hash)
    }

    /// Takes the same time whatever was sent.
    #[must_use]
    pub fn matches(&self, token: &str) -> bool {
        if token.len() > MAX_LEN {
            return false;
        }
        let sent: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let differing = self
            .0
            .iter()
            .zip(sent)
            .fold(0u8, |bits, (a, b)| std::hint::black_box(bits | (a ^ b)));
        differing == 0
    }
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// 256 random bits as text.
#[must_use]
pub fn generate(entropy: &dyn Entropy) -> String {
    let mut bits = [0u8; 32];
    entropy.fill(&mut bits);
    URL_SAFE_NO_PAD.encode(bits)
}

/// The first line of a token file.
///
/// # Errors
/// The file cannot be read, others may read it, or what it holds is no token.
pub fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    refuse_readable_by_others(path)?;
    let token = text.lines().next().unwrap_or_default().trim();
    let plain = token.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || !(MIN_LEN..=MAX_LEN).contains(&token.len()) {
        return Err(format!(
            "{shown}: the first line must be a token of {MIN_LEN} to {MAX_LEN} visible ASCII characters"
        ));
    }
    Ok(token.to_owned())
}

/// The token in this file, or a new one written there, readable by its owner alone. `true`: it was made now.
///
/// # Errors
/// As [`read`]; or the file cannot be written.
pub fn read_or_create(path: &Path, entropy: &dyn Entropy) -> Result<(String, bool), String> {
    let token = generate(entropy);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(mut file) => {
            let written = file
                .write_all(format!("{token}\n").as_bytes())
                .and_then(|()| file.sync_all());
            written.map_err(|error| format!("{}: {error}", path.display()))?;
            Ok((token, true))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok((read(path)?, false)),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = path
        .metadata()
        .map_err(|error| format!("{}: {error}", path.display()))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(format!("{}: others may read it; run `chmod 600` on it", path.display()));
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_: &Path) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stanchion_admission::entropy::SystemEntropy;

    #[test]
    fn only_the_token_matches() {
        let hash = TokenHash::of("a-token-of-more-than-thirty-two-letters");
        assert!(hash.matches("a-token-of-more-than-thirty-two-letters"));
        for wrong in [
            "",
            "a-token-of-more-than-thirty-two-letter",
            "A-token-of-more-than-thirty-two-letters",
            &"x".repeat(MAX_LEN + 1),
        ] {
            assert!(!hash.matches(wrong), "{wrong}");
        }
        assert_eq!(format!("{hash:?}"), "TokenHash(…)");
    }

    /// A1: a token that was made is kept, is hard to guess, and nobody else may read it.
    #[test]
    fn a1_made_once_then_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin-token");
        let (made, new) = read_or_create(&path, &SystemEntropy).unwrap();
        assert!(new && made.len() == 43, "{}", made.len());
        assert_eq!(read_or_create(&path, &SystemEntropy).unwrap(), (made, false));
    }

    #[cfg(unix)]
    #[test]
    fn a1_bad_files_are_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let write = |text: &str, mode: u32| {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        assert!(read(&path).is_err(), "no file");
        for (text, mode) in [
            ("", 0o600),
            ("short\n", 0o600),
            ("has a blank in the middle\n", 0o600),
            ("a-token-of-more-than-thirty-two-letters\n", 0o644),
        ] {
            write(text, mode);
            let refusal = read(&path).unwrap_err();
            assert!(!refusal.contains("thirty"), "the token itself is not told: {refusal}");
        }
        write("a-token-of-more-than-thirty-two-letters\nsecond line\n", 0o600);
        assert_eq!(read(&path).unwrap(), "a-token-of-more-than-thirty-two-letters");
    }
}
