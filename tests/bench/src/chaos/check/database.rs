//! Postgres against what was sent, and the fold against the slow oracle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use anyhow::Result;
use chrono::{DateTime, Utc};
use domain::oracle::Oracle;
use domain::timeline::effective_sent_at;
use domain::wait::Wait;
use events::command::Command;
use store::rooms::timeline;
use store::sqlx::{self, Row as _};

use super::super::plan::ScriptedMessage;
use super::Scene;

/// Differences of one kind that are shown.
const SHOWN: usize = 3;

/// Every accepted message stands in the timeline, once and as it was sent; nothing else does.
pub async fn timeline(scene: &Scene<'_>) -> Result<Vec<String>> {
    let mut expected: BTreeMap<String, &ScriptedMessage> =
        scene.plan.posts.iter().flat_map(|(_, post)| post).map(|sent| (sent.id.clone(), sent)).collect();
    let mut problems = Vec::new();
    let rows = sqlx::query(
        "select room, entry, kind, coalesce(stamped_at, pos_at) as sent_at, received_at, body, target, history, \
         message, sender from timeline where kind in ('message', 'recall')",
    )
    .fetch_all(&scene.world.admin)
    .await?;
    for row in rows {
        let (room, entry): (String, String) = (row.get("room"), row.get("entry"));
        let id = entry.rsplit(':').next().unwrap_or_default();
        let Some(sent) = expected.remove(id) else {
            problems.push(format!("timeline: {entry} in {room} stands twice or was never sent"));
            continue;
        };
        let (at, history): (DateTime<Utc>, bool) = (row.get("sent_at"), row.get("history"));
        let same = if sent.kind == "recalled" {
            let target: Option<String> = row.get("target");
            row.get::<String, _>("kind") == "recall"
                && target.is_some_and(|target| target.rsplit(':').next() == Some(&sent.text))
        } else {
            row.get::<Option<String>, _>("body").as_deref() == Some(&sent.text)
                && row.get::<Option<String>, _>("message").as_deref() == Some(sent.kind)
                && history == sent.history
        };
        let (cut, _) = effective_sent_at(sent.sent_at, row.get("received_at"));
        if !same || at != cut || room != format!("webhook:{}", sent.room_id()) {
            problems.push(format!("timeline: {entry} is not what was sent ({at} for {cut})"));
        }
    }
    if let Some(id) = expected.keys().next() {
        problems.push(format!("timeline: {} accepted messages are missing, e.g. {id}", expected.len()));
    }
    Ok(problems)
}

/// Live messages stand where the order of their capture puts them, in whatever order and batches they were folded.
pub async fn places(scene: &Scene<'_>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut connection = scene.world.admin.acquire().await?;
    for room in &scene.rooms {
        let standing = timeline::captured_live(&mut connection, &room.room, "webhook:main:").await?;
        let captured: Vec<_> = standing.iter().map(|placed| placed.captured).collect();
        let places = domain::timeline::capture::places(&captured);
        let wrong = standing.iter().zip(places).find(|(stands, place)| stands.position.sent() != *place);
        problems
            .extend(wrong.map(|(stands, _)| format!("timeline: {} stands elsewhere", stands.position.entry)));
    }
    Ok(problems)
}

/// The live waits of every room are those that the slow oracle finds in its timeline.
pub async fn waits(scene: &Scene<'_>) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut connection = scene.world.admin.acquire().await?;
    for room in &scene.rooms {
        let entries = timeline::after(&mut connection, &room.room, None).await?;
        let mut expected = Oracle::new(&entries, &scene.world.config.rules).waits();
        expected.sort_by(|one, other| one.opened.cmp(&other.opened));
        let live: Vec<Wait> = scene.live(&room.room).into_iter().cloned().collect();
        if live != expected {
            let differing = live.iter().zip(&expected).find(|(live, expected)| live != expected);
            problems.push(format!(
                "waits: {} has {} and the oracle {}: {differing:?}",
                room.room,
                live.len(),
                expected.len()
            ));
        }
        let open = live.iter().filter(|wait| wait.outcome.is_none()).map(|open| &open.id);
        if !room.state.open.iter().map(|open| &open.id).eq(open) {
            problems.push(format!("waits: the state of {} has other open waits", room.room));
        }
    }
    problems.truncate(SHOWN);
    Ok(problems)
}

/// Every command on the bus was decided, an applied one is in the timeline, and no press that was confirmed is lost.
pub async fn commands(scene: &Scene<'_>) -> Result<Vec<String>> {
    let bus = scene.world.bus().await?;
    let mut stream = bus.jetstream().get_stream("COMMAND").await?;
    let end = stream.info().await?.state.last_sequence;
    let mut published = BTreeSet::new();
    for seq in 1..=end {
        let message = stream.get_raw_message(seq).await?;
        published.insert(events::decode::<Command>(&message.payload)?.id.0);
    }
    let rows = sqlx::query(
        "select command, decision, kind, \
                exists (select from timeline t where t.room = commands.room and t.entry = 'command:' || command) as stands \
         from commands",
    )
    .fetch_all(&scene.world.admin)
    .await?;
    let mut problems = Vec::new();
    let mut decided = BTreeSet::new();
    for row in rows {
        let (id, decision): (String, String) = (row.get("command"), row.get("decision"));
        if decision == "applied" && !row.get::<bool, _>("stands") {
            problems.push(format!("commands: {id} was applied and is not in the timeline"));
        }
        decided.insert(id);
    }
    problems.extend(published.difference(&decided).map(|id| format!("commands: {id} was never decided")));
    problems.extend(decided.difference(&published).map(|id| format!("commands: {id} was never asked")));
    let pressed = scene.performed.pressed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let waits: BTreeMap<String, String> =
        sqlx::query_as("select delivery_key, follows from notifications where delivery_key is not null")
            .fetch_all(&scene.world.admin)
            .await?
            .into_iter()
            .collect();
    // What is taken back may have been pressed on another card of the wait.
    let undone: BTreeSet<Option<&String>> = decided
        .iter()
        .filter_map(|id| id.strip_prefix("feishu:")?.strip_suffix(":undo")?.split(':').next())
        .map(|uuid| waits.get(uuid))
        .collect();
    let lost = pressed.into_iter().filter(|pressed| match pressed.act.as_str() {
        "undo" => !undone.contains(&waits.get(&pressed.uuid)),
        _ => !decided.contains(&format!("feishu:{}", pressed.uuid)),
    });
    problems.extend(lost.map(|pressed| format!("commands: {pressed:?} was confirmed and is lost")));
    problems.truncate(SHOWN);
    Ok(problems)
}

/// Nothing here deserves a dead letter.
pub async fn no_dead_letters(scene: &Scene<'_>) -> Result<Vec<String>> {
    let bus = scene.world.bus().await?;
    let letters = bus.dead_letters(SHOWN).await?;
    let problems = letters
        .iter()
        .map(|letter| format!("dead letter {}: {} {}", letter.subject, letter.reason, letter.explanation));
    Ok(problems.collect())
}
