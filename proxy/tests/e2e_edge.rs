//! One edge as its operator lives with it: reload, keys, upgrade, TLS, stop; and what odd requests are told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod e2e;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use e2e::{Client, Edge, Met, Origin, PATIENCE, Setup, Visitor, eventually};
use serde_json::json;
use stanchion_testkit::net::free_port;
use stanchion_testkit::process::Signal;
use stanchion_testkit::redis::Redis;

const TAKEN_OVER: &str = "the configuration was taken over";

fn small_room(origin: &Origin) -> Setup {
    Setup::new(
        "memory://",
        origin,
        "capacity = 1\nrate = \"600/min\"\nnear_poll = \"1s\"",
    )
}

/// One visitor inside and one who waits.
fn two(client: &mut Client) -> (Visitor, Visitor) {
    let (first, met) = Visitor::knock(client);
    assert!(met.is_inside(), "{met:?}");
    let (mut second, met) = Visitor::knock(client);
    assert!(!met.is_inside(), "{met:?}");
    second.poll(client);
    (first, second)
}

/// H17: a changed file is taken over while visitors wait: more capacity, one more room.
#[test]
fn h17_a_changed_file_is_taken_over() {
    let origin = Origin::start();
    let mut edge = Edge::start(small_room(&origin));
    let mut client = edge.client();
    let (_, mut waiting) = two(&mut client);
    let none = client.get("/.well-known/stanchion/rooms/vip/status", "");
    assert_eq!(none.status, 404, "{}", none.text());

    let before = edge.log().len();
    edge.setup.room = edge.setup.room.replace("capacity = 1", "capacity = 5");
    edge.setup.more =
        "[[rooms]]\nname = \"vip\"\norigin = \"origin\"\npaths = [\"/vip\"]\ncapacity = 9\nrate = \"9/min\"".into();
    edge.configure();
    edge.await_log(before, TAKEN_OVER);
    let ticket = waiting.cookie("ticket").unwrap().to_owned();
    eventually("who waited goes in", || {
        waiting.visit(&mut client).is_inside().then_some(())
    });
    assert_eq!(waiting.cookie("ticket"), Some(ticket.as_str()), "on the same ticket");
    let vip = eventually("the new room is served", || {
        let reply = client.get("/.well-known/stanchion/rooms/vip/status", "");
        (reply.status == 200).then(|| reply.json())
    });
    assert_eq!(vip["room"], "vip");
    let listed = edge.admin("GET", "/api/v1/rooms", "", b"").json();
    assert_eq!(listed["rooms"].as_array().unwrap().len(), 2);
    assert_eq!(listed["rooms"][0]["in_force"]["capacity"], 5);
}

/// F16, H17: a broken file changes nothing and is named; SIGHUP reads the same file again; what waits for a restart
/// is named.
#[test]
fn f16_a_broken_file_changes_nothing() {
    let origin = Origin::start();
    let mut edge = Edge::start(small_room(&origin));
    let mut client = edge.client();
    let (mut inside, mut waiting) = two(&mut client);
    for broken in ["[edge\n", "[edge]\nlisten = 5\n", "\u{0}\u{1}", ""] {
        let before = edge.log().len();
        edge.write_config(broken);
        let said = edge.await_log(before, "the old one stays");
        assert!(said.contains("stanchion.toml"), "{said}");
        assert!(inside.visit(&mut client).is_inside());
        assert!(!waiting.poll(&mut client).is_inside());
    }
    let before = edge.log().len();
    edge.setup.edge = "region = \"eu-west\"".into();
    edge.configure();
    let said = edge.await_log(before, "wait for a restart");
    assert!(said.contains("edge.region"), "{said}");
    let before = edge.log().len();
    edge.signal(Signal::Hangup);
    let said = edge.await_log(before, "wait for a restart");
    assert!(said.contains("edge.region"), "it still does: {said}");
    let before = edge.log().len();
    edge.setup.edge.clear();
    edge.configure();
    let said = edge.await_log(before, TAKEN_OVER);
    assert!(!said.contains("wait for"), "as at the start: {said}");
    assert!(inside.visit(&mut client).is_inside());
    let metrics = edge.admin("GET", "/metrics", "", b"").text();
    assert!(metrics.contains("reload"), "{metrics}");
}

