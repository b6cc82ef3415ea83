//! Everything wrong in a set of rules, all of it at once: whoever edits the configuration should not have to learn of
//! one mistake after the other.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use crate::id::{PersonKey, RoomKey, StaffName};
use crate::priority::PriorityRule;
use crate::rules::exclusion::is_everything;
use crate::rules::{Audience, Ladder, Phrases, Problem, Rules};
use crate::span::Span;
use crate::text::plain_phrase;
use crate::wait::WaitKind;

/// No threshold of a ladder lies beyond this.
const LONGEST: Span = Span::seconds(30 * 86_400);
/// No threshold and no pause is shorter than this.
pub(super) const SHORTEST: Span = Span::seconds(1);
/// No list comes more often.
const SHORTEST_PAUSE: Span = Span::seconds(60);
/// A day, in seconds.
const DAY: u64 = 86_400;
/// A shorter beginning would be that of many a message.
const SHORTEST_AUTO_REPLY: usize = 3;
/// After a year of silence nobody follows up.
const MOST_SILENT_DAYS: u32 = 250;
/// No ladder repeats more often than this.
const MOST_REPEATS: u64 = 2_000;

#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, found: impl Display, expected: &str) {
        self.0.push(Problem { path: path.into(), found: found.to_string(), expected: expected.to_owned() });
    }
}

