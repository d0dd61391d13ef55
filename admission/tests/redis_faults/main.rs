//! The Redis store under faults (THREATS F1, F2, F4, F5, F6, F7, F8, A3): against real servers where a fault can be made
//! there, against a scripted one where it cannot.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "tests")]

mod acl;
mod addresses;
mod cluster;
mod commands;
mod fake;
mod scripted;
mod sentinel;
mod single;
mod split;
mod support;
