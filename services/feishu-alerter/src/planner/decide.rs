//! Makes the cards that are due: each wait in one transaction that reads wait and room, inserts the cards of the highest
//! rung passed, drops the lower ones and notes when the next is due. It sends nothing. Before go-live it does all the
//! same, and the cards are only listed.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use domain::id::{StaffName, WaitId};
use domain::ladder::{Due, RungId, Skipped, WaitView, due, next_due};
use domain::notification::{Step, Subject};
use domain::rules::Severity;
use domain::wait::{Wait, WaitKind};
use runtime::Context;
use runtime::telemetry::chain;
use store::alerts::notifications::{self, Address, InitialStatus, NewNotification};
use store::alerts::schedule;
use store::rooms::waits::{self, StoredWait, Which};
use store::rooms::{self, Room};
use store::rules::RulesCache;
use store::sqlx::PgConnection;

use crate::address_book::{self, AddressBook};
use crate::content::card::CardState;
use crate::content::status::{Readers, as_json, status_at};
use crate::content::subject::is_unverified;
use crate::content::wait_actions::WaitActions;
use crate::failure::Failure;
use crate::planner::alert_context::AlertContext;
use crate::planner::climb::{Handover, climbs};

/// A wait whose cards could not be made is deferred this long, so that it stops no other.
const DEFER_FOR: TimeDelta = TimeDelta::seconds(30);
/// In the place of a chat, for what reaches nobody.
const NOBODY: &str = "";

pub struct Decider {
    /// Owners without a chat who were logged already.
    unreachable: Mutex<HashSet<StaffName>>,
}

/// What is known of a wait whose card is due.
struct Known<'a> {
    subject: Subject,
    wait: &'a Wait,
    room: &'a Room,
    context: &'a AlertContext,
    unverified: bool,
    actions: WaitActions,
    book: AddressBook<'a>,
}

impl Decider {
    pub fn new() -> Self {
        Self { unreachable: Mutex::default() }
    }

