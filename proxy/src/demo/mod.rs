//! `cargo demo`: the whole system in one process, with a crowd that really speaks HTTP. Edge, admin plane, store in
//! memory, booking service on SQLite; everything it writes is in a temporary folder.

mod crowd;
mod shopping;
mod summary;
mod tally;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use stanchion_admission::ids::RoomName;
use stanchion_booking::{Database, KeySource};
use stanchion_config::{Config, NotLooking};

use tokio::time::MissedTickBehavior;

use crate::cli::demo::Demo;
use crate::serve::{Bound, Running, start};
use summary::Moment;
use tally::{Counts, Tally};

const ROOM: &str = "sale";
/// The crowd arrives within this time.
const SPREAD: Duration = Duration::from_secs(8);
const SEED: u64 = 7;
/// For those who are at the till when the demo ends.
const LAST_BUYERS: Duration = Duration::from_secs(20);

/// Runs the demo; exit code 0 when it ended as it should.
pub fn main(args: &Demo) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime");
    match runtime.and_then(|runtime| runtime.block_on(run(args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("stanchion demo: {problem:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Demo) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("making a temporary folder")?;
    stanchion_booking::install_crypto();
    let booking_socket = TcpListener::bind("127.0.0.1:0").context("listening for the booking service")?;
    let config = configuration(args, booking_socket.local_addr()?, folder.path())?;
    let _log = crate::logging::init(&config.log);
    let bound = Bound::bind(&config).context("the demo listens where --listen and --admin say")?;
    let edge = start(&config, bound, std::collections::HashMap::new()).await?;
    let database = Database::Sqlite(folder.path().join("booking.sqlite"));
    let token = organiser_token()?;
    let booking = serve_booking(&edge, booking_socket, database.clone(), &token).await?;
    welcome(&edge, &booking, &token, args);

    let tally = Arc::new(Tally::default());
    let site = format!("http://{}", edge.edge.addresses().first().context("no listener")?);
    let size = usize::try_from(args.crowd)?;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let mut crowd = tokio::spawn({
        let tally = tally.clone();
        async move { crowd::run(&site, (size, SPREAD), SEED, tally, stopping).await }
    });
    let began = Instant::now();
    watch(args.run_for, &edge, &booking, &tally, began).await?;
    // Who is at the till finishes.
    stop.send_replace(true);
    if tokio::time::timeout(LAST_BUYERS, &mut crowd).await.is_err() {
        crowd.abort();
    }
    let last = moment(&edge, &booking, &tally, began);
    // First who fetches keys from the edge: nothing is left to be cut off there.
    booking.stop().await;
    let audit = tokio::task::spawn_blocking(move || database.audit()).await??;
    println!("{}", summary::closing(&last.borrow(), &audit));
    edge.stop(Duration::from_secs(1), std::future::pending()).await;
    Ok(())
}

fn configuration(args: &Demo, booking: SocketAddr, folder: &Path) -> anyhow::Result<Config> {
    let text = format!(
        r#"
        [edge]
        listen = ["{listen}"]
        admin = "{admin}"
        region = "demo"
        [edge.guard]
        connections_per_prefix = 30000
        [store]
        url = "memory://"
        [keys]
        dir = "{keys}"
        [log]
        level = "warn"
        [[origins]]
        name = "booking"
        servers = ["{booking}"]
        [[rooms]]
        name = "{ROOM}"
        origin = "booking"
        hosts = ["*"]
        paths = ["/"]
        exclude = ["/tickets"]
        capacity = 25
        rate = "150/min"
        session_ttl = "10m"
        title = "Harbour Lights Festival"
        "#,
        listen = args.listen,
        admin = args.admin,
        keys = folder.join("keys").display(),
    );
    stanchion_config::check(&text, &NotLooking).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| problem.in_file("demo").to_string())
            .collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })
}

async fn serve_booking(
    edge: &Running,
    socket: TcpListener,
    database: Database,
    token: &str,
) -> anyhow::Result<stanchion_booking::Running> {
    socket.set_nonblocking(true)?;
    // The same document that visitors' origins fetch, asked for over HTTP as they would.
    let address = edge.edge.addresses().first().copied().context("no listener")?;
    let jwks = format!("http://{address}/.well-known/stanchion/jwks.json");
    let config = stanchion_booking::Config {
        audience: ROOM.to_owned(),
        organiser_token: Some(token.to_owned()),
        ..stanchion_booking::Config::new(database, KeySource::Url(jwks.parse()?))
    };
    stanchion_booking::serve(config, tokio::net::TcpListener::from_std(socket)?).await
}

/// New for each demo.
fn organiser_token() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn welcome(edge: &Running, booking: &stanchion_booking::Running, organiser_token: &str, args: &Demo) {
    let addresses = edge.edge.addresses();
    let visitors = addresses.first().map(ToString::to_string).unwrap_or_default();
    println!(
        "Stanchion holds the line. {} simulated visitors are on their way; others follow as they leave.\n",
        args.crowd
    );
    println!("  Stand in line    http://{visitors}/");
    println!("  Steer the room   http://{}/", edge.admin);
    if let Some(token) = &edge.made_token {
        println!("  Admin token      {}", token.text);
    }
    println!("  Watch the sales  http://{}/organiser", booking.address());
    println!("  Organiser token  {organiser_token}");
    println!(
        "\n  Stop with Ctrl-C{}.\n",
        args.run_for.map_or(String::new(), |span| format!(", or wait {span:?}"))
    );
}

/// Prints a line a second until it is time to stop.
async fn watch(
    run_for: Option<Duration>,
    edge: &Running,
    booking: &stanchion_booking::Running,
    tally: &Tally,
    began: Instant,
) -> anyhow::Result<()> {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    every.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let interrupt = tokio::signal::ctrl_c();
    tokio::pin!(interrupt);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            stopped = &mut interrupt => return stopped.context("waiting for Ctrl-C"),
        }
        println!("{}", summary::line(&moment(edge, booking, tally, began).borrow()));
        if run_for.is_some_and(|span| began.elapsed() >= span) {
            return Ok(());
        }
    }
}

/// What [`Moment`] borrows.
struct Held {
    elapsed_s: u64,
    snapshot: Option<Arc<stanchion_admission::store::Snapshot>>,
    counts: Counts,
    last_failure: Option<String>,
    sold: u64,
}

impl Held {
    fn borrow(&self) -> Moment<'_> {
        Moment {
            elapsed_s: self.elapsed_s,
            snapshot: self.snapshot.as_deref(),
            counts: self.counts,
            last_failure: self.last_failure.as_deref(),
            sold: self.sold,
        }
    }
}

fn moment(edge: &Running, booking: &stanchion_booking::Running, tally: &Tally, began: Instant) -> Held {
    let room = RoomName::new(ROOM);
    let snapshot = room
        .and_then(|room| edge.agent.snapshot(&room))
        .map(|(snapshot, _)| snapshot);
    let (counts, last_failure) = tally.read();
    Held {
        elapsed_s: began.elapsed().as_secs(),
        snapshot,
        counts,
        last_failure,
        sold: booking.sold_count(),
    }
}
