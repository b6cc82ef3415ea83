//! Every Chinese word of the domain that users read, in one place.

use chrono::TimeDelta;

use crate::assignment::{Acceptance, Current, Origin, Refusal};
use crate::closing::{LONE_STICKER, Manner, Verdict, Why};
use crate::fold::FoldState;
use crate::message::MessageKind;
use crate::nature::Ignored;
use crate::role::Role;
use crate::rules::{Severity, Stage};
use crate::wait::{Ending, Wait, WaitKind};

/// Somebody whose name is not known.
pub const NAMELESS: &str = "未知成员";
/// Characters that are no blanks and that nobody sees.
const INVISIBLE: [char; 14] = [
    '\u{ad}', '\u{115f}', '\u{1160}', '\u{180e}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}',
    '\u{2060}', '\u{2800}', '\u{3164}', '\u{feff}', '\u{ffa0}',
];
/// A length of so many minutes or more is said without its seconds.
const SECONDS_MATTER_BELOW: i64 = 10;
/// So many of several customers who wait are named.
const NAMED: usize = 3;
/// The edited row names a room that is not known.
pub const NO_SUCH_ROOM: &str = "房间不存在";
/// A tick on 消除未回覆记录 was put in force.
pub const CANCELLED: &str = "已消除未回覆记录";

/// 等待状态: a customer waits.
pub const WAITING: &str = "等待中";
/// 等待状态: a customer assented to a question of staff.
pub const SOFTLY_WAITING: &str = "软等待";
/// 等待状态: staff have promised an answer.
pub const PROMISED: &str = "已承诺待兑现";
/// 等待状态 and 采集状态: messages may be missing.
pub const TO_BE_VERIFIED: &str = "待核实";
/// A 已回复 was put in force.
pub const CONFIRMED: &str = "已确认回复，不计入统计";

/// 等待状态 of a room's last wait; `unverified`: it overlaps a capture gap.
pub fn wait_state(wait: Option<&Wait>, unverified: bool) -> &'static str {
    let soft = wait.is_some_and(|wait| wait.kind == WaitKind::Soft);
    let promised = wait.is_some_and(|wait| wait.kind == WaitKind::Promise);
    match wait.map(|wait| wait.outcome.as_ref().map(|outcome| &outcome.how)) {
        None => "无等待",
        Some(None) if unverified => TO_BE_VERIFIED,
        Some(None) if soft => SOFTLY_WAITING,
        Some(None) if promised => PROMISED,
        Some(None) => WAITING,
        // It is in no figure, whatever was missed.
        Some(Some(Ending::Answered { .. })) if soft => "已回复（软等待）",
        Some(Some(Ending::Answered { .. })) if promised && !unverified => "已兑现承诺",
        Some(Some(Ending::BecameRequest)) => "软等待已转为等待",
        // That there was a reply is known; how soon is not.
        Some(Some(Ending::Answered { .. })) if unverified => "已回复（用时待核实）",
        Some(Some(Ending::Answered { .. })) => "已回复",
        Some(Some(Ending::Confirmed { .. })) => "已确认回复",
        Some(Some(Ending::Cancelled { .. })) => "已取消",
        Some(Some(Ending::Withdrawn)) => "已撤回",
        Some(Some(Ending::Unobserved)) => "已停止计时",
    }
}

/// 判定原因 of a message that nobody has dealt with yet.
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::AsksForReply { .. } | Verdict::AnswersQuestion { .. } => {
            format!("{}，等待回复", asked(verdict))
        }
        Verdict::Promised { .. } => format!("{}，待兑现", asked(verdict)),
        Verdict::Assents { .. } => format!("{}，按软等待计，只提醒负责人", asked(verdict)),
        Verdict::ClosingNothing { phrase, manner: Manner::Courtesy } => {
            format!("「{phrase}」是结束语，不需要回复")
        }
        Verdict::ClosingNothing { phrase, manner: Manner::OwnMove } => {
            format!("客户说自己先去办（「{phrase}」），暂不需要回复")
        }
        Verdict::ClosingNothing { phrase, manner: Manner::Thinking } => {
            format!("客户说还要考虑（「{phrase}」），暂不需要回复")
        }
        Verdict::ToCustomersNothing => "客户 @ 的是其他客户，不需要回复".to_owned(),
        Verdict::MoneyNothing { kind } => format!("客户发来{}，不需要回复", shown(*kind, "")),
        Verdict::StickerNothing => "只有表情，不需要回复".to_owned(),
        Verdict::EmptyNothing => "空消息，不需要回复".to_owned(),
        Verdict::NoticeNothing => "系统提示，不计等待".to_owned(),
    }
}

