//! The command as an operator runs it, against real servers.

mod apply;
mod check;
mod command;
mod dead;
mod first_day;
mod golive;
mod import;
mod roster;
mod verbs;
