//! Faithful fakes of the outside services that Huiyin talks to, each a real HTTP server on loopback.
//!
//! A fake is never kinder than the real thing: it refuses what the service refuses, with the same codes and words.
//! It must not share code with the clients that it judges.

pub mod feishu;
pub mod huoban;
mod server;
pub mod vika;
