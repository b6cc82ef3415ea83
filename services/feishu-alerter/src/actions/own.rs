//! Actions that concern nothing but cards, and are kept here: 我来处理 and 稍后提醒.
//!
//! Both hold private cards back for a while (`content::wait_actions`), and no public ones. What is read and what is written
//! lies under the room's lock, so that of two who press at once one is first. In the same transaction the room is marked to
//! be taken in again: its cards say who did what, even if this process ends right after.

use chrono_tz::Tz;
use domain::Timestamp;
use domain::calendar::Calendar;
use domain::id::StaffName;
use domain::ladder::{WaitView, next_after};
use domain::rules::Rules;
use feishu::card::Toast;
use store::alerts::actions::{self, NewAction};
use store::alerts::schedule;
use store::sqlx::PgConnection;

use super::presser::Presser;
use super::{Endpoint, Pressed, new_action, open_wait};
use crate::action::{ActionKind, CLAIM_MINUTES, SNOOZE_MINUTES, SNOOZES};
use crate::address_book::AddressBook;
use crate::content::card::time_of;
use crate::content::wait_actions::WaitActions;
use crate::wording;

/// What a press of 稍后提醒 comes with.
pub(super) struct Snooze<'a> {
    pub presser: &'a Presser<'a>,
    pub book: AddressBook<'a>,
    pub rules: &'a Rules,
    /// For how many minutes, as chosen of the menu.
    pub option: Option<&'a str>,
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
            round: known.rounds(ActionKind::Claim, id),
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
        snooze: Snooze<'_>,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let Snooze { presser, book, rules, option } = snooze;
        let zone = rules.time_zone;
        let minutes = option.and_then(|option| option.parse().ok());
        let minutes = minutes.filter(|minutes| SNOOZE_MINUTES.contains(minutes));
        let to = &card.notification.to;
        let (Some(minutes), Some(whose)) = (minutes, book.of_chat(to)) else {
            return Ok((Toast::Info, wording::TOAST_UNKNOWN.to_owned()));
        };
        if presser.staff.is_some_and(|staff| *staff != whose.name) {
            return Ok((Toast::Error, wording::TOAST_NOT_YOURS.to_owned()));
        }
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
        let deadlines = rules.deadlines(stored.wait.kind, card.subject.room.view());
        // What is due later comes at its own time.
        if next_after(deadlines, WaitView::from(&stored.wait), now).is_none_or(|next| next > until) {
            return Ok((Toast::Info, wording::TOAST_NOTHING_TO_SNOOZE.to_owned()));
        }
        let id = card.notification.id;
        let new = NewAction {
            round: known.rounds(ActionKind::Snooze, id),
            until: Some(until),
            ..new_action(id, ActionKind::Snooze, &by)
        };
        self.keep(&mut tx, new, &room, now).await?;
        tx.commit().await?;
        self.wake.look_at(room);
        Ok((Toast::Success, wording::toast_snoozed(&time_of(until, now, zone))))
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

/// So many working minutes later.
fn after(calendar: &Calendar, now: Timestamp, minutes: u64) -> Timestamp {
    calendar.deadline(now, minutes * 60)
}