/// What about a message asks for a reply; empty if nothing does.
fn asked(verdict: &Verdict) -> String {
    match verdict {
        Verdict::AsksForReply { why: Why::Text } => "客户发来文字".to_owned(),
        Verdict::AsksForReply { why: Why::Sent(kind) } => format!("客户发来{}", shown(*kind, "")),
        Verdict::AnswersQuestion { phrase } => format!("「{phrase}」没有说明选择哪一项"),
        Verdict::Assents { phrase } => format!("「{phrase}」只是应答员工的提问"),
        Verdict::Promised { phrase, by, .. } => format!("{}答复「{phrase}」", name(by)),
        _ => String::new(),
    }
}

/// How a wait ended, in a sentence.
fn ended(ending: &Ending) -> String {
    match ending {
        Ending::Answered { name, .. } => format!("{}已回复", self::name(name)),
        Ending::Confirmed { by, .. } => format!("{}确认已回复", self::name(by)),
        Ending::Cancelled { by, .. } => format!("{}标记为不用回复", self::name(by)),
        Ending::BecameRequest => "客户随后提出了要求".to_owned(),
        Ending::Withdrawn => "客户已撤回，不需要回复".to_owned(),
        Ending::Unobserved => "助手账号已被移出群，停止计时".to_owned(),
    }
}

/// 判定原因: a room's last verdict, what became of the wait that it opened, what staff promised, and what was ignored after it.
///
/// `waits` are the room's live ones, in order of opening, as far back as anybody looks.
pub fn reason<'w>(state: &FoldState, waits: impl DoubleEndedIterator<Item = &'w Wait>) -> String {
    let turn = state.open.iter().find(|wait| wait.kind.is_turn());
    let last = turn.or_else(|| waits.rev().find(|wait| wait.kind.is_turn()));
    // Of several customers who wait, the last one judged may be another.
    let of_turn = turn.map(|wait| &wait.verdict).or(state.verdict.as_ref());
    let judged = of_turn.map(|verdict| judged(verdict, last));
    let beside = others_waiting(state);
    let promised = state.promise().map(|promise| verdict(&promise.verdict));
    let ignored = state.ignored;
    let passed_over = ignored.map(|ignored| format!("最后一条是{}，不计", self::ignored(ignored)));
    judged.into_iter().chain(beside).chain(promised).chain(passed_over).collect::<Vec<_>>().join("；")
}

/// Of several customers who wait: who waits longest, and who else does.
fn others_waiting(state: &FoldState) -> Option<String> {
    let (first, others) = state.requests()?;
    let names: Vec<&str> = others.iter().take(NAMED).map(|wait| name(&wait.customer_name)).collect();
    let more = if others.len() > NAMED { "等" } else { "" };
    (!others.is_empty()).then(|| {
        let (first, count) = (name(&first.customer_name), others.len());
        format!("{first}等得最久，{}（{}{more}）", others_wait(count), names.join("、"))
    })
}

/// How many customers wait besides the one who has waited longest.
pub fn others_wait(count: usize) -> String {
    format!("另有{count}位客户在等")
}

fn judged(verdict: &Verdict, last: Option<&Wait>) -> String {
    match last.map(|wait| wait.outcome.as_ref().map(|outcome| &outcome.how)) {
        _ if !verdict.opens() => self::verdict(verdict),
        Some(None) => self::verdict(verdict),
        // What was taken back leaves no verdict: the one at hand is of an earlier message.
        Some(Some(Ending::Withdrawn)) => ended(&Ending::Withdrawn),
        Some(Some(how)) => format!("{}，{}", asked(verdict), ended(how)),
        None => format!("{}，等待已结束", asked(verdict)),
    }
}

