//! `bench vika`: a month of a company whose space of Vika sells so many calls. What the calls go to, how late rows and
//! managers' edits are, and whether the last day is served as the others are.

mod plan;
mod refresh;
mod report;
mod world;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use self::plan::Plan;
use self::report::Samples;
use self::world::{Setting, World};

/// What the command is called with.
#[derive(clap::Args)]
pub struct Arguments {
    /// Calls that the space's plan allows in the month.
    #[arg(long, default_value_t = 100_000)]
    calls: u64,
    /// Rooms.
    #[arg(long, default_value_t = 300)]
    rooms: usize,
    /// How often the customer of a room asks on a working day.
    #[arg(long, default_value_t = 4)]
    asks: usize,
    /// Days of the month from which on it is run; the earlier ones are left out, and their part of the calls is gone.
    #[arg(long, default_value_t = 1)]
    from: u32,
    /// How many times as quick as the real one the clock is.
    #[arg(long, default_value_t = 1_500)]
    rate: u32,
    /// Decides who says what and when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The services know of no limit, as if calls were free: the plan has to be used up before its month is over.
    #[arg(long)]
    prove: bool,
    /// Instead of a month: what a refresh of 100, 1,000 and 10,000 rows takes.
    #[arg(long)]
    refresh: bool,
}

/// As the default has it.
const CALLS_PER_SECOND: u32 = 4;
/// How often it is looked at how late rows are, in time of the company's clock.
const SAMPLE_EVERY: Duration = Duration::from_mins(5);

/// Runs it and prints what it took.
pub async fn run(arguments: &Arguments) -> Result<()> {
    if arguments.refresh { refresh::run().await } else { month(arguments).await }
}

async fn month(arguments: &Arguments) -> Result<()> {
    let plan = Plan::of(arguments.seed, arguments.rooms, arguments.asks, arguments.from);
    let world = World::start(&Setting {
        begin: plan.begin,
        rate: arguments.rate,
        calls_per_month: if arguments.prove { 0 } else { arguments.calls },
        calls_per_second: CALLS_PER_SECOND,
    })
    .await?;
    world.begin_month(arguments.calls, &plan).await?;
    let lived = live_and_report(&world, &plan).await;
    let well = lived.as_ref().is_ok_and(|(refused, _)| arguments.prove == (*refused > 0));
    world.stop(well).await?;
    println!("{:#}", lived?.1);
    let told =
        if arguments.prove { "without a budget the calls lasted all the same" } else { "calls were refused" };
    ensure!(well, "{told}");
    Ok(())
}

/// How many calls were refused, and the figures.
async fn live_and_report(world: &World, plan: &Plan) -> Result<(u64, Value)> {
    let samples = live(world, plan).await?;
    Ok((samples.sum(|calls| calls.refused), report::of(world, plan, &samples).await?))
}

/// Lets everybody talk and managers edit until the month is over.
async fn live(world: &World, plan: &Plan) -> Result<Samples> {
    for service in &world.services {
        service.start()?;
    }
    let (said, edited, sampled) =
        tokio::join!(world.publish(&plan.said), world.edit(&plan.edits), world.sample(plan, SAMPLE_EVERY));
    said.and(edited).and(sampled)
}
