//! How a user logs in.

use super::{BusError, User};
use crate::config::{self, Secret};

/// An address, and who is there.
#[derive(Debug, Clone)]
pub struct Login {
    /// `nats://host:port`, or several of them, separated by commas.
    pub url: String,
    /// The user's name. Answers reach it under a subject of this name.
    pub user: String,
    pub password: Secret,
}

impl Login {
    /// As configured.
    ///
    /// # Errors
    /// If the configuration has no password for this user.
    pub fn of(config: &config::Bus, user: User) -> Result<Self, BusError> {
        let password = config.passwords.get(user.name()).ok_or(BusError::Password(user))?.clone();
        Ok(Self { url: config.url.clone(), user: user.name().to_owned(), password })
    }
}
