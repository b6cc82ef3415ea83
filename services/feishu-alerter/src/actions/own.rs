//! Actions that concern nothing but cards, and are kept here: 我来处理, 稍后提醒 and 专注.
//!
//! All hold private cards back for a while (`content::wait_actions`, `outbox::send`), and no public ones. What is read and
//! written of a wait lies under its room's lock, so that of two who press at once one is first. In the same transaction the
//! room is marked to be taken in again: its cards say who did what, even if this process ends right after.

use chrono::TimeDelta;
use chrono_tz::Tz;
use domain::Timestamp;
use domain::calendar::Calendar;
use domain::id::StaffName;
use domain::ladder::{WaitView, next_after};
use domain::rules::Rules;
use feishu::card::Toast;
use store::alerts::actions::{self, NewAction};
use store::alerts::notifications::Address;
use store::alerts::schedule;
use store::availability::{self, Asked, Kind};
use store::sqlx::PgConnection;

use super::presser::Presser;
use super::{Endpoint, Pressed, new_action, open_wait};
use crate::action::{ActionKind, CLAIM_MINUTES, FOCUS_MINUTES, SNOOZE_MINUTES, SNOOZES};
use crate::address_book::AddressBook;
use crate::content::card::time_of;
use crate::content::wait_actions::WaitActions;
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
        let (Some(minutes), Some(whose)) = (minutes, self.book.of_chat(to)) else {
            return Err((Toast::Info, wording::TOAST_UNKNOWN.to_owned()));
        };
        if self.presser.staff.is_some_and(|staff| *staff != whose.name) {
            return Err((Toast::Error, wording::TOAST_NOT_YOURS.to_owned()));
        }
        Ok((&whose.name, minutes))
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
        let asked = Asked { person, kind: Kind::Focus, deputy: None, by: by.await, until };
        availability::ask(&mut *self.ctx.db.acquire().await?, &asked, now).await?;
        self.wake.changed.notify_one();
        metrics::counter!("feishu_actions_total").increment(1);
        Ok((
            Toast::Success,
            if minutes == 0 {
                wording::TOAST_FOCUS_OVER.to_owned()
            } else {
                wording::toast_focus(&time_of(until, now, own.rules.time_zone))
            },
        ))
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
