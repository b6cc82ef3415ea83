//! What a home says of what runs in it, for commands that are run beside: who runs it, by which configuration file, and
//! where database and bus are, with every user's password. Its owner alone can read it.
//!
//! It is written twice: before the servers start, without their addresses, so that those of an earlier run are never
//! taken for this one's; and again when they are up. Of which command a home is stays on record when it has stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use runtime::config::{Bus, Database, Secret, Servers};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::failure::{self, Failure};

/// The file in a home.
const FILE: &str = "home.json";
/// The folder in a home that is there once it has a database.
const DATA: &str = "postgres";

/// Which command runs, or ran, in a home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunBy {
    Up,
    /// `huiyin demo`, which starts afresh each time.
    Demo,
}

impl fmt::Display for RunBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "huiyin {}", self.verb())
    }
}

impl RunBy {
    /// As it is typed after `huiyin`.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Demo => "demo",
        }
    }
}

/// What is known of whatever runs, or last ran, in a home.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    pub run_by: RunBy,
    /// The process that wrote this.
    pid: u32,
    /// The configuration file that it runs with, as an absolute path.
    pub config: PathBuf,
    database: Option<Database>,
    bus: Option<Bus>,
    /// Root of nats-server's monitoring pages.
    pub monitor: Option<String>,
}

impl Record {
    /// Where its servers are, or were; `None` before they are up.
    pub fn servers(&self) -> Option<Servers> {
        Some(Servers { database: self.database.clone()?, bus: self.bus.clone()? })
    }
}

/// How a home stands.
#[derive(Debug, Clone)]
pub enum Home {
    /// Nothing was ever up there.
    Unknown,
    /// Nothing runs there now.
    Stopped(Record),
    /// A process has it, and has not said where its servers are yet; with what is known of it, or of an earlier run.
    Starting(Option<Record>),
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
            (Some(pid), Some(record)) if record.pid == pid && record.servers().is_some() => {
                Self::Running(record)
            }
            (Some(_), record) => Self::Starting(record),
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
            bail!("{shown} is damaged: the next start of `huiyin up` there writes it anew")
        }
    }
}

/// Takes a home for a command, before anything is started or cleared in it. Where something runs nothing is done: the
/// home's lock refuses the second one in its own words.
///
/// # Errors
/// [`Failure::Usage`] if it is the other command's: a demo deletes what it finds.
pub(crate) fn claim(folder: &Path, run_by: RunBy, config: &Path) -> failure::Result<()> {
    if local_stack::holder(folder).is_some() {
        return Ok(());
    }
    local_stack::check_owners(folder).map_err(anyhow::Error::from)?;
    // A damaged one says nothing; it is written anew.
    let whose = read(&folder.join(FILE)).ok().flatten().map(|record| record.run_by);
    let refused = match (run_by, whose) {
        (RunBy::Demo, Some(RunBy::Up)) => Some(messages::of_an_up(folder)),
        (RunBy::Demo, None) if folder.join(DATA).exists() => Some(messages::of_somebody(folder)),
        (RunBy::Up, Some(RunBy::Demo)) => Some(messages::of_a_demo(folder)),
        _ => None,
    };
    if let Some(refused) = refused {
        return Err(Failure::Usage(refused));
    }
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let config = std::path::absolute(config).context("the configuration file's path")?;
    let record = json!({ "run_by": run_by, "pid": std::process::id(), "config": config });
    Ok(write_private(&folder.join(FILE), &format!("{record:#}\n"))?)
}

mod messages {
    use std::path::Path;

    pub(super) fn of_an_up(folder: &Path) -> String {
        format!(
            "{}: `huiyin up` keeps a company's data there, and a demo begins by deleting what it finds: name another \
             folder with --home",
            folder.display()
        )
    }

    pub(super) fn of_somebody(folder: &Path) -> String {
        format!(
            "{}: there is a database of which nothing says that it is a demo's, and a demo begins by deleting what it \
             finds: name another folder with --home; if no `huiyin up` ever ran there, remove its folders postgres and nats",
            folder.display()
        )
    }

