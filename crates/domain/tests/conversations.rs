//! Worked examples: a conversation, and the waits it makes. Time, speaker and words in each line; what is no message is
//! written with its verb (撤回, 消除, 确认, 恢复, 指派, 不计时, 恢复计时, 离群); `@` and a name before the verb or the words stand for what
//! another of our accounts captured.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::collections::HashMap;
use std::fmt::Write;

use common::{cancel, captured_by, command, confirm, history, left, marked, message, recall, undo};
use domain::fold::{FoldState, Folded, fold};
use domain::id::StaffName;
use domain::nature::Ignored;
use domain::rules::AnsweredBy;
use domain::timeline::{About, Body, Entry, Position, Quote, Timeline};
use domain::wait::{Ending, Wait, WaitKind};
use domain::wording;

fn seconds(clock: &str) -> i64 {
    let parts: Vec<i64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    // Tables are written in Shanghai's time, and the fixed day begins at midnight there.
    parts[0] * 3_600 + parts[1] * 60 + parts.get(2).unwrap_or(&0)
}

fn clock(at: domain::Timestamp) -> String {
    at.with_timezone(&chrono_tz::Asia::Shanghai).format("%H:%M").to_string()
}

/// Reads a table into a timeline, from the last line to the first if `backwards`.
fn timeline(table: &str, backwards: bool) -> Timeline {
    let mut said: HashMap<String, Position> = HashMap::new();
    let mut last_cancel = String::new();
    let mut entries = Vec::new();
    for (seq, line) in (1_i64..).zip(table.lines().map(str::trim).filter(|line| !line.is_empty())) {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let (time, who, what) = (words[0], words[1], words[2]);
        let now = seconds(time);
        let rest: Vec<&str> = what.split(' ').skip(1).collect();
        let id = format!("m{seq}");
        let entry = match what.split(' ').next().unwrap() {
            "撤回" => recall(&id, now, seq, said[rest[0]].entry.as_str().rsplit(':').next().unwrap()),
            "消除至" => {
                last_cancel.clone_from(&id);
                let entry = cancel(&id, now, &said[rest[0]]);
                match rest.get(1) {
                    Some(customer) => common::about(About::Turn(common::person(customer)), entry),
                    None => entry,
                }
            }
            "恢复" => undo(&id, now, seq, &last_cancel),
            "指派" => {
                let owner = Some(StaffName(rest[0].into()));
                command(&id, now, seq, Body::Assigned { owner, stage: rest[1].parse().unwrap() })
            }
            "不计时" => command(&id, now, seq, marked(&id, true)),
            "恢复计时" => command(&id, now, seq, marked(&id, false)),
            "确认至" => confirm(&id, now, &said[rest[0]]),
            "离群" => left(&id, now, seq, rest.first().unwrap_or(&"main")),
            "@second" => captured_by("second", message(&id, now, seq, who, rest[0])),
            _ => addressed(&id, now, seq, who, what),
        };
        said.insert(time.to_owned(), entry.position.clone());
        entries.push(entry);
    }
    if backwards {
        entries.reverse();
    }
    let mut timeline = Timeline::default();
    for entry in entries {
        timeline.insert(entry);
    }
    timeline
}

/// A message, with the people whom it mentions (`@客户林 …`) or quotes (`引用客户林 …`, or by its line `回m1 …`) in front.
fn addressed(id: &str, now: i64, seq: i64, who: &str, what: &str) -> Entry {
    let (mut text, mut mentions, mut quote) = (what, Vec::new(), Quote::default());
    while let Some((first, rest)) = text.split_once(' ') {
        if let Some(name) = first.strip_prefix('@').filter(|name| !name.contains('\u{2005}')) {
            mentions.push(common::person(name));
        } else if let Some(name) = first.strip_prefix("引用") {
            name.clone_into(&mut quote.who);
        } else if let Some(line) = first.strip_prefix("回m") {
            quote.id = Some(format!("m{line}"));
        } else {
            break;
        }
        text = rest;
    }
    let mut entry = message(id, now, seq, who, text);
    if let Body::Message(message) = &mut entry.body {
        message.mentions = mentions;
        message.quote = (quote != Quote::default()).then(|| Box::new(quote));
    }
    entry
}

fn tell(wait: &Wait) -> String {
    let mut told = format!(
        "{} {} {}条 {}",
        clock(wait.opened.at),
        wait.customer_name,
        wait.messages,
        wording::wait_state(Some(wait), false)
    );
    if let Some(outcome) = &wait.outcome {
        write!(told, " {}", clock(outcome.at)).unwrap();
        match &outcome.how {
            Ending::Answered { name, role, .. } => {
                write!(told, " {name}（{}）", wording::role(*role)).unwrap();
            }
            Ending::Cancelled { by, .. } | Ending::Confirmed { by, .. } => write!(told, " {by}").unwrap(),
            Ending::BecameRequest | Ending::Withdrawn | Ending::Unobserved => {}
        }
    }
    told
}

