//! Thousands who watch one event by Server-Sent Events while one place is taken: how long until they know, and what they
//! cost the service. Real sockets, both ends on this machine.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::commands;
use super::crowd::{Connection, each};
use super::served::{Service, hold};
use crate::report::median;

/// How many connect at one time.
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);
const CHANGES: usize = 3;

/// What one change took.
struct Change {
    ms: Vec<f64>,
    cpu_ms: f64,
}

pub fn run(readers: usize) -> Result<String> {
    let dir = TempDir::new()?;
    let service = Service::start(&format!("sqlite:{}", dir.path().join("booking.db").display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::time::timeout(PATIENCE, watch(&service, readers))
            .await
            .context("in time")?
    })
}

async fn watch(service: &Service, readers: usize) -> Result<String> {
    let before_kib = service.process.rss_kib();
    let began = Instant::now();
    let mut open = Vec::new();
    for first in (0..readers).step_by(AT_ONCE) {
        let mut tasks = JoinSet::new();
        for reader in first..readers.min(first + AT_ONCE) {
            tasks.spawn(subscribe(
                service.process.port,
                service.pass(&format!("reader-{reader}"))?,
            ));
        }
        open.extend(each(tasks).await?);
    }
    let connected = began.elapsed();
    let kib = service.process.rss_kib().saturating_sub(before_kib) as f64 / readers as f64;
    let mut told = format!(
        "\n## {readers} readers of one event's changes, by Server-Sent Events\n\n\
         Connected within {:.1} s; {kib:.1} KiB each. A change is held back for 150 ms, so that what happens together is one message.\n\n\
         | change | first reader, ms | median | last | CPU of the service, ms |\n|---|---|---|---|---|\n",
        connected.as_secs_f64()
    );
    for number in 1..=CHANGES {
        let change = one_change(service, &mut open, number).await?;
        let (first, last) = (
            change.ms.iter().copied().fold(f64::INFINITY, f64::min),
            change.ms.iter().copied().fold(0.0, f64::max),
        );
        let row = format!(
            "| {number} | {first:.0} | {:.0} | {last:.0} | {:.0} |\n",
            median(&change.ms),
            change.cpu_ms
        );
        told.push_str(&row);
    }
    Ok(told)
}

/// A reader who has heard the head of the answer.
async fn subscribe(port: u16, pass: String) -> Result<Connection> {
    let mut reader = Connection::open(port).await?;
    let head = format!("GET /api/v1/events/e0/changes HTTP/1.1\r\nHost: b\r\nStanchion-Pass: {pass}\r\n\r\n");
    reader.send(&head).await?;
    reader.until("\r\n\r\n").await?;
    ensure!(reader.text().starts_with("HTTP/1.1 200"), "{}", reader.text());
    reader.forget();
    Ok(reader)
}

/// One place is taken; milliseconds from before it is asked for until each reader has read the message.
async fn one_change(service: &Service, open: &mut Vec<Connection>, number: usize) -> Result<Change> {
    let left = format!(
        "\"left\":{}",
        stanchion_booking::shop::catalogue::MAX_STOCK as usize - number
    );
    let pass = service.pass("buyer")?;
    let mut buyer = Connection::open(service.process.port).await?;
    let cpu_before = service.process.cpu_us()?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut reader in open.drain(..) {
        let left = left.clone();
        tasks.spawn(async move {
            reader.until(&left).await?;
            let heard = began.elapsed();
            reader.forget();
            Ok((reader, heard))
        });
    }
    let event = commands::event(0, 0).id;
    let status = buyer
        .ask(&hold(&pass, &format!("key-{number}"), event.as_str()))
        .await?;
    ensure!(status == 201, "a hold was answered {status}: {}", buyer.text());
    let mut ms = Vec::new();
    for (reader, heard) in each(tasks).await? {
        open.push(reader);
        ms.push(heard.as_secs_f64() * 1e3);
    }
    let cpu_ms = service.process.cpu_us()?.saturating_sub(cpu_before) as f64 / 1e3;
    Ok(Change { ms, cpu_ms })
}
