//! What travels on the bus: subjects and payloads.
//!
//! Payloads are versioned wire types, kept apart from domain types so that either can change alone; each version has a
//! frozen golden sample in `golden/` that must stay readable for ever. Nothing here talks to a bus.

#![warn(missing_docs)]

pub mod beat;
pub mod chat;
pub mod command;
pub mod room;
pub mod subject;
mod wire;

pub use wire::{DecodeError, decode, encode};
