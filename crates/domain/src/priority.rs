//! Who should be answered first: explicit rules of the company, each with its reason, so that everybody sees why.
//!
//! Priority orders lists and tables. It starts no clock, moves no deadline, and hides nobody.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::fold::FoldState;
use crate::rules::{Rules, Stage};
use crate::span::Span;
use crate::text::plain_phrase;
use crate::wait::WaitKind;

/// One reason for which a room goes before others. All conditions that it names must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityRule {
    /// What people read: 问到价格或合同.
    pub reason: String,
    /// How much it weighs, 1 to 100; the points of all rules that hold are added up.
    pub points: u32,
    /// Its customers have one of these grades (客户等级).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grades: Vec<String>,
    /// The room is in this stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The customer said one of these, in whatever case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
    /// Somebody has waited at least this long, in working time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited: Option<Span>,
    /// The room came into its stage at most this long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer_than: Option<Span>,
    /// The room came into its stage at least this long ago.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<Span>,
}

impl PriorityRule {
    /// The most points of one rule.
    pub const MOST_POINTS: u32 = 100;

    /// Whether it names no condition, so that it would hold for everybody.
    pub fn is_unconditional(&self) -> bool {
        let Self { grades, stage, words, waited, newer_than, older_than, .. } = self;
        grades.is_empty()
            && stage.is_none()
            && words.is_empty()
            && waited.is_none()
            && newer_than.is_none()
            && older_than.is_none()
    }

    fn holds(&self, room: &Situation<'_>) -> bool {
        let within = |span: Span, time: TimeDelta| time >= as_delta(span);
        (self.grades.is_empty() || self.grades.iter().any(|grade| room.is_graded(grade)))
            && self.stage.is_none_or(|stage| stage == room.stage)
            && (self.words.is_empty() || self.words.iter().any(|word| room.says(word)))
            && self.waited.is_none_or(|least| room.waited.is_some_and(|waited| within(least, waited)))
            && self.newer_than.is_none_or(|most| room.age <= as_delta(most))
            && self.older_than.is_none_or(|least| within(least, room.age))
    }
}

fn as_delta(span: Span) -> TimeDelta {
    TimeDelta::from_std(span.as_duration()).unwrap_or(TimeDelta::MAX)
}

/// The rules of whoever names none.
pub fn shipped_priority() -> Vec<PriorityRule> {
    const MINUTES: u64 = 60;
    const DAYS: u64 = 86_400;
    let rule = |reason: &str, points| PriorityRule {
        reason: reason.to_owned(),
        points,
        grades: Vec::new(),
        stage: None,
        words: Vec::new(),
        waited: None,
        newer_than: None,
        older_than: None,
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    vec![
        PriorityRule {
            words: words(&["价格", "报价", "多少钱", "合同", "付款", "打款", "签约", "下单", "发票"]),
            ..rule("谈到价格、合同或付款", 30)
        },
        PriorityRule {
            words: words(&["投诉", "退款", "退货", "竞品", "别家", "换一家"]),
            ..rule("投诉、退款或比较别家", 30)
        },
        PriorityRule { waited: Some(Span::seconds(40 * MINUTES)), ..rule("已等 40 分钟以上", 20) },
        PriorityRule { stage: Some(Stage::PreSales), ..rule("售前客户", 10) },
        PriorityRule { newer_than: Some(Span::seconds(7 * DAYS)), ..rule("新客户（7 天内）", 10) },
        PriorityRule { grades: words(&["A", "S", "VIP", "重点"]), ..rule("重点客户", 20) },
    ]
}

/// What is known of a room when its priority is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Its 客户等级; empty: not graded.
    pub grade: &'a str,
    /// Its stage.
    pub stage: Stage,
    /// What its customers said last.
    pub lines: &'a [&'a str],
    /// How long somebody has waited, in working time; `None`: nobody waits.
    pub waited: Option<TimeDelta>,
    /// How long ago the room came into its stage.
    pub age: TimeDelta,
}

impl<'a> Situation<'a> {
    /// That of a room in this state, of whose customers these are the last lines.
    pub fn of(state: &'a FoldState, lines: &'a [&'a str], rules: &Rules, now: Timestamp) -> Self {
        let calendar = rules.calendar(state.stage);
        Self {
            grade: &state.marks.grade,
            stage: state.stage,
            lines,
            waited: waits_since(state).map(|since| calendar.working_time(since, now)),
            age: in_stage_since(state).map_or(TimeDelta::zero(), |since| now - since),
        }
    }

    fn is_graded(&self, grade: &str) -> bool {
        let grade = plain_phrase(grade.trim());
        !grade.is_empty() && grade == plain_phrase(self.grade.trim())
    }

    fn says(&self, word: &str) -> bool {
        let word = plain_phrase(word.trim());
        !word.is_empty() && self.lines.iter().any(|line| plain_phrase(line).contains(&word))
    }
}

/// Since when somebody waits for a reply.
fn waits_since(state: &FoldState) -> Option<Timestamp> {
    state.open.iter().find(|wait| wait.kind == WaitKind::Request).map(|wait| wait.opened.at)
}

/// Since when the room is in its stage.
fn in_stage_since(state: &FoldState) -> Option<Timestamp> {
    state.stage_since.or(state.first_at)
}

/// How much goes before others, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Priority<'r> {
    /// The sum of the points of all rules that hold.
    pub points: u32,
    /// These rules, the weightiest first; of equal ones in the order of the configuration.
    pub because: Vec<&'r PriorityRule>,
}

