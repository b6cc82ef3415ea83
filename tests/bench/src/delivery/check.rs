//! What stands in Feishu's chats against what was decided, and what was decided against the ladders.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use domain::ladder::{WaitView, steps};
use domain::wait::WaitKind;
use store::rooms::Room;
use store::rooms::waits::{self, StoredWait, Which};
use store::sqlx::postgres::PgRow;
use store::sqlx::{self, Row as _};

use super::guard::{Guard, OF_THE_CARD};
use super::plan::Plan;
use super::world::World;

/// Problems of one kind that are shown.
pub const SHOWN: usize = 4;
/// A wait that was open for so long after a rung was passed has a notification of it, and for as long again as both alerters
/// were away at the longest.
const GRACE: TimeDelta = TimeDelta::minutes(10);
/// For longer they are not away, however they are killed and paused.
const AWAY_AT_MOST: TimeDelta = TimeDelta::minutes(45);

/// How it stands.
#[derive(Debug, Default)]
pub struct Report {
    pub problems: Vec<String>,
    /// Cards that stand more than once.
    pub twice: usize,
    waits: BTreeMap<&'static str, usize>,
    /// Messages in the chats, by what they are about.
    sent: BTreeMap<String, usize>,
    states: BTreeMap<String, usize>,
    /// Attempts beyond the first of each card.
    repeated: i64,
}

impl Report {
    pub fn line(&self, without: Option<Guard>) -> String {
        let name = without.map_or("delivery".to_owned(), |guard| format!("without {}", guard.argument()));
        let verdict = match (self.twice, self.problems.len()) {
            (0, 0) => "no card twice, none lost".to_owned(),
            (twice, problems) => format!("{twice} cards TWICE, {problems} problems"),
        };
        format!(
            "{name}: waits {:?}, cards {:?}, notifications {:?}, {} attempts repeated: {verdict};",
            self.waits, self.sent, self.states, self.repeated
        )
    }

    fn problem(&mut self, found: impl IntoIterator<Item = String>) {
        self.problems.extend(found.into_iter().take(SHOWN));
    }
}

#[derive(Debug)]
struct Row {
    id: i64,
    kind: String,
    subject: String,
    step: String,
    address: String,
    follows: String,
    state: String,
    message_id: Option<String>,
    delivery_key: Option<String>,
    attempts: i32,
    /// What tells of its wait in its place.
    told_by: Option<i64>,
    created_at: DateTime<Utc>,
    /// It shows how its wait stands, or cannot be changed.
    is_current: bool,
}

impl Row {
    fn read(row: &PgRow) -> Self {
        Self {
            id: row.get("id"),
            kind: row.get("subject_kind"),
            subject: row.get("subject"),
            step: row.get("step"),
            address: row.get("address"),
            follows: row.get("follows"),
            state: row.get("state"),
            message_id: row.get("message_id"),
            delivery_key: row.get("delivery_key"),
            attempts: row.get("attempts"),
            told_by: row.get("told_by"),
            created_at: row.get("created_at"),
            is_current: row.get("is_current"),
        }
    }

    fn rung(&self) -> Option<u64> {
        self.step.parse().ok().filter(|_| self.kind == "wait")
    }

    fn name(&self) -> String {
        format!("{} {} in {}", self.subject, self.step, self.address)
    }
}

/// Everything that is wrong at this moment.
pub async fn all(world: &World, plan: &Plan) -> Result<Report> {
    let rows = sqlx::query(
        "select id, coalesce(digest, listed_on) as told_by, subject_kind, subject, step, address, follows, state, message_id, delivery_key, attempts, created_at, \
                state <> 'sent' or not changeable or wanted is not distinct from shown as is_current \
         from notifications",
    )
    .fetch_all(&world.admin)
    .await?;
    let rows: Vec<Row> = rows.iter().map(Row::read).collect();
    let mut report = Report::default();
    for row in &rows {
        *report.states.entry(row.state.clone()).or_default() += 1;
        report.repeated += i64::from(row.attempts - 1).max(0);
    }
    let messages = Messages::read(world).await?;
    report.twice = messages.twice.len();
    report.problem(messages.twice.iter().map(|key| format!("{key} stands twice")));
    let unsettled =
        |row: &&Row| matches!(row.state.as_str(), "pending" | "sending" | "held") || !row.is_current;
    report.problem(
        rows.iter().filter(unsettled).map(|row| format!("{} is {}, and not settled", row.name(), row.state)),
    );
    let mut connection = world.admin.acquire().await?;
    let rooms = store::rooms::list(&mut connection, None).await?;
    let ids: Vec<String> = sqlx::query_scalar("select wait from waits").fetch_all(&mut *connection).await?;
    let waits = waits::list(&mut connection, Which::Ids(&ids)).await?;
    let live: BTreeMap<&str, &StoredWait> = waits
        .iter()
        .filter(|stored| stored.replaced_by.is_none() && !stored.void)
        .map(|stored| (stored.wait.id.0.as_str(), stored))
        .collect();
    for stored in live.values() {
        *report.waits.entry(kind_of(stored.wait.kind)).or_default() += 1;
    }
    if live.len() < plan.wanted {
        report.problem([format!("only {} waits, of {}", live.len(), plan.wanted)]);
    }
    report.problem(delivered(&rows, &messages, &live));
    report.problem(decided(world, plan, &rows, &rooms, &live));
    for row in rows.iter().filter(|row| row.state == "sent") {
        let kind =
            live.get(row.follows.as_str()).map_or(row.kind.as_str(), |stored| kind_of(stored.wait.kind));
        *report.sent.entry(kind.to_owned()).or_default() += 1;
    }
    let missing = ["request", "soft", "promise", "digest", "departure", "unanswered", "alarm"]
        .into_iter()
        .filter(|kind| !report.sent.contains_key(*kind));
    let missing: Vec<String> = missing.map(|kind| format!("no card of a {kind}")).collect();
    report.problem(missing);
    Ok(report)
}

