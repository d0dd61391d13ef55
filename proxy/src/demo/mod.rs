//! `cargo demo`: the whole system in one process, with a crowd that really speaks HTTP.