    /// Makes every card that is due.
    pub async fn run(&self, ctx: &Context, rules: &RulesCache) -> Result<(), Failure> {
        while !ctx.shutdown.requested() {
            let now = ctx.clock.now();
            let mut tx = ctx.db.begin().await?;
            let Some(wait) = schedule::lock_due(&mut tx, now).await? else { return Ok(()) };
            let context = AlertContext::read(&mut tx, rules, now).await?;
            match self.wait(ctx, &mut tx, &wait, &context).await {
                Ok(()) => tx.commit().await?,
                Err(failure) => {
                    tx.rollback().await?;
                    tracing::warn!(wait.id = %wait, error = chain(&failure), "an alert could not be decided");
                    metrics::counter!("alerts_undecided_total").increment(1);
                    schedule::set_next_due(&mut *ctx.db.acquire().await?, &wait, Some(now + DEFER_FOR))
                        .await?;
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
        context: &AlertContext,
    ) -> Result<(), Failure> {
        let Some(stored) = open_wait(connection, id).await? else {
            return Ok(schedule::forget(connection, id).await?);
        };
        let room = rooms::get(connection, &stored.room).await?;
        let Some(room) = room.filter(|room| !room.excluded) else {
            return Ok(schedule::forget(connection, id).await?);
        };
        if let Some(from) = context.turn_from(&stored.wait, &room) {
            return Ok(schedule::set_next_due(connection, id, Some(from)).await?);
        }
        let mut climb = climbs(connection, std::slice::from_ref(id)).await?.remove(id).unwrap_or_default();
        let (deadlines, view) = context.of(&stored, &room);
        let passed = due(deadlines, view, climb.dealt_with(), context.now);
        let unverified = is_unverified(connection, &room, &stored.wait, context.now).await?;
        let book = context.book(&ctx.config.feishu);
        let subject = Subject::Wait(stored.wait.id.clone());
        let actions = WaitActions::read(connection, id).await?;
        let known = Known { subject, wait: &stored.wait, room: &room, context, unverified, actions, book };
        if let Some(skipped) = passed.skipped {
            known.note_skipped(connection, &skipped).await?;
            climb.deal_with(skipped.step.rung);
        }
        if let Some(due) = passed.due {
            self.make(connection, &known, &due).await?;
            // Passed, with a card or without one: the next look is for the rung after it.
            climb.deal_with(due.rung);
        } else if let Some(handover) = climb.handover(&room, deadlines.ladder, context, book) {
            known.hand_over(connection, &handover).await?;
        }
        let next = next_due(deadlines, view, climb.dealt_with());
        Ok(schedule::set_next_due(connection, id, next).await?)
    }

    async fn make(
        &self,
        connection: &mut PgConnection,
        known: &Known<'_>,
        due: &Due<'_>,
    ) -> Result<(), Failure> {
        let book = known.book;
        let day = known.context.now.with_timezone(&known.context.rules().time_zone).date_naive();
        let owner = known.room.state.owner.as_ref();
        let to = book.of_audience(owner, due.audience);
        if let Some(owner) = owner.filter(|owner| book.own(owner).is_none()) {
            self.note_unreachable(owner);
        }
        let rehearsal = !known.context.phase.live;
        let room = &known.room.room;
        let public = book.public();
        // Nobody to alert yet: the rung stays open, so that an owner assigned in the meantime gets its card at once.
        if !to.is_empty() {
            notifications::supersede(connection, &known.wait.id).await?;
        }
        // Only now: what was superseded has asked nobody.
        let ask =
            owner.is_none() && !notifications::asked_for_owner(connection, room, day, rehearsal).await?;
        // Whoever only assented waits for nothing that everybody should hear of.
        if ask && !to.contains(&public) && known.wait.kind != WaitKind::Soft {
            let new = known.of_rung(due.rung, due.severity, &public);
            let new = NewNotification { step: Step::OwnerMissing(day), ask_day: Some(day), ..new };
            known.insert(connection, new).await?;
        }
        let Some(first) = to.first() else { return Ok(()) };
        for rung in &due.superseded {
            known.insert_superseded(connection, due, *rung, first).await?;
        }
        for address in &to {
            // A card in the public chat can ask for the owner as well: two at once would say less.
            let ask_day = (ask && *address == public).then_some(day);
            let new = known.of_rung(due.rung, due.severity, address);
            known.insert(connection, NewNotification { ask_day, ..new }).await?;
        }
        Ok(())
    }

    fn note_unreachable(&self, owner: &StaffName) {
        if self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).insert(owner.clone()) {
            tracing::warn!(owner = %owner, "no chat of their own in the roster: cards go to the public chat instead");
        }
    }
}

/// The wait, if it is open and live.
async fn open_wait(connection: &mut PgConnection, id: &WaitId) -> Result<Option<StoredWait>, Failure> {
    let stored = waits::list(connection, Which::Ids(std::slice::from_ref(&id.0))).await?.pop();
    Ok(stored.filter(|stored| stored.wait.outcome.is_none() && stored.replaced_by.is_none() && !stored.void))
}

impl<'k> Known<'k> {
    async fn insert(&self, connection: &mut PgConnection, new: NewNotification<'_>) -> Result<(), Failure> {
        let live = self.context.phase.live;
        let status = if live { InitialStatus::Pending } else { InitialStatus::Rehearsed };
        self.make(connection, &NewNotification { status, ..new }, live).await
    }

    /// Due now: there was no such owner when its rung passed.
    async fn hand_over(&self, connection: &mut PgConnection, handover: &Handover) -> Result<(), Failure> {
        let new = self.of_rung(handover.rung, handover.severity, &handover.to);
        self.make(connection, &NewNotification { due_at: self.context.now, ..new }, true).await
    }

    async fn make(
        &self,
        connection: &mut PgConnection,
        new: &NewNotification<'_>,
        live: bool,
    ) -> Result<(), Failure> {
        if live {
            metrics::counter!("alerts_decided_total").increment(1);
        } else {
            metrics::counter!("alerts_rehearsed_total").increment(1);
        }
        tracing::info!(wait.id = %self.wait.id, room.id = %self.room.room, step = %new.step, live, "an alert is due");
        self.store(connection, new).await
    }

    async fn insert_superseded(
        &self,
        connection: &mut PgConnection,
        due: &Due<'_>,
        rung: RungId,
        to: &Address,
    ) -> Result<(), Failure> {
        let new = self.of_rung(rung, due.severity, to);
        metrics::counter!("alerts_superseded_total").increment(1);
        self.store(connection, &NewNotification { status: InitialStatus::Superseded, ..new }).await
    }

    /// For whoever asks why no card came.
    async fn note_skipped(
        &self,
        connection: &mut PgConnection,
        skipped: &Skipped<'_>,
    ) -> Result<(), Failure> {
        let Skipped { step, reason, .. } = *skipped;
        let nobody = address_book::feishu_chat(NOBODY);
        let new = self.of_rung(step.rung, step.severity, &nobody);
        metrics::counter!("alerts_skipped_total", "reason" => reason.as_str()).increment(1);
        tracing::info!(
            wait.id = %self.wait.id,
            room.id = %self.room.room,
            rung = %step.rung,
            reason = reason.as_str(),
            "no card: its time had passed before"
        );
        self.store(connection, &NewNotification { status: InitialStatus::Skipped(reason), ..new }).await
    }

    async fn store(&self, connection: &mut PgConnection, new: &NewNotification<'_>) -> Result<(), Failure> {
        let waiting = CardState::waiting(self.unverified, None);
        let only_asks = new.ask_day.is_some() && new.step.rung().is_none();
        let ladder = self.context.rules().ladder(self.wait.kind, self.room.view());
        let readers = Readers { owner: self.room.state.owner.as_ref(), ladder, book: self.book };
        let shown = status_at(waiting, readers, new.to, only_asks)
            .beside(self.room.state.beside(self.wait))
            .with(self.actions.said(), self.actions.snoozes(new.to));
        let wanted = as_json(&shown)?;
        notifications::insert(connection, new, &wanted, self.context.now).await?;
        Ok(())
    }

    fn of_rung<'n>(&'n self, rung: RungId, severity: Severity, to: &'n Address) -> NewNotification<'n>
    where
        'k: 'n,
    {
        let deadlines = self.context.rules().deadlines(self.wait.kind, self.room.view());
        let due_at = deadlines.of(&WaitView::from(self.wait), rung);
        NewNotification {
            room: Some(&self.room.room),
            threshold_seconds: i64::try_from(rung.0).unwrap_or(i64::MAX),
            ..NewNotification::new(&self.subject, Step::Rung(rung), to, severity, due_at)
        }
    }
}
