//! A small blocking HTTP/1.1 client that keeps its connection: every byte that is sent is the test's own choice.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longer than any answer takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.text()))
    }
}

/// One kept connection to one address.
#[derive(Debug)]
pub struct Client {
    pub to: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn to(to: SocketAddr) -> Client {
        Client { to, stream: None }
    }

    /// `fields`: further header lines, each with its line end.
    pub fn get(&mut self, path: &str, fields: &str) -> Reply {
        self.send("GET", path, fields, b"")
    }

    pub fn send(&mut self, method: &str, path: &str, fields: &str, body: &[u8]) -> Reply {
        self.try_send(method, path, fields, body)
            .unwrap_or_else(|e| panic!("{method} {path} at {}: {e}", self.to))
    }

    /// One request; a kept connection that the server has closed meanwhile is opened anew.
    pub fn try_send(&mut self, method: &str, path: &str, fields: &str, body: &[u8]) -> io::Result<Reply> {
        let request = request(method, path, &self.to.to_string(), fields, body);
        self.exchange(&request, method == "HEAD")
    }

    /// Sends these bytes and reads one answer.
    pub fn exchange(&mut self, request: &[u8], bodiless: bool) -> io::Result<Reply> {
        let kept = self.stream.is_some();
        match self.once(request, bodiless) {
            Err(error) if kept && stale(&error) => self.once(request, bodiless),
            outcome => outcome,
        }
    }

    fn once(&mut self, request: &[u8], bodiless: bool) -> io::Result<Reply> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(self.to)?),
        };
        stream.get_mut().write_all(request)?;
        let reply = read_reply(&mut stream, bodiless)?;
        if reply.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(reply)
    }
}

/// The bytes of one request.
pub fn request(method: &str, path: &str, host: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let host = if fields.to_ascii_lowercase().starts_with("host:") {
        String::new()
    } else {
        format!("Host: {host}\r\n")
    };
    let length = if body.is_empty() && matches!(method, "GET" | "HEAD") {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", body.len())
    };
    let mut bytes = format!("{method} {path} HTTP/1.1\r\n{host}{fields}{length}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

pub fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&to, ANSWER_WITHIN)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    stream.set_write_timeout(Some(ANSWER_WITHIN))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn stale(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}

/// Reads one answer to its end.
pub fn read_reply(stream: &mut impl BufRead, bodiless: bool) -> io::Result<Reply> {
    let head = read_line(stream)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: {head:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other(line.clone()))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut reply = Reply {
        status,
        headers,
        body: Vec::new(),
    };
    if bodiless || status == 204 || status == 304 {
        return Ok(reply);
    }
    reply.body = read_body(stream, &reply)?;
    Ok(reply)
}

fn read_body(stream: &mut impl BufRead, reply: &Reply) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if let Some(length) = reply.header("content-length") {
        body.resize(length.parse().map_err(io::Error::other)?, 0);
        stream.read_exact(&mut body)?;
    } else if reply.header("transfer-encoding") == Some("chunked") {
        loop {
            let size = usize::from_str_radix(&read_line(stream)?, 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; size];
            stream.read_exact(&mut chunk)?;
            read_line(stream)?;
            if size == 0 {
                break;
            }
            body.append(&mut chunk);
        }
    } else {
        stream.read_to_end(&mut body)?;
    }
    Ok(body)
}

fn read_line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
