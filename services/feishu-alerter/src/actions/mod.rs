//! `POST /feishu/callback`: actions, which are presses of the cards' buttons.
//!
//! An action is checked, taken once, and becomes a command for `room-state`, or is kept here where it concerns nothing but
//! cards; whether it had an effect is seen on the card. Whoever may not is told so. The answer comes within the 3 s that
//! Feishu gives, whatever else is slow.

mod assign;
mod board_link;
mod follow_up;
mod names;
mod own;
mod presser;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::Timestamp;
use domain::calendar::Calendar;
use domain::id::CommandId;
use domain::rules::Rules;
use domain::wait::Ending;
use events::command::{Command, CommandKind, Via};
use events::{encode, subject};
use feishu::callback::{CallbackHeaders, CallbackSecrets, CardAction, Verified, verify};
use feishu::card::{Toast, answer_with_toast};
use feishu::{CardUuid, FeishuClient};
use runtime::Context;
use runtime::bus::Outgoing;
use runtime::serve::{Limits, Server};
use serde_json::{Value, json};
use store::alerts::actions::{self, NewAction};
use store::alerts::notifications::{self, Notification};
use store::rooms::waits::StoredWait;
use store::rules::RulesCache;
use store::sqlx::PgConnection;
use tokio::net::TcpListener;
use tracing::{Instrument as _, info_span};

use self::assign::Assignment;
use self::names::Names;
use self::own::OwnCards;
use self::presser::Presser;
use crate::action::{self, ActionKind, Cancel, Done};
use crate::address_book::{self, AddressBook};
use crate::availability::Availability;
use crate::channel::feishu::{NAME as FEISHU, PressedButton};
use crate::content::card::CardState;
use crate::content::subject::{Subject, SubjectDetail};
use crate::planner::Wake;
use crate::wording;

/// Feishu waits 3 s; the way back needs some of them.
const ANSWER_WITHIN: Duration = Duration::from_millis(2_400);
/// An action has less than one thousand bytes; and Feishu gives up long before the usual deadline.
const LIMITS: Limits = Limits { body: 64 * 1024, request: Some(Duration::from_secs(10)), ..Limits::OUTWARD };

pub struct ActionServer {
    ctx: Context,
    rules: Arc<RulesCache>,
    secrets: CallbackSecrets,
    feishu: Arc<FeishuClient>,
    names: Names,
    wake: Wake,
    listener: TcpListener,
}

struct Endpoint {
    ctx: Context,
    rules: Arc<RulesCache>,
    secrets: CallbackSecrets,
    feishu: Arc<FeishuClient>,
    names: Names,
    wake: Wake,
}

impl ActionServer {
    /// Takes the configured address.
    ///
    /// # Errors
    /// If it cannot be bound.
    pub async fn bind(
        ctx: Context,
        client: Arc<FeishuClient>,
        rules: Arc<RulesCache>,
        wake: Wake,
    ) -> anyhow::Result<Self> {
        let feishu = &ctx.config.feishu;
        let listener = TcpListener::bind(feishu.listen)
            .await
            .with_context(|| format!("feishu.listen: cannot listen on {}", feishu.listen))?;
        tracing::info!(address = %feishu.listen, "card callbacks are taken");
        let secrets = CallbackSecrets {
            app_id: feishu.app_id.clone(),
            verification_token: feishu.verification_token.clone(),
            encrypt_key: Some(feishu.encrypt_key.clone()),
        };
        let names = Names::new(client.clone());
        Ok(Self { ctx, rules, secrets, feishu: client, names, wake, listener })
    }

    /// Serves until the shutdown is requested.
    pub async fn serve(self) {
        let Self { ctx, rules, secrets, feishu, names, wake, listener } = self;
        let shutdown = ctx.shutdown.clone();
        let server = Server::new("feishu_callback", LIMITS).behind(&ctx.config.http.trusted_proxies);
        let router = axum::Router::new()
            .route("/feishu/callback", post(callback))
            .with_state(Arc::new(Endpoint { ctx, rules, secrets, feishu, names, wake }));
        server.serve(listener, router, async move { shutdown.wait().await }).await;
    }
}

