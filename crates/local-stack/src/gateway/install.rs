//! Puts the gateway's files and packages into a folder, once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{GatewayError, folder_in, last_words};

/// The gateway as it is in the repository. The lock file says which packages; it names no place to get them from, so
/// that npm takes the registry that this machine is set up for.
const FILES: [(&str, &str); 9] = [
    (".npmrc", include_str!("../../../../deploy/wechaty-gateway/.npmrc")),
    ("package.json", include_str!("../../../../deploy/wechaty-gateway/package.json")),
    ("package-lock.json", include_str!("../../../../deploy/wechaty-gateway/package-lock.json")),
    ("src/config.js", include_str!("../../../../deploy/wechaty-gateway/src/config.js")),
    ("src/control.js", include_str!("../../../../deploy/wechaty-gateway/src/control.js")),
    ("src/main.js", include_str!("../../../../deploy/wechaty-gateway/src/main.js")),
    ("src/puppet.js", include_str!("../../../../deploy/wechaty-gateway/src/puppet.js")),
    ("src/server.js", include_str!("../../../../deploy/wechaty-gateway/src/server.js")),
    ("src/world.js", include_str!("../../../../deploy/wechaty-gateway/src/world.js")),
];
const SAMPLE_WORLD: (&str, &str) =
    ("src/sample-world.json", include_str!("../../../../deploy/wechaty-gateway/src/sample-world.json"));

/// The files whose change means other packages.
const PACKAGE_FILES: [&str; 3] = [".npmrc", "package.json", "package-lock.json"];

/// Written after a whole installation; what is installed without it is a leftover.
const STAMP: &str = "installed.sha256";

/// About 350 small packages: half a minute on a good line.
const INSTALL_DEADLINE: Duration = Duration::from_secs(600);
/// Another process may be installing into the same folder.
const LOCK_DEADLINE: Duration = Duration::from_secs(660);
/// How often the lock is asked for.
const LOCK_EVERY: Duration = Duration::from_millis(100);
/// For `node --version`.
const VERSION_DEADLINE: Duration = Duration::from_secs(20);
/// Oldest Node that the gateway runs on.
const MIN_NODE_MAJOR: u32 = 20;

/// An installed gateway.
#[derive(Debug, Clone)]
pub struct Prepared {
    folder: PathBuf,
}

impl Prepared {
    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn main(&self) -> PathBuf {
        self.folder.join("src/main.js")
    }
}

/// Makes sure that the gateway is installed below `work_dir`. Safe to call from several processes at once.
pub async fn prepare(work_dir: &Path, progress: impl Fn(&str)) -> Result<Prepared, GatewayError> {
    check_node().await?;
    let folder = std::path::absolute(folder_in(work_dir)).map_err(io_error("name the gateway's folder"))?;
    fs::create_dir_all(folder.join("src")).map_err(io_error("create the gateway's folder"))?;
    let _lock = lock(&folder.join("install.lock")).await?;
    for (name, contents) in FILES.iter().chain([&SAMPLE_WORLD]) {
        write_if_changed(&folder.join(name), contents).map_err(io_error("write the gateway's files"))?;
    }
    let stamp = folder.join(STAMP);
    let wanted = fingerprint();
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && folder.join("node_modules").is_dir() {
        return Ok(Prepared { folder });
    }
    progress("installing the Wechaty gateway's npm packages (once, about half a minute)");
    if stamp.exists() {
        fs::remove_file(&stamp).map_err(io_error("remove the gateway's stamp"))?;
    }
    npm_ci(&folder).await?;
    fs::write(&stamp, wanted).map_err(io_error("write the gateway's stamp"))?;
    Ok(Prepared { folder })
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
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => Err(GatewayError::NotInstalled { program }),
        Ok(Err(source)) => Err(GatewayError::Io { what: "ask Node for its version", source }),
        Err(_) => Err(GatewayError::TimedOut { what: "asking Node for its version", limit: VERSION_DEADLINE }),
    }
}

/// `npm ci` starts from an empty `node_modules`, so that a broken-off installation leaves nothing behind.
async fn npm_ci(folder: &Path) -> Result<(), GatewayError> {
    let mut child = Command::new("npm")
        .args(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"])
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

/// Held until the file is closed, also by a crash.
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

/// A running gateway of another process reads these files only at its start, and a rename is never seen half done.
fn write_if_changed(path: &Path, contents: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|found| found == contents) {
        return Ok(());
    }
    let partial = path.with_extension("partial");
    fs::write(&partial, contents)?;
    fs::rename(&partial, path)
}

fn fingerprint() -> String {
    let mut hash = Sha256::new();
    for (name, contents) in FILES.iter().filter(|(name, _)| PACKAGE_FILES.contains(name)) {
        hash.update(name.as_bytes());
        hash.update(contents.as_bytes());
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> GatewayError {
    move |source| GatewayError::Io { what, source }
}