impl Rules {
    /// Every problem, each with its path; empty when the rules can be put in force.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Problems::default();
        self.check_companies(&mut problems);
        self.check_roster(&mut problems);
        self.check_contacts(&mut problems);
        self.check_addresses(&mut problems);
        self.check_managers(&mut problems);
        self.check_approvers(&mut problems);
        self.check_focus(&mut problems);
        self.check_phrases(&mut problems);
        self.check_auto_replies(&mut problems);
        self.check_chats(&mut problems);
        self.check_ladders(&mut problems);
        super::calendars::check(self, &mut problems);
        problems.0.extend(self.cards.problems());
        self.check_priority(&mut problems);
        self.check_follow_ups(&mut problems);
        self.check_exclusions(&mut problems);
        self.check_targets(&mut problems);
        problems.0
    }

    fn check_companies(&self, problems: &mut Problems) {
        if self.company_names.is_empty() {
            problems.add("company_names", "an empty list", "at least one company name (企业名称)");
        }
        let mut seen = HashSet::new();
        for (index, name) in self.company_names.iter().enumerate() {
            let path = format!("company_names[{index}]");
            if name.trim().is_empty() {
                problems.add(path, "an empty name", "the company's name as WeCom shows it (企业名称)");
            } else if !seen.insert(name.trim()) {
                problems.add(path, format!("`{name}` once more"), "each company name once");
            }
        }
    }

    fn check_roster(&self, problems: &mut Problems) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, entry) in self.roster.iter().enumerate() {
            let path = format!("roster[{index}].name");
            let name = entry.name.as_str();
            if name.trim().is_empty() {
                problems.add(path, "an empty name", "a unique label, as managers write it into 负责人");
            } else if name.trim() != name {
                problems.add(path, format!("`{name}`"), "no blanks around the name");
            } else if let Some(first) = seen.get(name) {
                let found = format!("`{name}`, which is roster[{first}].name too");
                problems.add(path, found, "a label that no other entry has");
            } else {
                seen.insert(name, index);
            }
        }
    }

    fn check_contacts(&self, problems: &mut Problems) {
        let mut seen: HashMap<&PersonKey, String> = HashMap::new();
        let roster = self.roster.iter().enumerate().flat_map(|(index, entry)| {
            let path = move |at| format!("roster[{index}].contacts[{at}]");
            entry.contacts.iter().enumerate().map(move |(at, key)| (path(at), key))
        });
        let bots = self.bots.iter().enumerate().map(|(index, key)| (format!("bots[{index}]"), key));
        for (path, key) in roster.chain(bots) {
            if let Some(first) = seen.get(key) {
                problems.add(
                    path,
                    format!("`{key}`, which is {first} too"),
                    "each contact in one place only",
                );
            } else {
                seen.insert(key, path);
            }
        }
    }

    /// What is meant for one person is read by that person, and an account presses for one.
    fn check_addresses(&self, problems: &mut Problems) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, entry) in self.roster.iter().enumerate() {
            let addresses = [("chat", entry.feishu_chat()), ("open_id", entry.feishu_account())];
            for (kind, address) in addresses.into_iter().filter_map(|(kind, it)| Some((kind, it?))) {
                let path = |index| format!("roster[{index}].addresses.feishu.{kind}");
                if let Some(first) = seen.get(address) {
                    let found = format!("`{address}`, which is {} too", path(*first));
                    problems.add(path(index), found, "an address of this person's own");
                } else {
                    seen.insert(address, index);
                }
            }
        }
    }

    /// A chat of several people, and no other name of one that cards go to anyway.
    fn check_chats(&self, problems: &mut Problems) {
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for (name, chat) in &self.chats {
            let path = format!("chats.{name}");
            let chat = chat.feishu.as_str();
            if name.trim().is_empty() || name.trim() != name {
                problems.add(&path, format!("`{name}`"), "a name without blanks around it");
            }
            if let Some(entry) = self.roster.iter().find(|entry| entry.feishu_chat() == Some(chat)) {
                let found = format!("`{chat}`, which is {}'s own chat", entry.name);
                problems.add(format!("{path}.feishu"), found, "a chat of several people");
            } else if let Some(first) = seen.insert(chat, name) {
                let found = format!("`{chat}`, which is chats.{first}.feishu too");
                problems.add(format!("{path}.feishu"), found, "each chat once");
            }
        }
    }

    fn check_ladders(&self, problems: &mut Problems) {
        let ladders = &self.ladders;
        let of_all = [
            ("pre_sales", &ladders.pre_sales),
            ("after_sales", &ladders.after_sales),
            ("soft", &ladders.soft),
            ("promise", &ladders.promise),
        ];
        for (name, ladder) in of_all {
            self.check_ladder(&format!("ladders.{name}"), ladder, problems);
        }
        let soft_exceptions =
            ladders.exceptions.iter().enumerate().filter(|(_, it)| it.kind == WaitKind::Soft);
        let softs =
            soft_exceptions.map(|(index, it)| (format!("ladders.exceptions[{index}].ladder"), &it.ladder));
        for (path, ladder) in std::iter::once(("ladders.soft".to_owned(), &ladders.soft)).chain(softs) {
            if ladder.list.is_some() {
                problems.add(format!("{path}.list"), "a list", "none: nobody who only assented waits");
            }
        }
        for (index, exception) in ladders.exceptions.iter().enumerate() {
            let path = format!("ladders.exceptions[{index}]");
            if exception.is_unconditional() {
                let expected = "a stage, rooms or owners: it would hold for every room";
                problems.add(&path, "no condition", expected);
            }
            for (at, pattern) in exception.rooms.iter().enumerate() {
                if pattern.trim().is_empty() || is_everything(pattern.trim()) {
                    let expected = "a part of a group's name, where `*` is any text: *VIP*";
                    problems.add(format!("{path}.rooms[{at}]"), format!("`{pattern}`"), expected);
                }
            }
            for (at, owner) in exception.owners.iter().enumerate() {
                self.check_name(format!("{path}.owners[{at}]"), owner, problems);
            }
            self.check_ladder(&format!("{path}.ladder"), &exception.ladder, problems);
        }
    }

    fn check_ladder(&self, path: &str, ladder: &Ladder, problems: &mut Problems) {
        for (index, rung) in ladder.rungs.iter().enumerate() {
            self.check_audience(&format!("{path}.rungs[{index}].audience"), &rung.audience, problems);
        }
        if let Some(repeat) = &ladder.repeat {
            self.check_audience(&format!("{path}.repeat.audience"), &repeat.audience, problems);
        }
        if let Some(list) = &ladder.list {
            self.check_audience(&format!("{path}.list.audience"), &list.audience, problems);
        }
        check_steps(path, ladder, problems);
        check_list_after(path, ladder, problems);
    }

    /// Whoever is named gets the card: where nobody is, or nobody can be reached, nobody would notice.
    fn check_audience(&self, path: &str, audience: &[Audience], problems: &mut Problems) {
        if audience.is_empty() {
            let expected = "at least one of owner, public, manager, {\"chat\": …} and {\"person\": …}";
            problems.add(path, "an empty list", expected);
        }
        for (at, one) in audience.iter().enumerate() {
            let path = format!("{path}[{at}]");
            if audience[..at].contains(one) {
                problems.add(path, "the same once more", "each of them once");
                continue;
            }
            match one {
                Audience::Manager if self.managers.is_empty() => {
                    problems.add(path, "`manager`, while managers names nobody", "a manager in managers");
                }
                Audience::Manager => {
                    for manager in self.managers.iter().filter(|manager| self.staff(manager).is_some()) {
                        self.check_reached(&path, manager, problems);
                    }
                }
                Audience::Chat(name) if !self.chats.contains_key(name) => {
                    problems.add(path, format!("the chat `{name}`"), "a name of chats");
                }
                Audience::Owner | Audience::Public | Audience::Chat(_) => {}
                Audience::Person(name) => {
                    if self.check_name(path.clone(), name, problems) {
                        self.check_reached(&path, name, problems);
                    }
                }
            }
        }
    }

    fn check_reached(&self, path: &str, name: &StaffName, problems: &mut Problems) {
        if self.staff(name).is_some_and(|entry| entry.feishu_chat().is_none()) {
            let expected = "somebody whose addresses.feishu.chat the roster has";
            problems.add(path, format!("`{name}`, who has no chat of their own"), expected);
        }
    }

    /// Whether the roster has it.
    fn check_name(&self, path: String, name: &StaffName, problems: &mut Problems) -> bool {
        let is_known = self.staff(name).is_some();
        if !is_known {
            problems.add(path, format!("`{name}`"), "a name of the roster");
        }
        is_known
    }

    fn check_managers(&self, problems: &mut Problems) {
        for (index, name) in self.managers.iter().enumerate() {
            let path = format!("managers[{index}]");
            if self.staff(name).is_none() {
                problems.add(path, format!("`{name}`"), "a name of the roster");
            } else if self.managers[..index].contains(name) {
                problems.add(path, format!("`{name}` once more"), "each manager once");
            }
        }
    }

    fn check_approvers(&self, problems: &mut Problems) {
        for (index, name) in self.approvers.iter().enumerate() {
            let path = format!("approvers[{index}]");
            if name.trim().is_empty() {
                problems.add(path, "an empty name", "a name as the managers' tables show it");
            } else if self.approvers[..index].iter().any(|other| other.trim() == name.trim()) {
                problems.add(path, format!("`{name}` once more"), "each approver once");
            }
        }
    }

    fn check_follow_ups(&self, problems: &mut Problems) {
        let mut last = 0;
        for (index, days) in self.follow_up_after.iter().enumerate() {
            let path = format!("follow_up_after[{index}]");
            if !(1..=MOST_SILENT_DAYS).contains(days) {
                problems.add(path, days, "1 to 250 working days");
            } else if *days <= last {
                problems.add(path, days, "more working days than the one before");
            }
            last = *days;
        }
    }

    fn check_priority(&self, problems: &mut Problems) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, rule) in self.priority.iter().enumerate() {
            let path = |field: &str| format!("priority[{index}].{field}");
            let reason = rule.reason.trim();
            if reason.is_empty() {
                problems.add(path("reason"), "an empty text", "why such a room goes before others");
            } else if let Some(first) = seen.insert(reason, index) {
                let found = format!("`{reason}`, which is priority[{first}].reason too");
                problems.add(path("reason"), found, "a reason that no other rule has");
            }
            if !(1..=PriorityRule::MOST_POINTS).contains(&rule.points) {
                problems.add(path("points"), rule.points, "1 to 100");
            }
            for (at, word) in rule.words.iter().enumerate().filter(|(_, word)| word.trim().is_empty()) {
                problems.add(path(&format!("words[{at}]")), format!("`{word}`"), "a word");
            }
            for (at, grade) in rule.grades.iter().enumerate().filter(|(_, grade)| grade.trim().is_empty()) {
                problems.add(path(&format!("grades[{at}]")), format!("`{grade}`"), "a grade (客户等级)");
            }
            let spans =
                [("waited", rule.waited), ("newer_than", rule.newer_than), ("older_than", rule.older_than)];
            for (field, span) in spans.into_iter().filter_map(|(field, span)| Some((field, span?))) {
                if span < SHORTEST {
                    add_too_short(path(field), span, SHORTEST, problems);
                }
            }
            if rule.is_unconditional() {
                let expected =
                    "a stage, words, waited, newer_than or older_than: it would hold for every room";
                problems.add(format!("priority[{index}]"), "no condition", expected);
            }
        }
    }

    fn check_focus(&self, problems: &mut Problems) {
        for (index, window) in self.focus.iter().enumerate() {
            let path = |field: &str| format!("focus[{index}].{field}");
            if self.staff(&window.person).is_none() {
                problems.add(path("person"), format!("`{}`", window.person), "a name of the roster");
            }
            if window.days.is_empty() {
                problems.add(path("days"), "an empty list", "at least one day, like monday");
            }
            if window.to <= window.from {
                let expected = "a time after `from`, on the same day";
                problems.add(path("to"), format!("\"{}\"", window.to), expected);
            }
        }
    }

    fn check_phrases(&self, problems: &mut Problems) {
        if self.phrases.version == 0 {
            problems.add("phrases.version", 0, "1 or more, raised with every change of the lists");
        }
        check_list("phrases.closing", &self.phrases.closing, problems);
        check_list("phrases.not_closing", &self.phrases.not_closing, problems);
        for (index, phrase) in self.phrases.not_closing.iter().enumerate() {
            let plain = plain_phrase(phrase).trim().to_owned();
            if !plain.is_empty()
                && self.phrases.closing.iter().any(|closing| plain_phrase(closing).trim() == plain)
            {
                let path = format!("phrases.not_closing[{index}]");
                problems.add(
                    path,
                    format!("`{phrase}`, which phrases.closing holds too"),
                    "one of the two lists",
                );
            }
        }
    }
}

