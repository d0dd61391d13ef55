//! A gate that does what the path says, and remembers what it was asked.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use parking_lot::Mutex;
use stanchion::edge::gate::{Answer, Asked, Forward, Gate, OriginCommand, SessionKey, Verdict};

#[derive(Default)]
pub struct ObedientGate {
    pub asked: Mutex<Vec<Question>>,
    pub commands: Mutex<Vec<(SessionKey, OriginCommand)>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub method: String,
    pub host: String,
    pub path: String,
    pub query: Option<String>,
    pub client: String,
    pub tls: bool,
}

pub fn session() -> SessionKey {
    SessionKey {
        room: "r".into(),
        visitor: [7; 16],
        stamp: 9,
        tls: false,
    }
}

pub fn answer(status: StatusCode, body: String, close: bool) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("text/plain"));
    Answer {
        status,
        headers,
        body: Bytes::from(body),
        close,
    }
}

#[async_trait]
impl Gate for ObedientGate {
    async fn decide(&self, asked: &Asked<'_>) -> Verdict {
        self.asked.lock().push(Question {
            method: asked.method.to_string(),
            host: asked.host.to_string(),
            path: asked.path.to_string(),
            query: asked.query.map(str::to_string),
            client: asked.client.to_string(),
            tls: asked.tls,
        });
        let forward = Forward {
            origin: "o".into(),
            pass: Some(HeaderValue::from_static("the.real.pass")),
            strip_cookies: ["ours".into()].into(),
            set_cookies: vec![HeaderValue::from_static("ours=new; Path=/")],
            response_headers: vec![(
                HeaderName::from_static("stanchion-place"),
                HeaderValue::from_static("kept"),
            )],
            allow_upgrade: asked.path.starts_with("/open/"),
            allow_event_stream: asked.path.starts_with("/open/"),
            session: Some(session()),
            hold: None,
        };
        match asked.path {
            "/answer" => Verdict::Answer(answer(StatusCode::OK, "waiting".into(), false)),
            "/answer-close" => Verdict::Answer(answer(StatusCode::OK, "waiting".into(), true)),
            "/panic" => panic!("the gate panics on purpose"),
            "/nowhere" => Verdict::Forward(Forward {
                origin: "unknown".into(),
                ..forward
            }),
            "/cookies-only" => Verdict::Forward(Forward {
                response_headers: Vec::new(),
                ..forward
            }),
            "/bare" => Verdict::Forward(Forward {
                origin: "o".into(),
                ..Forward::default()
            }),
            path if path.starts_with("/other/") => Verdict::Forward(Forward {
                origin: "other".into(),
                ..forward
            }),
            _ => Verdict::Forward(forward),
        }
    }

    async fn command(&self, session: &SessionKey, command: OriginCommand) -> Vec<HeaderValue> {
        self.commands.lock().push((session.clone(), command));
        vec![HeaderValue::from_static("ours=; Max-Age=0")]
    }

    fn refusal(&self, asked: Option<&Asked<'_>>, status: StatusCode, reason: &str) -> Answer {
        let place = asked.map_or("-", |asked| asked.path);
        if place == "/panic-twice" {
            panic!("the refusal panics on purpose");
        }
        answer(status, format!("{} at {place}: {reason}", status.as_u16()), true)
    }
}
