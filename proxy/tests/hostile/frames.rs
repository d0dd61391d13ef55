//! HTTP/2 by hand: frames, and just enough HPACK to write any field and to read a status.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::PATIENCE;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// Literal fields, without index and without Huffman: any bytes at all.
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            integer(&mut out, text.len());
            out.extend(text.as_bytes());
        }
    }
    out
}

fn integer(out: &mut Vec<u8>, mut n: usize) {
    if n < 127 {
        return out.push(n as u8);
    }
    out.push(127);
    n -= 127;
    while n >= 128 {
        out.push((n % 128 + 128) as u8);
        n /= 128;
    }
    out.push(n as u8);
}

pub fn request(method: &str, path: &str) -> Vec<(&'static str, String)> {
    vec![
        (":method", method.into()),
        (":scheme", "http".into()),
        (":authority", "a".into()),
        (":path", path.into()),
    ]
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// What became of a stream, or of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Status(u16),
    Reset,
    /// GOAWAY, or the connection simply closed.
    Gone,
}

pub struct H2Peer {
    pub tcp: TcpStream,
    buf: Vec<u8>,
}

impl H2Peer {
    /// Connects, and says hello.
    pub async fn to(at: SocketAddr) -> H2Peer {
        let mut peer = H2Peer {
            tcp: TcpStream::connect(at).await.unwrap(),
            buf: Vec::new(),
        };
        peer.send(PREFACE).await;
        peer.send(&frame(SETTINGS, 0, 0, &[])).await;
        peer
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.tcp.write_all(bytes).await;
    }

    /// The next frame; `None` at the end.
    pub async fn next(&mut self) -> Option<Frame> {
        timeout(PATIENCE, self.read()).await.expect("no frame in time")
    }

    async fn read(&mut self) -> Option<Frame> {
        loop {
            if self.buf.len() >= 9 {
                let length = u32::from_be_bytes([0, self.buf[0], self.buf[1], self.buf[2]]) as usize;
                if self.buf.len() >= 9 + length {
                    let frame: Vec<u8> = self.buf.drain(..9 + length).collect();
                    let stream = u32::from_be_bytes([frame[5] & 0x7f, frame[6], frame[7], frame[8]]);
                    return Some(Frame {
                        kind: frame[3],
                        flags: frame[4],
                        stream,
                        payload: frame[9..].to_vec(),
                    });
                }
            }
            if self.tcp.read_buf(&mut self.buf).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Reads on until the stream has an answer, is reset, or everything is over.
    pub async fn fate(&mut self, stream: u32) -> Fate {
        while let Some(frame) = self.next().await {
            match frame.kind {
                HEADERS if frame.stream == stream => return Fate::Status(status(&frame.payload)),
                RST_STREAM if frame.stream == stream => return Fate::Reset,
                GOAWAY => return Fate::Gone,
                _ => {}
            }
        }
        Fate::Gone
    }

    /// How many frames of this kind come before the end or before a GOAWAY.
    pub async fn until_gone(&mut self) -> usize {
        let mut frames = 0;
        while let Some(frame) = self.next().await {
            frames += 1;
            if frame.kind == GOAWAY {
                break;
            }
        }
        frames
    }
}

/// The `:status` of a header block: the first field, in any of the ways an encoder may write it.
fn status(block: &[u8]) -> u16 {
    match block.first() {
        Some(index @ 0x88..=0x8e) => [200, 204, 206, 304, 400, 404, 500][usize::from(index - 0x88)],
        Some(_) => {
            let (length, text) = (usize::from(block[1] & 0x7f), &block[2..]);
            let text = &text[..length];
            if block[1] & 0x80 == 0 {
                std::str::from_utf8(text).unwrap().parse().unwrap()
            } else {
                huffman_digits(text)
            }
        }
        None => panic!("an empty header block"),
    }
}

/// Huffman codes of the digits: `0`–`2` have five bits, the others six.
fn huffman_digits(bytes: &[u8]) -> u16 {
    let bits: String = bytes.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut rest, mut number) = (&bits[..], 0);
    for _ in 0..3 {
        let (digit, width) = match u8::from_str_radix(&rest[..5], 2).unwrap() {
            small @ 0..=2 => (small, 5),
            _ => (u8::from_str_radix(&rest[..6], 2).unwrap() - 0x19 + 3, 6),
        };
        number = number * 10 + u16::from(digit);
        rest = &rest[width..];
    }
    number
}
