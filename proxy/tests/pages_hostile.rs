//! What strangers and careless operators write stays text: in elements, in attributes and in the script's data. (H16)
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot do its work fails loudly"
)]

mod pages_common;

use http::{Method, StatusCode};
use pages_common::{ask, view};
use stanchion::pages::view::WaitView;
use stanchion::pages::{self, Dress, PageAsk, Template, check_template};
use stanchion_admission::store::RoomState;

/// Each would run something, or break out of where it stands, if it were not escaped.
const PAYLOADS: &[&str] = &[
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</ScRiPt ><img src=x onerror=alert(1)>",
    "<!--<script>",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<meta http-equiv=refresh content=0;url=https://evil.example>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example>",
    "<style>*{display:none}</style>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</noscript><script>alert(1)</script>",
    "\"><script>alert(1)</script>",
    "'><script>alert(1)</script>",
    "\" onmouseover=\"alert(1)",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=alert(1) x=\"",
    "{{ 7 * 7 }}{% raw %}",
    "${alert(1)}`",
    "\\\"};alert(1)//",
    "\u{2028}alert(1)\u{2029}",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<\u{0}script>alert(1)</script>",
    "\u{feff}<script>alert(1)</script>",
    "javascript:alert(1)",
];

/// Elements, attributes and handlers that our own page has: a payload must not add one.
fn skeleton(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap_or(rest.len());
        let tag = rest[..end]
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        let raw = ["script", "style"].iter().find(|name| tag == **name);
        if let Some(name) = raw {
            let close = rest.find(&format!("</{name}")).unwrap_or(rest.len());
            rest = &rest[close..];
        } else {
            // Outside of quotes: every second piece.
            let handler = rest[..end].split('"').step_by(2).any(|piece| piece.contains(" on"));
            assert!(!handler, "an inline handler: <{}>", &rest[..end]);
        }
        tags.push(tag);
    }
    tags
}

fn page(view: &WaitView, dress: &Dress) -> String {
    let answer = pages::answer(view, &ask(dress, "en"));
    String::from_utf8(answer.body.to_vec()).expect("UTF-8")
}

fn with(words: &str) -> WaitView {
    WaitView {
        room: words.to_owned(),
        message: Some(words.to_owned()),
        paused_reason: Some(words.to_owned()),
        ..view(RoomState::Paused)
    }
}

#[test]
fn words_stay_words_everywhere() {
    let harmless = skeleton(&page(&with("hello"), &Dress::titled("hello")));
    assert!(harmless.len() > 50, "{}", harmless.len());
    for payload in PAYLOADS {
        let rendered = page(&with(payload), &Dress::titled(payload));
        assert_eq!(skeleton(&rendered), harmless, "{payload:?} changed the page");
        let data = rendered
            .split("id=stanchion>")
            .nth(1)
            .and_then(|rest| rest.split("</script>").next())
            .expect("data");
        let data: serde_json::Value = serde_json::from_str(data).unwrap_or_else(|e| panic!("{payload:?}: {e}"));
        assert_eq!(data["title"], *payload, "the script sees the words themselves");
        let refusal = pages::refusal(
            StatusCode::NOT_FOUND,
            payload,
            None,
            &ask(&Dress::titled(payload), "en"),
        );
        let refusal = String::from_utf8(refusal.body.to_vec()).expect("UTF-8");
        assert!(!refusal.contains("<script"), "{payload:?}");
    }
}

#[test]
fn a_website_that_is_no_web_address_is_not_linked() {
    for (website, linked) in [
        ("https://example.com/?a=\"b\"", true),
        ("http://example.com", true),
        ("javascript:alert(1)", false),
        (" https://example.com", false),
        ("data:text/html,x", false),
        ("//evil.example", false),
    ] {
        let dress = Dress {
            website: Some(website.to_owned()),
            ..Dress::titled("T")
        };
        let rendered = page(&view(RoomState::Queueing), &dress);
        assert_eq!(rendered.contains("<a href="), linked, "{website}");
        assert!(!rendered.contains("a=\"b\""), "quotes are escaped");
    }
}