fn folded(table: &str, answered_by: AnsweredBy) -> Folded {
    let once =
        |backwards| fold(FoldState::default(), timeline(table, backwards).entries(), &history(answered_by));
    let forwards = once(false);
    assert_eq!(forwards, once(true), "the order of arrival made a difference:\n{table}");
    forwards
}

#[track_caller]
fn gives(answered_by: AnsweredBy, table: &str, expected: &[&str]) {
    let waits: Vec<String> =
        folded(table, answered_by).waits.iter().map(|folded| tell(&folded.wait)).collect();
    assert_eq!(waits, expected, "\n{table}");
}

#[track_caller]
fn any_staff(table: &str, expected: &[&str]) {
    gives(AnsweredBy::AnyStaff, table, expected);
}

#[test]
fn a_burst_is_one_wait_from_its_first_message() {
    any_staff(
        "09:00 客户林 在吗
         09:01 客户林 想问一下价格
         09:02 客户陈 [图片]
         09:03 机器人 您好，请稍等
         09:04 客户林 好的
         09:07 王小售 在的
         09:08 客户林 谢谢",
        &["09:00 客户林 4条 已回复 09:07 王小售（售前）", "09:02 客户陈 2条 已回复 09:07 王小售（售前）"],
    );
}

fn ignored(table: &str) -> Option<Ignored> {
    folded(table, AnsweredBy::AnyStaff).state.ignored
}

#[test]
fn machines_and_words_to_everybody_answer_nobody() {
    for said in [
        "[自动回复]您好，现在是非工作时间，稍后回复您",
        "[自动回复]您好，请问有什么可以帮您？",
        "@所有人\u{2005}【通知】系统周六升级",
        "[拍了拍]",
    ] {
        let table = format!("09:00 客户林 在吗\n09:01 王小售 {said}");
        any_staff(&table, &["09:00 客户林 1条 等待中"]);
        any_staff(&format!("09:00 王小售 {said}\n09:01 客户林 好的"), &[]);
        let counted = folded(&table, AnsweredBy::AnyStaff).state;
        assert_eq!((counted.day.total(), counted.owner), (1, None), "it is in no count and makes no owner");
    }
    let asked = "09:00 客户林 在吗\n09:01 王小售 @所有人\u{2005}明天验收，几点方便？";
    any_staff(asked, &["09:00 客户林 1条 已回复 09:01 王小售（售前）"]);
    any_staff("09:00 客户林 @所有人\u{2005}发票什么时候开？", &["09:00 客户林 1条 等待中"]);
    any_staff("09:00 客户林 [自动回复]您好，我现在不在", &[]);
    any_staff("09:00 客户林 [自动回复]您好，你们几点上班？", &["09:00 客户林 1条 等待中"]);
    any_staff("09:00 客户林 [拍了拍]", &[]);
}

#[test]
fn what_was_ignored_last_is_known_with_its_reason() {
    let waits = "09:00 客户林 在吗";
    for (who, said, why) in [
        ("王小售", "[自动回复]您好", Ignored::AutoReply),
        ("王小售", "@所有人\u{2005}周六停机", Ignored::Broadcast),
        ("机器人", "您好", Ignored::Robot),
        ("客户林", "[拍了拍]", Ignored::Pat),
        ("客户林", "[系统]", Ignored::Notice),
    ] {
        assert_eq!(ignored(&format!("{waits}\n09:01 {who} {said}")), Some(why), "{said}");
        assert_eq!(ignored(&format!("{waits}\n09:01 {who} {said}\n09:02 客户林 喂")), None, "{said}");
        assert_eq!(ignored(&format!("{waits}\n09:01 {who} {said}\n09:02 王小售 在")), None, "{said}");
    }
}

#[test]
fn closing_words_open_nothing_unless_they_answer_a_question() {
    any_staff("09:00 客户林 好的\n09:01 客户林 [表情]\n09:02 客户林 谢谢👌", &[]);
    any_staff(
        "09:00 客户林 在吗
         09:01 王小售 在的，给您发报价可以吗？
         09:02 王小售 或者打电话
         09:03 客户林 好的",
        &["09:00 客户林 1条 已回复 09:01 王小售（售前）", "09:03 客户林 1条 等待中"],
    );
    any_staff(
        "09:00 王小售 可以吗？\n09:01 机器人 提示\n09:02 客户林 [系统]\n09:03 客户林 OK",
        &["09:03 客户林 1条 软等待"],
    );
    any_staff(
        "09:00 王小售 这样可以吗？
         09:01 客户林 可以，请安排
         09:02 王小售 已安排
         09:03 客户林 好的",
        &["09:01 客户林 1条 已回复 09:02 王小售（售前）"],
    );
    any_staff("09:00 王小售 好的\n09:01 客户林 好的，那什么时候发货", &["09:01 客户林 1条 等待中"]);
}

