//! Where folders go when not every account can go everywhere.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use crate::Progress;
use crate::account::Account;
use crate::error::{Error, IoContext as _};

/// Folders that every account can enter, in the order of how long they keep things.
const OPEN_TO_ALL: [&str; 2] = ["/var/tmp", "/tmp"];
/// Characters of a folder's name that stand for a path.
const HASH_LENGTH: usize = 12;
const NOTE: &str = "MOVED.txt";
/// The words of the note around the other folder.
const NOTE_BEFORE: &str = "The files of this folder are in ";
const NOTE_AFTER: &str = ", because";

/// The folder in which the files of `wanted` are, by a note that an earlier start left there.
pub(crate) fn noted(wanted: &Path) -> Option<PathBuf> {
    let note = fs::read_to_string(wanted.join(NOTE)).ok()?;
    let (_, rest) = note.split_once(NOTE_BEFORE)?;
    Some(PathBuf::from(rest.split_once(NOTE_AFTER)?.0))
}

/// Makes `wanted` and returns it if the account can enter it, else a folder of ours that it can enter, always
/// the same one for the same `wanted`; a note in `wanted` says where.
pub(crate) fn reachable(wanted: &Path, account: &Account, progress: Progress<'_>) -> Result<PathBuf, Error> {
    fs::create_dir_all(wanted).context("create", wanted)?;
    if account.is_own() {
        return Ok(wanted.to_owned());
    }
    if fs::metadata(wanted).is_ok_and(|found| found.uid() == Account::own().uid) {
        fs::set_permissions(wanted, Permissions::from_mode(0o755)).context("open up", wanted)?;
    }
    let Some(closed) = account.first_closed_folder(wanted) else { return Ok(wanted.to_owned()) };
    let open = OPEN_TO_ALL.iter().map(Path::new).find(|folder| folder.is_dir() && account.can_enter(folder));
    let base = open.map_or_else(std::env::temp_dir, Path::to_owned);
    let elsewhere = base.join(format!("huiyin-{}", short_hash(wanted)));
    private_folder(&elsewhere, &Account::own(), 0o755)?;
    let note = format!(
        "{NOTE_BEFORE}{}{NOTE_AFTER} the account {} cannot enter {}.\n",
        elsewhere.display(),
        account.name(),
        closed.display()
    );
    progress(note.trim_end());
    let path = wanted.join(NOTE);
    fs::write(&path, note).context("write", &path)?;
    Ok(elsewhere)
}

/// The folder for what need not last. One that the account of Postgres can enter, which a user's own need not
/// be.
pub(crate) fn temporary() -> PathBuf {
    let own = std::env::temp_dir();
    let account = Account::for_postgres(None);
    if account.is_ok_and(|account| account.can_enter(&own)) { own } else { PathBuf::from("/tmp") }
}

/// Makes a folder of this owner and mode at a place where others may write too. A folder that somebody else
/// put there first, or a link, is refused: what we would put or run in it would be theirs.
pub(crate) fn private_folder(path: &Path, owner: &Account, mode: u32) -> Result<(), Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => owner.give(path)?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e).context("create", path),
    }
    let found = fs::symlink_metadata(path).context("look at", path)?;
    if !found.is_dir() || found.uid() != owner.uid || found.mode() & 0o022 != 0 {
        let problem = format!("it is not a folder of {} that only it can write to; remove it", owner.name());
        return Err(Error::Unusable { folder: path.to_owned(), problem });
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).context("set the mode of", path)
}

/// What is wrong with something that `owner` has and `account` needs, with its remedy. `top` is the folder that is to be
/// given back whole.
pub(crate) fn wrong_owner(owner: u32, account: &Account, top: &Path) -> String {
    format!(
        "it belongs to user id {owner}, but {} needs it: a home is copied with `cp -a` while it is stopped; run \
         `chown -R {} {}` as root to give it back",
        account.name(),
        account.uid,
        top.display()
    )
}

/// A short name for a path of any length, the same each time and different for each user.
pub(crate) fn short_hash(path: &Path) -> String {
    let mut hash = Sha256::new();
    hash.update(Account::own().uid.to_le_bytes());
    hash.update(path.as_os_str().as_bytes());
    let mut name = HEXLOWER.encode(&hash.finalize());
    name.truncate(HASH_LENGTH);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::silent;

    #[test]
    fn a_foreign_folder_or_a_link_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let target = base.path().join("target");
        fs::create_dir(&target).unwrap();
        let link = base.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(private_folder(&link, &Account::own(), 0o700), Err(Error::Unusable { .. })));
        fs::set_permissions(&target, Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(private_folder(&target, &Account::own(), 0o700), Err(Error::Unusable { .. })));
        private_folder(&base.path().join("fresh"), &Account::own(), 0o700).unwrap();
    }

    #[test]
    fn a_folder_behind_a_closed_door_moves_and_says_where() {
        if Account::own().uid != 0 {
            return; // Only root runs a server as somebody else.
        }
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), Permissions::from_mode(0o700)).unwrap();
        let wanted = closed.path().join("home/postgres");
        let account = Account::for_postgres(None).unwrap();
        let found = reachable(&wanted, &account, &silent).unwrap();
        assert_ne!(found, wanted);
        assert!(account.can_enter(&found));
        assert!(fs::read_to_string(wanted.join(NOTE)).unwrap().contains(found.to_str().unwrap()));
        assert_eq!(noted(&wanted), Some(found.clone()));
        assert_eq!(reachable(&wanted, &account, &silent).unwrap(), found);
        fs::remove_dir_all(found).unwrap();
    }
}
