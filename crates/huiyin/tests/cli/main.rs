//! The command as an operator runs it, against real servers.

mod apply;
mod command;
mod dead;
mod golive;
mod import;
