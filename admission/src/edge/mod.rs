//! What an edge knows and remembers of its rooms (pure: everything but `agent`), and the agent that batches and ticks.

pub mod agent;
pub mod answers;
mod arrival;
pub mod asked;
pub mod batches;
pub mod clock_offset;
pub mod core;
mod marks;
pub mod pace;
pub mod position;
pub mod recent;
pub mod seen;
pub mod sessions;
pub mod view;
