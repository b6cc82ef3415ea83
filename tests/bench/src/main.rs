//! Load runs against a private stack. Prints one JSON object; the figures are ratios to be compared within one run,
//! since machines are noisy. With `chaos`: runs in which everything fails, and checks of what was promised.

mod alerts;
mod chaos;
mod company;
mod copies;
mod delivery;
mod fold;
mod idle;
mod latency;
mod load;
mod month;
mod performance;
mod private;
mod raw;
mod service;
mod stack;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use serde_json::json;

use crate::stack::BenchStack;

#[derive(Parser)]
#[command(about = "Measures the fold against raw inserts, and the way from the webhook to a committed wait")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Messages in CHAT before the fold starts.
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Rooms they are spread over.
    #[arg(long, default_value_t = 2_000)]
    rooms: usize,
    /// Seconds of the latency run.
    #[arg(long, default_value_t = 15)]
    latency_seconds: u64,
    /// Messages a second of the latency run.
    #[arg(long, default_value_t = 200)]
    rate: u64,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a company while everything fails, and checks what was promised.
    Chaos(chaos::Arguments),
    /// Delivers tens of thousands of waits while everything fails, and looks for cards twice or lost.
    Delivery(delivery::Arguments),
    /// Folds the same load with one, two and three `room-state`.
    Replicas,
    /// What a tick of the alerter costs with few and with many open waits, and how late its cards are.
    Alerts,
    /// What all services, Postgres and the bus use while many rooms are quiet.
    Idle {
        /// Rooms, of which none says anything.
        #[arg(long, default_value_t = 100_000)]
        rooms: usize,
        /// For how long it is measured.
        #[arg(long, default_value_t = 180)]
        seconds: u64,
    },
    /// What taking in one more wait costs with little and with much history, and counting everything from nothing.
    Performance {
        /// Waits of the largest history.
        #[arg(long, default_value_t = 1_000_000)]
        waits: usize,
    },
    /// A month with so many calls of Vika: what they go to, and how late rows and managers' edits are.
    Vika(month::Arguments),
    /// A service as a process of its own.
    #[command(hide = true)]
    Service {
        /// Which.
        name: String,
        /// Its clock's pace, as JSON.
        #[arg(long)]
        pace: String,
        /// A guard that an alerter lacks.
        #[arg(long)]
        without: Option<delivery::Guard>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match &arguments.command {
        Some(Command::Service { name, pace, without }) => service::run(name, pace, *without),
        _ => command(&arguments),
    }
}

#[tokio::main]
async fn command(arguments: &Arguments) -> ExitCode {
    runtime::telemetry::start_logs("warn", runtime::telemetry::LogFormat::Text);
    let done = match &arguments.command {
        Some(Command::Chaos(chaos)) => chaos::run(chaos).await,
        Some(Command::Delivery(delivery)) => delivery::run(delivery).await,
        Some(Command::Replicas) => replicas(arguments).await.map(|report| println!("{report:#}")),
        Some(Command::Alerts) => alerts::measure().await.map(|report| println!("{report:#}")),
        Some(Command::Idle { rooms, seconds }) => {
            idle(*rooms, *seconds).await.map(|report| println!("{report:#}"))
        }
        Some(Command::Vika(month)) => Box::pin(month::run(month)).await,
        Some(Command::Performance { waits }) => performance::run(*waits).await,
        _ => run(arguments).await.map(|report| println!("{report:#}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<serde_json::Value> {
    let metrics = runtime::telemetry::start_metrics().context("starting metrics")?;
    let stack = BenchStack::start(&|line| eprintln!("· {line}")).await?;
    eprintln!("· Publishing {} messages of {} rooms", arguments.messages, arguments.rooms);
    load::publish(&stack, arguments.messages, arguments.rooms).await?;
    eprintln!("· Inserting them raw");
    let raw = raw::measure(&stack, arguments.messages).await?;
    eprintln!("· Folding them");
    let fold = fold::measure(&stack, arguments.messages, 1).await?;
    let stages = fold::seconds_by_stage(&metrics.render());
    eprintln!("· Measuring latency at {} messages/s", arguments.rate);
    let latency = latency::measure(&stack, arguments.rate, arguments.latency_seconds).await?;
    let report = json!({
        "messages": arguments.messages,
        "rooms": arguments.rooms,
        "raw": { "messages_per_s": raw.round() },
        "fold": { "messages_per_s": fold.round(), "ratio": (fold / raw * 1_000.0).round() / 1_000.0, "seconds_by_stage": stages },
        "latency": latency,
        "memory": { "peak_mb": peak_memory_mb(std::process::id())? },
    });
    stack.stop().await;
    Ok(report)
}

async fn idle(rooms: usize, seconds: u64) -> Result<serde_json::Value> {
    idle::measure(rooms, Duration::from_secs(seconds)).await
}

/// Each on a stack of its own, on this one machine: what more processes win where Postgres and the bus share its cores.
async fn replicas(arguments: &Arguments) -> Result<serde_json::Value> {
    let mut measured = Vec::new();
    for replicas in 1..=3 {
        let stack = BenchStack::start(&|line| eprintln!("· {line}")).await?;
        load::publish(&stack, arguments.messages, arguments.rooms).await?;
        eprintln!("· Folding with {replicas}");
        measured.push(fold::measure(&stack, arguments.messages, replicas).await?);
        stack.stop().await;
    }
    let one = measured.first().copied().unwrap_or(f64::NAN);
    let report = measured.iter().zip(1..).map(|(fold, replicas)| {
        json!({ "replicas": replicas, "messages_per_s": fold.round(), "to_one": (fold / one * 100.0).round() / 100.0 })
    });
    Ok(report.collect())
}

/// The most memory that a process ever held: of this one, with the services inside it.
fn peak_memory_mb(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024)
}
