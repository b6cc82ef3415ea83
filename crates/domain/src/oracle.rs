//! For tests: the fold's question answered the slow way. No state is carried along, every fact about an entry is found
//! by looking back and forth from it over the whole timeline. Written from the definitions of the design, not from the fold.

#![expect(clippy::unwrap_used, reason = "for tests: an entry that is asked about as a message is one")]

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::closing::{Before, Class, Invitations, Manner, Verdict, judge};
use crate::id::{EntryId, PersonKey, StaffName, WaitId};
use crate::marks::Marking;
use crate::message::MessageKind;
use crate::nature::Nature;
use crate::role::{Role, role_of};
use crate::rules::{AnsweredBy, Rules, Stage, Team};
use crate::timeline::{About, Body, CancelKind, Entry, Message, Position};
use crate::wait::{Ending, Outcome, Wait, WaitKind};

/// A room as the definitions describe it.
pub struct Oracle<'a> {
    rules: &'a Rules,
    entries: Vec<Entry>,
    recalls: HashMap<EntryId, Position>,
    /// What was found out of entries before. The definitions lean on each other: without it nobody could wait for an end.
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    kinds: HashMap<usize, Option<WaitKind>>,
    turns: HashMap<usize, Vec<usize>>,
    closes: HashMap<usize, bool>,
    promises: HashMap<usize, Vec<usize>>,
}

impl<'a> Oracle<'a> {
    /// From everything that ever arrived, in any order and with duplicates.
    pub fn new(arrived: &[Entry], rules: &'a Rules) -> Self {
        let mut kept: HashMap<EntryId, Entry> = HashMap::new();
        for entry in arrived {
            let better = kept.get(entry.id()).is_none_or(|held| entry.position.seq < held.position.seq);
            if better {
                kept.insert(entry.id().clone(), entry.clone());
            }
        }
        let places: HashMap<EntryId, Position> =
            kept.iter().map(|(id, entry)| (id.clone(), entry.position.clone())).collect();
        let mut entries: Vec<Entry> = kept.into_values().collect();
        let undone: Vec<_> = entries
            .iter()
            .filter_map(|entry| match &entry.body {
                Body::CancelUndone { target } => Some(target.clone()),
                _ => None,
            })
            .collect();
        entries.retain(|entry| !matches!(&entry.body, Body::Cancel(c) if undone.contains(&c.command)));
        for entry in &mut entries {
            if let (Some(_), Some(seen_up_to)) = (&entry.position.after, places.get(&entry.position.entry)) {
                entry.position.move_to(seen_up_to);
            }
        }
        entries.sort_by(|one, other| one.position.cmp(&other.position));
        let mut recalls = HashMap::new();
        for entry in &entries {
            if let Body::Recall { target } = &entry.body {
                recalls.entry(EntryId::from(target)).or_insert_with(|| entry.position.clone());
            }
        }
        Self { rules, entries, recalls, known: RefCell::default() }
    }

    /// The live waits, in order of opening.
    pub fn waits(&self) -> Vec<Wait> {
        (0..self.entries.len())
            .filter_map(|i| self.turn(i).or_else(|| self.withdrawn_wait(i)).or_else(|| self.promise(i)))
            .collect()
    }

    fn message(&self, i: usize) -> Option<&Message> {
        match &self.entries[i].body {
            Body::Message(message) if message.kind != MessageKind::System => Some(message),
            _ => None,
        }
    }

    fn recall(&self, i: usize) -> Option<&Position> {
        self.recalls.get(self.entries[i].id())
    }

    /// Robots, automatic replies, and what staff say to everybody without asking.
    fn counts_for_nothing(&self, i: usize) -> bool {
        self.message(i).is_some_and(|m| {
            let staff = role_of(self.rules, &m.sender).0.is_staff();
            match m.nature {
                Nature::Ordinary | Nature::Pat => false,
                Nature::AutoReply => staff || !m.features.question,
                Nature::ToEverybody => staff && !m.features.question,
            }
        })
    }

    fn customer(&self, i: usize) -> bool {
        !self.counts_for_nothing(i)
            && self.message(i).is_some_and(|m| role_of(self.rules, &m.sender).0 == Role::Customer)
    }

