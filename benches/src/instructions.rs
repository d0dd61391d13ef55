//! User-space instructions per request, counted by callgrind: the slope between a short and a long run of the same
//! requests, so that start-up does not count. Repeats exactly, whatever else the machine does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::contestant::Contestant;

const SHORT: u64 = 1_000;
const LONG: u64 = 5_000;

/// `start` starts the contestant under callgrind, ready for requests.
pub fn per_request(start: &dyn Fn() -> Result<Contestant>) -> Result<f64> {
    let short = total(start()?, SHORT)?;
    let long = total(start()?, LONG)?;
    Ok((long as f64 - short as f64) / (LONG - SHORT) as f64)
}

fn total(target: Contestant, requests: u64) -> Result<u64> {
    send(&target, requests).with_context(|| format!("{} under callgrind", target.name))?;
    let printed = target.finish()?;
    let collected = printed
        .lines()
        .filter_map(|line| line.split("Collected : ").nth(1))
        .filter_map(|n| n.trim().parse::<u64>().ok());
    collected
        .reduce(u64::max)
        .with_context(|| format!("callgrind printed no total:\n{printed}"))
}

/// Exactly so many requests, one after another; a new connection where the server closes.
fn send(target: &Contestant, requests: u64) -> Result<()> {
    let headers: String = target
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n", target.path);
    let mut connection = None;
    for _ in 0..requests {
        let mut open = match connection.take() {
            Some(open) => open,
            None => connect(target.port)?,
        };
        open.get_mut().write_all(request.as_bytes())?;
        if read_answer(&mut open)? {
            connection = Some(open);
        }
    }
    Ok(())
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    Ok(BufReader::new(stream))
}

/// Reads one answer framed by Content-Length; true where the connection stays open.
fn read_answer(from: &mut BufReader<TcpStream>) -> Result<bool> {
    let (mut length, mut stays, mut first) = (0, true, true);
    loop {
        let mut line = String::new();
        anyhow::ensure!(
            from.read_line(&mut line)? > 0,
            "the connection was closed inside an answer"
        );
        let line = line.trim_end().to_ascii_lowercase();
        if first {
            anyhow::ensure!(line.starts_with("http/1.1 2"), "answer: {line}");
            first = false;
        } else if line.is_empty() {
            break;
        } else if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        } else if line == "connection: close" {
            stays = false;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(stays)
}
