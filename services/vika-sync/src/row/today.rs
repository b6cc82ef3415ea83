//! A row of 今日群聊.

use chrono::{DurationRound as _, NaiveDate, TimeDelta};
use domain::figures::{Figures, Sample, figures, minutes};
use domain::ladder::{RungId, WaitView, current_level, steps};
use domain::marks::NOT_TIMED;
use domain::priority::{self, Situation, priority};
use domain::rules::Deadlines;
use domain::wait::{Wait, WaitKind};
use domain::{Timestamp, wording};
use vika::Cell;
use vika::tables::Today;

use super::capture::capture_state;
use super::day::{OLDEST_FIGURES, today_is};
use super::excluded::excluded;
use super::refresh::{Refresh, next_step};
use super::{Desired, Facts, short_topic};
use crate::wording as words;

/// Digits of 平均回复时间（分钟）, as its column is created with.
const MEAN_DIGITS: u8 = 1;

/// The row, once anything has happened in the room. It is created on a day on which something did.
pub fn today(facts: &Facts<'_>) -> Option<Desired<Today>> {
    use Refresh::{Along, Steady};
    let day = facts.day()?;
    if facts.room.excluded {
        return Some(excluded(facts));
    }
    let today = today_is(facts.rules.time_zone, facts.now);
    let room = facts.room;
    let state = &room.state;
    let text = |text: String| Cell::Text(text);
    // Whoever looks for cards that do not come finds out why.
    let info = if facts.message.is_empty() && !facts.live { words::REHEARSAL } else { facts.message };
    let mut cells = vec![
        (Today::RoomId, text(room.room.to_string()), Steady),
        (Today::Date, Cell::Time(facts.rules.day_begins(day)), Steady),
        (Today::Owner, Cell::text(state.owner.as_ref().map_or("", |owner| owner.as_str())), Steady),
        (Today::Topic, text(short_topic(room)), Steady),
        (Today::FullTopic, text(room.topic.clone()), Steady),
        (Today::Stage, text(state.stage.to_string()), Steady),
        (Today::Verdict, text(verdict(facts)), Steady),
        (Today::CaptureState, text(capture_state(facts, day)), Steady),
        (Today::SystemInfo, Cell::text(info), Steady),
        (Today::UpdatedAt, Cell::Time(facts.now), Along),
    ];
    cells.extend(conversation(facts));
    cells.extend(waiting(facts));
    cells.extend(counts(facts, day));
    let due_at = state.gravest().and_then(|open| {
        let priority = priority::next_change(state, facts.rules, facts.now);
        next_change(facts, open).into_iter().chain(priority).min()
    });
    Some(Desired { cells, initial: Vec::new(), create: day == today, due_at })
}

/// 判定原因.
fn verdict(facts: &Facts<'_>) -> String {
    let state = &facts.room.state;
    if state.marks.not_timed {
        return words::NOT_TIMED.to_owned();
    }
    wording::reason(state, facts.waits.iter().map(|stored| &stored.wait))
}

type Cells = Vec<(Today, Cell, Refresh)>;

fn conversation(facts: &Facts<'_>) -> Cells {
    let lines = &facts.room.last_lines;
    let speaker = facts.room.state.last_speaker.as_ref();
    let three: Vec<String> = lines.iter().map(|line| words::line(&line.name, &line.text)).collect();
    let cells = [
        (Today::LastSpeaker, speaker.map(|s| words::speaker(s.role, &s.name)).unwrap_or_default()),
        (Today::LastReplyRole, speaker.map(|s| wording::role(s.role).to_owned()).unwrap_or_default()),
        (Today::LastLine, lines.last().map(|line| line.text.clone()).unwrap_or_default()),
        (Today::LastThreeLines, three.join("\n")),
    ];
    cells.into_iter().map(|(column, text)| (column, Cell::Text(text), Refresh::Steady)).collect()
}

/// The gravest open wait, or else the one that ended last.
fn last_wait<'a>(facts: &Facts<'a>) -> Option<&'a Wait> {
    facts.room.state.gravest().or_else(|| facts.waits.last().map(|stored| &stored.wait))
}

