//! The edge: guard, listeners, strict HTTP, forwarding. Asks a `Gate` what to do with each request.

pub mod gate;
