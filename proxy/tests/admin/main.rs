//! The admin plane over a real listener, with a port of the test's own or a real agent behind it.

#![allow(clippy::expect_used, clippy::panic)] // a broken set-up is a failed test

mod change;
mod cli;
mod door;
mod line;
mod openapi;
mod support;