    fn staff(&self, i: usize) -> bool {
        self.recall(i).is_none()
            && !self.counts_for_nothing(i)
            && self.message(i).is_some_and(|m| role_of(self.rules, &m.sender).0.is_staff())
    }

    /// A customer message that stands.
    fn said_by_customer(&self, i: usize) -> bool {
        self.customer(i) && self.recall(i).is_none()
    }

    /// A question of staff stands until a customer says something, or something else than that they will see to it.
    fn question_before(&self, i: usize) -> bool {
        self.standing_words(i).any(|m| m.features.question)
    }

    /// What staff said since a customer last took their turn.
    fn standing_words(&self, i: usize) -> impl Iterator<Item = &Message> {
        let turn = (0..i).rev().find(|j| self.said_by_customer(*j) && !self.leaves_question(*j));
        let since = turn.map_or(0, |turn| turn + 1);
        (since..i).filter(|j| self.speaks_to_customers(*j)).filter_map(|j| self.message(j))
    }

    /// Said while nobody waits, and no more than that the customer sees to it, or said to other customers.
    fn leaves_question(&self, i: usize) -> bool {
        let own_move = self
            .message(i)
            .is_some_and(|m| matches!(&m.features.class, Class::Closing { manner: Manner::OwnMove, .. }));
        (own_move || self.is_among_customers(i)) && self.quiet(i)
    }

    /// Whether somebody who is mentioned or quoted in an entry is a customer, or one of us; `None`: nobody knows.
    fn is_customer(&self, i: usize, key: &PersonKey) -> Option<bool> {
        if self.turns(i).iter().any(|k| self.sender(*k) == key) {
            return Some(true);
        }
        let on_roster = self.rules.roster.iter().any(|entry| entry.contacts.contains(key));
        if on_roster || self.rules.bots.contains(key) {
            return Some(false);
        }
        let spoke = |j: &usize| (self.staff(*j) || self.said_by_customer(*j)) && self.sender(*j) == key;
        (0..i).rev().find(spoke).map(|j| self.said_by_customer(j))
    }

    /// Whom an entry quotes, if that is a customer.
    fn quotes(&self, i: usize) -> Option<PersonKey> {
        let quote = self.message(i)?.quote.as_ref()?;
        let opening = self.turns(i).into_iter().find(|k| {
            let opening = &self.message(*k).unwrap().key;
            opening.source == self.message(i).unwrap().key.source && quote.id.as_ref() == Some(&opening.id)
        });
        if let Some(opening) = opening {
            return Some(self.sender(opening).clone());
        }
        // By the name that everybody bore when they spoke last.
        let speakers = (0..i).filter(|j| self.staff(*j) || self.said_by_customer(*j));
        let names: HashMap<&PersonKey, &str> =
            speakers.map(|j| (self.sender(j), self.message(j).unwrap().sender.name.as_str())).collect();
        let roster = self.rules.roster.iter();
        let off_roster = |key: &PersonKey| !roster.clone().any(|entry| entry.contacts.contains(key));
        let bearers: Vec<&PersonKey> = names
            .into_iter()
            .filter(|(key, name)| *name == quote.who && off_roster(key))
            .map(|(key, _)| key)
            .collect();
        let is_staff = self.rules.roster.iter().any(|entry| entry.name.0 == quote.who);
        match &*bearers {
            [only] if !is_staff && self.is_customer(i, only) == Some(true) => Some((*only).clone()),
            _ => None,
        }
    }

    /// The customers whom an entry mentions or quotes.
    fn customers_addressed(&self, i: usize) -> HashSet<PersonKey> {
        let Some(message) = self.message(i) else { return HashSet::new() };
        if message.nature == Nature::ToEverybody {
            return HashSet::new();
        }
        let mentioned = message.mentions.iter().filter(|key| self.is_customer(i, key) == Some(true)).cloned();
        mentioned.chain(self.quotes(i)).collect()
    }

