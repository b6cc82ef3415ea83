//! Both servers together, as `huiyin up` and `huiyin demo` run them.

use crate::binaries::{Binaries, absolute};
use crate::error::Error;
use crate::lock::FolderLock;
use crate::{PrivateNats, PrivatePostgres, Progress, Settings};

/// A running Postgres and `nats-server` in one home, which is held as long as this lives.
#[derive(Debug)]
pub struct Stack {
    /// The database server.
    pub postgres: PrivatePostgres,
    /// The bus.
    pub nats: PrivateNats,
    // Last: the home is free only when both are gone.
    _lock: FolderLock,
}

impl Stack {
    /// Finds or fetches the programs and starts both servers in `settings.home`.
    pub async fn start(settings: &Settings, progress: Progress<'_>) -> Result<Self, Error> {
        let home = absolute(&settings.home);
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

    /// Stops both in an orderly way and frees the home.
    pub async fn stop(self) {
        tokio::join!(self.postgres.stop(), self.nats.stop());
    }
}
