//! Checks a Stanchion pass: `verify JWKS-URL AUDIENCE PASS`. Prints the subject and exits 0, or says why not and exits 1.
//!
//! Cargo.toml:
//!   jsonwebtoken = { version = "11", default-features = false, features = ["aws_lc_rs"] }
//!   reqwest = { version = "0.13", features = ["json"] }
//!   serde = { version = "1", features = ["derive"] }
//!   tokio = { version = "1", features = ["full"] }

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

// In a service, fetch the key set once, keep it for five minutes, and fetch it again (at most every ten seconds) when
// a pass names a key that is not in it.
pub async fn verify(jwks_url: &str, audience: &str, pass: &str) -> Result<String, String> {
    if pass.len() > 1024 {
        return Err("too long".into());
    }
    let header = decode_header(pass).map_err(|e| e.to_string())?;
    if header.typ.as_deref() != Some("stanchion-pass+jwt") {
        return Err("not a pass".into());
    }
    let kid = header.kid.ok_or("no key id")?;
    let keys: JwkSet = async { reqwest::get(jwks_url).await?.error_for_status()?.json().await }
        .await
        .map_err(|e: reqwest::Error| e.to_string())?;
    let jwk = keys.find(&kid).ok_or("unknown key")?;

    // The algorithm belongs to the key. What the pass says about it is only compared.
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        _ => return Err("not a key for passes".into()),
    };
    let mut rules = Validation::new(algorithm);
    rules.set_audience(&[audience]);
    rules.set_required_spec_claims(&["exp", "nbf", "aud", "sub"]);
    rules.validate_nbf = true;
    rules.leeway = 30;
    let key = DecodingKey::from_jwk(jwk).map_err(|e| e.to_string())?;
    let pass = decode::<Claims>(pass, &key, &rules).map_err(|e| e.to_string())?;
    Ok(pass.claims.sub)
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, audience, pass] = arguments.as_slice() else {
        eprintln!("usage: verify JWKS-URL AUDIENCE PASS");
        return std::process::ExitCode::FAILURE;
    };
    match verify(url, audience, pass).await {
        Ok(subject) => println!("{subject}"),
        Err(why) => {
            eprintln!("{why}");
            return std::process::ExitCode::FAILURE;
        }
    }
    std::process::ExitCode::SUCCESS
}
