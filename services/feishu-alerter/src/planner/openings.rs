//! A day does not begin with a burst: at the opening of their stage each member of staff gets one list (开工汇总) of who has
//! asked since the last closing and of whom a card was held back until then, in the place of those cards.
//!
//! Who stands on it, and which cards it takes the place of, is written down in the transaction that makes its card. What
//! else was held back until the opening goes out then, after one more look.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::id::WaitId;
use domain::notification::{Step, Subject};
use domain::opening::{is_of_the_night, told_of};
use domain::rules::{RosterEntry, Severity, Stage};
use runtime::Context;
use store::alerts::notifications::{self, Address, NewNotification};
use store::alerts::openings::{self, Asked, Held};
use store::sqlx::PgConnection;

use crate::content::card::{CardState, OpeningState};
use crate::content::status::as_json;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;

/// It greets, and nothing is wrong.
const SEVERITY: Severity = Severity::Blue;
/// No closing lasts longer: what was asked before is not of a night.
const LONGEST_NIGHT: TimeDelta = TimeDelta::days(31);
const STAGES: [Stage; 2] = [Stage::PreSales, Stage::AfterSales];

/// Looks once a day, for each stage.
#[derive(Debug, Default)]
pub struct Openings {
    /// The last day whose lists were looked for.
    last: [Option<NaiveDate>; STAGES.len()],
}

/// What a list is made from.
struct Candidates<'a> {
    asked: &'a [Asked],
    held: &'a [Held],
    opening: Timestamp,
    day: NaiveDate,
}

impl Openings {
    /// Makes the lists of the openings that have come, and lets go what was held back until them. Called when capture and
    /// folding are known to be up to date, and after the cards that are due by themselves were made.
    pub async fn run(&mut self, ctx: &Context, context: &AlertContext) -> Result<(), Failure> {
        let now = context.now;
        let mut tx = ctx.db.begin().await?;
        let day = context.rules().day_of(now);
        let mut last = self.last;
        for (stage, last) in STAGES.into_iter().zip(&mut last) {
            let opening = told_of(context.rules().calendar(stage), day, now);
            let Some(opening) = opening.filter(|_| *last != Some(day)) else { continue };
            if context.is_told(opening) {
                make(ctx, &mut tx, context, stage, (day, opening)).await?;
            }
            *last = Some(day);
        }
        openings::release(&mut tx, now).await?;
        tx.commit().await?;
        self.last = last;
        Ok(())
    }
}

/// Makes the list of everybody who works in a stage and for whom somebody waits.
async fn make(
    ctx: &Context,
    connection: &mut PgConnection,
    context: &AlertContext,
    stage: Stage,
    (day, opening): (NaiveDate, Timestamp),
) -> Result<(), Failure> {
    let (rules, now) = (context.rules(), context.now);
    let asked = openings::asked(connection, (opening - LONGEST_NIGHT, opening), opening).await?;
    let asked: Vec<Asked> = asked
        .into_iter()
        .filter(|asked| is_of_the_night(rules.calendar(asked.state.stage), asked.opened_at, opening))
        .collect();
    let held = openings::held(connection, now).await?;
    let candidates = Candidates { asked: &asked, held: &held, opening, day };
    let book = context.book(&ctx.config.feishu);
    for entry in rules.roster.iter().filter(|entry| entry.team.stage() == Some(stage)) {
        // Whoever is not reached by themselves has no list; that of somebody who is away is their deputy's.
        let Some(to) = book.stand_in(&entry.name).and_then(|reader| book.own(reader)) else { continue };
        one(connection, entry, &to, &candidates, now).await?;
    }
    Ok(())
}

async fn one(
    connection: &mut PgConnection,
    entry: &RosterEntry,
    to: &Address,
    candidates: &Candidates<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    let owner = Some(&entry.name);
    let asked = candidates.asked.iter().filter(|asked| asked.state.owner.as_ref() == owner);
    // What was held back for whoever owned the room before is looked at again by itself.
    let held: Vec<&Held> =
        candidates.held.iter().filter(|held| held.to == *to && held.state.owner.as_ref() == owner).collect();
    let mut waits: BTreeMap<WaitId, String> =
        asked.map(|asked| (asked.wait.clone(), asked.room.clone())).collect();
    waits.extend(held.iter().map(|held| (held.wait.clone(), held.room.clone())));
    if waits.is_empty() {
        return Ok(());
    }
    let wanted: OpeningState = waits.keys().map(|wait| (wait.0.clone(), CardState::WAITING)).collect();
    let subject = Subject::Opening(entry.name.clone());
    let new = NewNotification::new(&subject, Step::Day(candidates.day), to, SEVERITY, candidates.opening);
    if let Some(list) = notifications::insert_list(connection, &new, &as_json(&wanted)?, now).await? {
        let waits: Vec<(WaitId, String)> = waits.into_iter().collect();
        let cards: Vec<i64> = held.iter().map(|held| held.card).collect();
        openings::note(connection, list, &waits, &cards).await?;
        tracing::info!(day = %candidates.day, waits = waits.len(), cards = cards.len(), "a list of an opening is due");
    }
    Ok(())
}