    /// Words of staff that are not for colleagues alone.
    fn speaks_to_customers(&self, i: usize) -> bool {
        let to_colleagues = || {
            let message = self.message(i).unwrap();
            let ours = message.mentions.iter().all(|key| self.is_customer(i, key) == Some(false));
            message.nature != Nature::ToEverybody
                && !message.mentions.is_empty()
                && ours
                && self.customers_addressed(i).is_empty()
        };
        self.staff(i) && !to_colleagues()
    }

    /// Words of a customer that mention other customers alone.
    fn is_among_customers(&self, i: usize) -> bool {
        self.customer(i)
            && self.message(i).is_some_and(|m| {
                let among = m.mentions.iter().all(|key| self.is_customer(i, key) == Some(true));
                m.nature != Nature::ToEverybody && !m.mentions.is_empty() && among
            })
    }

    fn sender(&self, i: usize) -> &PersonKey {
        &self.message(i).unwrap().sender.key
    }

    /// What staff invited to in the messages between which no customer spoke, the last such ones.
    fn invites_before(&self, i: usize) -> Invitations {
        let speakers = || (0..i).rev().filter(|j| self.speaks_to_customers(*j) || self.said_by_customer(*j));
        let last = speakers().skip_while(|j| self.customer(*j)).take_while(|j| self.staff(*j));
        let mut invites = Invitations::default();
        last.filter_map(|j| self.message(j)).for_each(|m| invites |= m.features.invites);
        invites
    }

    fn before(&self, i: usize) -> Before {
        Before {
            question: self.question_before(i),
            alternatives: self.standing_words(i).any(|m| m.features.alternatives),
            invites: self.invites_before(i),
        }
    }

    /// A customer message that opens a wait if nobody waits.
    fn asks(&self, i: usize) -> bool {
        self.kind(i).is_some()
    }

    /// Which wait a customer message opens if nobody waits.
    fn kind(&self, i: usize) -> Option<WaitKind> {
        let message = self.message(i).filter(|_| self.customer(i))?;
        let known = self.known.borrow().kinds.get(&i).copied();
        known.unwrap_or_else(|| {
            let among = self.is_among_customers(i);
            let judged = || judge(&message.features, message.kind, self.before(i)).wait();
            let kind = if among || self.not_timed(i) { None } else { judged() };
            self.known.borrow_mut().kinds.insert(i, kind);
            kind
        })
    }

    /// More than a word of assent, and not taken back.
    fn stands_as_request(&self, i: usize) -> bool {
        self.recall(i).is_none() && self.kind(i) == Some(WaitKind::Request)
    }

    /// Whether it ends something that may be open.
    fn closes(&self, i: usize) -> bool {
        let known = self.known.borrow().closes.get(&i).copied();
        known.unwrap_or_else(|| {
            let closes = match &self.entries[i].body {
                Body::Cancel(_) => true,
                Body::AccountLeft(_) => !self.observed(i + 1),
                Body::Marked(_) => self.not_timed(i + 1) && !self.not_timed(i),
                _ => self.speaks_to_customers(i) && self.counts_as_reply(i),
            };
            self.known.borrow_mut().closes.insert(i, closes);
            closes
        })
    }

    /// Whether it ends what a customer asked at `k`.
    fn ends_turn(&self, k: usize, i: usize) -> bool {
        let becomes_request = self.kind(k) == Some(WaitKind::Soft) && self.stands_as_request(i);
        becomes_request || self.closes(i) && self.is_for(i, k)
    }

    /// Whether a reply, or the end of something, is for the customer who asked at `k`.
    fn is_for(&self, i: usize, k: usize) -> bool {
        match &self.entries[i].body {
            Body::Cancel(cancel) => {
                cancel.about.as_ref().is_none_or(|about| *about == About::Turn(self.sender(k).clone()))
            }
            Body::AccountLeft(_) | Body::Marked(_) => true,
            _ => {
                let to = self.customers_addressed(i);
                to.is_empty() || to.contains(self.sender(k))
            }
        }
    }

    /// Whether the room has no clock after the first `count` entries.
    fn not_timed(&self, count: usize) -> bool {
        let marks = self.entries[..count].iter().rev().find_map(|entry| match &entry.body {
            Body::Marked(marking) => Some(&marking.marks),
            _ => None,
        });
        marks.is_some_and(|marks| marks.not_timed)
    }

