//! The folder of the server's unix socket. A socket's path may be about 107 bytes long (`sun_path`, unix(7)),
//! less than many a home's, so that it cannot simply lie with the data.

use std::fs;
use std::path::{Path, PathBuf};

use crate::account::Account;
use crate::error::{Error, IoContext as _};
use crate::place::{private_folder, short_hash};

/// Short on every machine, unlike the temporary folder that a user's environment may name.
const BASE: &str = "/tmp";

/// Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct SocketFolder {
    path: PathBuf,
}

impl SocketFolder {
    pub(super) fn make(data: &Path, account: &Account) -> Result<Self, Error> {
        let folder = Self { path: path_for(data) };
        folder.make_empty(account)?;
        Ok(folder)
    }

    /// Makes the folder anew. Whatever socket and lock file lie in it are a crash's: the data folder is ours
    /// alone by now, and the folder's name comes from it.
    pub(super) fn make_empty(&self, account: &Account) -> Result<(), Error> {
        private_folder(&self.path, account, 0o700)?;
        for entry in fs::read_dir(&self.path).context("list", &self.path)?.flatten() {
            fs::remove_file(entry.path()).context("remove", &entry.path())?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn clear(&self) {
        // Gone already, or somebody else's by now: either way nothing to be done about it.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The socket folder of this data folder, which may be left over from a crash.
pub(crate) fn path_for(data: &Path) -> PathBuf {
    Path::new(BASE).join(format!("hy-{}", short_hash(data)))
}
