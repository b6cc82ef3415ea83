//! How a command ends that does not end well.

use std::process::ExitCode;

use runtime::config::ConfigError;

/// Something did not answer or refused; another try may help.
const FAILED: u8 = 1;
/// The configuration is wrong. Also what a wrong command line ends with.
const WRONG: u8 = 2;
/// The command did its work, but part of what it was given was refused.
const PARTLY: u8 = 3;

/// Why a command did not do all that was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The configuration is wrong.
    Config(ConfigError),
    /// What was asked cannot be meant.
    Usage(String),
    Failed(anyhow::Error),
    /// Part of it was refused; what exactly has been printed.
    Partly(String),
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl Failure {
    /// Tells it, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Config(error) => (error.to_string(), WRONG),
            Self::Usage(text) => (text.clone(), WRONG),
            Self::Failed(error) => (format!("{error:#}"), FAILED),
            Self::Partly(text) => (text.clone(), PARTLY),
        };
        eprintln!("huiyin: {text}");
        ExitCode::from(code)
    }
}