    /// Whether one of our accounts is in the room after the first `count` entries: of what is known of it last, it
    /// captured something rather than left.
    fn observed(&self, count: usize) -> bool {
        let mut inside = HashMap::new();
        for entry in &self.entries[..count] {
            match &entry.body {
                Body::Message(m) if !m.history && m.kind != MessageKind::System => {
                    inside.insert(m.key.account.as_str(), true);
                }
                Body::Facts(facts) => {
                    inside.extend(facts.account.as_deref().map(|account| (account, true)));
                }
                Body::AccountLeft(departure) => drop(inside.insert(departure.account.as_str(), false)),
                _ => {}
            }
        }
        inside.into_values().any(|inside| inside)
    }

    /// A reply that says no more than that an answer will follow.
    fn holds(&self, i: usize) -> bool {
        self.speaks_to_customers(i)
            && self.counts_as_reply(i)
            && self.message(i).is_some_and(|m| m.features.holding.is_some())
    }

    /// A reply of nothing but stickers, or of nothing at all.
    fn says_nothing(&self, i: usize) -> bool {
        self.staff(i)
            && self
                .message(i)
                .is_some_and(|m| matches!(m.features.class, Class::LoneSticker { .. } | Class::Empty))
    }

    /// Whether it ends what was promised at `p` to the customer who had asked at `k`: whatever ends a wait of theirs, but for
    /// another holding reply, and one that says nothing.
    fn ends_promise(&self, p: usize, k: usize, i: usize) -> bool {
        let promise = || WaitId::from(&self.message(p).unwrap().key);
        match &self.entries[i].body {
            Body::Cancel(cancel) => {
                cancel.about.as_ref().is_none_or(|about| *about == About::Promise(promise()))
            }
            _ => self.closes(i) && self.is_for(i, k) && !self.holds(i) && !self.says_nothing(i),
        }
    }

    /// What was asked that a holding reply promises to answer: all that it ends, but of those to whom an answer is promised.
    fn promised(&self, p: usize) -> Vec<usize> {
        if !self.holds(p) {
            return Vec::new();
        }
        if let Some(known) = self.known.borrow().promises.get(&p) {
            return known.clone();
        }
        let is_owed = |customer: &PersonKey| {
            (0..p).any(|q| {
                let to = self.promised(q).into_iter().filter(|k| self.sender(*k) == customer);
                to.into_iter().any(|k| !(q + 1..p).any(|i| self.ends_promise(q, k, i)))
            })
        };
        let turns = self.turns(p).into_iter();
        let found: Vec<usize> = turns.filter(|k| self.is_for(p, *k) && !is_owed(self.sender(*k))).collect();
        self.known.borrow_mut().promises.insert(p, found.clone());
        found
    }

    /// A promise: a holding reply to somebody who waits. It lasts until everybody to whom it was made has an answer, and is
    /// told by whoever of them asked first and had none before its end.
    fn promise(&self, i: usize) -> Option<Wait> {
        let asked = self.promised(i);
        let ends = asked.iter().map(|k| (i + 1..self.entries.len()).find(|j| self.ends_promise(i, *k, *j)));
        let ends: Vec<Option<usize>> = ends.collect();
        let end =
            ends.iter().copied().reduce(|one, other| one.zip(other).map(|(one, other)| one.max(other)))?;
        let last = ends.iter().position(|theirs| *theirs == end)?;
        let asked = &self.message(asked[last])?.sender;
        let message = self.message(i)?;
        let opened = self.entries[i].position.clone();
        let (_, name) = role_of(self.rules, &message.sender);
        let holding = message.features.holding.as_ref()?;
        let last_said = (0..i).rev().find(|j| self.said_by_customer(*j))?;
        let (owner, stage) = self.assignment(i + 1);
        let mut wait = Wait {
            id: WaitId::from(&message.key),
            customer: asked.key.clone(),
            customer_name: asked.name.clone(),
            kind: WaitKind::Promise,
            verdict: Verdict::Promised {
                phrase: holding.phrase.clone(),
                by: name.map_or_else(|| message.sender.name.clone(), |name| name.0),
                due: holding.due.and_then(|due| due.moment(opened.at, self.rules.time_zone)),
            },
            owner,
            stage,
            messages: 0,
            last_customer_at: self.entries[last_said].position.at,
            alarm_since: (!message.history).then_some(opened.at),
            outcome: None,
            opened,
        };
        self.count(&mut wait, i, end);
        wait.outcome = end.map(|j| self.outcome(&wait, j));
        Some(wait)
    }

