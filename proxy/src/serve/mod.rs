//! `stanchion serve`: configuration to running listeners, reload, graceful stop and upgrade.

mod alone;
pub mod assemble;
mod back_office;
mod bind;
pub mod checkpoint;
pub mod handover;
pub mod keeper;
mod main;
mod places;
mod reload;
mod start;
mod stopping;
mod store;
mod store_watch;
mod watch;

pub use bind::Bound;
pub use main::main;
pub use start::{Running, start};
