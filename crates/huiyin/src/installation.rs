//! Which Huiyin an operator's command is about: what runs in a home of `huiyin up` or `huiyin demo` on this machine, or
//! a deployment that a configuration file describes. Decided here for all commands, and only here.
//!
//! 1. `--home FOLDER` is that home, with the configuration that it runs with; `--config` beside it names another one.
//! 2. `--config FILE`, or else `HUIYIN_CONFIG`, is the deployment that the file describes, unless a home of the working
//!    folder runs with that very file: then its sections `database` and `bus` are not used, and the home is meant. While
//!    that home is starting the command says so; if it has stopped, the file must say itself where the servers are.
//! 3. With none of them named it is what runs in a home of the working folder, `.huiyin` or `.huiyin/up`. If something
//!    runs in both, the command asks which.
//! 4. If nothing runs there it is the deployment of `config/huiyin.json`, unless `huiyin up` last ran with that file, and
//!    does not now.

mod messages;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use runtime::Config;
use runtime::config::{ConfigError, Scope, Servers, Source, load_complete, load_within, names_bus};
use runtime::main_wrapper::{DEFAULT_CONFIG, named_config};

use crate::failure::{Failure, Result};
use crate::local::{Home, Record, RunBy};

/// Where `huiyin demo` keeps everything unless told otherwise.
pub(crate) const DEMO_HOME: &str = ".huiyin";
/// Where `huiyin up` keeps everything unless told otherwise.
pub(crate) const UP_HOME: &str = ".huiyin/up";
/// The sections that lead to servers, which in a home are its own.
const SERVERS: [&str; 2] = ["database", "bus"];

/// One Huiyin: its configuration, and where that came from.
#[derive(Debug, Clone)]
pub struct Installation {
    source: Source,
    /// Of a home: what the configuration does not say.
    servers: Option<Servers>,
    monitor: Option<String>,
}

impl Installation {
    /// What a configuration file describes.
    pub const fn deployment(source: Source) -> Self {
        Self { source, servers: None, monitor: None }
    }

    fn of_home(record: &Record, config: Option<&Path>) -> Self {
        Self {
            servers: record.servers(),
            monitor: record.monitor.clone(),
            ..Self::deployment(source_of(record, config))
        }
    }

    /// The configuration, of which only these places are used. Whatever is wrong elsewhere is not told.
    pub(crate) fn config(&self, places: &[&str]) -> Result<Config> {
        if places.iter().any(|place| SERVERS.iter().any(|section| place.starts_with(section))) {
            self.expect_servers()?;
        }
        Ok(load_within(&self.source, Scope::Places(places), self.servers.as_ref())?)
    }

    /// A configuration for `huiyin up` says nothing of servers: whoever needs them was meant to be shown a home.
    pub(crate) fn expect_servers(&self) -> Result<()> {
        if self.is_home() || names_bus(&self.source) {
            return Ok(());
        }
        Err(Failure::Failed(anyhow!(messages::no_servers(self.file()))))
    }

    /// The whole configuration, of whose secrets only these are used, besides those of database and bus.
    pub(crate) fn whole_config(&self, secrets: &[&str]) -> std::result::Result<Config, ConfigError> {
        load_within(&self.source, Scope::Secrets(&self.used(secrets)), self.servers.as_ref())
    }

    /// These secrets and, where the configuration says where they are, those of database and bus.
    pub(crate) fn used(&self, secrets: &[&str]) -> Vec<String> {
        let servers =
            SERVERS.iter().filter(|_| !self.is_home()).map(|section| format!("{section}.passwords."));
        servers.chain(secrets.iter().map(|place| (*place).to_owned())).collect()
    }

    /// The configuration for whoever sets up database and bus, and so must know the passwords of all users.
    pub(crate) fn complete_config(&self, scope: Scope<'_>) -> Result<Config> {
        let servers = self.servers.as_ref();
        Ok(match servers {
            Some(_) => load_within(&self.source, scope, servers)?,
            None => load_complete(&self.source, scope)?,
        })
    }

    /// Where the configuration comes from.
    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    pub(crate) fn file(&self) -> &Path {
        &self.source.file
    }

    /// Whether database and bus are a home's, whatever its configuration says of them.
    pub(crate) const fn is_home(&self) -> bool {
        self.servers.is_some()
    }

    /// Root of nats-server's monitoring pages, where a home says so.
    pub(crate) fn monitor(&self) -> Option<&str> {
        self.monitor.as_deref()
    }
}

/// The demo's configuration is not open to the environment, neither when it runs nor afterwards.
fn source_of(record: &Record, config: Option<&Path>) -> Source {
    Source {
        file: config.unwrap_or(&record.config).to_owned(),
        environment: config.is_some() || record.run_by == RunBy::Up,
    }
}

