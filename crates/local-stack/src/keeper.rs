//! Starts children from one thread that lives as long as the process, tied to it so that they die with it.
//!
//! The kernel's parent-death signal (prctl(2), `PR_SET_PDEATHSIG`) fires when the *thread* that made the
//! child ends, not the process. Started from a worker of an async runtime, a server would die with that
//! worker.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;

use tokio::sync::oneshot;

use crate::environment;

type Order = (Command, oneshot::Sender<io::Result<Child>>);

/// Starts the command from the keeper's thread.
pub(crate) async fn spawn(command: Command) -> io::Result<Child> {
    let (reply, outcome) = oneshot::channel();
    keeper()?.send((command, reply)).map_err(|_| lost())?;
    outcome.await.map_err(|_| lost())?
}

fn keeper() -> io::Result<&'static mpsc::Sender<Order>> {
    static KEEPER: OnceLock<Option<mpsc::Sender<Order>>> = OnceLock::new();
    KEEPER.get_or_init(|| start().ok()).as_ref().ok_or_else(lost)
}

fn start() -> io::Result<mpsc::Sender<Order>> {
    let (orders, inbox) = mpsc::channel::<Order>();
    thread::Builder::new().name("server-keeper".to_owned()).spawn(move || {
        for (mut command, reply) in inbox {
            if let Err(Ok(mut unwanted)) = reply.send(command.spawn()) {
                // The asker gave up in between; nobody else knows of this child.
                let _ = unwanted.kill();
                let _ = unwanted.wait();
            }
        }
    })?;
    Ok(orders)
}

fn lost() -> io::Error {
    io::Error::other("the thread that starts servers is gone")
}

/// A command for `program` that gets `signal` (as `setpriv` spells it: INT, KILL) when this process dies,
/// where the machine can do that; elsewhere just the program.
pub(crate) fn tied(program: &Path, signal: &str) -> Command {
    let Some(setpriv) = setpriv() else { return Command::new(program) };
    let mut command = Command::new(setpriv);
    // setpriv sets the death signal after everything else and then becomes the program: same pid, nothing in
    // between.
    command.args(["--pdeathsig", signal, "--"]).arg(program);
    command
}

/// `setpriv` of util-linux. The one of busybox has the name but not the option, so it is tried once.
fn setpriv() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let works = |path: &PathBuf| {
        let mut trial = Command::new(path);
        trial.args(["--pdeathsig", "KILL", "--"]).arg(OsStr::new("/bin/true"));
        trial.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    };
    let search =
        || environment::on_path("setpriv").into_iter().chain([PathBuf::from("/usr/bin/setpriv")]).find(works);
    FOUND.get_or_init(search).as_deref()
}
