//! COMMAND: what managers and salespeople ask for, decided one at a time, recorded with its outcome.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::assignment::{Current, Decision, Refusal, Request, Review, decide, review};
use domain::gap::CoverageGaps;
use domain::id::{CommandId, EntryId, RoomKey, WaitId};
use domain::marks::{Marking, Marks};
use domain::rules::{Rules, RulesHistory};
use domain::timeline::{About, Body, Cancel, CancelKind, Entry, Position};
use domain::wait::{Ending, Wait, WaitKind};
use domain::wording;
use events::command::{Command, CommandKind, Via};
use events::decode;
use runtime::Context;
use runtime::bus::{Consumer, DeadLetterReason, Delivery, Handler, Outcome};
use runtime::telemetry::chain;
use runtime::trace;
use store::golive;
use store::rooms::commands::{self, Decided, StoredCommand};
use store::rooms::timeline::{self, NewEntry};
use store::rooms::waits::{self, Which};
use store::rooms::{self, LockedRoom};
use store::rules::RulesCache;
use store::sqlx::PgConnection;
use tracing::{Instrument as _, info_span};

use crate::failure::{Failure, RETRY_AFTER};
use crate::fold::{Changed, RoomWork, apply};
use crate::point;
use crate::publish::PublishHandle;
use crate::recompute::{self, Window, preview};
use crate::stages::Stages;
use crate::wording as words;

/// The kind of the commands that mark rooms, as it is stored.
const MARK: &str = "mark";
/// So often a wait may have been replaced since somebody looked at it.
const SUCCESSIONS: usize = 20;
/// How often is looked at the start whether commands can be decided.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Decides commands.
pub struct CommandHandler {
    ctx: Context,
    rules: Arc<RulesCache>,
    publish: PublishHandle,
}

/// What is to be done about a command.
struct Plan {
    decided: Decided,
    message: String,
    body: Option<(Position, Body)>,
    /// The cancel that it takes back.
    undoes: Option<CommandId>,
}

/// A cancel of longer ago is not taken back by whoever does not name it.
const UNDONE_WITHIN: TimeDelta = TimeDelta::days(1);

impl Handler for CommandHandler {
    async fn handle(&mut self, batch: &[Delivery]) -> Vec<Outcome> {
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.len());
        let mut deferred = BTreeSet::new();
        for delivery in batch {
            // What was asked later for a room may build on what comes again: an undo on its cancel.
            let room = delivery.subject().rsplit('.').next();
            let outcome =
                if deferred.contains(&room) { Outcome::Retry(RETRY_AFTER) } else { self.one(delivery).await };
            if matches!(outcome, Outcome::Retry(_)) {
                deferred.insert(room);
            }
            outcomes.push(outcome);
        }
        self.ctx.faults.reach(point::BEFORE_ACK).await;
        outcomes
    }
}

/// Waits until everything is folded that was captured before now. Commands are decided by what their authors saw: after
/// a restore of the database, when the bus hands out both streams once more, that has to be there first.
pub async fn until_chat_is_folded(ctx: &Context) {
    let started = ctx.clock.now();
    loop {
        ctx.health.beat(Consumer::RoomStateCommand.name());
        match ctx.bus.lag(Consumer::RoomStateChat).await {
            Ok(lag) if lag.oldest_unhandled_at.is_none_or(|at| at >= started) => return,
            Ok(_) => {}
            Err(error) => tracing::warn!(error = chain(&error), "commands wait: the bus does not answer"),
        }
        if !ctx.shutdown.sleep(LOOK_EVERY).await {
            return;
        }
    }
}

impl CommandHandler {
    /// Ready to decide.
    pub fn new(ctx: Context, rules: Arc<RulesCache>, publish: PublishHandle) -> Self {
        Self { ctx, rules, publish }
    }

    async fn one(&self, delivery: &Delivery) -> Outcome {
        let command = match decode::<Command>(delivery.payload()) {
            Ok(command) => command,
            Err(error) => {
                return Outcome::DeadLetter(DeadLetterReason {
                    reason: "undecodable",
                    explanation: error.to_string(),
                });
            }
        };
        let span = info_span!(
            parent: None,
            "command",
            command.id = %command.id,
            command.kind = command.kind.name(),
            room.id = %command.room,
        );
        trace::continue_from(&span, delivery.trace().as_ref());
        self.decided(&command).instrument(span).await
    }