/// Where a backup is brought back to.
pub(crate) enum Destination {
    Deployment(Installation),
    /// A home in which nothing runs.
    Home {
        folder: PathBuf,
        /// Where its configuration is, if that is known.
        config: Option<Installation>,
    },
}

/// Which Huiyin was named on the command line or by the environment. Nothing is looked for until a command asks.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    home: Option<PathBuf>,
    config: Option<PathBuf>,
    variable: Option<PathBuf>,
    /// The folder that homes and files are looked for in where none is named.
    here: PathBuf,
}

/// A home that was looked at.
type Found = (PathBuf, Home);

/// What a configuration file that was named has to do with the homes of the working folder.
enum OfFile<'h> {
    /// One runs with it, or is starting.
    Alive(&'h Path, &'h Home),
    /// `huiyin up` ran with it in this one.
    Stopped(&'h Path),
    Deployment,
}

impl Target {
    /// As the command line has it.
    pub(crate) fn named(home: Option<PathBuf>, config: Option<PathBuf>) -> Self {
        Self { home, config, variable: named_config(), here: PathBuf::new() }
    }

    /// The folder for a command that runs in a home.
    pub(crate) fn home_or(&self, usual: &str) -> PathBuf {
        self.home.clone().unwrap_or_else(|| usual.into())
    }

    /// The configuration file for a command that runs services itself.
    pub(crate) fn source(&self) -> Source {
        let file = self.file().map_or_else(|| DEFAULT_CONFIG.into(), Path::to_owned);
        Source { file, environment: true }
    }

    /// The configuration file for `huiyin up` in a home: without one that is named, the home's own, if it is still there.
    pub(crate) fn config_for_up(&self, home: &Path) -> PathBuf {
        if self.file().is_some() {
            return self.source().file;
        }
        let usual = self.here.join(DEFAULT_CONFIG);
        let last = match Home::look(home) {
            Ok(Home::Stopped(record)) if record.run_by == RunBy::Up && record.config.exists() => {
                record.config
            }
            _ => return usual,
        };
        if !same_file(&last, &usual) {
            eprintln!("· {}", messages::as_last(&last));
        }
        last
    }

    /// For a command that needs database or bus.
    pub(crate) fn running(&self) -> Result<Installation> {
        if let Some(home) = &self.home {
            return self.in_home(home, &Home::look(home)?);
        }
        let homes = self.homes_here()?;
        if let Some(file) = self.file() {
            return match self.of_file(file, &homes) {
                OfFile::Alive(folder, home) => self.in_home(folder, home),
                OfFile::Stopped(folder) => {
                    self.once_of_home(file, messages::stopped(folder, RunBy::Up), folder)
                }
                OfFile::Deployment => Ok(self.deployment(file)),
            };
        }
        match only_one(&homes)? {
            Some((folder, home)) => {
                let found = self.in_home(folder, home)?;
                eprintln!("· {}", messages::found(folder, home));
                Ok(found)
            }
            None => self.usual_deployment(&homes, messages::stopped_here),
        }
    }

    /// For a command that needs the configuration alone: nothing need run.
    pub(crate) fn configured(&self) -> Result<Installation> {
        let config = self.config.as_deref();
        if let Some(home) = &self.home {
            return Ok(match Home::look(home)? {
                Home::Running(record) | Home::Stopped(record) | Home::Starting(Some(record)) => {
                    Installation::of_home(&record, config)
                }
                Home::Unknown | Home::Starting(None) => Installation::deployment(self.source()),
            });
        }
        if let Some(file) = self.file() {
            return Ok(match self.of_file(file, &self.homes_here()?) {
                OfFile::Alive(_, Home::Running(record)) => Installation::of_home(record, None),
                _ => self.deployment(file),
            });
        }
        let homes = self.homes_here()?;
        if let Some((folder, home @ Home::Running(record))) = only_one(&homes)? {
            eprintln!("· {}", messages::found(folder, home));
            return Ok(Installation::of_home(record, None));
        }
        let usual = self.here.join(DEFAULT_CONFIG);
        if usual.exists() {
            return Ok(self.deployment(Path::new(DEFAULT_CONFIG)));
        }
        let last = homes.iter().find_map(|(_, home)| match home {
            Home::Stopped(record) | Home::Starting(Some(record)) if record.run_by == RunBy::Up => {
                Some(record)
            }
            _ => None,
        });
        last.map(|record| Installation::of_home(record, None))
            .ok_or_else(|| Failure::Usage(messages::nowhere()))
    }

