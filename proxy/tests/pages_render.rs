//! The waiting answer as bytes: its forms, headers, status and size.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot do its work fails loudly"
)]

mod pages_common;

use std::io::Read;

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use pages_common::{STATES, ask, view, views};
use serde_json::{Value, json};
use stanchion::edge::gate::Answer;
use stanchion::pages::view::{Notice, WaitView};
use stanchion::pages::{self, Dress, PageAsk, lang};
use stanchion_admission::ids::Stamp;
use stanchion_admission::store::RoomState;

/// Everything inline, uncompressed.
const MOST_BYTES: usize = 14 * 1024;
const MOST_BYTES_AFTER_A_FORM: usize = 15 * 1024;
/// Head and body as browsers get them, which all take gzip; 300 bytes are for status line, date and a ticket's cookies.
const MOST_BYTES_ON_THE_WIRE: usize = 8_000;
const REST_OF_HEAD: usize = 300;

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |v| v.to_str().expect("ASCII"))
}

fn body(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).expect("UTF-8")
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[test]
fn a_page_is_small_in_every_language_and_state() {
    let dress = Dress::titled("Riverside Tickets");
    let mut largest = (0, 0);
    for language in lang::all() {
        for (name, view) in views() {
            let plain = pages::answer(&view, &ask(&dress, language.tag));
            let bytes = plain.body.len();
            assert!(bytes < MOST_BYTES, "{name} in {}: {bytes} bytes", language.tag);
            let mut browser = ask(&dress, language.tag);
            browser.accept_encoding = Some("gzip, deflate, br, zstd".to_owned());
            let small = pages::answer(&view, &browser);
            let head: usize = small.headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 4).sum();
            let wire = head + small.body.len() + REST_OF_HEAD;
            assert!(
                wire < MOST_BYTES_ON_THE_WIRE,
                "{name} in {}: {wire} bytes",
                language.tag
            );
            largest = (largest.0.max(bytes), largest.1.max(wire));
        }
    }
    println!("largest page: {} bytes, {} on the wire", largest.0, largest.1);
}

#[test]
fn gzip_only_where_it_is_taken() {
    let dress = Dress::titled("Riverside Tickets");
    let view = view(RoomState::Queueing);
    let plain = pages::answer(&view, &ask(&dress, "en"));
    assert_eq!(header(&plain, "content-encoding"), "");
    let mut browser = ask(&dress, "en");
    browser.accept_encoding = Some("gzip".to_owned());
    let small = pages::answer(&view, &browser);
    assert_eq!(header(&small, "content-encoding"), "gzip");
    let mut back = String::new();
    flate2::read::GzDecoder::new(small.body.as_ref())
        .read_to_string(&mut back)
        .expect("gzip");
    assert_eq!(back, body(&plain));
    browser.accept_encoding = Some("br, gzip;q=0".to_owned());
    assert_eq!(pages::answer(&view, &browser).body, plain.body);
}

#[test]
fn the_document_has_exactly_these_fields() {
    let waiting = view(RoomState::Queueing);
    let answer = pages::status_waiting(&waiting);
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(header(&answer, "content-type"), "application/json");
    let expected = json!({
        "room": "sale", "state": "queueing", "status": "waiting", "position": 4211, "waiting": 12000,
        "wait_seconds": {"low": 620, "high": 1100}, "refresh_ms": 12000, "arrived_at": "2026-11-18T11:06:40.123456Z",
        "stale": false, "message": null,
    });
    assert_eq!(parsed(&answer), expected);

    let mut more = view(RoomState::Prequeue);
    more.notice = Some(Notice::PlaceLapsed);
    more.paused_reason = Some("lunch".to_owned());
    let document = parsed(&pages::status_waiting(&more));
    assert_eq!(document["opens_at"], "2026-11-18T12:07:40Z");
    assert_eq!(document["notice"], "place-lapsed");
    assert_eq!(document["paused_reason"], "lunch");

    let admitted = parsed(&pages::status_admitted(
        "sale",
        RoomState::Open,
        Some(Stamp(1_795_000_000_000_000)),
    ));
    let expected = json!({
        "room": "sale", "state": "open", "status": "admitted", "position": null, "waiting": null, "wait_seconds": null,
        "refresh_ms": 0, "arrived_at": "2026-11-18T11:06:40Z", "stale": false, "message": null,
    });
    assert_eq!(admitted, expected);
}

