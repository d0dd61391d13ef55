//! Tickets: the signed place, held by the visitor.
