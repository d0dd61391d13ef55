//! E-mail through a relay that speaks SMTP and has moods: now busy (4xx), now refusing (5xx), now gone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use reqwest::StatusCode;
use serde_json::{Value, json};
use stanchion_booking::post::AfterSale;
use stanchion_testkit::wait_until_async;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Answer, Booth, With};

const SOON: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
enum Mood {
    /// Says this to `RCPT TO`.
    Says(&'static str),
    HangsUp,
}

#[derive(Clone, Debug, Default)]
struct Taken {
    from: String,
    to: Vec<String>,
    data: String,
}

#[derive(Clone)]
struct Relay {
    address: String,
    moods: Arc<Mutex<VecDeque<Mood>>>,
    taken: Arc<Mutex<Vec<Taken>>>,
}

impl Relay {
    async fn open(moods: &[Mood]) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay {
            address: listener.local_addr().unwrap().to_string(),
            moods: Arc::new(Mutex::new(moods.iter().copied().collect())),
            taken: Arc::default(),
        };
        let serving = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let relay = serving.clone();
                tokio::spawn(async move { relay.attend(stream).await });
            }
        });
        relay
    }

    async fn attend(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let mood = self.moods.lock().pop_front();
        let mut taken = Taken::default();
        say(&mut stream, "220 relay").await?;
        loop {
            let line = hear(&mut stream).await?;
            let answer = match line.get(..4)?.to_ascii_uppercase().as_str() {
                "EHLO" => "250-relay\r\n250-8BITMIME\r\n250 SMTPUTF8",
                "MAIL" => {
                    taken.from = line;
                    "250 ok"
                }
                "RCPT" => match mood {
                    Some(Mood::HangsUp) => return None,
                    Some(Mood::Says(answer)) => answer,
                    None => {
                        taken.to.push(line);
                        "250 ok"
                    }
                },
                "DATA" => {
                    say(&mut stream, "354 go on").await?;
                    loop {
                        let line = hear(&mut stream).await?;
                        if line == "." {
                            break;
                        }
                        taken.data.push_str(line.strip_prefix('.').unwrap_or(&line));
                        taken.data.push_str("\r\n");
                    }
                    self.taken.lock().push(taken.clone());
                    "250 taken"
                }
                "QUIT" => return say(&mut stream, "221 bye").await,
                _ => "250 ok",
            };
            say(&mut stream, answer).await?;
        }
    }

    async fn booth(&self) -> Booth {
        let text = format!(
            "[mail]\nserver = \"smtp://{}\"\nfrom = \"The Dock <tickets@example.org>\"\nsite = \"https://tickets.example.org/\"\n",
            self.address
        );
        let with = With {
            after_sale: AfterSale::read(&text, |_| None).unwrap(),
            ..With::default()
        };
        Booth::open_so(50, with).await
    }

    async fn taken(&self, count: usize) -> Vec<Taken> {
        let enough = wait_until_async(SOON, async || self.taken.lock().len() >= count);
        assert!(enough.await, "{} of {count}", self.taken.lock().len());
        self.taken.lock().clone()
    }
}

async fn say(stream: &mut BufReader<TcpStream>, text: &str) -> Option<()> {
    stream.write_all(format!("{text}\r\n").as_bytes()).await.ok()
}

async fn hear(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await.ok()?;
    (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
}

impl Taken {
    fn head(&self) -> &str {
        self.data.split_once("\r\n\r\n").unwrap().0
    }

    fn header(&self, name: &str) -> String {
        let unfolded = self.head().replace("\r\n ", " ");
        let found = unfolded
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        words(&found.unwrap_or_default())
    }

    /// Plain text and HTML, decoded.
    fn parts(&self) -> [String; 2] {
        let (_, rest) = self.data.split_once("boundary=\"").unwrap();
        let boundary = rest.split_once('"').unwrap().0;
        let boundary = format!("--{boundary}");
        let parts = self.data.split(&boundary).skip(1).take(2);
        let decoded: Vec<String> = parts.map(decoded).collect();
        decoded.try_into().unwrap()
    }
}

fn decoded(part: &str) -> String {
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    let bytes = if head.contains("base64") {
        STANDARD.decode(body.replace("\r\n", "")).unwrap()
    } else if head.contains("quoted-printable") {
        let joined = body.replace("=\r\n", "");
        let mut pieces = joined.split('=');
        let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
        for piece in pieces {
            bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
            bytes.extend(&piece.as_bytes()[2..]);
        }
        bytes
    } else {
        body.as_bytes().to_vec()
    };
    String::from_utf8(bytes).unwrap()
}

/// Encoded words of a header as text: the space between two of them is none.
fn words(value: &str) -> String {
    let (mut text, mut was_encoded) = (String::new(), true);
    for word in value.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        if !(text.is_empty() || was_encoded && encoded.is_some()) {
            text.push(' ');
        }
        match encoded {
            Some(word) => text.push_str(&String::from_utf8(STANDARD.decode(word).unwrap()).unwrap()),
            None => text.push_str(word),
        }
        was_encoded = encoded.is_some();
    }
    text
}

