//! Starting the edge in the caller's own runtime, changing it while it runs, and stopping it without cutting anybody
//! off.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::core::{Core, Live};
use super::figures::{self, ReadFigures};
use super::gate::Gate;
use super::h1::Edge;
use super::proxy::machinery;
use super::settings::{EdgeSettings, ListenerSettings};
use super::stats::Stats;
use super::tls::Certificates;
use super::{listen, proxy};

/// How often a stopping edge looks whether its connections are gone.
const DRAIN_CHECK: Duration = Duration::from_millis(20);

/// What is open or under way at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    pub connections: usize,
    /// On their way to an origin, tunnels and streams among them. What the edge answers itself takes no time.
    pub requests: usize,
}

/// A running edge. Dropping it stops it at once.
pub struct EdgeHandle {
    core: Arc<Core>,
    machinery: Arc<proxy::Machinery>,
    listeners: Vec<Listening>,
    stop: watch::Sender<bool>,
    /// Each gives the connections that are open when it stops.
    accepting: Vec<JoinHandle<JoinSet<()>>>,
    current: Option<JoinHandle<()>>,
}

struct Listening {
    address: SocketAddr,
    /// A second handle on the listening socket, to be handed to a successor.
    socket: TcpListener,
    certificates: Option<Arc<Certificates>>,
    decision: bool,
}

/// Starts the edge on sockets that are bound already. Must be called within a tokio runtime.
///
/// # Errors
/// A certificate that cannot be read, or a socket that cannot be used.
pub async fn start(
    settings: EdgeSettings,
    gate: Arc<dyn Gate>,
    sockets: Vec<(TcpListener, ListenerSettings)>,
) -> anyhow::Result<EdgeHandle> {
    let core = Arc::new(Core::new(gate, settings));
    core.memory.measure(core.live.load().settings.max_memory);
    core.live.load_full().origins.look_up().await;
    let machinery = Arc::new(machinery(core.clone()));
    let (stop, stopping) = watch::channel(false);
    let mut handle = EdgeHandle {
        core: core.clone(),
        machinery: machinery.clone(),
        listeners: Vec::new(),
        stop,
        accepting: Vec::new(),
        current: None,
    };
    let mut ready = Vec::new();
    for (socket, settings) in sockets {
        let certificates = settings
            .tls
            .as_deref()
            .map(Certificates::load)
            .transpose()?
            .map(Arc::new);
        let kept = socket.try_clone()?;
        socket.set_nonblocking(true)?;
        let begin = listen::Begin {
            certificates: certificates.clone(),
            proxy_protocol: settings.proxy_protocol,
            decision: settings.decision,
        };
        ready.push((tokio::net::TcpListener::from_std(socket)?, begin));
        handle.listeners.push(Listening {
            address: kept.local_addr()?,
            socket: kept,
            certificates,
            decision: settings.decision,
        });
    }
    for (listener, begin) in ready {
        let edge = Edge {
            core: core.clone(),
            machinery: machinery.clone(),
            stopping: stopping.clone(),
            decision: begin.decision,
        };
        let accepting = listen::accept(edge, listener, begin);
        handle.accepting.push(tokio::spawn(accepting));
    }
    handle.current = Some(tokio::spawn(core.keep_current()));
    Ok(handle)
}

impl EdgeHandle {
    /// Where visitors are really served, in the order of the sockets.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening(false)
    }

    /// Where the decision service really listens.
    pub fn decision_addresses(&self) -> Vec<SocketAddr> {
        self.listening(true)
    }

    fn listening(&self, decision: bool) -> Vec<SocketAddr> {
        let wanted = self.listeners.iter().filter(|listening| listening.decision == decision);
        wanted.map(|listening| listening.address).collect()
    }

    pub fn stats(&self) -> &Stats {
        &self.core.stats
    }

    /// Reads this edge's figures, also after the handle is gone.
    pub fn figures(&self) -> ReadFigures {
        let core = self.core.clone();
        Arc::new(move || figures::of(&core))
    }

    pub fn open_connections(&self) -> usize {
        self.core.connections.open()
    }

    pub fn under_way(&self) -> UnderWay {
        UnderWay {
            connections: self.core.connections.open(),
            requests: self.core.forwards.open(),
        }
    }

    /// For each origin: its name, servers that may be asked now, servers in all.
    pub fn origin_health(&self) -> Vec<(String, usize, usize)> {
        let live = self.core.live.load();
        let health = |name: &String| live.origins.group(name).map(|group| group.health());
        live.settings
            .origins
            .iter()
            .filter_map(|o| health(&o.name).map(|(up, all)| (o.name.clone(), up, all)))
            .collect()
    }

    /// Replaces the settings for every request and connection from now on.
    pub async fn replace(&self, settings: EdgeSettings) {
        let mut live = Live::new(settings);
        live.origins = live.origins.following(&self.core.live.load().origins);
        live.origins.look_up().await;
        self.core.live.store(Arc::new(live));
    }

    /// Reads a TLS listener's certificates again, all of them or none.
    pub fn reload_certificates(&self, listener: usize, settings: &ListenerSettings) -> anyhow::Result<()> {
        match (
            self.listeners.get(listener).and_then(|l| l.certificates.as_ref()),
            &settings.tls,
        ) {
            (Some(certificates), Some(files)) => certificates.reload(files),
            (None, None) => Ok(()),
            _ => anyhow::bail!("whether listener {listener} speaks TLS cannot be changed while it runs"),
        }
    }

    /// Second handles on the listening sockets, for a successor.
    pub fn sockets(&self) -> std::io::Result<Vec<TcpListener>> {
        self.listeners
            .iter()
            .map(|listening| listening.socket.try_clone())
            .collect()
    }

    /// Stops accepting, lets requests under way end, and after `drain` cuts the rest off. Gives what was cut off.
    pub async fn stop(self, drain: Duration) -> UnderWay {
        self.stop_unless_hurried(drain, std::future::pending()).await
    }

    /// As [`EdgeHandle::stop`]; `hurry` ends the wait.
    pub async fn stop_unless_hurried(mut self, drain: Duration, hurry: impl Future<Output = ()>) -> UnderWay {
        use pingora::apps::HttpServerApp;
        self.core.stopping.store(true, Ordering::Relaxed);
        let _ = self.stop.send(true);
        self.listeners.clear();
        // A connection just accepted is counted by the time its listener's task ends.
        let mut open = Vec::new();
        for accepting in self.accepting.drain(..) {
            open.push(accepting.await);
        }
        self.machinery.http_cleanup().await;
        let all_gone = async {
            while self.core.connections.open() > 0 {
                tokio::time::sleep(DRAIN_CHECK).await;
            }
        };
        tokio::select! {
            _ = tokio::time::timeout(drain, all_gone) => {}
            () = hurry => {}
        }
        let left = self.under_way();
        drop(open);
        left
    }
}

impl Drop for EdgeHandle {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        // With a listener's task go its connections.
        self.accepting.drain(..).for_each(|task| task.abort());
        if let Some(task) = self.current.take() {
            task.abort();
        }
    }
}
