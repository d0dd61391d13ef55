//! A test for each sentence of docs/ADMISSION.md, told on one room.

pub mod claiming;
pub mod entering;
pub mod granting;
pub mod losing;
pub mod paying;
pub mod proving;
pub mod telling;
pub mod waiting;