/// T5: a new key while visitors are inside and in line. Nobody is refused; the document has both.
#[test]
fn t5_keys_rotate_and_nobody_is_refused() {
    let origin = Origin::start();
    let edge = Edge::start(small_room(&origin));
    let mut client = edge.client();
    let (mut inside, mut waiting) = two(&mut client);
    let keys = |client: &mut Client| {
        let document = client.get("/.well-known/stanchion/jwks.json", "").json();
        document["keys"].as_array().unwrap().len()
    };
    assert_eq!(keys(&mut client), 1);
    let (pass, ticket) = (
        inside.pass().unwrap().to_owned(),
        waiting.cookie("ticket").unwrap().to_owned(),
    );
    let before = edge.log().len();
    edge.run(&["keys", "rotate", "--dir", "keys"]);
    edge.signal(Signal::Hangup);
    edge.await_log(before, TAKEN_OVER);
    eventually("both keys are published", || (keys(&mut client) == 2).then_some(()));
    assert!(inside.visit(&mut client).is_inside());
    assert_eq!(inside.pass(), Some(pass.as_str()));
    let Met::Waiting(status) = waiting.poll(&mut client) else {
        panic!("in line")
    };
    assert_eq!(status["notice"], json!(null));
    assert_eq!(waiting.learn_position(&mut client), 1);
    assert_eq!(waiting.cookie("ticket"), Some(ticket.as_str()));
}

/// Opens connections one after the other until told to stop; counts answers and failures.
struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicU64>,
    threads: Vec<std::thread::JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(at: SocketAddr) -> Load {
        let (stop, good) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let threads = (0..3).map(|_| {
            let (stop, good) = (stop.clone(), good.clone());
            std::thread::spawn(move || {
                let mut bad = Vec::new();
                while !stop.load(Ordering::Relaxed) && bad.len() < 20 {
                    let path = "/.well-known/stanchion/jwks.json";
                    match Client::to(at).try_send("GET", path, "Connection: close\r\n", b"") {
                        Ok(reply) if reply.status == 200 => drop(good.fetch_add(1, Ordering::Relaxed)),
                        Ok(reply) => bad.push(reply.text()),
                        Err(problem) => bad.push(problem.to_string()),
                    }
                    std::thread::sleep(Duration::from_millis(2));
                }
                bad
            })
        });
        Load {
            threads: threads.collect(),
            stop,
            good,
        }
    }

    fn good(&self) -> u64 {
        self.good.load(Ordering::Relaxed)
    }

    fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    }
}

/// H17: three upgrades under load: not one new connection fails, nobody's place changes.
#[test]
fn h17_upgrades_lose_no_connection() {
    let (redis, origin) = (Redis::single(), Origin::start());
    let setup = Setup {
        store: redis.url(),
        edge: "upgrade_sock = \"upgrade.sock\"".into(),
        ..small_room(&origin)
    };
    let mut edge = Edge::start(setup);
    let (mut inside, mut waiting) = two(&mut edge.client());
    let load = Load::start(edge.at);
    for round in 1..=3 {
        let served = load.good();
        eventually("the load is answered", || (load.good() > served + 50).then_some(()));
        let mut old = edge.upgrade();
        let status = old
            .wait(PATIENCE)
            .unwrap_or_else(|| panic!("round {round}:\n{}", edge.log()));
        assert!(status.success(), "round {round}: {status}\n{}", edge.log());
        assert!(edge.process.is_running(), "{}", edge.log());
        let served = load.good();
        eventually("the successor answers", || (load.good() > served + 50).then_some(()));
        let mut client = edge.client();
        assert!(inside.visit(&mut client).is_inside());
        assert_eq!(waiting.learn_position(&mut client), 1);
    }
    let good = load.good();
    assert_eq!(load.end(), Vec::<String>::new(), "failures beside {good} answers");
    println!("H17: {good} new connections over three upgrades, none failed");
}

