//! The chats against the ladders: no card twice for a key, none missing, each showing how its wait stands.
//!
//! What counts is what stands in Feishu's chats, not what our tables say of it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use domain::id::StaffName;
use domain::ladder::{WaitView, steps};
use domain::wait::Ending;
use feishu::CardUuid;
use feishu_alerter::wording;
use serde_json::Value;
use store::rooms::waits::StoredWait;
use store::sqlx::postgres::PgRow;
use store::sqlx::{self, Row as _};

use super::super::people::{button, cards as in_chats};
use super::{Scene, Tally};

/// Differences of one kind that are shown.
const SHOWN: usize = 4;
/// How often a card may have been refused and made simpler.
const GENERATIONS: u32 = 6;
/// A rung that was passed this long ago has its card.
const GRACE: chrono::TimeDelta = chrono::TimeDelta::seconds(60);

#[derive(Debug)]
struct Row {
    wait: String,
    rung: String,
    chat: String,
    /// By threshold, asks for an owner before the rung, and age: the order of the cards of one wait in one chat.
    rank: (i64, bool, i64),
    follows: String,
    state: String,
    message_id: Option<String>,
    changeable: bool,
    true_to_wait: bool,
    /// It is told by a digest that went out or was set aside, or waits to be, since too many came at once.
    told_together: bool,
}

impl Row {
    /// Somebody was told, or could not be.
    fn is_told(&self) -> bool {
        self.state == "sent" || self.told_together || is_unresolved(self)
    }
}

pub async fn cards(scene: &Scene<'_>) -> Result<(Vec<String>, Tally)> {
    let messages = in_chats(scene.world).await?;
    let rows = sqlx::query(
        "select subject, step, address, threshold_seconds, id, follows, state, message_id, changeable, \
                wanted is not distinct from shown as true_to_wait, \
                state = 'held' and held_for = 'digest' \
                or state = 'digested' and exists (select from notifications digest \
                                                  where digest.id = card.digest \
                                                        and digest.state in ('sent', 'parked', 'failed')) \
                    as told_together \
         from notifications card",
    )
    .fetch_all(&scene.world.admin)
    .await?;
    let rows: Vec<Row> = rows.iter().map(read).collect();
    let mut problems = no_duplicates(&rows, &messages);
    problems.extend(none_lost(&rows, &messages));
    problems.extend(none_missing(scene, &rows));
    problems.extend(owners_notified(scene, &rows));
    problems.extend(cards_current(scene, &rows, &messages));
    let unresolved = rows.iter().filter(|row| is_unresolved(row)).count();
    Ok((problems, Tally { cards: messages.len(), unresolved, ..Tally::default() }))
}

fn read(row: &PgRow) -> Row {
    let rung: String = row.get("step");
    Row {
        wait: row.get("subject"),
        rank: (row.get("threshold_seconds"), rung.parse::<u64>().is_ok(), row.get("id")),
        rung,
        chat: row.get("address"),
        follows: row.get("follows"),
        state: row.get("state"),
        message_id: row.get("message_id"),
        changeable: row.get("changeable"),
        true_to_wait: row.get("true_to_wait"),
        told_together: row.get("told_together"),
    }
}

/// Nobody knows whether it was sent, or the chat did not take it: for people to look at.
fn is_unresolved(row: &Row) -> bool {
    matches!(row.state.as_str(), "parked" | "failed")
}

/// Each message is a card that could be due, and no two are the same.
fn no_duplicates(rows: &[Row], messages: &[Value]) -> Vec<String> {
    let mut keys: BTreeMap<String, usize> = BTreeMap::new();
    for (index, row) in rows.iter().enumerate() {
        let uuid = |generation| CardUuid::new(&row.chat, &row.wait, &row.rung, generation);
        keys.extend((0..GENERATIONS).map(|generation| (uuid(generation).as_str().to_owned(), index)));
    }
    let mut problems = Vec::new();
    let mut met = BTreeSet::new();
    for message in messages {
        let uuid = message["uuid"].as_str().unwrap_or_default();
        let Some(index) = keys.get(uuid) else {
            problems.push(format!("cards: {} stands in {} and belongs to no key", uuid, message["chat_id"]));
            continue;
        };
        let row = &rows[*index];
        if message["chat_id"] != row.chat.as_str() {
            problems.push(format!("cards: {uuid} stands in another chat"));
        }
        if !met.insert(*index) {
            problems.push(format!("cards: TWICE in {} for wait {} rung {}", row.chat, row.wait, row.rung));
        }
    }
    problems.truncate(SHOWN);
    problems
}