/// H14: never stored, never indexed, told apart by what decides about it.
#[test]
fn every_answer_forbids_storing_and_indexing() {
    let dress = Dress::titled("Riverside Tickets");
    let page = ask(&dress, "en");
    let machine = PageAsk::new(&Method::GET, "bm9uY2U=", "/status", &dress);
    let mut answers = vec![pages::status_admitted("sale", RoomState::Open, None)];
    for (_, view) in views() {
        answers.push(pages::answer(&view, &page));
        answers.push(pages::answer(&view, &machine));
        answers.push(pages::status_waiting(&view));
    }
    answers.push(pages::refusal(StatusCode::BAD_GATEWAY, "no origin", None, &page));
    answers.push(pages::refusal(StatusCode::BAD_GATEWAY, "no origin", None, &machine));
    for answer in &answers {
        assert_eq!(header(answer, "cache-control"), "no-store, private");
        assert_eq!(
            header(answer, "vary"),
            "Accept, Accept-Encoding, Accept-Language, Cookie"
        );
        assert_eq!(header(answer, "x-robots-tag"), "noindex, nofollow");
        assert_eq!(header(answer, "x-content-type-options"), "nosniff");
        assert!(
            !answer.headers.contains_key("refresh"),
            "would reload a page that keeps itself up to date"
        );
    }
}

#[test]
fn the_form_decides_status_and_headers() {
    let dress = Dress::titled("Riverside Tickets");
    let waiting = view(RoomState::Queueing);
    let page = pages::answer(&waiting, &ask(&dress, "th-TH,th;q=0.9,en;q=0.1"));
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(header(&page, "content-language"), "th");
    assert_eq!(header(&page, "retry-after"), "12");
    let policy = header(&page, "content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'nonce-bm9uY2Utb2YtMTI4LWJpdHM='",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");

    let machine = pages::answer(&waiting, &PageAsk::new(&Method::GET, "bm9uY2U=", "/status", &dress));
    assert_eq!(machine.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(header(&machine, "retry-after"), "12");
    assert_eq!(parsed(&machine)["status"], "waiting");
}

#[test]
fn an_asker_is_read_from_headers() {
    let dress = Dress::titled("Riverside Tickets");
    let mut headers = HeaderMap::new();
    headers.append("accept", HeaderValue::from_static("application/json;q=0.5"));
    headers.append("accept", HeaderValue::from_static("text/html"));
    headers.append("accept-language", HeaderValue::from_bytes(b"\xff").expect("a value"));
    let ask = PageAsk::new(&Method::GET, "bm9uY2U=", "/status", &dress).with_headers(&headers);
    let answer = pages::answer(&view(RoomState::Queueing), &ask);
    assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&answer, "content-language"), "en");
    headers.remove("accept");
    headers.insert("sec-fetch-dest", HeaderValue::from_static("document"));
    let ask = PageAsk::new(&Method::GET, "bm9uY2U=", "/status", &dress).with_headers(&headers);
    assert_eq!(pages::answer(&view(RoomState::Queueing), &ask).status, StatusCode::OK);
}

#[test]
fn every_state_is_told() {
    let dress = Dress::titled("Riverside Tickets");
    for language in lang::all() {
        for state in STATES {
            let page = body(&pages::answer(&view(state), &ask(&dress, language.tag)));
            let said = &language.texts.state[pages::state_key(state)];
            assert!(page.contains(&said[1]), "{state:?} in {}", language.tag);
            assert!(
                page.contains("4<") || page.contains("211<"),
                "the place, in {}",
                language.tag
            );
            assert!(
                !page.contains("None") && !page.contains("undefined<"),
                "{state:?} in {}",
                language.tag
            );
        }
    }
}

/// The example of docs/STATUS.md is a template that works.
#[test]
fn the_documented_template_works() {
    let text = include_str!("../../docs/STATUS.md");
    let example: String = text
        .lines()
        .skip_while(|line| *line != "    <!doctype html>")
        .take_while(|line| line.starts_with("    "))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(example.len() > 300, "{example}");
    pages::check_template(&example).expect("the documented example");
}

/// Nothing that a caller puts into a view can make it fail: it is answered, whatever it is.
#[test]
fn extremes_are_rendered() {
    let dress = Dress::titled(&"long ".repeat(10_000));
    for number in [0, 1, u64::MAX] {
        let extreme = WaitView {
            position: Some(number),
            waiting: Some(number),
            wait_seconds: Some((number, number)),
            refresh_ms: number,
            arrived_at: Some(Stamp(number)),
            now: Stamp(number),
            opens_at: Some(Stamp(number)),
            message: Some("é".repeat(100_000)),
            paused_reason: Some("\u{0}\u{2028}\u{feff}".repeat(1_000)),
            ..view(RoomState::Paused)
        };
        for language in lang::all() {
            let answer = pages::answer(&extreme, &ask(&dress, language.tag));
            assert!(answer.body.len() < 24_000, "{} bytes", answer.body.len());
        }
        let _ = parsed(&pages::status_waiting(&extreme));
    }
}