/// What changes nothing.
pub const fn ignored(ignored: Ignored) -> &'static str {
    match ignored {
        Ignored::Notice => "系统提示",
        Ignored::Pat => "拍一拍",
        Ignored::Robot => "机器人消息",
        Ignored::AutoReply => "自动回复",
        Ignored::Broadcast => "群发通知（@所有人）",
        Ignored::ToColleagues => "员工之间的消息（只 @ 了同事）",
    }
}

/// Somebody's name, as everything that people read shows it: sources leave names out, or send nothing but blanks.
pub fn name(name: &str) -> &str {
    let is_seen = |c: char| !c.is_whitespace() && !c.is_control() && !INVISIBLE.contains(&c);
    if name.contains(is_seen) { name } else { NAMELESS }
}

/// 负责人来源.
pub const fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Auto => "自动",
        Origin::Manual => "人工",
    }
}

/// A length of time, in the two largest units that matter: `40 秒`, `1 分钟 35 秒`, `12 分钟`, `1 小时 5 分钟`,
/// `2 天 3 小时`. The one wording of lengths: cards, tables and commands say the same of the same wait.
pub fn duration(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let two = |large: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {small_unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} 秒"),
        (0, 0, minutes) if minutes < SECONDS_MATTER_BELOW => two(minutes, "分钟", seconds % 60, "秒"),
        (0, 0, minutes) => format!("{minutes} 分钟"),
        (0, hours, minutes) => two(hours, "小时", minutes, "分钟"),
        (days, hours, _) => two(days, "天", hours, "小时"),
    }
}

/// A role, as 最后回复人类别 shows it.
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Bot => "机器人",
        Role::PreSales => "售前",
        Role::AfterSales => "售后",
        Role::OtherStaff => "其他员工",
        Role::Customer => "客户",
    }
}

/// A severity, as 当前级别 shows it.
pub const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Blue => "蓝",
        Severity::Wathet => "浅蓝",
        Severity::Turquoise => "青",
        Severity::Green => "绿",
        Severity::Yellow => "黄",
        Severity::Orange => "橙",
        Severity::Red => "红",
        Severity::Carmine => "洋红",
        Severity::Violet => "紫罗兰",
        Severity::Purple => "紫",
        Severity::Indigo => "靛",
        Severity::Grey => "灰",
    }
}

/// A severity in a sentence: 橙色, 浅蓝.
pub fn severity_in_words(of: Severity) -> String {
    let short = severity(of);
    if short.chars().count() == 1 { format!("{short}色") } else { short.to_owned() }
}

/// A message that is not text, as lines show it: `[图片]`, `[文件：报价.pdf]`. Text is shown as it is.
pub fn shown(kind: MessageKind, text: &str) -> String {
    let text = text.trim();
    let label = match kind {
        MessageKind::Text => return text.to_owned(),
        MessageKind::File if !text.is_empty() => return format!("[文件：{text}]"),
        MessageKind::File => "[文件]",
        MessageKind::Image => "[图片]",
        MessageKind::Audio => "[语音]",
        MessageKind::Video => "[视频]",
        MessageKind::Emoticon => LONE_STICKER,
        MessageKind::Location => "[位置]",
        MessageKind::Url => "[链接]",
        MessageKind::MiniProgram => "[小程序]",
        MessageKind::Contact => "[名片]",
        MessageKind::ChatHistory => "[聊天记录]",
        MessageKind::RedEnvelope => "[红包]",
        MessageKind::Transfer => "[转账]",
        MessageKind::Call => "[通话]",
        MessageKind::Recalled => "[撤回了一条消息]",
        MessageKind::System => "[系统提示]",
        MessageKind::Other => "[其他消息]",
    };
    label.to_owned()
}

/// 系统信息 of an edit that was put in force.
pub const fn accepted(acceptance: Acceptance) -> &'static str {
    match acceptance {
        Acceptance::PreSales => "合法",
        Acceptance::AfterSales => "已成功更新至售后阶段",
        Acceptance::WithinAfterSales => "已更换售后负责人",
        Acceptance::AfterSalesInRehearsal => "已成功更新至售后阶段（演练期间无需核准）",
    }
}