fn waiting(facts: &Facts<'_>) -> Cells {
    let open = facts.room.state.gravest();
    let last = last_wait(facts);
    let unverified = last.is_some_and(|wait| facts.unseen.affects(wait, facts.now));
    let not_timed = facts.room.state.marks.not_timed;
    let state = if not_timed { NOT_TIMED } else { wording::wait_state(last, unverified) };
    let level = open.and_then(|open| {
        let Deadlines { ladder, .. } = deadlines(facts, open);
        let (rung, severity) = current_level(ladder, elapsed(facts, open))?;
        Some(words::level(wording::severity(severity), &wording::duration(seconds(rung.0))))
    });
    // Nobody is late to reply to a word of assent, nor to what was answered by a promise.
    let counted = open.filter(|open| open.kind == WaitKind::Request);
    let minutes = counted.map_or(0, |open| whole_minutes(elapsed(facts, open)));
    let lines = facts.room.customer_lines();
    let situation = Situation::of(&facts.room.state, &lines, facts.rules, facts.now);
    // Who waits for nothing goes before nobody.
    let first = open.map(|_| priority(&facts.rules.priority, &situation)).unwrap_or_default();
    vec![
        (Today::Priority, Cell::count(first.points), Refresh::Steady),
        (Today::PriorityReason, Cell::Text(first.reasons()), Refresh::Steady),
        (Today::WaitState, Cell::text(state), Refresh::Steady),
        (Today::Level, Cell::Text(level.unwrap_or_default()), Refresh::Steady),
        (Today::WaitingSince, open.map_or(Cell::Empty, |open| Cell::Time(open.opened.at)), Refresh::Steady),
        (Today::UnansweredMinutes, number(minutes), Refresh::Minutes),
    ]
}

fn counts(facts: &Facts<'_>, day: NaiveDate) -> Cells {
    if day < today_is(facts.rules.time_zone, facts.now - OLDEST_FIGURES) {
        return Vec::new();
    }
    let messages = facts.room.state.day.on(day);
    let figures = figures_of(facts, day);
    let mean = figures.mean.map_or(Cell::Empty, |mean| Cell::rounded(minutes(mean), MEAN_DIGITS));
    let count = Cell::count;
    [
        (Today::SlowReplies, number(u64::try_from(figures.over_two_minutes).unwrap_or(u64::MAX))),
        (Today::MeanReplyMinutes, mean),
        (Today::Replies, count(messages.total())),
        (Today::OwnerReplies, count(messages.owner)),
        (Today::PreSalesReplies, count(messages.pre_sales)),
        (Today::AfterSalesReplies, count(messages.after_sales)),
        (Today::OtherStaffReplies, count(messages.other_staff)),
        (Today::CustomerMessages, count(messages.customer)),
    ]
    .map(|(column, cell)| (column, cell, Refresh::Steady))
    .to_vec()
}

/// Figures of the waits that ended on the day.
fn figures_of(facts: &Facts<'_>, day: NaiveDate) -> Figures {
    let ended = facts.waits.iter().map(|stored| &stored.wait).filter(|wait| {
        wait.outcome.as_ref().is_some_and(|outcome| today_is(facts.rules.time_zone, outcome.at) == day)
    });
    let samples = ended.map(|wait| Sample {
        wait,
        in_gap: facts.unseen.affects(wait, facts.now),
        calendar: facts.rules.calendar(wait.stage_counted(facts.room.state.stage)),
    });
    figures(samples, &[], facts.now)
}

/// When the level of an open wait changes next, or its minutes are to be written.
fn next_change(facts: &Facts<'_>, open: &Wait) -> Option<Timestamp> {
    let (deadlines, view) = (deadlines(facts, open), WaitView::from(open));
    let elapsed = elapsed(facts, open);
    let step = next_step(whole_minutes(elapsed)).checked_mul(60).filter(|_| open.kind == WaitKind::Request);
    let passed = u64::try_from(elapsed.num_seconds()).ok()?;
    let level = steps(deadlines.ladder).map(|step| step.rung.0).find(|rung| *rung > passed);
    let at = |passed| deadlines.of(&view, RungId(passed));
    level.map(at).into_iter().chain(step.map(|step| on_the_minute(at(step)))).min()
}

/// The next full minute of the clock. All rows have their minutes written then, so that they share calls.
fn on_the_minute(at: Timestamp) -> Timestamp {
    at.duration_round_up(TimeDelta::minutes(1)).unwrap_or(at)
}

fn deadlines<'a>(facts: &Facts<'a>, open: &Wait) -> Deadlines<'a> {
    facts.rules.deadlines(open.kind, facts.room.view())
}

/// Working time that counts for the level of a wait.
fn elapsed(facts: &Facts<'_>, open: &Wait) -> TimeDelta {
    deadlines(facts, open).elapsed(&WaitView::from(open), facts.now)
}

fn seconds(seconds: u64) -> TimeDelta {
    i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).unwrap_or(TimeDelta::MAX)
}

fn whole_minutes(time: TimeDelta) -> u64 {
    u64::try_from(time.num_minutes()).unwrap_or_default()
}

fn number(count: u64) -> Cell {
    Cell::count(u32::try_from(count).unwrap_or(u32::MAX))
}
