//! What Stripe is reached with. Secrets are checked once, here, and never shown. Refuses to know files and environments.

use std::fmt;

use url::Url;

/// Stripe itself.
const STRIPE: &str = "https://api.stripe.com/";
/// Secrets of webhooks: the new one and those that are going.
const MAX_SECRETS: usize = 4;
const MAX_LENGTH: usize = 255;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StripeSettings {
    pub key: StripeSecret,
    /// Each is good for webhooks; none: no webhooks are taken.
    pub webhook_secrets: Vec<StripeSecret>,
    /// Where the API is.
    pub api: Url,
    /// Visitors come back to an order's page below this address from their bank. Without it nobody can be sent to one.
    pub site: Option<Url>,
}

/// Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct StripeSecret(String);

impl fmt::Debug for StripeSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StripeSecret(…)")
    }
}

impl StripeSecret {
    fn read(text: &str, prefixes: &[&str]) -> Option<StripeSecret> {
        let plain = text.len() <= MAX_LENGTH && text.bytes().all(|byte| byte.is_ascii_graphic());
        let known = prefixes
            .iter()
            .any(|prefix| text.len() > prefix.len() && text.starts_with(prefix));
        (plain && known).then(|| StripeSecret(text.to_owned()))
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl StripeSettings {
    /// From the key's text and that of the webhooks' secrets, one a line.
    ///
    /// # Errors
    /// In words, and never with a secret in them.
    pub fn read(key: &str, webhook_secrets: &str) -> Result<StripeSettings, String> {
        let key = StripeSecret::read(key.trim(), &["sk_", "rk_"]).ok_or("Stripe's key begins with sk_ or rk_")?;
        let secrets = webhook_secrets.split_whitespace().map(|text| {
            StripeSecret::read(text, &["whsec_"])
                .ok_or_else(|| "a secret of Stripe's webhooks begins with whsec_".to_owned())
        });
        let webhook_secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        if webhook_secrets.len() > MAX_SECRETS {
            return Err(format!("at most {MAX_SECRETS} secrets of Stripe's webhooks"));
        }
        Ok(StripeSettings {
            key,
            webhook_secrets,
            api: Url::parse(STRIPE).map_err(|error| error.to_string())?,
            site: None,
        })
    }

    /// # Errors
    /// Where this is no address that a key may be sent to: only this machine is spoken to without TLS.
    pub fn at(mut self, api: Url) -> Result<StripeSettings, String> {
        let near = matches!(api.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        match api.scheme() {
            "https" => {}
            "http" if near => {}
            _ => return Err("Stripe's address must begin with https://".to_owned()),
        }
        self.api = api;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_checked_and_never_shown() {
        let settings = StripeSettings::read(" sk_test_s3cr3t\n", "whsec_s3cr3t\nwhsec_n3xt\n").unwrap();
        assert_eq!(settings.webhook_secrets.len(), 2);
        let shown = format!("{settings:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("n3xt"), "{shown}");
        for (key, secrets) in [
            ("pk_s3cr3t", ""),
            ("sk_", ""),
            ("sk_s3cr3t x", ""),
            ("sk_ok", "s3cr3t"),
            ("sk_ok", "whsec_"),
        ] {
            let error = StripeSettings::read(key, secrets).unwrap_err();
            assert!(!error.contains("s3cr3t"), "{error}");
        }
        assert!(StripeSettings::read("sk_ok", &"whsec_a ".repeat(5)).is_err());
        for (address, good) in [
            ("http://127.0.0.1:1/", true),
            ("https://api.stripe.com/", true),
            ("http://api.stripe.com/", false),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(
                settings.clone().at(Url::parse(address).unwrap()).is_ok(),
                good,
                "{address}"
            );
        }
    }
}
