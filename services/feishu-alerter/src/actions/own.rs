//! Actions that concern nothing but cards, and are kept here: 我来处理, 稍后提醒, 专注 and 休假.
//!
//! The first three hold private cards back for a while (`content::wait_actions`, `outbox::send`), and no public ones. What is read and
//! written of a wait lies under its room's lock, so that of two who press at once one is first. In the same transaction the
//! room is marked to be taken in again: its cards say who did what, even if this process ends right after.

use chrono::TimeDelta;
use chrono_tz::Tz;
use domain::Timestamp;
use domain::calendar::{Calendar, TimeOfDay};
use domain::id::StaffName;
use domain::ladder::{WaitView, next_after};
use domain::rules::Rules;
use feishu::card::Toast;
use store::alerts::actions::{self, NewAction};
use store::alerts::notifications::Address;
use store::alerts::schedule;
use store::availability::{self, Kind, NewAsked};
use store::sqlx::PgConnection;

use super::presser::Presser;
use super::{Endpoint, Pressed, new_action, open_wait};
use crate::action::{ActionKind, CLAIM_MINUTES, FOCUS_MINUTES, SNOOZE_MINUTES, SNOOZES};
use crate::address_book::AddressBook;
use crate::availability::Availability;
use crate::content::card::time_of;
use crate::content::wait_actions::WaitActions;
use crate::planner::release;
use crate::wording;

/// What a press comes with that concerns one's own cards.
pub(super) struct OwnCards<'a> {
    pub presser: &'a Presser<'a>,
    pub book: AddressBook<'a>,
    pub rules: &'a Rules,
    /// For how many minutes, as chosen of the menu.
    pub option: Option<&'a str>,
}

impl<'a> OwnCards<'a> {
    /// Whose chat it was pressed in, and for how many minutes; or what somebody reads for whom that is not offered.
    fn minutes(&self, to: &Address, offered: &[u64]) -> Result<(&'a StaffName, u64), (Toast, String)> {
        let minutes = self.option.and_then(|option| option.parse().ok());
        let minutes = minutes.filter(|minutes| offered.contains(minutes));
        let Some(minutes) = minutes else { return Err((Toast::Info, wording::TOAST_UNKNOWN.to_owned())) };
        Ok((self.whose(to)?, minutes))
    }

    /// Whose chat it was pressed in, as long as it was they who pressed.
    fn whose(&self, to: &Address) -> Result<&'a StaffName, (Toast, String)> {
        let whose = self.book.of_chat(to).ok_or((Toast::Info, wording::TOAST_UNKNOWN.to_owned()))?;
        match self.presser.staff {
            Some(staff) if *staff != whose.name => Err((Toast::Error, wording::TOAST_NOT_YOURS.to_owned())),
            _ => Ok(&whose.name),
        }
    }
}

impl Endpoint {
    /// Notes that somebody sees to the card's wait.
    pub(super) async fn claim(
        &self,
        card: &Pressed,
        zone: Tz,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let (stored, calendar) = match open_wait(&card.subject, now) {
            Ok(open) => open,
            Err(text) => return Ok((Toast::Info, text.to_owned())),
        };
        let by = by.await;
        let room = card.subject.room.room.to_string();
        let mut tx = self.ctx.db.begin().await?;
        schedule::lock_room(&mut tx, &room).await?;
        let known = WaitActions::read(&mut tx, &stored.wait.id).await?;
        if let Some(claim) = known.claim(now) {
            let until = claim.until.map(|until| time_of(until, now, zone)).unwrap_or_default();
            return Ok((
                Toast::Info,
                if claim.by == by {
                    wording::TOAST_CLAIMED_ALREADY.to_owned()
                } else {
                    wording::toast_claimed_by(&claim.by, &until)
                },
            ));
        }
        let until = after(calendar, now, CLAIM_MINUTES);
        let id = card.notification.id;
        let new = NewAction {
            round: round(&mut tx, id, ActionKind::Claim).await?,
            until: Some(until),
            about: card.subject.room.state.owner.as_ref().map(StaffName::as_str),
            ..new_action(id, ActionKind::Claim, &by)
        };
        self.keep(&mut tx, new, &room, now).await?;
        tx.commit().await?;
        self.wake.look_at(room);
        Ok((Toast::Success, wording::toast_claimed(&time_of(until, now, zone))))
    }

    /// Puts the private cards of a wait off, in the chat of whoever asks for it.
    pub(super) async fn snooze(
        &self,
        card: &Pressed,
        own: OwnCards<'_>,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let to = &card.notification.to;
        let minutes = match own.minutes(to, &SNOOZE_MINUTES) {
            Ok((_, minutes)) => minutes,
            Err(answer) => return Ok(answer),
        };
        let (stored, calendar) = match open_wait(&card.subject, now) {
            Ok(open) => open,
            Err(text) => return Ok((Toast::Info, text.to_owned())),
        };
        let by = by.await;
        let room = card.subject.room.room.to_string();
        let mut tx = self.ctx.db.begin().await?;
        schedule::lock_room(&mut tx, &room).await?;
        let known = WaitActions::read(&mut tx, &stored.wait.id).await?;
        if known.snoozes(to) >= SNOOZES {
            return Ok((Toast::Info, wording::TOAST_SNOOZED_ENOUGH.to_owned()));
        }
        let until = after(calendar, now, minutes);
        let deadlines = own.rules.deadlines(stored.wait.kind, card.subject.room.view());
        // What is due later comes at its own time.
        if next_after(deadlines, WaitView::from(&stored.wait), now).is_none_or(|next| next > until) {
            return Ok((Toast::Info, wording::TOAST_NOTHING_TO_SNOOZE.to_owned()));
        }
        let id = card.notification.id;
        let new = NewAction {
            round: round(&mut tx, id, ActionKind::Snooze).await?,
            until: Some(until),
            ..new_action(id, ActionKind::Snooze, &by)
        };
        self.keep(&mut tx, new, &room, now).await?;
        tx.commit().await?;
        self.wake.look_at(room);
        Ok((Toast::Success, wording::toast_snoozed(&time_of(until, now, own.rules.time_zone))))
    }

