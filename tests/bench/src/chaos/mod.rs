//! A simulated company over moved time, in which everything of ours is killed, paused and restarted, every connection
//! is cut or stalled, and Vika and Feishu fail in every way that they are known to. Once it is quiet again, everything
//! that was promised is checked.

mod check;
mod faults;
mod people;
pub mod plan;
mod proxy;
mod world;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::task::JoinSet;

use self::check::Tally;
use self::people::Performed;
use self::plan::{ACTIVE, LEAD, Plan, SETTLE};
pub use self::proxy::{LinkState, Proxy};
use self::world::World;
pub use self::world::shorten_ack_wait;

/// How long everything may take to become right after the last leap, in real time.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked whether it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long it has to stay right.
const STAYS: Duration = Duration::from_secs(1);
/// Around a leap of the clock no call to Feishu is in flight: in nature none lasts an hour.
const LEAP_GUARD: Duration = Duration::from_millis(500);
/// How often services that ended are started again.
const RESTART_EVERY: Duration = Duration::from_millis(100);

/// How it was called.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many runs.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first seed; the others follow it.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// One run of this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Keep every run's folder, not only those of failed runs.
    #[arg(long)]
    keep: bool,
}

/// How a run went.
struct Outcome {
    problems: Vec<String>,
    tally: Tally,
    messages: usize,
    edits: usize,
    presses: usize,
    restarts: u32,
    log_bytes: u64,
    folder: Option<PathBuf>,
}

/// Runs them, one after the other, with a line for each.
///
/// # Errors
/// If any run failed; its seed was printed.
pub async fn run(arguments: &Arguments) -> Result<()> {
    let (first, count) = arguments.seed.map_or((arguments.first, arguments.seeds), |seed| (seed, 1));
    let mut failed = Vec::new();
    for seed in first..first + count {
        let began = Instant::now();
        let outcome = once(seed, arguments.keep).await.with_context(|| format!("seed {seed}"));
        let seconds = began.elapsed().as_secs_f64();
        match outcome {
            Ok(outcome) => {
                report(seed, &outcome, seconds);
                failed.extend((!outcome.problems.is_empty()).then_some(seed));
            }
            Err(error) => {
                println!("seed {seed}: FAILED after {seconds:.1} s: {error:#}");
                failed.push(seed);
            }
        }
    }
    if failed.is_empty() {
        println!("{count} seeds, all good");
        return Ok(());
    }
    bail!("{} of {count} seeds failed: {failed:?}; `bench chaos --seed N` replays one", failed.len())
}

fn report(seed: u64, outcome: &Outcome, seconds: f64) {
    let Tally { commands, cards, unresolved, waits } = outcome.tally;
    println!(
        "seed {seed}: {} messages, {waits} waits, {} edits, {} presses, {commands} commands, {cards} cards \
         ({unresolved} set aside), {} services ended by themselves, {} KiB of logs, {seconds:.1} s: {}",
        outcome.messages,
        outcome.edits,
        outcome.presses,
        outcome.restarts,
        outcome.log_bytes / 1024,
        if outcome.problems.is_empty() { "good" } else { "FAILED" }
    );
    for problem in &outcome.problems {
        println!("  - {problem}");
    }
    if let Some(folder) = &outcome.folder {
        println!("  its logs and data are in {}", folder.display());
    }
}

