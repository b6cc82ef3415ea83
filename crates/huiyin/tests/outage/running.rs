//! `huiyin` as a process of its own, with its children.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use huiyin::local::Secrets;
use local_stack::gateway::prepare;
use local_stack::{Binaries, silent, testing};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use store::role::Role;
use store::sqlx::postgres::PgConnectOptions;
use store::sqlx::{ConnectOptions as _, PgConnection, query_scalar};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// The longest that any state is waited for.
pub const PATIENCE: Duration = Duration::from_secs(45);
const LOOK_EVERY: Duration = Duration::from_millis(20);

type Lines = Arc<Mutex<Vec<String>>>;

/// A running `huiyin up` or `huiyin demo`. Dropping it kills it, and its children die with it.
pub struct Running {
    place: PathBuf,
    process: Child,
    pid: u32,
    told: Lines,
    complaints: Lines,
    /// Done when the last line is read.
    readers: Vec<JoinHandle<()>>,
    _home: TempDir,
}

/// A folder that every account can enter.
pub fn home() -> Result<TempDir> {
    let home = tempfile::Builder::new().prefix("huiyin-outage-").tempdir_in("/tmp")?;
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755))?;
    Ok(home)
}

/// A PATH on which both servers are found, so that nothing is fetched.
pub async fn programs() -> Result<String> {
    let found = binaries().await?;
    let nats = found.nats.path.parent().context("a folder")?.display().to_string();
    Ok(format!("{}:{nats}:/usr/local/bin:/usr/bin:/bin", found.postgres.folder.display()))
}

pub async fn nats_server() -> Result<PathBuf> {
    Ok(binaries().await?.nats.path)
}

async fn binaries() -> Result<Binaries> {
    Ok(Binaries::resolve(&testing::settings("unused")?, &silent).await?)
}

/// Lets a demo in `home` use the gateway that all tests share, which is installed where it is not.
pub async fn share_gateway(home: &Path) -> Result<()> {
    let tools = testing::settings("unused")?.tools.context("tools")?;
    prepare(&tools, |line| println!("{line}")).await?;
    fs::create_dir(home.join("demo"))?;
    fs::set_permissions(home.join("demo"), fs::Permissions::from_mode(0o755))?;
    Ok(symlink(tools.join("wechaty-gateway"), home.join("demo/wechaty-gateway"))?)
}

fn command(words: &[String], path: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huiyin"));
    command.args(words).env_clear().env("PATH", path).env("HOME", "/nonexistent").kill_on_drop(true);
    command
}

/// Runs a command to its end: its exit code, what it printed and what it complained of.
pub async fn output(words: &[String]) -> Result<(i32, String, String)> {
    finished(command(words, "/usr/bin:/bin")).await
}

/// The same as another user, which only root can.
pub async fn output_as(user: u32, words: &[String]) -> Result<(i32, String, String)> {
    let mut command = command(words, "/usr/bin:/bin");
    command.uid(user).gid(user).current_dir("/");
    finished(command).await
}