#[test]
fn a_question_stays_open_while_the_customer_sees_to_it() {
    any_staff(
        "09:00 王小售 这周能付款吗？
         09:01 客户林 稍等，我问下财务
         09:05 客户林 可以",
        &["09:05 客户林 1条 软等待"],
    );
    any_staff("09:00 王小售 这个方案可以吗\n09:01 客户林 我再想想", &["09:01 客户林 1条 软等待"]);
    any_staff("09:00 王小售 方案发您了\n09:01 客户林 我再想想\n09:02 客户林 好的", &[]);
    any_staff("09:00 王小售 可以吗？\n09:01 客户林 好的呀\n09:02 客户林 谢谢", &["09:01 客户林 2条 软等待"]);
}

#[test]
fn an_assent_waits_softly_until_the_customer_asks() {
    any_staff(
        "09:00 王小售 明天发您可以吗？
         09:01 客户林 好的
         09:02 客户林 谢谢
         09:05 王小售 已安排",
        &["09:01 客户林 2条 已回复（软等待） 09:05 王小售（售前）"],
    );
    any_staff(
        "09:00 王小售 明天发您可以吗？
         09:01 客户林 好的
         09:02 客户陈 [表情]
         09:03 客户林 大概几点到
         09:04 客户林 急用
         09:05 王小售 下午三点",
        &["09:01 客户林 2条 软等待已转为等待 09:03", "09:03 客户林 2条 已回复 09:05 王小售（售前）"],
    );
    any_staff(
        "09:00 王小售 明天发您可以吗？\n09:01 客户林 好的\n09:30 经理 消除至 09:01\n09:31 客户林 谢谢",
        &["09:01 客户林 1条 已取消 09:30 经理"],
    );
    any_staff(
        "09:00 王小售 明天发您可以吗？\n09:01 客户林 好的\n09:10 – 离群",
        &["09:01 客户林 1条 已停止计时 09:10"],
    );
}

#[test]
fn what_is_taken_back_of_a_soft_wait_or_inside_one() {
    let asked = "09:00 王小售 明天发您可以吗？\n09:01 客户林 好的\n";
    any_staff(&format!("{asked}09:02 客户林 几点到\n09:03 客户林 撤回 09:02"), &["09:01 客户林 1条 软等待"]);
    any_staff(&format!("{asked}09:02 客户林 几点到\n09:03 客户林 撤回 09:01"), &["09:02 客户林 1条 等待中"]);
    any_staff(&format!("{asked}09:02 客户林 撤回 09:01"), &["09:01 客户林 1条 已撤回 09:02"]);
    any_staff(
        "09:00 王小售 可以吗？\n09:01 客户林 几点到\n09:02 客户林 撤回 09:01\n09:03 客户林 好的",
        &["09:01 客户林 1条 已撤回 09:02", "09:03 客户林 1条 软等待"],
    );
}

#[test]
fn nobody_waits_in_a_room_without_a_clock() {
    any_staff(
        "09:00 客户林 在吗
         09:02 客户陈 报价多少
         09:03 王小售 @客户陈 稍等
         09:10 王经理 不计时
         09:11 客户林 还在吗
         09:12 客户陈 [图片]
         09:13 客户陈 撤回 09:12
         09:20 王小售 稍等，我查一下
         09:30 王经理 恢复计时
         09:31 客户林 [表情]
         09:32 客户林 有人吗",
        &[
            "09:00 客户林 2条 已取消 09:10 王经理",
            "09:02 客户陈 1条 已回复 09:03 王小售（售前）",
            "09:03 客户陈 0条 已取消 09:10 王经理",
            "09:32 客户林 1条 等待中",
        ],
    );
    any_staff("09:00 王经理 不计时\n09:01 客户林 在吗\n09:02 王经理 不计时\n09:03 客户林 在吗？", &[]);
    any_staff("09:00 客户林 在吗\n09:05 王经理 恢复计时", &["09:00 客户林 1条 等待中"]);
}

