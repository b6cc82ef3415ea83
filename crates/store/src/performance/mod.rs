//! What `performance` has counted. Written by it alone; everything can be derived again from what others own.

pub mod days;
pub mod inputs;
pub mod messages;
pub mod rooms;
pub mod waits;