    pub(super) fn of_a_demo(folder: &Path) -> String {
        format!(
            "{}: it is a demo's, whose next start would delete everything that `up` captures: name another folder with \
             --home",
            folder.display()
        )
    }
}

/// Says in a home what this process runs there.
pub(super) fn write_record(
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
                tls_ca: None,
                host: "/tmp/somewhere".into(),
                port: 5432,
                name: "huiyin".into(),
                passwords: passwords(),
                password_files: None,
                admin: "postgres".into(),
            },
            bus: Bus {
                url: "nats://127.0.0.1:1".into(),
                replicas: 1,
                passwords: passwords(),
                password_files: None,
            },
        }
    }

    #[test]
    fn what_is_told_is_read_again_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(Home::look(folder.path()).unwrap(), Home::Unknown));
        let file = folder.path().join(FILE);
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        write_record(folder.path(), RunBy::Up, Path::new("huiyin.json"), &servers(), "http://127.0.0.1:2")
            .unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let Home::Stopped(record) = Home::look(folder.path()).unwrap() else { panic!("nothing holds it") };
        assert!(record.config.is_absolute());
        let read = record.servers().unwrap();
        assert_eq!((read.database, read.bus), (servers().database, servers().bus));
    }

    fn code(claimed: failure::Result<()>) -> &'static str {
        match claimed {
            Ok(()) => "taken",
            Err(Failure::Usage(line)) if line.lines().count() == 1 => "refused",
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_home_stays_with_the_command_that_it_is_of() {
        let config = Path::new("huiyin.json");
        for (first, second) in [(RunBy::Up, RunBy::Demo), (RunBy::Demo, RunBy::Up)] {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(code(claim(folder.path(), first, config)), "taken");
            // Also when it never came up.
            std::fs::create_dir(folder.path().join(DATA)).unwrap();
            assert_eq!(code(claim(folder.path(), second, config)), "refused");
            write_record(folder.path(), first, config, &servers(), "http://127.0.0.1:2").unwrap();
            assert_eq!(code(claim(folder.path(), second, config)), "refused");
            assert_eq!(code(claim(folder.path(), first, config)), "taken");
        }
        // Of before there was a record, or with one that cannot be read.
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(DATA)).unwrap();
        assert_eq!(code(claim(folder.path(), RunBy::Demo, config)), "refused");
        std::fs::write(folder.path().join(FILE), "{}").unwrap();
        assert_eq!(code(claim(folder.path(), RunBy::Demo, config)), "refused");
        assert_eq!(code(claim(folder.path(), RunBy::Up, config)), "taken");
    }

    /// In a container every start has the same number.
    #[test]
    fn what_an_earlier_process_of_the_same_number_said_is_not_taken_for_this_ones() {
        let folder = tempfile::tempdir().unwrap();
        let config = Path::new("/etc/huiyin.json");
        write_record(folder.path(), RunBy::Up, config, &servers(), "http://127.0.0.1:2").unwrap();
        claim(folder.path(), RunBy::Up, config).unwrap();
        let lock = folder.path().join("lock");
        std::fs::write(&lock, std::process::id().to_string()).unwrap();
        let held = std::fs::File::open(&lock).unwrap();
        held.lock().unwrap();
        let Home::Starting(Some(record)) = Home::look(folder.path()).unwrap() else {
            panic!("no address yet")
        };
        assert_eq!((record.run_by, record.config.as_path()), (RunBy::Up, config));
        write_record(folder.path(), RunBy::Up, config, &servers(), "http://127.0.0.1:2").unwrap();
        assert!(matches!(Home::look(folder.path()).unwrap(), Home::Running(_)));
        // What runs is left alone.
        claim(folder.path(), RunBy::Up, Path::new("/other.json")).unwrap();
        let Home::Running(record) = Home::look(folder.path()).unwrap() else { panic!("it runs") };
        assert_eq!(record.config, config);
    }

    #[test]
    fn a_damaged_record_is_named_and_never_quoted() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), r#"{"run_by":"up","bus":"secret-word"}"#).unwrap();
        let error = format!("{:#}", Home::look(folder.path()).unwrap_err());
        assert!(error.contains("is damaged") && !error.contains("secret-word"), "{error}");
    }
}
