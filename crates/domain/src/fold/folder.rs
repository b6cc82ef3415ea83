//! The fold itself, one entry at a time. What changes with every entry is kept as a reference and copied only when a
//! state is handed out, since a room folds far more messages than it opens waits.

use super::{Checkpoint, FoldState, Folded, FoldedWait, LastSpeaker, MOST_REMEMBERED, PresenceChange};
use crate::Timestamp;
use crate::assignment::{Candidate, Origin, Ownership};
use crate::closing::holding::Holding;
use crate::closing::{Before, Class, Invitations, Verdict, judge};
use crate::id::{PersonKey, StaffName, WaitId};
use crate::marks::{FollowUpStop, Marking, NOT_TIMED};
use crate::message::MessageKind;
use crate::nature::Ignored;
use crate::presence::{Absence, PastAbsence};
use crate::role::{Role, identify};
use crate::rules::{AnsweredBy, RosterEntry, Rules, RulesHistory, Stage};
use crate::timeline::{Body, Cancel, CancelKind, Departure, Entry, Message, Position, RoomFacts};
use crate::turn::{self, Addressees, Audience, Customer};
use crate::wait::{Ending, Outcome, Wait, WaitKind};

/// A message of a customer or of staff, as the fold looks at it.
#[derive(Clone, Copy)]
struct Spoken<'e> {
    message: &'e Message,
    position: &'e Position,
    role: Role,
    staff: Option<&'e RosterEntry>,
    rules: &'e Rules,
}

impl Spoken<'_> {
    fn name(&self) -> &str {
        self.staff.map_or(&self.message.sender.name, |entry| &entry.name.0)
    }
}

/// A wait whose opening was taken back, until it is known whether another request carries it on.
struct Pending<'e> {
    wait: FoldedWait,
    recall: &'e Position,
}

/// In which state a new wait begins.
enum Beginning {
    /// Nobody waits.
    Quiet,
    /// A withdrawn wait is carried on, with its checkpoint: the state in between is not quiet.
    CarryingOn(Box<FoldedWait>),
    /// Another wait is open, or ends with its opening.
    NotQuiet,
}

pub(super) struct Folder<'e> {
    rules: &'e RulesHistory,
    /// The state but for `open`, `folded_to` and `last_speaker`, which stand below until a state is handed out.
    state: FoldState,
    /// In order of opening.
    open: Vec<FoldedWait>,
    folded_to: Option<&'e Position>,
    speaker: Option<Spoken<'e>>,
    pending: Option<Pending<'e>>,
    waits: Vec<FoldedWait>,
    presence_changes: Vec<PresenceChange>,
}

impl<'e> Folder<'e> {
    pub(super) fn new(mut state: FoldState, rules: &'e RulesHistory) -> Self {
        let continued =
            |wait| FoldedWait { wait, checkpoint: Checkpoint::AsStored, closed: None, took_over: Vec::new() };
        let open = std::mem::take(&mut state.open).into_iter().map(continued).collect();
        let (waits, presence_changes) = (Vec::new(), Vec::new());
        Self { rules, state, open, folded_to: None, speaker: None, pending: None, waits, presence_changes }
    }

    pub(super) fn step(&mut self, entry: &'e Entry) {
        let position = &entry.position;
        // At the recall itself, or at the next entry where a wrong clock put the recall before its message.
        if self.pending.as_ref().is_some_and(|pending| pending.recall <= position) {
            self.withdraw();
        }
        match &entry.body {
            Body::Message(message) => self.message(message, position),
            Body::Cancel(cancel) if !cancel.undone => self.cancel(cancel, position),
            // Recalls and undone cancels act where the entries stand that they name.
            Body::Recall { .. } | Body::Cancel(_) | Body::CancelUndone { .. } => {}
            Body::Assigned { owner, stage } => {
                self.assign(owner.clone(), *stage, position.at);
                self.state.origin = Origin::Manual;
            }
            Body::Marked(marking) => self.mark(marking, position),
            Body::Facts(facts) => {
                if let Some(account) = &facts.account {
                    self.seen_by(account, position.at);
                }
                self.learn(facts, self.rules.at(position.at));
                self.assign_by_rule(position.at);
            }
            Body::AccountLeft(departure) => self.left(departure, entry),
        }
        self.folded_to = Some(position);
        self.state.first_at.get_or_insert(position.at);
    }