    /// Notes until when whoever asks for it in their own chat is not to be disturbed.
    pub(super) async fn focus(
        &self,
        card: &Pressed,
        own: OwnCards<'_>,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let to = &card.notification.to;
        let (whose, minutes) = match own.minutes(to, &FOCUS_MINUTES) {
            Ok(found) => found,
            Err(answer) => return Ok(answer),
        };
        let until = now + TimeDelta::minutes(i64::try_from(minutes).unwrap_or_default());
        let person = whose.clone();
        let asked = NewAsked { person, kind: Kind::Focus, deputy: None, by: by.await, until };
        self.note_asked(&asked, now).await?;
        Ok((
            Toast::Success,
            if minutes == 0 {
                wording::TOAST_FOCUS_OVER.to_owned()
            } else {
                wording::toast_focus(&time_of(until, now, own.rules.time_zone))
            },
        ))
    }

    /// Notes who stands in, for the rest of the day, for whoever asks for it in their own chat.
    pub(super) async fn away(
        &self,
        card: &Pressed,
        own: OwnCards<'_>,
        availability: &Availability,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let whose = match own.whose(&card.notification.to) {
            Ok(whose) => whose,
            Err(answer) => return Ok(answer),
        };
        let zone = own.rules.time_zone;
        let deputy = own.option.and_then(|option| own.book.known(option)).filter(|deputy| *deputy != whose);
        let until = own.rules.day_of(now).succ_opt().and_then(|day| TimeOfDay::MIDNIGHT.on(day, zone));
        let (Some(deputy), Some(until)) = (deputy, until) else {
            return Ok((Toast::Info, wording::TOAST_UNKNOWN.to_owned()));
        };
        if availability.is_away(deputy) {
            return Ok((Toast::Error, wording::toast_away_too(deputy.as_str())));
        }
        let (person, kind) = (whose.clone(), Kind::Absence);
        let asked = NewAsked { person, kind, deputy: Some(deputy.clone()), by: by.await, until };
        self.note_asked(&asked, now).await?;
        Ok((Toast::Success, wording::toast_away(deputy.as_str())))
    }

    /// Ends the absence of whoever asks for it in their own chat.
    pub(super) async fn back(
        &self,
        card: &Pressed,
        own: OwnCards<'_>,
        availability: &Availability,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let whose = match own.whose(&card.notification.to) {
            Ok(whose) => whose,
            Err(answer) => return Ok(answer),
        };
        if !availability.is_away(whose) {
            return Ok((Toast::Info, wording::TOAST_NOT_AWAY.to_owned()));
        }
        let (person, kind) = (whose.clone(), Kind::Absence);
        self.note_asked(&NewAsked { person, kind, deputy: None, by: by.await, until: now }, now).await?;
        Ok((Toast::Success, wording::TOAST_BACK.to_owned()))
    }

    /// Tells whoever asks for it in their own chat everybody who waits for them, by a card that shrinks.
    pub(super) async fn waiting(
        &self,
        card: &Pressed,
        own: OwnCards<'_>,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let to = &card.notification.to;
        let whose = match own.whose(to) {
            Ok(whose) => whose,
            Err(answer) => return Ok(answer),
        };
        let mut tx = self.ctx.db.begin().await?;
        let waiting = release::on_demand(&mut tx, to, whose, (own.rules, own.book), now).await?;
        tx.commit().await?;
        self.wake.changed.notify_one();
        metrics::counter!("feishu_actions_total").increment(1);
        Ok((
            Toast::Success,
            if waiting == 0 {
                wording::TOAST_NOBODY_WAITS.to_owned()
            } else {
                wording::toast_waiting(waiting)
            },
        ))
    }

    async fn note_asked(&self, asked: &NewAsked, now: Timestamp) -> anyhow::Result<()> {
        availability::ask(&mut *self.ctx.db.acquire().await?, asked, now).await?;
        self.wake.changed.notify_one();
        metrics::counter!("feishu_actions_total").increment(1);
        Ok(())
    }

    /// Notes an action of a room, and that the room's cards are to say so.
    pub(super) async fn keep(
        &self,
        connection: &mut PgConnection,
        new: NewAction<'_>,
        room: &str,
        now: Timestamp,
    ) -> anyhow::Result<()> {
        actions::record(connection, new, now).await?;
        schedule::take_in_again(connection, room).await?;
        metrics::counter!("feishu_actions_total").increment(1);
        Ok(())
    }
}

/// How often a button of a card was pressed before.
pub(super) async fn round(
    connection: &mut PgConnection,
    notification: i64,
    action: ActionKind,
) -> anyhow::Result<i32> {
    let recorded = actions::of(connection, &[notification]).await?;
    let before = recorded.iter().filter(|recorded| recorded.action == action.name()).count();
    Ok(i32::try_from(before)?)
}

/// So many working minutes later.
fn after(calendar: &Calendar, now: Timestamp, minutes: u64) -> Timestamp {
    calendar.deadline(now, minutes * 60)
}
