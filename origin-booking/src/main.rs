//! The `stanchion-booking` command.

mod paying;

use std::net::SocketAddr;

use anyhow::Context;
use clap::{Parser, Subcommand};
use stanchion_booking::post::AfterSale;
use stanchion_booking::{Config, Database, KeySource, serve};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Parser)]
#[command(
    name = "stanchion-booking",
    version,
    about = "A small booking service that lets nobody in without a pass"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or Ctrl-C.
    Serve(Serve),
}

#[derive(clap::Args)]
struct Serve {
    /// Where to listen, e.g. 127.0.0.1:9000.
    #[arg(long, value_name = "ADDR")]
    listen: SocketAddr,
    /// Where bookings are kept: sqlite:PATH or postgres://USER@HOST/NAME.
    #[arg(long, value_name = "ADDRESS")]
    database: Database,
    /// The public keys of passes, e.g. https://tickets.example.org/.well-known/stanchion/jwks.json.
    #[arg(long, value_name = "URL")]
    jwks: url::Url,
    /// The room that this service stands behind.
    #[arg(long, value_name = "ROOM", default_value = "sale")]
    audience: String,
    /// The only issuer whose passes are good here; any, where not given.
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The site's address at the edge: where visitors without a pass are sent.
    #[arg(long, value_name = "URL", default_value = "/")]
    front_door: String,
    /// Guards the organiser's calls under /api/v1/organiser: a file with a token of at least 32 characters.
    #[arg(long, value_name = "FILE")]
    organiser_token: Option<std::path::PathBuf>,
    /// Good for check-ins alone: a file with a token of at least 32 characters, for those who scan tickets.
    #[arg(long, value_name = "FILE")]
    door_token: Option<std::path::PathBuf>,
    /// Who is told what happens to orders: a TOML file, see docs/BOOKING.md. Keep it readable by the service alone.
    #[arg(long, value_name = "FILE")]
    after_sale: Option<std::path::PathBuf>,
    #[command(flatten)]
    paying: paying::Paying,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .log_internal_errors(false)
        .with_writer(std::io::stderr)
        .init();
    match Cli::parse().command {
        Command::Serve(serve) => run(serve).await,
    }
}

fn read_after_sale(path: &std::path::Path) -> anyhow::Result<AfterSale> {
    let text = std::fs::read_to_string(path)?;
    AfterSale::read(&text, |name| std::env::var(name).ok()).map_err(anyhow::Error::msg)
}

async fn run(options: Serve) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("{}", options.listen))?;
    let read_token = |path: std::path::PathBuf| {
        let token = std::fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        anyhow::Ok(token.trim().to_owned())
    };
    let after_sale = match &options.after_sale {
        Some(path) => read_after_sale(path).with_context(|| format!("{}", path.display()))?,
        None => AfterSale::default(),
    };
    stanchion_booking::install_crypto();
    let provider = options.paying.choose(&options.front_door)?;
    let config = Config {
        provider,
        after_sale,
        organiser_token: options.organiser_token.map(read_token).transpose()?,
        door_token: options.door_token.map(read_token).transpose()?,
        audience: options.audience,
        issuer: options.issuer,
        front_door: options.front_door,
        ..Config::new(options.database, KeySource::Url(options.jwks))
    };
    let running = serve(config, listener).await?;
    println!("listening on http://{}", running.address());
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    running.stop().await;
    Ok(())
}
