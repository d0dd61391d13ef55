//! The `stanchion` edge: HTTP in front, decisions from `stanchion-admission`, nothing decided here.

pub mod admin;
pub mod cli;
pub mod config_file;
pub mod demo;
pub mod edge;
pub mod flow;
pub mod keydir;
pub mod logging;
pub mod metrics;
pub mod pages;
pub mod serve;
