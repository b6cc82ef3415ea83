//! What a home says of what runs in it, for commands that are run beside: who runs it, by which configuration file, and
//! where database and bus are, with every user's password. Its owner alone can read it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use runtime::config::{Bus, Database, Secret, Servers};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The file in a home.
const FILE: &str = "home.json";

/// Which command runs, or ran, in a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunBy {
    /// `huiyin up`.
    Up,
    /// `huiyin demo`, which starts afresh each time.
    Demo,
}

impl fmt::Display for RunBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "huiyin up",
            Self::Demo => "huiyin demo",
        })
    }
}

/// What is known of whatever runs, or last ran, in a home.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// The command.
    pub run_by: RunBy,
    /// The process that wrote this.
    pid: u32,
    /// The configuration file that it runs with, as an absolute path.
    pub config: PathBuf,
    database: Database,
    bus: Bus,
    /// Root of nats-server's monitoring pages.
    pub monitor: String,
}

impl Record {
    /// Where its servers are.
    pub fn servers(&self) -> Servers {
        Servers { database: self.database.clone(), bus: self.bus.clone() }
    }
}

/// How a home stands.
#[derive(Debug, Clone)]
pub enum Home {
    /// Nothing was ever up there.
    Unknown,
    /// Nothing runs there now.
    Stopped(Record),
    /// A process has it, and has not said where its servers are yet.
    Starting,
    /// It runs.
    Running(Record),
}

impl Home {
    /// Looks at a folder.
    ///
    /// # Errors
    /// If it is a home whose file cannot be read.
    pub fn look(folder: &Path) -> Result<Self> {
        let holder = local_stack::holder(folder);
        let record = read(&folder.join(FILE))?;
        Ok(match (holder, record) {
            (None, None) => Self::Unknown,
            (None, Some(record)) => Self::Stopped(record),
            (Some(pid), Some(record)) if record.pid == pid => Self::Running(record),
            // What is written there is of an earlier process.
            (Some(_), _) => Self::Starting,
        })
    }
}

fn read(file: &Path) -> Result<Option<Record>> {
    let shown = file.display();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            bail!("{shown} may not be read by this user: run the command as whoever runs `huiyin up` there")
        }
        Err(error) => return Err(error).with_context(|| format!("reading {shown}")),
    };
    // Nothing of the error is shown: it may quote a password.
    match serde_json::from_str(&text) {
        Ok(record) => Ok(Some(record)),
        Err(_) => {
            bail!("{shown} is damaged: the next start of `huiyin up` or `huiyin demo` there writes it anew")
        }
    }
}

/// Says in a home what this process runs there.
pub(super) fn tell(
    folder: &Path,
    run_by: RunBy,
    config: &Path,
    servers: &Servers,
    monitor: &str,
) -> Result<()> {
    let Servers { database, bus } = servers;
    let config = std::path::absolute(config).context("the configuration file's path")?;
    let mut record = json!({
        "run_by": run_by, "pid": std::process::id(), "config": config, "monitor": monitor,
        "database": database, "bus": bus,
    });
    record["database"]["passwords"] = exposed(&database.passwords);
    record["bus"]["passwords"] = exposed(&bus.passwords);
    write_private(&folder.join(FILE), &format!("{record:#}\n"))
}

fn exposed(passwords: &BTreeMap<String, Secret>) -> Value {
    passwords.iter().map(|(name, password)| (name.clone(), json!(password.expose()))).collect()
}

/// Writes a file that only its owner can read: beside it first, so that nobody ever reads half of it, and so that the
/// mode holds whatever stood there before.
pub(crate) fn write_private(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let written = || -> std::io::Result<()> {
        // Of mode 0600 from the first moment.
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        beside.write_all(text.as_bytes())?;
        beside.as_file().sync_all()?;
        beside.persist(file)?;
        Ok(())
    };
    written().with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn servers() -> Servers {
        let passwords = || BTreeMap::from([("reader".to_owned(), Secret::new("word"))]);
        Servers {
            database: Database {
                host: "/tmp/somewhere".into(),
                port: 5432,
                name: "huiyin".into(),
                passwords: passwords(),
                admin: "postgres".into(),
            },
            bus: Bus { url: "nats://127.0.0.1:1".into(), passwords: passwords() },
        }
    }

    /// Seen to fail with the passwords written as a configuration is, `***`, and with a plain file.
    #[test]
    fn what_is_told_is_read_again_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Home::look(folder.path()).unwrap(), Home::Unknown));
        let file = folder.path().join(FILE);
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        tell(folder.path(), RunBy::Up, Path::new("huiyin.json"), &servers(), "http://127.0.0.1:2").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let Home::Stopped(record) = Home::look(folder.path()).unwrap() else { panic!("nothing holds it") };
        assert!(record.config.is_absolute());
        let read = record.servers();
        assert_eq!((read.database, read.bus), (servers().database, servers().bus));
    }

    #[test]
    fn a_damaged_record_is_named_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), r#"{"run_by":"up","bus":"secret-word"}"#).unwrap();
        let error = format!("{:#}", Home::look(folder.path()).unwrap_err());
        assert!(error.contains("is damaged") && !error.contains("secret-word"), "{error}");
    }
}
