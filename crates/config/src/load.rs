//! Reading the configuration: merge, read secrets from files, check everything, report every problem at once.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::environment::Overrides;
use super::holidays::{self, HolidayFiles};
use super::idle::Idle;
use super::merge::{is_of_servers, merge, without_servers};
use super::path::Path as Place;
use super::problem::{ConfigError, Fault, Problem, Remedy};
use super::schema::Shape;
use super::secrets::SecretFile;
use super::sections::{Bus, Database};
use super::{form, secrets};

/// Places this deep or deeper belong together: a fault in one of their values says nothing sound of its siblings.
const CLOSE_DEPTH: usize = 3;

/// Where configuration comes from besides the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub file: PathBuf,
    /// Whether the environment may override it.
    pub environment: bool,
}

impl Source {
    fn variables(&self) -> Vec<(String, String)> {
        if self.environment { variables() } else { Vec::new() }
    }
}

/// Database and bus that are known from elsewhere than the configuration.
#[derive(Debug, Clone)]
pub struct Servers {
    pub database: Database,
    /// Where the bus is.
    pub bus: Bus,
}

/// What a reader of the configuration uses of it.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    Everything,
    /// All of it, but of the secrets only those that stand at, or below, these places: the files of the rest may be
    /// missing, or empty as long as nobody has put the secret there. What stands for such a secret then is of no use to
    /// anybody.
    Secrets(&'a [String]),
    /// Only what stands at, or below, these places. Whatever is wrong elsewhere, or missing there, is not told.
    Places(&'a [&'a str]),
}

/// Whether the files of public holidays are read. Services go by what was stored with the rules and need not have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HolidaysOf {
    Files,
    Database,
}

impl Scope<'_> {
    pub(super) fn uses_secret(self, place: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Secrets(used) => used.iter().any(|used| place.starts_with(used.as_str())),
            Self::Places(_) => self.concerns(place),
        }
    }

    /// Whether a problem there is the reader's.
    fn concerns(self, place: &str) -> bool {
        let Self::Places(used) = self else { return true };
        used.iter().any(|used| Place::of_text(used).covers(place) || Place::of_text(place).covers(used))
    }
}

/// Reads, merges and checks.
pub fn load(source: &Source) -> Result<Config, ConfigError> {
    read(source, Scope::Everything, HolidaysOf::Files, |_| Vec::new())
}

/// The same for whoever uses so much of it. With `servers`, what the file and the environment say of database and bus
/// is not looked at.
pub fn load_within(
    source: &Source,
    scope: Scope<'_>,
    servers: Option<&Servers>,
) -> Result<Config, ConfigError> {
    let Some(servers) = servers else { return read(source, scope, HolidaysOf::Files, |_| Vec::new()) };
    let config = read_without_servers(source, scope)?;
    Ok(Config { database: servers.database.clone(), bus: servers.bus.clone(), ..config })
}

/// The same for whoever is about to start servers of its own: stand-ins take the place of both sections.
pub fn load_without_servers(source: &Source) -> Result<Config, ConfigError> {
    read_without_servers(source, Scope::Everything)
}

fn read_without_servers(source: &Source, scope: Scope<'_>) -> Result<Config, ConfigError> {
    let (text, name) = (text_of(source)?, source.file.display().to_string());
    let folder = source.file.parent().unwrap_or(Path::new("."));
    let variables = source.variables().into_iter().filter(|(name, _)| !is_of_servers(name));
    let text = without_servers(&text, &name)?;
    resolve(&text, &name, folder, scope, HolidaysOf::Files, variables, |_| Vec::new())
}

/// The same for a service, which uses the secrets that stand at, or below, these places; see [`Scope::Secrets`]. Its
/// rules are those in the database: these know no public holidays.
pub fn load_using(source: &Source, used: &[String]) -> Result<Config, ConfigError> {
    read(source, Scope::Secrets(used), HolidaysOf::Database, |_| Vec::new())
}

/// The same for whoever sets up database and bus, and so must know the passwords of all roles. A service knows its own.
pub fn load_complete(source: &Source, scope: Scope<'_>) -> Result<Config, ConfigError> {
    read(source, scope, HolidaysOf::Files, Config::missing_passwords)
}

/// Whether a configuration says where a bus is. That of `huiyin up` need not. One that cannot be read may.
pub fn names_bus(source: &Source) -> bool {
    let name = source.file.display().to_string();
    let Ok(text) = text_of(source) else { return true };
    let overrides = Overrides::read(source.variables(), &Shape::new());
    merge(&text, &name, &overrides).map_or(true, |merged| !merged["bus"]["url"].is_null())
}

/// The files that hold its secrets, those of what is switched off excepted, whether or not the rest of it is sound; none if it is no JSON.
pub fn secret_files(source: &Source) -> Vec<SecretFile> {
    let shape = Shape::new();
    let name = source.file.display().to_string();
    let text = std::fs::read_to_string(&source.file).unwrap_or_default();
    let merged = merge(&text, &name, &Overrides::read(source.variables(), &shape));
    let folder = source.file.parent().unwrap_or(Path::new("."));
    merged.map_or_else(|_| Vec::new(), |merged| secrets::list(&merged, folder, &shape))
}

