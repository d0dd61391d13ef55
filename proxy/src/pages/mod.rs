//! What a visitor sees: the waiting page in their language, and the same as JSON.

pub mod view;
