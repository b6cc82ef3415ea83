//! `huiyin cards`: what was sent to whom, and what would have been before go-live.

use anyhow::Context as _;
use chrono::TimeDelta;
use domain::notification::Subject;
use runtime::main_wrapper::connect_options;
use runtime::{Clock, Config};
use sqlx::Connection as _;
use store::alerts::notifications::{self, Listed};
use store::role::Role;

use crate::apply::{When, connect};
use crate::failure::Result;
use crate::golive::{self, local};
use crate::installation::Target;
use crate::text::on_one_line;
use crate::wording::{self, STATES};

/// What it uses of the configuration.
const USED: [&str; 8] = [
    "rules.time_zone",
    "rules.roster",
    "rules.chats",
    "feishu.public_chat",
    "database.host",
    "database.port",
    "database.name",
    "database.passwords.reader",
];
/// How far back is looked unless asked otherwise.
const SINCE: TimeDelta = TimeDelta::hours(24);
/// How many of the states are of cards that somebody gets or should have got.
const FOR_SOMEBODY: usize = 8;

/// What `cards` is called with.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Made since when: "2026-11-22", "2026-11-22T09:00:00+08:00" [default: 24 hours ago]
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,
    /// How many at most, the newest
    #[arg(long, default_value_t = 200, value_name = "COUNT")]
    most: u32,
    /// Also those that nobody gets, with the reason
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let config = target.running()?.config(&USED)?;
    let (now, zone) = (Clock::system().now(), config.rules.time_zone);
    let since = args.since.map_or(now - SINCE, |since| since.moment(zone));
    let mut connection = connect(&config.database, connect_options(&config.database, Role::Reader)?).await?;
    let phases = store::golive::history(&mut connection).await.context("go-live could not be read")?;
    let shown = if args.all { STATES.len() } else { FOR_SOMEBODY };
    let states: Vec<&str> = STATES[..shown].iter().map(|(state, _)| *state).collect();
    let listed = notifications::newest(&mut connection, since, &states, args.most.into()).await;
    let listed = listed.context("the cards could not be read")?;
    connection.close().await.ok();
    for line in golive::lines(&phases, now, zone) {
        println!("{line}");
    }
    println!("{}", wording::cards_since(listed.len(), &local(since, zone)));
    for card in &listed {
        println!("{}", line(card, &config));
    }
    Ok(())
}

/// When it was due, what became of it, its level, whose it is, and who gets it.
fn line(card: &Listed, config: &Config) -> String {
    let about = match (card.topic.as_str(), card.room.as_deref()) {
        ("", Some(room)) => room.to_owned(),
        ("", None) => of_no_room(card),
        (topic, _) => topic.to_owned(),
    };
    on_one_line(&format!(
        "{}  {}  {}  {about}  {}{}",
        local(card.due_at, config.rules.time_zone),
        wording::state(&card.state, card.skipped_because.as_deref()),
        wording::level(&card.severity, card.threshold_seconds),
        card.customer.as_deref().map_or("", domain::wording::name),
        wording::to(chat_name(config, &card.address), card.asks_owner),
    ))
}

/// What is wrong, or which list it is.
fn of_no_room(card: &Listed) -> String {
    let kind = card.subject_kind.parse().ok();
    match kind.and_then(|kind| Subject::parse(kind, &card.subject)) {
        Some(Subject::Alarm { key, .. }) => wording::alarm(&key),
        Some(Subject::FollowUps(owner)) => wording::follow_ups(owner.as_str()),
        Some(Subject::Digest(_)) => wording::DIGEST.to_owned(),
        Some(Subject::Approvals) => wording::APPROVALS.to_owned(),
        Some(Subject::Figures(None)) => wording::FIGURES.to_owned(),
        Some(Subject::Figures(Some(owner))) => wording::figures_of_owner(owner.as_str()),
        Some(Subject::Opening(owner)) => wording::opening(owner.as_str()),
        _ => wording::UNANSWERED.to_owned(),
    }
}

fn chat_name<'c>(config: &'c Config, chat: &'c str) -> &'c str {
    if chat == config.feishu.public_chat {
        return wording::PUBLIC_CHAT;
    }
    let rules = &config.rules;
    let of_person = rules.roster.iter().find(|entry| entry.feishu_chat() == Some(chat));
    let named = rules.chats.iter().find(|(_, named)| named.feishu.as_str() == chat);
    of_person.map(|entry| entry.name.as_str()).or(named.map(|(name, _)| name.as_str())).unwrap_or(chat)
}