async fn finished(mut command: Command) -> Result<(i32, String, String)> {
    let ran = tokio::time::timeout(PATIENCE, command.output()).await;
    let output = ran.context("it goes on")??;
    let code = output.status.code().context("ended by a signal")?;
    Ok((code, String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

impl Running {
    /// Starts it with its own home in the folder `name` of `home`, and waits until it says `ready`.
    pub async fn start(home: TempDir, name: &str, words: &[&str], path: &str, ready: &str) -> Result<Self> {
        let place = home.path().join(name);
        let mut words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        words.extend(["--home".to_owned(), place.display().to_string()]);
        let mut command = command(&words, path);
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (told, reads_out) = lines(process.stdout.take().context("its output")?);
        let (complaints, reads_errors) = lines(process.stderr.take().context("its errors")?);
        let pid = process.id().context("it has ended")?;
        let readers = vec![reads_out, reads_errors];
        let mut running = Self { place, process, pid, told, complaints, readers, _home: home };
        let end = tokio::time::Instant::now() + PATIENCE;
        while !running.told().iter().any(|line| line.contains(ready)) {
            let ended = running.process.try_wait()?;
            if ended.is_some() || tokio::time::Instant::now() > end {
                bail!("not ready ({ended:?}): {:?}\n{}", running.told(), running.complaint());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(running)
    }

    /// The lines on its terminal.
    pub fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }

    /// What it wrote to standard error.
    pub fn complaint(&self) -> String {
        self.complaints.lock().unwrap().join("\n")
    }

    /// A child by the name of its program.
    pub fn child(&self, program: &str) -> Result<u32> {
        let processes = fs::read_dir("/proc")?.flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let found = pids
            .find(|pid| state(*pid).is_some_and(|(name, _, parent)| name == program && parent == self.pid));
        found.with_context(|| format!("no child {program}"))
    }

    pub fn signal(&self, program: &str, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.child(program)?.cast_signed()).context("a process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Kills children by the names of their programs, all at once; their numbers.
    pub fn kill(&self, programs: &[&str]) -> Result<Vec<u32>> {
        let pids = programs.iter().map(|program| self.child(program)).collect::<Result<Vec<_>>>()?;
        for pid in &pids {
            kill_process(Pid::from_raw(pid.cast_signed()).context("a process")?, Signal::KILL)?;
        }
        Ok(pids)
    }

    /// Waits until each of the messages stands in the timeline, and makes sure that none stands there twice.
    pub async fn until_in_timeline(&self, ids: &[String]) -> Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            let found = self.timeline().await?;
            let times = |id: &String| {
                let suffix = format!(":{id}");
                found.iter().filter(|entry| *entry == id || entry.ends_with(&suffix)).count()
            };
            let missing: Vec<&String> = ids.iter().filter(|id| times(id) == 0).collect();
            if missing.is_empty() {
                let twice: Vec<&String> = ids.iter().filter(|id| times(id) > 1).collect();
                ensure!(twice.is_empty(), "these stand there twice: {twice:?}");
                return Ok(());
            }
            if tokio::time::Instant::now() > end {
                bail!("accepted and lost: {missing:?}; the newest there is {:?}", found.last());
            }
            tokio::time::sleep(LOOK_EVERY * 10).await;
        }
    }

    /// The messages in the timeline.
    pub async fn timeline(&self) -> Result<Vec<String>> {
        let entries = query_scalar("select pos_entry from timeline where kind = 'message'");
        Ok(entries.fetch_all(&mut self.database().await?).await?)
    }

    async fn database(&self) -> Result<PgConnection> {
        let line = fs::read(format!("/proc/{}/cmdline", self.child("postgres")?))?;
        let words: Vec<&str> =
            line.split(|byte| *byte == 0).filter_map(|word| str::from_utf8(word).ok()).collect();
        let socket = words
            .iter()
            .position(|word| *word == "-k")
            .and_then(|at| words.get(at + 1))
            .context("a socket")?;
        let options = PgConnectOptions::new_without_pgpass()
            .socket(socket)
            .username(Role::Reader.name())
            .password(&Secrets::load_or_make(&self.place)?.password(Role::Reader))
            .database("huiyin");
        Ok(options.connect().await?)
    }

    /// What a demo says for programs.
    pub fn demo_info(&self) -> Result<Value> {
        Ok(serde_json::from_str(&fs::read_to_string(self.place.join("demo.json"))?)?)
    }

    /// Waits until it ends by itself; its exit code.
    pub async fn ended(&mut self) -> Result<i32> {
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await.context("it goes on")??;
        for reader in self.readers.drain(..) {
            tokio::time::timeout(PATIENCE, reader).await.context("somebody else holds its terminal")??;
        }
        ended.code().context("ended by a signal")
    }

    /// Asks it to stop, as systemd would; its exit code.
    pub async fn stop(&mut self) -> Result<i32> {
        kill_process(Pid::from_raw(self.pid.cast_signed()).context("a process")?, Signal::TERM)?;
        self.ended().await
    }
}

/// What messages call a program.
pub fn shown(program: &str) -> &str {
    if program == "postgres" { "Postgres" } else { program }
}

/// Whether a process was stopped in its tracks.
pub fn stands_still(pid: u32) -> bool {
    state(pid).is_some_and(|(_, state, _)| state == 'T')
}

/// Whether there is a process of this number, also one that only waits to be collected.
pub fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Name, state and parent of a process.
fn state(pid: u32) -> Option<(String, char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(") ")?;
    let mut fields = after.split(' ');
    let state = fields.next()?.chars().next()?;
    let name = before.split_once('(')?.1.to_owned();
    (state != 'Z').then_some((name, state, fields.next()?.parse().ok()?))
}

fn lines(stream: impl AsyncRead + Unpin + Send + 'static) -> (Lines, JoinHandle<()>) {
    let kept = Lines::default();
    let into = kept.clone();
    let reader = tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            into.lock().unwrap().push(line);
        }
    });
    (kept, reader)
}

/// Waits for a state, bounded.
pub async fn until(what: &str, state: impl AsyncFn() -> bool) -> Result<()> {
    let end = tokio::time::Instant::now() + PATIENCE;
    while !state().await {
        ensure!(tokio::time::Instant::now() < end, "waited {} s in vain until {what}", PATIENCE.as_secs());
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}
