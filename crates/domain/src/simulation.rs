//! What ladders would send for waits that were: the same decisions as in earnest (`ladder::due`, `ladder::next_due`,
//! [`lists`]), with time that jumps from one to the next. Nothing is sent, and nothing is read.
//!
//! As if every card went out at the moment at which it is due and nobody pressed a button: what people put off or see to
//! (我来处理, 稍后提醒) is not known beforehand. A room counts as it is given, with one owner and one stage throughout a wait.

use std::collections::BTreeSet;
use std::ops::Range;

use chrono::{NaiveDate, TimeDelta};

use crate::Timestamp;
use crate::calendar::TimeOfDay;
use crate::ladder::{Baseline, Passed, RungId, SkipReason, WaitView, due, next_due};
use crate::lists;
use crate::rules::{Deadlines, Recipient, RoomView, Rules};
use crate::wait::{Wait, WaitKind};

/// A wait that was.
#[derive(Debug, Clone, Copy)]
pub struct Waited<'a> {
    /// What stands for its room.
    pub room: usize,
    /// The room as it was.
    pub view: RoomView<'a>,
    /// What was waited for.
    pub kind: WaitKind,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When what was promised was due, where that was said.
    pub due: Option<Timestamp>,
    /// When it ended; `None`: it never did.
    pub ended_at: Option<Timestamp>,
}

impl<'a> Waited<'a> {
    /// A wait in a room of this name, whose owner and stage are these while it is open.
    pub fn of(wait: &'a Wait, room: usize, now: RoomView<'a>) -> Self {
        let view = match &wait.outcome {
            Some(outcome) => RoomView { stage: outcome.stage, owner: outcome.owner.as_ref(), ..now },
            None => now,
        };
        let ended_at = wait.outcome.as_ref().map(|outcome| outcome.at);
        Self { room, view, kind: wait.kind, opened_at: wait.opened.at, due: wait.due(), ended_at }
    }

    /// Imported or not: it is asked what would have been sent.
    fn climbs(&self) -> WaitView {
        let baseline = Some(Baseline { at: self.opened_at, reason: SkipReason::Import });
        WaitView { opened_at: self.opened_at, baseline, closed: false, due: self.due }
    }
}

/// A card that would have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Card<'a> {
    /// When.
    pub at: Timestamp,
    /// To whom.
    pub to: Recipient<'a>,
    /// What it is.
    pub what: What,
}

/// What a card is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A step of a wait.
    Step(RungId),
    /// Everybody is asked for an owner.
    OwnerWanted,
    /// A list of its ladder's.
    List,
    /// The list of a working morning.
    Morning,
}

/// The cards of a period, in order; `morning`: when everybody gets the list of those who wait after their last card.
pub fn simulate<'a>(
    rules: &'a Rules,
    waits: &[Waited<'a>],
    period: &Range<Timestamp>,
    morning: Option<TimeOfDay>,
) -> Vec<Card<'a>> {
    let mut run = Run { rules, period, cards: Vec::new(), lists: BTreeSet::new(), asked: BTreeSet::new() };
    let mut waits: Vec<&Waited<'a>> = waits.iter().collect();
    // Whoever asks first is the one for whom everybody is asked.
    waits.sort_by_key(|wait| wait.opened_at);
    for wait in waits {
        run.climb(wait);
        run.list(wait, morning);
    }
    let Run { mut cards, lists, .. } = run;
    cards.extend(lists.into_iter().map(|(at, to, what)| Card { at, to, what }));
    cards.sort_unstable();
    cards
}

struct Run<'r, 'a> {
    rules: &'a Rules,
    period: &'r Range<Timestamp>,
    cards: Vec<Card<'a>>,
    /// One for each time, recipient and kind, however many stand on it.
    lists: BTreeSet<(Timestamp, Recipient<'a>, What)>,
    /// For which rooms an owner was asked for on which days.
    asked: BTreeSet<(usize, NaiveDate)>,
}

impl<'a> Run<'_, 'a> {
    fn until(&self, wait: &Waited<'_>) -> Timestamp {
        wait.ended_at.map_or(self.period.end, |ended| ended.min(self.period.end))
    }

    fn deadlines(&self, wait: &Waited<'_>) -> Deadlines<'a> {
        self.rules.deadlines(wait.kind, wait.view)
    }

    fn climb(&mut self, wait: &Waited<'a>) {
        let (deadlines, view, until) = (self.deadlines(wait), wait.climbs(), self.until(wait));
        let mut dealt_with = BTreeSet::new();
        while let Some(at) = next_due(deadlines, view, &dealt_with).filter(|at| *at < until) {
            let Passed { due, skipped } = due(deadlines, view, &dealt_with, at);
            let (passed, skipped) = (due.as_ref().map(|due| due.rung), skipped.map(|it| it.step.rung));
            if passed.is_none() && skipped.is_none() {
                return;
            }
            dealt_with.extend(passed.into_iter().chain(skipped));
            let Some(due) = due.filter(|_| self.period.contains(&at)) else { continue };
            let to = self.rules.recipients(due.audience, wait.view.owner);
            let what = What::Step(due.rung);
            self.cards.extend(to.iter().map(|to| Card { at, to: *to, what }));
            let is_asked_by_it = to.contains(&Recipient::Public);
            let asks = wait.view.owner.is_none() && (is_asked_by_it || wait.kind != WaitKind::Soft);
            if asks && self.asked.insert((wait.room, self.rules.day_of(at))) && !is_asked_by_it {
                self.cards.push(Card { at, to: Recipient::Public, what: What::OwnerWanted });
            }
        }
    }

    fn list(&mut self, wait: &Waited<'a>, morning: Option<TimeOfDay>) {
        let (deadlines, view, until) = (self.deadlines(wait), wait.climbs(), self.until(wait));
        let last = lists::last_due(deadlines, &view).unwrap_or(wait.opened_at);
        let from = last.max(self.period.start);
        for at in lists::times(deadlines, self.rules.time_zone, from..until) {
            if let Some(list) = lists::list_at(deadlines, &view, self.rules.time_zone, at) {
                let to = self.rules.recipients(&list.audience, wait.view.owner);
                self.lists.extend(to.into_iter().map(|to| (at, to, What::List)));
            }
        }
        if wait.kind == WaitKind::Soft {
            return;
        }
        let Some(morning) = morning else { return };
        let mut day = self.rules.day_of(from);
        while day <= self.rules.day_of(until) {
            let at = morning.on(day, self.rules.time_zone);
            let at = at.filter(|at| lists::morning(self.rules, morning, *at).is_some());
            if let Some(at) = at.filter(|at| (from..until).contains(at)) {
                self.lists.insert((at, Recipient::Public, What::Morning));
            }
            day += TimeDelta::days(1);
        }
    }
}
