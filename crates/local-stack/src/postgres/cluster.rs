//! The data of a Postgres server: made once, checked at every start, recovered from what a crash left behind.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use domain::secret::Secret;
use rustix::process::{Signal, kill_process};

use crate::account::Account;
use crate::binaries::PostgresBinaries;
use crate::error::{Error, IoContext as _};
use crate::liveness;
use crate::lock::FolderLock;
use crate::process::{LOOK_AGAIN, Launch, Process};
use crate::secret::load_or_create;
use crate::{Durability, Progress, place};

/// The data folder's name.
pub(crate) const DATA: &str = "data";
/// Its name until it is whole.
const UNFINISHED: &str = "data.new";
pub(super) const PASSWORD_FILE: &str = "superuser.password";
/// Without one of these there is no database in a data folder.
const NEEDED: [&str; 4] = ["PG_VERSION", "global/pg_control", "base", "pg_wal"];
/// What Postgres demands of its data folder: nobody but its owner and, to read, its group.
const TOO_OPEN: u32 = 0o027;
/// What the system calls every process of Postgres.
const PROGRAM: &str = "postgres";
/// For `initdb`, which takes a second on an idle machine.
const INITDB_LIMIT: Duration = Duration::from_mins(3);
/// A server whose huiyin was killed is shutting down by itself; how long it may take about it.
const LEAVING_LIMIT: Duration = Duration::from_secs(5);

/// A data folder that is ours alone, with what is needed to run it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) programs: PostgresBinaries,
    pub(super) account: Account,
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    pub(super) password: Secret,
    _lock: FolderLock,
}

impl Cluster {
    /// Takes `place`, and makes the data folder in it if there is none.
    pub(super) async fn provide(
        programs: &PostgresBinaries,
        place: &Path,
        account: Account,
        durability: Durability,
        progress: Progress<'_>,
    ) -> Result<Self, Error> {
        let lock = FolderLock::take(place)?;
        let data = place.join(DATA);
        let password_file = place.join(PASSWORD_FILE);
        let known = password_file.exists();
        let password = load_or_create(&password_file)?;
        account.give(&password_file)?;
        let programs = programs.clone();
        let log = place.join("postgres.log");
        let cluster = Self { programs, account, data, log, password, _lock: lock };
        if !cluster.data.exists() && cluster.log.exists() {
            let problem = format!(
                "the database is gone; put a copy of the whole home in its place, or remove {} to begin with an empty one",
                place.display()
            );
            return Err(Error::Unusable { folder: cluster.data, problem });
        }
        if !cluster.data.exists() {
            progress("creating the Postgres data folder");
            cluster.init(place, durability).await?;
        } else if !known {
            let problem =
                format!("it has data, but its {PASSWORD_FILE} is missing; remove the folder to begin anew");
            return Err(Error::Unusable { folder: place.to_owned(), problem });
        }
        cluster.check_owner()?;
        cluster.check_whole()?;
        cluster.check_version()?;
        // Before anything is made or cleared that a live server may be using, its socket above all.
        cluster.clear_leftovers().await?;
        Ok(cluster)
    }

    // Made beside and renamed: a data folder that exists is whole.
    async fn init(&self, place: &Path, durability: Durability) -> Result<(), Error> {
        let beside = place.join(UNFINISHED);
        if beside.exists() {
            fs::remove_dir_all(&beside).context("remove", &beside)?;
        }
        fs::create_dir(&beside).context("create", &beside)?;
        self.account.give(&beside)?;
        let mut args = vec!["-D".into(), beside.clone().into(), "-U".into(), super::SUPERUSER.into()];
        args.extend(["--pwfile".into(), place.join(PASSWORD_FILE).into()]);
        args.extend(
            ["--auth=scram-sha-256", "--no-locale", "--encoding=UTF8", "--no-instructions"].map(Into::into),
        );
        if durability == Durability::Fast {
            args.push("--no-sync".into());
        }
        let mut process = Process::start(Launch {
            server: "initdb",
            program: &self.programs.initdb(),
            args,
            account: &self.account,
            log: &place.join("initdb.log"),
            on_our_death: "KILL",
            stop: Signal::TERM,
            grace: Duration::from_secs(5),
        })
        .await?;
        let status = process.ended(INITDB_LIMIT).await?;
        if !status.success() {
            return Err(process.failure(format!("failed ({status})")));
        }
        fs::rename(&beside, &self.data).context("rename", &beside)
    }

