//! Both servers together, as `huiyin up` and `huiyin demo` run them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::account::Account;
use crate::binaries::{Binaries, absolute};
use crate::error::Error;
use crate::lock::FolderLock;
use crate::supervise::{self, Event, GaveUp, Pace};
use crate::{PrivateNats, PrivatePostgres, Progress, Settings, place};

/// What is ours in a home, whoever Postgres runs as. Nothing in a folder that was copied without its owners can be
/// written.
const OURS: [&str; 8] =
    ["", "lock", "secrets.json", "nats", "nats/lock", "nats/password", "nats/store", "postgres"];

/// A running Postgres and `nats-server` in one home, which is held as long as this lives.
#[derive(Debug)]
pub struct Stack {
    pub postgres: PrivatePostgres,
    pub nats: PrivateNats,
    // Last: the home is free only when both are gone.
    _lock: FolderLock,
}

impl Stack {
    /// Finds or fetches the programs and starts both servers in `settings.home`.
    pub async fn start(settings: &Settings, progress: Progress<'_>) -> Result<Self, Error> {
        let home = absolute(&settings.home);
        check_owners(&home)?;
        let lock = FolderLock::take(&home)?;
        let programs = Binaries::resolve(settings, progress).await?;
        let durability = settings.durability;
        let postgres =
            PrivatePostgres::start(&programs.postgres, &home.join("postgres"), durability, progress).await?;
        let (folder, users) = (home.join("nats"), &settings.bus_users);
        let nats = PrivateNats::start(&programs.nats, &folder, users, durability, progress).await?;
        progress("Postgres and nats-server are up");
        Ok(Self { postgres, nats, _lock: lock })
    }

    /// Keeps both running until one of them cannot be; `tell` hears of everything at once.
    pub async fn keep(&self, pace: Pace, tell: impl Fn(&Event) + Send + Sync) -> GaveUp {
        tokio::select! {
            gave_up = supervise::keep(&self.postgres, pace, &tell) => gave_up,
            gave_up = supervise::keep(&self.nats, pace, &tell) => gave_up,
        }
    }

    /// Stops both in an orderly way and frees the home.
    pub async fn stop(self) {
        tokio::join!(self.postgres.stop(), self.nats.stop());
    }
}

/// Refuses a home that somebody else's files stand in: copied as root, or begun under another account. Root could use any,
/// and what it writes there is nobody else's any more.
///
/// # Errors
/// [`Error::Unusable`] with the remedy.
pub fn check_owners(home: &Path) -> Result<(), Error> {
    let own = Account::own();
    if own.uid == 0 {
        return check_top(home);
    }
    let foreign = OURS.iter().map(|part| home.join(part)).find_map(|path| {
        let owner = fs::symlink_metadata(&path).ok()?.uid();
        (owner != own.uid).then_some((path, owner))
    });
    let Some((folder, owner)) = foreign else { return Ok(()) };
    Err(Error::Unusable { folder, problem: place::wrong_owner(owner, &own, home) })
}

fn check_top(home: &Path) -> Result<(), Error> {
    let Some(owner) = fs::symlink_metadata(home).ok().map(|top| top.uid()).filter(|owner| *owner != 0) else {
        return Ok(());
    };
    let problem = format!(
        "it belongs to user id {owner}, and files that root writes there could not be used by that account: run this as it \
         (`sudo -u '#{owner}' …`), or give the folder to root with `chown root {}`",
        home.display()
    );
    Err(Error::Unusable { folder: home.to_owned(), problem })
}
