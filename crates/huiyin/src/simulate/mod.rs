//! `huiyin simulate`: which cards the ladders would have sent for the messages of the past days. It reads what is stored,
//! folds it again and decides as in earnest (`domain::simulation`); nothing is sent or written.

mod model;
mod table;
mod wording;

use std::ops::Range;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::TimeOfDay;
use domain::fold::{FoldState, fold};
use domain::id::EntryId;
use domain::rules::{Ladders, Preset, RoomView, Rules, RulesHistory};
use domain::simulation::{Waited, simulate};
use domain::timeline::Position;
use domain::wait::Wait;
use runtime::Clock;
use runtime::main_wrapper::connect_options;
use sqlx::{Connection as _, PgConnection};
use store::role::Role;
use store::rooms::{self, timeline, waits};

use crate::apply::connect;
use crate::failure::Result;
use crate::golive::{local, preset};
use crate::installation::Target;
use crate::text::on_one_line;

/// What it uses of the configuration.
const USED: [&str; 5] =
    ["feishu.unanswered_at", "database.host", "database.port", "database.name", "database.passwords.reader"];

/// What `simulate` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many days back
    #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=366))]
    days: u16,
    /// By this ladder alone, "report" or "calm" [default: the one in force, and both]
    #[arg(long, value_name = "LADDER", value_parser = preset)]
    preset: Option<Preset>,
    /// A model day that is part of Huiyin, in the place of an installation's messages
    #[arg(long, conflicts_with = "days")]
    model: bool,
}

/// What is played again.
struct Replay {
    /// The rules in force.
    rules: Rules,
    rooms: Vec<Replayed>,
    period: Range<DateTime<Utc>>,
    /// When everybody gets the list of those who wait after their last card.
    morning: TimeOfDay,
}

/// A room with the waits that were open at some time.
struct Replayed {
    topic: String,
    /// As it is now.
    state: FoldState,
    waits: Vec<Wait>,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let replay = if args.model { model::day()? } else { stored(args.days, target).await? };
    let zone = replay.rules.time_zone;
    let waits = replay.waits();
    let days = (replay.period.start, replay.period.end);
    println!(
        "{}",
        wording::what(&local(days.0, zone), &local(days.1, zone), replay.rooms.len(), waits.len())
    );
    for (name, rules) in replay.variants(args.preset) {
        let cards = simulate(&rules, &waits, &replay.period, Some(replay.morning));
        for line in table::lines(&name, &cards, &rules, &replay.period) {
            println!("{}", on_one_line(&line));
        }
    }
    println!("{}", wording::ASSUMED);
    Ok(())
}

impl Replay {
    fn waits(&self) -> Vec<Waited<'_>> {
        let rooms = self.rooms.iter().enumerate();
        rooms
            .flat_map(|(number, room)| {
                let owner = room.state.owner.as_ref();
                let now = RoomView { stage: room.state.stage, name: &room.topic, owner };
                room.waits.iter().map(move |wait| Waited::of(wait, number, now))
            })
            .filter(|wait| wait.ended_at.is_none_or(|ended| ended > self.period.start))
            .collect()
    }

    /// The rules with each ladder that is to be compared, by name.
    fn variants(&self, only: Option<Preset>) -> Vec<(String, Rules)> {
        let of = |preset: Preset| {
            let ladders = Ladders::default().with_preset(preset);
            (preset.to_string(), Rules { ladders, ..self.rules.clone() })
        };
        if let Some(preset) = only {
            return vec![of(preset)];
        }
        let in_force = &self.rules.ladders;
        let named = (wording::in_force(in_force.goes_by()), self.rules.clone());
        let is_other = |(_, rules): &(String, Rules)| {
            Ladders { preset: in_force.preset, ..rules.ladders.clone() } != *in_force
        };
        std::iter::once(named).chain(Preset::ALL.map(of).into_iter().filter(is_other)).collect()
    }
}

/// What was said in an installation's rooms, but for those that are excluded.
async fn stored(days: u16, target: &Target) -> Result<Replay> {
    let config = target.running()?.config(&USED)?;
    let now = Clock::system().now();
    let mut reader = connect(&config.database, connect_options(&config.database, Role::Reader)?).await?;
    let history = store::rules::history(&mut reader).await.context("the rules could not be read")?;
    let period = now - TimeDelta::days(i64::from(days))..now;
    let rooms = replayed(&mut reader, &history, period.start).await.context("the rooms could not be read")?;
    reader.close().await.ok();
    let rules = history.at(now).clone();
    Ok(Replay { rules, rooms, period, morning: config.feishu.unanswered_at })
}

/// Each room folded again, from the last quiet state before a moment.
async fn replayed(
    reader: &mut PgConnection,
    history: &RulesHistory,
    since: DateTime<Utc>,
) -> std::result::Result<Vec<Replayed>, sqlx::Error> {
    let moment = Position { at: since, order: 0, seq: 0, entry: EntryId(String::new()), after: None };
    let mut replayed = Vec::new();
    for named in rooms::names(reader).await?.into_iter().filter(|named| !named.excluded) {
        let start = waits::checkpoint(reader, &named.room, &moment).await?.unwrap_or_default();
        let entries = timeline::after(reader, &named.room, start.folded_to.as_ref()).await?;
        let folded = fold(start, entries.iter(), history);
        let waits = folded.waits.into_iter().map(|folded| folded.wait).collect();
        replayed.push(Replayed { topic: named.topic, state: folded.state, waits });
    }
    Ok(replayed)
}
