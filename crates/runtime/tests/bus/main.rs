//! The bus as services use it, against a real `nats-server` with the users that production has.

mod consuming;
mod rights;
mod support;
