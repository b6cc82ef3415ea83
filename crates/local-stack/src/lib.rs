//! A private Postgres and a private `nats-server` for a machine on which nothing is set up.
//!
//! `huiyin up`, `huiyin demo` and every test that needs a real server go through this crate: it finds the
//! server programs or fetches them, lays out their folders, starts them as children that cannot outlive this
//! process, and stops them. It must not know what is kept in the servers: databases' contents, roles, streams
//! and their rights belong to the crates that own them. It listens on loopback and on unix sockets only.

mod account;
mod binaries;
mod environment;
mod error;
pub mod gateway;
mod keeper;
mod liveness;
mod lock;
mod nats;
mod packages;
mod place;
mod ports;
mod postgres;
mod process;
mod secret;
mod settings;
mod stack;
pub mod supervise;
mod telling;
pub mod testing;
mod version;

pub use binaries::{Binaries, NatsBinary, PostgresBinaries};
pub use error::Error;
pub use lock::holder;
pub use nats::PrivateNats;
pub use ports::free_address;
pub use postgres::{PrivatePostgres, SOCKET_PORT};
pub use settings::{Durability, Progress, Settings, silent};
pub use stack::{Stack, check_owners};
pub use telling::{TELL_EVERY, telling};
pub use version::Version;
