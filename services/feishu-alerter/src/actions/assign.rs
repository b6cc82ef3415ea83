//! 转交: the room gets another owner.
//!
//! It is decided here as `room-state` will decide it, so that whoever presses reads a refusal at once; the command is sent
//! only for what is accepted, and its decision counts.

use domain::Timestamp;
use domain::assignment::{Current, Decision, Request, decide};
use domain::id::StaffName;
use domain::rules::Rules;
use domain::wording as words;
use events::command::CommandKind;
use feishu::card::Toast;
use store::alerts::actions::NewAction;
use store::alerts::schedule;
use store::golive;

use super::own::round;
use super::presser::Presser;
use super::{Endpoint, Pressed, new_action, open_wait};
use crate::action::{self, ActionKind};
use crate::wording;

/// What a press asks for.
pub(super) struct Assignment<'a> {
    /// The event of the press.
    pub event: &'a str,
    /// Who is to own the room, as chosen of the menu.
    pub to: Option<&'a str>,
    pub presser: &'a Presser<'a>,
    pub rules: &'a Rules,
}

impl Endpoint {
    /// Asks that the room of a card whose wait is open be handed to somebody.
    pub(super) async fn assign(
        &self,
        card: &Pressed,
        assignment: Assignment<'_>,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let Assignment { event, to, presser, rules } = assignment;
        let Some(to) = to else { return Ok((Toast::Info, wording::TOAST_UNKNOWN.to_owned())) };
        if let Err(text) = open_wait(&card.subject, now) {
            return Ok((Toast::Info, text.to_owned()));
        }
        let room = &card.subject.room;
        let team = rules.staff_by_name(to).ok().and_then(|entry| entry.team.stage());
        let stage = team.unwrap_or(room.state.stage).to_string();
        let approved_by = presser.staff.filter(|staff| rules.approves_by_button(staff));
        let mut tx = self.ctx.db.begin().await?;
        let rehearsal = !golive::history(&mut tx).await?.at(now).live;
        let current = Current { owner: room.state.owner.as_ref(), stage: room.state.stage };
        let approved_by = approved_by.map(StaffName::as_str);
        let request = Request { owner: to, stage: &stage, approved_by, rehearsal };
        match decide(Some(&current), &request, rules) {
            Decision::Refused(refusal) => return Ok((Toast::Error, words::refused(&refusal))),
            Decision::Unchanged => return Ok((Toast::Info, wording::toast_owner_already(to))),
            Decision::Applied { .. } => {}
        }
        let by = by.await;
        let (id, key) = (card.notification.id, room.room.to_string());
        schedule::lock_room(&mut tx, &key).await?;
        let new = NewAction {
            round: round(&mut tx, id, ActionKind::Assign).await?,
            about: Some(to),
            ..new_action(id, ActionKind::Assign, &by)
        };
        self.keep(&mut tx, new, &key, now).await?;
        // Before the commit: what nobody asked for is not said either.
        let kind = CommandKind::Assign {
            owner: to.to_owned(),
            stage,
            approved: approved_by.is_some(),
            approved_by: approved_by.map(str::to_owned),
        };
        self.ask(action::assign(event), &card.subject, &by, kind).await?;
        tx.commit().await?;
        self.wake.look_at(key);
        Ok((Toast::Success, wording::toast_assigned(to)))
    }
}
