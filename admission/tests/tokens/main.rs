//! Tickets, passes and keys against everything that THREATS section 6 lists, with exact verdicts (T1, T2, T3, T5).

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests, outside #[test] functions

mod cache;
mod cross;
mod key_files;
mod pass_claims;
mod pass_headers;
mod pass_signatures;
mod passes;
mod properties;
mod rotation;
mod support;
mod tickets;
