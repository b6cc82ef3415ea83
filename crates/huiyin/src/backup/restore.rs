//! Bringing a backup back, into an empty database and nowhere else.
//!
//! Verified as a whole first. Services are kept out until everything stands: the tables are loaded under the schema they
//! were saved with, what the outside may have seen since is put right, and only then is the schema brought up to date.
//! Then the bus hands out everything that it still holds once more.
//!
//! Into a home, its private servers are started for as long as it takes; nothing may run there meanwhile.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use local_stack::Settings;
use runtime::Clock;
use runtime::bus::{Bus, Consumer, Login, StreamEnd, User};
use runtime::config::{Database, Retention, Scope, Servers};
use runtime::main_wrapper::admin_options;
use sqlx::{Connection as _, PgConnection};
use store::restored::{self, PutRight};
use store::{dump, migrate};

use super::archive::{self, Manifest, Tables};
use crate::apply::{connect, declare_streams, role_passwords};
use crate::command_hints::for_home;
use crate::failure::{self, Failure};
use crate::installation::{Destination, Installation, Target};
use crate::local::{Local, RunBy, claim};

/// What it uses of a deployment's configuration.
const USED: [&str; 3] = ["database", "bus", "retention"];

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
    /// Into a home that has a database: keep that one under another name, and restore into a new one
    #[arg(long)]
    set_aside: bool,
}

pub(crate) async fn run(args: &Args, target: &Target) -> failure::Result<()> {
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
    make_sure_it_is_known(&manifest)?;
    match target.destination()? {
        Destination::Deployment(_) if args.set_aside => {
            Err(Failure::Usage("--set-aside is for a home: name it with --home".to_owned()))
        }
        Destination::Deployment(deployment) => {
            deployment.expect_servers()?;
            let config = deployment.complete_config(Scope::Places(&USED))?;
            let servers = Servers { database: config.database, bus: config.bus };
            Ok(restore(&args.file, &manifest, &servers, &config.retention).await?)
        }
        Destination::Home { folder, config } => into_home(args, &manifest, &folder, config.as_ref()).await,
    }
}

/// The configuration matters little here: the next start of `huiyin up` puts all of it in force.
async fn into_home(
    args: &Args,
    manifest: &Manifest,
    folder: &Path,
    config: Option<&Installation>,
) -> failure::Result<()> {
    let retention = match config {
        Some(config) => config.config(&["retention"])?.retention,
        None => Retention::default(),
    };
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    if let Some(config) = config {
        claim(folder, RunBy::Up, config.file())?;
    }
    let progress = |line: &str| println!("· {line}");
    let local = Local::start_bare(&Settings::in_home(folder), &progress).await?;
    let restored = if args.set_aside {
        beside(&args.file, manifest, &local, &retention).await
    } else {
        restore(&args.file, manifest, &local.all_logins(), &retention).await
    };
    local.stop().await;
    restored.map_err(|error| hint(error, folder))?;
    println!("done: {} up", for_home(folder));
    Ok(())
}

/// Beside the database that is there, which stays in its place until the other one is whole: a restore that fails or is
/// interrupted has changed nothing.
async fn beside(file: &Path, manifest: &Manifest, local: &Local, retention: &Retention) -> Result<()> {
    let name = format!("huiyin_until_{}", Clock::system().now().format("%Y%m%d_%H%M%S"));
    let restored = async {
        restore(file, manifest, &local.second_database().await?, retention).await?;
        local.exchange_databases(&name).await.context("putting the restored database in its place")
    }
    .await;
    if let Err(error) = restored {
        // Best effort: the next one begins by removing it.
        local.drop_second_database().await.ok();
        return Err(error.context("the home's database is as it was"));
    }
    println!("database: what was there is kept under the name {name}");
    Ok(())
}

fn hint(error: anyhow::Error, folder: &Path) -> anyhow::Error {
    match error.downcast_ref::<NotEmpty>() {
        Some(_) => anyhow::anyhow!(
            "{}: its database is not empty, and a restore overwrites nothing: give --set-aside to keep it under another \
             name, or another folder",
            folder.display()
        ),
        None => error,
    }
}

/// There is something that a restore would overwrite.
#[derive(Debug)]
struct NotEmpty(String);

impl std::fmt::Display for NotEmpty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the database {} is not empty, and a restore overwrites nothing: drop it and create it again, or name another \
             one in `database.name`",
            self.0
        )
    }
}

impl std::error::Error for NotEmpty {}

/// Before anything is touched.
fn make_sure_it_is_known(manifest: &Manifest) -> Result<()> {
    let newest = migrate::needed_version();
    ensure!(
        manifest.schema_version <= newest,
        "the archive is of a newer release: its schema is version {}, this release knows version {newest}",
        manifest.schema_version
    );
    Ok(())
}

async fn restore(file: &Path, manifest: &Manifest, servers: &Servers, retention: &Retention) -> Result<()> {
    let bus = Bus::connect(&Login::of(&servers.bus, User::Admin)?, "huiyin-restore").await?;
    let database = &servers.database;
    let mut admin = connect(database, admin_options(database)?).await?;
    make_sure_it_is_empty(&mut admin, &database.name).await?;
    let put_right = load_shut(&mut admin, file, manifest, database).await?;
    admin.close().await.ok();
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    println!(
        "database: {} tables, {rows} rows; schema version {}",
        manifest.tables.len(),
        migrate::needed_version()
    );
    println!(
        "cards: {} that were on their way are parked; {} rows of sheets will be written whole",
        put_right.0.parked, put_right.0.rows
    );
    if put_right.1 {
        println!("cards: none whose time has passed before now will be sent");
    }
    replay(&bus, servers.bus.replicas, manifest, retention).await
}

async fn make_sure_it_is_empty(admin: &mut PgConnection, name: &str) -> Result<()> {
    if dump::is_empty(admin).await? { Ok(()) } else { Err(NotEmpty(name.to_owned()).into()) }
}

/// Loads everything while nobody else may connect; lets them in again whatever comes of it.
async fn load_shut(
    admin: &mut PgConnection,
    file: &Path,
    manifest: &Manifest,
    database: &Database,
) -> Result<(PutRight, bool)> {
    dump::shut(admin, true).await?;
    let loaded = async {
        let others = dump::others_connected(admin).await?;
        if !others.is_empty() {
            bail!("stop the services first; connected to the database: {}", others.join(", "));
        }
        load(admin, file, manifest, database).await
    }
    .await;
    dump::shut(admin, false).await?;
    loaded
}

async fn load(
    admin: &mut PgConnection,
    file: &Path,
    manifest: &Manifest,
    database: &Database,
) -> Result<(PutRight, bool)> {
    let passwords = role_passwords(database)?;
    let password = |role| passwords.get(&role).cloned().unwrap_or_default();
    migrate::provision_to(admin, password, manifest.schema_version).await?;
    let mut tx = admin.begin().await?;
    let references = dump::drop_references(&mut tx).await?;
    load_tables(&mut tx, file, manifest).await?;
    let refer = dump::make_references(&mut tx, &references).await;
    refer.context("the archive's tables do not fit together")?;
    dump::continue_counting(&mut tx).await?;
    let right = restored::put_right(&mut tx).await?;
    tx.commit().await?;
    migrate::provision(admin, password).await?;
    let anew = restored::begin_alerts_anew(admin, Clock::system().now()).await?;
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
async fn replay(bus: &Bus, replicas: usize, manifest: &Manifest, retention: &Retention) -> Result<()> {
    for consumer in Consumer::FACTS {
        bus.forget_progress(consumer).await?;
    }
    declare_streams(bus, replicas, retention).await?;
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
