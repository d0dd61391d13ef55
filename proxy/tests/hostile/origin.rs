//! An origin that reads strictly, records every byte of every request, answers stray bytes with 400 and stays open:
//! whoever desynchronises it is seen at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request as it came over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub head: String,
    pub body: Vec<u8>,
}

impl Seen {
    /// `METHOD target`.
    pub fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap()
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
            .collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(n, _)| n.to_lowercase())
            .collect()
    }
}

#[derive(Default)]
pub struct Log {
    pub seen: Mutex<Vec<Seen>>,
    /// Bytes that were no request.
    pub stray: Mutex<Vec<u8>>,
}

pub struct StrictOrigin {
    pub address: SocketAddr,
    pub log: Arc<Log>,
    task: JoinHandle<()>,
}

impl StrictOrigin {
    pub async fn start() -> StrictOrigin {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let kept = log.clone();
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, kept.clone()));
            }
        });
        StrictOrigin { address, log, task }
    }

    /// What was seen since the last time.
    pub fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.log.seen.lock())
    }

    pub fn stray(&self) -> Vec<u8> {
        self.log.stray.lock().clone()
    }
}

impl Drop for StrictOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut tcp: TcpStream, log: Arc<Log>) {
    let mut buf = Vec::new();
    loop {
        let Some(head) = read_head(&mut tcp, &mut buf).await else {
            return;
        };
        if !(head.contains(" HTTP/1.1\r\n") && head.as_bytes()[0].is_ascii_uppercase()) {
            log.stray.lock().extend_from_slice(head.as_bytes());
            let _ = tcp
                .write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nstray")
                .await;
            continue;
        }
        let target = head.split(' ').nth(1).unwrap_or("").to_string();
        if target.starts_with("/early") {
            log.seen.lock().push(Seen { head, body: Vec::new() });
            let body = if target == "/early-bare" { "" } else { "big" };
            let answer = format!(
                "HTTP/1.1 413 Payload Too Large\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = tcp.write_all(answer.as_bytes()).await;
            // It neither reads the rest nor goes.
            tokio::time::sleep(Duration::from_secs(60)).await;
            return;
        }
        let Some(body) = read_body(&mut tcp, &mut buf, &head).await else {
            log.seen.lock().push(Seen {
                head: format!("BROKEN OFF {head}"),
                body: Vec::new(),
            });
            return;
        };
        log.seen.lock().push(Seen {
            head: head.clone(),
            body: body.clone(),
        });
        if !reply(&mut tcp, &target, &head, &body).await {
            return;
        }
    }
}

async fn read_head(tcp: &mut TcpStream, buf: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(at) = buf.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = buf.split_off(at + 4);
            let head = std::mem::replace(buf, rest);
            return Some(String::from_utf8_lossy(&head).into_owned());
        }
        if tcp.read_buf(buf).await.ok()? == 0 {
            return None;
        }
    }
}

async fn read_body(tcp: &mut TcpStream, buf: &mut Vec<u8>, head: &str) -> Option<Vec<u8>> {
    let lower = head.to_lowercase();
    if let Some(rest) = lower.split("\r\ncontent-length: ").nth(1) {
        let length: usize = rest.split("\r\n").next()?.parse().ok()?;
        fill(tcp, buf, length).await?;
        let rest = buf.split_off(length);
        return Some(std::mem::replace(buf, rest));
    }
    let mut body = Vec::new();
    if lower.contains("\r\ntransfer-encoding: chunked\r\n") {
        loop {
            let end = loop {
                if let Some(at) = buf.windows(2).position(|w| w == b"\r\n") {
                    break at;
                }
                let more = buf.len() + 1;
                fill(tcp, buf, more).await?;
            };
            let size = usize::from_str_radix(std::str::from_utf8(&buf[..end]).ok()?, 16).ok()?;
            fill(tcp, buf, end + 2 + size + 2).await?;
            body.extend_from_slice(&buf[end + 2..end + 2 + size]);
            buf.drain(..end + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    }
    Some(body)
}

async fn fill(tcp: &mut TcpStream, buf: &mut Vec<u8>, length: usize) -> Option<()> {
    while buf.len() < length {
        if tcp.read_buf(buf).await.ok()? == 0 {
            return None;
        }
    }
    Some(())
}

/// Answers as the path wants it; `false`: hang up.
async fn reply(tcp: &mut TcpStream, target: &str, head: &str, body: &[u8]) -> bool {
    let path = target.split('?').next().unwrap_or("");
    let is_head = head.starts_with("HEAD ");
    let plain = |extra: &str, body: &[u8]| {
        let mut out = format!("HTTP/1.1 200 OK\r\n{extra}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        out.extend_from_slice(if is_head { b"" } else { body });
        out
    };
    let bytes = match path {
        "/silent" => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            return false;
        }
        "/hangup" => return false,
        "/garbage" => b"this is not http\r\n\r\n".to_vec(),
        "/cut" => {
            let _ = tcp.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this").await;
            return false;
        }
        "/release" => plain("Stanchion-Command: release\r\n", b"bye"),
        "/revoke" => plain("stanchion-command: revoke\r\nStanchion-Other: x\r\n", b"bye"),
        "/cached" | "/bare" => plain("Cache-Control: public, max-age=600\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\n", b""),
        "/nonsense" => plain("Stanchion-Command: dance\r\n", b"bye"),
        "/who" => plain("", head.as_bytes()),
        "/body" => plain("", body),
        "/big" => plain("", &vec![b'x'; 8 << 20]),
        "/switch" | "/open/switch" => {
            let _ = tcp.write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n").await;
            let mut some = [0; 4];
            if tcp.read_exact(&mut some).await.is_ok() {
                let _ = tcp.write_all(&some).await;
                // As a WebSocket would: the tunnel stays until the client goes.
                let _ = tcp.read_to_end(&mut Vec::new()).await;
            }
            return false;
        }
        "/events" | "/open/events" => {
            let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: one\n\n";
            let _ = tcp.write_all(head).await;
            tokio::time::sleep(Duration::from_millis(900)).await;
            let _ = tcp.write_all(b"data: two\n\n").await;
            return false;
        }
        "/chunks" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec(),
        "/trailers" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Stanchion-Command\r\n\r\n5\r\nhello\r\n0\r\nStanchion-Command: release\r\n\r\n"
                .to_vec()
        }
        _ => plain("", b"hello"),
    };
    tcp.write_all(&bytes).await.is_ok()
}
