//! local-stack

pub mod gateway;
