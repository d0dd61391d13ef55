//! A room's state machine: the pure twin of the Lua scripts.