#[test]
fn a_holding_reply_ends_the_wait_and_promises_another() {
    any_staff(
        "09:00 客户林 报价多少
         09:01 王小售 稍等，我查一下
         09:02 客户林 好的
         09:10 王小售 三千元",
        &["09:00 客户林 1条 已回复 09:01 王小售（售前）", "09:01 客户林 1条 已兑现承诺 09:10 王小售（售前）"],
    );
    any_staff(
        "09:00 客户林 报价多少\n09:01 王小售 马上\n09:05 李小后 我问下同事\n09:06 客户林 谢谢",
        &["09:00 客户林 1条 已回复 09:01 王小售（售前）", "09:01 客户林 1条 已承诺待兑现"],
    );
    any_staff(
        "09:00 客户林 报价多少\n09:01 王小售 马上\n09:02 王小售 [抱拳]",
        &["09:00 客户林 1条 已回复 09:01 王小售（售前）", "09:01 客户林 0条 已承诺待兑现"],
    );
    any_staff("09:00 王小售 稍等，我查一下\n09:05 客户林 好的", &[]);
    any_staff(
        "09:00 客户林 报价多少\n09:01 王小售 稍等\n09:05 王小售 撤回 09:01",
        &["09:00 客户林 1条 等待中"],
    );
    any_staff(
        "09:00 客户林 报价多少\n09:01 王小售 稍等\n09:30 经理 消除至 09:01",
        &["09:00 客户林 1条 已回复 09:01 王小售（售前）", "09:01 客户林 0条 已取消 09:30 经理"],
    );
    any_staff(
        "09:00 客户林 报价多少\n09:01 王小售 稍等\n09:10 – 离群",
        &["09:00 客户林 1条 已回复 09:01 王小售（售前）", "09:01 客户林 0条 已停止计时 09:10"],
    );
}

#[test]
fn a_customer_who_was_promised_an_answer_may_ask_again() {
    any_staff(
        "09:00 客户林 报价多少
         09:01 王小售 稍等
         09:20 客户林 怎么样了
         09:21 客户陈 我也想知道
         09:25 王小售 还在查，马上
         09:40 王小售 三千元",
        &[
            "09:00 客户林 1条 已回复 09:01 王小售（售前）",
            "09:01 客户林 2条 已兑现承诺 09:40 王小售（售前）",
            "09:20 客户林 2条 已回复 09:25 王小售（售前）",
            "09:21 客户陈 1条 已回复 09:25 王小售（售前）",
            "09:25 客户陈 0条 已兑现承诺 09:40 王小售（售前）",
        ],
    );
    let folded =
        folded("09:00 客户林 报价多少\n09:01 王小售 稍等\n09:20 客户林 怎么样了", AnsweredBy::AnyStaff);
    let open: Vec<WaitKind> = folded.state.open.iter().map(|wait| wait.kind).collect();
    assert_eq!(open, [WaitKind::Promise, WaitKind::Request]);
    assert_eq!(folded.state.gravest().unwrap().kind, WaitKind::Request);
    gives(
        AnsweredBy::StageTeam,
        "08:00 经理 指派 李小后 after-sales
         09:00 客户林 在吗
         09:01 王小售 稍等
         09:02 李小后 稍等
         09:03 王小售 您好
         09:04 李小后 在的",
        &["09:00 客户林 1条 已回复 09:02 李小后（售后）", "09:02 客户林 0条 已兑现承诺 09:04 李小后（售后）"],
    );
}

#[test]
fn a_plainly_stated_time_is_when_a_promise_is_due() {
    let due = |said: &str| {
        let folded = folded(&format!("09:00 客户林 报价多少\n09:01 王小售 {said}"), AnsweredBy::AnyStaff);
        folded.state.promise().unwrap().due().map(|due| (due - common::at(0)).num_minutes())
    };
    assert_eq!(due("稍等"), None);
    assert_eq!(due("半小时后给您"), Some(9 * 60 + 31));
    assert_eq!(due("下午3点给您"), Some(15 * 60));
    assert_eq!(due("明天给您"), Some(42 * 60));
    assert_eq!(due("早上8点给您"), None, "that is over");
}

#[test]
fn colleagues_among_themselves_answer_nobody() {
    any_staff(
        "09:00 客户林 报价多少
         09:01 王小售 @李小后 你来看一下
         09:02 李小后 @王小售 @赵小助 好的
         09:03 赵小助 @机器人 查库存
         09:04 王小售 @李小后 @客户林 三千元",
        &["09:00 客户林 1条 已回复 09:04 王小售（售前）"],
    );
    let answered = &["09:00 客户林 1条 已回复 09:01 王小售（售前）"];
    // A colleague whom nobody knows yet is anybody, and is known once they have spoken for the company.
    any_staff("09:00 客户林 在吗\n09:01 王小售 @同事小周 在的", answered);
    any_staff(
        "08:00 同事小周 大家好\n09:00 客户林 在吗\n09:01 王小售 @同事小周 在的",
        &["09:00 客户林 1条 等待中"],
    );
    any_staff("09:00 客户林 在吗\n09:01 王小售 @路人 在的", answered);
    // A quoted colleague, or one's own words: what follows is for the customer.
    any_staff("09:00 客户林 在吗\n09:01 王小售 引用李小后 如上", answered);
    any_staff("09:00 客户林 在吗\n09:01 王小售 @李小后 @所有人\u{2005}在吗？", answered);
    any_staff("09:00 王小售 @李小后 明天能发吗？\n09:01 客户林 好的\n09:02 李小后 可以", &[]);
    any_staff(
        "09:00 王小售 收到请扣1\n09:01 客户林 1\n09:02 李小后 @王小售 都收到了吗？\n09:03 客户陈 1",
        &[],
    );
    let folded = folded("09:00 客户林 在吗\n09:01 王小售 @李小后 你来看一下", AnsweredBy::AnyStaff);
    assert_eq!(folded.state.ignored, Some(Ignored::ToColleagues));
    assert_eq!(folded.state.day.pre_sales, 1, "it was said all the same");
}

