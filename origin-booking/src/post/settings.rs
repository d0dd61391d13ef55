//! Who is told, as the organiser writes it down: a TOML text to checked values. Refuses to know files; the environment
//! is asked for through a function.

use std::collections::BTreeSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lettre::message::Mailbox;
use serde::Deserialize;
use url::Url;

use crate::shop::ids::is_plain_id;
use crate::shop::outbox::{Kind, MAX_TARGETS, Target};

/// Of the Standard Webhooks specification.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// The new one and those that are going.
const MAX_SECRETS: usize = 4;
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 100..=30_000;

/// Everybody who is told what happens to orders.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct AfterSale {
    pub endpoints: Vec<Endpoint>,
    pub mail: Option<MailSettings>,
}

/// E-mail to those who buy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailSettings {
    pub server: Relay,
    pub from: Mailbox,
    /// Where links lead to.
    pub site: Url,
}

/// A relay's address: `smtp://HOST:25`, `smtps://USER:PASSWORD@HOST`. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Relay(String);

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relay(…)")
    }
}

impl Relay {
    /// A password goes to nobody over an open network.
    fn from_text(text: String) -> Result<Relay, &'static str> {
        let url = Url::parse(&text).map_err(|_| "server must be an address like smtp://127.0.0.1:25")?;
        if !matches!(url.scheme(), "smtp" | "smtps") || !url.has_host() {
            return Err("server must begin with smtp:// or smtps:// and name a host");
        }
        let near = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        let covered = url.scheme() == "smtps" || url.query() == Some("tls=required");
        match url.password().is_some() && !covered && !near {
            true => Err("a password needs smtps://, or ?tls=required at the end"),
            false => Ok(Relay(text)),
        }
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

/// A webhook.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    pub name: String,
    pub url: Url,
    /// Each signs; the receiver needs to know one.
    pub secrets: Vec<Secret>,
    pub kinds: BTreeSet<Kind>,
    pub timeout_ms: u64,
}

/// Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// From `whsec_` and base64.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Secret> {
        let bytes = STANDARD.decode(text.strip_prefix("whsec_")?).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then_some(Secret(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    webhook: Vec<WrittenWebhook>,
    mail: Option<WrittenMail>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMail {
    server: String,
    from: String,
    site: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenWebhook {
    name: String,
    url: String,
    secrets: Vec<String>,
    #[serde(default)]
    events: Option<Vec<Kind>>,
    #[serde(default = "usual_timeout_ms")]
    timeout_ms: u64,
}

fn usual_timeout_ms() -> u64 {
    10_000
}

impl AfterSale {
    /// A value that begins with `$` is the name of an environment variable.
    ///
    /// # Errors
    /// In words, and never with a secret in them.
    pub fn read(text: &str, env: impl Fn(&str) -> Option<String>) -> Result<AfterSale, String> {
        let written: Written = toml::from_str(text).map_err(|error| without_text(&error))?;
        let endpoints = written.webhook.into_iter().map(|one| one.checked(&env));
        let endpoints = endpoints.collect::<Result<Vec<_>, _>>()?;
        let names: BTreeSet<&str> = endpoints.iter().map(|one| one.name.as_str()).collect();
        if names.len() < endpoints.len() {
            return Err("two webhooks have the same name".to_owned());
        }
        if endpoints.len() >= MAX_TARGETS {
            return Err(format!("at most {} webhooks", MAX_TARGETS - 1));
        }
        let mail = written.mail.map(|mail| mail.checked(&env)).transpose()?;
        Ok(AfterSale { endpoints, mail })
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let target = |endpoint: &Endpoint| Target {
            id: endpoint.name.as_str().into(),
            kinds: endpoint.kinds.clone(),
            by_mail: false,
        };
        let mail = self.mail.as_ref().map(|_| Target {
            id: MAIL.into(),
            kinds: Kind::ALL.into_iter().filter(|kind| *kind != Kind::Paid).collect(),
            by_mail: true,
        });
        self.endpoints.iter().map(target).chain(mail).collect()
    }
}

/// The message alone: what surrounds it may be a secret.
fn without_text(error: &toml::de::Error) -> String {
    error.message().to_owned()
}

fn resolved(value: String, env: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
    match value.strip_prefix('$') {
        None => Ok(value),
        Some(name) => env(name).ok_or_else(|| format!("the environment has no {name}")),
    }
}

impl WrittenMail {
    fn checked(self, env: &impl Fn(&str) -> Option<String>) -> Result<MailSettings, String> {
        let wrong = |what: &str| format!("mail: {what}");
        let server = Relay::from_text(resolved(self.server, env)?).map_err(wrong)?;
        let from = self
            .from
            .parse()
            .map_err(|_| wrong("from must be like The Dock <tickets@example.org>"))?;
        let site = Url::parse(&self.site).ok();
        let site = site.filter(|site| matches!(site.scheme(), "http" | "https") && site.has_host());
        let site = site.filter(|site| site.query().is_none() && site.fragment().is_none());
        let site = site.ok_or_else(|| wrong("site must be an http or https address"))?;
        Ok(MailSettings { server, from, site })
    }
}

impl WrittenWebhook {
    fn checked(self, env: &impl Fn(&str) -> Option<String>) -> Result<Endpoint, String> {
        let name = self.name;
        if !is_plain_id(&name) || name == MAIL {
            return Err(format!(
                "a webhook's name is 1-40 characters of a-z, 0-9 and -, and not `{MAIL}`"
            ));
        }
        let wrong = |what: &str| format!("webhook `{name}`: {what}");
        let url = Url::parse(&self.url).ok();
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or_else(|| wrong("url must be an http or https address"))?;
        let secret = |text: String| {
            let text = resolved(text, env)?;
            Secret::from_text(&text).ok_or_else(|| wrong("a secret is `whsec_` and 24-64 bytes in base64"))
        };
        let secrets = self.secrets.into_iter().map(secret).collect::<Result<Vec<_>, _>>()?;
        if !(1..=MAX_SECRETS).contains(&secrets.len()) {
            return Err(wrong("secrets: 1-4 of them"));
        }
        if !TIMEOUT_MS.contains(&self.timeout_ms) {
            return Err(wrong("timeout_ms must be 100-30000"));
        }
        let kinds = self.events.unwrap_or_else(|| Kind::ALL.to_vec()).into_iter().collect();
        Ok(Endpoint {
            name,
            url,
            secrets,
            kinds,
            timeout_ms: self.timeout_ms,
        })
    }
}

/// The name of the one target that is no webhook.
pub(super) const MAIL: &str = "mail";

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn read(text: &str) -> Result<AfterSale, String> {
        AfterSale::read(text, |name| (name == "LEDGER").then(|| GOOD.to_owned()))
    }

    fn webhook(url: &str, rest: &str) -> String {
        format!("[[webhook]]\nname = \"ledger\"\nurl = \"{url}\"\n{rest}")
    }

    #[test]
    fn a_good_file_with_a_secret_of_the_environment() {
        let text = webhook(
            "http://10.0.0.7/in",
            "secrets = [\"$LEDGER\"]\nevents = [\"order.paid\"]",
        );
        let read = read(&text).unwrap();
        let endpoint = &read.endpoints[0];
        assert_eq!(endpoint.secrets, [Secret::from_text(GOOD).unwrap()]);
        assert_eq!(endpoint.kinds, BTreeSet::from([Kind::Paid]));
        assert!(!format!("{read:?}").contains("MfKQ"), "{read:?}");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        let short = "whsec_c2hvcnQtc2hvcnQ=";
        for (text, said) in [
            (webhook("ftp://x/", "secrets = [\"$LEDGER\"]"), "http or https"),
            (webhook("http://x/", &format!("secrets = [\"{short}\"]")), "24-64 bytes"),
            (webhook("http://x/", "secrets = [\"plain\"]"), "24-64 bytes"),
            (webhook("http://x/", "secrets = []"), "1-4 of them"),
            (webhook("http://x/", "secrets = [\"$NONE\"]"), "no NONE"),
            (
                webhook("http://x/", "secrets = [\"$LEDGER\"]\ntimeout_ms = 5"),
                "100-30000",
            ),
            (
                webhook("http://x/", "secrets = [\"$LEDGER\"]\nevents = [\"order.lost\"]"),
                "unknown variant",
            ),
            (webhook("http://x/", "secret = [\"s3cr3t\"]"), "unknown field"),
            (webhook("http://x/", "secrets = [s3cr3t]"), ""),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
            assert!(!error.contains("c2hv") && !error.contains("s3cr3t"), "{error}");
        }
        let mail = |server: &str, from: &str, site: &str| {
            format!("[mail]\nserver = \"{server}\"\nfrom = \"{from}\"\nsite = \"{site}\"")
        };
        let (near, from, site) = (
            "smtp://u:s3cr3t@127.0.0.1:25",
            "The Dock <a@example.org>",
            "https://example.org",
        );
        assert!(
            !format!(
                "{:?}",
                super::AfterSale::read(&mail(near, from, site), |_| None).unwrap()
            )
            .contains("s3cr3t")
        );
        for (text, said) in [
            (mail("smtp://u:s3cr3t@mail.example.org", from, site), "smtps://"),
            (mail("http://mail.example.org", from, site), "begin with smtp"),
            (mail(near, "nobody", site), "from must be"),
            (mail(near, from, "example.org"), "site must be"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(said) && !error.contains("s3cr3t"), "{text}: {error}");
        }
        let twice = webhook("http://x/", "secrets = [\"$LEDGER\"]\n").repeat(2);
        assert!(read(&twice).unwrap_err().contains("same name"));
    }
}