    pub(super) fn finish(mut self) -> Folded {
        self.withdraw();
        self.settle();
        let mut state = self.state;
        let mut waits = self.waits;
        state.open = self.open.iter().map(|open| open.wait.clone()).collect();
        waits.extend(self.open);
        waits.sort_by(|one, other| one.wait.opened.cmp(&other.wait.opened));
        Folded { state, waits, presence_changes: self.presence_changes }
    }

    /// Copies what was kept as a reference into the state.
    fn settle(&mut self) {
        if let Some(position) = self.folded_to.take() {
            self.state.folded_to = Some(position.clone());
        }
        if let Some(spoken) = self.speaker.take() {
            self.state.last_speaker = Some(LastSpeaker {
                role: spoken.role,
                name: spoken.name().to_owned(),
                at: spoken.position.at,
            });
        }
    }

    fn message(&mut self, message: &'e Message, position: &'e Position) {
        if matches!(message.kind, MessageKind::System | MessageKind::Recalled) {
            self.state.ignored = message.ignored(Role::Customer);
            return;
        }
        self.spoken(message, position);
        // Last, so that the state before an opening does not know of the opening.
        if let Some(captured) = message.captured(position) {
            self.state.captured.place(&message.key.account, &captured);
            self.seen_by(&message.key.account, position.at);
        }
    }

    fn spoken(&mut self, message: &'e Message, position: &'e Position) {
        let rules = self.rules.at(position.at);
        let (role, staff) = identify(rules, &message.sender);
        let spoken = Spoken { message, position, role, staff, rules };
        if let Some(ignored) = message.ignored(role) {
            if message.recalled.is_none() {
                self.state.ignored = Some(ignored);
            }
            return;
        }
        match (role, &message.recalled) {
            (Role::Customer, Some(recall)) => self.taken_back(spoken, recall),
            (Role::Bot, _) | (_, Some(_)) => {}
            (Role::Customer, None) => self.customer(spoken),
            (_, None) => self.staff(spoken),
        }
    }

