//! Delivery alone, at size: tens of thousands of waits and every kind of notification go out to a Feishu that loses
//! requests and answers, takes calls late, limits them and is away for hours, from two alerters that are killed and paused
//! all the while. Then no card may stand in a chat twice, and none may be missing.
//!
//! Without the delivery key, or without the window after which one is not used again, cards must be found twice: that is
//! how the run shows that it can fail.

mod check;
mod guard;
mod plan;
mod world;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::check::Report;
pub use self::guard::{Guard, run_alerter};
use self::plan::{LEAD, Plan};
use self::world::World;

/// How long everything may take to become right after the last leap, in real time.
const PATIENCE: Duration = Duration::from_mins(3);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Around a leap of the clock no call is in flight: in nature none lasts an hour. On a busy machine one may take long.
const LEAP_GUARD: Duration = Duration::from_millis(2_500);
/// Before a leap answers get lost for so long, so that it is not known what stands in the chats.
const ANSWERS_LOST: Duration = Duration::from_millis(600);
const RESTART_EVERY: Duration = Duration::from_millis(100);
/// The pause between two faults of Feishu, and between two of an alerter, at most.
const FEISHU_FAULTS: Duration = Duration::from_millis(500);
const ALERTER_FAULTS: Duration = Duration::from_millis(1_500);
/// The pause between two presses of buttons.
const PRESSES: Duration = Duration::from_millis(700);

/// How it was called.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Waits of customers.
    #[arg(long, default_value_t = 20_000)]
    waits: usize,
    /// What everything is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The alerters run without this guard.
    #[arg(long)]
    without: Option<Guard>,
    /// Runs also without each guard in turn, and fails unless cards were found twice.
    #[arg(long)]
    prove: bool,
}

/// Runs it, with a line for each run.
///
/// # Errors
/// If a card stands twice or is missing, or, without a guard, if none stands twice.
pub async fn run(arguments: &Arguments) -> Result<()> {
    let guards = if arguments.prove {
        vec![None, Some(Guard::DeliveryKey), Some(Guard::Window)]
    } else {
        vec![arguments.without]
    };
    for without in guards {
        let began = Instant::now();
        let report = once(arguments, without).await?;
        println!("{} {:.0} s", report.line(without), began.elapsed().as_secs_f64());
        // Without a guard what stands twice is enough.
        let shown = without.map_or(report.problems.len(), |_| report.twice.min(check::SHOWN));
        for problem in report.problems.iter().take(shown) {
            println!("  - {problem}");
        }
        match without {
            None if !report.problems.is_empty() => bail!("delivery: {} problems", report.problems.len()),
            Some(guard) if report.twice == 0 => {
                bail!("delivery: no card stood twice without {}", guard.argument())
            }
            _ => {}
        }
    }
    Ok(())
}

