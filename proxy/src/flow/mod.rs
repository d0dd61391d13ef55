//! A request's way through the edge: credentials, room, admission, answer.