    async fn decided(&self, command: &Command) -> Outcome {
        match self.decide(command).await {
            Ok(changed) => {
                self.publish.send(changed);
                Outcome::Done
            }
            Err(Failure::Transient(error)) => {
                tracing::warn!(error, command.id = %command.id, "command will be delivered again");
                Outcome::Retry(RETRY_AFTER)
            }
            Err(Failure::Permanent { reason, explanation }) => {
                Outcome::DeadLetter(DeadLetterReason { reason, explanation })
            }
        }
    }

    async fn decide(&self, command: &Command) -> Result<Vec<Changed>, Failure> {
        let now = self.ctx.clock.now();
        let mut tx = self.ctx.db.begin().await?;
        if commands::is_decided(&mut tx, &command.id).await? {
            return Ok(Vec::new());
        }
        if rooms::get(&mut tx, &command.room).await?.is_none() {
            let unknown = Plan::refused(wording::NO_SUCH_ROOM);
            commands::insert(&mut tx, &record(command, &unknown, now)).await?;
            tx.commit().await?;
            return Ok(Vec::new());
        }
        let Some(locked) = rooms::lock(&mut tx, std::slice::from_ref(&command.room), now).await?.pop() else {
            return Ok(Vec::new());
        };
        // Once more under the lock: another replica may have decided the same command, delivered twice.
        if commands::is_decided(&mut tx, &command.id).await? {
            return Ok(Vec::new());
        }
        let rules = self.rules.at_least(&mut tx, locked.rules_version).await?;
        if let CommandKind::Recompute { from, to } = command.kind {
            let window = Window { from, to };
            let (plan, changed) = Box::pin(recompute(&mut tx, locked, window, &rules, now)).await?;
            if !commands::insert(&mut tx, &record(command, &plan, now)).await? {
                return Ok(Vec::new());
            }
            tx.commit().await?;
            count(command, &plan);
            return Ok(changed);
        }
        let mut plan = plan(&mut tx, command, &locked, &rules, now).await?;
        let entries = plan.body.take().map(|(position, body)| NewEntry {
            room: command.room.clone(),
            id: EntryId::from(&command.id),
            entry: Entry { position, body },
            received_at: now,
            text: None,
        });
        let ended = match &plan.undoes {
            Some(cancel) => ended_by(&mut tx, &command.room, cancel).await?,
            None => Vec::new(),
        };
        let work = RoomWork { entries: entries.into_iter().collect(), ..RoomWork::of(locked) };
        let changed = apply(&mut tx, vec![work], &rules, now, &mut Stages::start()).await?.changed;
        if matches!(command.kind, CommandKind::Cancel { .. } | CommandKind::ConfirmAnswered { .. })
            && plan.decided == Decided::Applied
            && !cancelled(&changed, &command.id)
        {
            plan = Plan { message: words::NOBODY_WAITS.to_owned(), ..Plan::unchanged() };
        }
        if let Some(cancel) = &plan.undoes
            && let Some(place) = timeline::find(&mut tx, &command.room, &EntryId::from(cancel)).await?
        {
            plan.message = undone(&changed, &place, &ended).to_owned();
        }
        if matches!(command.kind, CommandKind::Cancel { .. })
            && plan.decided == Decided::Applied
            && let Some(asked_at) = asked_since(&changed, &command.id)
        {
            let zone = rules.newest().rules.time_zone;
            plan.message =
                words::cancelled_and_asked_since(&asked_at.with_timezone(&zone), &now.with_timezone(&zone));
        }
        // Decided meanwhile without the lock, since another replica knew of no such room: all of this is undone.
        if !commands::insert(&mut tx, &record(command, &plan, now)).await? {
            return Ok(Vec::new());
        }
        tx.commit().await?;
        count(command, &plan);
        Ok(changed)
    }
}

fn count(command: &Command, plan: &Plan) {
    let (kind, decision) = (command.kind.name(), plan.decided.as_str());
    metrics::counter!("commands_decided_total", "kind" => kind, "decision" => decision).increment(1);
}