    /// Who is there when something is said.
    fn audience(&self, spoken: Spoken<'e>) -> Audience<'_> {
        Audience { speakers: &self.state.speakers, turns: self.turns().collect(), rules: spoken.rules }
    }

    fn judged(&self, spoken: Spoken<'e>) -> Verdict {
        // Hardly any message mentions anybody.
        if !spoken.message.mentions.is_empty() && self.audience(spoken).are_customers_only(spoken.message) {
            return Verdict::ToCustomersNothing;
        }
        let FoldState { staff_question, staff_alternatives, staff_invites, .. } = self.state;
        let before =
            Before { question: staff_question, alternatives: staff_alternatives, invites: staff_invites };
        judge(&spoken.message.features, spoken.message.kind, before)
    }

    fn customer(&mut self, spoken: Spoken<'e>) {
        let leaves_question = match self.turn() {
            None => self.judged_while_quiet(spoken),
            Some(WaitKind::Soft) => self.judged_while_soft(spoken),
            Some(_) => {
                self.judged_while_asked(spoken);
                false
            }
        };
        self.state.staff_question &= leaves_question;
        self.state.staff_alternatives &= leaves_question;
        self.state.customer_spoke = true;
        self.state.speakers.spoke(&spoken.message.sender, false);
        self.note(spoken);
    }

    /// Another customer than those who wait may ask too, and waits on their own account.
    fn judged_while_asked(&mut self, spoken: Spoken<'e>) {
        self.join(spoken);
        let customer = &spoken.message.sender.key;
        if self.turns().count() >= turn::WAITING || self.turns().any(|wait| wait.customer == *customer) {
            return;
        }
        let verdict = self.judged(spoken);
        if verdict.wait() == Some(WaitKind::Request) {
            let wait = self.begin(spoken, verdict, Beginning::NotQuiet);
            self.open.push(wait);
        }
    }

    /// Opens a wait if the message asks for one. Whether a question of staff stands open after it.
    fn judged_while_quiet(&mut self, spoken: Spoken<'e>) -> bool {
        let verdict = self.judged(spoken);
        self.join(spoken);
        if verdict.opens() && !self.state.marks.not_timed {
            let beginning = self.beginning();
            let wait = self.begin(spoken, verdict.clone(), beginning);
            self.open.push(wait);
        }
        let leaves_question = verdict.leaves_question();
        self.state.verdict = Some(verdict);
        leaves_question
    }

    /// A customer who only assented may ask for something after all: from then on the clock is the ordinary one.
    fn judged_while_soft(&mut self, spoken: Spoken<'e>) -> bool {
        let verdict = self.judged(spoken);
        let asks = verdict.wait() == Some(WaitKind::Request);
        if asks {
            let is_turn = |wait: &Wait| wait.kind.is_turn();
            self.close(is_turn, spoken.position.at, &Ending::BecameRequest, spoken.position);
        }
        self.join(spoken);
        if asks {
            let wait = self.begin(spoken, verdict.clone(), Beginning::NotQuiet);
            self.open.push(wait);
            self.state.verdict = Some(verdict);
        }
        false
    }

    /// What staff's turn is about, if it is theirs.
    fn turn(&self) -> Option<WaitKind> {
        self.turns().next().map(|wait| wait.kind)
    }

    /// The waits that it is staff's turn to end.
    fn turns(&self) -> impl Iterator<Item = &Wait> {
        self.open.iter().map(|open| &open.wait).filter(|wait| wait.kind.is_turn())
    }

    /// How a wait begins while it is not staff's turn.
    fn beginning(&mut self) -> Beginning {
        match self.pending.take() {
            Some(pending) => Beginning::CarryingOn(Box::new(pending.wait)),
            None if self.open.is_empty() => Beginning::Quiet,
            None => Beginning::NotQuiet,
        }
    }

    /// A message of a customer while waits are open.
    fn join(&mut self, spoken: Spoken<'e>) {
        for open in &mut self.open {
            open.wait.messages += 1;
            open.wait.last_customer_at = spoken.position.at;
            open.wait.alarm_since = open.wait.alarm_since.or(alarm_since(spoken));
        }
    }

    /// A customer message that was recalled: nothing, but for the wait that stood open until then.
    fn taken_back(&mut self, spoken: Spoken<'e>, recall: &'e Position) {
        let verdict = self.judged(spoken);
        // Inside a wait that lasts at least as long, it was never an opening.
        let covered = self.turn().is_some() || self.pending.as_ref().is_some_and(|p| recall <= p.recall);
        if covered || !verdict.opens() || self.state.marks.not_timed {
            return;
        }
        let beginning = self.beginning();
        let wait = self.begin(spoken, verdict, beginning);
        self.pending = Some(Pending { wait, recall });
    }

    fn staff(&mut self, spoken: Spoken<'e>) {
        if let (None, Some(entry)) = (&self.state.candidates.speaker, spoken.staff) {
            self.state.candidates.speaker = Some(Candidate::from(entry));
            self.assign_by_rule(spoken.position.at);
        }
        if let Some(entry) = spoken.staff.filter(|entry| !self.state.staff.contains(&entry.name)) {
            self.state.staff.push(entry.name.clone());
        }
        let to = self.addressees(spoken);
        self.heard(spoken);
        if to == Addressees::Colleagues {
            self.note(spoken);
            self.state.ignored = Some(Ignored::ToColleagues);
            return;
        }
        self.invite(spoken);
        self.note(spoken);
        self.state.staff_question |= spoken.message.features.question;
        self.state.staff_alternatives |= spoken.message.features.alternatives;
        if self.answers(spoken) {
            self.withdraw();
            self.answer(spoken, &to);
        }
    }

    /// Whom a message of staff answers.
    fn addressees(&self, spoken: Spoken<'e>) -> Addressees {
        let names_nobody = spoken.message.mentions.is_empty() && spoken.message.quote.is_none();
        if names_nobody { Addressees::Everybody } else { self.audience(spoken).addressees(spoken.message) }
    }

    /// Remembers a colleague whom the roster does not know by this contact.
    fn heard(&mut self, spoken: Spoken<'e>) {
        let sender = &spoken.message.sender;
        if !spoken.staff.is_some_and(|entry| entry.contacts.contains(&sender.key)) {
            self.state.speakers.spoke(sender, true);
        }
    }

    /// A reply ends the turns of those whom it is for. One that only holds promises another; any other keeps what was
    /// promised.
    fn answer(&mut self, spoken: Spoken<'e>, to: &Addressees) {
        if self.open.is_empty() {
            return;
        }
        let holding = spoken.message.features.holding.as_ref();
        let promise = holding.and_then(|holding| self.promise(spoken, holding, to));
        let answered = Ending::Answered {
            by: spoken.message.sender.key.clone(),
            name: spoken.name().to_owned(),
            role: spoken.role,
            holding: holding.is_some(),
        };
        // A sticker answers, and keeps no promise.
        let says_nothing = matches!(spoken.message.features.class, Class::LoneSticker { .. } | Class::Empty);
        let kept = if holding.is_some() || says_nothing { Vec::new() } else { self.kept(to) };
        let ends = |wait: &Wait| {
            if wait.kind.is_turn() { to.include(&wait.customer) } else { kept.contains(&wait.id) }
        };
        self.close(ends, spoken.position.at, &answered, spoken.position);
        if let Some((wait, others)) = promise {
            if !others.is_empty() {
                self.state.promised.insert(wait.wait.id.clone(), others);
            }
            self.open.push(wait);
        }
    }

    /// The promises that a reply keeps: those of which nobody is left who has nothing yet.
    fn kept(&mut self, to: &Addressees) -> Vec<WaitId> {
        let mut kept = Vec::new();
        let promises = self.open.iter_mut().map(|open| &mut open.wait);
        for wait in promises.filter(|wait| wait.kind == WaitKind::Promise) {
            let mut others = self.state.promised.remove(&wait.id).unwrap_or_default();
            others.retain(|other| !to.include(&other.key));
            if to.include(&wait.customer) {
                if others.is_empty() {
                    kept.push(wait.id.clone());
                    continue;
                }
                let next = others.remove(0);
                (wait.customer, wait.customer_name) = (next.key, next.name);
            }
            if !others.is_empty() {
                self.state.promised.insert(wait.id.clone(), others);
            }
        }
        kept
    }

    /// Whether a promise to a customer is to be kept.
    fn is_promised(&self, customer: &PersonKey) -> bool {
        let promises = self.open.iter().map(|open| &open.wait).filter(|wait| wait.kind == WaitKind::Promise);
        let others = self.state.promised.values().flatten().map(|other| &other.key);
        promises.map(|wait| &wait.customer).chain(others).any(|key| key == customer)
    }

    /// What a holding reply promises, and to whom besides the first: nothing where nobody asked, and nothing more to whom a
    /// promise is to be kept.
    fn promise(
        &self,
        spoken: Spoken<'e>,
        holding: &Holding,
        to: &Addressees,
    ) -> Option<(FoldedWait, Vec<Customer>)> {
        let is_new = |wait: &&Wait| to.include(&wait.customer) && !self.is_promised(&wait.customer);
        let mut asked = self.turns().filter(is_new);
        let Wait { customer, customer_name, last_customer_at, .. } = asked.next()?;
        let others =
            asked.map(|wait| Customer { key: wait.customer.clone(), name: wait.customer_name.clone() });
        let others = others.collect();
        let (at, zone) = (spoken.position.at, spoken.rules.time_zone);
        let wait = Wait {
            id: WaitId::from(&spoken.message.key),
            opened: spoken.position.clone(),
            customer: customer.clone(),
            customer_name: customer_name.clone(),
            kind: WaitKind::Promise,
            verdict: Verdict::Promised {
                phrase: holding.phrase.clone(),
                by: spoken.name().to_owned(),
                due: holding.due.and_then(|due| due.moment(at, zone)),
            },
            owner: self.state.owner.clone(),
            stage: self.state.stage,
            messages: 0,
            last_customer_at: *last_customer_at,
            alarm_since: alarm_since(spoken),
            outcome: None,
        };
        let promise = FoldedWait { wait, checkpoint: Checkpoint::None, closed: None, took_over: Vec::new() };
        Some((promise, others))
    }

    /// Invitations stand until staff speak again after a customer did: several customers may accept one.
    fn invite(&mut self, spoken: Spoken<'e>) {
        if std::mem::take(&mut self.state.customer_spoke) {
            self.state.staff_invites = Invitations::default();
        }
        self.state.staff_invites |= spoken.message.features.invites;
    }

    fn cancel(&mut self, cancel: &Cancel, position: &Position) {
        self.withdraw();
        if !self.open.is_empty() {
            let (by, command) = (cancel.by.clone(), cancel.command.clone());
            let ending = match cancel.kind {
                CancelKind::NoReplyNeeded => Ending::Cancelled { by, reason: cancel.reason.clone(), command },
                CancelKind::Answered => Ending::Confirmed { by, command },
            };
            let ends = |wait: &Wait| cancel.about.as_ref().is_none_or(|about| about.is(wait));
            self.close(ends, cancel.at, &ending, position);
        }
    }

    /// What the source says of who is in the room.
    fn learn(&mut self, facts: &RoomFacts, rules: &Rules) {
        self.state.candidates.learn(facts, rules);
        if !facts.members.is_empty() {
            let is_there =
                |entry: &&RosterEntry| entry.contacts.iter().any(|key| facts.members.contains(key));
            self.state.staff = rules.roster.iter().filter(is_there).map(|entry| entry.name.clone()).collect();
        }
    }

    /// Where the clock is taken from a room, nobody waits there any more; when follow-ups stop and go on is remembered.
    fn mark(&mut self, marking: &Marking, position: &Position) {
        if marking.marks.not_timed && !self.state.marks.not_timed {
            self.withdraw();
            let Marking { by, command, .. } = marking.clone();
            let ending = Ending::Cancelled { by, reason: NOT_TIMED.to_owned(), command };
            self.close(|_| true, position.at, &ending, position);
        }
        match (self.state.marks.not_followed_up, marking.marks.not_followed_up) {
            (false, true) => {
                let stop = FollowUpStop { from: position.at, until: None };
                remember(&mut self.state.follow_up_stops, stop);
            }
            (true, false) => {
                if let Some(stop) = self.state.follow_up_stops.last_mut() {
                    stop.until = Some(position.at);
                }
            }
            _ => {}
        }
        self.state.marks = marking.marks.clone();
    }

    /// An account of ours is in the room: it captured something there.
    fn seen_by(&mut self, account: &str, at: Timestamp) {
        if let Some(absence) = self.state.presence.seen(account, at) {
            remember(&mut self.state.absences, PastAbsence { from: absence.at, to: at });
            self.presence_changes.push(PresenceChange { absence, back_at: Some(at) });
        }
    }

    /// An account of ours left. The wait ends unless another one still observes the room.
    fn left(&mut self, departure: &'e Departure, entry: &'e Entry) {
        let position = &entry.position;
        let absence = Absence { entry: entry.id().clone(), at: position.at, by: departure.by.clone() };
        if self.state.presence.left(&departure.account, absence.clone()) {
            self.presence_changes.push(PresenceChange { absence, back_at: None });
        }
        if self.state.presence.unobserved().is_some() {
            self.withdraw();
            self.close(|_| true, position.at, &Ending::Unobserved, position);
        }
    }

    /// Whether a staff message counts as a reply, by the rules of its time and the owner and stage of its moment.
    fn answers(&self, spoken: Spoken<'e>) -> bool {
        match spoken.rules.answered_by {
            AnsweredBy::AnyStaff => true,
            AnsweredBy::StageTeam => spoken.role.works_in(self.state.stage),
            AnsweredBy::Owner => self.state.owner.is_none() || self.is_owner(spoken),
        }
    }

    fn is_owner(&self, spoken: Spoken<'e>) -> bool {
        spoken.staff.is_some_and(|entry| self.state.owner.as_ref() == Some(&entry.name))
    }

    fn assign_by_rule(&mut self, at: Timestamp) {
        if self.state.origin == Origin::Auto {
            let best = self.state.candidates.best();
            let stage = best.and_then(|best| best.stage).unwrap_or_default();
            self.assign(best.map(|best| best.name.clone()), stage, at);
        }
    }

    fn assign(&mut self, owner: Option<StaffName>, stage: Stage, at: Timestamp) {
        let now = &mut self.state;
        if now.owner == owner && now.stage == stage {
            return;
        }
        let held = Ownership { since: now.first_at.unwrap_or(at), owner: now.owner.take(), stage: now.stage };
        if now.ownerships.is_empty() && (held.owner.is_some() || held.stage != Stage::default()) {
            // It was folded last before owners were remembered.
            now.ownerships.push(held);
        }
        if now.stage != stage {
            now.stage_since = Some(at);
        }
        remember(&mut now.ownerships, Ownership { since: at, owner: owner.clone(), stage });
        (now.owner, now.stage) = (owner, stage);
    }

    /// Counts a message and remembers who said it.
    fn note(&mut self, spoken: Spoken<'e>) {
        let date = spoken.position.at.with_timezone(&spoken.rules.time_zone).date_naive();
        let by_owner = spoken.role.is_staff() && self.is_owner(spoken);
        self.state.day.count(date, spoken.role, by_owner);
        self.state.ignored = None;
        self.speaker = Some(spoken);
    }

    /// A new wait.
    fn begin(&mut self, spoken: Spoken<'e>, verdict: Verdict, beginning: Beginning) -> FoldedWait {
        let (checkpoint, took_over) = match beginning {
            Beginning::Quiet => {
                self.settle();
                (Checkpoint::At(Box::new(self.state.clone())), Vec::new())
            }
            Beginning::CarryingOn(mut withdrawn) => {
                withdrawn.took_over.push(withdrawn.wait.id);
                (withdrawn.checkpoint, withdrawn.took_over)
            }
            Beginning::NotQuiet => (Checkpoint::None, Vec::new()),
        };
        let wait = Wait {
            id: WaitId::from(&spoken.message.key),
            opened: spoken.position.clone(),
            customer: spoken.message.sender.key.clone(),
            customer_name: spoken.message.sender.name.clone(),
            kind: verdict.wait().unwrap_or_default(),
            verdict,
            owner: self.state.owner.clone(),
            stage: self.state.stage,
            messages: 1,
            last_customer_at: spoken.position.at,
            alarm_since: alarm_since(spoken),
            outcome: None,
        };
        FoldedWait { wait, checkpoint, closed: None, took_over }
    }

    /// Ends some of the open waits.
    fn close(&mut self, ends: impl Fn(&Wait) -> bool, at: Timestamp, how: &Ending, position: &Position) {
        let (ended, open): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.open).into_iter().partition(|open| ends(&open.wait));
        self.open = open;
        for wait in ended {
            self.record(wait, at, how.clone(), position);
        }
    }

    /// Ends the pending withdrawn wait, if there is one.
    fn withdraw(&mut self) {
        if let Some(Pending { wait, recall }) = self.pending.take() {
            self.record(wait, recall.at, Ending::Withdrawn, recall);
        }
    }

    fn record(&mut self, mut folded: FoldedWait, at: Timestamp, how: Ending, position: &Position) {
        let (owner, stage) = (self.state.owner.clone(), self.state.stage);
        let at = at.max(folded.wait.opened.at);
        folded.wait.outcome = Some(Outcome { at, how, owner, stage });
        folded.closed = Some(position.clone());
        self.state.promised.remove(&folded.wait.id);
        self.waits.push(folded);
    }
}

fn alarm_since(spoken: Spoken<'_>) -> Option<Timestamp> {
    (!spoken.message.history).then_some(spoken.position.at)
}

/// Adds what is the last of its kind, and forgets the first if there are too many.
fn remember<T>(known: &mut Vec<T>, last: T) {
    if known.len() >= MOST_REMEMBERED {
        known.remove(0);
    }
    known.push(last);
}
