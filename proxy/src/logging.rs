//! The log: one line an event, as text or as JSON. Set up once, by the process.

use std::io::IsTerminal;

use stanchion_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// `RUST_LOG` wins over the configuration. A second call changes nothing.
pub fn init(log: &Log) {
    let ours = format!(
        "warn,stanchion={0},stanchion_admission={0},stanchion_booking={0}",
        log.level.as_str()
    );
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(ours));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
