//! One process at a time in a folder: an advisory lock that the system lets go when its holder dies, however
//! it dies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::binaries::absolute;
use crate::error::{Error, IoContext as _};
use crate::{Progress, liveness};

/// The file that is locked, and that says by whom.
const FILE: &str = "lock";

/// How often a waiting process looks whether the lock is free.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Holds a folder until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    file: File,
}

impl Drop for FolderLock {
    // Closing alone is not enough: a child that another thread has just forked shares the open file until it
    // executes its program, and with it the lock.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

impl FolderLock {
    /// Takes the folder, or says who has it.
    pub(crate) fn take(folder: &Path) -> Result<Self, Error> {
        let (mut file, path) = open(folder)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
                return Err(Error::AlreadyRunning { folder: folder.to_owned(), pid });
            }
            Err(TryLockError::Error(e)) => return Err(e).context("lock", &path),
        }
        // The number is for the message of whoever comes second; the lock itself does not depend on it.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .context("write", &path)?;
        Ok(Self { file })
    }

    /// Takes the folder as soon as it is free; gives up with [`Error::AlreadyRunning`] after `limit`.
    pub(crate) async fn wait(folder: &Path, limit: Duration, progress: Progress<'_>) -> Result<Self, Error> {
        let deadline = Instant::now() + limit;
        let mut told = false;
        loop {
            match Self::take(folder) {
                Err(Error::AlreadyRunning { .. }) if Instant::now() < deadline => {}
                outcome => return outcome,
            }
            if !told {
                progress(&format!("waiting for another process that is working in {}", folder.display()));
                told = true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// The process that holds a home, as a [`crate::Stack`] does as long as it lives; `None`: nothing runs there.
///
/// The file is asked for only when a process of the number in it lives, so that looking hardly ever gets in the way of
/// somebody who is just starting.
pub fn holder(home: &Path) -> Option<u32> {
    let path = absolute(home).join(FILE);
    let pid = fs::read_to_string(&path).ok()?.trim().parse().ok().filter(|pid| liveness::alive(*pid))?;
    match File::open(&path).ok()?.try_lock_shared() {
        // Closing it gives it back.
        Ok(()) => None,
        Err(_) => Some(pid),
    }
}

fn open(folder: &Path) -> Result<(File, std::path::PathBuf), Error> {
    fs::create_dir_all(folder).context("create", folder)?;
    let path = folder.join(FILE);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .context("open", &path)?;
    Ok((file, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_is_first() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(holder(folder.path()), None);
        let held = FolderLock::take(folder.path()).unwrap();
        let refusal = FolderLock::take(folder.path()).unwrap_err();
        assert!(matches!(&refusal, Error::AlreadyRunning { pid, .. } if *pid == Some(std::process::id())));
        assert!(refusal.to_string().starts_with("another huiyin is running here"), "{refusal}");
        assert_eq!(holder(folder.path()), Some(std::process::id()));
        drop(held);
        assert_eq!(holder(folder.path()), None, "its number is still there, and alive");
        FolderLock::take(folder.path()).unwrap();
    }
}
