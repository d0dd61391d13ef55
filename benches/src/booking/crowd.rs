//! Visitors who hold places through HTTP, each on a connection that is kept, each answer looked at.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::served::{Service, hold};
use super::{CONNECTIONS, commands};

/// Each with a pass of their own, made before the clock starts. A visitor may have 64 keys, and 8 places of an event.
const VISITORS: u64 = 2_048;
const MOST: u64 = VISITORS * 60;

pub fn holds(service: &Service, lap: Duration) -> Result<f64> {
    let passes = (0..VISITORS).map(|visitor| service.pass(&format!("visitor-{visitor:016}")));
    let passes = Arc::new(passes.collect::<Result<Vec<String>>>()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let port = service.process.port;
    runtime.block_on(async {
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            open.push(Connection::open(port).await?);
        }
        let (next, began) = (AtomicU64::new(0), Instant::now());
        let buyers = open
            .into_iter()
            .map(|connection| buy(connection, &passes, &next, began, lap));
        let made: Vec<u64> = futures::future::try_join_all(buyers).await?;
        Ok(made.iter().sum::<u64>() as f64 / began.elapsed().as_secs_f64())
    })
}

async fn buy(mut open: Connection, passes: &[String], next: &AtomicU64, began: Instant, lap: Duration) -> Result<u64> {
    let mut made = 0;
    while began.elapsed() < lap {
        let number = next.fetch_add(1, Relaxed);
        ensure!(number < MOST, "more holds than visitors may make; shorten --seconds");
        let pass = &passes[usize::try_from(number % VISITORS)?];
        let event = format!("e{}", number / VISITORS % commands::EVENTS);
        let status = open.ask(&hold(pass, &format!("key-{number:016}"), &event)).await?;
        ensure!(status == 201, "a hold was answered {status}: {}", open.text());
        made += 1;
    }
    Ok(made)
}

/// A kept connection, one request at a time.
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16) -> Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let read = Vec::with_capacity(2_048);
        Ok(Connection { stream, read })
    }

    /// The status of the answer, of which all is read.
    pub async fn ask(&mut self, request: &str) -> Result<u16> {
        self.stream.write_all(request.as_bytes()).await?;
        self.read.clear();
        loop {
            if self.stream.read_buf(&mut self.read).await? == 0 {
                bail!("the connection was closed instead of an answer");
            }
            if let Some((status, length)) = whole(&self.read)
                && self.read.len() >= length
            {
                return Ok(status);
            }
        }
    }

    /// Sends, and reads nothing.
    pub async fn send(&mut self, request: &str) -> Result<()> {
        Ok(self.stream.write_all(request.as_bytes()).await?)
    }

    /// Reads on until this was read, or the connection ends.
    pub async fn until(&mut self, text: &str) -> Result<()> {
        while !self.text().contains(text) {
            let more = self.stream.read_buf(&mut self.read).await?;
            ensure!(more > 0, "closed before `{text}`: {}", self.text());
        }
        Ok(())
    }

    pub fn forget(&mut self) {
        self.read.clear();
    }

    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.read)
    }
}

/// Status and length of the answer that begins here, once its head is there.
fn whole(read: &[u8]) -> Option<(u16, usize)> {
    let head = read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(read.get(..head)?).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    Some((status, head + length?.parse::<usize>().ok()?))
}

/// How long this took, of everybody.
pub async fn each<T>(tasks: tokio::task::JoinSet<Result<T>>) -> Result<Vec<T>>
where
    T: 'static,
{
    let all: Vec<Result<T>> = tasks.join_all().await;
    all.into_iter().collect::<Result<Vec<T>>>().context("a reader")
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn an_answer_is_whole_when_its_length_is_there() {
        let text = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nhi";
        assert_eq!(whole(text), Some((201, text.len())));
        assert_eq!(whole(&text[..20]), None);
        assert_eq!(whole(b"HTTP/1.1 200 OK\r\n\r\n"), None, "no length");
    }
}
