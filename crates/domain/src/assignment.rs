//! Who owns a room, and in which stage it is: by rule until a manager says otherwise, by the manager from then on.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::id::{PersonKey, StaffName};
use crate::rules::{NoSuchStaff, RosterEntry, Rules, Stage, Team};
use crate::timeline::RoomFacts;

/// Where owner and stage come from: 自动 or 人工.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// 自动: by rule, recomputed as facts appear.
    #[default]
    Auto,
    /// 人工: by a manager, never overridden by the rule.
    Manual,
}

/// Who owns a room from a moment on, and in which stage it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// From when on.
    pub since: Timestamp,
    /// The owner; `None`: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<StaffName>,
    /// The stage.
    pub stage: Stage,
}

/// Who owned a room before an assignment of that moment, to the millisecond; `None`: nobody, or nobody knows any more.
pub fn owner_before(ownerships: &[Ownership], assigned_at: Timestamp) -> Option<&StaffName> {
    let at = assigned_at.timestamp_millis();
    let began = ownerships.iter().rposition(|held| held.since.timestamp_millis() == at)?;
    ownerships.get(began.checked_sub(1)?)?.owner.as_ref()
}

/// Somebody who could own the room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Their label in the roster, which is what 负责人 shows.
    pub name: StaffName,
    /// The stage their team works in, if it works in one.
    pub stage: Option<Stage>,
}

/// Who could own the room, one for each reason, the first filled one wins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidates {
    /// Who invited our account.
    pub inviter: Option<Candidate>,
    /// The room's owner in WeCom.
    pub room_owner: Option<Candidate>,
    /// The first pre-sales member.
    pub pre_sales: Option<Candidate>,
    /// The first after-sales member.
    pub after_sales: Option<Candidate>,
    /// The first staff member to speak.
    pub speaker: Option<Candidate>,
}

impl Candidates {
    /// Takes in what the source says about the room's people; a fact it does not name keeps its slot. Whoever has spoken and
    /// has left the roster since owns nothing.
    pub fn learn(&mut self, facts: &RoomFacts, rules: &Rules) {
        self.speaker =
            self.speaker.take().filter(|speaker| rules.staff_by_name(speaker.name.as_str()).is_ok());
        let candidate = |key: &PersonKey| rules.staff_by_contact(key).map(Candidate::from);
        if let Some(inviter) = &facts.inviter {
            self.inviter = candidate(inviter);
        }
        if let Some(owner) = &facts.owner {
            self.room_owner = candidate(owner);
        }
        if !facts.members.is_empty() {
            let first_of = |team| {
                let mut staff = facts.members.iter().filter_map(|key| rules.staff_by_contact(key));
                staff.find(|entry| entry.team == team).map(Candidate::from)
            };
            self.pre_sales = first_of(Team::PreSales);
            self.after_sales = first_of(Team::AfterSales);
        }
    }

    /// The one who owns the room by rule.
    pub fn best(&self) -> Option<&Candidate> {
        [&self.inviter, &self.room_owner, &self.pre_sales, &self.after_sales, &self.speaker]
            .into_iter()
            .flatten()
            .next()
    }
}

impl From<&RosterEntry> for Candidate {
    fn from(entry: &RosterEntry) -> Self {
        Self { name: entry.name.clone(), stage: entry.team.stage() }
    }
}

/// What the roster in force says of a room's owner that was decided by a former one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// The owner stays.
    Stays,
    /// Managers chose somebody who has left: nobody owns the room until they choose again. Its stage stays.
    OwnerLeft(StaffName),
    /// By rule it is somebody else, or nobody: what the source said of its people is to be taken in once more.
    ByRule,
}

/// Reviews a room's owner. `facts`: the latest that the source said of its people.
pub fn review(
    (origin, owner): (Origin, Option<&StaffName>),
    candidates: &Candidates,
    facts: &RoomFacts,
    rules: &Rules,
) -> Review {
    let has_left = |owner: &StaffName| rules.staff_by_name(owner.as_str()).is_err();
    match (origin, owner) {
        (Origin::Manual, Some(owner)) if has_left(owner) => Review::OwnerLeft(owner.clone()),
        (Origin::Manual, _) => Review::Stays,
        (Origin::Auto, owner) => {
            let mut learned = candidates.clone();
            learned.learn(facts, rules);
            let best = learned.best().map(|best| &best.name);
            if best == owner { Review::Stays } else { Review::ByRule }
        }
    }
}