async fn once(arguments: &Arguments, without: Option<Guard>) -> Result<Report> {
    let plan = Plan::of(arguments.seed, arguments.waits);
    let world = Arc::new(World::start(&plan, without).await.context("setting the stage")?);
    for service in &world.services {
        service.start()?;
    }
    let restarting = restart_ended(world.clone());
    let played = play(&world, &plan, arguments.seed).await;
    let report = match played {
        Ok(()) => settle(&world, &plan, without).await,
        Err(error) => Err(error),
    };
    restarting.abort();
    drop(restarting.await);
    let world = Arc::try_unwrap(world).ok().context("somebody still holds the stage")?;
    let as_expected = |report: &Report| report.problems.is_empty() || without.is_some() && report.twice > 0;
    world.stop(report.as_ref().is_ok_and(as_expected)).await?;
    report
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

/// Everything that is planned, each at its moment, while everything fails; then all is repaired.
async fn play(world: &Arc<World>, plan: &Plan, seed: u64) -> Result<()> {
    let mut running: JoinSet<Result<()>> = JoinSet::new();
    let mut failing = JoinSet::new();
    failing.spawn(fail_feishu(world.clone(), seed));
    failing.spawn(fail_alerters(world.clone(), seed));
    failing.spawn(press(world.clone(), seed));
    for leap in plan.leaps() {
        running.spawn(outage(world.clone(), leap));
    }
    let (publisher, said) = (world.clone(), plan.said.clone());
    running.spawn(async move { publisher.publish(&said).await });
    world.moment(LEAD + plan.active).await;
    failing.shutdown().await;
    world.repair().await.context("repairing")?;
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

/// Feishu is away while hours pass; just before, answers of calls that it took get lost.
async fn outage(world: Arc<World>, leap: Duration) -> Result<()> {
    world.moment(leap.saturating_sub(LEAP_GUARD + ANSWERS_LOST)).await;
    world.forget_orders().await;
    let lost = json!({ "fault": { "kind": "accept_then_drop" }, "route": "send", "times": 100_000 });
    world.order(&lost).await;
    world.moment(leap.saturating_sub(LEAP_GUARD)).await;
    world.cut(true)?;
    // Nor is one taken hours after it was made.
    world.control("release", &json!({})).await?;
    world.moment(leap + LEAP_GUARD).await;
    world.forget_orders().await;
    world.cut(false)
}

/// Ways in which Feishu fails and a later attempt succeeds. What it refuses for good is no question of delivery.
async fn fail_feishu(world: Arc<World>, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed ^ 0xfe15);
    loop {
        tokio::time::sleep(dice.random_range(Duration::from_millis(50)..FEISHU_FAULTS)).await;
        let hang = dice.random_range(100..1_500);
        let faults = [
            json!({ "kind": "status", "status": 500 }),
            json!({ "kind": "status", "status": 502 }),
            json!({ "kind": "code", "code": 230_020 }),
            json!({ "kind": "code", "code": 230_049 }),
            json!({ "kind": "code", "code": 2_200 }),
            json!({ "kind": "code", "code": 99_991_663 }),
            json!({ "kind": "rate_limited" }),
            json!({ "kind": "rate_limited", "style": "business" }),
            json!({ "kind": "timeout", "ms": hang }),
            json!({ "kind": "drop" }),
            json!({ "kind": "accept_then_drop" }),
            json!({ "kind": "accept_then_timeout", "ms": hang }),
            json!({ "kind": "accept_then_status", "status": 504 }),
            json!({ "kind": "late_accept", "after_ms": hang }),
        ];
        let fault = faults.choose(&mut dice).cloned().unwrap_or_default();
        let route = *["send", "send", "send", "update", "urgent"].choose(&mut dice).unwrap_or(&"send");
        world.order(&json!({ "fault": fault, "route": route, "times": dice.random_range(1..8) })).await;
    }
}

/// Alerters are killed at any step, or paused past their lease, so that both think an address theirs.
async fn fail_alerters(world: Arc<World>, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed ^ 0xa1e7);
    loop {
        tokio::time::sleep(dice.random_range(Duration::from_millis(200)..ALERTER_FAULTS)).await;
        let alerters: Vec<_> = world.alerters().collect();
        let Some(alerter) = alerters.choose(&mut dice) else { return };
        if dice.random_bool(0.6) {
            drop(alerter.kill());
            tokio::time::sleep(dice.random_range(Duration::from_millis(20)..Duration::from_millis(800)))
                .await;
            drop(alerter.start());
        } else {
            alerter.pause(true);
            tokio::time::sleep(dice.random_range(Duration::from_millis(500)..Duration::from_secs(4))).await;
            alerter.pause(false);
        }
    }
}

/// People press buttons of whatever cards have one.
async fn press(world: Arc<World>, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed ^ 0xb077);
    loop {
        tokio::time::sleep(dice.random_range(PRESSES / 2..PRESSES * 3 / 2)).await;
        let chat = plan::chat(dice.random_range(0..plan::OWNERS));
        let Ok(messages) = world.messages(Some(&chat)).await else { continue };
        let open: Vec<&Value> = messages
            .iter()
            .filter(|card| card["content"].as_str().is_some_and(|text| text.contains("\"behaviors\"")))
            .collect();
        if let Some(card) = open.last() {
            let click = json!({ "message_id": card["message_id"], "open_id": plan::MANAGER, "button": 0 });
            drop(world.control("click", &click).await);
        }
    }
}

/// Until everything is right, or will not become so.
async fn settle(world: &World, plan: &Plan, without: Option<Guard>) -> Result<Report> {
    world.moment(plan.end()).await;
    let end = Instant::now() + PATIENCE;
    loop {
        let report = check::all(world, plan).await?;
        // What stands twice will not go away.
        if report.problems.is_empty() || without.is_some() && report.twice > 0 || Instant::now() >= end {
            return Ok(report);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