/// Counts a room's past again, and says of how many waits the figures changed.
async fn recompute(
    connection: &mut PgConnection,
    locked: LockedRoom,
    window: Window,
    rules: &RulesHistory,
    now: Timestamp,
) -> Result<(Plan, Vec<Changed>), Failure> {
    let Some((pinned, rejudge)) = recompute::rejudge(connection, &locked, window, rules).await? else {
        let plan = Plan { message: words::NOTHING_TO_RECOMPUTE.to_owned(), ..Plan::unchanged() };
        return Ok((plan, Vec::new()));
    };
    let differences = preview(connection, &locked.room, &pinned, window, rules).await?;
    let work = RoomWork { rejudge: Some(rejudge), ..RoomWork::of(locked) };
    let changed = apply(connection, vec![work], rules, now, &mut Stages::start()).await?.changed;
    let plan = Plan {
        decided: Decided::Applied,
        message: words::recomputed(differences.len()),
        ..Plan::unchanged()
    };
    Ok((plan, changed))
}

impl Plan {
    fn unchanged() -> Self {
        Self { decided: Decided::Unchanged, message: String::new(), body: None, undoes: None }
    }

    fn applied(message: impl Into<String>, position: Position, body: Body) -> Self {
        let (decided, message) = (Decided::Applied, message.into());
        Self { decided, message, body: Some((position, body)), undoes: None }
    }

    fn refused(message: &str) -> Self {
        Self { decided: Decided::Refused, message: message.to_owned(), body: None, undoes: None }
    }
}

async fn plan(
    connection: &mut PgConnection,
    command: &Command,
    locked: &LockedRoom,
    rules: &RulesHistory,
    now: Timestamp,
) -> Result<Plan, Failure> {
    let here = Position {
        at: command.at,
        order: 0,
        seq: command.at.timestamp_micros(),
        entry: EntryId::from(&command.id),
        after: None,
    };
    Ok(match &command.kind {
        CommandKind::Cancel { wait, seen_up_to, reason } => {
            let about = about(connection, wait.as_ref(), locked).await?;
            let cancel = cancel(command, reason, CancelKind::NoReplyNeeded, about);
            end(connection, command, seen_up_to, cancel, wording::CANCELLED).await?
        }
        CommandKind::CancelUnseen { .. } => Plan::refused(words::UNSEEN_TICK),
        CommandKind::ConfirmAnswered { wait, seen_up_to } => {
            if !was_unseen(connection, wait, locked, now).await? {
                return Ok(Plan::refused(words::NOTHING_MISSED));
            }
            let about = about(connection, Some(wait), locked).await?;
            let cancel = cancel(command, "", CancelKind::Answered, about);
            end(connection, command, seen_up_to, cancel, wording::CONFIRMED).await?
        }
        CommandKind::UndoCancel { cancel } => undo(connection, command, cancel, here).await?,
        CommandKind::UndoLastCancel => {
            let asked = (command.at - UNDONE_WITHIN, command.at);
            match commands::last_cancel(connection, &command.room, asked).await? {
                Some(cancel) => undo(connection, command, &cancel, here).await?,
                None => Plan::refused(words::NO_SUCH_CANCEL),
            }
        }
        CommandKind::Assign { owner, stage, approved, approved_by } => {
            // By the time of asking: whatever has happened since, asked again it would be decided alike.
            let rehearsal = !golive::history(connection).await?.at(command.at).live;
            let approved_by = approved.then(|| approved_by.as_ref().unwrap_or(&command.by).as_str());
            let request = Request { owner, stage, approved_by, rehearsal };
            assign(command, &request, locked, &rules.newest().rules, here)
        }
        CommandKind::Mark { grade, not_timed, not_followed_up } => {
            let wanted = Wanted { grade, not_timed: *not_timed, not_followed_up: *not_followed_up };
            mark(command, &wanted, &locked.state.marks, here)
        }
        CommandKind::Compare { owner, stage } => {
            let current = Current { owner: locked.state.owner.as_ref(), stage: locked.state.stage };
            if domain::assignment::differs(&current, owner, stage, &rules.newest().rules) {
                Plan::refused(&wording::differs(owner, stage, &current))
            } else {
                Plan::unchanged()
            }
        }
        CommandKind::ReviewOwner => review_owner(connection, locked, &rules.newest().rules, here).await?,
        // Decided before it gets here: it writes no entry.
        CommandKind::Recompute { .. } => Plan::refused(words::NOTHING_TO_RECOMPUTE),
    })
}

