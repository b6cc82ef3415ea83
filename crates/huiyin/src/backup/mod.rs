//! `huiyin backup` and `huiyin restore`: the database and the configuration in one file, and back.
//!
//! The tables are taken within one snapshot while everything runs. The streams are not in it: the bus keeps them, and
//! what it still holds is handled once more after a restore.

mod archive;
mod restore;

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use runtime::bus::{Bus, BusError, Consumer, Login, StreamEnd, User};
use runtime::main_wrapper::connect_options;
use runtime::{Clock, Config};
use sqlx::{Connection as _, PgConnection};
use store::dump;
use store::role::Role;

use self::archive::{Manifest, Origin, SavedTable, Writer};
use crate::apply::connect;
use crate::failure;
use crate::installation::{Installation, Target};

pub(crate) use restore::{Args as RestoreArgs, run as run_restore};

/// What it uses of the configuration, which is saved as a whole all the same.
const USED: [&str; 6] = [
    "database.host",
    "database.port",
    "database.name",
    "database.passwords.reader",
    "bus.url",
    "bus.passwords.reader",
];

/// What `backup` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The archive to write, e.g. huiyin-2026-11-22.tar.gz; it must not be there yet
    file: PathBuf,
}

pub(crate) async fn run(args: &Args, target: &Target) -> failure::Result<()> {
    let installation = target.running()?;
    let config = installation.config(&USED)?;
    let manifest = take(args, &installation, &config).await?;
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    let bytes = std::fs::metadata(&args.file).map(|file| file.len()).unwrap_or_default();
    println!("{}: {} tables, {rows} rows, {bytes} bytes", args.file.display(), manifest.tables.len());
    println!("database: as it was at {}, schema version {}", manifest.taken_at, manifest.schema_version);
    println!(
        "configuration: {} as it stands; secrets that it names as files of their own are not in the archive",
        installation.file().display()
    );
    for end in &manifest.streams {
        println!(
            "bus: {} reached sequence {}; the bus keeps it, it is not in the archive",
            end.stream, end.last_seq
        );
    }
    println!(
        "It holds customers' words, and whatever secrets the configuration holds by value: keep it as safe."
    );
    Ok(())
}

async fn take(args: &Args, installation: &Installation, config: &Config) -> Result<Manifest> {
    let streams = stream_ends(config).await;
    let database = &config.database;
    let mut reader = connect(database, connect_options(database, Role::Reader)?).await?;
    dump::begin_snapshot(&mut reader).await.context("a snapshot of the database")?;
    let origin = Origin {
        taken_at: Clock::system().now(),
        schema_version: store::migrate::version(&mut reader).await?,
        streams,
    };
    let mut writer = Writer::create(&args.file, origin)?;
    save_tables(&mut reader, &mut writer).await?;
    reader.close().await.ok();
    let file = installation.file();
    let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    writer.config(&text)?;
    writer.finish()
}

async fn save_tables(reader: &mut PgConnection, writer: &mut Writer) -> Result<()> {
    for table in dump::tables(reader).await? {
        let mut lines = BufWriter::new(writer.spool()?);
        let rows = dump::copy_out(reader, &table, &mut lines)
            .await
            .with_context(|| format!("the table {}", table.name))?;
        lines.flush()?;
        let saved = SavedTable { name: table.name, columns: table.columns, rows };
        writer.table(saved, lines.into_inner().map_err(std::io::IntoInnerError::into_error)?)?;
    }
    Ok(())
}

/// Only to be able to say, at a restore, whether the bus reaches back far enough: a backup is worth having without it.
async fn stream_ends(config: &Config) -> Vec<StreamEnd> {
    let ends = async {
        let login = Login::of(&config.bus, User::Role(Role::Reader))?;
        let bus = Bus::connect(&login, "huiyin-backup").await?;
        let mut ends = Vec::new();
        for consumer in Consumer::FACTS {
            ends.extend(bus.stream_end(consumer).await?);
        }
        Ok::<_, BusError>(ends)
    };
    ends.await.unwrap_or_else(|error| {
        eprintln!("the bus does not say how far its streams reach: {error}");
        Vec::new()
    })
}