    /// Postgres never starts without these, and says so in many words or few.
    pub(super) fn check_whole(&self) -> Result<(), Error> {
        let Some(missing) = NEEDED.iter().find(|part| !self.data.join(part).exists()) else { return Ok(()) };
        let problem = format!(
            "its data are damaged: {missing} is missing; put a copy of the whole home in its place, or bring a backup \
             back into an empty one"
        );
        Err(Error::Unusable { folder: self.data.clone(), problem })
    }

    fn check_version(&self) -> Result<(), Error> {
        let path = self.data.join("PG_VERSION");
        let made_by = fs::read_to_string(&path).context("read", &path)?;
        if made_by.trim() == self.programs.version.major.to_string() {
            return Ok(());
        }
        let problem = format!(
            "its data were made by Postgres {}, but {} is version {}; name the programs of the former with the setting \
             postgres_bin, or remove the folder to begin anew",
            made_by.trim(),
            self.programs.folder.display(),
            self.programs.version
        );
        Err(Error::Unusable { folder: self.data.clone(), problem })
    }

    /// Makes way for a start: waits for a server that is about to leave, refuses beside one that stays, and
    /// removes a pid file whose number belongs to some other program by now, at which Postgres itself would
    /// stop.
    pub(super) async fn clear_leftovers(&self) -> Result<(), Error> {
        let deadline = Instant::now() + LEAVING_LIMIT;
        while let Some(pid) = server_on(&self.data) {
            if Instant::now() >= deadline {
                return Err(Error::AlreadyRunning { folder: self.data.clone(), pid: Some(pid) });
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        // Of a dead process Postgres removes the file itself, after a look at the shared memory that it
        // names.
        if named_in_pid_file(&self.data).is_some_and(liveness::alive) {
            let path = self.data.join("postmaster.pid");
            fs::remove_file(&path).context("remove", &path)?;
        }
        Ok(())
    }

    /// Ends what is left of a server whose first process is dead. Nothing is lost by it: the next one recovers from the
    /// log in any case.
    pub(super) fn end_backends(&self) {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        for pid in
            pids.filter(|pid| liveness::works_in(*pid, &self.data) && liveness::is_called(*pid, PROGRAM))
        {
            tracing::warn!(process.id = pid, "ending a backend that outlived its Postgres");
            if let Some(pid) = liveness::to_pid(pid) {
                // Gone in between is as good.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// A home that was copied without its owners, as root or by `cp -r`: Postgres would refuse it in words that name no
    /// remedy.
    fn check_owner(&self) -> Result<(), Error> {
        let wrong = [Path::new(""), Path::new("PG_VERSION"), Path::new("global"), Path::new("base")]
            .iter()
            .map(|part| self.data.join(part))
            .find_map(|path| {
                let owner = fs::symlink_metadata(&path).ok()?.uid();
                (owner != self.account.uid).then_some((path, owner))
            });
        if let Some((path, owner)) = wrong {
            return Err(Error::Unusable {
                folder: path,
                problem: place::wrong_owner(owner, &self.account, &self.data),
            });
        }
        let mode = fs::metadata(&self.data).context("look at", &self.data)?.mode();
        if mode & TOO_OPEN == 0 {
            return Ok(());
        }
        let problem = format!(
            "others may enter it (mode {:04o}), which Postgres refuses: run `chmod 700 {}`, and copy a home with `cp -a`",
            mode & 0o7777,
            self.data.display()
        );
        Err(Error::Unusable { folder: self.data.clone(), problem })
    }
}

/// The live server on this data folder, if there is one.
pub(crate) fn server_on(data: &Path) -> Option<u32> {
    named_in_pid_file(data).filter(|pid| liveness::alive(*pid) && liveness::works_in(*pid, data))
}

/// The first line of `postmaster.pid` is the server's pid; a standalone backend's is negative and never ours.
fn named_in_pid_file(data: &Path) -> Option<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}