#[test]
fn customers_among_themselves_ask_nothing() {
    any_staff("09:00 客户林 好的\n09:01 客户陈 @客户林 合同签了吗\n09:02 客户林 @客户陈 签了", &[]);
    // Whoever is not known may be one of us.
    any_staff("09:00 客户陈 @客户林 合同签了吗", &["09:00 客户陈 1条 等待中"]);
    any_staff("09:00 客户林 好的\n09:01 客户陈 @客户林 @王小售 合同签了吗", &["09:01 客户陈 1条 等待中"]);
    any_staff("09:00 客户林 好的\n09:01 客户陈 @客户林 @机器人 合同签了吗", &["09:01 客户陈 1条 等待中"]);
    any_staff(
        "09:00 客户林 好的\n09:01 客户陈 @客户林 @所有人\u{2005}合同签了吗",
        &["09:01 客户陈 1条 等待中"],
    );
    any_staff("09:00 客户林 好的\n09:01 客户陈 引用客户林 这个怎么弄", &["09:01 客户陈 1条 等待中"]);
    // What staff asked is not answered by that.
    any_staff(
        "08:00 客户林 好的
         09:00 王小售 明天发货可以吗？
         09:01 客户陈 @客户林 你看行吗
         09:02 客户林 可以",
        &["09:02 客户林 1条 软等待"],
    );
    let folded = folded("09:00 客户林 好的\n09:01 客户陈 @客户林 签了吗", AnsweredBy::AnyStaff);
    assert_eq!(wording::reason(&folded.state, std::iter::empty()), "客户 @ 的是其他客户，不需要回复");
}

/// Two customers who ask, one of them twice.
const ASKED: &str = "09:00 客户林 报价多少\n09:01 客户陈 发票呢\n09:02 客户林 急\n";
const LIN: &str = "09:00 客户林 3条 已回复 09:05 王小售（售前）";
const CHEN: &str = "09:01 客户陈 2条 已回复 09:05 王小售（售前）";

#[test]
fn each_customer_has_a_wait_of_their_own() {
    let waits = |then: &str, expected: &[&str]| any_staff(&format!("{ASKED}{then}"), expected);
    waits("09:05 王小售 都在处理了，今天给到", &[LIN, CHEN]);
    waits("09:05 王小售 @客户林 三千元", &[LIN, "09:01 客户陈 2条 等待中"]);
    waits("09:05 王小售 @路人 @客户林 三千元", &[LIN, "09:01 客户陈 2条 等待中"]);
    waits("09:05 王小售 引用客户陈 已寄出\n09:06 客户陈 好的", &["09:00 客户林 4条 等待中", CHEN]);
    waits("09:05 王小售 回m2 已寄出", &["09:00 客户林 3条 等待中", CHEN]);
    // Neither an unknown message nor one that is no opening says whose it is.
    waits("09:05 王小售 回m9 已寄出", &[LIN, CHEN]);
    waits("09:05 王小售 回m3 已寄出", &[LIN, CHEN]);
    waits("09:05 王小售 @客户陈 @客户林 都发您二位了", &[LIN, CHEN]);
    waits("09:05 王小售 @李小后 @客户林 三千元", &[LIN, "09:01 客户陈 2条 等待中"]);
    waits(
        "09:05 王小售 @客户林 三千元\n09:06 客户林 那运费呢\n09:10 李小后 在的",
        &[
            LIN,
            "09:01 客户陈 3条 已回复 09:10 李小后（售后）",
            "09:06 客户林 1条 已回复 09:10 李小后（售后）",
        ],
    );
    waits(
        "09:03 客户吴 好的\n09:05 王小售 @客户吴 客气了",
        &["09:00 客户林 4条 等待中", "09:01 客户陈 3条 等待中"],
    );
    waits(
        "09:05 王小售 @客户林 三千元\n09:06 王小售 撤回 09:05",
        &["09:00 客户林 3条 等待中", "09:01 客户陈 2条 等待中"],
    );
    waits("09:06 客户陈 撤回 09:01", &["09:00 客户林 2条 等待中"]);
    waits("09:06 客户林 撤回 09:00", &["09:01 客户陈 2条 等待中", "09:02 客户林 1条 等待中"]);
}

