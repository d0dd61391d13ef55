//! The service as others start it: a listener that is already bound, on a runtime that is already there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::{self, Clock};
use crate::journal::Database;
use crate::pass::{Guard, KeySource, PassKeys, Rules};
use crate::payments::{Auditor, Provider, Simulated, Till};
use crate::post::{self, AfterSale, Courier};
use crate::shop::Sale;
use crate::shop::catalogue::{self, Event};
use crate::shop::command::Ask;
use crate::shop::doors::TicketKey;
use crate::web;
use crate::writer::Writer;

/// How long requests under way may take at a stop.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub struct Config {
    pub database: Database,
    /// Where the public keys of passes come from.
    pub keys: KeySource,
    /// The room that this service stands behind: the only audience whose passes are good here.
    pub audience: String,
    /// Where given, the only issuer whose passes are good here.
    pub issuer: Option<String>,
    /// Where visitors without a pass are sent: the site's address at the edge.
    pub front_door: String,
    /// Put on offer by whoever is the writer; what the database knows already keeps its stock.
    pub catalogue: Vec<Event>,
    /// Who moves the money.
    pub provider: Arc<dyn Provider>,
    /// Guards the organiser's calls: at least [`MIN_TOKEN`] characters. Without it there are none.
    pub organiser_token: Option<String>,
    /// Good for check-ins alone, as long as the organiser's.
    pub door_token: Option<String>,
    /// Who is told what happens to orders.
    pub after_sale: AfterSale,
    pub clock: Clock,
}

/// Shortest token.
pub const MIN_TOKEN: usize = 32;

impl Config {
    /// The sample catalogue, the machine's clock, the room `sale`, the front door `/`.
    #[must_use]
    pub fn new(database: Database, keys: KeySource) -> Config {
        Config {
            database,
            keys,
            audience: "sale".to_owned(),
            issuer: None,
            front_door: "/".to_owned(),
            catalogue: catalogue::sample(),
            provider: Arc::new(Simulated::default()),
            organiser_token: None,
            door_token: None,
            after_sale: AfterSale::default(),
            clock: clock::system(),
        }
    }
}

/// A running service. Dropping it stops it without waiting; [`Running::stop`] lets requests finish.
pub struct Running {
    address: SocketAddr,
    writer: Option<Writer>,
    writing: Option<std::thread::JoinHandle<()>>,
    serving: JoinHandle<()>,
    attending: JoinHandle<()>,
    carrying: JoinHandle<()>,
    auditing: JoinHandle<()>,
    stop: watch::Sender<bool>,
}

impl Running {
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether this process is the one that writes. The others answer reads, and take over when it is gone.
    #[must_use]
    pub fn is_leading(&self) -> bool {
        self.writer.as_ref().is_some_and(Writer::is_leading)
    }

    /// Places sold, as the disk has it. Cheap.
    #[must_use]
    pub fn sold_count(&self) -> u64 {
        self.writer.as_ref().map_or(0, |writer| writer.look(Sale::sold_seats))
    }

    /// Accepts nothing new, finishes what is under way, closes the database.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(GRACE, &mut self.serving).await.is_err() {
            self.serving.abort();
            let _ = (&mut self.serving).await;
        }
        self.attending.abort();
        let _ = (&mut self.attending).await;
        self.carrying.abort();
        let _ = (&mut self.carrying).await;
        self.auditing.abort();
        let _ = (&mut self.auditing).await;
        // The writer ends when nobody can send to it any more.
        self.writer = None;
        if let Some(writing) = self.writing.take() {
            let _ = tokio::task::spawn_blocking(move || writing.join()).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.attending.abort();
        self.carrying.abort();
        self.auditing.abort();
        self.serving.abort();
    }
}

/// What tickets are signed with, where the journal knows no key yet.
fn fresh_key() -> anyhow::Result<TicketKey> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(key.into())
}

/// Starts the service on this listener.
///
/// # Errors
/// Where the database cannot be opened or read, or the listener is none.
pub async fn serve(config: Config, listener: TcpListener) -> anyhow::Result<Running> {
    crate::install_crypto();
    let address = listener.local_addr()?;
    let tokens = web::Tokens {
        organiser: config.organiser_token,
        door: config.door_token,
    };
    for (whose, token) in [("organiser's", &tokens.organiser), ("door's", &tokens.door)] {
        if token.as_ref().is_some_and(|token| token.len() < MIN_TOKEN) {
            anyhow::bail!("the {whose} token must be at least {MIN_TOKEN} characters");
        }
    }
    let guard = Guard::new(
        Rules {
            audience: config.audience,
            issuer: config.issuer,
        },
        PassKeys::new(config.keys)?,
    );
    let (database, clock) = (config.database, config.clock.clone());
    let carriers = post::carriers(&config.after_sale)?;
    let opening = (config.catalogue.into_iter().map(Ask::List))
        .chain([Ask::Address(config.after_sale.targets()), Ask::Seal(fresh_key()?)])
        .collect();
    // Opening and replaying block.
    let (writer, writing) =
        tokio::task::spawn_blocking(move || Writer::start(database.open()?, clock, opening)).await??;
    let (stop, mut stopped) = watch::channel(false);
    let till = Till::new(Arc::clone(&config.provider), writer.clone());
    let auditor = Auditor::new(config.provider, till.clone(), writer.clone(), config.clock.clone());
    let auditing = tokio::spawn(auditor.clone().attend());
    let attending = tokio::spawn(till.clone().attend());
    let carrying = tokio::spawn(Courier::new(writer.clone(), config.clock.clone(), carriers).attend());
    let site = web::Site::new(web::Made {
        guard,
        writer: writer.clone(),
        till,
        auditor,
        front_door: config.front_door,
        tokens,
        stopping: stopped.clone(),
        clock: config.clock,
    })?;
    let app = web::router(site);
    let serving = tokio::spawn(async move {
        let stopping = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopping).await {
            tracing::error!(%error, "the listener failed");
        }
    });
    Ok(Running {
        address,
        writer: Some(writer),
        writing: Some(writing),
        serving,
        attending,
        carrying,
        auditing,
        stop,
    })
}
