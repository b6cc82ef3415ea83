//! What `performance` has counted. Written by it alone; everything can be derived again from what others own.

pub mod board;
pub mod days;
pub mod details;
pub mod huoban;
pub mod inputs;
pub mod links;
pub mod messages;
pub mod rooms;
pub mod silences;
pub mod waits;