    /// For a restore: a home must be named, and nothing may run in it.
    pub(crate) fn destination(&self) -> Result<Destination> {
        let Some(folder) = &self.home else {
            let homes = self.homes_here()?;
            let stop_first = |folder: &Path| Err(Failure::Failed(anyhow!(messages::stop_first(folder))));
            let deployment = match self.file() {
                Some(file) => match self.of_file(file, &homes) {
                    OfFile::Alive(folder, _) => return stop_first(folder),
                    OfFile::Stopped(folder) => self.once_of_home(file, messages::name_it(folder), folder),
                    OfFile::Deployment => Ok(self.deployment(file)),
                },
                None => match only_one(&homes)? {
                    Some((folder, _)) => return stop_first(folder),
                    None => self.usual_deployment(&homes, messages::name_it),
                },
            };
            return deployment.map(Destination::Deployment);
        };
        let record = match Home::look(folder)? {
            Home::Running(_) | Home::Starting(_) => {
                return Err(Failure::Failed(anyhow!(messages::stop_first(folder))));
            }
            Home::Stopped(record) if record.run_by == RunBy::Demo => {
                return Err(Failure::Usage(messages::demo_begins_afresh(folder)));
            }
            Home::Stopped(record) => Some(record),
            Home::Unknown => None,
        };
        let file = self
            .config
            .clone()
            .or_else(|| record.map(|record| record.config))
            .or_else(|| self.variable.clone());
        let config = file.map(|file| Installation::deployment(Source { file, environment: true }));
        Ok(Destination::Home { folder: folder.clone(), config })
    }

    /// The file that was named.
    fn file(&self) -> Option<&Path> {
        self.config.as_deref().or(self.variable.as_deref())
    }

    fn deployment(&self, file: &Path) -> Installation {
        Installation::deployment(Source { file: self.here.join(file), environment: true })
    }

    fn in_home(&self, folder: &Path, home: &Home) -> Result<Installation> {
        let problem = match home {
            Home::Running(record) => return Ok(Installation::of_home(record, self.config.as_deref())),
            Home::Starting(_) => messages::starting(folder),
            Home::Stopped(record) => messages::stopped(folder, record.run_by),
            Home::Unknown => messages::no_home(folder),
        };
        Err(Failure::Failed(anyhow!(problem)))
    }

    /// The homes of the working folder. Somebody else's, which cannot be read, stands in the way of nobody who has named
    /// something.
    fn homes_here(&self) -> Result<Vec<Found>> {
        let look = |folder: &str| {
            let home = match Home::look(&self.here.join(folder)) {
                Err(_) if self.file().is_some() => Home::Unknown,
                looked => looked?,
            };
            Ok((PathBuf::from(folder), home))
        };
        [DEMO_HOME, UP_HOME].into_iter().map(look).collect()
    }

    /// Which of the homes has to do with this very file. What starts, nobody knows yet by which, may do so with one that
    /// names no servers.
    fn of_file<'h>(&self, file: &Path, homes: &'h [Found]) -> OfFile<'h> {
        let of = |record: &Record| same_file(&record.config, &self.here.join(file));
        let alive = homes.iter().find(|(_, home)| match home {
            Home::Running(record) => of(record),
            Home::Starting(record) => {
                record.as_ref().is_some_and(of) || !names_bus(self.deployment(file).source())
            }
            Home::Stopped(_) | Home::Unknown => false,
        });
        let stopped = |(_, home): &&Found| match home {
            Home::Stopped(record) => record.run_by == RunBy::Up && of(record),
            _ => false,
        };
        match (alive, homes.iter().find(stopped)) {
            (Some((folder, home)), _) => OfFile::Alive(folder, home),
            (None, Some((folder, _))) => OfFile::Stopped(folder),
            (None, None) => OfFile::Deployment,
        }
    }

    /// By now the file may describe a deployment: it does if it names servers, and then the home is only mentioned.
    fn once_of_home(&self, file: &Path, remedy: String, folder: &Path) -> Result<Installation> {
        let deployment = self.deployment(file);
        if !names_bus(deployment.source()) {
            return Err(Failure::Failed(anyhow!(remedy)));
        }
        eprintln!("· {}", messages::once_of_home(file, folder));
        Ok(deployment)
    }

    fn usual_deployment(&self, homes: &[Found], remedy: impl Fn(&Path) -> String) -> Result<Installation> {
        let usual = self.here.join(DEFAULT_CONFIG);
        let stopped = homes.iter().find_map(|(folder, home)| match home {
            Home::Stopped(record)
                if record.run_by == RunBy::Up && (!usual.exists() || same_file(&record.config, &usual)) =>
            {
                Some(remedy(folder))
            }
            _ => None,
        });
        match stopped {
            Some(stopped) => Err(Failure::Failed(anyhow!(stopped))),
            None if usual.exists() => Ok(self.deployment(Path::new(DEFAULT_CONFIG))),
            None => Err(Failure::Usage(messages::nowhere())),
        }
    }
}

/// The home in which something runs, or is starting; both are not to be guessed between.
fn only_one(homes: &[Found]) -> Result<Option<&Found>> {
    let alive: Vec<&Found> =
        homes.iter().filter(|(_, home)| matches!(home, Home::Running(_) | Home::Starting(_))).collect();
    match alive.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => Err(Failure::Usage(messages::which(several.iter().map(|(folder, _)| folder.as_path())))),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