/// Whether the roster in force leaves a room its owner.
async fn review_owner(
    connection: &mut PgConnection,
    locked: &LockedRoom,
    rules: &Rules,
    here: Position,
) -> Result<Plan, Failure> {
    let room = locked.room.to_string();
    let facts = timeline::known_facts(connection, std::slice::from_ref(&room)).await?.remove(&room);
    let (facts, state) = (facts.unwrap_or_default(), &locked.state);
    Ok(match review((state.origin, state.owner.as_ref()), &state.candidates, &facts, rules) {
        Review::Stays => Plan::unchanged(),
        Review::OwnerLeft(owner) => {
            let body = Body::Assigned { owner: None, stage: state.stage };
            Plan::applied(words::owner_left(&owner), here, body)
        }
        Review::ByRule => Plan::applied(words::OWNER_BY_RULE, here, Body::Facts(facts)),
    })
}

fn assign(
    command: &Command,
    request: &Request<'_>,
    locked: &LockedRoom,
    rules: &Rules,
    here: Position,
) -> Plan {
    let current = Current { owner: locked.state.owner.as_ref(), stage: locked.state.stage };
    match decide(Some(&current), request, rules) {
        Decision::Applied { owner, stage, acceptance } => {
            let body = Body::Assigned { owner: Some(owner), stage };
            Plan::applied(wording::accepted(acceptance), here, body)
        }
        Decision::Refused(refusal) => Plan::refused(&wording::refused(&refusal)),
        // Whoever ticks a box reads what became of it.
        Decision::Unchanged if request.approved_by.is_some() && command.via == Via::Vika => {
            Plan::refused(&wording::refused(&Refusal::NothingToApprove))
        }
        Decision::Unchanged => Plan::unchanged(),
    }
}

/// Marks as a manager's row has them.
struct Wanted<'a> {
    grade: &'a str,
    not_timed: bool,
    not_followed_up: bool,
}

/// A grade that is none leaves the one that stands, and keeps no other mark back.
fn mark(command: &Command, wanted: &Wanted<'_>, held: &Marks, here: Position) -> Plan {
    let Wanted { grade, not_timed, not_followed_up } = *wanted;
    let grade = Marks::read_grade(grade);
    let marks =
        Marks { grade: grade.clone().unwrap_or_else(|| held.grade.clone()), not_timed, not_followed_up };
    let refused = grade.is_none().then_some(words::NO_GRADE);
    if marks == *held {
        return refused.map_or_else(Plan::unchanged, Plan::refused);
    }
    let message = words::marked(held, &marks).into_iter().chain(refused.map(str::to_owned));
    let marking = Marking { command: command.id.clone(), by: command.by.clone(), marks };
    Plan::applied(message.collect::<Vec<_>>().join("；"), here, Body::Marked(marking))
}

/// What the author of a command was looking at, if that is known: of several customers who wait the others go on waiting.
/// A wait that another took the place of since is that one.
async fn about(
    connection: &mut PgConnection,
    wait: Option<&WaitId>,
    locked: &LockedRoom,
) -> Result<Option<About>, Failure> {
    let (mut next, mut about) = (wait.cloned(), None);
    for _ in 0..SUCCESSIONS {
        let Some(id) = next.take() else { break };
        let found = waits::list(connection, Which::Ids(&[id.0])).await?.pop();
        let Some(found) = found.filter(|found| found.room == locked.room) else { break };
        about = Some(About::of(&found.wait));
        next = found.replaced_by;
    }
    Ok(about)
}

fn cancel(command: &Command, reason: &str, kind: CancelKind, about: Option<About>) -> Cancel {
    Cancel {
        command: command.id.clone(),
        by: command.by.clone(),
        reason: reason.to_owned(),
        kind,
        about,
        at: command.at,
        undone: false,
    }
}

/// Takes a cancel back.
async fn undo(
    connection: &mut PgConnection,
    command: &Command,
    cancel: &CommandId,
    here: Position,
) -> Result<Plan, Failure> {
    if timeline::find(connection, &command.room, &EntryId::from(cancel)).await?.is_none() {
        return Ok(Plan::refused(words::NO_SUCH_CANCEL));
    }
    if commands::kind(connection, cancel).await?.as_deref() == Some(MARK) {
        return Ok(Plan::refused(words::ENDED_BY_MARK));
    }
    let body = Body::CancelUndone { target: cancel.clone() };
    Ok(Plan { undoes: Some(cancel.clone()), ..Plan::applied(words::CANCEL_UNDONE, here, body) })
}