async fn once(seed: u64, keep: bool) -> Result<Outcome> {
    let plan = Plan::of(seed);
    let world = Arc::new(World::start(&plan).await.context("setting the stage")?);
    let performed = Arc::new(Performed::default());
    for service in &world.services {
        service.start()?;
    }
    let restarting = restart_ended(world.clone());
    let played = play(&world, &plan, &performed).await;
    let judged = match played {
        Ok(()) => judge(&world, &plan, &performed).await,
        Err(error) => Err(error),
    };
    restarting.abort();
    drop(restarting.await);
    // What could not even be played or judged is a problem like others: its logs are wanted.
    let (mut problems, tally) = judged.unwrap_or_else(|error| (vec![format!("{error:#}")], Tally::default()));
    let secrets = world.secrets();
    let restarts = world.services.iter().map(|service| service.ended_by_itself()).sum();
    let world = alone(world).await?;
    let folder = world.stop().await?;
    let (leaks, log_bytes) = check::leaks(folder.path(), &secrets, &plan.marker)?;
    problems.extend(leaks);
    let folder = (keep || !problems.is_empty()).then(|| folder.keep());
    Ok(Outcome {
        problems,
        tally,
        messages: performed.accepted.load(Ordering::Relaxed),
        edits: performed.edits.load(Ordering::Relaxed),
        presses: performed.pressed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len(),
        restarts,
        log_bytes,
        folder,
    })
}

/// What was told to end needs a moment to let go.
async fn alone(mut world: Arc<World>) -> Result<World> {
    let end = Instant::now() + PATIENCE;
    loop {
        world = match Arc::try_unwrap(world) {
            Ok(world) => return Ok(world),
            Err(world) => world,
        };
        ensure!(Instant::now() < end, "somebody still holds the stage");
        tokio::time::sleep(RESTART_EVERY).await;
    }
}

/// As a restart policy does.
fn restart_ended(world: Arc<World>) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            for service in &world.services {
                drop(service.restart_ended());
            }
            tokio::time::sleep(RESTART_EVERY).await;
        }
    })
}

/// Everything that is planned, each at its moment; then everything is healed. Messages go on until they are accepted.
async fn play(world: &Arc<World>, plan: &Plan, performed: &Arc<Performed>) -> Result<()> {
    let moment = |at: Duration| tokio::time::sleep_until((world.began + at).into());
    let mut running: JoinSet<Result<()>> = JoinSet::new();
    for (at, post) in plan.posts.clone() {
        let (wait, world, performed) = (moment(at), world.clone(), performed.clone());
        running.spawn(async move {
            wait.await;
            people::deliver(world, performed, post).await
        });
    }
    for (at, action) in plan.actions.clone() {
        let (wait, world, performed) = (moment(at), world.clone(), performed.clone());
        running.spawn(async move {
            wait.await;
            people::action(world, performed, action).await
        });
    }
    let mut failing = JoinSet::new();
    for (at, fault) in plan.faults.clone() {
        let (wait, world) = (moment(at), world.clone());
        failing.spawn(async move {
            wait.await;
            faults::carry_out(world, fault).await;
        });
    }
    for (at, _) in &plan.leaps {
        let leap = Duration::from_millis(at.unsigned_abs());
        let (before, after) = (moment(leap.saturating_sub(LEAP_GUARD)), moment(leap + LEAP_GUARD));
        let world = world.clone();
        running.spawn(async move {
            before.await;
            faults::nothing_in_flight(&world, true).await?;
            after.await;
            faults::nothing_in_flight(&world, false).await
        });
    }
    moment(LEAD + ACTIVE).await;
    while failing.join_next().await.is_some() {}
    world.repair().await.context("repairing")?;
    let delivered = async {
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        Ok::<(), anyhow::Error>(())
    };
    tokio::time::timeout(PATIENCE, delivered).await.context("messages were not accepted in time")??;
    world.restore_columns().await.context("restoring columns")?;
    moment(LEAD + ACTIVE + SETTLE).await;
    Ok(())
}

/// What is still wrong when everything has had its time.
async fn judge(world: &World, plan: &Plan, performed: &Performed) -> Result<(Vec<String>, Tally)> {
    let end = Instant::now() + PATIENCE;
    let mut good_since: Option<Instant> = None;
    loop {
        let (problems, tally) = check::all(world, plan, performed).await?;
        if problems.is_empty() {
            let since = *good_since.get_or_insert_with(Instant::now);
            if since.elapsed() >= STAYS {
                return Ok((problems, tally));
            }
        } else {
            good_since = None;
            if Instant::now() >= end {
                return Ok((problems, tally));
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
