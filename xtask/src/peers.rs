//! What the suite needs beside Rust, in one list: what for, how to tell that it is there, where it comes from.
//! Somebody whose test needs another program adds a line here. How to install is `install.rs`.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell::{command, find, private_cmake, root, succeeds, tools_dir};

/// One thing that some chore needs.
pub struct Peer {
    pub name: &'static str,
    /// The chores that need it.
    pub needed_by: &'static [Chore],
    pub why: &'static str,
    pub detect: Detect,
    pub source: Source,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chore {
    /// Anything that compiles the workspace.
    Build,
    Test,
    Bench,
    /// The booking service's tests of its writer.
    Races,
}

/// How to tell that it is there.
pub enum Detect {
    /// Any of these programs is in `PATH`.
    Program(&'static [&'static str]),
    /// A cmake in `PATH` or of our own.
    Cmake,
    /// A Debian package, for things that are no programs.
    Package(&'static str),
    /// Any version that Debian's package brings.
    Postgres,
    /// Node 18 or newer.
    Node,
    /// `npm ci` has been done for the lock file that is there now.
    NodeModules(&'static str),
    /// A Python environment of our own, made from the requirements that are there now.
    PythonEnv(&'static str),
}

/// Where it comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// Debian packages of these names.
    Apt(&'static [&'static str]),
    /// `npm ci` in this folder.
    Npm(&'static str),
    /// `pip install -r` of this file into `target/tools/python`.
    Pip(&'static str),
}

use Chore::{Bench, Build, Races, Test};

pub const PEERS: &[Peer] = &[
    Peer {
        name: "C compiler",
        needed_by: &[Build, Test, Bench, Races],
        why: "crates with C parts (TLS, SQLite, zlib)",
        detect: Detect::Program(&["cc", "gcc", "clang"]),
        source: Source::Apt(&["build-essential"]),
    },
    Peer {
        name: "cmake",
        needed_by: &[Build, Test, Bench, Races],
        why: "Pingora builds zlib-ng with it",
        detect: Detect::Cmake,
        source: Source::Apt(&["cmake"]),
    },
    Peer {
        name: "redis-server",
        needed_by: &[Test, Bench],
        why: "the Redis store, against the real thing",
        detect: Detect::Program(&["redis-server"]),
        source: Source::Apt(&["redis-server"]),
    },
    Peer {
        name: "redis-sentinel",
        needed_by: &[Test],
        why: "fail-over of the store",
        detect: Detect::Program(&["redis-sentinel"]),
        source: Source::Apt(&["redis-sentinel"]),
    },
    Peer {
        name: "postgresql",
        needed_by: &[Test, Bench, Races],
        why: "the booking service's journal, against the real thing",
        detect: Detect::Postgres,
        source: Source::Apt(&["postgresql"]),
    },
    Peer {
        name: "chromium",
        needed_by: &[Test],
        why: "a visitor's way in a real browser",
        detect: Detect::Program(&["chromium", "chromium-browser", "google-chrome"]),
        source: Source::Apt(&["chromium"]),
    },
    Peer {
        name: "fonts (Latin, Thai, Arabic …)",
        needed_by: &[Test],
        why: "pictures of the waiting page in every language",
        detect: Detect::Package("fonts-noto-core"),
        source: Source::Apt(&["fonts-noto-core"]),
    },
    Peer {
        name: "fonts (Chinese, Japanese, Korean)",
        needed_by: &[Test],
        why: "pictures of the waiting page in every language",
        detect: Detect::Package("fonts-noto-cjk"),
        source: Source::Apt(&["fonts-noto-cjk"]),
    },
    Peer {
        name: "node 18+",
        needed_by: &[Test],
        why: "drives the browser; the Node example of checking a pass",
        detect: Detect::Node,
        source: Source::Apt(&["nodejs", "npm"]),
    },
    Peer {
        name: "npm",
        needed_by: &[Test],
        why: "installs the browser driver of testkit/browser",
        detect: Detect::Program(&["npm"]),
        source: Source::Apt(&["npm"]),
    },
    Peer {
        name: "testkit/browser",
        needed_by: &[Test],
        why: "the browser tests' own packages",
        detect: Detect::NodeModules("testkit/browser"),
        source: Source::Npm("testkit/browser"),
    },
    Peer {
        name: "python3",
        needed_by: &[Test],
        why: "the Python example of checking a pass",
        detect: Detect::Program(&["python3"]),
        source: Source::Apt(&["python3", "python3-venv"]),
    },
    Peer {
        name: "testkit/python",
        needed_by: &[Test],
        why: "the Python packages of the tests",
        detect: Detect::PythonEnv("testkit/python/requirements.txt"),
        source: Source::Pip("testkit/python/requirements.txt"),
    },
    Peer {
        name: "docs/verify/node",
        needed_by: &[Test],
        why: "the Node example of checking a pass",
        detect: Detect::NodeModules("docs/verify/node"),
        source: Source::Npm("docs/verify/node"),
    },
    Peer {
        name: "go",
        needed_by: &[Test],
        why: "the Go example of checking a pass",
        detect: Detect::Program(&["go"]),
        source: Source::Apt(&["golang-go"]),
    },
    Peer {
        name: "php",
        needed_by: &[Test],
        why: "the PHP example of checking a pass",
        detect: Detect::Program(&["php"]),
        source: Source::Apt(&["php-cli"]),
    },
    Peer {
        name: "a JDK",
        needed_by: &[Test],
        why: "the Java example of checking a pass",
        detect: Detect::Program(&["javac"]),
        source: Source::Apt(&["default-jdk-headless"]),
    },
    Peer {
        name: "nginx",
        needed_by: &[Test, Bench],
        why: "a proxy that asks the decision service; the one to compare with",
        detect: Detect::Program(&["nginx"]),
        source: Source::Apt(&["nginx-light"]),
    },
    Peer {
        name: "caddy",
        needed_by: &[Test],
        why: "a proxy that asks the decision service",
        detect: Detect::Program(&["caddy"]),
        source: Source::Apt(&["caddy"]),
    },
    Peer {
        name: "wrk",
        needed_by: &[Bench],
        why: "makes the load of the measurements",
        detect: Detect::Program(&["wrk"]),
        source: Source::Apt(&["wrk"]),
    },
    Peer {
        name: "taskset",
        needed_by: &[Bench],
        why: "keeps the load and what is measured on cores of their own",
        detect: Detect::Program(&["taskset"]),
        source: Source::Apt(&["util-linux"]),
    },
    Peer {
        name: "valgrind",
        needed_by: &[Bench],
        why: "counts instructions per request",
        detect: Detect::Program(&["valgrind"]),
        source: Source::Apt(&["valgrind"]),
    },
];

impl Peer {
    pub fn is_here(&self) -> bool {
        match &self.detect {
            Detect::Program(names) => names.iter().any(|name| find(name).is_some()),
            Detect::Cmake => find("cmake").is_some() || private_cmake().is_some(),
            Detect::Package(name) => succeeds(command("dpkg").args(["-s", name])),
            Detect::Postgres => postgres_is_here(),
            Detect::Node => node_is_new_enough(),
            Detect::NodeModules(dir) => node_modules_match(dir),
            Detect::PythonEnv(file) => python_env_matches(file),
        }
    }

    /// What somebody would type to get it.
    pub fn by_hand(&self) -> String {
        match self.source {
            Source::Apt(names) => format!("apt-get install {}", names.join(" ")),
            Source::Npm(dir) => format!("npm ci --prefix {dir}"),
            Source::Pip(file) => {
                format!("python3 -m venv target/tools/python && target/tools/python/bin/pip install -r {file}")
            }
        }
    }
}

/// What `chore` needs and is not here, in the order of the list.
pub fn missing(chore: Chore) -> Vec<&'static Peer> {
    PEERS
        .iter()
        .filter(|peer| peer.needed_by.contains(&chore) && !peer.is_here())
        .collect()
}

pub fn print() -> Result<ExitCode> {
    for peer in PEERS {
        let (mark, hint) = if peer.is_here() {
            ("here   ", String::new())
        } else {
            ("MISSING", peer.by_hand())
        };
        println!("{mark}  {:<34} {:<55} {hint}", peer.name, peer.why);
    }
    Ok(ExitCode::SUCCESS)
}

/// Its programs are not in `PATH` on Debian, but in a folder a version.
fn postgres_is_here() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut programs = versions.map(|version| version.path().join("bin/initdb"));
    programs.any(|path| path.exists()) || find("initdb").is_some()
}

fn node_is_new_enough() -> bool {
    let Ok(output) = command("node").arg("--version").output() else {
        return false;
    };
    let version = String::from_utf8_lossy(&output.stdout);
    major(&version).is_some_and(|major| major >= 18)
}

/// `v20.11.1` → 20.
fn major(version: &str) -> Option<u32> {
    version.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}

/// npm leaves a copy of the lock file behind; where the folder does not exist there is nothing to do.
fn node_modules_match(dir: &str) -> bool {
    let dir = root().join(dir);
    let lock = dir.join("package-lock.json");
    let done = dir.join("node_modules/.package-lock.json");
    let age = |file: std::path::PathBuf| file.metadata().and_then(|meta| meta.modified());
    match (age(lock), age(done)) {
        (Err(_), _) => true,
        (Ok(locked), Ok(installed)) => installed >= locked,
        (Ok(_), Err(_)) => false,
    }
}

/// The environment keeps a copy of the requirements it was made from.
fn python_env_matches(file: &str) -> bool {
    let Ok(wanted) = std::fs::read(root().join(file)) else {
        return true;
    };
    std::fs::read(tools_dir().join("python/requirements.txt")).is_ok_and(|made_from| made_from == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_build_need_is_a_test_and_bench_need_too() {
        for peer in PEERS.iter().filter(|peer| peer.needed_by.contains(&Build)) {
            assert!(
                peer.needed_by.contains(&Test) && peer.needed_by.contains(&Bench),
                "{}",
                peer.name
            );
        }
    }

    #[test]
    fn names_are_listed_once_and_say_what_for() {
        for (index, peer) in PEERS.iter().enumerate() {
            assert!(!peer.why.is_empty(), "{}", peer.name);
            assert!(
                PEERS[..index].iter().all(|other| other.name != peer.name),
                "{} is listed twice",
                peer.name
            );
        }
    }

    #[test]
    fn reads_the_major_version() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("nonsense"), None);
        assert_eq!(major(""), None);
    }
}
