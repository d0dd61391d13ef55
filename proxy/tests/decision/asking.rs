//! Questions as proxies put them, to a service whose gate does what the path says.

use std::net::SocketAddr;

use stanchion::edge::{EdgeSettings, ListenerSettings, Trusted};

use crate::hostile::client::{Reply, once};
use crate::hostile::{Stand, stand_with};

/// One question: its request line's method and target, and its fields.
#[derive(Clone, Debug)]
pub struct Asking {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, String)>,
}

impl Asking {
    fn new(target: &str, fields: &[(&str, &str)]) -> Asking {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Asking {
            method: "GET".to_owned(),
            target: target.to_owned(),
            fields: fields.iter().map(own).collect(),
        }
    }

    /// As nginx does: `/nginx` or `/nginx/page`.
    pub fn nginx(at: &str, uri: &str) -> Asking {
        Asking::new(
            at,
            &[
                ("Host", "stanchion"),
                ("X-Original-Method", "GET"),
                ("X-Original-URI", uri),
                ("X-Original-Host", "shop.example"),
                ("X-Forwarded-Proto", "https"),
                ("X-Real-IP", "192.0.2.7"),
            ],
        )
    }

    /// As Traefik, Caddy and APISIX do: `/forward-auth`, with or without `/redirect`.
    pub fn forward_auth(at: &str, uri: &str) -> Asking {
        Asking::new(
            at,
            &[
                ("Host", "127.0.0.1:9092"),
                ("X-Forwarded-Method", "GET"),
                ("X-Forwarded-Uri", uri),
                ("X-Forwarded-Host", "shop.example"),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-For", "192.0.2.7"),
            ],
        )
    }

    /// As Envoy does, and as every proxy that sends Stanchion's own addresses on.
    pub fn as_it_came(prefix: &str, uri: &str) -> Asking {
        Asking::new(
            &format!("{prefix}{uri}"),
            &[
                ("Host", "shop.example"),
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-For", "192.0.2.7"),
            ],
        )
    }

    /// One of each kind about the same visitor's request.
    pub fn of_each_kind(uri: &str) -> Vec<Asking> {
        vec![
            Asking::nginx("/nginx", uri),
            Asking::nginx("/nginx/page", uri),
            Asking::forward_auth("/forward-auth", uri),
            Asking::forward_auth("/forward-auth/redirect", uri),
            Asking::as_it_came("/envoy", uri),
        ]
    }

    pub fn with(mut self, name: &str, value: &str) -> Asking {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn without(mut self, name: &str) -> Asking {
        self.fields.retain(|(known, _)| known != name);
        self
    }

    pub fn but(self, name: &str, value: &str) -> Asking {
        self.without(name).with(name, value)
    }

    pub fn names(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| name.clone()).collect()
    }

    pub fn bytes(&self) -> Vec<u8> {
        let fields: String = self.fields.iter().map(|(n, v)| format!("{n}: {v}\r\n")).collect();
        format!("{} {} HTTP/1.1\r\n{fields}\r\n", self.method, self.target).into_bytes()
    }

    pub async fn put(&self, at: SocketAddr) -> Reply {
        let reply = once(at, &self.bytes()).await;
        reply.unwrap_or_else(|| panic!("no answer to {self:?}"))
    }
}

/// A decision service that this machine may ask.
pub async fn service() -> Stand {
    service_with(|_| {}).await
}

pub async fn service_with(adjust: impl FnOnce(&mut EdgeSettings)) -> Stand {
    let listener = ListenerSettings {
        decision: true,
        ..ListenerSettings::default()
    };
    stand_with(listener, |settings| {
        settings.decision_peers = networks(&["127.0.0.0/8"]);
        adjust(settings);
    })
    .await
}

pub fn networks(texts: &[&str]) -> Trusted {
    Trusted::new(texts.iter().map(|text| text.parse().unwrap()).collect())
}