/// What the table calls sent stands in its chat; what stands in a chat is called sent, or was set aside unconfirmed;
/// nothing is still on its way.
fn none_lost(rows: &[Row], messages: &[Value]) -> Vec<String> {
    let ids: BTreeSet<&str> = messages.iter().filter_map(|message| message["message_id"].as_str()).collect();
    let mut problems = Vec::new();
    for row in rows {
        let stands = row.message_id.as_deref().is_some_and(|id| ids.contains(id));
        let on_its_way = matches!(row.state.as_str(), "pending" | "sending");
        if (row.state == "sent") != stands || on_its_way {
            problems.push(format!("cards: {} rung {} in {} is {}", row.wait, row.rung, row.chat, row.state));
        }
    }
    let sent: BTreeSet<&str> = rows.iter().filter_map(|row| row.message_id.as_deref()).collect();
    let unknown = messages.iter().filter(|message| {
        let uuid = message["uuid"].as_str();
        let unconfirmed = rows.iter().filter(|row| is_unresolved(row)).any(|row| {
            (0..GENERATIONS).any(|generation| {
                Some(CardUuid::new(&row.chat, &row.wait, &row.rung, generation).as_str()) == uuid
            })
        });
        !unconfirmed && !message["message_id"].as_str().is_some_and(|id| sent.contains(id))
    });
    problems.extend(unknown.map(|message| format!("cards: {} is nobody's", message["uuid"])));
    problems.truncate(SHOWN);
    problems
}

/// A wait that is still open has a card of the highest rung passed on the ladder of its room, or a higher one.
fn none_missing(scene: &Scene<'_>, rows: &[Row]) -> Vec<String> {
    let now = scene.world.clock.now();
    let mut problems = Vec::new();
    for stored in scene.waits.values() {
        let wait = &stored.wait;
        let live = stored.replaced_by.is_none() && !stored.void && wait.outcome.is_none();
        let Some(alarm_since) = wait.alarm_since.filter(|_| live) else { continue };
        let room = scene.rooms.iter().find(|room| room.room == stored.room);
        let Some(room) = room.filter(|room| room.state.request_before(wait).is_none()) else { continue };
        // What came due before the room had this ladder, or by a judgement of the past, presses nobody.
        let since =
            [Some(alarm_since), stored.rejudged_at, room.state.stage_since].into_iter().max().flatten();
        let deadlines = scene.world.config.rules.deadlines(wait.kind, room.view());
        let passed = steps(deadlines.ladder).filter(|step| {
            let deadline = deadlines.of(&WaitView::from(wait), step.rung);
            since.is_some_and(|since| deadline >= since) && deadline + GRACE <= now
        });
        let Some(highest) = passed.last() else { continue };
        let has = rows.iter().any(|row| {
            row.follows == wait.id.0
                && row.is_told()
                && row.rung.parse::<u64>().is_ok_and(|rung| rung >= highest.rung.0)
        });
        if !has {
            problems.push(format!("cards: MISSING for wait {} rung {}", wait.id, highest.rung));
        }
    }
    problems.truncate(SHOWN);
    problems
}

/// In each chat one card stands for a wait. It has its button while the wait is open; when it is closed it has none and
/// says how it ended. Those before it are lines.
fn cards_current(scene: &Scene<'_>, rows: &[Row], messages: &[Value]) -> Vec<String> {
    let by_id: BTreeMap<&str, &Value> =
        messages.iter().filter_map(|message| Some((message["message_id"].as_str()?, message))).collect();
    let mut tops: BTreeMap<(&str, &str), (i64, bool, i64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.state == "sent") {
        let Some(stored) = successor(scene, &row.wait) else { continue };
        let message = row.message_id.as_deref().and_then(|id| by_id.get(id));
        if message.is_some_and(|message| message["msg_type"] == "interactive") {
            let top = tops.entry((&row.chat, &stored.wait.id.0)).or_insert(row.rank);
            *top = row.rank.max(*top);
        }
    }
    let mut problems = Vec::new();
    for row in rows.iter().filter(|row| row.state == "sent" && row.changeable) {
        let Some(message) = row.message_id.as_deref().and_then(|id| by_id.get(id)) else { continue };
        let Some(stored) = successor(scene, &row.wait) else { continue };
        if message["msg_type"] != "interactive" {
            continue;
        }
        let title = message["card"]["header"]["title"]["content"].as_str().unwrap_or_default();
        let title_part = closing_title(stored).or_else(|| moved_title(scene, row, stored));
        let stands = tops.get(&(row.chat.as_str(), stored.wait.id.0.as_str())) == Some(&row.rank);
        let right = match title_part {
            _ if !stands => message["card"]["header"].is_null() && button(message).is_none(),
            None => act(message).is_some_and(|act| act != "undo"),
            Some(part) => title.contains(part) && button_is_right(scene, stored, message),
        };
        if !right || !row.true_to_wait || row.follows != stored.wait.id.0 {
            problems.push(format!(
                "cards: {} rung {} shows `{title}`, should be {title_part:?}",
                row.wait, row.rung
            ));
        }
    }
    problems.truncate(SHOWN);
    problems
}

