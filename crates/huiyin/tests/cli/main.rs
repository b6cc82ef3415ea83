//! The command as an operator runs it, against real servers.

mod apply;
mod check;
mod command;
mod dead_letters;
mod golive;
mod huoban;
mod import;
mod installed;
mod kubernetes;
mod original;
mod roster;
mod verbs;
