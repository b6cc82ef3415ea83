//! A second server that follows a running one, for tests of what happens when the first is lost.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::cluster::{DATA, PASSWORD_FILE};
use super::{PrivatePostgres, SOCKET_PORT, SUPERUSER};
use crate::binaries::absolute;
use crate::error::{Error, IoContext as _};
use crate::process::{Launch, Process};
use crate::secret::write_private;
use crate::{Progress, place};

/// How the first server knows its follower (`application_name`).
const NAME: &str = "standby";
/// A test's data are small.
const COPY_LIMIT: Duration = Duration::from_mins(1);

impl PrivatePostgres {
    /// Copies this running server into `folder` and starts the copy there, which follows this one until it is promoted.
    pub async fn start_standby(&self, folder: &Path, progress: Progress<'_>) -> Result<Self, Error> {
        let programs = &self.cluster.programs;
        let place = place::reachable(&absolute(folder), &self.cluster.account, progress)?;
        write_private(&place.join(PASSWORD_FILE), self.superuser_password())?;
        self.copy_to(&place).await?;
        Self::start(programs, folder, self.durability, progress).await
    }

    /// Waits with each commit until the standby has it on its disk, or with none.
    pub async fn wait_for_standby(&self, wait: bool) -> Result<(), Error> {
        let names = if wait { NAME } else { "" };
        self.administer(format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"), || {
            "set synchronous_standby_names".to_owned()
        })
        .await?;
        self.administer("SELECT pg_reload_conf()".to_owned(), || "reload the settings".to_owned()).await
    }

    /// Lets this standby hear nothing more from its primary.
    pub async fn unfollow(&self) -> Result<(), Error> {
        let action = || "unfollow the primary".to_owned();
        self.administer("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'".to_owned(), action).await?;
        self.administer("SELECT pg_reload_conf()".to_owned(), action).await
    }

    /// Makes this standby the primary; returns when it takes writes.
    pub async fn promote(&self) -> Result<(), Error> {
        self.administer("SELECT pg_promote()".to_owned(), || "promote the standby".to_owned()).await
    }

    async fn copy_to(&self, place: &Path) -> Result<(), Error> {
        let (account, data) = (&self.cluster.account, place.join(DATA));
        DirBuilder::new().mode(0o700).create(&data).context("create", &data)?;
        account.give(&data)?;
        // In a file, since arguments can be read by everybody.
        let passfile = place.join("passfile");
        write_private(&passfile, &format!("*:*:*:*:{}\n", self.superuser_password()))?;
        account.give(&passfile)?;
        let primary = format!(
            "host={} port={SOCKET_PORT} user={SUPERUSER} passfile={} application_name={NAME}",
            self.socket.path().display(),
            passfile.display()
        );
        let args =
            ["-d", &primary, "-D", &data.display().to_string(), "-R", "-X", "stream", "-c", "fast", "-N"];
        let mut process = Process::start(Launch {
            server: "pg_basebackup",
            program: &self.cluster.programs.basebackup(),
            args: args.map(Into::into).to_vec(),
            account,
            log: &place.join("pg_basebackup.log"),
            on_our_death: "KILL",
            stop: Signal::TERM,
            grace: Duration::from_secs(5),
        })
        .await?;
        let status = process.ended(COPY_LIMIT).await?;
        if status.success() { Ok(()) } else { Err(process.failure(format!("failed ({status})"))) }
    }
}
