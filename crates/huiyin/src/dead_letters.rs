//! `huiyin dead`: what could not be handled, why, and having it handled again.

use anyhow::Context as _;
use chrono::SecondsFormat;
use runtime::bus::{Bus, DeadLetter, Login, User};
use store::role::Role;

use crate::failure::{Failure, Result};
use crate::installation::Target;
use crate::text::{on_one_line, readable};

/// What it uses of the configuration.
const USED: [&str; 2] = ["bus.url", "bus.passwords.operator"];

/// What can be done with dead letters.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the newest
    List {
        /// How many at most
        #[arg(long, default_value_t = 50, value_name = "COUNT")]
        most: usize,
    },
    /// Show one whole, with its headers and what it says
    Show {
        /// Its number in the list
        number: u64,
    },
    /// Have it handled again; it leaves the list, and comes back under a new number if that fails again
    #[command(group(clap::ArgGroup::new("which").required(true)))]
    Replay {
        /// Its number in the list; more than one may be given
        #[arg(group = "which")]
        numbers: Vec<u64>,
        /// All that are there now, oldest first
        #[arg(long, group = "which")]
        all: bool,
    },
}

/// Runs `huiyin dead …`.
pub(crate) async fn run(command: &Command, target: &Target) -> Result<()> {
    let config = target.running()?.config(&USED)?;
    let login = Login::of(&config.bus, User::Role(Role::Operator)).map_err(anyhow::Error::from)?;
    let bus = Bus::connect(&login, "huiyin-dead").await.map_err(anyhow::Error::from)?;
    match command {
        Command::List { most } => list(&bus, *most).await,
        Command::Show { number } => show(&bus, *number).await,
        Command::Replay { all: true, .. } => replay_all(&bus).await,
        Command::Replay { numbers, .. } => replay(&bus, numbers).await,
    }
}

async fn list(bus: &Bus, most: usize) -> Result<()> {
    let letters = bus.dead_letters(most).await.map_err(anyhow::Error::from)?;
    if letters.is_empty() {
        println!("no dead letters");
    }
    for letter in letters {
        println!(
            "{}  {}  {}  {}  {}",
            letter.seq,
            letter.at.to_rfc3339_opts(SecondsFormat::Secs, true),
            on_one_line(&letter.consumer),
            on_one_line(&letter.reason),
            on_one_line(&letter.explanation),
        );
    }
    Ok(())
}

async fn show(bus: &Bus, number: u64) -> Result<()> {
    let letter = find(bus, number).await?.ok_or_else(|| Failure::Usage(unknown(number)))?;
    println!("number:      {}", letter.seq);
    println!("set aside:   {}", letter.at.to_rfc3339_opts(SecondsFormat::Millis, true));
    println!("consumer:    {}", on_one_line(&letter.consumer));
    println!("subject:     {}", on_one_line(&letter.subject));
    println!("reason:      {}", on_one_line(&letter.reason));
    println!("explanation: {}", on_one_line(&letter.explanation));
    println!("headers:");
    let mut headers: Vec<(String, String)> = letter.headers().collect();
    headers.sort();
    for (name, value) in headers {
        println!("  {}: {}", on_one_line(&name), on_one_line(&value));
    }
    println!("payload ({} bytes):", letter.payload.len());
    println!("{}", readable(&letter.payload));
    Ok(())
}

async fn replay(bus: &Bus, numbers: &[u64]) -> Result<()> {
    let mut failed = 0;
    for number in numbers {
        if let Some(letter) = find(bus, *number).await? {
            failed += usize::from(!replay_one(bus, &letter).await?);
        } else {
            eprintln!("{}", unknown(*number));
            failed += 1;
        }
    }
    finish(failed, numbers.len())
}

/// One after the other, and only those there at the start: what is set aside again meanwhile would never end.
async fn replay_all(bus: &Bus) -> Result<()> {
    let (mut failed, mut tried) = (0, 0);
    for number in bus.dead_letter_range().await.map_err(anyhow::Error::from)? {
        if let Some(letter) = find(bus, number).await? {
            tried += 1;
            failed += usize::from(!replay_one(bus, &letter).await?);
        }
    }
    if tried == 0 {
        println!("no dead letters");
    }
    finish(failed, tried)
}

/// `false`: it does not say where it came from.
async fn replay_one(bus: &Bus, letter: &DeadLetter) -> Result<bool> {
    if letter.subject.is_empty() {
        eprintln!("dead letter {} does not say where it was published at first; it stays", letter.seq);
        return Ok(false);
    }
    bus.replay(letter).await.with_context(|| format!("dead letter {} could not be replayed", letter.seq))?;
    println!("replayed {} to {}", letter.seq, on_one_line(&letter.subject));
    Ok(true)
}

fn finish(failed: usize, tried: usize) -> Result<()> {
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::Partly(format!("{failed} of {tried} could not be replayed")))
}

async fn find(bus: &Bus, number: u64) -> Result<Option<DeadLetter>> {
    Ok(bus.dead_letter(number).await.map_err(anyhow::Error::from)?)
}

fn unknown(number: u64) -> String {
    format!("there is no dead letter {number}")
}
