//! E-mail to whoever bought: the words of their language, as plain text and as HTML, by SMTP to the organiser's relay.
//! What the relay refuses for good (5xx) is put aside; everything else is tried again.

use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::settings::MailSettings;
use super::words::{Languages, fill};
use super::{Carrier, Letter};
use crate::shop::order::Method;
use crate::shop::outbox::{Kind, Outcome};
use crate::shown::seat;

/// For each answer of the relay.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Mail {
    relay: AsyncSmtpTransport<Tokio1Executor>,
    writing: Writing,
}

impl Mail {
    pub(super) fn new(settings: &MailSettings) -> anyhow::Result<Mail> {
        let host = settings.site.host_str().unwrap_or("localhost").to_owned();
        let relay = AsyncSmtpTransport::<Tokio1Executor>::from_url(settings.server.reveal())
            .map_err(|_| anyhow::anyhow!("mail: server is not an address of a relay"))?
            .hello_name(ClientId::Domain(host.clone()))
            .timeout(Some(PATIENCE))
            .build();
        let writing = Writing::new(settings.from.clone(), settings.site.as_str(), host)?;
        Ok(Mail { relay, writing })
    }
}

#[async_trait]
impl Carrier for Mail {
    async fn carry(&self, letter: &Letter, _: u64) -> Outcome {
        let message = match self.writing.message(letter) {
            Ok(message) => message,
            Err(why) => return Outcome::Refused { why },
        };
        match self.relay.send(message).await {
            Ok(_) => Outcome::Delivered,
            Err(error) if error.is_permanent() => Outcome::Refused { why: said(&error) },
            Err(error) => Outcome::Failed {
                why: said(&error),
                pause_ms: 0,
            },
        }
    }
}

/// With the reason behind it.
fn said(error: &lettre::transport::smtp::Error) -> String {
    let inner = std::error::Error::source(error).map(|inner| format!(": {inner}"));
    let text = error.to_string();
    match inner {
        Some(inner) if !text.contains(&inner) => text + &inner,
        _ => text,
    }
}

/// From a letter to a message. Knows no network.
struct Writing {
    from: Mailbox,
    /// Links begin with it; no slash at the end.
    site: String,
    host: String,
    languages: Languages,
    layout: Environment<'static>,
}

impl Writing {
    fn new(from: Mailbox, site: &str, host: String) -> anyhow::Result<Writing> {
        let mut layout = Environment::new();
        // By the end of the name the engine knows what to escape.
        layout.add_template("mail.html", include_str!("templates/mail.html"))?;
        layout.add_template("mail.txt", include_str!("templates/mail.txt"))?;
        Ok(Writing {
            from,
            site: site.trim_end_matches('/').to_owned(),
            host,
            languages: Languages::new()?,
            layout,
        })
    }

    fn message(&self, letter: &Letter) -> Result<Message, String> {
        let order = &letter.about;
        let email = order.contact.email.as_deref().ok_or("the order has no address")?;
        let address: Address = email.parse().map_err(|_| "the address is not one".to_owned())?;
        let (language, words) = (self.languages.of(order.contact.language.as_deref())).ok_or("there are no words")?;
        let news = words.news(letter.kind).ok_or("nobody is written to about that")?;
        let event = letter.event.as_ref().map_or("", |event| event.title.as_str());
        let name = order.name.as_deref().unwrap_or(email);
        let values = [("event", event), ("name", name)];
        let link = match letter.kind {
            Kind::Confirmed => letter.link.clone(),
            Kind::Offered => letter.own.clone(),
            _ => None,
        };
        let filled = context! {
            language, words => Value::from(Serde(words)), hello => fill(&words.hello, &values), text => fill(&news.text, &values),
            subject => fill(&news.subject, &values), event => Value::from(Serde(&letter.event)),
            order => Value::from(Serde(&letter.order)), seats => seats(letter, &words.seat), offered => letter.kind == Kind::Offered,
            link => link.map(|link| format!("{}{link}", self.site)), total => total(letter),
            door => letter.kind == Kind::Confirmed && order.method == Some(Method::Door),
        };
        let render = |name: &str| -> Result<String, String> {
            let template = self.layout.get_template(name).map_err(|error| error.to_string())?;
            template.render(&filled).map_err(|error| error.to_string())
        };
        let (plain, html) = (render("mail.txt")?, render("mail.html")?);
        let id = format!("<{}@{}>", letter.id, self.host);
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(
                order.name.clone().map(|name| fill("{name}", &[("name", &name)])),
                address,
            ))
            .subject(fill(&news.subject, &values))
            .message_id(Some(id))
            .date(UNIX_EPOCH + Duration::from_millis(letter.at_ms))
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ))
            .multipart(MultiPart::alternative_plain_html(plain, html))
            .map_err(|error| error.to_string())
    }
}

/// As people say them.
fn seats(letter: &Letter, pattern: &str) -> Vec<String> {
    let names = letter.order["seats"].as_array().into_iter().flatten();
    (names.filter_map(serde_json::Value::as_str))
        .map(|name| seat(pattern, name))
        .collect()
}

fn total(letter: &Letter) -> String {
    let minor = letter.about.total_minor();
    let currency = letter.event.as_ref().map_or("", |event| event.price.currency.as_str());
    format!("{currency} {}.{:02}", minor / 100, minor % 100)
}
