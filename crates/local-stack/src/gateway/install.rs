//! Puts the gateway's files and packages into a folder, once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{GatewayError, last_words};
use crate::telling;

/// The lock file says which packages; it names no place to get them from, so that npm takes the registry that this
/// machine is set up for.
const PACKAGE_FILES: [Embedded; 3] = [
    (".npmrc", include_str!("../../../../deploy/wechaty-gateway/.npmrc")),
    ("package.json", include_str!("../../../../deploy/wechaty-gateway/package.json")),
    ("package-lock.json", include_str!("../../../../deploy/wechaty-gateway/package-lock.json")),
];

/// The world of the mock account where none is given: invented people and rooms, in the shape of the control port's
/// `/state`.
pub const SAMPLE_WORLD: &str = include_str!("../../../../deploy/wechaty-gateway/src/sample-world.json");

/// The gateway's own code, as it is in the repository.
const SOURCES: [Embedded; 7] = [
    ("config.js", include_str!("../../../../deploy/wechaty-gateway/src/config.js")),
    ("control.js", include_str!("../../../../deploy/wechaty-gateway/src/control.js")),
    ("main.js", include_str!("../../../../deploy/wechaty-gateway/src/main.js")),
    ("puppet.js", include_str!("../../../../deploy/wechaty-gateway/src/puppet.js")),
    ("sample-world.json", SAMPLE_WORLD),
    ("server.js", include_str!("../../../../deploy/wechaty-gateway/src/server.js")),
    ("world.js", include_str!("../../../../deploy/wechaty-gateway/src/world.js")),
];

/// Name and contents.
type Embedded = (&'static str, &'static str);

/// Characters of a folder's name that stand for its contents.
const HASH_LENGTH: usize = 12;

/// Where npm puts packages.
const MODULES: &str = "node_modules";
/// Written after a whole installation; what is installed without it is a leftover.
const STAMP: &str = "installed";

/// About 350 small packages: half a minute on a good line.
const INSTALL_DEADLINE: Duration = Duration::from_mins(10);
/// Another process may be installing into the same folder.
const LOCK_DEADLINE: Duration = Duration::from_mins(11);
/// How often the lock is asked for.
const LOCK_EVERY: Duration = Duration::from_millis(100);
/// For `node --version`.
const VERSION_DEADLINE: Duration = Duration::from_secs(20);
/// Oldest Node that the gateway runs on.
const MIN_NODE_MAJOR: u32 = 20;

#[derive(Debug, Clone)]
pub struct Prepared {
    main: PathBuf,
}

impl Prepared {
    /// The file that Node is to run.
    pub fn main(&self) -> &Path {
        &self.main
    }
}

/// Makes sure that the gateway is installed below `work_dir`. Safe to call from several processes at once, also from
/// different versions of this program: folders are named after their contents and never change.
pub async fn prepare(work_dir: &Path, progress: impl Fn(&str)) -> Result<Prepared, GatewayError> {
    check_node().await?;
    let base = std::path::absolute(work_dir).map_err(io_error("name the gateway's folder"))?;
    let folder = base.join("wechaty-gateway").join(fingerprint(&PACKAGE_FILES));
    let sources = folder.join(format!("src-{}", fingerprint(&SOURCES)));
    fs::create_dir_all(&sources).map_err(io_error("create the gateway's folder"))?;
    let _lock = lock(&folder.join("install.lock")).await?;
    write_all(&folder, &PACKAGE_FILES).map_err(io_error("write the gateway's files"))?;
    write_all(&sources, &SOURCES).map_err(io_error("write the gateway's files"))?;
    let stamp = folder.join(STAMP);
    if !stamp.exists() {
        progress("installing the Wechaty gateway's npm packages (once, about half a minute)");
        let doing = || {
            format!(
                "installing the gateway's npm packages, {} files laid out",
                files_in(&folder.join(MODULES))
            )
        };
        telling(&progress, doing, npm_ci(&folder)).await?;
        fs::write(&stamp, "").map_err(io_error("write the gateway's stamp"))?;
    }
    Ok(Prepared { main: sources.join("main.js") })
}

/// Both programs are looked for before anything is written.
async fn check_node() -> Result<(), GatewayError> {
    let version = version_of("node").await?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < MIN_NODE_MAJOR) {
        return Err(GatewayError::TooOld { found: version });
    }
    version_of("npm").await.map(drop)
}

async fn version_of(program: &'static str) -> Result<String, GatewayError> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(VERSION_DEADLINE, command.output()).await {
        Ok(Ok(output)) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(Ok(_)) => Err(GatewayError::NotInstalled { program }),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            Err(GatewayError::NotInstalled { program })
        }
        Ok(Err(source)) => Err(GatewayError::Io { what: "ask Node for its version", source }),
        Err(_) => {
            Err(GatewayError::TimedOut { what: "asking Node for its version", limit: VERSION_DEADLINE })
        }
    }
}

/// How many files lie in a folder and below.
fn files_in(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files_in(&entry.path()),
            _ => 1,
        })
        .sum()
}

/// `npm ci` starts from an empty `node_modules`, so that a broken-off installation leaves nothing behind.
async fn npm_ci(folder: &Path) -> Result<(), GatewayError> {
    let mut child = Command::new("npm")
        .args([
            "ci",
            "--omit=dev",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--no-progress",
            "--loglevel=error",
        ])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(io_error("start npm"))?;
    let Some(stderr) = child.stderr.take() else {
        return Err(GatewayError::Install { last_words: "npm has no standard error".to_owned() });
    };
    let run = async { tokio::join!(child.wait(), last_words(stderr)) };
    let (status, last_words) = tokio::time::timeout(INSTALL_DEADLINE, run)
        .await
        .map_err(|_| GatewayError::TimedOut { what: "npm ci", limit: INSTALL_DEADLINE })?;
    if status.map_err(io_error("wait for npm"))?.success() {
        return Ok(());
    }
    Err(GatewayError::Install { last_words })
}

/// The lock is held until the file is closed, also by a crash.
async fn lock(path: &Path) -> Result<fs::File, GatewayError> {
    let file = fs::File::create(path).map_err(io_error("open the gateway's lock"))?;
    let waiting = async {
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(rustix::io::Errno::WOULDBLOCK) => tokio::time::sleep(LOCK_EVERY).await,
                Err(error) => return Err(io_error("lock the gateway's folder")(error.into())),
            }
        }
    };
    tokio::time::timeout(LOCK_DEADLINE, waiting).await.map_err(|_| GatewayError::TimedOut {
        what: "waiting for another installation of the gateway",
        limit: LOCK_DEADLINE,
    })??;
    Ok(file)
}

/// Writes what is missing or was changed by hand. A rename is never seen half done.
fn write_all(folder: &Path, files: &[Embedded]) -> io::Result<()> {
    for (name, contents) in files {
        let path = folder.join(name);
        if fs::read_to_string(&path).is_ok_and(|found| found == *contents) {
            continue;
        }
        let partial = folder.join(format!("{name}.partial"));
        fs::write(&partial, contents)?;
        fs::rename(&partial, path)?;
    }
    Ok(())
}

fn fingerprint(files: &[Embedded]) -> String {
    let mut hash = Sha256::new();
    for (name, contents) in files {
        hash.update(name);
        hash.update([0]);
        hash.update(contents);
        hash.update([0]);
    }
    let mut hex = data_encoding::HEXLOWER.encode(&hash.finalize());
    hex.truncate(HASH_LENGTH);
    hex
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> GatewayError {
    move |source| GatewayError::Io { what, source }
}