    fn counts_as_reply(&self, i: usize) -> bool {
        let (role, name) = role_of(self.rules, &self.message(i).unwrap().sender);
        let (owner, stage) = self.assignment(i + 1);
        match self.rules.answered_by {
            AnsweredBy::AnyStaff => true,
            AnsweredBy::StageTeam => match stage {
                Stage::PreSales => role == Role::PreSales,
                Stage::AfterSales => role == Role::AfterSales,
            },
            AnsweredBy::Owner => owner.is_none() || owner == name,
        }
    }

    /// Owner and stage after the first `count` entries.
    fn assignment(&self, count: usize) -> (Option<StaffName>, Stage) {
        let past = &self.entries[..count];
        let manual = past.iter().rev().find_map(|entry| match &entry.body {
            Body::Assigned { owner, stage } => Some((owner.clone(), *stage)),
            _ => None,
        });
        if let Some(manual) = manual {
            return manual;
        }
        let facts: Vec<_> = past
            .iter()
            .rev()
            .filter_map(|entry| if let Body::Facts(facts) = &entry.body { Some(facts) } else { None })
            .collect();
        let on_roster = |key: &_| self.rules.roster.iter().find(|entry| entry.contacts.contains(key));
        let members = facts.iter().map(|f| &f.members).find(|members| !members.is_empty());
        let member = |team: Team| members?.iter().filter_map(on_roster).find(|entry| entry.team == team);
        let speaker = (0..count).filter(|i| self.staff(*i)).find_map(|i| {
            let name = role_of(self.rules, &self.message(i).unwrap().sender).1?;
            self.rules.roster.iter().find(|entry| entry.name == name)
        });
        let owner = facts
            .iter()
            .find_map(|f| f.inviter.as_ref())
            .and_then(on_roster)
            .or_else(|| facts.iter().find_map(|f| f.owner.as_ref()).and_then(on_roster))
            .or_else(|| member(Team::PreSales))
            .or_else(|| member(Team::AfterSales))
            .or(speaker);
        let stage = match owner.map(|entry| entry.team) {
            Some(Team::AfterSales) => Stage::AfterSales,
            _ => Stage::PreSales,
        };
        (owner.map(|entry| entry.name.clone()), stage)
    }

    /// Whether no customer waits for a reply just before an entry.
    fn quiet(&self, i: usize) -> bool {
        self.turns(i).is_empty()
    }

    /// Where the customers asked who wait for a reply just before an entry.
    fn turns(&self, i: usize) -> Vec<usize> {
        if let Some(known) = self.known.borrow().turns.get(&i) {
            return known.clone();
        }
        let open = |k: &usize| self.begins_turn(*k) && !(k + 1..i).any(|j| self.ends_turn(*k, j));
        let found: Vec<usize> = (0..i).filter(open).collect();
        self.known.borrow_mut().turns.insert(i, found.clone());
        found
    }

    /// A request of a customer who does not wait for another one, or a word of assent while nobody waits.
    fn begins_turn(&self, i: usize) -> bool {
        let asks =
            || self.turns(i).iter().all(|k| self.ends_turn(*k, i) || self.sender(*k) != self.sender(i));
        match self.kind(i).filter(|_| self.recall(i).is_none()) {
            Some(WaitKind::Request) => asks(),
            Some(_) => self.quiet(i),
            None => false,
        }
    }

    fn close_after(&self, i: usize) -> Option<usize> {
        (i + 1..self.entries.len()).find(|j| self.closes(*j))
    }

