//! A real Wechaty gateway on this machine, for the demo and for tests: the project's own Node gateway over a mock
//! account.
//!
//! Its few source files are inside this binary, so that no checkout is needed; its npm packages are installed once,
//! by the lock file, without running any package's scripts. It needs `node` (20 or later) and `npm`; where they are
//! missing that is an error of its own, because the caller can do without.

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

mod install;
mod kept;
#[cfg(test)]
mod tests;

use crate::process::end_of;
use crate::supervise::Refusal;
pub use install::{Prepared, SAMPLE_WORLD, prepare};
pub use kept::KeptGateway;

/// From start to its ready line; Node loads some hundred files.
const READY_DEADLINE: Duration = Duration::from_mins(1);
/// It ends within a second by itself.
const STOP_DEADLINE: Duration = Duration::from_secs(3);
/// How much of its last words an error repeats.
const LAST_WORDS_LINES: usize = 20;

/// What is to be started.
#[derive(Clone)]
pub struct Settings {
    /// Folder for the gateway's files and packages; several gateways, also of several processes, may share it.
    pub work_dir: PathBuf,
    /// What clients must send. At least 8 visible ASCII characters.
    pub token: String,
    /// The mock account's contacts and rooms, as JSON text; without it the gateway's sample.
    pub world: Option<PathBuf>,
    /// Port of gRPC on loopback; 0 for a free one.
    pub port: u16,
    /// Port of the control port on loopback; 0 for a free one.
    pub control_port: u16,
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// This machine has no Node, or no npm.
    #[error("{program} is not installed")]
    NotInstalled {
        /// Which program is missing.
        program: &'static str,
    },
    /// Node is there and too old.
    #[error("Node {found} is too old, the gateway needs 20 or later")]
    TooOld {
        /// What `node --version` said.
        found: String,
    },
    /// The packages could not be installed.
    #[error("npm could not install the gateway's packages: {last_words}")]
    Install {
        /// The end of npm's output.
        last_words: String,
    },
    /// Something took longer than it may.
    #[error("{what} took longer than {limit:?}")]
    TimedOut { what: &'static str, limit: Duration },
    /// It ended, or spoke nonsense, before it was ready.
    #[error("the gateway did not start: {last_words}")]
    Start {
        /// The end of its standard error.
        last_words: String,
    },
    /// The system refused something.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl From<GatewayError> for Refusal {
    fn from(error: GatewayError) -> Self {
        use GatewayError::{Install, Io, NotInstalled, Start, TimedOut, TooOld};
        let (what, words) = match &error {
            Start { last_words } => ("did not start; its last word", last_words.as_str()),
            Install { last_words } => ("could not be installed; npm's last word", last_words.as_str()),
            Io { what, source } => {
                let passing = source.kind() != io::ErrorKind::NotFound;
                return Self { why: format!("{what}: {source}"), passing };
            }
            NotInstalled { .. } | TooOld { .. } => return Self { why: error.to_string(), passing: false },
            TimedOut { .. } => return Self { why: error.to_string(), passing: true },
        };
        let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("(nothing)");
        Self { why: format!("it {what}: {}", last.trim()), passing: true }
    }
}

/// A running gateway. Dropping it kills it; its death with ours is its own business (it watches its standard input).
#[derive(Debug)]
pub struct NodeGateway {
    endpoint: String,
    control_url: String,
    child: Child,
    pid: Pid,
    /// Held open for as long as it is wanted: the gateway ends when this is closed.
    stdin: Option<ChildStdin>,
}

/// The gateway's ready line.
#[derive(Deserialize)]
struct Ports {
    ready: bool,
    endpoint: String,
    control: String,
}

impl NodeGateway {
    /// Installs the gateway where needed and starts it. `progress` gets a line for each long step.
    pub async fn start(settings: &Settings, progress: impl Fn(&str)) -> Result<Self, GatewayError> {
        let prepared = prepare(&settings.work_dir, progress).await?;
        Self::launch(&prepared, settings).await
    }

