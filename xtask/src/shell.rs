//! Running other programs: shown before they run, judged by their exit code.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

/// The root of the workspace.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Where tools go that are installed for this checkout alone.
pub fn tools_dir() -> PathBuf {
    root().join("target").join("tools")
}

/// The cargo that runs this, in the workspace's root, with the private tools in reach. What the outer cargo says of this
/// program is kept from it: build scripts (ring's) look at that, and what they build would be built again each time that
/// somebody goes from `cargo` to `cargo xtask` and back.
pub fn cargo() -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
        cargo.env_remove(name);
    }
    if let Some(cmake) = private_cmake() {
        cargo.env("CMAKE", cmake);
    }
    cargo
}

pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Shows the command, runs it, and gives its exit code on.
pub fn pass_through(command: &mut Command) -> Result<ExitCode> {
    Ok(exit_code(show_and_wait(command)?.code()))
}

/// Shows the command and runs it; anything but success is an error.
pub fn must(command: &mut Command) -> Result<()> {
    let status = show_and_wait(command)?;
    if !status.success() {
        bail!("`{}` ended with {status}", text(command));
    }
    Ok(())
}

/// Runs quietly; true where it could be started and succeeded.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The full path of a program in `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| is_program(file))
}

/// The cmake of an earlier `pip install` into this checkout, where there is one.
pub fn private_cmake() -> Option<PathBuf> {
    let file = tools_dir().join("cmake").join("bin").join("cmake");
    is_program(&file).then_some(file)
}

pub fn exit_code(code: Option<i32>) -> ExitCode {
    // A child ended by a signal has no code.
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The command as one would type it.
pub fn text(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy()
        .into_owned();
    let words = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

fn show_and_wait(command: &mut Command) -> Result<std::process::ExitStatus> {
    let typed = text(command);
    eprintln!("▸ {typed}");
    command
        .status()
        .with_context(|| format!("`{typed}` could not be started"))
}

#[cfg(unix)]
fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_program_that_is_there_and_no_other() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-here").is_none());
    }

    #[test]
    fn a_cargo_within_hears_nothing_of_the_outer_ones_package() {
        let told = OsStr::new("CARGO_PKG_NAME");
        assert!(std::env::var_os(told).is_some(), "cargo says so to this test");
        assert!(cargo().get_envs().any(|change| change == (told, None)));
    }

    #[test]
    fn a_command_reads_as_typed() {
        assert_eq!(text(Command::new("/usr/bin/env").args(["a", "b"])), "env a b");
    }

    #[test]
    fn failure_of_a_child_is_an_error() {
        assert!(must(&mut command("true")).is_ok());
        let problem = must(&mut command("false")).unwrap_err().to_string();
        assert!(problem.starts_with("`false` ended with"), "{problem}");
        assert!(!succeeds(&mut command("no-such-program-here")));
    }
}
