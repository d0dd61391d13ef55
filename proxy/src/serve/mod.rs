//! `stanchion serve`: configuration to running listeners, reload, graceful stop and upgrade.

pub mod assemble;
mod back_office;
pub mod checkpoint;
pub mod handover;
pub mod keeper;
mod main;
mod places;
mod reload;
mod start;
mod store_watch;

pub use main::main;
pub use start::{Bound, Running, start};
