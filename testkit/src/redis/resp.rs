//! The least of Redis's protocol that a test needs: send one command, read one answer, block with a deadline.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Nil,
    Status(String),
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Array(Vec<Value>),
}

impl Value {
    /// Text of a status, a bulk string or an integer; of anything else its debug form.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Value::Status(text) | Value::Error(text) => text.clone(),
            Value::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Value::Integer(number) => number.to_string(),
            other => format!("{other:?}"),
        }
    }

    /// # Panics
    /// Where the answer is not an integer.
    #[must_use]
    pub fn integer(&self) -> i64 {
        match self {
            Value::Integer(number) => *number,
            other => panic!("an integer was expected, not {other:?}"),
        }
    }

    /// The members of an array; nothing for anything else.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        match self {
            Value::Array(items) => items,
            _ => &[],
        }
    }

    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }
}

/// A blocking connection.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// # Errors
    /// Where nobody accepts on 127.0.0.1:`port` within two seconds.
    pub fn open(port: u16) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream: BufReader::new(stream),
        })
    }

    /// # Panics
    /// Where there is no answer.
    pub fn command(&mut self, parts: &[&str]) -> Value {
        self.try_command(parts)
            .unwrap_or_else(|error| panic!("{parts:?}: {error}"))
    }

    /// # Errors
    /// Where there is no answer. An error that the server answers is a [`Value::Error`].
    pub fn try_command(&mut self, parts: &[&str]) -> io::Result<Value> {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        self.try_raw(&parts)
    }

    /// As [`Connection::try_command`], for arguments that are not text.
    ///
    /// # Errors
    /// Where there is no answer.
    pub fn try_raw(&mut self, parts: &[&[u8]]) -> io::Result<Value> {
        let mut request = format!("*{}\r\n", parts.len()).into_bytes();
        for part in parts {
            request.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            request.extend_from_slice(part);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request)?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.trim_end();
        let Some(kind) = line.chars().next() else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let rest = line[1..].to_owned();
        match kind {
            '+' => Ok(Value::Status(rest)),
            '-' => Ok(Value::Error(rest)),
            ':' => Ok(Value::Integer(number(&rest)?)),
            '$' => self.read_bulk(number(&rest)?),
            '*' => self.read_array(number(&rest)?),
            other => Err(io::Error::other(format!("no such answer: {other}{rest}"))),
        }
    }

    fn read_bulk(&mut self, len: i64) -> io::Result<Value> {
        let Ok(len) = usize::try_from(len) else {
            return Ok(Value::Nil);
        };
        let mut bytes = vec![0; len + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(len);
        Ok(Value::Bulk(bytes))
    }

    fn read_array(&mut self, len: i64) -> io::Result<Value> {
        let Ok(len) = usize::try_from(len) else {
            return Ok(Value::Nil);
        };
        (0..len)
            .map(|_| self.read())
            .collect::<io::Result<_>>()
            .map(Value::Array)
    }
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(io::Error::other)
}
