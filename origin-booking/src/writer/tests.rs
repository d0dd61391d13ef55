//! A writer on journals that fail, die, and come back (O4, I19): nobody hears of what was not kept, nothing that was
//! heard is lost, nothing is sold twice, and there is one writer at a time.

mod away;
mod exactly;
mod killed;
mod races;
mod standby;
mod support;