async fn buy(booth: &Booth, visitor: &str, more: Value) -> Answer {
    let mut order = json!({"event": "gala", "seats": 2, "name": "Ada"});
    for (name, value) in more.as_object().unwrap() {
        order[name] = value.clone();
    }
    booth.book(visitor, None, order).await
}

impl Booth {
    async fn mail(&self) -> Value {
        let request = self
            .get("/api/v1/organiser/deliveries")
            .bearer_auth(crate::support::TOKEN);
        let deliveries: Value = request.send().await.unwrap().json().await.unwrap();
        deliveries["targets"][0].clone()
    }

    async fn mail_until(&self, what: impl Fn(&Value) -> bool) -> Value {
        let there = wait_until_async(SOON, async || what(&self.mail().await));
        assert!(there.await, "{}", self.mail().await);
        self.mail().await
    }
}

#[tokio::test]
async fn a_confirmation_in_the_buyers_language_with_a_link_that_works() {
    let relay = Relay::open(&[]).await;
    let booth = relay.booth().await;
    for (visitor, language, subject, line) in [
        ("a", "en", "Your tickets for <b>gala</b>", "Thank you."),
        ("b", "ko-KR", "<b>gala</b> 티켓 안내", "주문이 완료되었습니다"),
        ("c", "th", "บัตรของคุณสำหรับ <b>gala</b>", "คำสั่งซื้อของคุณเสร็จสมบูรณ์แล้ว"),
        ("d", "vi", "Vé của bạn: <b>gala</b>", "Đơn hàng của bạn đã hoàn tất"),
        ("e", "tlh", "Your tickets for <b>gala</b>", "Thank you."),
    ] {
        let email = format!("{visitor}@example.org");
        let booked = buy(&booth, visitor, json!({"email": email, "language": language})).await;
        let count = relay.taken.lock().len() + 1;
        let mail = relay.taken(count).await[count - 1].clone();
        assert_eq!(mail.to, [format!("RCPT TO:<{email}>")]);
        assert!(mail.from.contains("<tickets@example.org>"), "{}", mail.from);
        assert_eq!(mail.header("Subject"), subject);
        assert_eq!(mail.header("Auto-Submitted"), "auto-generated");
        let id = format!("<msg_{}_confirmed@tickets.example.org>", booked.reference());
        assert_eq!(mail.header("Message-ID"), id);
        let [plain, html] = mail.parts();
        assert!(plain.contains(line) && html.contains(line), "{plain}\n{html}");
        assert!(
            plain.contains(booked.reference()) && plain.contains("EUR 25.00"),
            "{plain}"
        );
        assert!(html.contains("&lt;b&gt;gala") && !html.contains("<b>gala"), "{html}");
        let link = plain.split_once("https://tickets.example.org").unwrap().1;
        let link = link.split_whitespace().next().unwrap();
        assert!(html.replace("&#x2f;", "/").contains(link), "{html}");
        let page = booth.get(link).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK, "{link}");
        assert!(page.text().await.unwrap().contains(booked.reference()));
    }
    buy(&booth, "f", json!({})).await;
    assert_eq!(
        booth.mail().await["waiting"],
        0,
        "without an address nobody is written to"
    );
}

