//! Putting the parts together: gate and edge in the caller's runtime; store, agent and admin plane in one of their own. The `serve` command and
//! the demo start the same way.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use stanchion_admission::clock::{Clock, SystemClock};
use stanchion_admission::edge::agent::Agent;
use stanchion_admission::entropy::{Entropy, SystemEntropy};
use stanchion_admission::ids::RoomName;
use stanchion_admission::keys::{self, KeyRing};
use stanchion_admission::pass::PassCache;
use stanchion_admission::policy::RoomPolicy;
use stanchion_admission::store::memory::MemoryStore;
use stanchion_admission::store::redis::RedisStore;
use stanchion_admission::store::{EdgeMemory, Store};
use stanchion_config::{self as configured, AdminToken, Config, StoreKind};
use stanchion_geo::Geo;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::assemble;
use super::back_office::BackOffice;
use super::bind::Bound;
use super::checkpoint::{Checkpoint, cautious};
use super::keeper::Keeper;
use super::store_watch::{Trouble, watch};
use super::{places, stopping, store};
use crate::admin::token::TokenHash;
use crate::admin::{self, Admin, AgentRooms, Door, token};
use crate::edge::{self, EdgeHandle};
use crate::flow::LineGate;
use crate::flow::limits::{Exchange, Limits};
use crate::flow::sites::Sites;
use crate::keydir::{KeyDir, Opened};
use crate::metrics::Metrics;
use crate::pages::Template;

/// A token for the admin plane, and the file that keeps it, for its owner's eyes only.
pub struct MadeToken {
    pub text: String,
    pub file: PathBuf,
}

/// A running system.
pub struct Running {
    pub edge: EdgeHandle,
    pub admin: SocketAddr,
    pub agent: Arc<Agent>,
    pub gate: Arc<LineGate>,
    pub metrics: Arc<Metrics>,
    pub rooms: Arc<AgentRooms>,
    pub keys: KeyDir,
    pub(super) geo: Arc<Geo>,
    pub(super) exchange: Option<Exchange>,
    /// Made at this start, because the configuration names no token.
    pub made_token: Option<MadeToken>,
    pub(super) admin_socket: TcpListener,
    keeper: Arc<Keeper>,
    keeping: JoinHandle<()>,
    stop_admin: watch::Sender<bool>,
    _office: BackOffice,
}

/// Starts everything on sockets that are bound already. `templates`: each room's own, read and checked.
///
/// # Errors
/// What could not be opened: keys, store, certificates, the admin's token.
pub async fn start(config: &Config, bound: Bound, templates: HashMap<RoomName, Template>) -> anyhow::Result<Running> {
    keys::install_crypto();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let entropy = Arc::new(SystemEntropy);
    let keys = KeyDir::new(&config.keys.dir);
    let Opened { ring, newborn } = keys.open(&*entropy, assemble::pass_algorithm(config), clock.wall())?;
    let office = BackOffice::open().context("starting the line's own threads")?;
    let (store, trouble) = office.run(open_store(config.store.clone(), clock.clone())).await?;
    let policies = assemble::policies(config);
    let alone = config.store.url.kind() == StoreKind::Memory;
    let checkpoint = Checkpoint::new(&config.keys.dir, &assemble::edge_name(&config.edge), run_id(&*entropy));
    let memories = remember(&checkpoint, alone, &policies);
    let agent = office.within(|| {
        Agent::start(
            store,
            clock.clone(),
            entropy.clone(),
            policies.clone(),
            newborn,
            memories,
        )
    });
    let metrics = Arc::new(Metrics::new()?);
    let geo = Arc::new(places::open(config));
    let exchange = exchange(config, &ring, &office, &clock)?;
    let gate = Arc::new(LineGate {
        sites: ArcSwap::from_pointee(Sites::new(config, templates)),
        limits: ArcSwap::from_pointee(Limits::new(&config.limits, exchange.as_ref())),
        keys: ArcSwap::from_pointee(ring),
        agent: agent.clone(),
        passes: PassCache::new(PassCache::DEFAULT_MAX),
        clock,
        metrics: metrics.clone(),
        places: geo.clone(),
        issuer: assemble::issuer(config),
        region: config.edge.region.clone(),
    });
    let edge = edge::start(assemble::edge_settings(config), gate.clone(), bound.edge).await?;
    metrics.watch_edge(edge.figures());
    let watched = gate.clone();
    metrics.watch_limits(Box::new(move || watched.limits.load().watch()));
    let keeper = Keeper::new(checkpoint, agent.clone(), alone);
    let rooms = AgentRooms::with_notes(agent.clone(), policies, keeper.clone());
    rooms.keys_loaded(true);
    let (token, made_token) = admin_token(config)?;
    let door = Door::new(token, config.admin.allow.clone()).named(&config.admin.hosts);
    let admin = Admin::new(rooms.clone(), door, metrics.clone(), config.metrics.require_token);
    let admin_socket = bound.admin.try_clone()?;
    let (admin_address, stop_admin) = office.within(|| serve_admin(bound.admin, admin))?;
    let keeping = office.within(|| tokio::spawn(keeper.clone().keep()));
    office.within(|| tokio::spawn(watch(agent.clone(), trouble)));
    Ok(Running {
        edge,
        admin: admin_address,
        agent,
        gate,
        metrics,
        rooms,
        keys,
        geo,
        exchange,
        made_token,
        admin_socket,
        keeper,
        keeping,
        stop_admin,
        _office: office,
    })
}

