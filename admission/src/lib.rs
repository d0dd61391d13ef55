//! Stanchion's decisions: who has which place, who is next, who is inside.
//!
//! Knows nothing of HTTP, files, Pingora or the wall clock. Time and randomness arrive as arguments;
//! the one clock is `clock.rs`, the one entropy source `entropy.rs`.

pub mod challenge;
pub mod clock;
pub mod edge;
pub mod entropy;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod pass;
pub mod policy;
pub mod rate;
pub mod room;
pub mod store;
pub mod ticket;
pub mod wait;
