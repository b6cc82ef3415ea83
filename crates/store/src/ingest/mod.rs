//! What capture keeps: gateways, gaps, the inbox and outbox, rooms as announced, contacts and members. Written by
//! `ingest` alone.

mod contacts;
pub mod gaps;
pub mod gateways;
pub mod inbox;
pub mod outbox;
pub mod rooms;

pub use contacts::{Contact, Coworker, corporation, coworkers, remember_contacts};