#[test]
fn a_cancel_may_be_about_one_customer() {
    let waits = |then: &str, expected: &[&str]| any_staff(&format!("{ASKED}{then}"), expected);
    waits(
        "09:05 经理 消除至 09:02",
        &["09:00 客户林 3条 已取消 09:05 经理", "09:01 客户陈 2条 已取消 09:05 经理"],
    );
    waits(
        "09:05 经理 消除至 09:02 客户陈",
        &["09:00 客户林 3条 等待中", "09:01 客户陈 2条 已取消 09:05 经理"],
    );
    waits("09:05 经理 消除至 09:02 客户吴", &["09:00 客户林 3条 等待中", "09:01 客户陈 2条 等待中"]);
    waits(
        "09:05 经理 消除至 09:02 客户陈\n09:06 经理 恢复",
        &["09:00 客户林 3条 等待中", "09:01 客户陈 2条 等待中"],
    );
}

#[test]
fn a_promise_is_kept_by_what_is_said_to_them_to_whom_it_was_made() {
    let asked = "09:00 客户林 报价多少\n09:01 客户陈 发票呢\n";
    let held =
        ["09:00 客户林 2条 已回复 09:02 王小售（售前）", "09:01 客户陈 1条 已回复 09:02 王小售（售前）"];
    any_staff(
        &format!(
            "{asked}09:02 王小售 @客户陈 稍等\n09:03 王小售 @客户林 三千元\n09:10 王小售 @客户陈 已寄出"
        ),
        &[
            "09:00 客户林 2条 已回复 09:03 王小售（售前）",
            held[1],
            "09:02 客户陈 0条 已兑现承诺 09:10 王小售（售前）",
        ],
    );
    // Whoever was told to wait with the others is not forgotten when those have their answers.
    let to_both = format!("{asked}09:02 王小售 稍等\n09:03 王小售 @客户林 三千元\n");
    any_staff(&to_both, &[held[0], held[1], "09:02 客户陈 0条 已承诺待兑现"]);
    any_staff(
        &format!("{to_both}09:10 王小售 @客户陈 已寄出"),
        &[held[0], held[1], "09:02 客户陈 0条 已兑现承诺 09:10 王小售（售前）"],
    );
    // Somebody new is promised something of their own.
    any_staff(
        "09:00 客户林 报价多少\n09:01 王小售 稍等\n09:02 客户陈 发票呢\n09:03 客户林 急\n09:04 王小售 稍等",
        &[
            "09:00 客户林 1条 已回复 09:01 王小售（售前）",
            "09:01 客户林 2条 已承诺待兑现",
            "09:02 客户陈 2条 已回复 09:04 王小售（售前）",
            "09:03 客户林 1条 已回复 09:04 王小售（售前）",
            "09:04 客户陈 0条 已承诺待兑现",
        ],
    );
}

#[test]
fn so_many_wait_on_their_own_account() {
    let crowd: Vec<String> = (0..40).map(|n| format!("09:{n:02} 客户{n} 在吗")).collect();
    let folded = folded(&crowd.join("\n"), AnsweredBy::AnyStaff);
    assert_eq!(folded.state.open.len(), domain::turn::WAITING);
    assert_eq!(folded.state.open[0].messages, 40, "whoever asks besides waits with them");
    let bytes = serde_json::to_string(&folded.state).unwrap().len();
    assert!(bytes < 24_000, "{bytes}");
}

#[test]
fn whoever_waits_is_a_customer_although_the_roster_has_them_since() {
    use domain::rules::{RosterEntry, RulesHistory, RulesVersion, Team};
    let before = common::rules(AnsweredBy::AnyStaff);
    let mut since = before.clone();
    since.roster.push(RosterEntry {
        name: StaffName("林小新".into()),
        team: Team::Other,
        contacts: vec![common::person("客户林")],
        ..since.roster[0].clone()
    });
    let version = |version, from, rules| RulesVersion {
        version,
        valid_from: common::at(from),
        applied_at: common::at(from),
        rules,
    };
    let history =
        RulesHistory::new(vec![version(1, 0, before), version(2, seconds("09:03"), since)]).unwrap();
    let waits = |then: &str| -> Vec<String> {
        let timeline = timeline(&format!("{ASKED}{then}"), false);
        let folded = fold(FoldState::default(), timeline.entries(), &history);
        folded.waits.iter().map(|folded| tell(&folded.wait)).collect()
    };
    assert_eq!(waits("09:05 王小售 @客户林 三千元"), [LIN, "09:01 客户陈 2条 等待中"]);
    // Nobody waits there by that name any more: colleagues speak with each other.
    assert_eq!(
        waits("09:05 王小售 @客户林 三千元\n09:06 王小售 @客户林 你来答吧"),
        [LIN, "09:01 客户陈 2条 等待中"]
    );
}