/// Ends what was said up to the last entry that the command's author saw.
async fn end(
    connection: &mut PgConnection,
    command: &Command,
    seen_up_to: &EntryId,
    cancel: Cancel,
    message: &str,
) -> Result<Plan, Failure> {
    let Some(seen) = timeline::find(connection, &command.room, seen_up_to).await? else {
        return Ok(Plan::refused(words::NOT_IN_ROOM));
    };
    let position = Position { after: Some(EntryId::from(&command.id)), ..seen };
    Ok(Plan::applied(message, position, Body::Cancel(cancel)))
}

/// Whether the wait overlaps a capture gap of its room, so that somebody may have answered it unseen.
async fn was_unseen(
    connection: &mut PgConnection,
    wait: &WaitId,
    locked: &LockedRoom,
    now: Timestamp,
) -> Result<bool, Failure> {
    let found = waits::list(connection, Which::Ids(std::slice::from_ref(&wait.0))).await?.pop();
    let Some(found) = found.filter(|found| found.room == locked.room) else { return Ok(false) };
    let gaps = store::ingest::gaps::after(connection, found.wait.opened.at).await?;
    Ok(CoverageGaps::of(&locked.room, &locked.state.presence, &gaps).affects(&found.wait, now))
}

/// Whether a cancel closed a wait.
fn cancelled(changed: &[Changed], id: &CommandId) -> bool {
    changed.iter().flat_map(|room| &room.waits).any(|folded| is_ended_by(&folded.wait, id))
}

fn is_ended_by(wait: &Wait, id: &CommandId) -> bool {
    matches!(wait.outcome.as_ref().map(|outcome| &outcome.how),
        Some(Ending::Cancelled { command, .. } | Ending::Confirmed { command, .. }) if command == id)
}

/// Since when the customer waits again whose wait a cancel has ended: they have asked since its author looked.
fn asked_since(changed: &[Changed], cancel: &CommandId) -> Option<Timestamp> {
    let waits = || changed.iter().flat_map(|room| &room.waits).map(|folded| &folded.wait);
    let ended = waits().filter(|wait| is_ended_by(wait, cancel)).max_by(|a, b| a.opened.cmp(&b.opened))?;
    let again = |wait: &&Wait| {
        wait.outcome.is_none()
            && wait.kind == WaitKind::Request
            && wait.opened > ended.opened
            && wait.customer == ended.customer
    };
    waits().filter(again).map(|wait| wait.opened.at).min()
}

/// The waits that a cancel has ended.
async fn ended_by(
    connection: &mut PgConnection,
    room: &RoomKey,
    cancel: &CommandId,
) -> Result<Vec<WaitId>, Failure> {
    let Some(place) = timeline::find(connection, room, &EntryId::from(cancel)).await? else {
        return Ok(Vec::new());
    };
    let found = waits::list(connection, Which::OfRooms(&[room.to_string()], place.at)).await?;
    let ended = found.into_iter().filter(|stored| is_ended_by(&stored.wait, cancel));
    Ok(ended.map(|stored| stored.wait.id).collect())
}

/// What came of taking back the cancel that stands at this place: the waits that it had ended go on, unless something else
/// ends them.
fn undone(changed: &[Changed], place: &Position, ended: &[WaitId]) -> &'static str {
    let waits = || changed.iter().flat_map(|room| &room.waits).filter(|folded| folded.wait.opened < *place);
    let theirs = waits().filter(|folded| ended.contains(&folded.wait.id));
    let last = theirs
        .min_by_key(|folded| folded.wait.outcome.is_some())
        .or_else(|| waits().max_by(|one, other| one.wait.opened.cmp(&other.wait.opened)));
    match last.and_then(|folded| folded.wait.outcome.as_ref()).map(|outcome| &outcome.how) {
        None => words::CANCEL_UNDONE,
        Some(Ending::Cancelled { .. }) => words::CANCELLED_TWICE,
        Some(_) => words::UNDONE_AND_ENDED,
    }
}

fn record(command: &Command, plan: &Plan, now: Timestamp) -> StoredCommand {
    StoredCommand {
        id: command.id.clone(),
        room: command.room.clone(),
        kind: command.kind.name().to_owned(),
        at: command.at,
        by: command.by.clone(),
        via: command.via.as_str().to_owned(),
        arguments: serde_json::to_value(&command.kind).unwrap_or_default(),
        decision: plan.decided.as_str().to_owned(),
        message: plan.message.clone(),
        decided_at: now,
    }
}