async fn callback(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    let begun = Instant::now();
    let answer = endpoint.take(&headers, &body).await;
    metrics::histogram!("feishu_callback_seconds").record(begun.elapsed().as_secs_f64());
    answer
}

impl Endpoint {
    async fn take(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let signed = CallbackHeaders {
            timestamp: header("x-lark-request-timestamp"),
            nonce: header("x-lark-request-nonce"),
            signature: header("x-lark-signature"),
        };
        match verify(body, signed, self.ctx.clock.now(), &self.secrets) {
            Ok(Verified::UrlCheck { challenge }) => Json(json!({ "challenge": challenge })).into_response(),
            Ok(Verified::Other { event_type }) => {
                tracing::debug!(event_type, "an event that nobody asked for");
                Json(json!({})).into_response()
            }
            Ok(Verified::Action(action)) => self.act_in_time(&action).await,
            Err(error) => {
                let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::UNAUTHORIZED);
                refuse(status, &error.to_string())
            }
        }
    }

    async fn act_in_time(&self, action: &CardAction) -> Response {
        let acting =
            self.act(action).instrument(info_span!(parent: None, "card.action", otel.kind = "server"));
        match tokio::time::timeout(ANSWER_WITHIN, acting).await {
            Ok(Ok(Some(answer))) => Json(answer).into_response(),
            // Feishu does not push actions again: the same event twice is a recording of the first.
            Ok(Ok(None)) => refuse(StatusCode::UNAUTHORIZED, "the event was taken before"),
            Ok(Err(error)) => failed(&error.to_string()),
            Err(_elapsed) => failed("it took too long"),
        }
    }

    /// The answer to an action. `None`: the event was taken before.
    async fn act(&self, action: &CardAction) -> anyhow::Result<Option<Value>> {
        let now = self.ctx.clock.now();
        let mut connection = self.ctx.db.acquire().await?;
        if !actions::take_event(&mut connection, &action.event_id, now).await? {
            return Ok(None);
        }
        let unknown = || Ok(Some(answer_with_toast(Toast::Info, wording::TOAST_UNKNOWN)));
        let Some(button) = PressedButton::of(&action.value) else { return unknown() };
        let history = self.rules.get(&mut connection).await?;
        let rules = history.at(now);
        let notification = notification_of(&mut connection, &button.card).await?;
        let Some(notification) = notification else { return unknown() };
        if !is_of(&notification, action) {
            tracing::warn!(address = %notification.to, "an action names another message or chat than its card's");
            metrics::counter!("feishu_actions_misplaced_total").increment(1);
            return Ok(Some(answer_with_toast(Toast::Error, wording::TOAST_UNKNOWN)));
        }
        let of_no_room = match button.action {
            ActionKind::StopFollowUp => Some(self.stop_follow_up(&notification, action, rules, now).await?),
            ActionKind::BoardLink => Some(self.board_link(&notification, action, rules, now).await?),
            _ => None,
        };
        if let Some((toast, text)) = of_no_room {
            return Ok(Some(answer_with_toast(toast, &text)));
        }
        let card = Pressed::read(&mut connection, &button.card, notification, rules, now).await?;
        let Some(card) = card else { return unknown() };
        let availability = Availability::read(&mut connection, now).await?;
        drop(connection);
        let book = AddressBook::new(rules, &self.ctx.config.feishu, &availability);
        let presser = Presser::of(&action.operator, &card.notification.to, book);
        if let Some(refusal) = presser.refusal(button.action, &card.subject, (rules, book)) {
            metrics::counter!("feishu_actions_refused_total").increment(1);
            return Ok(Some(answer_with_toast(Toast::Error, &refusal)));
        }
        let by = self.names.of(&action.operator, presser.account_of);
        let option = action.option.as_deref();
        let own = OwnCards { presser: &presser, book, rules, option };
        let (toast, text) = match button.action {
            ActionKind::Undo => self.undo(&card.subject, by, now).await?,
            ActionKind::NoReplyNeeded | ActionKind::Answered => {
                self.end(&card, button.action, by, now).await?
            }
            ActionKind::Claim => self.claim(&card, rules.time_zone, by, now).await?,
            ActionKind::Snooze => self.snooze(&card, own, by, now).await?,
            ActionKind::Focus => self.focus(&card, own, by, now).await?,
            ActionKind::Away => self.away(&card, own, &availability, by, now).await?,
            ActionKind::Back => self.back(&card, own, &availability, by, now).await?,
            ActionKind::Waiting => self.waiting(&card, own, now).await?,
            ActionKind::Assign => {
                let assignment = Assignment { event: &action.event_id, to: option, presser: &presser, rules };
                self.assign(&card, assignment, by, now).await?
            }
            // Of cards that are about no room.
            ActionKind::StopFollowUp | ActionKind::BoardLink => {
                (Toast::Info, wording::TOAST_UNKNOWN.to_owned())
            }
        };
        Ok(Some(answer_with_toast(toast, &text)))
    }

    /// Asks that the card's wait be ended.
    async fn end(
        &self,
        card: &Pressed,
        action: ActionKind,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let Pressed { key, notification, subject, done } = card;
        let seen_up_to = notification.seen_up_to.as_deref();
        let request = seen_up_to.and_then(|seen| action.request(key, done, &notification.follows, seen));
        let Some(request) = request else { return Ok((Toast::Info, wording::TOAST_UNKNOWN.to_owned())) };
        if let Some(text) = pointless(card, action, request.round, now) {
            return Ok((Toast::Info, text));
        }
        let by = by.await;
        self.ask(request.id, subject, &by, request.command).await?;
        let mut connection = self.ctx.db.acquire().await?;
        let new = NewAction { round: request.round, ..new_action(notification.id, action, &by) };
        let first = actions::record(&mut connection, new, now).await?;
        metrics::counter!("feishu_actions_total").increment(1);
        Ok(if first == by {
            (Toast::Success, request.confirmed.to_owned())
        } else {
            (Toast::Info, wording::toast_handled_by(&first))
        })
    }

    /// Asks that the cancel be taken back that ended the card's wait, whichever card it was given on.
    async fn undo(
        &self,
        subject: &Subject,
        by: impl Future<Output = String> + Send,
        now: Timestamp,
    ) -> anyhow::Result<(Toast, String)> {
        let (command, cancel) = match undoable(subject, now) {
            Ok(found) => found,
            Err(text) => return Ok((Toast::Info, text.to_owned())),
        };
        let by = by.await;
        // Before the wait is open again: its button would still say who pressed it.
        let mut connection = self.ctx.db.acquire().await?;
        if let Some(id) = actions::by_delivery_key(&mut connection, FEISHU, cancel.card.as_str()).await? {
            let new = NewAction { round: cancel.undone, ..new_action(id, ActionKind::Undo, &by) };
            actions::record(&mut connection, new, now).await?;
        }
        drop(connection);
        let kind = CommandKind::UndoCancel { cancel: command.clone() };
        self.ask(action::undo(&command), subject, &by, kind).await?;
        metrics::counter!("feishu_actions_total").increment(1);
        Ok((Toast::Success, wording::TOAST_UNDONE.to_owned()))
    }

    async fn ask(&self, id: CommandId, subject: &Subject, by: &str, kind: CommandKind) -> anyhow::Result<()> {
        let command = Command {
            id: id.clone(),
            room: subject.room.room.clone(),
            at: self.ctx.clock.now(),
            by: by.to_owned(),
            via: Via::Feishu,
            kind,
        };
        let outgoing = Outgoing {
            subject: subject::command(command.kind.name(), &command.room),
            id: id.0,
            payload: encode(&command)?,
        };
        self.ctx.bus.publish(&outgoing).await?;
        Ok(())
    }
}

