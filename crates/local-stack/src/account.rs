//! Which account a server runs as, and which folders that account can enter.
//!
//! `postgres` and `initdb` refuse to run as root, and they refuse a user id that the account file does not
//! know.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, IoContext as _};

const ACCOUNT_FILE: &str = "/etc/passwd";
/// Tried in this order when we are root and there is no data yet.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// An account by its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    gid: u32,
    name: String,
}

impl Account {
    /// The account of this process.
    pub(crate) fn own() -> Self {
        let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        Self { uid, gid, name: format!("user id {uid}") }
    }

    /// The account that Postgres runs as: our own, unless we are root. Then it is the owner of `data` if that
    /// exists, so that an account installed later does not orphan what another one wrote.
    pub(crate) fn for_postgres(data: Option<&Path>) -> Result<Self, Error> {
        let own = Self::own();
        if own.uid != 0 {
            return Ok(own);
        }
        let file = Path::new(ACCOUNT_FILE);
        let accounts = parse(&fs::read_to_string(file).context("read", file)?);
        let owner =
            data.and_then(|data| fs::metadata(data).ok()).map(|found| found.uid()).filter(|uid| *uid != 0);
        let chosen = match owner {
            Some(uid) => accounts.into_iter().find(|account| account.uid == uid),
            None => UNPRIVILEGED.iter().find_map(|name| accounts.iter().find(|a| a.name == *name)).cloned(),
        };
        chosen.ok_or_else(|| Error::Unusable {
            folder: data.unwrap_or(file).to_owned(),
            problem: "Postgres does not run as root, and there is no account to run it as; \
                      start huiyin as an ordinary user or add an account named postgres"
                .to_owned(),
        })
    }

    pub(crate) fn is_own(&self) -> bool {
        self.uid == Self::own().uid
    }

    /// Whether the account can enter every folder on the way to `path`, `path` itself included if it is a
    /// folder. Parts that do not exist yet are not judged.
    pub(crate) fn can_enter(&self, path: &Path) -> bool {
        self.first_closed_folder(path).is_none()
    }

    /// The folder that stops the account on its way to `path`.
    pub(crate) fn first_closed_folder(&self, path: &Path) -> Option<PathBuf> {
        if self.uid == 0 {
            return None;
        }
        let existing = path.ancestors().find_map(|part| part.canonicalize().ok())?;
        let mut folders: Vec<_> = existing.ancestors().filter(|part| part.is_dir()).collect();
        folders.reverse();
        folders.into_iter().find(|folder| !self.may_execute(folder)).map(Path::to_owned)
    }

    /// Whether the account can run the program at `path`.
    pub(crate) fn can_run(&self, path: &Path) -> bool {
        self.can_enter(path) && path.is_file() && self.may_execute(path)
    }

    // Supplementary groups are left out: they are cleared when we drop to the account.
    fn may_execute(&self, path: &Path) -> bool {
        let Ok(found) = fs::metadata(path) else { return false };
        let bit = match (found.uid() == self.uid, found.gid() == self.gid) {
            _ if self.uid == 0 => 0o111,
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        found.mode() & bit != 0
    }

    /// Makes the command run as this account. Only root can, so that for our own account nothing changes.
    pub(crate) fn apply(&self, command: &mut Command) {
        if !self.is_own() {
            // The standard library clears the supplementary groups along with it.
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Gives a file or folder to this account.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        if self.is_own() {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid)).context("hand over", path)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// Lines of `name:password:uid:gid:…`, passwd(5).
fn parse(text: &str) -> Vec<Account> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        Some(Account { uid, gid: fields.next()?.parse().ok()?, name })
    };
    text.lines().filter_map(account).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn reads_the_account_file() {
        let accounts =
            parse("root:x:0:0:root:/root:/bin/sh\n# a remark\nnobody:x:65534:65533::/:/bin/false\n");
        assert_eq!(accounts.len(), 2);
        assert_eq!(accounts[1], Account { uid: 65534, gid: 65533, name: "nobody".to_owned() });
    }

    #[test]
    fn a_closed_folder_on_the_way_is_found() {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let inner = folder.path().join("a/b");
        fs::create_dir_all(&inner).unwrap();
        let stranger = Account { uid: 65_000, gid: 65_000, name: "stranger".to_owned() };
        let closed = stranger.first_closed_folder(&inner.join("not/yet"));
        assert_eq!(closed, Some(folder.path().canonicalize().unwrap()));
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        for made in [folder.path().join("a"), inner.clone()] {
            fs::set_permissions(made, fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert!(stranger.can_enter(&inner));
        assert!(Account::own().can_enter(&inner));
    }
}
