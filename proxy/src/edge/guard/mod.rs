//! The edge guard: what stands between a socket and everybody else. Time, size and number limits, and the refusal of
//! every request that could be read in two ways. It knows bytes and deadlines, and nothing of rooms or origins.

mod as_stream;
pub mod body;
pub mod count;
pub mod deadline;
mod frames;
pub mod head;
mod output;
pub mod stream;
pub mod wire;
