//! The log: one line an event, as text or as JSON. Set up once, by the process. Whoever logs never waits for the reader
//! of the log and never fails with it (F15): lines go through a bounded queue, and what finds no room is dropped.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use stanchion_config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Lines that wait for a slow reader.
const MAX_LINES: usize = 4_096;
/// The last lines have this long to be written when the process ends.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Held by the process as long as it logs: when dropped, what is still queued gets a moment.
#[must_use]
pub struct Logging(Arc<AtomicUsize>);

impl Drop for Logging {
    fn drop(&mut self) {
        let until = Instant::now() + LAST_WORDS;
        while self.0.load(Ordering::Acquire) != 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The way into the queue. `queued` counts lines that are not written yet.
#[derive(Clone)]
struct Lines {
    queue: SyncSender<Vec<u8>>,
    queued: Arc<AtomicUsize>,
}

impl Lines {
    fn new() -> (Lines, Receiver<Vec<u8>>) {
        let (queue, lines) = sync_channel(MAX_LINES);
        let queued = Arc::default();
        (Lines { queue, queued }, lines)
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.queued.fetch_add(1, Ordering::AcqRel);
        if self.queue.try_send(line.to_vec()).is_err() {
            self.queued.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn write_out(lines: &Receiver<Vec<u8>>, queued: &AtomicUsize, mut out: impl Write) {
    for line in lines {
        let _ = out.write_all(&line);
        queued.fetch_sub(1, Ordering::AcqRel);
    }
}

/// `RUST_LOG` wins over the configuration. A second call changes nothing.
pub fn init(log: &Log) -> Logging {
    let ours = format!(
        "warn,stanchion={0},stanchion_admission={0},stanchion_booking={0}",
        log.level.as_str()
    );
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(ours));
    let (way_in, lines) = Lines::new();
    let queued = way_in.queued.clone();
    let counted = queued.clone();
    // Not `std::io::stderr()`: its lock would be held for as long as the reader sleeps.
    let out = std::io::stderr().as_fd().try_clone_to_owned().map(File::from);
    let writer = out.and_then(|out| {
        let thread = std::thread::Builder::new().name("log".into());
        thread.spawn(move || write_out(&lines, &counted, out))
    });
    drop(writer);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false)
        .with_writer(move || way_in.clone());
    let _ = match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Logging(queued)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nobody reads the log: what logs goes on, and the queue stays within its bound (F15).
    #[test]
    fn f15_a_blocked_log_delays_nobody() {
        let (mut way_in, lines) = Lines::new();
        for _ in 0..MAX_LINES + 100 {
            assert_eq!(way_in.write(b"line\n").unwrap(), 5);
        }
        assert_eq!(way_in.queued.load(Ordering::Acquire), MAX_LINES);
        let queued = way_in.queued.clone();
        drop(way_in);
        let mut out = Vec::new();
        write_out(&lines, &queued, &mut out);
        assert_eq!((out.len(), queued.load(Ordering::Acquire)), (5 * MAX_LINES, 0));
    }

    /// The log cannot be written at all: lines are lost, nothing else (F15).
    #[test]
    fn f15_a_closed_log_fails_nobody() {
        let (mut way_in, lines) = Lines::new();
        way_in.write_all(b"one\n").unwrap();
        way_in.write_all(b"two\n").unwrap();
        let queued = way_in.queued.clone();
        drop(way_in);
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        write_out(&lines, &queued, closed);
        assert_eq!(queued.load(Ordering::Acquire), 0);
    }
}
