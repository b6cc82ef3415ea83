//! Where the tests' servers keep their files, and how what earlier test processes left is cleared away. A
//! test process ends without a last word, so that each clears away after the ones before it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::id;
use std::sync::OnceLock;

use rustix::process::{Signal, kill_process};

use crate::account::Account;
use crate::error::Error;
use crate::lock::FolderLock;
use crate::postgres::{server_on, socket_folder_for};
use crate::{environment, liveness, nats, place};

const PREFIX: &str = "huiyin-test-";

/// The folder of this test process. The first call clears away what dead ones left.
pub(super) fn of_this_process() -> Result<PathBuf, Error> {
    static CLEARED: OnceLock<()> = OnceLock::new();
    CLEARED.get_or_init(remove_stale);
    let folder = place::temporary().join(format!("{PREFIX}{}", id()));
    place::private_folder(&folder, &Account::own(), 0o755)?;
    Ok(folder)
}

/// Fetched programs, shared over runs and worktrees: the user's cache, or a temporary folder where there is
/// no home.
pub(super) fn tools() -> Result<PathBuf, Error> {
    let cache = environment::user_cache().map(|cache| cache.join("tools"));
    if let Some(tools) = cache.filter(|tools| fs::create_dir_all(tools).is_ok() && !is_read_only(tools)) {
        return Ok(tools);
    }
    let tools = place::temporary().join(format!("huiyin-tools-{}", Account::own().uid));
    place::private_folder(&tools, &Account::own(), 0o755)?;
    Ok(tools)
}

fn is_read_only(folder: &Path) -> bool {
    tempfile::tempfile_in(folder).is_err()
}

/// Removes the folders of test processes that are dead, with whatever outlived them. Best effort: what cannot
/// be removed is in nobody's way.
fn remove_stale() {
    let me = Account::own().uid;
    for entry in fs::read_dir(place::temporary()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|pid| pid.parse().ok());
        let ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == me);
        if let (Some(pid), true) = (pid, ours)
            && (pid == id() || !liveness::alive(pid))
        {
            remove(&entry.path());
        }
    }
}

fn remove(folder: &Path) {
    // In another container with the same temporary folder the process may live although its number is unknown
    // here.
    let Ok(_lock) = FolderLock::take(folder) else { return };
    let data = folder.join("postgres/data");
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let nats = entries.map(|part| nats::server_of(&part.join("nats.pid"), &part.join("nats.conf")));
    let servers: Vec<_> = nats.chain([server_on(&data)]).flatten().collect();
    for pid in servers.into_iter().filter_map(liveness::to_pid) {
        // Where a child cannot be tied to its parent it outlives a test; nothing in it is worth an orderly
        // end.
        let _ = kill_process(pid, Signal::KILL);
    }
    let _ = fs::remove_dir_all(socket_folder_for(&data));
    let _ = fs::remove_dir_all(folder);
}
