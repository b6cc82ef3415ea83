//! 登录看板: whoever presses it on a card with figures is sent a link that logs them in, where nobody else reads. It is sent at
//! once and kept nowhere: it lives for ten minutes, and whoever has it is that person.

use board_session::Signer;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::id::StaffName;
use domain::notification::Subject;
use domain::rules::Rules;
use feishu::callback::CardAction;
use feishu::card::{self, Toast};
use feishu::{CardUuid, OutgoingMessage, Receiver};
use runtime::random;
use runtime::telemetry::chain;
use store::alerts::notifications::Notification;

use super::Endpoint;
use crate::wording;

/// The answer to the press has to come in time, too.
const SEND_WITHIN: TimeDelta = TimeDelta::seconds(2);

impl Endpoint {
    /// Sends a link to whoever pressed.
    pub(super) async fn board_link(
        &self,
        card: &Notification,
        action: &CardAction,
        rules: &Rules,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let unknown = || Ok((Toast::Info, wording::TOAST_UNKNOWN.to_owned()));
        let Some(board) = &self.ctx.config.performance.board else { return unknown() };
        if !matches!(card.subject, Subject::Figures(_)) {
            return unknown();
        }
        // By their account alone: a chat that is somebody's may have others in it.
        let entry = rules.staff_by_feishu_account(action.operator.as_str());
        // Whoever answers to the name of several the board lets nowhere.
        let own =
            |name: &StaffName| rules.staff_by_name(name.as_str()).is_ok_and(|entry| entry.name == *name);
        let person = entry.map(|entry| &entry.name).filter(|name| own(name));
        let Some(person) = person else {
            metrics::counter!("feishu_actions_refused_total").increment(1);
            return Ok((Toast::Error, wording::TOAST_NOT_IN_ROSTER.to_owned()));
        };
        let signer = Signer::new(board.session_key.clone());
        let link = signer.address(&board.public_url, person.as_str(), random::token(), now);
        let elements = [
            card::markdown(&format!("[{}]({link})", wording::OPEN_BOARD)),
            card::notation(wording::LINK_IS_YOURS),
        ];
        let title = card::header("blue", wording::BOARD_LOGIN, &[]);
        let message = OutgoingMessage::card(&card::card(Some(title), wording::BOARD_LOGIN, &elements));
        let uuid = CardUuid::new(action.operator.as_str(), "board-link", &action.event_id, 0);
        let to = Receiver::Person(action.operator.clone());
        if let Err(error) = self.feishu.send(&to, &message, &uuid, now + SEND_WITHIN).await {
            tracing::warn!(error = chain(&error), "a link to the board could not be sent");
            return Ok((Toast::Error, wording::TOAST_LINK_NOT_SENT.to_owned()));
        }
        metrics::counter!("feishu_actions_total").increment(1);
        Ok((Toast::Success, wording::TOAST_LINK_SENT.to_owned()))
    }
}
