//! Ticket keys and pass keys, with rotation. Bytes in, bytes out; files are somebody else's.