fn read(
    source: &Source,
    scope: Scope<'_>,
    holidays: HolidaysOf,
    further: impl Fn(&Config) -> Vec<Problem>,
) -> Result<Config, ConfigError> {
    let (text, name) = (text_of(source)?, source.file.display().to_string());
    let folder = source.file.parent().unwrap_or(Path::new("."));
    resolve(&text, &name, folder, scope, holidays, source.variables(), further)
}

fn text_of(source: &Source) -> Result<String, ConfigError> {
    let name = source.file.display();
    std::fs::read_to_string(&source.file).map_err(|error| {
        ConfigError::Unreadable(match error.kind() {
            ErrorKind::NotFound => format!("there is no file {name}"),
            ErrorKind::PermissionDenied => format!("the file {name} may not be read by this user"),
            ErrorKind::InvalidData => format!("the file {name} is not a text (UTF-8)"),
            _ => format!("{name}: {error}"),
        })
    })
}

/// The same for a text at hand. `name` stands in messages; `*_file` paths are relative to `folder`.
pub fn load_text(text: &str, name: &str, folder: &Path, environment: bool) -> Result<Config, ConfigError> {
    let variables = if environment { variables() } else { Vec::new() };
    load_with(text, name, folder, variables)
}

/// The same with the environment's variables handed in, of which those that begin with `HUIYIN_` count.
pub fn load_with(
    text: &str,
    name: &str,
    folder: &Path,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    resolve(text, name, folder, Scope::Everything, HolidaysOf::Files, variables, |_| Vec::new())
}

/// A variable that is not a text is none of ours.
fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn resolve(
    text: &str,
    name: &str,
    folder: &Path,
    scope: Scope<'_>,
    holidays: HolidaysOf,
    variables: impl IntoIterator<Item = (String, String)>,
    further: impl Fn(&Config) -> Vec<Problem>,
) -> Result<Config, ConfigError> {
    let shape = Shape::new();
    let overrides = Overrides::read(variables, &shape);
    let mut merged = merge(text, name, &overrides)?;
    let idle = Idle::of(&merged);
    let mut faults = secrets::Reader { folder, shape: &shape, scope, idle: &idle }.read(&mut merged);
    faults.extend(form::check(&merged, &shape));
    let files = match holidays {
        HolidaysOf::Files if scope.concerns(holidays::PLACE) => {
            read_holidays(&mut merged, folder, &mut faults)
        }
        _ => HolidayFiles::default(),
    };
    let mended = if faults.is_empty() { merged } else { form::mend(&merged, &faults, &shape) };
    faults.retain(|fault| !idle.excuses(fault) && scope.concerns(&fault.path.to_string()));
    let read: Result<Config, _> = serde_json::from_value(mended);
    let mut problems: Vec<Problem> = faults.iter().map(|fault| fault.problem.clone()).collect();
    match &read {
        Ok(config) => {
            let meant = config.problems().into_iter().chain(further(config));
            let meant = meant.filter(|problem| scope.concerns(&problem.path) && !clouded(problem, &faults));
            problems.extend(meant.map(|problem| files.told(problem)));
        }
        // Nothing of the error is shown: it may quote a secret.
        Err(_) if problems.is_empty() => {
            return Err(ConfigError::Unreadable(format!("{name} holds a value that cannot be read")));
        }
        Err(_) => {}
    }
    match read {
        Ok(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigError::Problems(problems.into_iter().map(|p| with_variable(p, &overrides)).collect())),
    }
}

/// Puts what the files of public holidays say where the rules have it.
fn read_holidays(merged: &mut serde_json::Value, folder: &Path, faults: &mut Vec<Fault>) -> HolidayFiles {
    let key = Place::default().key(holidays::KEY);
    let Some(named) = merged[holidays::KEY].as_str() else { return HolidayFiles::default() };
    let files = HolidayFiles::read(&folder.join(named));
    let wrong = |message: String| Fault::at(key.clone(), message, Remedy::Done);
    if merged["rules"]["holidays"].is_array() {
        faults.push(wrong(format!("{} is given as well: expected one of the two", holidays::PLACE)));
    } else if let Some(rules) = merged["rules"].as_object_mut() {
        rules.insert("holidays".to_owned(), serde_json::json!(files.years));
    }
    faults.extend(files.faults.iter().cloned().map(wrong));
    files
}

/// Whether a problem of meaning may only show because a stand-in took a faulty value's place.
fn clouded(problem: &Problem, faults: &[Fault]) -> bool {
    faults.iter().filter(|fault| fault.remedy != Remedy::Remove).any(|fault| {
        let near = fault.path.parent();
        fault.path.covers(&problem.path) || (near.steps().len() >= CLOSE_DEPTH && near.covers(&problem.path))
    })
}

fn with_variable(problem: Problem, overrides: &Overrides) -> Problem {
    let Some(variable) = overrides.variable_of(&problem.path) else { return problem };
    let message = format!("{} (set by the environment variable {variable})", problem.message);
    Problem { message, ..problem }
}
