//! The model day: a company of five with a person of 60 groups, as messages. What is assumed of them stands in the file.

use std::collections::BTreeMap;

use anyhow::Context as _;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Asia::Shanghai;
use domain::calendar::TimeOfDay;
use domain::closing::Features;
use domain::fold::{FoldState, fold};
use domain::id::{EntryId, MessageKey, PersonKey};
use domain::message::{MessageKind, Sender};
use domain::nature::Nature;
use domain::rules::{Rules, RulesHistory, RulesVersion};
use domain::timeline::{Body, Entry, Message, Position};

use super::{Replay, Replayed};

/// Its messages.
const MESSAGES: &str = include_str!("model_day.tsv");
/// Who is no member of staff.
const CUSTOMER: &str = "客户";
/// The company that staff belong to.
const COMPANY: &str = "示例公司";

/// A message of it.
struct Said<'a> {
    at: DateTime<Utc>,
    who: &'a str,
    text: &'a str,
}

/// The day, ready to be played.
pub(super) fn day() -> anyhow::Result<Replay> {
    // A Monday.
    let day = NaiveDate::from_ymd_opt(2026, 11, 23).context("a day")?;
    let midnight = |day: NaiveDate| moment(day, NaiveTime::MIN);
    let said = messages(day)?;
    let rules = rules(said.values().flatten())?;
    let period = midnight(day)?..midnight(day + TimeDelta::days(1))?;
    let version = RulesVersion {
        version: 1,
        valid_from: period.start - TimeDelta::days(2),
        applied_at: period.start - TimeDelta::days(2),
        rules: rules.clone(),
    };
    let history = RulesHistory::new(vec![version])?;
    let rooms = said.iter().map(|(room, said)| replayed(room, said, &history, &rules)).collect();
    Ok(Replay { rules, rooms, period, morning: TimeOfDay::NINE })
}

/// By group, in order.
fn messages(day: NaiveDate) -> anyhow::Result<BTreeMap<&'static str, Vec<Said<'static>>>> {
    let mut said: BTreeMap<&str, Vec<Said<'_>>> = BTreeMap::new();
    for line in MESSAGES.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(4, '\t');
        let mut part = || parts.next().with_context(|| format!("the model day: {line}"));
        let (time, room, who, text) = (part()?, part()?, part()?, part()?);
        let at = moment(day, NaiveTime::parse_from_str(time, "%H:%M")?)?;
        said.entry(room).or_default().push(Said { at, who, text });
    }
    Ok(said)
}

fn moment(day: NaiveDate, time: NaiveTime) -> anyhow::Result<DateTime<Utc>> {
    Ok(Shanghai.from_local_datetime(&day.and_time(time)).earliest().context("a moment")?.to_utc())
}

/// Everybody of staff who says something works in 售前.
fn rules<'a>(said: impl Iterator<Item = &'a Said<'a>>) -> anyhow::Result<Rules> {
    let staff: std::collections::BTreeSet<&str> =
        said.map(|said| said.who).filter(|who| *who != CUSTOMER).collect();
    let entry = |name: &&str| serde_json::json!({ "name": name, "team": "pre_sales", "contacts": [format!("model:{name}")] });
    let roster: Vec<_> = staff.iter().map(entry).collect();
    Ok(serde_json::from_value(serde_json::json!({
        "time_zone": "Asia/Shanghai", "company_names": [COMPANY], "roster": roster, "phrases": { "version": 1 }
    }))?)
}

/// Whoever answers in a group owns it since the day before.
fn replayed(room: &str, said: &[Said<'_>], history: &RulesHistory, rules: &Rules) -> Replayed {
    let owner = said.iter().find(|said| said.who != CUSTOMER);
    let greeting =
        owner.map(|owner| Said { at: owner.at - TimeDelta::days(1), who: owner.who, text: "您好" });
    let entries: Vec<Entry> = greeting
        .iter()
        .chain(said)
        .enumerate()
        .map(|(number, said)| entry(room, number, said, rules))
        .collect();
    let folded = fold(FoldState::default(), entries.iter(), history);
    let waits = folded.waits.into_iter().map(|folded| folded.wait).collect();
    Replayed { topic: room.to_owned(), state: folded.state, waits }
}

fn entry(room: &str, number: usize, said: &Said<'_>, rules: &Rules) -> Entry {
    let is_customer = said.who == CUSTOMER;
    let person = if is_customer { format!("{CUSTOMER}{room}") } else { said.who.to_owned() };
    let key = MessageKey { source: "model".into(), account: "main".into(), id: format!("{room}-{number}") };
    let position = Position { at: said.at, order: 0, seq: 0, entry: EntryId::from(&key), after: None };
    let kind = MessageKind::Text;
    let message = Message {
        key,
        sender: Sender {
            key: PersonKey { source: "model".into(), id: person.clone() },
            name: person,
            corporation: if is_customer { "" } else { COMPANY }.to_owned(),
            coworker: None,
            is_self: false,
            contact_type: None,
        },
        kind,
        features: Features::of(kind, said.text, rules),
        nature: Nature::of(kind, said.text, [], rules),
        mentions: Vec::new(),
        quote: None,
        history: false,
        received_at: said.at,
        stamped: None,
        recalled: None,
    };
    Entry { position, body: Body::Message(message) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::rules::{Ladders, Preset, Recipient, Rules};
    use domain::simulation::simulate;
    use domain::wait::WaitKind;

    use super::*;

    /// How many cards each gets under a preset.
    fn cards(replay: &Replay, preset: Preset) -> BTreeMap<String, usize> {
        let rules = Rules { ladders: Ladders::default().with_preset(preset), ..replay.rules.clone() };
        let mut by_recipient = BTreeMap::new();
        for card in simulate(&rules, &replay.waits(), &replay.period, Some(replay.morning)) {
            *by_recipient.entry(card.to.to_string()).or_default() += 1;
        }
        by_recipient
    }

    #[test]
    fn it_is_as_its_head_says() {
        let replay = day().unwrap();
        let waits = replay.waits();
        assert_eq!((replay.rooms.len(), waits.len()), (140, 280), "two questions in each group");
        assert!(waits.iter().all(|wait| wait.kind == WaitKind::Request && wait.ended_at.is_some()));
        let calendar = replay.rules.calendar(domain::rules::Stage::PreSales);
        let busiest = |wait: &&domain::simulation::Waited<'_>| {
            wait.view.owner.is_some_and(|owner| owner.as_str() == "林忙")
        };
        let minutes: Vec<i64> = waits
            .iter()
            .filter(busiest)
            .map(|wait| calendar.working_time(wait.opened_at, wait.ended_at.unwrap()).num_minutes())
            .collect();
        let beyond = |most: i64| minutes.iter().filter(|minutes| **minutes > most).count();
        assert_eq!([0, 4, 9, 19, 29, 39].map(beyond), [120, 48, 24, 12, 8, 6]);
        assert!(minutes.iter().all(|minutes| *minutes <= 210));
    }

    /// What the calm ladder is for: nobody gets so many cards that they stop reading them.
    #[test]
    fn under_calm_nobody_is_flooded() {
        let replay = day().unwrap();
        let (report, calm) = (cards(&replay, Preset::Report), cards(&replay, Preset::Calm));
        let public = Recipient::Public.to_string();
        for (to, count) in &calm {
            let most = if *to == public { 40 } else { 50 };
            assert!(*count <= most, "{to}: {count}");
        }
        assert_eq!((report["林忙"], calm["林忙"]), (147, 48), "as docs/ladders.md says");
        assert_eq!((report[&public], calm[&public]), (175, 20), "as docs/ladders.md says");
    }
}
