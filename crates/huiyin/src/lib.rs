//! The operator's command, as a library: what it does is used by its tests too.

pub mod demo;
pub mod init_vika;
pub mod local;
pub mod up;