/// SIGTERM with nothing under way: gone with exit code 0, long before the drain's end.
#[test]
fn sigterm_ends_an_edge_at_once() {
    let origin = Origin::start();
    let mut edge = Edge::start(small_room(&origin));
    let mut client = edge.client();
    two(&mut client);
    let told = Instant::now();
    edge.signal(Signal::Terminate);
    let status = edge.process.wait(PATIENCE).expect("it ends");
    assert!(status.success(), "{status}\n{}", edge.log());
    let took = told.elapsed();
    assert!(
        took < Duration::from_secs(9),
        "an idle kept connection held it for {took:?}"
    );
    println!("SIGTERM: gone after {took:?}");
}

/// TLS with the operator's certificate, HTTP/1.1 and HTTP/2; cookies are `__Host-` and `Secure`, and bring their
/// owner back in under either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_both_versions_of_http() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let origin = Origin::start();
    let made = rcgen::generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
    let cert = made.cert.pem();
    let tls = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let pair = "cert = \"cert.pem\"\nkey = \"key.pem\"\nnames = [\"shop.example\"]";
    let _edge = Edge::start(Setup {
        edge: format!("listen_tls = [\"{tls}\"]\n[edge.tls]\n{pair}"),
        files: vec![
            ("cert.pem".into(), cert.clone()),
            ("key.pem".into(), made.signing_key.serialize_pem()),
        ],
        ..small_room(&origin)
    });

    let client = |one: bool| {
        let root = reqwest::Certificate::from_pem(cert.as_bytes()).unwrap();
        let builder = reqwest::Client::builder()
            .tls_certs_only([root])
            .resolve("shop.example", tls);
        if one { builder.http1_only() } else { builder }.build().unwrap()
    };
    let url = format!("https://shop.example:{}/page", tls.port());
    let mut jar = Visitor::default();
    for (one, version) in [(true, http::Version::HTTP_11), (false, http::Version::HTTP_2)] {
        let mut request = client(one).get(&url).header("accept", "application/json");
        if !jar.jar.is_empty() {
            let pairs: Vec<String> = jar.jar.iter().map(|(n, v)| format!("{n}={v}")).collect();
            request = request.header("cookie", pairs.join("; "));
        }
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
        for line in answer.headers().get_all("set-cookie") {
            let line = line.to_str().unwrap();
            assert!(
                line.starts_with("__Host-stanchion1-") && line.contains("; Secure"),
                "{line}"
            );
            let (pair, _) = line.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            jar.jar.insert(name.to_owned(), value.to_owned());
        }
    }
    let passes: Vec<_> = origin.seen().into_iter().filter_map(|seen| seen.pass).collect();
    assert_eq!(passes.len(), 2);
    assert_eq!(passes[0], passes[1], "one session over both");
}

/// T1: a ticket that does not verify is no error: a new place, and the visitor is told.
#[test]
fn t1_a_broken_ticket_gets_a_new_place_and_a_word() {
    let origin = Origin::start();
    let edge = Edge::start(small_room(&origin));
    let mut client = edge.client();
    let (_, waiting) = two(&mut client);
    let (name, good) = waiting.jar.iter().find(|(name, _)| name.contains("-ticket-")).unwrap();
    for bad in [
        "x",
        &good[..good.len() - 1],
        &good.replace(&good[8..9], "_"),
        &"A".repeat(4000),
    ] {
        if bad == good {
            continue;
        }
        let mut visitor = Visitor::default();
        visitor.jar.insert(name.clone(), bad.to_owned());
        let Met::Waiting(status) = visitor.visit(&mut client) else {
            panic!("in line")
        };
        assert_eq!(status["notice"], "ticket-replaced", "{bad}: {status}");
        assert_ne!(visitor.cookie("ticket"), Some(bad), "a new one");
        let Met::Waiting(status) = visitor.poll(&mut client) else {
            panic!("in line")
        };
        assert_eq!(status["notice"], json!(null), "told once: {status}");
    }
}