    /// Starts a gateway that is installed already.
    pub async fn launch(prepared: &Prepared, settings: &Settings) -> Result<Self, GatewayError> {
        let main = prepared.main();
        // Node would start in any case, and end with many words.
        std::fs::metadata(main)
            .map_err(|source| GatewayError::Io { what: "find the gateway's files", source })?;
        let mut child = command(prepared, settings)
            .spawn()
            .map_err(|source| GatewayError::Io { what: "start the gateway", source })?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(GatewayError::Start { last_words: "it has no standard streams".to_owned() });
        };
        let words = tokio::spawn(last_words(stderr));
        let waiting = tokio::time::timeout(READY_DEADLINE, ready(BufReader::new(stdout).lines())).await;
        let ports = match waiting {
            Ok(Some(ports)) => ports,
            Ok(None) => {
                // A kill of what has ended is refused, and that is fine: the words end either way.
                let _ = child.start_kill();
                return Err(GatewayError::Start { last_words: words.await.unwrap_or_default() });
            }
            Err(_) => {
                return Err(GatewayError::TimedOut { what: "starting the gateway", limit: READY_DEADLINE });
            }
        };
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| GatewayError::Start { last_words: "it has ended".to_owned() })?;
        Ok(Self { endpoint: ports.endpoint, control_url: ports.control, child, pid, stdin: Some(stdin) })
    }

    /// How it ended, if it has; it is collected by this.
    fn end_by_itself(&mut self) -> Option<String> {
        end_of(self.child.try_wait())
    }

    /// `host:port` of gRPC.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// `http://host:port` of the port that moves the mock account's world.
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Stops the process in its tracks, with its connections open, as a hung machine would be.
    pub fn freeze(&self) -> Result<(), GatewayError> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen one go on.
    pub fn thaw(&self) -> Result<(), GatewayError> {
        self.signal(Signal::CONT)
    }

    /// Ends it at once, as a crash would.
    pub async fn kill(mut self) -> Result<(), GatewayError> {
        self.child.kill().await.map_err(|source| GatewayError::Io { what: "kill the gateway", source })
    }

    /// Asks it to end, and kills it when it does not.
    pub async fn stop(mut self) -> Result<ExitStatus, GatewayError> {
        self.signal(Signal::TERM)?;
        self.stdin = None;
        if let Ok(status) = tokio::time::timeout(STOP_DEADLINE, self.child.wait()).await {
            return status.map_err(|source| GatewayError::Io { what: "wait for the gateway", source });
        }
        self.kill().await?;
        Err(GatewayError::TimedOut { what: "stopping the gateway", limit: STOP_DEADLINE })
    }

    fn signal(&self, signal: Signal) -> Result<(), GatewayError> {
        kill_process(self.pid, signal)
            .map_err(|error| GatewayError::Io { what: "signal the gateway", source: error.into() })
    }
}

fn command(prepared: &Prepared, settings: &Settings) -> Command {
    let mut command = Command::new("node");
    command
        .arg(prepared.main())
        .env("GATEWAY_TOKEN", &settings.token)
        .env("GATEWAY_PUPPET", "mock")
        .env("GATEWAY_ENDPOINT", format!("127.0.0.1:{}", settings.port))
        .env("GATEWAY_CONTROL", format!("127.0.0.1:{}", settings.control_port))
        .env("EXIT_WITH_PARENT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Ctrl-C on a terminal goes to the whole group; the gateway has to outlive those who still read from it.
        .process_group(0)
        .kill_on_drop(true);
    // Settings of another gateway of the same operator must not leak into this one.
    for name in [
        "GATEWAY_CONFIG",
        "GATEWAY_TOKEN_FILE",
        "GATEWAY_TLS_CERT_FILE",
        "GATEWAY_TLS_KEY_FILE",
        "GATEWAY_LOG",
    ] {
        command.env_remove(name);
    }
    match &settings.world {
        Some(world) => command.env("GATEWAY_WORLD", world),
        None => command.env_remove("GATEWAY_WORLD"),
    };
    command
}

/// Waits for the ready line, then leaves somebody reading, since a full pipe would stop the gateway.
async fn ready(mut lines: Lines<BufReader<ChildStdout>>) -> Option<Ports> {
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(ports) = serde_json::from_str::<Ports>(&line)
            && ports.ready
        {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(ports);
        }
    }
    None
}

/// Reads to the end and returns the last lines.
async fn last_words(stream: impl AsyncRead + Unpin) -> String {
    let mut lines = BufReader::new(stream).lines();
    let mut kept = std::collections::VecDeque::new();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::debug!(target: "wechaty_gateway", "{line}");
        if kept.len() == LAST_WORDS_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
    Vec::from(kept).join("\n")
}
