//! `ingest`: how messages come in, from a Wechaty gateway and from the webhook.
//!
//! It turns what the outside says into Huiyin's own facts and never judges them: what a message means for a wait is
//! `room-state`'s business.

pub mod gateway;
