//! `stanchion serve`: configuration to running listeners, reload, graceful stop and upgrade.

pub mod checkpoint;
