//! The edge: guard, listeners, strict HTTP, forwarding. Asks a `Gate` what to do with each request.
//!
//! A connection is accepted and counted (`listen`), says whom it speaks for where that is asked (`preface`), is watched over (`guard`), and speaks HTTP/1 (`h1`) or HTTP/2
//! (`h2`). Each request is made strict and canonical (`request`, `path`, `host`, `client_ip`, `fields`: all pure),
//! the gate is asked (`core`), and the request is answered at once (`answer`) or forwarded by Pingora (`proxy`,
//! `rewrite`, `origin`).

mod answer;
mod client_ip;
mod core;
mod decision;
mod failure;
mod fields;
mod figures;
pub mod gate;
mod guard;
mod h1;
mod h2;
mod handle;
pub(crate) mod host;
mod listen;
mod memory;
mod origin;
mod path;
mod preface;
mod proxy;
mod refusal;
mod request;
mod rewrite;
mod settings;
mod stats;
mod tls;

pub use client_ip::Trusted;
pub use figures::{ANSWER_CLASSES, Figures, OriginFigures, ReadFigures};
pub use guard::count::Prefix;
pub use guard::deadline::Deadlines;
pub use guard::head::HeadLimits;
pub use guard::stream::Tolerance;
pub use handle::{EdgeHandle, UnderWay, start};
pub use host::Hosts;
pub use refusal::Refusal;
pub use settings::{CertificateFiles, ConnectionCaps, EdgeSettings, ListenerSettings, OriginSettings};
pub use stats::Stats;