impl Priority<'_> {
    /// What people read: each reason with its points, `谈到价格、合同或付款 +30、售前客户 +10`; empty if no rule holds.
    pub fn reasons(&self) -> String {
        let reasons: Vec<String> =
            self.because.iter().map(|rule| format!("{} +{}", rule.reason.trim(), rule.points)).collect();
        reasons.join("、")
    }
}

/// The priority of a room by these rules.
pub fn priority<'r>(rules: &'r [PriorityRule], room: &Situation<'_>) -> Priority<'r> {
    let mut because: Vec<&PriorityRule> = rules.iter().filter(|rule| rule.holds(room)).collect();
    because.sort_by_key(|rule| std::cmp::Reverse(rule.points));
    let points = because.iter().fold(0, |sum: u32, rule| sum.saturating_add(rule.points));
    Priority { points, because }
}

/// When the passing of time next makes a rule hold or hold no more.
pub fn next_change(state: &FoldState, rules: &Rules, now: Timestamp) -> Option<Timestamp> {
    let calendar = rules.calendar(state.stage);
    let (longest, since) = (waits_since(state), in_stage_since(state));
    let of_rule = |rule: &PriorityRule| {
        let waited = rule.waited.zip(longest).map(|(span, from)| calendar.deadline(from, span.as_seconds()));
        let aged = |span: Option<Span>, beyond: TimeDelta| {
            since?.checked_add_signed(as_delta(span?))?.checked_add_signed(beyond)
        };
        // The first moment at which a room is not newer than that.
        let newer = aged(rule.newer_than, TimeDelta::seconds(1));
        [waited, newer, aged(rule.older_than, TimeDelta::zero())]
    };
    rules.priority.iter().flat_map(of_rule).flatten().filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Situation<'_> = Situation {
        grade: "",
        stage: Stage::AfterSales,
        lines: &[],
        waited: None,
        age: TimeDelta::days(100),
    };

    fn of(room: &Situation<'_>) -> (u32, String) {
        let rules = shipped_priority();
        let found = priority(&rules, room);
        (found.points, found.reasons())
    }

    #[test]
    fn each_condition_counts_and_says_why() {
        assert_eq!(of(&QUIET), (0, String::new()));
        assert_eq!(of(&Situation { stage: Stage::PreSales, ..QUIET }), (10, "售前客户 +10".into()));
        let asks = Situation { lines: &["你好", "这个多少钱"], ..QUIET };
        assert_eq!(of(&asks), (30, "谈到价格、合同或付款 +30".into()));
        for (grade, points) in [("A", 20), (" ａ ", 20), ("vip", 20), ("AA", 0), ("B", 0), (" ", 0)] {
            assert_eq!(of(&Situation { grade, ..QUIET }).0, points, "{grade}");
        }
        let all = Situation {
            stage: Stage::PreSales,
            waited: Some(TimeDelta::minutes(40)),
            age: TimeDelta::days(7),
            ..asks
        };
        let because = "谈到价格、合同或付款 +30、已等 40 分钟以上 +20、售前客户 +10、新客户（7 天内） +10";
        assert_eq!(of(&all), (70, because.into()), "the weightiest first");
    }

    #[test]
    fn a_limit_is_within() {
        let waited = |seconds| of(&Situation { waited: Some(TimeDelta::seconds(seconds)), ..QUIET }).0;
        assert_eq!((waited(2_399), waited(2_400)), (0, 20));
        let age = |seconds| of(&Situation { age: TimeDelta::seconds(seconds), ..QUIET }).0;
        assert_eq!((age(604_800), age(604_801)), (10, 0));
        let old = PriorityRule {
            newer_than: None,
            older_than: Some(Span::seconds(60)),
            ..shipped_priority().remove(4)
        };
        let old = [old];
        let older = |seconds| priority(&old, &Situation { age: TimeDelta::seconds(seconds), ..QUIET }).points;
        assert_eq!((older(59), older(60)), (0, 10));
    }

    #[test]
    fn all_conditions_of_a_rule_have_to_hold() {
        let rule = PriorityRule {
            stage: Some(Stage::PreSales),
            words: vec!["API".into(), " ".into()],
            ..shipped_priority().remove(3)
        };
        let rules = [rule];
        let points =
            |stage, line: &str| priority(&rules, &Situation { stage, lines: &[line], ..QUIET }).points;
        assert_eq!(points(Stage::PreSales, "有api吗"), 10, "in whatever case");
        assert_eq!(points(Stage::PreSales, "有ＡＰＩ吗"), 10, "in whatever form");
        assert_eq!(points(Stage::AfterSales, "有API吗"), 0);
        assert_eq!(points(Stage::PreSales, "有接口 吗"), 0, "a blank is no word");
    }

    #[test]
    fn points_do_not_overflow() {
        let rules = vec![PriorityRule { points: u32::MAX, ..shipped_priority().remove(3) }; 2];
        let room = Situation { stage: Stage::PreSales, ..QUIET };
        assert_eq!(priority(&rules, &room).points, u32::MAX);
    }
}
