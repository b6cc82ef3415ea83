//! 不再跟进: a silence on somebody's list is told no more. It concerns nothing but lists, and ends with the next message.

use domain::Timestamp;
use domain::notification::Subject;
use domain::rules::Rules;
use feishu::callback::CardAction;
use feishu::card::Toast;
use store::alerts::notifications::Notification;
use store::alerts::{follow_ups, schedule};
use store::sqlx::Connection as _;

use super::Endpoint;
use super::presser::Presser;
use crate::address_book::AddressBook;
use crate::availability::Availability;
use crate::content::card::Silence;
use crate::content::follow_ups::FollowUpList;
use crate::wording;

impl Endpoint {
    /// Notes that a silence which was chosen on its list is to be told no more.
    pub(super) async fn stop_follow_up(
        &self,
        card: &Notification,
        action: &CardAction,
        rules: &Rules,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let unknown = || Ok((Toast::Info, wording::TOAST_UNKNOWN.to_owned()));
        let Some(key) = action.option.as_deref() else { return unknown() };
        let Subject::FollowUps(owner) = &card.subject else { return unknown() };
        let id = card.id;
        let mut connection = self.ctx.db.acquire().await?;
        let availability = Availability::read(&mut connection, now).await?;
        let book = AddressBook::new(rules, &self.ctx.config.feishu, &availability);
        let presser = Presser::of(&action.operator, &card.to, book);
        let who = &rules.buttons.stop_follow_up;
        if !presser.is_among(who, Some(owner), (rules, book)) {
            metrics::counter!("feishu_actions_refused_total").increment(1);
            return Ok((Toast::Error, wording::toast_may_not(who)));
        }
        let list = FollowUpList::read(&mut connection, (id, card.step), owner, rules, now).await?;
        let Some(room) = list.rooms.iter().find(|room| room.room == key) else { return unknown() };
        match &room.silence {
            Silence::Lasts => {}
            Silence::Stopped { by } => return Ok((Toast::Info, wording::toast_handled_by(by))),
            Silence::Ended | Silence::NotFollowedUp | Silence::Excluded => {
                return Ok((Toast::Info, wording::TOAST_NOT_SILENT.to_owned()));
            }
        }
        let by = self.names.of(&action.operator, presser.account_of).await;
        let mut tx = connection.begin().await?;
        schedule::lock_room(&mut tx, key).await?;
        let Some(first) = follow_ups::stop(&mut tx, id, key, &by, now).await? else { return unknown() };
        schedule::take_in_again(&mut tx, key).await?;
        tx.commit().await?;
        metrics::counter!("feishu_actions_total").increment(1);
        self.wake.look_at(key.to_owned());
        Ok(if first == by {
            (Toast::Success, wording::toast_follow_up_stopped(&room.topic))
        } else {
            (Toast::Info, wording::toast_handled_by(&first))
        })
    }
}