#[test]
fn refusals_speak_to_people_and_to_machines() {
    let dress = Dress::titled("Riverside Tickets");
    for status in [
        400, 403, 404, 405, 408, 411, 413, 414, 421, 429, 431, 500, 502, 503, 504,
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        for language in lang::all() {
            let answer = pages::refusal(status, "secret <detail>", Some(7), &ask(&dress, language.tag));
            assert_eq!(answer.status, status);
            assert_eq!(header(&answer, "retry-after"), "7");
            let page = body(&answer);
            let known = language
                .texts
                .refusal
                .values()
                .any(|said| page.contains(&said[0]) && page.contains(&said[1]));
            assert!(known, "{status} in {}", language.tag);
            assert!(!page.contains("secret"), "the reason is for developers");
        }
        let machine = PageAsk::new(&Method::GET, "bm9uY2U=", "/status", &dress);
        let answer = pages::refusal(status, "secret <detail>", None, &machine);
        assert_eq!(header(&answer, "content-type"), "application/problem+json");
        let problem = parsed(&answer);
        assert_eq!(problem["status"], status.as_u16());
        assert_eq!(problem["detail"], "secret <detail>");
        assert_eq!(problem["title"], status.canonical_reason().unwrap_or_default());
    }
    let posted = PageAsk {
        method: &Method::POST,
        ..ask(&dress, "en")
    };
    let page = body(&pages::refusal(StatusCode::BAD_GATEWAY, "no origin", None, &posted));
    assert!(!page.contains("Try again<"), "a form is not sent twice by a link");
}

/// What came with a request of somebody who waits is lost; they are told, and led back by GET and never by POST.
#[test]
fn a_form_sent_while_waiting_is_not_lost_without_a_word() {
    let dress = Dress::titled("Riverside Tickets");
    let view = view(RoomState::Queueing);
    for language in lang::all() {
        let lost = language.texts.unsent.as_str();
        let got = body(&pages::answer(
            &view,
            &ask(&dress, language.tag).leading_back(Some("/x".into())),
        ));
        assert!(!got.contains(lost) && got.contains("location.reload()}"), "{got}");
        let posted = PageAsk {
            method: &Method::POST,
            ..ask(&dress, language.tag)
        };
        let alone = body(&pages::answer(&view, &posted));
        assert!(alone.contains("location.replace(location.href)") && !alone.contains("reload()}"));
        let posted = posted.leading_back(Some("/seats?row=2&x=\"</script>".into()));
        let answer = pages::answer(&view, &posted);
        let page = body(&answer);
        assert!(answer.body.len() < MOST_BYTES_AFTER_A_FORM, "{}", answer.body.len());
        assert!(page.contains(lost), "{}", language.tag);
        assert!(!page.contains("reload()}"), "the form would be sent again: {page}");
        for way in [
            "content=\"12;url=/seats?row=2&amp;x=&quot;&lt;/script&gt;\"",
            "location.replace(\"/seats?row=2\\u0026x=\\\"\\u003c/script\\u003e\")",
            "\"back\":\"/seats?row=2\\u0026x=\\\"\\u003c/script\\u003e\"",
        ] {
            assert!(page.contains(way), "{way} is missing from {page}");
        }
    }
    let document = |method| {
        parsed(&pages::answer(
            &view,
            &PageAsk::new(method, "bm9uY2U=", "/status", &dress),
        ))
    };
    assert_eq!(document(&Method::PUT)["submitted"], false);
    assert_eq!(document(&Method::GET).get("submitted"), None);
}

/// The last line of a page without its script is made of whole sentences.
#[test]
fn the_footer_has_its_full_stop() {
    let dress = Dress::titled("Riverside Tickets");
    for (language, ends) in [
        ("en", "UTC</span><noscript>. "),
        ("ja", "<noscript>。 "),
        ("th", "<noscript> "),
    ] {
        let page = body(&pages::answer(&view(RoomState::Queueing), &ask(&dress, language)));
        assert!(page.contains(ends), "{language}: {page}");
    }
}