#[test]
fn a_nonce_or_a_status_url_cannot_break_out() {
    let dress = Dress::titled("T");
    let mut odd = PageAsk::new(
        &Method::GET,
        "\"><script>x'; default-src *",
        "/status\"</script><script>",
        &dress,
    );
    odd.navigation = true;
    let answer = pages::answer(&view(RoomState::Queueing), &odd);
    let policy = answer.headers["content-security-policy"].to_str().expect("ASCII");
    assert!(policy.contains("script-src 'nonce-scriptxdefault-src';"), "{policy}");
    let rendered = String::from_utf8(answer.body.to_vec()).expect("UTF-8");
    assert_eq!(skeleton(&rendered), skeleton(&page(&view(RoomState::Queueing), &dress)));
}

#[test]
fn an_operators_template_is_escaped_whatever_it_does() {
    let ways = [
        "{{ live }}<p>{{ message }}</p><b title=\"{{ message }}\">",
        "{{ live }}<p>{% autoescape false %}{{ message }}{% endautoescape %}</p>",
        "{{ live }}{% set m = message %}<p>{{ m ~ '' }}</p>",
        "{{ live }}{% macro say(m) %}{{ m }}{% endmacro %}<p>{{ say(message) }}</p>",
        "{{ live }}<p>{{ [message]|join(', ') }}</p>",
        "{{ live }}<p>{{ message|upper|lower }}</p>",
    ];
    for source in ways {
        let template = Template::new(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        let dress = Dress {
            template: Some(template),
            ..Dress::titled("T")
        };
        for payload in PAYLOADS {
            let rendered = page(&with(payload), &dress);
            assert_eq!(
                skeleton(&rendered),
                skeleton(&page(&with("hello"), &dress)),
                "{payload:?} in {source}"
            );
        }
    }
}

#[test]
fn broken_templates_are_refused_with_their_line() {
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}{{ live }}";
    let table: &[(&str, &str)] = &[
        ("{{ live }}\n\n{% if %}", "line 3"),
        ("{{ live", "line 1"),
        ("{{ live }}{{ message|safe }}", "filter"),
        ("{{ live }}{% include '/etc/passwd' %}", "template"),
        ("{% extends 'base.html' %}{{ live }}", "template"),
        ("{% include 'waiting page' %}{{ live }}", ""),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}{{ live }}", ""),
        (endless, "fuel"),
        ("{{ live }}{{ 'x' * 600000 }}", "write"),
        ("{{ live }}{{ 1 / 0 }}", ""),
        ("{{ live }}{{ position.x.y }}", ""),
        ("<p>no way in</p>", "live"),
        ("", "live"),
    ];
    for (source, complaint) in table {
        let shown: String = source.chars().take(60).collect();
        let problem = check_template(source).expect_err(&shown).to_string();
        assert!(problem.contains(complaint), "{shown}: {problem}");
    }
    let large = format!("{{{{ live }}}}{}", "x".repeat(pages::MAX_TEMPLATE));
    assert!(check_template(&large).is_err());
}

#[test]
fn a_template_that_fails_later_gives_the_built_in_page_and_a_problem() {
    let source = "{{ live }}{% if message == 'now' %}{{ nothing.at.all }}{% endif %}";
    let template = Template::new(source).expect("the rehearsal does not meet it");
    let dress = Dress {
        template: Some(template),
        ..Dress::titled("T")
    };
    let fine = pages::answer_or_problem(&view(RoomState::Queueing), &ask(&dress, "en"));
    assert!(fine.1.is_none());
    let policy = fine.0.headers["content-security-policy"].to_str().expect("ASCII");
    assert!(
        policy.contains("img-src 'self' data: https:"),
        "an operator's page may show pictures: {policy}"
    );
    let now = WaitView {
        message: Some("now".to_owned()),
        ..view(RoomState::Queueing)
    };
    let (answer, problem) = pages::answer_or_problem(&now, &ask(&dress, "en"));
    assert!(problem.is_some());
    let rendered = String::from_utf8(answer.body.to_vec()).expect("UTF-8");
    assert!(rendered.contains("You are in line"), "the built-in page");
}
