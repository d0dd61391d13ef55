//! The service as its clients meet it (O1, O2, O3, H18): over HTTP, on a database in a folder of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests, outside #[test] functions

mod api;
mod booking;
mod claims;
mod crash;
mod door;
mod edges;
mod every_page;
mod goods;
mod hostile;
mod idempotency;
mod live;
mod mail;
mod office;
mod openapi;
mod pages;
mod payments;
mod race;
mod schemathesis;
mod shopping;
mod standby;
mod stripe;
mod support;
mod tickets;
mod trouble;
mod webhooks;
