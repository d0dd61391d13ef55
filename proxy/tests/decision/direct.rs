//! A real edge asked as Traefik, APISIX and Envoy ask, which are not at hand: by the fields that their documents name.

use crate::e2e::http::Reply;
use crate::e2e::{Client, Origin, Visitor, eventually};
use crate::fronts::deciding;

const FORWARDED: &str = "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /page\r\nX-Forwarded-Host: shop.example\r\n\
                         X-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.7\r\n";
const ENVOY: &str = "Host: shop.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 192.0.2.7\r\n\
                     Content-Length: 0\r\n";

/// Each kind: what is asked for `/page`, with which fields.
const KINDS: [(&str, &str); 2] = [("/forward-auth", FORWARDED), ("/envoy/page", ENVOY)];

fn ask(client: &mut Client, visitor: &mut Visitor, (target, fields): (&str, &str)) -> Reply {
    let reply = client.get(target, &format!("{fields}{}", visitor.fields()));
    visitor.keep(&reply);
    reply
}

#[test]
fn one_line_for_all_kinds_of_proxies() {
    let origin = Origin::start();
    let (edge, decision) = deciding(&origin);
    let mut client = Client::to(decision);

    let mut first = Visitor::default();
    let reply = ask(&mut client, &mut first, KINDS[0]);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let pass = reply.header("stanchion-pass").unwrap().to_owned();
    assert_eq!(first.pass(), Some(&*pass));
    assert!(
        first.jar.keys().all(|name| name.starts_with("__Host-")),
        "the visitor speaks TLS: {:?}",
        first.jar
    );

    // Whoever waits behind one proxy has the same place behind the other.
    let mut second = Visitor::default();
    for kind in [KINDS[1], KINDS[0], KINDS[1]] {
        let reply = ask(&mut client, &mut second, kind);
        assert_eq!(
            (reply.status, &reply.json()["status"]),
            (429, &"waiting".into()),
            "{kind:?}"
        );
        assert!(reply.header("retry-after").is_some());
    }
    edge.await_room("one is inside", |room| room["line"]["inside"] == 1);

    // `revoke` bars the pass as well.
    let fields = format!("Stanchion-Pass: {pass}\r\nStanchion-Command: revoke\r\n");
    assert_eq!(client.send("POST", "/command", &fields, b"").status, 204);
    assert_eq!(ask(&mut client, &mut first, KINDS[0]).status, 429);
    eventually("the second is let in", || {
        (ask(&mut client, &mut second, KINDS[1]).status == 200).then_some(())
    });
    for kind in KINDS {
        let reply = ask(&mut client, &mut second, kind);
        assert_eq!(
            (reply.status, reply.header("stanchion-pass")),
            (200, second.pass()),
            "{kind:?}"
        );
    }
    // An address outside the room: no pass, and nothing that a visitor could have written in its place.
    let open = FORWARDED.replace("/page", "/open/terms");
    let reply = client.get("/forward-auth", &format!("{open}Stanchion-Pass: {pass}\r\n"));
    assert_eq!((reply.status, reply.header("stanchion-pass")), (200, Some("none")));
    assert!(origin.seen().is_empty(), "the service forwards nothing");
}

/// Who may ask changes while it runs; whoever may not is hung up on, and counted.
#[test]
fn who_may_ask_is_taken_over_by_a_reload() {
    let origin = Origin::start();
    let (mut edge, decision) = deciding(&origin);
    let ask = |to| Client::to(to).try_send("GET", KINDS[0].0, KINDS[0].1, b"");
    assert_eq!(ask(decision).unwrap().status, 200);
    let before = edge.log().len();
    let open = edge.setup.sections.clone();
    edge.setup.sections = format!("{open}\nallow = [\"10.0.0.0/24\"]");
    edge.configure();
    let said = edge.await_log(before, "the configuration was taken over");
    assert!(!said.contains("wait for a restart"), "{said}");
    assert!(ask(decision).is_err());
    let metrics = edge.admin("GET", "/metrics", "", b"").text();
    for line in [
        "stanchion_connections_refused_total{reason=\"stranger\"} 1",
        "stanchion_requests_handled_total{how=\"let-through\"} 1",
        "stanchion_requests_handled_total{how=\"forwarded\"} 0",
    ] {
        assert!(metrics.lines().any(|l| l == line), "{line}: {metrics}");
    }
    let before = edge.log().len();
    edge.setup.sections = open;
    edge.configure();
    edge.await_log(before, "the configuration was taken over");
    assert!(ask(decision).is_ok());
}

/// A closed room is a 503 at the edge; Envoy would take that for a failure and drop the page.
#[test]
fn a_closed_room_is_told_to_envoy_as_a_429() {
    let origin = Origin::start();
    let (edge, decision) = deciding(&origin);
    edge.patch(&serde_json::json!({ "closed": true }));
    let mut client = Client::to(decision);
    let page = |client: &mut Client, (target, fields)| client.get(target, &format!("{fields}Accept: text/html\r\n"));
    let mut statuses = [0, 0];
    eventually("the room is closed", || {
        statuses = KINDS.map(|kind| page(&mut client, kind).status);
        (statuses[0] == 503).then_some(())
    });
    assert_eq!(statuses, [503, 429]);
}