#[tokio::test]
async fn a_busy_relay_is_asked_again_and_one_that_refuses_is_not() {
    let busy = Mood::Says("451 4.7.1 try again later");
    let relay = Relay::open(&[busy, Mood::HangsUp]).await;
    let booth = relay.booth().await;
    buy(&booth, "a", json!({"email": "ada@example.org"})).await;
    for attempts in 1..=2_u64 {
        let mail = booth
            .mail_until(|mail| mail["first_waiting"][0]["attempts"] == attempts)
            .await;
        let why = mail["first_waiting"][0]["why"].as_str().unwrap();
        assert!(attempts == 2 || why.contains("451"), "{why}");
        booth.pass_time(30_000);
    }
    relay.taken(1).await;
    booth.mail_until(|mail| mail["delivered"] == 1).await;
    relay.moods.lock().push_back(Mood::Says("550 5.1.1 no such mailbox"));
    buy(&booth, "b", json!({"email": "nobody@example.org"})).await;
    let mail = booth.mail_until(|mail| mail["parked"] == 1).await;
    assert!(
        mail["first_parked"][0]["why"]
            .as_str()
            .unwrap()
            .contains("no such mailbox"),
        "{mail}"
    );
    booth.pass_time(86_400_000);
    let replayed = booth.organise("/replays", json!({"target": "mail"})).await;
    assert_eq!(replayed.body, json!({"replayed": 1}));
    assert_eq!(relay.taken(2).await[1].to, ["RCPT TO:<nobody@example.org>"]);
}

#[tokio::test]
async fn h18_nothing_that_a_stranger_types_becomes_a_header() {
    let relay = Relay::open(&[]).await;
    let booth = relay.booth().await;
    for email in [
        "ada",
        "a@b",
        "ada@example.org\r\nBcc: eve@example.org",
        "a@example.org, eve@example.org",
        "",
        "<a@example.org>",
    ] {
        let answer = buy(&booth, "v", json!({"email": email})).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::BAD_REQUEST, "bad-address"),
            "{email:?}"
        );
    }
    for language in ["", "en\r\nX: y", "en_GB"] {
        let answer = buy(&booth, "v", json!({"email": "a@example.org", "language": language})).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (StatusCode::BAD_REQUEST, "bad-order"),
            "{language:?}"
        );
    }
    let hostile = "Ada\" <eve@example.org>, =?utf-8?b?WA==?= \u{2028}Bcc: eve@example.org";
    buy(&booth, "v", json!({"email": "ada@example.org", "name": hostile})).await;
    let mail = relay.taken(1).await[0].clone();
    assert_eq!(mail.to, ["RCPT TO:<ada@example.org>"]);
    let names: Vec<&str> = mail
        .head()
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .collect();
    let known = [
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Date",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];
    for line in &names {
        let name = line.split_once(':').unwrap().0;
        assert!(known.contains(&name), "{line}");
    }
    assert_eq!(names.iter().filter(|line| line.starts_with("To:")).count(), 1);
    assert!(!mail.head().contains("eve@example.org"), "{}", mail.head());
}

/// The page asks for an address where there is a relay, and speaks of it afterwards.
#[tokio::test]
async fn the_basket_asks_for_an_address() {
    let relay = Relay::open(&[]).await;
    let booth = relay.booth().await;
    let form = async |path: &str, body: &str| {
        let request = booth
            .post(path)
            .header("stanchion-pass", booth.signer.pass("ada"))
            .header("accept", "text/html");
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept-language", "vi,en;q=0.5");
        let answer = request.body(body.to_owned()).send().await.unwrap();
        (
            answer.status(),
            answer.url().path().to_owned(),
            answer.text().await.unwrap(),
        )
    };
    // The client follows to the basket, with the pass.
    let (_, basket, page) = form("/basket", "event=gala&count=1").await;
    assert!(page.contains("type=\"email\""), "{page}");
    let (status, _, page) = form(&basket, "name=Ada&email=ada&card=approve").await;
    assert!(
        status == StatusCode::BAD_REQUEST && page.contains("Địa chỉ e-mail này không dùng được"),
        "{page}"
    );
    let (_, _, page) = form(&basket, "name=Ada&email=ada%40example.org&card=approve").await;
    assert!(page.contains("Vé cũng đang được gửi đến ada@example.org"), "{page}");
    assert_eq!(relay.taken(1).await[0].header("Subject"), "Vé của bạn: <b>gala</b>");
}
