//! nginx with `auth_request` and `deploy/nginx/stanchion.conf`.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use crate::e2e::{Visitor, eventually};
use crate::fronts::{Front, Stage, page, sample};

fn nginx(origin: SocketAddr, decision: SocketAddr, at: SocketAddr) -> Front {
    nginx_without("\0", origin, decision, at)
}

/// Without the lines of the sample that hold `left_out`.
fn nginx_without(left_out: &str, origin: SocketAddr, decision: SocketAddr, at: SocketAddr) -> Front {
    let dir = tempfile::Builder::new().prefix("stanchion-nginx-").tempdir().unwrap();
    let places = [("127.0.0.1:9092", decision), ("127.0.0.1:9000", origin)];
    let text = sample("deploy/nginx/stanchion.conf", &places).replace("listen 80;", &format!("listen {at};"));
    assert!(text.contains(&at.to_string()));
    let text: String = text
        .lines()
        .filter(|line| !line.contains(left_out))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(dir.path().join("stanchion.conf"), text).unwrap();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {kind};\n"))
        .concat();
    // One process, so that it ends with its pid.
    let whole = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\n\
         http {{\naccess_log off;\n{temporary}include stanchion.conf;\n}}\n"
    );
    fs::write(dir.path().join("nginx.conf"), whole).unwrap();
    let program = if fs::exists("/usr/sbin/nginx").unwrap_or(false) {
        "/usr/sbin/nginx"
    } else {
        "nginx"
    };
    let mut command = Command::new(program);
    command.args(["-e", "stderr", "-c", "nginx.conf", "-p"]).arg(dir.path());
    Front::start(&mut command, dir, at, "apt-get install nginx-light")
}

/// The whole way: in, waiting, the page, let in by a release, refused by a limit; then the service dies.
#[test]
fn a_visitors_way_behind_nginx() {
    let mut stage = Stage::set(nginx);
    let mut client = stage.client();

    let mut first = Visitor::default();
    let reply = page(&mut client, &mut first, "/page?a=1");
    assert_eq!(reply.status, 200, "{}\n{}", reply.text(), stage.front.log());
    let pass = first.pass().expect("a pass as a cookie").to_owned();
    assert!(
        first.cookie("ticket").is_some(),
        "every cookie arrives: {:?}",
        reply.headers
    );
    let seen = stage.last_seen();
    assert_eq!((seen.pass.as_deref(), &*seen.path), (Some(&*pass), "/page?a=1"));
    assert_eq!(stage.verified(&pass).map(|subject| subject.len()), Ok(32));
    assert!(stage.verified(&format!("{pass}x")).is_err(), "the check can fail");

    // The pass is enough from now on; ours are no longer the origin's to see, others' are.
    first.jar.insert("theirs".into(), "1".into());
    let again = page(&mut client, &mut first, "/page");
    assert_eq!(
        (again.status, again.all("set-cookie").count()),
        (200, 0),
        "{:?}",
        again.headers
    );
    let seen = stage.last_seen();
    assert!(
        seen.head.contains("theirs=1") && !seen.head.contains("stanchion1-"),
        "{}",
        seen.head
    );

    second_waits_and_is_let_in(&stage, &pass);
    limits_refuse(&stage);
    what_a_visitor_writes_does_not_count(&stage);

    let before = stage.origin.seen().len();
    stage.edge.process.kill();
    for path in ["/page", "/open/terms"] {
        let reply = page(&mut client, &mut first, path);
        assert_eq!(reply.status, 500, "nobody is let in where the service is away: {path}");
    }
    assert_eq!(stage.origin.seen().len(), before);
}

