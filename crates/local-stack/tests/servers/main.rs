//! The crate against real servers, in one binary so that they are linked once.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is tests, also the helpers that clippy does not recognise"
)]

mod common;
mod databases;
mod lifecycle;
mod provision;
mod supervised;
