//! The client half of the Wechaty gateway: connecting, staying connected, and reading.
//!
//! A gateway keeps no history and replays nothing, so this part exists to lose as little as possible and to know when
//! something was lost: [`machine`] decides, [`session`] does, [`reader`] takes events in and nothing else, [`event`] and
//! [`payload`] turn the wire into values.
//!
//! It must never end the puppet or its login (the calls are not even in the proto), never wait for a fetch while
//! reading, and never log what a gateway says in an error: gateways echo our token there.

pub mod client;
pub mod error;
pub mod event;
pub mod id;
pub mod machine;
pub mod payload;
pub mod qr;
pub mod reader;
pub mod session;
pub mod time;
pub mod token;
pub mod wire;

pub use client::{GatewayClient, Resume, Security, Settings};
pub use error::GatewayError;
pub use event::Event;
pub use id::{ContactId, MessageId, RoomId};
pub use machine::{Alarm, Epoch, Loss, State, Timings};
pub use reader::Arrival;
pub use session::{Notice, Outlets, Session, Status};
pub use token::Token;
