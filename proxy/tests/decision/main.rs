//! The decision service from outside: what it makes of whatever proxies and visitors send, on the wire; then real
//! proxies with the sample configurations of `deploy/`, before a real edge and an origin.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../e2e/mod.rs"]
mod e2e;
#[path = "../hostile/mod.rs"]
mod hostile;

mod asking;
mod caddy;
mod dialects;
mod direct;
mod fronts;
mod nginx;
mod samples;
mod tellings;