/// What was sent as the card of this key. `None`: it is not there any more.
async fn notification_of(
    connection: &mut PgConnection,
    key: &CardUuid,
) -> anyhow::Result<Option<Notification>> {
    let id = actions::by_delivery_key(connection, FEISHU, key.as_str()).await?;
    let Some(id) = id else { return Ok(None) };
    Ok(notifications::get(connection, id).await?)
}

/// The card whose button was pressed.
struct Pressed {
    key: CardUuid,
    notification: Notification,
    subject: Subject,
    /// What was done on it before.
    done: Done,
}

impl Pressed {
    /// Reads what it is about. `None`: no room.
    async fn read(
        connection: &mut PgConnection,
        key: &CardUuid,
        notification: Notification,
        rules: &Rules,
        now: Timestamp,
    ) -> anyhow::Result<Option<Self>> {
        let subject = Subject::read(connection, &notification, rules, now).await?;
        let Some(subject) = subject else { return Ok(None) };
        let done = Done(actions::of(connection, &[notification.id]).await?);
        Ok(Some(Self { key: key.clone(), notification, subject, done }))
    }
}

/// The first of its kind, which holds for no time and is about nobody.
fn new_action(notification: i64, action: ActionKind, by: &str) -> NewAction<'_> {
    NewAction { notification, action: action.name(), round: 0, by, until: None, about: None }
}

