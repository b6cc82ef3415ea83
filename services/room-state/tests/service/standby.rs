//! Of two `room-state` one works. When it dies, does not run or does not reach the bus the other takes over.

use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use runtime::bus::Bus;
use runtime::health::Health;
use store::role::Role;
use testkit::company::{CHEN, WANG, says};
use testkit::{Running, Stack, bus_server, bus_superuser, until};
use tokio::sync::oneshot;

use crate::support::{entries, live, past, publish, room, start, until_entries};

/// How soon the other has taken over at the latest: the database ends the session of one that does not run after 4 s, and
/// the bus waits 10 s for one to which it has delivered something.
const SOON: Duration = Duration::from_secs(14);

/// Waits until one of those that were started has the lease.
async fn until_one_works(stack: &Stack) -> Result<()> {
    until("one has the lease", || async {
        Ok(store::sqlx::query_scalar(
            "select exists (select from pg_locks join pg_database on pg_database.oid = database
                            where locktype = 'advisory' and granted and datname = current_database())",
        )
        .fetch_one(&stack.admin)
        .await?)
    })
    .await
}

async fn until_it(health: &Health, stands_by: bool) -> Result<()> {
    until(&format!("standby is {stands_by}"), || async { Ok(health.stands_by() == stands_by) }).await
}

/// A second one beside one that works.
async fn standby(stack: &Stack) -> Result<(Running, Health)> {
    let (standby, health) = stack.run_watched(Role::RoomState, room_state::run).await?;
    until("it waits", || async { Ok(health.stands_by() && !health.silent().contains_key("standby")) })
        .await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(health.stands_by(), "one of two works");
    Ok((standby, health))
}

async fn goes_on(stack: &Stack, since: Instant) -> Result<()> {
    let before = entries(stack).await?;
    publish(stack, &[says("r2", CHEN, past(stack, 100), "在吗？")]).await?;
    until_entries(stack, before + 1).await?;
    let taken = since.elapsed();
    assert!(taken < SOON, "the other took over after {taken:?}");
    println!("taken over within {taken:?}");
    Ok(())
}

#[tokio::test]
async fn a_standby_takes_over_from_one_that_was_killed() -> Result<()> {
    let stack = Stack::start().await?;
    let first = start(&stack).await?;
    until_one_works(&stack).await?;
    let (second, waiting) = standby(&stack).await?;
    publish(&stack, &[says("r1", CHEN, past(&stack, 0), "在吗？")]).await?;
    until_entries(&stack, 1).await?;
    first.kill().await;
    goes_on(&stack, Instant::now()).await?;
    assert!(!waiting.stands_by());
    second.stop().await
}

/// A `room-state` in a thread of its own, which can be stopped like a process: its connections stand, and nothing is said
/// on them.
struct Stoppable {
    thread: JoinHandle<Result<()>>,
    stop: Option<oneshot::Sender<()>>,
    go_on: mpsc::Sender<()>,
    end: Option<oneshot::Sender<()>>,
    health: Health,
}

impl Stoppable {
    async fn start(stack: &Stack) -> Result<Self> {
        let (stop, when_stopped) = oneshot::channel::<()>();
        let (end, when_ended) = oneshot::channel::<()>();
        let (go_on, gone_on) = mpsc::channel::<()>();
        let maker = stack.contexts(Role::RoomState);
        let (told, health) = oneshot::channel();
        let thread = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async move {
                let context = maker.make().await?;
                let shutdown = context.shutdown.clone();
                told.send(context.health.clone()).ok();
                let service = tokio::spawn(room_state::run(context));
                when_stopped.await?;
                gone_on.recv()?;
                drop(when_ended.await);
                shutdown.request();
                service.await?
            })
        });
        Ok(Self { thread, stop: Some(stop), go_on, end: Some(end), health: health.await? })
    }

    fn stop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
    }

    /// Lets it go on, and ends it in order.
    async fn end(mut self) -> Result<()> {
        self.go_on.send(())?;
        until_it(&self.health, true).await?;
        self.end.take().map(|end| end.send(()));
        tokio::task::spawn_blocking(|| self.thread.join()).await?.ok().context("the thread")?
    }
}

#[tokio::test]
async fn a_standby_takes_over_from_one_that_does_not_run() -> Result<()> {
    let stack = Stack::start().await?;
    let mut first = Stoppable::start(&stack).await?;
    until_one_works(&stack).await?;
    let (second, waiting) = standby(&stack).await?;
    publish(&stack, &[says("r1", CHEN, past(&stack, 0), "在吗？")]).await?;
    until_entries(&stack, 1).await?;
    first.stop();
    let stopped = Instant::now();
    until_it(&waiting, false).await?;
    goes_on(&stack, stopped).await?;
    // It learns that another leads, and changes nothing.
    publish(&stack, &[says("r1", WANG, past(&stack, 60), "在的")]).await?;
    until_entries(&stack, 3).await?;
    first.end().await?;
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!(waits.len(), 1);
    assert!(waits[0].wait.outcome.is_some());
    assert!(!waiting.stands_by());
    second.stop().await
}

/// It reaches the database, and a server of the bus that is gone.
#[tokio::test]
async fn a_standby_takes_over_from_one_without_a_bus() -> Result<()> {
    let stack = Stack::start().await?;
    let lonely = bus_server().await?;
    let mut context = stack.context(Role::RoomState).await?;
    context.bus = Bus::connect(&bus_superuser(&lonely), "test").await?;
    let (shutdown, working) = (context.shutdown.clone(), context.health.clone());
    let first = tokio::spawn(room_state::run(context));
    until_one_works(&stack).await?;
    let (second, waiting) = standby(&stack).await?;
    assert!(!working.stands_by());
    lonely.kill().await;
    let lost = Instant::now();
    until_it(&waiting, false).await?;
    goes_on(&stack, lost).await?;
    until_it(&working, true).await?;
    shutdown.request();
    first.await??;
    second.stop().await
}

/// Whoever ends in order hands over what was delivered to it ahead of time.
#[tokio::test]
async fn a_standby_takes_over_from_one_that_is_stopped() -> Result<()> {
    let stack = Stack::start().await?;
    let first = start(&stack).await?;
    let message = says("r1", CHEN, past(&stack, 0), "在吗？");
    publish(&stack, &[message]).await?;
    until_entries(&stack, 1).await?;
    let (second, _) = standby(&stack).await?;
    let stopped = Instant::now();
    first.stop().await?;
    goes_on(&stack, stopped).await?;
    second.stop().await
}