fn second_waits_and_is_let_in(stage: &Stage, pass_of_first: &str) {
    let mut client = stage.client();
    let before = stage.origin.seen().len();
    let mut second = Visitor::default();
    let waiting = page(&mut client, &mut second, "/page");
    assert_eq!(waiting.status, 200, "{}", waiting.text());
    assert!(
        waiting.text().contains("/.well-known/stanchion/rooms/sale/status"),
        "{}",
        waiting.text()
    );
    assert!(waiting.header("cache-control").unwrap().contains("no-store"));
    assert!(second.cookie("ticket").is_some() && second.pass().is_none());
    let metrics = stage.edge.admin("GET", "/metrics", "", b"").text();
    let issued: Vec<&str> = metrics
        .lines()
        .filter(|l| l.starts_with("stanchion_tickets_issued_total"))
        .collect();
    assert!(
        matches!(issued[..], [one] if one.ends_with(" 1")),
        "question and page are about one place: {issued:?}"
    );
    let ticket = second.cookie("ticket").unwrap().to_owned();
    let posted = second.send(&mut client, "POST", "/page");
    assert_eq!(posted.status, 429, "an app is told in JSON: {}", posted.text());
    assert_eq!(posted.json()["status"], "waiting");
    assert!(!second.poll(&mut client).is_inside());
    assert_eq!(second.cookie("ticket"), Some(&*ticket), "the place is kept");
    let head = client.send("HEAD", "/page", &second.fields(), b"");
    assert!(head.status == 429 && head.body.is_empty());
    assert_eq!(stage.origin.seen().len(), before, "who waits does not reach the origin");

    assert_eq!(stage.command("a.b.c", "release").status, 404);
    assert_eq!(stage.command(pass_of_first, "release").status, 204);
    eventually("the second is let in", || {
        second.poll(&mut client).is_inside().then_some(())
    });
    let reply = page(&mut client, &mut second, "/page");
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("\"inside\":true"), "{}", reply.text());
    assert_eq!(stage.last_seen().pass.as_deref(), second.pass());

    let api: Vec<u16> = (0..4)
        .map(|_| page(&mut client, &mut second, "/api/seats").status)
        .collect();
    assert_eq!(api, [200, 200, 200, 429], "the limit counts the visitor");
    let refused = page(&mut client, &mut second, "/api/seats");
    assert_eq!(refused.header("ratelimit-policy"), Some("\"per-visitor\";q=3;w=3600"));
    assert!(refused.header("retry-after").is_some() && refused.text().contains("<html"));
}

/// What is not the line's to keep back, and what nginx itself refuses or passes on.
fn limits_refuse(stage: &Stage) {
    let mut client = stage.client();
    let before = stage.origin.seen().len();
    for (path, status) in [
        ("/open/terms", 200),
        ("/a%2f..%2fb", 400),
        ("/page%00", 400),
        ("//page", 308),
    ] {
        let reply = client.get(path, "");
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
    }
    assert_eq!(client.get("//page?q=1", "").header("location"), Some("/page?q=1"));
    assert_eq!(
        client.send("POST", "/open/form", "", b"hello").status,
        200,
        "a body goes to the origin"
    );
    assert_eq!(stage.origin.seen().len(), before + 2);
    assert_eq!(client.get("/_stanchion", "").status, 404, "the question is nginx's own");
    let around = client.get("/.well-known/stanchion/../../nginx", "");
    assert_eq!((around.status, around.header("location")), (308, Some("/nginx")));
}

fn what_a_visitor_writes_does_not_count(stage: &Stage) {
    let mut client = stage.client();
    let spoofed = "X-Original-URI: /open/x\r\nX-Original-Method: OPTIONS\r\nX-Original-Host: other.example\r\n\
                   X-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 6.6.6.6\r\nAccept: application/json\r\n";
    let before = stage.origin.seen().len();
    assert_eq!(
        client.get("/page", spoofed).status,
        429,
        "the path is the one that was asked for"
    );
    assert_eq!(stage.origin.seen().len(), before);
    let forged = "Stanchion-Pass: a.b.c\r\nStanchion-Ticket: mine\r\nStanchion_Pass: a.b.c\r\n";
    assert_eq!(client.get("/open/terms", forged).status, 200);
    let head = stage.last_seen().head.to_lowercase();
    assert!(!head.contains("a.b.c") && !head.contains("stanchion"), "{head}");
}

/// Negative control: the fields that the sample sets are what lets anybody in. Without one of them nobody is.
#[test]
fn a_field_that_nginx_forgets_lets_nobody_in() {
    for forgotten in [
        "X-Original-Method",
        "X-Original-URI",
        "X-Original-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
    ] {
        let stage = Stage::set(|origin, decision, at| nginx_without(forgotten, origin, decision, at));
        let reply = page(&mut stage.client(), &mut Visitor::default(), "/page");
        assert_eq!(reply.status, 500, "{forgotten}");
        assert!(stage.origin.seen().is_empty(), "{forgotten}");
        assert!(
            stage.front.log().contains("unexpected status: 400"),
            "{forgotten}: {}",
            stage.front.log()
        );
    }
}
