//! Raw sockets: bytes out, what came back in.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn values(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v)
            .collect()
    }

    pub fn value(&self, name: &str) -> &str {
        self.values(name).first().copied().unwrap_or("")
    }

    pub fn closes(&self) -> bool {
        self.value("connection") == "close"
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection with its unread bytes.
pub struct Peer {
    pub tcp: TcpStream,
    pub buf: Vec<u8>,
}

impl Peer {
    pub async fn to(at: SocketAddr) -> Peer {
        Peer {
            tcp: TcpStream::connect(at).await.unwrap(),
            buf: Vec::new(),
        }
    }

    /// Sends; a peer that has closed already is no failure here.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.tcp.write_all(bytes).await;
    }

    /// The next reply; `None` where the connection ends instead.
    pub async fn reply(&mut self) -> Option<Reply> {
        timeout(PATIENCE, self.read_reply(false))
            .await
            .expect("no reply in time")
    }

    /// The reply to a HEAD request.
    pub async fn head_reply(&mut self) -> Option<Reply> {
        timeout(PATIENCE, self.read_reply(true))
            .await
            .expect("no reply in time")
    }

    /// Waits for the end; gives what came before it.
    pub async fn end(&mut self) -> Vec<u8> {
        let all = async { while self.tcp.read_buf(&mut self.buf).await.is_ok_and(|n| n > 0) {} };
        timeout(PATIENCE, all).await.expect("the connection was not closed");
        std::mem::take(&mut self.buf)
    }

    /// So many bytes of what comes; fewer where the connection ends before.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let enough = async { while self.buf.len() < count && self.more().await.is_some() {} };
        timeout(PATIENCE, enough).await.expect("too little came in time");
        let rest = self.buf.split_off(count.min(self.buf.len()));
        std::mem::replace(&mut self.buf, rest)
    }

    async fn more(&mut self) -> Option<()> {
        (self.tcp.read_buf(&mut self.buf).await.ok()? > 0).then_some(())
    }

    async fn read_reply(&mut self, is_head: bool) -> Option<Reply> {
        let end = loop {
            if let Some(at) = self.buf.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8(self.buf.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply {
            status,
            head,
            body: Vec::new(),
        };
        if is_head || status == 204 || status == 304 || status == 101 {
            return Some(reply);
        }
        if let Ok(length) = reply.value("content-length").parse::<usize>() {
            while self.buf.len() < length {
                self.more().await?;
            }
            reply.body = self.buf.drain(..length).collect();
        } else if reply.value("transfer-encoding") == "chunked" {
            while !self.buf.ends_with(b"0\r\n\r\n") {
                self.more().await?;
            }
            reply.body = std::mem::take(&mut self.buf);
        }
        Some(reply)
    }
}

/// One request on a connection of its own.
pub async fn once(at: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut peer = Peer::to(at).await;
    peer.send(bytes).await;
    if bytes.starts_with(b"HEAD ") {
        peer.head_reply().await
    } else {
        peer.reply().await
    }
}
