//! The operator's command, as a library: what it does is used by its tests too. One module for each subcommand.
//!
//! It decides nothing about rooms: it runs the services, puts configuration in force, brings messages in, and shows and
//! replays dead letters. Every failure is one clear line, and the exit code says of what kind it is.

pub mod apply;
mod asked;
mod away;
mod backup;
mod board_link;
mod cards;
pub mod check;
mod cli;
mod closing;
mod command_hints;
mod dead_letters;
pub mod demo;
mod failure;
mod focus;
mod golive;
mod health;
mod import;
mod init_huoban;
pub mod init_vika;
mod installation;
mod kubernetes;
pub mod local;
mod original;
mod owner_review;
mod priority;
mod recompute;
mod report;
mod roster;
mod schema;
mod secrets;
mod simulate;
mod tcp_proxy;
mod text;
pub mod up;
mod vika_columns;
mod vika_views;
mod waiting;
mod wording;

pub use cli::{command_line, main};
pub use installation::Installation;