const fn kind_of(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::Request => "request",
        WaitKind::Soft => "soft",
        WaitKind::Promise => "promise",
    }
}

/// What stands in Feishu's chats.
struct Messages {
    ids: BTreeSet<String>,
    /// By so much of the delivery key as tells the card.
    keys: BTreeSet<String>,
    twice: BTreeSet<String>,
}

impl Messages {
    async fn read(world: &World) -> Result<Self> {
        let (mut ids, mut keys, mut twice) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for message in world.messages(None).await? {
            let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
            ids.insert(text("message_id"));
            let key = of_the_card(&text("uuid"));
            if !keys.insert(key.clone()) {
                twice.insert(key);
            }
        }
        Ok(Self { ids, keys, twice })
    }
}

fn of_the_card(key: &str) -> String {
    key.chars().take(OF_THE_CARD).collect()
}

/// Each notification came to an end, and for a reason that holds.
fn delivered(rows: &[Row], messages: &Messages, live: &BTreeMap<&str, &StoredWait>) -> Vec<String> {
    let mut highest: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows {
        if let Some(rung) = row.rung() {
            let known = highest.entry(&row.follows).or_default();
            *known = rung.max(*known);
        }
    }
    let states: BTreeMap<i64, &str> = rows.iter().map(|row| (row.id, row.state.as_str())).collect();
    let has_ended =
        |row: &Row| live.get(row.follows.as_str()).is_none_or(|stored| stored.wait.outcome.is_some());
    let wrong = |row: &Row| match row.state.as_str() {
        "sent" => (!row.message_id.as_ref().is_some_and(|id| messages.ids.contains(id)))
            .then_some("and does not stand in its chat"),
        "obsolete" => (row.kind == "wait" && !has_ended(row)).then_some("although its wait is open"),
        "superseded" => {
            let rung = row.rung().unwrap_or(u64::MAX);
            highest.get(row.follows.as_str()).is_none_or(|highest| *highest <= rung).then_some("by nothing")
        }
        // Nobody knows, and there was reason to doubt: it was tried.
        "digested" | "listed" => match row.told_by.and_then(|list| states.get(&list)).copied() {
            Some("sent" | "parked") => None,
            Some("obsolete") => (!has_ended(row)).then_some("by one that was dropped"),
            _ => Some("by none"),
        },
        "parked" => (row.attempts == 0).then_some("and was never tried"),
        "pending" | "sending" | "held" => None,
        _ => Some("although every address takes cards"),
    };
    let mut problems: Vec<String> = rows
        .iter()
        .filter_map(|row| Some(format!("{} is {} {}", row.name(), row.state, wrong(row)?)))
        .collect();
    let known: BTreeSet<String> =
        rows.iter().filter_map(|row| row.delivery_key.as_deref().map(of_the_card)).collect();
    problems.extend(
        messages
            .keys
            .difference(&known)
            .map(|key| format!("{key} stands in a chat and is no notification's")),
    );
    problems
}

/// Every rung that a wait passed, long enough before it ended for somebody to look, was decided, it or a higher one.
fn decided(
    world: &World,
    plan: &Plan,
    rows: &[Row],
    rooms: &[Room],
    live: &BTreeMap<&str, &StoredWait>,
) -> Vec<String> {
    let rooms: BTreeMap<String, &Room> = rooms.iter().map(|room| (room.room.to_string(), room)).collect();
    let mut decided: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows {
        if let Some(rung) = row.rung() {
            let known = decided.entry(&row.follows).or_default();
            *known = rung.max(*known);
        }
    }
    let now = world.clock.now();
    let away = plan.away(rows);
    let mut problems = Vec::new();
    if away > AWAY_AT_MOST {
        problems.push(format!(
            "nothing was decided for {away} while faults went on; expected at most {AWAY_AT_MOST}"
        ));
    }
    for (id, stored) in live {
        let wait = &stored.wait;
        let Some(room) = rooms.get(&stored.room.to_string()) else { continue };
        let ended = wait.outcome.as_ref().map_or(now, |outcome| outcome.at);
        let deadlines = world.config.rules.deadlines(wait.kind, room.view());
        let view = WaitView::from(wait);
        let passed = steps(deadlines.ladder)
            .filter(|step| plan.lasted(deadlines.of(&view, step.rung), ended) >= GRACE + away)
            .map(|step| step.rung.0)
            .max();
        if let Some(passed) = passed
            && decided.get(id).is_none_or(|decided| *decided < passed)
        {
            problems.push(format!("{id} passed {passed} and nothing was decided"));
        }
    }
    problems
}

impl Plan {
    /// The longest time in which no rung was decided while faults went on, without what the clock leapt over.
    fn away(&self, rows: &[Row]) -> TimeDelta {
        let decided = rows.iter().filter(|row| row.rung().is_some()).map(|row| row.created_at);
        let mut decided: Vec<DateTime<Utc>> = decided.filter(|at| *at < self.faults_end()).collect();
        decided.sort_unstable();
        let pauses = decided.windows(2).map(|pair| self.lasted(pair[0], pair[1]));
        pauses.max().unwrap_or_default()
    }

    /// How long it was from one moment to another, without what the clock leapt over in between.
    fn lasted(&self, from: DateTime<Utc>, to: DateTime<Utc>) -> TimeDelta {
        let leapt = self
            .leapt()
            .into_iter()
            .map(|(begin, end)| (end.min(to) - begin.max(from)).max(TimeDelta::zero()));
        to - from - leapt.sum::<TimeDelta>()
    }
}