#[test]
fn of_several_who_wait_the_reason_names_the_others() {
    let folded = folded(ASKED, AnsweredBy::AnyStaff);
    assert_eq!(
        wording::reason(&folded.state, std::iter::empty()),
        "客户发来文字，等待回复；客户林等得最久，另有1位客户在等（客户陈）"
    );
    let [lin, chen] = &*folded.state.open else { panic!("two wait") };
    assert_eq!((folded.state.request_before(lin), folded.state.request_before(chen)), (None, Some(lin)));
    assert_eq!((folded.state.beside(lin), folded.state.beside(chen)), (1, 1));
    let mut imported = folded.state.clone();
    imported.open[0].alarm_since = None;
    assert_eq!(imported.request_before(chen), None, "nobody is alerted about the older one");
}

#[test]
fn what_was_invited_asks_for_nothing() {
    any_staff("09:00 王小售 系统周六升级，收到请扣1\n09:01 客户林 1\n09:02 客户陈 1\n09:03 客户吴 收到", &[]);
    any_staff("09:00 王小售 还有什么可以帮您的吗？\n09:01 客户林 没有，谢谢", &[]);
    any_staff(
        "09:00 王小售 收到请扣1
         09:01 客户林 1
         10:00 王小售 报价发您了
         10:01 客户林 1",
        &["10:01 客户林 1条 等待中"],
    );
    any_staff("09:00 王小售 收到请扣1。要几台？\n09:01 客户林 1", &["09:01 客户林 1条 等待中"]);
    any_staff("09:00 王小售 资料发您了\n09:01 客户林 没有", &["09:01 客户林 1条 等待中"]);
}

#[test]
fn waits_outlive_midnight() {
    any_staff(
        "23:58 客户林 在吗\n24:01 客户林 有人吗\n33:00 王小售 早上好",
        &["23:58 客户林 2条 已回复 09:00 王小售（售前）"],
    );
}

#[test]
fn a_name_alone_is_no_colleague() {
    any_staff(
        "09:00 客户林 在吗\n09:01 冒名王小售 我也想问\n09:05 同事小周 来了",
        &[
            "09:00 客户林 2条 已回复 09:05 同事小周（其他员工）",
            "09:01 王小售 1条 已回复 09:05 同事小周（其他员工）",
        ],
    );
}

#[test]
fn a_cancel_stands_where_its_author_looked() {
    any_staff(
        "09:00 客户林 好的，那就这样定了\n09:30 经理 消除至 09:00",
        &["09:00 客户林 1条 已取消 09:30 经理"],
    );
    any_staff(
        "09:00 客户林 就这样定了
         09:10 客户林 等等，还有一个问题
         09:11 经理 消除至 09:00",
        &["09:00 客户林 1条 已取消 09:11 经理", "09:10 客户林 1条 等待中"],
    );
    any_staff(
        "09:00 客户林 就这样定了
         09:01 客户林 等一下
         09:10 经理 消除至 09:00
         09:12 经理 恢复 –
         09:20 王小售 在",
        &["09:00 客户林 2条 已回复 09:20 王小售（售前）"],
    );
    any_staff("09:00 王小售 您好\n09:10 经理 消除至 09:00\n09:11 客户林 在吗", &["09:11 客户林 1条 等待中"]);
}

#[test]
fn what_was_taken_back_no_longer_waits() {
    any_staff("09:00 客户林 在吗\n09:02 客户林 撤回 09:00", &["09:00 客户林 1条 已撤回 09:02"]);
    any_staff(
        "09:00 客户林 在吗\n09:01 客户林 价格多少\n09:02 客户林 撤回 09:00\n09:05 王小售 在",
        &["09:01 客户林 1条 已回复 09:05 王小售（售前）"],
    );
    any_staff(
        "09:00 客户林 在吗\n09:02 客户林 撤回 09:00\n09:03 客户林 价格多少",
        &["09:00 客户林 1条 已撤回 09:02", "09:03 客户林 1条 等待中"],
    );
    any_staff("09:00 客户林 在吗\n09:01 王小售 在\n09:02 王小售 撤回 09:01", &["09:00 客户林 1条 等待中"]);
    any_staff(
        "09:00 客户林 在吗\n09:01 客户林 发错了\n09:02 客户林 撤回 09:01\n09:03 王小售 在",
        &["09:00 客户林 1条 已回复 09:03 王小售（售前）"],
    );
    any_staff("09:00 客户林 好的\n09:02 客户林 撤回 09:00", &[]);
}