fn check_list(list: &str, phrases: &[String], problems: &mut Problems) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (index, phrase) in phrases.iter().enumerate() {
        let path = format!("{list}[{index}]");
        let plain = plain_phrase(phrase);
        let length = plain.chars().count();
        if plain.trim().is_empty() {
            problems.add(path, "an empty phrase", "a closing word, like 好的");
        } else if length > Phrases::LONGEST {
            problems.add(path, format!("{length} characters"), "a short closing word, like 好的");
        } else if let Some(first) = seen.get(&plain) {
            let found = format!("`{phrase}`, which {list}[{first}] covers");
            problems.add(path, found, "each phrase once (case, width and script make no difference)");
        } else {
            seen.insert(plain, index);
        }
    }
}

impl Rules {
    fn check_auto_replies(&self, problems: &mut Problems) {
        for (index, begin) in self.auto_replies.iter().enumerate() {
            let length = plain_phrase(begin).trim().chars().count();
            if length < SHORTEST_AUTO_REPLY {
                let expected = "how an automatic reply begins, in at least three characters, like [自动回复]";
                problems.add(format!("auto_replies[{index}]"), format!("`{begin}`"), expected);
            }
        }
    }

    fn check_exclusions(&self, problems: &mut Problems) {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for (index, pattern) in self.excluded_rooms.names.iter().enumerate() {
            let path = format!("excluded_rooms.names[{index}]");
            let plain = pattern.trim().to_lowercase();
            if plain.is_empty() {
                problems.add(path, "an empty pattern", "a group's name, where `*` is any text: *内部*");
            } else if is_everything(&plain) {
                problems.add(path, format!("`{pattern}`, which is every room"), "a part of the name: *内部*");
            } else if let Some(first) = seen.get(&plain) {
                let found = format!("`{pattern}`, which is excluded_rooms.names[{first}] too");
                problems.add(path, found, "each pattern once (case makes no difference)");
            } else {
                seen.insert(plain, index);
            }
        }
        let mut seen: HashMap<&RoomKey, usize> = HashMap::new();
        for (index, room) in self.excluded_rooms.rooms.iter().enumerate() {
            if let Some(first) = seen.insert(room, index) {
                let found = format!("`{room}`, which is excluded_rooms.rooms[{first}] too");
                problems.add(format!("excluded_rooms.rooms[{index}]"), found, "each room once");
            }
        }
    }
}