impl Running {
    /// A successor has taken over: what is remembered is its own affair now.
    pub async fn relieved(&self) {
        self.keeper.put_down().await;
    }

    /// Lets requests end for at most `drain`, or until `hurry`; tells the store what is pending, and writes the
    /// checkpoint.
    pub async fn stop(self, drain: Duration, hurry: impl Future<Output = ()>) {
        stopping::drain(self.edge, drain, hurry).await;
        self.keeping.abort();
        self.agent.shutdown().await;
        self.keeper.close().await;
        self.stop_admin.send_replace(true);
    }
}

/// Where global limits are counted. A memory store has no other edges: there they are counted like any other.
fn exchange(
    config: &Config,
    ring: &KeyRing,
    office: &BackOffice,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Exchange>> {
    if config.store.url.kind() == StoreKind::Memory {
        return Ok(None);
    }
    Ok(Some(Exchange {
        url: config.store.url.expose().to_owned(),
        options: Exchange::bounded(store::options(&config.store)?),
        secret: ring.limits_secret(),
        edge: run_id(&SystemEntropy),
        clock: clock.clone(),
        here: office.handle(),
        store: OnceLock::new(),
    }))
}

/// What the last run left behind. The mark of its clean stop goes at once: what happens from now on is not in the file.
fn remember(checkpoint: &Checkpoint, alone: bool, policies: &[RoomPolicy]) -> Vec<(RoomName, EdgeMemory)> {
    let remembered = checkpoint.read();
    if let Err(problem) = checkpoint.write(&remembered.rooms, false) {
        tracing::error!(file = %checkpoint.path().display(), %problem, "the checkpoint cannot be written");
    }
    if alone {
        cautious(remembered, policies)
    } else {
        remembered.rooms
    }
}

fn run_id(entropy: &dyn Entropy) -> u64 {
    let mut bits = [0; 8];
    entropy.fill(&mut bits);
    u64::from_be_bytes(bits)
}

async fn open_store(config: configured::Store, clock: Arc<dyn Clock>) -> anyhow::Result<(Arc<dyn Store>, Trouble)> {
    let url = &config.url;
    if url.kind() == StoreKind::Memory {
        return Ok((Arc::new(MemoryStore::new(clock)), Box::new(|| None)));
    }
    let store = RedisStore::connect(url.expose(), store::options(&config)?).await;
    let store = store.with_context(|| format!("the store at {}", url.redacted()))?;
    let status = store.status();
    if let Some(trouble) = status.trouble {
        tracing::warn!(
            store = url.redacted(),
            trouble,
            "the store is away; passes work and the line is held, but nobody new is let in until it is back"
        );
    }
    for finding in status.findings {
        tracing::warn!(store = url.redacted(), "{}", finding.advice());
    }
    let store = Arc::new(store);
    let trouble = {
        let store = Arc::clone(&store);
        Box::new(move || store.status().trouble)
    };
    Ok((store, trouble))
}

fn serve_admin(socket: TcpListener, admin: Arc<Admin>) -> anyhow::Result<(SocketAddr, watch::Sender<bool>)> {
    socket.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(socket)?;
    let address = listener.local_addr()?;
    let (stop, mut stopping) = watch::channel(false);
    tokio::spawn(async move {
        let stopped = async move { drop(stopping.wait_for(|stop| *stop).await) };
        if let Err(problem) = admin::serve(listener, admin, stopped).await {
            tracing::error!(%problem, "the admin listener stopped");
        }
    });
    Ok((address, stop))
}

/// The configured token's hash; without one, a token in the keys' folder, made at the first start.
fn admin_token(config: &Config) -> anyhow::Result<(TokenHash, Option<MadeToken>)> {
    match &config.admin.token {
        Some(AdminToken::Sha256(hash)) => Ok((TokenHash::from_sha256(*hash), None)),
        Some(AdminToken::File(path)) => {
            let text = token::read(path).map_err(anyhow::Error::msg)?;
            Ok((TokenHash::of(&text), None))
        }
        None => {
            let path = config.keys.dir.join("admin.token");
            let (text, made) = token::read_or_create(&path, &SystemEntropy).map_err(anyhow::Error::msg)?;
            let hash = TokenHash::of(&text);
            Ok((hash, made.then_some(MadeToken { text, file: path })))
        }
    }
}
