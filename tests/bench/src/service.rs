//! Services as processes of their own, so that killing and pausing them is real.
//!
//! This program starts itself again under a hidden subcommand, which runs a service as its own program would, by the
//! clock of the run.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use huiyin::local::SERVICES;
use runtime::Clock;
use runtime::clock::Pace;
use rustix::process::{Pid, Signal, kill_process};

use crate::delivery::{self, Guard};

/// How long a service may take to stop when it is asked to, before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(10);
/// The pause between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The hidden subcommand: runs until it is asked to stop, or its parent is gone. An alerter can lack a guard.
pub fn run(name: &str, pace: &str, without: Option<Guard>) -> ExitCode {
    let clock = match serde_json::from_str::<Pace>(pace) {
        Ok(pace) => Clock::paced(pace),
        Err(error) => {
            eprintln!("bench service: no pace: {error}");
            return ExitCode::FAILURE;
        }
    };
    std::thread::spawn(|| {
        // The parent holds the other end: nothing is ever written there, and its end is the parent's.
        drop(std::io::stdin().read(&mut [0]));
        std::process::exit(1);
    });
    if let Some(guard) = without {
        return delivery::run_alerter(clock, guard);
    }
    let Some((role, run)) = SERVICES.iter().find(|(role, _)| role.service() == name) else {
        eprintln!("bench service: no service `{name}`");
        return ExitCode::FAILURE;
    };
    runtime::main_wrapper::main_by(clock, *role, run)
}

/// One replica of a service.
#[derive(Debug)]
pub struct Service {
    pub name: &'static str,
    /// With its number: `room-state-2`.
    pub replica: String,
    config: PathBuf,
    log: PathBuf,
    pace: String,
    without: Option<Guard>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    child: Option<Child>,
    /// Started again when it has ended.
    wanted: bool,
    paused: bool,
    ended_by_itself: u32,
}

impl Service {
    pub fn new(name: &'static str, replica: String, folder: &Path, pace: &Pace) -> Result<Self> {
        let config = folder.join(format!("{replica}.json"));
        let log = folder.join(format!("{replica}.log"));
        let pace = serde_json::to_string(pace)?;
        Ok(Self { name, replica, config, log, pace, without: None, state: Mutex::default() })
    }

    /// The same, an alerter that lacks a guard.
    pub fn without(mut self, without: Option<Guard>) -> Self {
        self.without = without;
        self
    }

    /// Where its configuration has to be.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Starts it; from now on [`Self::restart_ended`] starts it again whenever it ends.
    pub fn start(&self) -> Result<()> {
        let mut state = self.lock();
        state.wanted = true;
        if state.child.is_none() {
            state.child = Some(self.spawn()?);
        }
        Ok(())
    }

    fn spawn(&self) -> Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        Command::new(std::env::current_exe()?)
            .args(["service", self.name, "--pace", &self.pace])
            .args(self.without.map(|guard| format!("--without={}", guard.argument())))
            .env("HUIYIN_CONFIG", &self.config)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", self.replica))
    }

    /// Starts it again if it ended by itself, as a restart policy does.
    pub fn restart_ended(&self) -> Result<()> {
        let mut state = self.lock();
        if !state.wanted {
            return Ok(());
        }
        let ended = match &mut state.child {
            Some(child) => child.try_wait()?.is_some(),
            None => true,
        };
        if ended {
            state.ended_by_itself += 1;
            state.child = Some(self.spawn()?);
        }
        Ok(())
    }

    /// As a crash: nothing is finished.
    pub fn kill(&self) -> Result<()> {
        let mut state = self.lock();
        (state.wanted, state.paused) = (false, false);
        if let Some(mut child) = state.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Stops or continues all its threads.
    pub fn pause(&self, paused: bool) {
        let mut state = self.lock();
        if let Some(pid) = state.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed())) {
            kill_process(pid, if paused { Signal::STOP } else { Signal::CONT }).ok();
            state.paused = paused;
        }
    }

    /// Whether it is stopped by a signal.
    pub fn is_paused(&self) -> bool {
        self.lock().paused
    }

    /// In an orderly way.
    pub async fn stop(&self) -> Result<()> {
        let child = {
            let mut state = self.lock();
            state.wanted = false;
            state.child.take()
        };
        let Some(mut child) = child else { return Ok(()) };
        let Some(pid) = Pid::from_raw(child.id().cast_signed()) else { return Ok(()) };
        kill_process(pid, Signal::CONT).ok();
        kill_process(pid, Signal::TERM).ok();
        let end = Instant::now() + STOP_PATIENCE;
        while child.try_wait()?.is_none() {
            if Instant::now() > end {
                child.kill()?;
                child.wait()?;
                bail!("{} did not stop within {} s", self.replica, STOP_PATIENCE.as_secs());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.lock().child.as_ref().map(Child::id)
    }

    /// How often it ended without being told to.
    pub fn ended_by_itself(&self) -> u32 {
        self.lock().ended_by_itself
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.kill());
    }
}
