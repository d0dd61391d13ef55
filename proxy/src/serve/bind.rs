//! The sockets, bound before anything else, so that an address that cannot be had is said at once: which key asks for
//! it, why it is refused, and what to do.

use std::io::{Error, ErrorKind};
use std::net::{SocketAddr, TcpListener};

use stanchion_config::Config;

use super::assemble;
use crate::edge::ListenerSettings;

pub struct Bound {
    pub edge: Vec<(TcpListener, ListenerSettings)>,
    pub admin: TcpListener,
}

impl Bound {
    /// # Errors
    /// Which key's address could not be bound, why, and a remedy.
    pub fn bind(config: &Config) -> anyhow::Result<Bound> {
        let edge = assemble::listeners(config)
            .into_iter()
            .map(|(address, settings)| {
                let key = match &settings {
                    ListenerSettings { decision: true, .. } => "decision.listen",
                    ListenerSettings { tls: Some(_), .. } => "edge.listen_tls",
                    _ => "edge.listen",
                };
                Ok((bind(key, address)?, settings))
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Bound {
            edge,
            admin: bind("edge.admin", config.edge.admin)?,
        })
    }
}

fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| anyhow::anyhow!("{}", trouble(key, address, &error)))
}

fn trouble(key: &str, address: SocketAddr, error: &Error) -> String {
    let port = address.port();
    let (what, remedy) = match error.kind() {
        ErrorKind::AddrInUse => (
            "is in use already",
            format!("stop what listens there (`ss -ltnp 'sport = :{port}'` shows it), or write another port in {key}"),
        ),
        ErrorKind::PermissionDenied => (
            "may not be used by this account",
            format!(
                "ports below 1024 need CAP_NET_BIND_SERVICE; give it to the service, or write a higher port in {key}"
            ),
        ),
        ErrorKind::AddrNotAvailable => (
            "is no address of this machine",
            format!("`ip address` shows those it has; correct {key}"),
        ),
        _ => ("cannot be listened on", format!("correct {key}")),
    };
    format!("{key}: {address} {what} ({error}); {remedy}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use stanchion_config::{NotLooking, check};

    fn config(edge: &str) -> Config {
        let rooms = "[[origins]]\nname = \"a\"\nservers = [\"127.0.0.1:9000\"]\n\
            [[rooms]]\nname = \"r\"\norigin = \"a\"\ncapacity = 5\nrate = \"5/min\"\n";
        check(&format!("[edge]\n{edge}\n{rooms}"), &NotLooking).unwrap()
    }

    fn refusal(edge: &str) -> String {
        Bound::bind(&config(edge))
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default()
    }

    /// Whoever starts it twice reads which key to change.
    #[test]
    fn a_taken_port_is_said_with_its_key_and_a_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let free = "listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"";
        assert_eq!(refusal(free), "");
        for (key, edge) in [
            (
                "edge.listen",
                format!("listen = [\"127.0.0.1:0\", \"{address}\"]\nadmin = \"127.0.0.1:0\""),
            ),
            (
                "edge.admin",
                format!("listen = [\"127.0.0.1:0\"]\nadmin = \"{address}\""),
            ),
            (
                "edge.listen_tls",
                format!("listen_tls = [\"{address}\"]\nadmin = \"127.0.0.1:0\"\n[edge.tls]\ncert = \"c\"\nkey = \"k\""),
            ),
            (
                "decision.listen",
                format!("listen = [\"127.0.0.1:0\"]\nadmin = \"127.0.0.1:0\"\n[decision]\nlisten = [\"{address}\"]"),
            ),
        ] {
            let said = refusal(&edge);
            assert!(
                said.starts_with(&format!("{key}: {address} is in use already")),
                "{said}"
            );
            assert!(
                said.contains("ss -ltnp") && said.ends_with(&format!("another port in {key}")),
                "{said}"
            );
        }
    }

    #[test]
    fn other_refusals_have_remedies_of_their_own() {
        let said = |kind: ErrorKind| trouble("edge.listen", "192.0.2.1:80".parse().unwrap(), &kind.into());
        assert!(said(ErrorKind::PermissionDenied).contains("CAP_NET_BIND_SERVICE"));
        assert!(said(ErrorKind::AddrNotAvailable).contains("no address of this machine"));
    }
}
