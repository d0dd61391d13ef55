//! The process: read the configuration, start, then wait for signals and changed files until it is time to go.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use stanchion_admission::ids::RoomName;
use stanchion_config::{Config, Problem, restart_needed};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::bind::Bound;
use super::handover::{self, Taken};
use super::start::{MadeToken, Running, start};
use super::watch::Watch;
use super::{alone, assemble};
use crate::cli::check::told;
use crate::config_file;
use crate::logging;
use crate::pages::Template;

/// Files settle this long before a reload.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// Runs an edge until it is told to stop; the process's exit code.
pub fn main(config_path: &Path, upgrade: bool) -> ExitCode {
    let config = match config_file::read(config_path) {
        Ok(config) => config,
        Err(problems) => {
            print(config_path, &problems);
            return ExitCode::FAILURE;
        }
    };
    print(config_path, &config.warnings);
    let _log = logging::init(&config.log);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
        .and_then(|runtime| runtime.block_on(serve(config_path, config, upgrade)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("stanchion: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config_path: &Path, config: Config, upgrade: bool) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let (say, mut changes) = mpsc::channel(1);
    let mut watch = Watch::begin(config_path, &config, say);
    let taken = upgrade.then(|| take_over(&config)).transpose()?;
    let (bound, taken) = match taken {
        Some((bound, taken)) => (bound, Some(taken)),
        None => (Bound::bind(&config)?, None),
    };
    let running = start(&config, bound, templates(&config)?).await?;
    watch.keys_are_there();
    // A successor is beside its predecessor for a moment, and rightly so.
    let _alone = (!upgrade).then(|| alone::claim(&config));
    announce(&running);
    if let Some(taken) = taken {
        taken.ready()?;
    }
    let mut successor = wait_for_successor(&config, &running)?;
    let started = config.clone();
    let mut current = config;
    loop {
        tokio::select! {
            () = wait_to_stop(&mut signals.terminate, &mut signals.interrupt) => break,
            Some(()) = successor.recv() => {
                running.relieved().await;
                tracing::info!("a successor has taken the sockets over");
                break;
            }
            _ = signals.hangup.recv() => {
                watch.begin_anew();
                current = reload(config_path, current, &started, &running).await;
                watch.follow(config_path, &current);
            }
            Some(()) = changes.recv() => {
                settle(&mut changes).await;
                current = reload(config_path, current, &started, &running).await;
                watch.follow(config_path, &current);
            }
        }
    }
    drop(watch);
    running
        .stop(
            current.edge.drain,
            wait_to_stop(&mut signals.terminate, &mut signals.interrupt),
        )
        .await;
    Ok(())
}

fn announce(running: &Running) {
    for address in running.edge.addresses() {
        tracing::info!(%address, "visitors are served");
    }
    for address in running.edge.decision_addresses() {
        tracing::info!(%address, "the decision service listens");
    }
    tracing::info!(address = %running.admin, "the admin plane listens");
    if let Some(token) = &running.made_token {
        eprintln!("{}", word_of(token, std::io::stderr().is_terminal()));
    }
}

/// The token itself is for a person at a terminal; what is collected from standard error must not hold it.
fn word_of(token: &MadeToken, to_a_person: bool) -> String {
    let kept = format!(
        "stanchion: an admin token was made just now and is kept in {}",
        token.file.display()
    );
    if to_a_person {
        format!("{kept}: {}", token.text)
    } else {
        kept
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// `SIGTERM` or `SIGINT`.
async fn wait_to_stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

fn print(path: &Path, problems: &[Problem]) {
    eprint!("{}", told(problems, &path.display().to_string()));
}

/// A reload that fails leaves everything as it was, and says why. What waits for a restart is what differs from the
/// configuration that the process started with, however often it was changed since.
async fn reload(path: &Path, old: Config, started: &Config, running: &Running) -> Config {
    let new = match config_file::read(path) {
        Ok(new) => new,
        Err(problems) => {
            print(path, &problems);
            running.metrics.config_reloaded(false);
            tracing::error!(
                problems = problems.len(),
                "the configuration has problems; the old one stays"
            );
            return old;
        }
    };
    let attempt = async { running.reload(started, &new, templates(&new)?).await };
    if let Err(problem) = attempt.await {
        running.metrics.config_reloaded(false);
        tracing::error!(
            problem = format!("{problem:#}"),
            "the configuration could not be taken over; the old one stays"
        );
        return old;
    }
    running.metrics.config_reloaded(true);
    let waiting = restart_needed(started, &new);
    if waiting.is_empty() {
        tracing::info!("the configuration was taken over");
    } else {
        tracing::warn!(
            keys = waiting.join(", "),
            "the configuration was taken over; these keys wait for a restart"
        );
    }
    new
}

/// Every room's own template, read and checked.
fn templates(config: &Config) -> anyhow::Result<HashMap<RoomName, Template>> {
    let with_template = config
        .rooms
        .iter()
        .filter_map(|room| Some((room, room.page.template.as_ref()?)));
    with_template
        .map(|(room, path)| {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let template = Template::new(&text).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
            Ok((room.policy.name.clone(), template))
        })
        .collect()
}

/// The running edge's sockets: its listeners in their order, the admin's last.
fn take_over(config: &Config) -> anyhow::Result<(Bound, Taken)> {
    let path = config
        .edge
        .upgrade_sock
        .as_ref()
        .context("--upgrade needs edge.upgrade_sock in the configuration")?;
    let mut taken = Taken::from(path)?;
    let admin = taken.sockets.pop().context("the running edge sent no sockets")?;
    let wanted = assemble::listeners(config);
    anyhow::ensure!(
        wanted.len() == taken.sockets.len(),
        "the running edge has {} listeners, the configuration {}: stop it and start anew",
        taken.sockets.len(),
        wanted.len()
    );
    let sockets = std::mem::take(&mut taken.sockets);
    let edge = sockets
        .into_iter()
        .zip(wanted)
        .map(|(socket, (_, settings))| (socket, settings))
        .collect();
    Ok((Bound { edge, admin }, taken))
}

/// Says once when a successor is ready. Without `edge.upgrade_sock` there is never one.
fn wait_for_successor(config: &Config, running: &Running) -> anyhow::Result<mpsc::Receiver<()>> {
    let (say, hear) = mpsc::channel(1);
    if let Some(path) = &config.edge.upgrade_sock {
        let listener = handover::listen(path)?;
        let mut sockets = running.edge.sockets()?;
        sockets.push(running.admin_socket.try_clone()?);
        std::thread::spawn(move || {
            loop {
                match handover::give(&listener, &sockets) {
                    Ok(()) => {
                        let _ = say.blocking_send(());
                        return;
                    }
                    Err(problem) => tracing::warn!(%problem, "a hand-over failed; this edge goes on"),
                }
            }
        });
    } else {
        std::mem::forget(say);
    }
    Ok(hear)
}

async fn settle(changes: &mut mpsc::Receiver<()>) {
    while let Ok(Some(())) = tokio::time::timeout(DEBOUNCE, changes.recv()).await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A2: a token reaches a terminal, never a file or a journal.
    #[test]
    fn a2_a_made_token_is_shown_to_a_person_only() {
        let token = MadeToken {
            text: "the-token".to_owned(),
            file: "keys/admin.token".into(),
        };
        assert!(word_of(&token, true).contains("the-token"));
        let logged = word_of(&token, false);
        assert!(
            logged.contains("keys/admin.token") && !logged.contains("the-token"),
            "{logged}"
        );
    }
}
