//! Caddy with `forward_auth` and `deploy/caddy/Caddyfile`.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::e2e::{Visitor, eventually};
use crate::fronts::{Front, Stage, page, sample};

fn caddy(origin: SocketAddr, decision: SocketAddr, at: SocketAddr) -> Front {
    let dir = tempfile::Builder::new().prefix("stanchion-caddy-").tempdir().unwrap();
    let places = [("127.0.0.1:9092", decision), ("127.0.0.1:9000", origin)];
    let text = sample("deploy/caddy/Caddyfile", &places).replace(":80 {", &format!("http://{at} {{"));
    assert!(text.contains(&at.to_string()));
    let whole = format!("{{\n\tadmin off\n\tauto_https off\n}}\n{text}");
    fs::write(dir.path().join("Caddyfile"), whole).unwrap();
    let mut command = Command::new("caddy");
    command
        .args(["run", "--adapter", "caddyfile", "--config", "Caddyfile"])
        .current_dir(dir.path());
    for home in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
        command.env(home, dir.path());
    }
    Front::start(&mut command, dir, at, "apt-get install caddy")
}

/// The whole way: sent round once with the cookies, in, waiting, let in, refused by a limit; then the service dies.
#[test]
fn a_visitors_way_behind_caddy() {
    let mut stage = Stage::set(caddy);
    let mut client = stage.client();

    let mut first = Visitor::default();
    let round = page(&mut client, &mut first, "/page?a=1");
    assert_eq!(round.status, 307, "{}\n{}", round.text(), stage.front.log());
    assert_eq!(
        round.header("location"),
        Some(&*format!("http://{}/page?a=1", stage.front.at))
    );
    let pass = first.pass().expect("a pass as a cookie").to_owned();
    assert!(stage.origin.seen().is_empty());
    first.jar.insert("theirs".into(), "1".into());
    let reply = page(&mut client, &mut first, "/page?a=1");
    assert_eq!(reply.status, 200, "{}\n{}", reply.text(), stage.front.log());
    let seen = stage.last_seen();
    assert_eq!((seen.pass.as_deref(), &*seen.path), (Some(&*pass), "/page?a=1"));
    assert!(
        seen.head.contains("theirs=1") && !seen.head.contains("stanchion1-"),
        "{}",
        seen.head
    );
    assert_eq!(stage.verified(&pass).map(|subject| subject.len()), Ok(32));

    second_waits_and_is_let_in(&stage, &pass);
    what_a_visitor_writes_does_not_count(&stage);

    let before = stage.origin.seen().len();
    stage.edge.process.kill();
    for path in ["/page", "/open/terms"] {
        let status = page(&mut client, &mut first, path).status;
        assert_eq!(status, 502, "nobody is let in where the service is away: {path}");
    }
    assert_eq!(stage.origin.seen().len(), before);
}

fn second_waits_and_is_let_in(stage: &Stage, pass_of_first: &str) {
    let mut client = stage.client();
    let before = stage.origin.seen().len();
    let mut second = Visitor::default();
    let waiting = page(&mut client, &mut second, "/page");
    assert_eq!(waiting.status, 429, "{}", waiting.text());
    assert!(
        waiting.text().contains("/.well-known/stanchion/rooms/sale/status"),
        "{}",
        waiting.text()
    );
    assert!(waiting.header("retry-after").is_some() && waiting.header("content-security-policy").is_some());
    assert!(second.cookie("ticket").is_some() && second.pass().is_none());
    let posted = second.send(&mut client, "POST", "/page");
    assert_eq!((posted.status, &posted.json()["status"]), (429, &"waiting".into()));
    assert!(!second.poll(&mut client).is_inside(), "the status document is a 200");
    assert_eq!(stage.origin.seen().len(), before);

    assert_eq!(stage.command(pass_of_first, "release").status, 204);
    eventually("the second is let in", || {
        second.poll(&mut client).is_inside().then_some(())
    });
    // The poll has brought the pass: no way round.
    let api: Vec<u16> = (0..4)
        .map(|_| page(&mut client, &mut second, "/api/seats").status)
        .collect();
    assert_eq!(api, [200, 200, 200, 429], "the limit counts the visitor");
    assert_eq!(stage.last_seen().pass.as_deref(), second.pass());
    let refused = page(&mut client, &mut second, "/api/seats");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"per-visitor\";q=3;w=3600"));
}

fn what_a_visitor_writes_does_not_count(stage: &Stage) {
    let mut client = stage.client();
    let spoofed = "X-Forwarded-Uri: /open/x\r\nX-Forwarded-Method: OPTIONS\r\nX-Forwarded-Host: other.example\r\n\
                   X-Forwarded-Proto: https\r\nX-Forwarded-For: 6.6.6.6\r\nAccept: application/json\r\n";
    let before = stage.origin.seen().len();
    assert_eq!(
        client.get("/page", spoofed).status,
        429,
        "the path is the one that was asked for"
    );
    assert_eq!(stage.origin.seen().len(), before);
    let forged = "Stanchion-Pass: a.b.c\r\nStanchion-Ticket: mine\r\nCookie: stanchion1-ticket-sale=mine\r\n";
    assert_eq!(client.get("/open/terms", forged).status, 200);
    let head = stage.last_seen().head.to_lowercase();
    assert!(!head.contains("a.b.c") && !head.contains("mine"), "{head}");
    for (path, status) in [("/a%2f..%2fb", 400), ("//page", 308)] {
        assert_eq!(client.get(path, "").status, status, "{path}");
    }
}
