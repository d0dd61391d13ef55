//! Real servers for tests: started on free ports with their data in temporary folders, stopped by
//! process id when dropped, also when the test panics or its process is killed. Never part of the product.
//!
//! A test that lacks its server fails and names the command that installs it; nothing is skipped.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test helper that cannot do its work fails the test loudly"
)]

pub mod browser;
pub mod net;
pub mod postgres;
pub mod process;
pub mod python;
pub mod redis;

pub use net::{Pipe, free_port, wait_until, wait_until_async};
pub use postgres::Postgres;
pub use process::{Process, Signal};
pub use python::python_program;
pub use redis::{Data, Redis, RedisCluster, RedisSentinel};
