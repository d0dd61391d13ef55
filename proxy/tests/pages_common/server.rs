//! A small server for the browser tests: pages as the product makes them, and status answers as the test scripted them.
//! One thread per connection; ends with the test process.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use stanchion::edge::gate::Answer;
use stanchion::pages::view::WaitView;
use stanchion::pages::{self, Dress, PageAsk};

use super::views;

/// By the test that asks (`run`), so that a late poll of one test is not another's.
type Scripts = Mutex<BTreeMap<String, Script>>;

/// What the status endpoint says next; the last one is said again and again.
#[derive(Default)]
struct Script {
    answers: VecDeque<String>,
    polls: u64,
    pages: u64,
    admitted: bool,
}

/// The server's address, `http://127.0.0.1:PORT`.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let scripts = Arc::new(Scripts::default());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let scripts = Arc::clone(&scripts);
            std::thread::spawn(move || serve(stream, &scripts));
        }
    });
    format!("http://{address}")
}

struct Request {
    path: String,
    asked: Option<String>,
    query: BTreeMap<String, String>,
    headers: HeaderMap,
    body: String,
}

fn serve(stream: TcpStream, scripts: &Scripts) {
    let Some(request) = read(&stream) else { return };
    if let Some(reply) = reply(&request, scripts) {
        let _ = (&stream).write_all(&reply);
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?;
    let url = reqwest::Url::parse("http://test").ok()?.join(target).ok()?;
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        let name: http::HeaderName = name.parse().ok()?;
        headers.insert(name, HeaderValue::from_str(value).ok()?);
    }
    let length = headers
        .get("content-length")
        .and_then(|v| v.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        path: url.path().to_owned(),
        asked: url.query().map(str::to_owned),
        query: url.query_pairs().into_owned().collect(),
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

/// `None` cuts the connection.
fn reply(request: &Request, scripts: &Scripts) -> Option<Vec<u8>> {
    let mut scripts = scripts.lock().expect("no test panics while holding it");
    let run = request.query.get("run").map_or("", String::as_str);
    let script = scripts.entry(run.to_owned()).or_default();
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    match parts.as_slice() {
        // POST: status answers, one a line; `drop` cuts the connection, a number is a bare status.
        ["script"] => {
            script.answers = request.body.lines().map(str::to_owned).collect();
            (script.polls, script.pages, script.admitted) = (0, 0, false);
            Some(text("200 OK", "text/plain", ""))
        }
        ["counts"] => {
            let counts = format!("{{\"polls\":{},\"pages\":{}}}", script.polls, script.pages);
            Some(text("200 OK", "application/json", &counts))
        }
        ["document", name] => Some(bytes(&pages::status_waiting(&named(name, request)?))),
        ["status"] => {
            script.polls += 1;
            let next = if script.answers.len() > 1 {
                script.answers.pop_front()
            } else {
                script.answers.front().cloned()
            };
            scripted(&next?, script)
        }
        ["page", _] if script.admitted => Some(text(
            "200 OK",
            "text/html",
            "<!doctype html><html lang=en><link rel=icon href=data:,><title>Inside</title><h1>Inside</h1>",
        )),
        ["page", name] => {
            script.pages += 1;
            Some(bytes(&page(name, request)?))
        }
        ["refusal", status] => Some(bytes(&refusal(status, request)?)),
        _ => Some(text("404 Not Found", "text/plain", "")),
    }
}

fn scripted(next: &str, script: &mut Script) -> Option<Vec<u8>> {
    if next == "drop" {
        return None;
    }
    if let Ok(status) = next.parse::<u16>() {
        return Some(text(&format!("{status} Refused"), "text/plain", ""));
    }
    script.admitted |= next.contains("\"admitted\"");
    Some(text("200 OK", "application/json", next))
}

/// A view of `pages_common::views`, with figures from the query where it has them.
fn named(name: &str, request: &Request) -> Option<WaitView> {
    let (_, mut view) = views()
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let number = |key: &str| request.query.get(key).and_then(|n| n.parse::<u64>().ok());
    view.position = number("position").or(view.position);
    view.waiting = number("waiting").or(view.waiting);
    view.refresh_ms = number("refresh_ms").unwrap_or(view.refresh_ms);
    if let (Some(low), Some(high)) = (number("low"), number("high")) {
        view.wait_seconds = Some((low, high));
    }
    if let Some(message) = request.query.get("message") {
        view.message = Some(message.clone());
    }
    Some(view)
}

fn page(name: &str, request: &Request) -> Option<Answer> {
    let dress = dress(request);
    let status_url = format!("/status?run={}", request.query.get("run").map_or("", String::as_str));
    Some(pages::answer(
        &named(name, request)?,
        &ask(request, &dress, &status_url),
    ))
}

fn refusal(status: &str, request: &Request) -> Option<Answer> {
    let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
    let dress = dress(request);
    Some(pages::refusal(
        status,
        "a reason",
        None,
        &ask(request, &dress, "/status"),
    ))
}

fn dress(request: &Request) -> Dress {
    let title = request.query.get("title").map_or("Riverside Tickets", String::as_str);
    Dress::titled(title)
}

fn ask<'a>(request: &Request, dress: &'a Dress, status_url: &'a str) -> PageAsk<'a> {
    let mut ask =
        PageAsk::new(&Method::GET, "bm9uY2Utb2YtMTI4LWJpdHM=", status_url, dress).with_headers(&request.headers);
    ask = ask.at(&request.path, request.asked.as_deref());
    if let Some(language) = request.query.get("lang") {
        ask.accept_language = Some(language.clone());
    }
    ask
}

fn bytes(answer: &Answer) -> Vec<u8> {
    let mut head = format!(
        "HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    let mut all = format!("{head}\r\n").into_bytes();
    all.extend_from_slice(&answer.body);
    all
}

fn text(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}