    fn wait(&self, i: usize) -> Wait {
        let message = self.message(i).unwrap();
        let (owner, stage) = self.assignment(i);
        let opened = self.entries[i].position.clone();
        Wait {
            id: WaitId::from(&message.key),
            customer: message.sender.key.clone(),
            customer_name: message.sender.name.clone(),
            kind: self.kind(i).unwrap(),
            verdict: judge(&message.features, message.kind, self.before(i)),
            owner,
            stage,
            messages: 1,
            last_customer_at: opened.at,
            alarm_since: (!message.history).then_some(opened.at),
            outcome: None,
            opened,
        }
    }

    fn turn(&self, i: usize) -> Option<Wait> {
        if !self.begins_turn(i) {
            return None;
        }
        let mut wait = self.wait(i);
        let close = (i + 1..self.entries.len()).find(|j| self.ends_turn(i, *j));
        self.count(&mut wait, i, close);
        wait.outcome = close.map(|j| self.outcome(&wait, j));
        Some(wait)
    }

    /// What customers said between an opening and an end.
    fn count(&self, wait: &mut Wait, i: usize, end: Option<usize>) {
        for j in (i + 1)..end.unwrap_or(self.entries.len()) {
            if self.customer(j) && self.recall(j).is_none() {
                wait.messages += 1;
                wait.last_customer_at = self.entries[j].position.at;
                if wait.alarm_since.is_none() && !self.message(j).unwrap().history {
                    wait.alarm_since = Some(self.entries[j].position.at);
                }
            }
        }
    }

    /// How a wait ends at an entry.
    fn outcome(&self, wait: &Wait, j: usize) -> Outcome {
        let (owner, stage) = self.assignment(j + 1);
        let (at, how) = match &self.entries[j].body {
            Body::Cancel(c) => {
                let (by, reason, command) = (c.by.clone(), c.reason.clone(), c.command.clone());
                let how = match c.kind {
                    CancelKind::NoReplyNeeded => Ending::Cancelled { by, reason, command },
                    CancelKind::Answered => Ending::Confirmed { by, command },
                };
                (c.at.max(wait.opened.at), how)
            }
            Body::AccountLeft(_) => (self.entries[j].position.at, Ending::Unobserved),
            Body::Marked(Marking { by, command, .. }) => {
                let (by, reason, command) = (by.clone(), "不计时".to_owned(), command.clone());
                (self.entries[j].position.at, Ending::Cancelled { by, reason, command })
            }
            _ if self.customer(j) => (self.entries[j].position.at, Ending::BecameRequest),
            _ => {
                let sender = &self.message(j).unwrap().sender;
                let (role, name) = role_of(self.rules, sender);
                let name = name.map_or_else(|| sender.name.clone(), |name| name.0);
                let (by, holding) = (sender.key.clone(), self.holds(j));
                (self.entries[j].position.at, Ending::Answered { by, name, role, holding })
            }
        };
        Outcome { at, how, owner, stage }
    }

    /// A request that was taken back before anybody closed it, unless it stood inside another such one, or another
    /// request made while it still stood carries its wait on.
    fn withdrawn_wait(&self, i: usize) -> Option<Wait> {
        let recall = self.recall(i)?;
        if !self.asks(i) || !self.quiet(i) {
            return None;
        }
        let here = &self.entries[i].position;
        let since_close = (0..i).rev().take_while(|j| !self.closes(*j));
        let covers =
            |j: usize| self.asks(j) && self.recall(j).is_some_and(|other| other > here && other >= recall);
        let until_close = i + 1..self.close_after(i).unwrap_or(self.entries.len());
        let carries_on = |j: usize| {
            self.asks(j)
                && self.entries[j].position < *recall
                && self.recall(j).is_none_or(|other| other > recall)
        };
        if since_close.into_iter().any(covers) || until_close.clone().any(carries_on) {
            return None;
        }
        let mut wait = self.wait(i);
        let before_recall = self.entries.iter().take_while(|entry| entry.position < *recall).count();
        let known = (i + 1).max(before_recall.min(until_close.end + 1));
        let (owner, stage) = self.assignment(known.min(self.entries.len()));
        let at = recall.at.max(wait.opened.at);
        wait.outcome = Some(Outcome { at, how: Ending::Withdrawn, owner, stage });
        Some(wait)
    }
}
