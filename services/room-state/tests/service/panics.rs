//! A panic is told before the process ends, and without what it says.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use events::beat::{Beat, BeatKind};
use futures::StreamExt as _;
use runtime::bus::{Bus, Login, User};
use runtime::fault::Faults;
use runtime::health::Health;
use runtime::main_wrapper::{pool, supervise};
use runtime::{Clock, Context, Shutdown, Tasks};
use store::role::Role;
use store::sqlx::postgres::PgConnectOptions;
use testkit::{bus_server, bus_superuser, bus_url, company};

/// Tells the child where the bus is.
const BUS: &str = "PANICS_TEST_BUS";
/// No child takes longer.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn a_panic_is_told_before_the_process_ends() -> Result<()> {
    let server = bus_server().await?;
    let bus = Bus::connect(&bus_superuser(&server), "test").await?;
    let mut beats = bus.client().subscribe(events::subject::BEAT_ALL).await?;
    bus.client().flush().await?;
    let child = tokio::process::Command::new(std::env::current_exe()?)
        .args(["--exact", "panics::the_child_that_panics", "--ignored", "--nocapture"])
        .env(BUS, bus_url(&server))
        .stdin(Stdio::null())
        .output();
    let child = tokio::time::timeout(PATIENCE, child).await.context("the child's end")??;
    assert!(!child.status.success());
    let printed = String::from_utf8_lossy(&[child.stdout, child.stderr].concat()).into_owned();
    assert!(!printed.contains("a customer's words"), "{printed}");
    loop {
        let Ok(Some(beat)) = tokio::time::timeout(Duration::from_secs(2), beats.next()).await else {
            bail!("no panic was told; the child said: {printed}");
        };
        let beat: Beat = events::decode(&beat.payload)?;
        if beat.kind == BeatKind::Panicked {
            let panic = beat.panicked.context("where it was")?;
            assert_eq!(beat.service, "room-state");
            assert!(panic.location.starts_with("services/room-state/tests/service/panics.rs:"), "{panic:?}");
            return Ok(());
        }
    }
}

/// Not a test: the process that the test above starts. It ends in the very moment in which the hook returns, so that
/// whatever was told was told before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of the test above"]
async fn the_child_that_panics() -> Result<()> {
    let Some(url) = std::env::var_os(BUS) else { return Ok(()) };
    let config = company::config(&url.to_string_lossy())?;
    let bus = Bus::connect(&Login::of(&config.bus, User::Role(Role::RoomState))?, "room-state").await?;
    let ctx = Context {
        config: Arc::new(config),
        clock: Clock::system(),
        // Never used.
        db: pool(PgConnectOptions::new_without_pgpass(), "room-state"),
        bus,
        shutdown: Shutdown::new(),
        health: Health::default(),
        faults: Faults::default(),
    };
    supervise("room-state", ctx, |ctx| async move {
        let ours = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            ours(info);
            std::process::abort();
        }));
        let mut tasks = Tasks::new(ctx.shutdown.clone());
        tasks.spawn("fold", async { panic!("a customer's words") });
        tasks.finish().await
    })
    .await
}