fn check_steps(path: &str, ladder: &Ladder, problems: &mut Problems) {
    let mut below: Option<Span> = None;
    for (index, rung) in ladder.rungs.iter().enumerate() {
        let path = format!("{path}.rungs[{index}].after");
        if rung.after < SHORTEST {
            add_too_short(path, rung.after, SHORTEST, problems);
        } else if rung.after > LONGEST {
            problems.add(path, rung.after, "30 days at most");
        } else if let Some(below) = below.filter(|below| rung.after <= *below) {
            let found = format!("{} after a rung at {below}", rung.after);
            problems.add(path, found, "rungs in rising order, each threshold once");
        }
        below = below.max(Some(rung.after));
    }
    let Some(repeat) = &ladder.repeat else { return };
    let Some(last) = below else {
        problems.add(
            format!("{path}.repeat"),
            "a repeat without a rung",
            "at least one rung to repeat after",
        );
        return;
    };
    if repeat.every < SHORTEST {
        add_too_short(format!("{path}.repeat.every"), repeat.every, SHORTEST, problems);
    }
    let until = format!("{path}.repeat.until");
    if repeat.until < last.max(SHORTEST) {
        add_too_short(until, repeat.until, last.max(SHORTEST), problems);
    } else if repeat.until > LONGEST {
        problems.add(until, repeat.until, "30 days at most");
    } else if let Some(count) = (repeat.until.as_seconds() - last.as_seconds())
        .checked_div(repeat.every.as_seconds())
        .filter(|count| *count > MOST_REPEATS)
    {
        problems.add(until, format!("{count} repeats"), "2000 repeats at most");
    }
}