/// The wait that a card is about, as long as it is open; or what somebody reads who comes too late.
fn open_wait(subject: &Subject, now: Timestamp) -> Result<(&StoredWait, &Calendar), &'static str> {
    match &subject.detail {
        SubjectDetail::Wait { stored, calendar, .. } if subject.state(now).is_open() => {
            Ok((stored, calendar))
        }
        SubjectDetail::Wait { .. } => Err(wording::TOAST_ALREADY),
        SubjectDetail::Departure(_) | SubjectDetail::Handover { .. } => Err(wording::TOAST_UNKNOWN),
    }
}

/// Whether an action names the message and the chat that its card was sent to: a button is worth something in its own place
/// only, and a copy of it elsewhere is nobody's. While the sending is not recorded yet, the chat alone is known.
fn is_of(card: &Notification, action: &CardAction) -> bool {
    let sent_as = card.message_id.as_deref();
    card.to == address_book::feishu_chat(action.chat_id.as_str())
        && sent_as.is_none_or(|id| id == action.message_id.as_str())
}

/// What somebody reads who presses when there is nothing left to do, or when it cannot be so. The other button may still
/// be pressed: what this one asked for may be refused.
fn pointless(card: &Pressed, action: ActionKind, round: i32, now: Timestamp) -> Option<String> {
    let SubjectDetail::Wait { unverified, .. } = card.subject.detail else {
        return Some(wording::TOAST_UNKNOWN.to_owned());
    };
    match card.subject.state(now) {
        CardState::Waiting { .. } => match card.done.first(action, round) {
            Some(by) => Some(wording::toast_handled_by(by)),
            None => (action == ActionKind::Answered && !unverified)
                .then(|| wording::TOAST_NOTHING_MISSED.to_owned()),
        },
        CardState::Cancelled { by, .. } | CardState::Confirmed { by } => Some(wording::toast_handled_by(&by)),
        _ => Some(wording::TOAST_ALREADY.to_owned()),
    }
}

/// The 不用回复 that ended the wait, with its command; or what somebody reads who comes too late or for nothing.
/// What was ended in another way is not taken back here.
fn undoable(subject: &Subject, now: Timestamp) -> Result<(CommandId, Cancel), &'static str> {
    let SubjectDetail::Wait { stored, .. } = &subject.detail else { return Err(wording::TOAST_UNKNOWN) };
    let ended = stored.wait.outcome.as_ref().map(|outcome| &outcome.how);
    let Some(Ending::Cancelled { command, .. }) = ended else { return Err(wording::TOAST_NOTHING_TO_UNDO) };
    let Some(cancel) = action::cancel_of(command) else { return Err(wording::TOAST_NOTHING_TO_UNDO) };
    match subject.state(now) {
        CardState::Cancelled { undo_until: Some(_), .. } => Ok((command.clone(), cancel)),
        CardState::Cancelled { .. } => Err(wording::TOAST_UNDO_LATE),
        _ => Err(wording::TOAST_NOTHING_TO_UNDO),
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    metrics::counter!("feishu_callbacks_refused_total", "status" => status.as_str().to_owned()).increment(1);
    tracing::warn!(why, "a callback was refused");
    status.into_response()
}

fn failed(why: &str) -> Response {
    metrics::counter!("feishu_callbacks_failed_total").increment(1);
    tracing::error!(why, "an action could not be handled");
    Json(answer_with_toast(Toast::Error, wording::TOAST_FAILED)).into_response()
}