/// What a manager asks for, as one snapshot of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// 负责人 as written.
    pub owner: &'a str,
    /// 群聊阶段 as written.
    pub stage: &'a str,
    /// Who approved the way into after-sales with it, as people read their name; `None`: nobody did.
    pub approved_by: Option<&'a str>,
    /// It was asked for before go-live: no approval is needed.
    pub rehearsal: bool,
}

/// Owner and stage as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Current<'a> {
    /// The owner, if there is one.
    pub owner: Option<&'a StaffName>,
    /// The stage that the room is in.
    pub stage: Stage,
}

/// What becomes of a manager's edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It is put in force.
    Applied {
        /// The new owner.
        owner: StaffName,
        /// The new stage.
        stage: Stage,
        /// On what ground.
        acceptance: Acceptance,
    },
    /// It is not; nothing changes.
    Refused(Refusal),
    /// It is what stands already: nothing to do and nothing to say.
    Unchanged,
}

/// On what ground an edit is put in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// A stage of pre-sales needs no approval.
    PreSales,
    /// The way into after-sales was approved.
    AfterSales,
    /// The room is in after-sales already: the approval is for the way into it.
    WithinAfterSales,
    /// After-sales needed no approval before go-live.
    AfterSalesInRehearsal,
}

/// Why an edit is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its row names a room that is not known.
    NoSuchRoom,
    /// Its row names a stage that does not exist.
    NoSuchStage,
    /// Several people of the roster answer to the name of its owner.
    AmbiguousOwner {
        /// The name as written, without blanks around it.
        name: String,
    },
    /// Its owner is not of the team of the stage.
    NotOfTeam(Stage),
    /// After-sales lacks the tick of approval.
    AwaitsApproval,
    /// Whoever approved may not.
    NoApprover,
    /// Somebody approved while nothing was to be approved.
    NothingToApprove,
}

/// Decides an edit. `current` is `None` for a room that is not known.
pub fn decide(current: Option<&Current<'_>>, request: &Request<'_>, rules: &Rules) -> Decision {
    let Some(current) = current else {
        return Decision::Refused(Refusal::NoSuchRoom);
    };
    let Ok(stage) = request.stage.parse::<Stage>() else {
        return Decision::Refused(Refusal::NoSuchStage);
    };
    let owner = match rules.staff_by_name(request.owner) {
        Ok(entry) if entry.team.stage() == Some(stage) => &entry.name,
        Err(NoSuchStaff::Ambiguous) => {
            let name = request.owner.trim().to_owned();
            return Decision::Refused(Refusal::AmbiguousOwner { name });
        }
        Ok(_) | Err(NoSuchStaff::Unknown) => return Decision::Refused(Refusal::NotOfTeam(stage)),
    };
    if current.owner == Some(owner) && current.stage == stage {
        return Decision::Unchanged;
    }
    let acceptance = match stage {
        Stage::PreSales => Acceptance::PreSales,
        Stage::AfterSales if current.stage == Stage::AfterSales => Acceptance::WithinAfterSales,
        Stage::AfterSales => match request.approved_by {
            Some(name) if rules.may_approve(name) => Acceptance::AfterSales,
            _ if request.rehearsal => Acceptance::AfterSalesInRehearsal,
            Some(_) => return Decision::Refused(Refusal::NoApprover),
            None => return Decision::Refused(Refusal::AwaitsApproval),
        },
    };
    Decision::Applied { owner: owner.clone(), stage, acceptance }
}

