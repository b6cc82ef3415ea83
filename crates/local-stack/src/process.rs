//! A server as a child process: its log, its end, and the promise that no child is left behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};
use tokio::sync::Mutex;

use crate::account::Account;
use crate::environment;
use crate::error::{Error, IoContext as _, START};
use crate::keeper;
use crate::liveness::to_pid;

/// How often a state is looked at while waiting for it.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// How often a running child is looked at, whether it still runs.
const WATCH_EVERY: Duration = Duration::from_millis(100);
/// A log longer than this is begun anew at the next start, bytes.
const LOG_LIMIT: u64 = 16 << 20;
/// How much of a log's end is read for an error, bytes.
const TAIL_BYTES: u64 = 8 << 10;
/// How many of its lines are shown.
const TAIL_LINES: usize = 20;

/// How a server is started and ended.
pub(crate) struct Launch<'a> {
    /// Its name in messages.
    pub(crate) server: &'static str,
    pub(crate) program: &'a Path,
    pub(crate) args: Vec<std::ffi::OsString>,
    pub(crate) account: &'a Account,
    /// Standard output and error go here.
    pub(crate) log: &'a Path,
    /// What the kernel sends when we die, as `setpriv` spells it.
    pub(crate) on_our_death: &'static str,
    /// What asks it to end in an orderly way.
    pub(crate) stop: Signal,
    /// How long an orderly end may take before it is killed.
    pub(crate) grace: Duration,
}

/// A running child. Dropping it ends it, bounded in time.
#[derive(Debug)]
pub(crate) struct Process {
    server: &'static str,
    child: Child,
    log: PathBuf,
    log_start: u64,
    stop: Signal,
    grace: Duration,
}

impl Process {
    pub(crate) async fn start(launch: Launch<'_>) -> Result<Self, Error> {
        let log = open_log(launch.log)?;
        let log_start = log.metadata().context("look at", launch.log)?.len();
        // What ties the child to us would start in any case, and end at once.
        fs::metadata(launch.program).context(START, launch.program)?;
        let child = keeper::spawn(command(&launch, log)?).await.context(START, launch.program)?;
        let Launch { server, stop, grace, .. } = launch;
        tracing::debug!(server, process.id = child.id(), "server process started");
        Ok(Self { server, child, log: launch.log.to_owned(), log_start, stop, grace })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// An error as soon as the child has ended.
    pub(crate) fn still_alive(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.failure(format!("ended before it was ready ({status})"))),
            Err(e) => Err(self.failure(format!("cannot be watched: {e}"))),
        }
    }

    /// How it ended, if it has; it is collected by this.
    pub(crate) fn end_by_itself(&mut self) -> Option<String> {
        end_of(self.child.try_wait())
    }

    /// Waits until the child ends by itself.
    pub(crate) async fn ended(&mut self, limit: Duration) -> Result<ExitStatus, Error> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().context("wait for", &self.log)? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(self.failure(format!("did not finish within {} s", limit.as_secs())));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub(crate) fn failure(&self, problem: String) -> Error {
        let log = tail(&self.log, self.log_start).unwrap_or_else(|e| format!("(cannot be read: {e})"));
        Error::Server { server: self.server, problem, log }
    }

    /// Ends the child in an orderly way, or by force when that takes too long, without holding up the
    /// runtime.
    pub(crate) async fn end(self) {
        // A runtime that is itself shutting down drops the task, and with it the process, which ends it just
        // as well.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// Ends the child at once, as a crash would.
    pub(crate) async fn kill(mut self) {
        let _ = self.child.kill();
        self.end().await;
    }

    fn signal(&self, signal: Signal) -> bool {
        to_pid(self.pid()).is_some_and(|pid| kill_process(pid, signal).is_ok())
    }

    fn gone_within(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(LOOK_AGAIN);
        }
        true
    }
}

/// How a child ended, if it has.
pub(crate) fn end_of(looked: io::Result<Option<ExitStatus>>) -> Option<String> {
    match looked {
        Ok(None) => None,
        Ok(Some(status)) => Some(status.to_string()),
        Err(error) => Some(format!("cannot be watched: {error}")),
    }
}

/// Resolves with how the process in `slot` ended once it has ended by itself, and empties the slot.
pub(crate) async fn death<P>(slot: &Mutex<Option<P>>, ended: impl Fn(&mut P) -> Option<String>) -> String {
    loop {
        let mut running = slot.lock().await;
        if let Some(how) = running.as_mut().and_then(&ended) {
            *running = None;
            return how;
        }
        drop(running);
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A child that was waited for has given its number back: it must not be signalled any more.
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        if self.signal(self.stop) && self.gone_within(self.grace) {
            return;
        }
        tracing::warn!(server = self.server, process.id = self.pid(), "no orderly end in time, killing it");
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(launch: &Launch<'_>, log: File) -> Result<Command, Error> {
    let errors = log.try_clone().context("open", launch.log)?;
    let mut command = keeper::tied(launch.program, launch.on_our_death);
    command.args(&launch.args);
    // Settings of the caller's shell (PGDATA, PGPORT, TZ, a locale) must not reach a private server.
    command.env_clear().env("PATH", environment::search_path()).env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir("/").stdin(Stdio::null()).stdout(log).stderr(errors);
    // A group of its own: Ctrl-C at the terminal is for us, who then stop the servers after the services.
    command.process_group(0);
    launch.account.apply(&mut command);
    Ok(command)
}

fn open_log(path: &Path) -> Result<File, Error> {
    let too_long = fs::metadata(path).is_ok_and(|found| found.len() > LOG_LIMIT);
    if too_long {
        fs::remove_file(path).context("remove", path)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(path).context("open", path)
}

fn tail(path: &Path, start: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let from = start.max(file.metadata()?.len().saturating_sub(TAIL_BYTES));
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    Ok(lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
}
