//! A small booking service: the kind of origin that a waiting room protects. Lets nobody in without a pass, sells
//! what there is and never more, and answers only after what it says is on the disk.
//!
//! Stands alone: it trusts an address with public keys and knows nothing else of whoever signs the passes.

mod audit;
pub mod clock;
pub mod engine;
mod journal;
mod letters;
pub mod pass;
pub mod payments;
pub mod post;
mod service;
pub mod shop;
mod shown;
mod tickets;
mod web;
mod writer;

pub use audit::Audit;
pub use journal::Database;
pub use pass::KeySource;
pub use service::{Config, MIN_TOKEN, Running, serve};
pub use web::openapi::document as openapi;

/// Makes the backends of `jsonwebtoken` and `rustls` known to the process. Harmless to call again.
pub fn install_crypto() {
    // Errors mean that a provider is already there, which is what was wanted.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let _ = rustls::crypto::ring::default_provider().install_default();
}
