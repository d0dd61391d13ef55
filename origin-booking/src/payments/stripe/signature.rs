//! `Stripe-Signature`: `t=SECONDS,v1=HEX[,v1=HEX…]`, an HMAC-SHA256 over `SECONDS.BODY` by one of the secrets. Other
//! schemes in the header are passed over.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::settings::StripeSecret;

/// How far the moment of signing may be from now, either way.
const TOLERANCE_S: u64 = 5 * 60;
/// Most signatures of one header that are looked at.
const MAX_SIGNATURES: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flaw {
    Malformed,
    /// Signed too long ago, or in the future.
    Untimely,
    /// By none of the secrets.
    Foreign,
}

pub(super) fn check(header: &str, body: &[u8], secrets: &[StripeSecret], now_s: u64) -> Result<(), Flaw> {
    let mut parts = header.split(',').filter_map(|part| part.trim().split_once('='));
    let at = parts
        .clone()
        .find(|(name, _)| *name == "t")
        .map(|(_, at)| at)
        .ok_or(Flaw::Malformed)?;
    let at_s: u64 = at.parse().map_err(|_| Flaw::Malformed)?;
    let signatures: Vec<Vec<u8>> = parts
        .by_ref()
        .filter(|(name, _)| *name == "v1")
        .take(MAX_SIGNATURES)
        .filter_map(|(_, hex)| bytes(hex))
        .collect();
    if signatures.is_empty() {
        return Err(Flaw::Malformed);
    }
    let is_by = |secret: &StripeSecret| {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
            return false;
        };
        mac.update(at.as_bytes());
        mac.update(b".");
        mac.update(body);
        // Compared in constant time.
        signatures
            .iter()
            .any(|signature| mac.clone().verify_slice(signature).is_ok())
    };
    if !secrets.iter().any(is_by) {
        return Err(Flaw::Foreign);
    }
    match at_s.abs_diff(now_s) <= TOLERANCE_S {
        true => Ok(()),
        false => Err(Flaw::Untimely),
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    (hex.len() == 64).then(|| pairs.map(byte).collect()).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::settings::StripeSettings;
    use super::*;

    fn secrets(text: &str) -> Vec<StripeSecret> {
        StripeSettings::read("sk_test", text).unwrap().webhook_secrets
    }

    fn signed(at_s: u64, body: &str, secret: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at_s}.{body}").as_bytes());
        let hex: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("t={at_s},v1={hex}")
    }

    /// Made with `printf '1492774577.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test_secret`.
    #[test]
    fn a_signature_that_another_program_made() {
        let header = "t=1492774577,v1=799c4ba7bb339f3c8601adfd112f0e477c930a268be1243d341abb8286501c2f,v0=6ffb";
        let check = |body: &[u8], now_s| check(header, body, &secrets("whsec_test_secret"), now_s);
        assert_eq!(check(b"{\"id\":\"evt_1\"}", 1_492_774_577), Ok(()));
        assert_eq!(check(b"{\"id\":\"evt_2\"}", 1_492_774_577), Err(Flaw::Foreign));
    }

    #[test]
    fn a2_time_rotation_and_forgery() {
        let both = secrets("whsec_old whsec_new");
        for secret in ["whsec_old", "whsec_new"] {
            assert_eq!(check(&signed(1_000, "{}", secret), b"{}", &both, 1_000), Ok(()));
        }
        let good = signed(1_000, "{}", "whsec_new");
        for (now_s, then) in [
            (1_300, Ok(())),
            (1_301, Err(Flaw::Untimely)),
            (700, Ok(())),
            (699, Err(Flaw::Untimely)),
        ] {
            assert_eq!(check(&good, b"{}", &both, now_s), then, "{now_s}");
        }
        // During a rotation there are two signatures; one that is good is enough.
        let two = format!(
            "{},{}",
            signed(1_000, "{}", "whsec_gone"),
            good.split_once(',').unwrap().1
        );
        assert_eq!(check(&two, b"{}", &both, 1_000), Ok(()));
        let other_time = good.replace("t=1000", "t=1001");
        for forged in [other_time.as_str(), &signed(1_000, "{}", "whsec_other")] {
            assert_eq!(check(forged, b"{}", &both, 1_000), Err(Flaw::Foreign), "{forged}");
        }
        let (time, mac) = good.split_once(',').unwrap();
        let (short, long) = (format!("{time},v1=ab"), format!("{good}ab"));
        let old_scheme = format!("{time},{}", mac.replace("v1=", "v0="));
        for malformed in [
            "",
            "t=",
            "t=x,v1=00",
            time,
            mac,
            &short,
            &long,
            &old_scheme,
            "t=1000,v1=é",
            "é",
        ] {
            assert_eq!(
                check(malformed, b"{}", &both, 1_000),
                Err(Flaw::Malformed),
                "{malformed}"
            );
        }
        assert_eq!(
            check(&good, b"{}", &[], 1_000),
            Err(Flaw::Foreign),
            "no secret, no webhook"
        );
    }
}
