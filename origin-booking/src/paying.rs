//! The command line's words about payments: who moves the money, and where its secrets are.

use std::sync::Arc;

use anyhow::Context;
use clap::ValueEnum;
use stanchion_booking::payments::stripe::{Stripe, StripeSettings};
use stanchion_booking::payments::{Provider, Simulated};
use url::Url;

/// Longest file with a secret.
const MAX_SECRET: u64 = 4_096;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Payments {
    /// Nobody pays anything.
    Simulated,
    Stripe,
}

#[derive(clap::Args)]
pub struct Paying {
    /// Who moves the money.
    #[arg(long, value_name = "WHO", default_value = "simulated")]
    payments: Payments,
    /// Stripe's secret key: a file, or $NAME of an environment variable.
    #[arg(long, value_name = "FILE", required_if_eq("payments", "stripe"))]
    stripe_key_file: Option<String>,
    /// The secrets of Stripe's webhooks, one a line: a file, or $NAME of an environment variable. Without it none are taken.
    #[arg(long, value_name = "FILE")]
    stripe_webhook_secret_file: Option<String>,
    /// Another address than Stripe's own, for tests.
    #[arg(long, value_name = "URL")]
    stripe_url: Option<Url>,
}

impl Paying {
    /// `front_door`: where visitors come back to from their bank, if that is a whole address.
    pub fn choose(self, front_door: &str) -> anyhow::Result<Arc<dyn Provider>> {
        if self.payments == Payments::Simulated {
            return Ok(Arc::new(Simulated::default()));
        }
        let key = secret(self.stripe_key_file.as_deref().unwrap_or_default())?;
        let webhooks = self.stripe_webhook_secret_file.as_deref().map(secret).transpose()?;
        if webhooks.is_none() {
            tracing::warn!("without --stripe-webhook-secret-file it takes longer to hear what became of a payment");
        }
        let mut settings = StripeSettings::read(&key, &webhooks.unwrap_or_default()).map_err(anyhow::Error::msg)?;
        if let Some(api) = self.stripe_url {
            settings = settings.at(api).map_err(anyhow::Error::msg)?;
        }
        settings.site = Url::parse(front_door).ok().filter(Url::has_host);
        Ok(Arc::new(Stripe::new(&settings)?))
    }
}

/// The text of a file, or of an environment variable.
fn secret(place: &str) -> anyhow::Result<String> {
    if let Some(name) = place.strip_prefix('$') {
        return std::env::var(name).with_context(|| format!("the environment has no {name}"));
    }
    let size = std::fs::metadata(place).with_context(|| place.to_owned())?.len();
    anyhow::ensure!(size <= MAX_SECRET, "{place} is too long for a secret");
    std::fs::read_to_string(place).with_context(|| place.to_owned())
}