/// Whether what stands in a manager's row differs from what is in force.
pub fn differs(current: &Current<'_>, owner: &str, stage: &str, rules: &Rules) -> bool {
    let is_owner = match (current.owner, rules.staff_by_name(owner)) {
        (Some(current), Ok(entry)) => *current == entry.name,
        (None, _) => owner.trim().is_empty(),
        (Some(_), Err(_)) => false,
    };
    let is_stage = stage.parse::<Stage>().is_ok_and(|stage| stage == current.stage);
    !is_owner || !is_stage
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, rules};
    use crate::wording;

    fn outcome(decision: Decision) -> (bool, String) {
        match decision {
            Decision::Applied { acceptance, .. } => (true, wording::accepted(acceptance).to_owned()),
            Decision::Refused(refusal) => (false, wording::refused(&refusal)),
            Decision::Unchanged => (false, "–".to_owned()),
        }
    }

    /// The report's table, row by row.
    #[test]
    fn edits_are_decided_as_in_the_report() {
        let owner = StaffName("王小售".into());
        let current = Current { owner: Some(&owner), stage: Stage::PreSales };
        let mut rules = rules();
        let mut second = rules.roster[0].clone();
        second.name = StaffName("周小售".into());
        second.contacts.clear();
        rules.roster.extend([second.clone(), second.clone()]);
        rules.roster.last_mut().unwrap().name = StaffName("吴小售".into());
        let mut twin = second;
        twin.name = StaffName("李小后".into());
        let mut ambiguous = rules.clone();
        ambiguous.roster.push(twin);
        let table = [
            ("吴小售", "pre-sales", None, true, "合法"),
            (" 吴小售 ", "pre-sales", Some("王经理"), true, "合法"),
            ("王小售", "pre-sales", None, false, "–"),
            ("李小后", "pre-sales", None, false, "负责人非售前"),
            ("赵小助", "pre-sales", None, false, "负责人非售前"),
            ("没有这个人", "pre-sales", None, false, "负责人非售前"),
            ("", "pre-sales", None, false, "负责人非售前"),
            ("李小后", "after-sales", Some("王经理"), true, "已成功更新至售后阶段"),
            ("李小后", "after-sales", None, false, "等待管理员核准"),
            ("王小售", "after-sales", Some("王经理"), false, "负责人非售后"),
            ("", "after-sales", Some("王经理"), false, "负责人非售后"),
            ("李小后", "签约", Some("王经理"), false, "群聊阶段不存在"),
            ("没有这个人", "", Some("王经理"), false, "群聊阶段不存在"),
        ];
        for (owner, stage, approved_by, applied, message) in table {
            let request = Request { owner, stage, approved_by, rehearsal: false };
            let decided = outcome(decide(Some(&current), &request, &rules));
            assert_eq!(decided, (applied, message.to_owned()), "{owner} {stage} {approved_by:?}");
            // Before go-live the approval alone is not asked for.
            let rehearsed = outcome(decide(Some(&current), &Request { rehearsal: true, ..request }, &rules));
            let expected = match message {
                "等待管理员核准" => (true, "已成功更新至售后阶段（演练期间无需核准）"),
                other => (applied, other),
            };
            assert_eq!(
                rehearsed,
                (expected.0, expected.1.to_owned()),
                "{owner} {stage} {approved_by:?}, rehearsed"
            );
        }
        let request =
            Request {
                owner: "李小后", stage: "after-sales", approved_by: Some("王经理"), rehearsal: false
            };
        assert_eq!(outcome(decide(None, &request, &rules)), (false, "房间不存在".to_owned()));
        let (applied, message) = outcome(decide(Some(&current), &request, &ambiguous));
        assert!(!applied && message.contains("李小后") && message.contains("多位"), "{message}");
    }

    #[test]
    fn only_approvers_approve_and_only_the_way_into_after_sales() {
        let (wang, li) = (StaffName("王小售".into()), StaffName("李小后".into()));
        let mut rules = rules();
        let mut second = rules.roster[1].clone();
        assert_eq!(second.name, li);
        second.name = StaffName("孙小后".into());
        second.contacts.clear();
        rules.roster.push(second);
        let before = Current { owner: Some(&wang), stage: Stage::PreSales };
        let within = Current { owner: Some(&li), stage: Stage::AfterSales };
        let decided = |current: &Current<'_>, approved_by, rehearsal, rules: &Rules| {
            let request = Request { owner: "孙小后", stage: "after-sales", approved_by, rehearsal };
            outcome(decide(Some(current), &request, rules)).1
        };
        assert_eq!(decided(&within, None, false, &rules), "已更换售后负责人");
        rules.approvers = vec!["王经理".into(), "赵小助".into()];
        for (name, expected) in [
            (Some("王经理"), "已成功更新至售后阶段"),
            (Some(" 赵小助 "), "已成功更新至售后阶段"),
            (Some("王小售"), "无权核准"),
            (Some(""), "无权核准"),
            (None, "等待管理员核准"),
        ] {
            assert_eq!(decided(&before, name, false, &rules), expected, "{name:?}");
        }
        assert_eq!(
            decided(&before, Some("王小售"), true, &rules),
            "已成功更新至售后阶段（演练期间无需核准）",
            "before go-live nobody's approval is needed"
        );
    }

    #[test]
    fn the_owner_before_an_assignment_is_known() {
        let held = |seconds: i64, owner: Option<&str>| Ownership {
            since: testing::at(seconds),
            owner: owner.map(|name| StaffName(name.into())),
            stage: Stage::PreSales,
        };
        let ownerships = [held(0, Some("王小售")), held(10, None), held(20, Some("李小后"))];
        for (at, before) in [(0, None), (10, Some("王小售")), (20, None), (15, None)] {
            let found = owner_before(&ownerships, testing::at(at)).map(StaffName::as_str);
            assert_eq!(found, before, "{at}");
        }
    }

    #[test]
    fn what_stands_is_asked_about_only_where_it_differs() {
        let owner = StaffName("王小售".into());
        let (taken, free) = (
            Current { owner: Some(&owner), stage: Stage::PreSales },
            Current { owner: None, stage: Stage::PreSales },
        );
        let rules = rules();
        for (current, name, stage) in
            [(&taken, " 王小售 ", "pre-sales"), (&free, "", "pre-sales"), (&free, "  ", "pre-sales")]
        {
            assert!(!differs(current, name, stage, &rules), "{name} {stage}");
        }
        for (current, name, stage) in [
            (&taken, "李小后", "pre-sales"),
            (&taken, "", "pre-sales"),
            (&taken, "没有这个人", "pre-sales"),
            (&taken, "王小售", "after-sales"),
            (&taken, "王小售", ""),
            (&free, "王小售", "pre-sales"),
        ] {
            assert!(differs(current, name, stage, &rules), "{name} {stage}");
            let asked = wording::differs(name, stage, current);
            assert!(asked.contains(name) && asked.contains(stage), "{asked}");
        }
    }

    #[test]
    fn the_first_owner_is_chosen_in_the_reports_order() {
        let person = |id: &str| PersonKey { source: "test".into(), id: id.into() };
        let rules = rules();
        let mut candidates = Candidates { speaker: Some((&rules.roster[2]).into()), ..Candidates::default() };
        let best = |candidates: &Candidates| candidates.best().unwrap().name.0.clone();
        assert_eq!(best(&candidates), "赵小助");
        let mut facts = RoomFacts { members: vec![person("guest"), person("li")], ..RoomFacts::default() };
        candidates.learn(&facts, &rules);
        assert_eq!(best(&candidates), "李小后");
        facts.members.push(person("wang"));
        candidates.learn(&facts, &rules);
        assert_eq!(best(&candidates), "王小售");
        candidates.learn(&RoomFacts { owner: Some(person("zhao")), ..RoomFacts::default() }, &rules);
        assert_eq!(best(&candidates), "赵小助", "the room's owner goes before its members");
        candidates.learn(&RoomFacts { inviter: Some(person("li")), ..RoomFacts::default() }, &rules);
        assert_eq!(best(&candidates), "李小后", "the inviter goes before everybody");
        candidates.learn(&RoomFacts { inviter: Some(person("guest")), ..RoomFacts::default() }, &rules);
        assert_eq!(best(&candidates), "赵小助", "an inviter outside the roster owns nothing");
    }

    #[test]
    fn whoever_leaves_the_roster_owns_nothing() {
        let owner = Some(PersonKey { source: "test".into(), id: "wang".into() });
        let (rules, facts) = (rules(), RoomFacts { owner, ..RoomFacts::default() });
        let mut without = rules.clone();
        without.roster.retain(|entry| entry.name.as_str() != "王小售");
        let wang = StaffName("王小售".into());
        let mut learned = Candidates { speaker: Some((&rules.roster[2]).into()), ..Candidates::default() };
        learned.learn(&facts, &rules);
        let held = |origin| (origin, Some(&wang));
        for origin in [Origin::Auto, Origin::Manual] {
            assert_eq!(review(held(origin), &learned, &facts, &rules), Review::Stays);
        }
        assert_eq!(review(held(Origin::Manual), &learned, &facts, &without), Review::OwnerLeft(wang.clone()));
        assert_eq!(review(held(Origin::Auto), &learned, &facts, &without), Review::ByRule);
        // And whom the roster names at last owns what the source says.
        assert_eq!(review((Origin::Auto, None), &Candidates::default(), &facts, &rules), Review::ByRule);
        assert_eq!(review((Origin::Manual, None), &Candidates::default(), &facts, &rules), Review::Stays);
        learned.learn(&facts, &without);
        assert_eq!(learned.best().map(|best| best.name.as_str()), Some(rules.roster[2].name.as_str()));
        without.roster.clear();
        learned.learn(&facts, &without);
        assert_eq!(learned.best(), None, "nor does somebody who once spoke there");
    }
}