/// 系统信息 of an edit that was refused.
pub fn refused(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NoSuchRoom => NO_SUCH_ROOM.to_owned(),
        Refusal::NoSuchStage => "群聊阶段不存在".to_owned(),
        Refusal::AmbiguousOwner { name } => format!("负责人不明确：名单中有多位「{name}」"),
        Refusal::NotOfTeam(Stage::PreSales) => "负责人非售前".to_owned(),
        Refusal::NotOfTeam(Stage::AfterSales) => "负责人非售后".to_owned(),
        Refusal::AwaitsApproval => "等待管理员核准".to_owned(),
        Refusal::NoApprover => "无权核准".to_owned(),
        Refusal::NothingToApprove => "没有等待核准的更改，核准的勾已去掉".to_owned(),
    }
}

/// What stands in a manager's row, and is not known to have been decided, differs from what is in force.
pub fn differs(owner: &str, stage: &str, current: &Current<'_>) -> String {
    let or_none = |text: &str| if text.trim().is_empty() { "空" } else { text.trim() }.to_owned();
    let (written, in_force) = (or_none(owner), or_none(current.owner.map_or("", |owner| owner.as_str())));
    format!(
        "数据曾重建，请确认：表中是「{written} / {}」，现按「{in_force} / {}」执行。要用表中的，请勾选「核准进入售后阶段」；否则请把表中改回",
        or_none(stage),
        current.stage
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (seconds, text) in [
            (-5, "0 秒"),
            (40, "40 秒"),
            (60, "1 分钟"),
            (95, "1 分钟 35 秒"),
            (599, "9 分钟 59 秒"),
            (600, "10 分钟"),
            (779, "12 分钟"),
            (1_259, "20 分钟"),
            (3_600, "1 小时"),
            (3_900, "1 小时 5 分钟"),
            (86_400, "1 天"),
            (183_600, "2 天 3 小时"),
        ] {
            assert_eq!(duration(TimeDelta::seconds(seconds)), text);
        }
    }

    #[test]
    fn who_has_no_name_is_called_so() {
        for nameless in ["", " ", "\u{3000}\n", "\u{200b}", "\u{3164}\u{2800}", "\u{2005}"] {
            assert_eq!(name(nameless), "未知成员", "{nameless:?}");
        }
        for shown in ["张三样", " 空 ", "。", "👍"] {
            assert_eq!(name(shown), shown);
        }
    }

    #[test]
    fn what_was_ignored_stands_behind_the_verdict() {
        let verdict = Verdict::AsksForReply { why: Why::Text };
        let told = |verdict: Option<&Verdict>, ignored| {
            let state = FoldState { verdict: verdict.cloned(), ignored, ..FoldState::default() };
            reason(&state, std::iter::empty())
        };
        assert_eq!(
            told(Some(&verdict), Some(Ignored::AutoReply)),
            "客户发来文字，等待已结束；最后一条是自动回复，不计"
        );
        assert_eq!(told(None, Some(Ignored::Pat)), "最后一条是拍一拍，不计");
        assert_eq!(
            told(Some(&verdict), Some(Ignored::ToColleagues)),
            "客户发来文字，等待已结束；最后一条是员工之间的消息（只 @ 了同事），不计"
        );
        assert_eq!(told(Some(&Verdict::ToCustomersNothing), None), "客户 @ 的是其他客户，不需要回复");
        assert_eq!(told(None, None), "");
    }

    #[test]
    fn messages_that_are_no_text() {
        assert_eq!(shown(MessageKind::File, "报价.pdf"), "[文件：报价.pdf]");
        assert_eq!(shown(MessageKind::File, " "), "[文件]");
        assert_eq!(shown(MessageKind::Image, "x"), "[图片]");
        assert_eq!(shown(MessageKind::Text, " 在吗 "), "在吗");
        let sent = Verdict::AsksForReply { why: Why::Sent(MessageKind::Audio) };
        assert_eq!(verdict(&sent), "客户发来[语音]，等待回复");
    }
}
