//! Certificates: loaded from files, shown by name, replaced while the edge runs. A broken file keeps the old ones.

use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::settings::CertificateFiles;

/// A listener's certificates.
#[derive(Debug)]
pub struct Certificates {
    config: ArcSwap<ServerConfig>,
}

const HTTP1: &[u8] = b"http/1.1";

impl Certificates {
    pub fn load(files: &[CertificateFiles]) -> anyhow::Result<Certificates> {
        Ok(Certificates {
            config: ArcSwap::new(read(files)?),
        })
    }

    /// Replaces all certificates, or none.
    pub fn reload(&self, files: &[CertificateFiles]) -> anyhow::Result<()> {
        self.config.store(read(files)?);
        Ok(())
    }

    pub fn acceptor(&self, http2: bool) -> tokio_rustls::TlsAcceptor {
        let config = self.config.load_full();
        if http2 {
            return config.into();
        }
        let mut config = ServerConfig::clone(&config);
        config.alpn_protocols = vec![HTTP1.to_vec()];
        Arc::new(config).into()
    }
}

fn read(files: &[CertificateFiles]) -> anyhow::Result<Arc<ServerConfig>> {
    anyhow::ensure!(!files.is_empty(), "a TLS listener needs a certificate");
    let shown = files.iter().map(read_one).collect::<anyhow::Result<Vec<_>>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName { shown }));
    config.alpn_protocols = vec![b"h2".to_vec(), HTTP1.to_vec()];
    Ok(Arc::new(config))
}

fn read_one(files: &CertificateFiles) -> anyhow::Result<(Vec<String>, Arc<CertifiedKey>)> {
    let chain = CertificateDer::pem_file_iter(&files.chain)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("cannot read certificates from {}", files.chain.display()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("cannot read a key from {}", files.key.display()))?;
    let key = ring::sign::any_supported_type(&key)
        .with_context(|| format!("the key in {} cannot be used", files.key.display()))?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().with_context(|| {
        format!(
            "the key in {} does not belong to {}",
            files.key.display(),
            files.chain.display()
        )
    })?;
    Ok((
        files.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        Arc::new(certified),
    ))
}

#[derive(Debug)]
struct ByName {
    shown: Vec<(Vec<String>, Arc<CertifiedKey>)>,
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let wanted = hello.server_name().map(str::to_ascii_lowercase);
        let named = wanted.and_then(|name| {
            self.shown
                .iter()
                .find(|(hosts, _)| hosts.iter().any(|host| covers(host, &name)))
        });
        named.or(self.shown.first()).map(|(_, key)| key.clone())
    }
}

/// `*.example` covers exactly one label.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(parent) => name
            .split_once('.')
            .is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn a_star_covers_one_label() {
        for (pattern, name, want) in [
            ("a.example", "a.example", true),
            ("*.example", "a.example", true),
            ("*.example", "a.b.example", false),
            ("*.example", "example", false),
            ("a.example", "b.example", false),
        ] {
            assert_eq!(covers(pattern, name), want, "{pattern} {name}");
        }
    }
}