fn check_list_after(path: &str, ladder: &Ladder, problems: &mut Problems) {
    let Some(list) = &ladder.list else { return };
    if ladder.rungs.is_empty() {
        problems.add(format!("{path}.list"), "a list without a rung", "at least one rung to list after");
    }
    let every = format!("{path}.list.every");
    if list.every < SHORTEST_PAUSE {
        add_too_short(every, list.every, SHORTEST_PAUSE, problems);
    } else if !DAY.is_multiple_of(list.every.as_seconds()) {
        problems.add(every, list.every, "a part of a day without a rest, like 30m, 1h or 2h");
    }
}

pub(super) fn add_too_short(path: String, found: Span, least: Span, problems: &mut Problems) {
    problems.add(path, format!("\"{found}\", which is too short"), &format!("at least \"{least}\""));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Addresses, FeishuAddress};
    use crate::calendar::TimeOfDay;
    use crate::id::StaffName;
    use crate::rules::{FocusWindow, Preset, RosterEntry, Team};
    use crate::testing::rules;

    #[test]
    fn sound_rules_have_no_problem() {
        assert_eq!(rules().validate(), Vec::new());
    }

    #[test]
    fn a_window_of_focus_is_of_somebody_on_some_day_and_ends_after_it_begins() {
        let mut wrong = rules();
        wrong.focus = vec![FocusWindow {
            person: StaffName("没有这个人".into()),
            days: Vec::new(),
            from: TimeOfDay::NINE,
            to: TimeOfDay::NINE,
        }];
        let paths: Vec<String> = wrong.validate().into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["focus[0].person", "focus[0].days", "focus[0].to"]);
    }

    #[test]
    fn numbers_of_silent_days_rise_and_end_with_the_year() {
        let paths = |after: &[u32]| -> Vec<String> {
            let rules = Rules { follow_up_after: after.to_vec(), ..rules() };
            rules.validate().into_iter().map(|problem| problem.path).collect()
        };
        assert_eq!(
            paths(&[0, 7, 7, 251]),
            ["follow_up_after[0]", "follow_up_after[2]", "follow_up_after[3]"]
        );
        for sound in [&[7, 14, 30][..], &[], &[250]] {
            assert!(paths(sound).is_empty(), "{sound:?}");
        }
    }

    #[test]
    fn every_problem_is_reported_at_once_with_its_path() {
        let mut wrong = rules();
        wrong.company_names.push("  ".into());
        wrong.company_names.push(wrong.company_names[0].clone());
        let feishu = FeishuAddress { chat: "oc_1".parse().ok(), open_id: "ou_1".parse().ok() };
        wrong.roster[0].addresses.feishu = Some(feishu);
        let twice = wrong.roster[0].clone();
        wrong.roster.push(twice);
        let other = |name: &str| RosterEntry {
            name: StaffName(name.into()),
            team: Team::Other,
            contacts: vec![],
            addresses: Addresses::default(),
        };
        wrong.roster.extend([other(" "), other(" 甲")]);
        wrong.managers = ["赵小助", "没有这个人", "赵小助"].map(|name| StaffName(name.into())).to_vec();
        wrong.bots.push(wrong.roster[1].contacts[0].clone());
        wrong.phrases.version = 0;
        wrong.phrases.closing.extend([String::new(), "ｏｋ".into(), "好".repeat(61)]);
        wrong.phrases.not_closing.extend(["可以".into(), " ".into(), "收到".into()]);
        wrong.ladders.pre_sales.rungs[0].after = Span::seconds(0);
        wrong.ladders.pre_sales.repeat.as_mut().unwrap().every = Span::seconds(0);
        wrong.ladders.after_sales.rungs.swap(0, 1);
        wrong.ladders.after_sales.repeat.as_mut().unwrap().until = Span::seconds(60);
        wrong.ladders.soft.rungs[0].after = Span::seconds(0);
        wrong.ladders.promise.rungs.swap(0, 1);
        let room = || RoomKey { source: "test".into(), id: "r1".into() };
        wrong.excluded_rooms.names = ["*内部*", " ", "*?", "Test*", "test*"].map(Into::into).to_vec();
        wrong.excluded_rooms.rooms = vec![room(), room()];
        let rule = PriorityRule { points: 0, words: vec![" ".into()], ..wrong.priority[0].clone() };
        let every_room =
            PriorityRule { reason: " ".into(), words: Vec::new(), points: 101, ..wrong.priority[0].clone() };
        wrong.priority.extend([rule, every_room]);
        let paths: Vec<String> = wrong.validate().into_iter().map(|problem| problem.path).collect();
        let expected = [
            "company_names[1]",
            "company_names[2]",
            "roster[3].name",
            "roster[4].name",
            "roster[5].name",
            "roster[3].contacts[0]",
            "bots[1]",
            "roster[3].addresses.feishu.chat",
            "roster[3].addresses.feishu.open_id",
            "managers[1]",
            "managers[2]",
            "phrases.version",
            "phrases.closing[10]",
            "phrases.closing[11]",
            "phrases.closing[12]",
            "phrases.not_closing[1]",
            "phrases.not_closing[2]",
            "ladders.pre_sales.rungs[0].after",
            "ladders.pre_sales.repeat.every",
            "ladders.after_sales.rungs[1].after",
            "ladders.after_sales.repeat.until",
            "ladders.soft.rungs[0].after",
            "ladders.promise.rungs[1].after",
            "priority[6].reason",
            "priority[6].points",
            "priority[6].words[0]",
            "priority[7].reason",
            "priority[7].points",
            "priority[7]",
            "excluded_rooms.names[1]",
            "excluded_rooms.names[2]",
            "excluded_rooms.names[4]",
            "excluded_rooms.rooms[1]",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn approvers_and_grades_have_names() {
        let mut wrong = rules();
        wrong.approvers = ["赵小助", " ", " 赵小助"].map(Into::into).to_vec();
        wrong.priority[0].grades = vec!["A".into(), String::new()];
        let paths: Vec<String> = wrong.validate().into_iter().map(|problem| problem.path).collect();
        assert_eq!(paths, ["approvers[1]", "approvers[2]", "priority[0].grades[1]"]);
    }

    /// Whoever a rung is for has to be there, and to be reached.
    #[test]
    fn an_audience_that_leads_to_nobody_is_refused() {
        let told = |change: &dyn Fn(&mut Rules)| {
            let mut wrong = rules();
            change(&mut wrong);
            let told = wrong.validate().into_iter().map(|problem| problem.to_string());
            told.collect::<Vec<_>>()
        };
        let named = |name: &str| StaffName(name.into());
        let audience = |audience: &[Audience]| {
            let audience = audience.to_vec();
            move |rules: &mut Rules| rules.ladders.soft.rungs[0].audience.clone_from(&audience)
        };
        let at = "ladders.soft.rungs[0].audience";
        for (wrong, expected) in [
            (audience(&[]), format!("{at}: an empty list (expected at least one of owner, public")),
            (audience(&[Audience::Owner, Audience::Owner]), format!("{at}[1]: the same once more")),
            (audience(&[Audience::Manager]), format!("{at}[0]: `manager`, while managers names nobody")),
            (
                audience(&[Audience::Chat("值班".into())]),
                format!("{at}[0]: the chat `值班` (expected a name of chats)"),
            ),
            (
                audience(&[Audience::Person(named("陈某"))]),
                format!("{at}[0]: `陈某` (expected a name of the roster)"),
            ),
            (
                audience(&[Audience::Owner, Audience::Person(named("赵小助"))]),
                format!("{at}[1]: `赵小助`, who has no chat of their own"),
            ),
        ] {
            let told = told(&wrong);
            assert!(told.len() == 1 && told[0].starts_with(&expected), "{expected}: {told:?}");
        }
        let unreached = told(&|rules| {
            rules.managers = vec![named("赵小助")];
            rules.ladders.pre_sales.repeat.as_mut().unwrap().audience = vec![Audience::Manager];
        });
        assert!(
            unreached[0].starts_with("ladders.pre_sales.repeat.audience[0]: `赵小助`, who has no"),
            "{unreached:?}"
        );
        let chats = told(&|rules| {
            let chat = |id: &str| crate::rules::NamedChat { feishu: id.parse().unwrap() };
            rules.roster[0].addresses.feishu =
                Some(FeishuAddress { chat: "oc_1".parse().ok(), open_id: None });
            let chats = [("a", "oc_1"), ("b", "oc_2"), ("c", "oc_2"), (" ", "oc_3")];
            rules.chats = chats.into_iter().map(|(name, id)| (name.into(), chat(id))).collect();
        });
        assert_eq!(
            chats.iter().map(|told| told.split(':').next().unwrap_or_default()).collect::<Vec<_>>(),
            ["chats. ", "chats.a.feishu", "chats.c.feishu"]
        );
    }

    #[test]
    fn a_list_has_times_of_the_day_and_something_to_come_after() {
        let of = |every: u64, rungs: bool| {
            let mut wrong = rules();
            let promise = &mut wrong.ladders.promise;
            let (severity, audience) = (crate::rules::Severity::Grey, vec![Audience::Owner]);
            promise.list = Some(crate::rules::ListAfter { every: Span::seconds(every), severity, audience });
            if !rungs {
                promise.rungs.clear();
            }
            wrong.validate().into_iter().map(|problem| problem.path).collect::<Vec<_>>()
        };
        assert_eq!(of(3_600, true), Vec::<String>::new());
        assert_eq!(of(5_400, true), Vec::<String>::new(), "16 of them are a day");
        assert_eq!(of(7 * 3_600, true), ["ladders.promise.list.every"]);
        assert_eq!(of(30, true), ["ladders.promise.list.every"]);
        assert_eq!(of(3_600, false), ["ladders.promise.list"]);
        let mut soft = rules();
        soft.ladders.soft.list = crate::rules::Ladders::default().with_preset(Preset::Calm).pre_sales.list;
        assert_eq!(soft.validate()[0].path, "ladders.soft.list");
    }

    #[test]
    fn an_exception_says_for_whom_it_is() {
        let mut wrong = rules();
        wrong.ladders.exceptions = serde_json::from_value(serde_json::json!([
            { "ladder": { "rungs": [{ "after": "0s", "colour": "red", "audience": ["owner"] }] } },
            { "rooms": ["*", " "], "owners": ["陈某"], "ladder": { "rungs": [] } }
        ]))
        .unwrap();
        let paths: Vec<String> = wrong.validate().into_iter().map(|problem| problem.path).collect();
        let at = |rest: &str| format!("ladders.exceptions{rest}");
        assert_eq!(
            paths,
            ["[0]", "[0].ladder.rungs[0].after", "[1].rooms[0]", "[1].rooms[1]", "[1].owners[0]"].map(at)
        );
    }

    #[test]
    fn a_ladder_that_never_ends_or_has_nothing_to_repeat_is_refused() {
        let mut wrong = rules();
        wrong.ladders.pre_sales.repeat.as_mut().unwrap().until = Span::seconds(40 * 86_400);
        wrong.ladders.after_sales.rungs.clear();
        let mut busy = rules();
        busy.ladders.pre_sales.repeat.as_mut().unwrap().every = Span::seconds(1);
        busy.ladders.pre_sales.repeat.as_mut().unwrap().until = Span::seconds(10_000);
        let paths = |rules: &Rules| rules.validate().into_iter().map(|p| p.path).collect::<Vec<_>>();
        assert_eq!(paths(&wrong), ["ladders.pre_sales.repeat.until", "ladders.after_sales.repeat"]);
        assert_eq!(paths(&busy), ["ladders.pre_sales.repeat.until"]);
        let mut slow = rules();
        slow.company_names.clear();
        slow.ladders.pre_sales.repeat = None;
        slow.ladders.pre_sales.rungs[3].after = Span::seconds(40 * 86_400);
        assert_eq!(paths(&slow), ["company_names", "ladders.pre_sales.rungs[3].after"]);
    }
}
