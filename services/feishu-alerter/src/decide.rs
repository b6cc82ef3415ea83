//! Makes the cards that are due: each wait in one transaction that reads the truth, inserts the cards of the highest
//! rung passed, drops the lower ones and notes when the next is due. It sends nothing.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::calendar::Calendar;
use domain::id::{StaffName, WaitId};
use domain::ladder::{Due, RungId, WaitView, due, next_due};
use domain::rules::RulesVersion;
use domain::wait::Wait;
use runtime::Context;
use runtime::telemetry::chain;
use serde_json::Value;
use store::alerts::cards::{About, NewCard, asked_for_owner, insert, supersede};
use store::alerts::schedule::{forget, lock_due, set_next_due};
use store::rooms::waits::{StoredWait, Which, list};
use store::rooms::{self, Room};
use store::sqlx::PgConnection;

use crate::card::CardState;
use crate::compose::is_unverified;
use crate::failure::Failure;
use crate::observe::sent_rungs;
use crate::receivers::{is_unreachable, receivers};
use crate::rules::RulesCache;

/// A wait whose cards could not be made is left alone this long, so that it stops no other.
const PUT_OFF: TimeDelta = TimeDelta::seconds(30);

/// Makes cards.
pub struct Decider {
    /// Owners without a chat who were logged already.
    unreachable: Mutex<HashSet<StaffName>>,
}

/// What is known of a wait whose card is due.
struct Known<'a> {
    wait: &'a Wait,
    room: &'a Room,
    due: &'a Due,
    unverified: bool,
    now: Timestamp,
}

impl Decider {
    /// Ready to decide.
    pub fn new() -> Self {
        Self { unreachable: Mutex::default() }
    }

    /// Makes every card that is due.
    pub async fn run(&self, ctx: &Context, rules: &RulesCache) -> Result<(), Failure> {
        while !ctx.shutdown.requested() {
            let now = ctx.clock.now();
            let mut tx = ctx.db.begin().await?;
            let Some(wait) = lock_due(&mut tx, now).await? else { return Ok(()) };
            let history = rules.get(&mut tx).await?;
            match self.wait(ctx, &mut tx, &wait, history.version_at(now), now).await {
                Ok(()) => tx.commit().await?,
                Err(failure) => {
                    tx.rollback().await?;
                    tracing::warn!(wait.id = %wait, error = chain(&failure), "an alert could not be decided");
                    metrics::counter!("alerts_undecided_total").increment(1);
                    set_next_due(&mut *ctx.db.acquire().await?, &wait, Some(now + PUT_OFF)).await?;
                }
            }
        }
        Ok(())
    }

    async fn wait(
        &self,
        ctx: &Context,
        connection: &mut PgConnection,
        id: &WaitId,
        in_force: &RulesVersion,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some(stored) = open_wait(connection, id).await? else {
            return Ok(forget(connection, id).await?);
        };
        let Some(room) = rooms::get(connection, &stored.room).await? else {
            return Ok(forget(connection, id).await?);
        };
        let wait = stored.wait;
        let mut sent = sent_rungs(connection, std::slice::from_ref(id)).await?.remove(id).unwrap_or_default();
        let (ladder, view) = (in_force.rules.ladder(wait.stage), WaitView::from(&wait));
        if let Some(due) = due(ladder, Calendar::Always, view, &sent, now) {
            let unverified = is_unverified(connection, &room, &wait, now).await?;
            let known = Known { wait: &wait, room: &room, due: &due, unverified, now };
            let day = now.with_timezone(&in_force.rules.time_zone).date_naive();
            self.make(ctx, connection, &known, day).await?;
            // Passed, with a card or without one: the next look is for the rung after it.
            sent.insert(due.rung);
        }
        let next = next_due(ladder, Calendar::Always, view, &sent);
        Ok(set_next_due(connection, id, next).await?)
    }

    async fn make(
        &self,
        ctx: &Context,
        connection: &mut PgConnection,
        known: &Known<'_>,
        day: NaiveDate,
    ) -> Result<(), Failure> {
        let feishu = &ctx.config.feishu;
        let owner = known.room.state.owner.as_ref();
        let chats = receivers(feishu, owner, known.due.audience);
        if let Some(owner) = owner.filter(|owner| is_unreachable(feishu, owner)) {
            self.note_unreachable(owner);
        }
        let ask = owner.is_none() && !asked_for_owner(connection, &known.room.room, day).await?;
        let Some(first) = chats.first() else {
            // Nobody to tell yet. The rung stays open, so that an owner assigned in the meantime hears of it at once.
            if ask {
                let rung = format!("owner-{day}");
                known.insert(connection, &rung, &feishu.public_chat, Some(day)).await?;
            }
            return Ok(());
        };
        supersede(connection, &known.wait.id).await?;
        for rung in &known.due.superseded {
            known.insert_superseded(connection, *rung, first).await?;
        }
        let rung = known.due.rung.to_string();
        for chat in &chats {
            // A card in the public chat can ask for the owner as well: two at once would say less.
            let asks = ask && *chat == feishu.public_chat;
            known.insert(connection, &rung, chat, asks.then_some(day)).await?;
        }
        Ok(())
    }

    fn note_unreachable(&self, owner: &StaffName) {
        if self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.clone()) {
            tracing::warn!(owner = %owner, "no entry in feishu.chats: cards go to the public chat instead");
        }
    }
}

/// The wait, if it is open and live.
async fn open_wait(connection: &mut PgConnection, id: &WaitId) -> Result<Option<StoredWait>, Failure> {
    let stored = list(connection, Which::Ids(std::slice::from_ref(&id.0))).await?.pop();
    Ok(stored.filter(|stored| stored.wait.outcome.is_none() && stored.replaced_by.is_none() && !stored.void))
}

impl Known<'_> {
    async fn insert(
        &self,
        connection: &mut PgConnection,
        rung: &str,
        chat: &str,
        ask_day: Option<NaiveDate>,
    ) -> Result<(), Failure> {
        let card = NewCard { ask_day, ..self.card(self.due.rung, rung, chat) };
        metrics::counter!("alerts_decided_total").increment(1);
        tracing::info!(wait.id = %self.wait.id, room.id = %self.room.room, rung, "an alert is due");
        Ok(insert(connection, &card, &self.waiting()?, self.now).await?)
    }

    async fn insert_superseded(
        &self,
        connection: &mut PgConnection,
        rung: RungId,
        chat: &str,
    ) -> Result<(), Failure> {
        let name = rung.to_string();
        let card = NewCard { superseded: true, ..self.card(rung, &name, chat) };
        metrics::counter!("alerts_superseded_total").increment(1);
        Ok(insert(connection, &card, &self.waiting()?, self.now).await?)
    }

    fn waiting(&self) -> Result<Value, Failure> {
        as_json(&CardState::Waiting { unverified: self.unverified })
    }

    fn card<'n>(&'n self, threshold: RungId, rung: &'n str, chat: &'n str) -> NewCard<'n> {
        NewCard {
            about: About::Wait,
            wait: &self.wait.id,
            room: &self.room.room,
            rung,
            chat,
            ask_day: None,
            threshold_seconds: i64::try_from(threshold.0).unwrap_or(i64::MAX),
            colour: self.due.colour.name(),
            due_at: Calendar::Always.deadline(self.wait.opened.at, threshold.0),
            superseded: false,
        }
    }
}

/// A state as it is stored.
pub fn as_json(state: &CardState) -> Result<Value, Failure> {
    serde_json::to_value(state).map_err(|error| Failure::Json("card state", error))
}
