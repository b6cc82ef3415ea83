//! Passwords of the private servers: generated once, kept in a file that only its owner can read, never
//! printed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use data_encoding::HEXLOWER;
use domain::secret::Secret;
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::error::{Error, IoContext as _};

/// Bytes of randomness in a password.
const STRENGTH: usize = 24;

/// The password kept in `path`, or a new one that is written there first.
pub(crate) fn load_or_create(path: &Path) -> Result<Secret, Error> {
    match fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim())),
        Ok(_) => create(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => create(path),
        Err(e) => Err(e).context("read", path),
    }
}

// The system's own randomness and not a seeded one: no test may be able to repeat a password.
fn create(path: &Path) -> Result<Secret, Error> {
    let mut bytes = [0; STRENGTH];
    SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other).context("generate a password for", path)?;
    let secret = Secret::new(HEXLOWER.encode(&bytes));
    write_private(path, secret.expose())?;
    Ok(secret)
}

/// Writes a file that only its owner can read. Written beside and renamed, so that a crash leaves the old
/// file or the new one, and so that the mode holds even where a file of another mode stood before.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e).context("remove", &beside),
        _ => {}
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .context("write", &beside)?;
    fs::rename(&beside, path).context("write", path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn is_made_once_and_readable_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        let first = load_or_create(&path).unwrap();
        let second = load_or_create(&path).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.expose().len(), STRENGTH * 2);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
