//! Passes: the signed proof of a session, for the origin.
