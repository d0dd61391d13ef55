//! A visitor: a jar of cookies, and what a browser or an app does with it at any edge.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::http::{Client, Reply};

/// What came of a request.
#[derive(Clone, Debug)]
pub enum Met {
    /// The status document.
    Waiting(Value),
    Inside(Reply),
}

impl Met {
    pub fn is_inside(&self) -> bool {
        matches!(self, Met::Inside(_))
    }

    /// `None` where it is not known yet.
    ///
    /// # Panics
    /// Where the visitor is inside.
    pub fn position(&self) -> Option<u64> {
        match self {
            Met::Waiting(status) => status["position"].as_u64(),
            Met::Inside(_) => panic!("inside already"),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Visitor {
    pub jar: BTreeMap<String, String>,
}

impl Visitor {
    /// Knocks at the door for the first time.
    pub fn knock(edge: &mut Client) -> (Visitor, Met) {
        let mut visitor = Visitor::default();
        let met = visitor.visit(edge);
        (visitor, met)
    }

    /// Asks for a protected page as an app would.
    pub fn visit(&mut self, edge: &mut Client) -> Met {
        let reply = self.get(edge, "/page");
        met(reply)
    }

    /// Polls the status address.
    pub fn poll(&mut self, edge: &mut Client) -> Met {
        let reply = self.get(edge, "/.well-known/stanchion/rooms/sale/status");
        assert_eq!(reply.status, 200, "{}", reply.text());
        met(reply)
    }

    pub fn get(&mut self, edge: &mut Client, path: &str) -> Reply {
        self.send(edge, "GET", path)
    }

    pub fn send(&mut self, edge: &mut Client, method: &str, path: &str) -> Reply {
        let reply = edge.send(method, path, &self.fields(), b"");
        self.keep(&reply);
        reply
    }

    /// The header lines that this visitor's app sends.
    pub fn fields(&self) -> String {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookie = if cookies.is_empty() {
            String::new()
        } else {
            format!("Cookie: {}\r\n", cookies.join("; "))
        };
        format!("Accept: application/json\r\n{cookie}")
    }

    pub fn keep(&mut self, reply: &Reply) {
        for line in reply.all("set-cookie") {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').expect("a cookie");
            if attributes.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    pub fn cookie(&self, kind: &str) -> Option<&str> {
        let middle = format!("stanchion1-{kind}-");
        let found = self.jar.iter().find(|(name, _)| name.contains(&middle));
        found.map(|(_, value)| value.as_str())
    }

    /// Polls until a position is told: that is so only when everybody ahead had time to come in.
    pub fn learn_position(&mut self, edge: &mut Client) -> u64 {
        super::eventually("a position is told", || self.poll(edge).position())
    }

    pub fn pass(&self) -> Option<&str> {
        self.cookie("pass")
    }
}

/// Gone in at the other side of a lost answer: sends, and hangs up before anything can come back.
pub fn send_and_hang_up(edge: SocketAddr, visitor: &Visitor, path: &str) {
    use std::io::Write;
    let mut stream = super::http::connect(edge).unwrap();
    let request = super::http::request("GET", path, &edge.to_string(), &visitor.fields(), b"");
    stream.write_all(&request).unwrap();
    drop(stream);
}

fn met(reply: Reply) -> Met {
    let waiting = reply.header("content-type").is_some_and(|t| t.contains("json")) && {
        let document = reply.json();
        match document["status"].as_str() {
            Some("waiting") => return Met::Waiting(document),
            _ => false,
        }
    };
    assert!(!waiting && reply.status == 200, "{}: {}", reply.status, reply.text());
    Met::Inside(reply)
}
