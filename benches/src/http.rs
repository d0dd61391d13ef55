//! The least of HTTP/1.1 that a bench needs: one request after another on a connection, answers framed by their
//! length, and how many bytes each took.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

const PATIENCE: Duration = Duration::from_secs(30);

/// Name and value, as they are sent or came.
pub type Field = (String, String);

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub fields: Vec<Field>,
    pub body: Vec<u8>,
    /// Head and body together.
    pub bytes: usize,
}

impl Reply {
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.fields
            .iter()
            .filter(move |(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn length(&self) -> Result<usize> {
        let length = self
            .values("content-length")
            .next()
            .context("an answer without length")?;
        Ok(length.parse()?)
    }

    fn closes(&self) -> bool {
        self.values("connection")
            .any(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A client that keeps its connection where the server does.
pub struct Client {
    port: u16,
    open: Option<BufReader<TcpStream>>,
}

impl Client {
    pub fn new(port: u16) -> Client {
        Client { port, open: None }
    }

    pub fn get(&mut self, path: &str, fields: &[Field]) -> Result<Reply> {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"))
    }

    /// Sends a whole request head, on a fresh connection where there is none.
    pub fn send(&mut self, request: &str) -> Result<Reply> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => connect(self.port)?,
        };
        open.get_mut().write_all(request.as_bytes())?;
        let reply = read(&mut open)?;
        if !reply.closes() {
            self.open = Some(open);
        }
        Ok(reply)
    }
}

fn connect(port: u16) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

fn read(from: &mut impl BufRead) -> Result<Reply> {
    let mut line = String::new();
    let mut bytes = from.read_line(&mut line)?;
    ensure!(bytes > 0, "the connection was closed instead of an answer");
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.with_context(|| format!("not a status line: {line:?}"))?;
    let mut fields = Vec::new();
    loop {
        line.clear();
        bytes += from.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => fields.push((name.to_owned(), value.to_owned())),
            None if line == "\r\n" => break,
            None => bail!("not a field of an answer: {line:?}"),
        }
    }
    let mut reply = Reply {
        status,
        fields,
        body: Vec::new(),
        bytes,
    };
    reply.body = vec![0; reply.length()?];
    from.read_exact(&mut reply.body)?;
    reply.bytes += reply.body.len();
    Ok(reply)
}

/// The cookies of one client.
#[derive(Clone, Debug, Default)]
pub struct Jar(Vec<Field>);

impl Jar {
    /// Keeps what an answer sets, and forgets what it clears.
    pub fn take(&mut self, reply: &Reply) {
        for line in reply.values("set-cookie") {
            let Some((name, value)) = line.split(';').next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            self.0.retain(|(own, _)| own != name);
            if !line.contains("Max-Age=0") {
                self.0.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Whether there is a cookie whose name contains this.
    pub fn has(&self, part: &str) -> bool {
        self.0.iter().any(|(name, _)| name.contains(part))
    }

    /// Gives every cookie whose name contains `part` another value.
    pub fn change(&mut self, part: &str, change: impl Fn(&str) -> String) {
        for (_, value) in self.0.iter_mut().filter(|(name, _)| name.contains(part)) {
            *value = change(value);
        }
    }

    /// As a header field; none where the jar is empty.
    pub fn fields(&self) -> Vec<Field> {
        let pairs: Vec<String> = self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() {
            return Vec::new();
        }
        vec![("Cookie".to_owned(), pairs.join("; "))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Result<Reply> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn reads_one_answer_by_its_length() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
        let got = reply(&format!("{text}more")).unwrap();
        assert_eq!(
            (got.status, got.body.as_slice(), got.bytes),
            (200, &b"hi"[..], text.len())
        );
        assert!(got.closes());
        assert!(reply("").is_err() && reply("HTTP/1.1 200 OK\r\n\r\n").is_err());
        assert!(
            reply("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi").is_err(),
            "cut short"
        );
    }

    #[test]
    fn a_jar_keeps_the_newest_and_forgets_what_is_cleared() {
        let set = |cookies: &str| reply(&format!("HTTP/1.1 200 OK\r\n{cookies}Content-Length: 0\r\n\r\n")).unwrap();
        let mut jar = Jar::default();
        assert!(jar.fields().is_empty());
        jar.take(&set("Set-Cookie: a=1; Path=/\r\nset-cookie: b=2\r\n"));
        jar.take(&set("Set-Cookie: a=3; Max-Age=60\r\nSet-Cookie: b=; Max-Age=0\r\n"));
        assert_eq!(jar.fields(), [("Cookie".to_owned(), "a=3".to_owned())]);
        jar.change("a", |value| format!("{value}4"));
        assert_eq!(jar.fields()[0].1, "a=34");
        assert!(jar.has("a") && !jar.has("b"));
    }
}