/// An app without cookies: ticket and pass go both ways in headers.
#[test]
fn an_app_goes_by_headers_alone() {
    let origin = Origin::start();
    let edge = Edge::start(small_room(&origin));
    let mut client = edge.client();
    let (mut inside, _) = two(&mut client);
    let field = |name: &str, value: &str| format!("Accept: application/json\r\n{name}: {value}\r\n");
    let first = client.get("/page", &field("Stanchion-Ticket", "new"));
    assert_eq!(
        (first.status, first.json()["status"].as_str()),
        (429, Some("waiting")),
        "{}",
        first.text()
    );
    let ticket = first.header("stanchion-ticket").expect("a ticket").to_owned();
    let status = "/.well-known/stanchion/rooms/sale/status";
    let poll = client.get(status, &field("Stanchion-Ticket", &ticket));
    assert_eq!(poll.json()["arrived_at"], first.json()["arrived_at"], "the same place");
    assert_eq!(poll.header("stanchion-ticket"), None, "it has it already");

    edge.patch(&json!({ "capacity": 5 }));
    inside.get(&mut client, "/release");
    let pass = eventually("a pass", || {
        let reply = client.get(status, &field("Stanchion-Ticket", &ticket));
        (reply.json()["status"] == "admitted").then(|| reply.header("stanchion-pass").expect("a pass").to_owned())
    });
    let page = client.get("/page", &field("Stanchion-Pass", &pass));
    assert_eq!(
        (page.status, page.json()["inside"].as_bool()),
        (200, Some(true)),
        "{}",
        page.text()
    );
    let seen = origin.seen();
    let last = seen.last().unwrap();
    assert_eq!(last.pass.as_deref(), Some(pass.as_str()));
    assert!(!last.head.contains(&ticket), "the ticket never reaches the origin");
}

/// H1, H7: HEAD has no body, a POST is not lost silently, a host that is not served is misdirected; none of them
/// reaches the origin.
#[test]
fn odd_requests_of_those_who_wait() {
    let origin = Origin::start();
    let edge = Edge::start(Setup {
        hosts: "\"127.0.0.1\", \"shop.example\"".into(),
        ..small_room(&origin)
    });
    let mut client = edge.client();
    let (_, mut waiting) = two(&mut client);
    let reached = origin.seen().len();
    let head = waiting.send(&mut client, "HEAD", "/page");
    assert_eq!(head.status, 429);
    assert!(head.header("retry-after").is_some());
    let get = waiting.get(&mut client, "/page");
    assert_eq!(get.status, 429, "the connection is still in step: {}", get.text());

    let post = client.send("POST", "/bookings", &waiting.fields(), b"{\"seats\":2}");
    assert_eq!(post.status, 429, "{}", post.text());
    assert_eq!(post.json()["status"], "waiting");
    assert_eq!(post.json()["submitted"], false);
    let page = client.send(
        "POST",
        "/bookings",
        &format!(
            "{}Referer: http://shop.example/seats?row=2\r\n",
            waiting
                .fields()
                .replace("application/json", "text/html")
                .replace(&edge.at.to_string(), "shop.example")
        ),
        b"seats=2",
    );
    assert!(page.text().contains("<html"), "{} {}", page.status, page.text());
    assert!(
        page.text().contains("What you sent was not submitted."),
        "{}",
        page.text()
    );

    let strange = client.get("/page", "Host: elsewhere.example\r\n");
    assert_eq!(strange.status, 421, "{}", strange.text());
    let ours = client.get("/page", "Host: shop.example\r\n");
    assert_eq!(ours.status, 429, "{}", ours.text());
    assert_eq!(origin.seen().len(), reached);
}
