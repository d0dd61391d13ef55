//! Installs what is missing, where this machine allows it, and says exactly what to type where it does not.
//! Leaves alone what is there. A service that a package would start is not started.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::peers::{Chore, Peer, Source, missing};
use crate::shell::{command, find, must, private_cmake, root, succeeds, text, tools_dir};

/// Makes sure that everything `chore` needs is here.
pub fn ensure(chore: Chore) -> Result<()> {
    let lacking = missing(chore);
    if lacking.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = lacking.iter().map(|peer| peer.name).collect();
    eprintln!("▸ missing here: {}", names.join(", "));
    system_packages(&lacking)?;
    for peer in &lacking {
        match peer.source {
            Source::Apt(_) => {}
            Source::Npm(dir) => npm_ci(dir)?,
            Source::Pip(file) => python_env(file)?,
        }
    }
    let still: Vec<_> = missing(chore)
        .iter()
        .map(|peer| format!("  {}: {}", peer.name, peer.by_hand()))
        .collect();
    if !still.is_empty() {
        bail!("still missing:\n{}", still.join("\n"));
    }
    Ok(())
}

/// All Debian packages in one call; without rights to install, cmake alone has a second way.
fn system_packages(lacking: &[&Peer]) -> Result<()> {
    let packages = packages_of(lacking);
    if packages.is_empty() {
        return Ok(());
    }
    let Some(become_root) = find("apt-get").and_then(|_| become_root()) else {
        return without_apt(lacking, &packages);
    };
    let script = install_script(&packages);
    let mut words = become_root;
    words.extend(["sh", "-c", &script]);
    let (program, args) = words.split_first().context("a command has a first word")?;
    must(command(program).args(args))
}

/// Packages that bring a service of the same name, or of the second one. Tests start servers of their own.
const SERVICES: &[(&str, &str)] = &[
    ("redis-server", "redis-server"),
    ("redis-sentinel", "redis-sentinel"),
    ("nginx-light", "nginx"),
    ("caddy", "caddy"),
    ("postgresql", "postgresql"),
];

/// A service that was just installed for tests must not start at the next boot either.
fn install_script(packages: &[&str]) -> String {
    let names = packages.join(" ");
    let mut script = format!("{APT_PREFIX}apt-get install -y --no-install-recommends {names}\n");
    for (_, service) in SERVICES.iter().filter(|(package, _)| packages.contains(package)) {
        script.push_str(&format!("update-rc.d {service} disable || true\n"));
    }
    script
}

/// `policy-rc.d` is Debian's way to say "install, but start no service". Ours is laid only where there is none, and
/// taken away again.
const APT_PREFIX: &str = r#"set -e
export DEBIAN_FRONTEND=noninteractive
if [ ! -e /usr/sbin/policy-rc.d ]; then
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
apt-get update -q
"#;

fn packages_of(lacking: &[&Peer]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for peer in lacking {
        if let Source::Apt(names) = peer.source {
            packages.extend(
                names
                    .iter()
                    .filter(|name| !packages.contains(*name))
                    .copied()
                    .collect::<Vec<_>>(),
            );
        }
    }
    packages
}

/// The words in front of a command that needs root; `None` where we may not.
fn become_root() -> Option<Vec<&'static str>> {
    let id = command("id").arg("-u").output().ok()?;
    if String::from_utf8_lossy(&id.stdout).trim() == "0" {
        return Some(Vec::new());
    }
    let allowed = find("sudo").is_some() && succeeds(command("sudo").args(["-n", "true"]));
    allowed.then(|| vec!["sudo", "-n"])
}

fn without_apt(lacking: &[&Peer], packages: &[&str]) -> Result<()> {
    let only_cmake = lacking
        .iter()
        .filter(|peer| matches!(peer.source, Source::Apt(_)))
        .all(|peer| peer.name == "cmake");
    let wants_cmake = packages.contains(&"cmake");
    if wants_cmake && cmake_by_pip().is_ok() && only_cmake {
        return Ok(());
    }
    bail!(
        "this needs rights to install packages. Please run\n\n    {}\n\nand start again.{}",
        by_hand(packages),
        if only_cmake {
            " (`pip install cmake` serves as well.)"
        } else {
            ""
        }
    )
}

/// What to type on this kind of machine. Names are Debian's; others are close.
fn by_hand(packages: &[&str]) -> String {
    let names = packages.join(" ");
    if find("apt-get").is_some() {
        format!("sudo apt-get install {names}")
    } else if find("brew").is_some() {
        format!(
            "brew install {}",
            names.replace("redis-server", "redis").replace(" redis-sentinel", "")
        )
    } else if find("dnf").is_some() {
        format!(
            "sudo dnf install {}",
            names.replace("redis-server", "redis").replace(" redis-sentinel", "")
        )
    } else {
        format!("(your package manager) install {names}")
    }
}

/// cmake from the Python registry into `target/tools`, for machines where nobody may install packages.
fn cmake_by_pip() -> Result<()> {
    let dir = tools_dir().join("cmake");
    make_venv(&dir)?;
    must(command(dir.join("bin/pip")).args(["install", "--quiet", "cmake"]))?;
    private_cmake().context("pip installed cmake, but it is not where it should be")?;
    Ok(())
}

fn python_env(requirements: &str) -> Result<()> {
    let dir = tools_dir().join("python");
    make_venv(&dir)?;
    must(command(dir.join("bin/pip")).args(["install", "--quiet", "-r", requirements]))?;
    std::fs::copy(root().join(requirements), dir.join("requirements.txt"))?;
    Ok(())
}

fn make_venv(dir: &Path) -> Result<()> {
    if dir.join("bin/pip").exists() {
        return Ok(());
    }
    let mut venv = command("python3");
    venv.args(["-m", "venv"]).arg(dir);
    must(&mut venv).with_context(|| format!("`{}` failed: python3 with its venv module is needed", text(&venv)))
}

fn npm_ci(dir: &str) -> Result<()> {
    must(
        command("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(root().join(dir)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::PEERS;

    #[test]
    fn each_package_is_asked_for_once() {
        let all: Vec<&Peer> = PEERS.iter().collect();
        let packages = packages_of(&all);
        for (index, name) in packages.iter().enumerate() {
            assert!(!packages[..index].contains(name), "{name} twice");
        }
        assert!(packages.contains(&"cmake") && packages.contains(&"redis-server"));
    }

    #[test]
    fn only_services_just_installed_are_disabled() {
        let script = install_script(&["cmake", "redis-server"]);
        assert!(
            script.contains("apt-get install -y --no-install-recommends cmake redis-server\n"),
            "{script}"
        );
        assert!(script.contains("update-rc.d redis-server disable"), "{script}");
        assert!(
            !script.contains("update-rc.d nginx") && !script.contains("cmake disable"),
            "{script}"
        );
    }

    #[test]
    fn tells_what_to_type() {
        let told = by_hand(&["cmake", "redis-server"]);
        assert!(told.contains("cmake") && told.contains("install"), "{told}");
    }
}