/// What the first button of a card asks for.
fn act(message: &Value) -> Option<String> {
    button(message).map(|button| button.act)
}

/// Whether a card of a wait that has ended, or that somebody else is to answer, has the button that it should: none, or
/// for a while the one that takes a press back.
fn button_is_right(scene: &Scene<'_>, stored: &StoredWait, message: &Value) -> bool {
    let pressed = stored.wait.outcome.as_ref().filter(|outcome| {
        matches!(&outcome.how, Ending::Cancelled { command, .. } if command.as_str().starts_with("feishu:"))
    });
    let act = act(message);
    let Some(pressed) = pressed else { return act.is_none() };
    let since = scene.world.clock.now() - pressed.at;
    let (limit, about) = (chrono::TimeDelta::minutes(10), chrono::TimeDelta::seconds(5));
    let is_undo = act.as_deref() == Some("undo");
    (is_undo && since < limit + about) || (act.is_none() && since > limit - about)
}

fn own_chat<'s>(scene: &'s Scene<'_>, owner: &StaffName) -> Option<&'s str> {
    scene.world.config.rules.staff(owner)?.feishu_chat()
}

/// What the title of a card of an open wait says when its chat is not to answer any more.
fn moved_title(scene: &Scene<'_>, row: &Row, stored: &StoredWait) -> Option<&'static str> {
    let room = scene.rooms.iter().find(|room| room.room == stored.room)?;
    let owner = room.state.owner.as_ref()?;
    if row.chat == scene.world.config.feishu.public_chat {
        return row.rung.starts_with("owner-").then_some(wording::OWNER_FOUND);
    }
    (own_chat(scene, owner) != Some(row.chat.as_str())).then_some(wording::HANDED_OVER)
}

/// Whoever owns the room was told of the highest rung that anybody was told of.
fn owners_notified(scene: &Scene<'_>, rows: &[Row]) -> Vec<String> {
    let told = |row: &&Row| row.is_told();
    let mut problems = Vec::new();
    for stored in scene.waits.values() {
        let live = stored.replaced_by.is_none() && !stored.void && stored.wait.outcome.is_none();
        let room = scene.rooms.iter().find(|room| room.room == stored.room).filter(|_| live);
        let Some(owner) = room.and_then(|room| room.state.owner.as_ref()) else { continue };
        let chat = own_chat(scene, owner).unwrap_or(&scene.world.config.feishu.public_chat);
        let of_wait = rows.iter().filter(|row| row.follows == stored.wait.id.0).filter(told);
        let rungs = || of_wait.clone().filter_map(|row| Some((row.rung.parse::<u64>().ok()?, &row.chat)));
        let Some(highest) = rungs().map(|(rung, _)| rung).max() else { continue };
        if !rungs().any(|(rung, there)| rung == highest && *there == chat) {
            problems.push(format!("cards: {owner} was not told of wait {} rung {highest}", stored.wait.id));
        }
    }
    problems.truncate(SHOWN);
    problems
}

/// The wait that stands for this one now.
fn successor<'s>(scene: &'s Scene<'_>, wait: &str) -> Option<&'s StoredWait> {
    let mut stored = scene.waits.get(wait)?;
    for _ in 0..scene.waits.len() {
        match &stored.replaced_by {
            Some(successor) => stored = scene.waits.get(&successor.0)?,
            None => break,
        }
    }
    Some(stored)
}

/// The title of a closed card.
fn closing_title(stored: &StoredWait) -> Option<&'static str> {
    if stored.void {
        return Some(wording::VOID);
    }
    Some(match &stored.wait.outcome.as_ref()?.how {
        Ending::Answered { .. } => wording::ANSWERED,
        Ending::Cancelled { .. } => wording::CANCELLED,
        Ending::Confirmed { .. } => wording::CONFIRMED,
        Ending::BecameRequest => wording::BECAME_REQUEST,
        Ending::Withdrawn => wording::WITHDRAWN,
        Ending::Unobserved => wording::UNOBSERVED,
    })
}