#[test]
fn nobody_sees_a_reply_after_our_account_has_left() {
    any_staff(
        "09:00 客户林 在吗\n09:10 – 离群\n09:20 客户林 有人吗",
        &["09:00 客户林 1条 已停止计时 09:10", "09:20 客户林 1条 等待中"],
    );
}

#[test]
fn a_room_with_two_accounts_is_observed_until_the_last_one_leaves() {
    any_staff(
        "09:00 客户林 在吗
         09:01 客户林 @second 有人吗
         09:10 – 离群 main
         09:20 王小售 @second 在
         09:21 客户林 @second 发货了吗
         09:30 – 离群 second
         09:40 客户林 还在吗",
        &[
            "09:00 客户林 2条 已回复 09:20 王小售（售前）",
            "09:21 客户林 1条 已停止计时 09:30",
            "09:40 客户林 1条 等待中",
        ],
    );
}

#[test]
fn a_confirmed_reply_ends_what_its_author_saw_and_is_nobodys_reply() {
    any_staff(
        "09:00 客户林 在吗
         09:10 客户林 还有一个问题
         09:30 经理 确认至 09:00
         09:31 王小售 来了",
        &["09:00 客户林 1条 已确认回复 09:30 经理", "09:10 客户林 1条 已回复 09:31 王小售（售前）"],
    );
}

#[test]
fn whose_reply_counts_is_policy() {
    let table = "08:00 经理 指派 李小后 after-sales
                 09:00 客户林 在吗
                 09:01 王小售 在
                 09:02 赵小助 我帮您问
                 09:03 李小后 我来处理
                 09:04 经理 指派 王小售 pre-sales";
    gives(AnsweredBy::AnyStaff, table, &["09:00 客户林 1条 已回复 09:01 王小售（售前）"]);
    gives(AnsweredBy::StageTeam, table, &["09:00 客户林 1条 已回复 09:03 李小后（售后）"]);
    gives(AnsweredBy::Owner, table, &["09:00 客户林 1条 已回复 09:03 李小后（售后）"]);
    gives(
        AnsweredBy::Owner,
        "09:00 客户林 在吗\n09:02 同事小周 在",
        &["09:00 客户林 1条 已回复 09:02 同事小周（其他员工）"],
    );
}

#[test]
fn a_wait_keeps_the_owner_and_stage_of_its_opening_and_of_its_close() {
    let folded = folded(
        "09:00 客户林 在吗
         09:01 经理 指派 李小后 after-sales
         09:05 王小售 在",
        AnsweredBy::AnyStaff,
    );
    let wait = &folded.waits[0].wait;
    let outcome = wait.outcome.as_ref().unwrap();
    assert_eq!((wait.owner.as_ref(), wait.stage.to_string()), (None, "pre-sales".into()));
    assert_eq!(
        (outcome.owner.as_ref().unwrap().as_str(), outcome.stage.to_string()),
        ("李小后", "after-sales".into())
    );
    assert_eq!(folded.state.owner.as_ref().unwrap().as_str(), "李小后");
    assert_eq!(wording::origin(folded.state.origin), "人工");
}

#[test]
fn a_days_messages_are_counted_by_role() {
    let table = "09:00 客户林 在吗
                 09:01 王小售 在
                 09:02 李小后 我也在
                 09:03 同事小周 大家好
                 09:04 机器人 提示
                 09:05 客户林 [系统]
                 09:06 客户林 说错了
                 09:07 客户林 撤回 09:06
                 09:08 经理 消除至 09:03
                 09:09 王小售 请说";
    let day = folded(table, AnsweredBy::AnyStaff).state.day;
    assert_eq!((day.customer, day.pre_sales, day.after_sales, day.other_staff), (1, 2, 1, 1));
    assert_eq!((day.owner, day.total()), (2, 5), "the first to speak owns the room");
    let next = folded(&format!("{table}\n24:00 客户林 早"), AnsweredBy::AnyStaff).state.day;
    assert_eq!((next.customer, next.total()), (1, 1));
    assert_eq!(next.on(day.date.unwrap()).total(), 0, "another day's counts are not this day's");
}

#[test]
fn imported_history_counts_but_does_not_alarm() {
    let mut timeline = Timeline::default();
    for (id, at, text, old) in [("a", 0, "在吗", true), ("b", 60, "有人吗", true), ("c", 120, "急", false)]
    {
        let mut entry = message(id, at, at, "客户林", text);
        if let Body::Message(message) = &mut entry.body {
            message.history = old;
        }
        timeline.insert(entry);
    }
    let alarm_since = |count: usize| {
        let folded = fold(FoldState::default(), &timeline.entries()[..count], &history(AnsweredBy::AnyStaff));
        folded.state.open[0].alarm_since
    };
    assert_eq!(alarm_since(2), None);
    assert_eq!(alarm_since(3), Some(common::at(120)));
}
