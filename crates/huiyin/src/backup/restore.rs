//! Bringing a backup back, into an empty database and nowhere else.
//!
//! Verified as a whole first. Services are kept out until everything stands: the tables are loaded under the schema they
//! were saved with, what the outside may have seen since is put right, and only then is the schema brought up to date.
//! Then the bus hands out everything that it still holds once more.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use runtime::bus::{Bus, Consumer, Login, StreamEnd, User};
use runtime::config::{Source, load_complete};
use runtime::main_wrapper::admin_options;
use runtime::{Clock, Config};
use sqlx::{Connection as _, PgConnection};
use store::restored::{PutRight, begin_alerts_anew, put_right};
use store::{dump, migrate};

use super::archive::{self, Manifest, Tables};
use crate::apply::{connect, declare_streams, role_passwords};
use crate::failure;

/// What `restore` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The archive
    file: PathBuf,
    /// Also write the configuration file of the archive here; it must not be there yet
    #[arg(long, value_name = "FILE")]
    config_to: Option<PathBuf>,
    /// Only make sure that the archive is whole; nothing is touched
    #[arg(long)]
    verify: bool,
}

/// Runs `huiyin restore`.
pub(crate) async fn run(args: &Args, source: &Source) -> failure::Result<()> {
    let manifest = archive::verify(&args.file)?;
    let Manifest { taken_at, schema_version, release, .. } = &manifest;
    println!(
        "archive: whole, of {taken_at}, made by release {release} under schema version {schema_version}"
    );
    if let Some(file) = &args.config_to {
        let text = archive::config(&args.file)?.context("the archive holds no configuration")?;
        archive::write_private(file, &text)?;
        println!("configuration: written to {}", file.display());
    }
    if args.verify {
        return Ok(());
    }
    let config = load_complete(source)?;
    Ok(restore(&args.file, &manifest, &config).await?)
}

async fn restore(file: &Path, manifest: &Manifest, config: &Config) -> Result<()> {
    let newest = migrate::needed_version();
    ensure!(
        manifest.schema_version <= newest,
        "the archive is of a newer release: its schema is version {}, this release knows version {newest}",
        manifest.schema_version
    );
    let bus = Bus::connect(&Login::of(&config.bus, User::Admin)?, "huiyin-restore").await?;
    let database = &config.database;
    let mut admin = connect(database, admin_options(database)?).await?;
    make_sure_it_is_empty(&mut admin, &database.name).await?;
    let put_right = load_shut(&mut admin, file, manifest, config).await?;
    admin.close().await.ok();
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    println!("database: {} tables, {rows} rows; schema version {newest}", manifest.tables.len());
    println!(
        "cards: {} that were on their way are parked; {} rows of sheets will be written whole",
        put_right.0.parked, put_right.0.rows
    );
    if put_right.1 {
        println!("cards: none whose time has passed before now will be sent");
    }
    replay(&bus, manifest, config).await
}

async fn make_sure_it_is_empty(admin: &mut PgConnection, name: &str) -> Result<()> {
    ensure!(
        dump::is_empty(admin).await?,
        "the database {name} is not empty, and a restore overwrites nothing: drop it and create it again, or name \
         another one in `database.name`"
    );
    Ok(())
}

/// Loads everything while nobody else may connect; lets them in again whatever comes of it.
async fn load_shut(
    admin: &mut PgConnection,
    file: &Path,
    manifest: &Manifest,
    config: &Config,
) -> Result<(PutRight, bool)> {
    dump::shut(admin, true).await?;
    let loaded = async {
        let others = dump::others_connected(admin).await?;
        if !others.is_empty() {
            bail!("stop the services first; connected to the database: {}", others.join(", "));
        }
        load(admin, file, manifest, config).await
    }
    .await;
    dump::shut(admin, false).await?;
    loaded
}

async fn load(
    admin: &mut PgConnection,
    file: &Path,
    manifest: &Manifest,
    config: &Config,
) -> Result<(PutRight, bool)> {
    let passwords = role_passwords(&config.database)?;
    let password = |role| passwords.get(&role).cloned().unwrap_or_default();
    migrate::provision_to(admin, password, manifest.schema_version).await?;
    let mut tx = admin.begin().await?;
    let references = dump::drop_references(&mut tx).await?;
    load_tables(&mut tx, file, manifest).await?;
    let refer = dump::make_references(&mut tx, &references).await;
    refer.context("the archive's tables do not fit together")?;
    dump::continue_counting(&mut tx).await?;
    let right = put_right(&mut tx).await?;
    tx.commit().await?;
    migrate::provision(admin, password).await?;
    let anew = begin_alerts_anew(admin, Clock::system().now()).await?;
    Ok((right, anew))
}

async fn load_tables(connection: &mut PgConnection, file: &Path, manifest: &Manifest) -> Result<()> {
    let mut tables = Tables::open(file)?;
    let mut loaded = 0;
    for table in tables.each()? {
        let (name, mut lines) = table?;
        let saved = manifest.tables.iter().find(|saved| saved.name == name);
        let saved = saved.with_context(|| format!("the manifest does not know the table {name}"))?;
        let table = dump::Table { name, columns: saved.columns.clone() };
        let rows = dump::copy_in(connection, &table, &mut lines)
            .await
            .with_context(|| format!("the table {}", table.name))?;
        ensure!(rows == saved.rows, "{}: {rows} rows came in instead of {}", table.name, saved.rows);
        loaded += 1;
    }
    ensure!(loaded == manifest.tables.len(), "{loaded} tables came in instead of {}", manifest.tables.len());
    Ok(())
}

/// Lets the bus hand out everything that it still holds; what the backup has already is recognised.
async fn replay(bus: &Bus, manifest: &Manifest, config: &Config) -> Result<()> {
    for consumer in Consumer::FACTS {
        bus.forget_progress(consumer).await?;
    }
    declare_streams(bus, &config.retention).await?;
    for consumer in Consumer::FACTS {
        let Some(now) = bus.stream_end(consumer).await? else { continue };
        let held = now.last_seq.saturating_sub(now.first_seq.saturating_sub(1));
        println!("bus: {} holds {held} messages, which will be handled once more", now.stream);
        let then = manifest.streams.iter().find(|then| then.stream == now.stream);
        if then.is_some_and(|then| !reaches_back(then, &now)) {
            println!(
                "bus: {} DOES NOT REACH BACK to the backup: what was accepted after {} and is not in it any more is lost; \
                 bring what other systems still have with `huiyin import`",
                now.stream, manifest.taken_at
            );
        }
    }
    Ok(())
}

/// Whether everything is there that came after `then`.
fn reaches_back(then: &StreamEnd, now: &StreamEnd) -> bool {
    then.created_at == now.created_at && now.first_seq <= then.last_seq + 1
}
