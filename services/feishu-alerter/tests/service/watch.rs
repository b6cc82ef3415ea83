//! What is wrong with Huiyin itself: one card for each thing, changed in place when it is over.

mod alarms;
mod login;
mod outside;
pub mod support;
