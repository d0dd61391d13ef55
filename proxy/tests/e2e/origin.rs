//! An origin that writes down every pass it is shown and obeys its path: `/release` and `/revoke` answer with that
//! command, `/leave-quietly` releases, too, everything else says who came. It trusts the edge: signatures are checked
//! elsewhere.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use serde_json::Value;

/// One request that got through.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub head: String,
    pub pass: Option<String>,
}

#[derive(Debug, Default)]
struct Book {
    seen: Vec<Seen>,
    /// `jti` of everybody let in and not released since.
    inside: BTreeSet<String>,
    most_inside: usize,
}

pub struct Origin {
    pub address: SocketAddr,
    book: Arc<Mutex<Book>>,
    stop: Arc<AtomicBool>,
}

impl Origin {
    pub fn start() -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (book, stop) = (Arc::<Mutex<Book>>::default(), Arc::<AtomicBool>::default());
        let (kept, stopped) = (book.clone(), stop.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (Ok(stream), book) = (stream, kept.clone()) else {
                    continue;
                };
                std::thread::spawn(move || serve(stream, &book));
            }
        });
        Origin { address, book, stop }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.book.lock().seen.clone()
    }

    /// The most that were inside at one time, by what this origin was shown.
    pub fn most_inside(&self) -> usize {
        self.book.lock().most_inside
    }

    pub fn inside(&self) -> usize {
        self.book.lock().inside.len()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener so that its thread sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// The claims of a pass, unchecked.
pub fn claims(pass: &str) -> Value {
    let payload = pass.split('.').nth(1).expect("a JWT");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

pub fn jti(pass: &str) -> String {
    claims(pass)["jti"].as_str().expect("a jti").to_owned()
}

fn serve(stream: TcpStream, book: &Mutex<Book>) {
    let mut stream = BufReader::new(stream);
    while let Some((head, body_bytes)) = read_head(&mut stream) {
        let mut body = vec![0; body_bytes];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let answer = answer(&head, book);
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_head(stream: &mut impl BufRead) -> Option<(String, usize)> {
    let mut head = String::new();
    loop {
        let start = head.len();
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if head[start..].trim().is_empty() {
            break;
        }
    }
    let length = field(&head, "content-length").map_or(0, |v| v.parse().unwrap_or(0));
    Some((head, length))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    lines
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.trim())
        .next()
}

fn answer(head: &str, book: &Mutex<Book>) -> String {
    let mut line = head.split(' ');
    let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let pass = field(head, "stanchion-pass")
        .filter(|pass| pass.contains('.'))
        .map(str::to_owned);
    let jti = pass.as_deref().map(jti);
    let command = match path {
        "/release" => "Stanchion-Command: release\r\n",
        "/revoke" => "Stanchion-Command: revoke\r\n",
        _ => "",
    };
    let mut book = book.lock();
    if let Some(jti) = &jti {
        if command.is_empty() {
            book.inside.insert(jti.clone());
        } else {
            book.inside.remove(jti);
        }
        book.most_inside = book.most_inside.max(book.inside.len());
    }
    book.seen.push(Seen {
        method: method.to_owned(),
        path: path.to_owned(),
        head: head.to_owned(),
        pass,
    });
    let body = serde_json::json!({ "inside": true, "jti": jti }).to_string();
    let shown = if method == "HEAD" { "" } else { &body };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{command}\r\n{shown}",
        body.len()
    )
}
