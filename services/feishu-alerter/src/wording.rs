//! Every Chinese text that people read in Feishu: card titles, labels, buttons, answers to a press.
//!
//! Together in one place, so that somebody who writes well can go over it without reading code. Only words live
//! here; what goes where is decided in `card`.

use std::time::Duration;

use chrono::{TimeDelta, Weekday};
use domain::figures::{Figures, Promises, Quantile, Within};
use domain::rules::{Reached, Stage, Target, Who};
use report::{Load, TEN_MINUTES};

/// What the card says that asks for an owner, before the room.
pub const OWNER_WANTED: &str = "请指定负责人";
/// A line in the place of a card that a higher level's followed.
pub const ESCALATED: &str = "⏫ 已升级";
/// What follows in it after the room.
pub const SEE_BELOW: &str = "，见后面的卡片";
/// Somebody else owns the room.
pub const HANDED_OVER: &str = "➡️ 已转交";
/// Somebody owns the room for which an owner was asked, or whose card is in a chat that is nobody's any more.
pub const OWNER_FOUND: &str = "✅ 已指定负责人";
/// Title in the chat of an owner who is away.
pub const STOOD_IN_FOR: &str = "🔁 休假中";
/// Titles of closed waits. Each begins with an icon, since no colour is left that no level may have.
pub const ANSWERED: &str = "✅ 已回复";
/// The wait was cancelled by somebody.
pub const CANCELLED: &str = "☑️ 不用回复";
/// The customer took the message back.
pub const WITHDRAWN: &str = "↩️ 客户已撤回";
/// Our account has left the room, so nobody knows.
pub const UNOBSERVED: &str = "⏹️ 已停止计时";
/// Somebody said that there was a reply while nobody saw it.
pub const CONFIRMED: &str = "✅ 已确认回复";
/// The same when nobody knows whether the customer was answered: it asks and does not blame.
pub const TO_VERIFY: &str = "请核实是否已回复";
/// The same of a soft wait: nobody is late.
pub const ASSENTED: &str = "客户已应答，请看一下是否需要跟进";
/// The same of a promise.
pub const PROMISED: &str = "承诺待兑现";
/// The same of a promise with a time.
pub const PROMISE_DUE: &str = "约定时间已到，承诺待兑现";
/// A customer who had only assented asked for something.
pub const BECAME_REQUEST: &str = "➡️ 客户已提出要求";
/// Title for whoever owns a room from now on.
pub const ASSIGNED: &str = "📌 新负责人";
/// Of a handover: who owned the room before.
pub const OWNER_BEFORE: &str = "原负责人";
/// Of a handover: who decided it.
pub const ASSIGNED_BY: &str = "指定人";
/// Of a handover: when.
pub const ASSIGNED_AT: &str = "时间";
/// Of a handover: what follows from it.
pub const ASSIGNED_NOTE: &str = "这个群从现在起由负责人跟进，之后的提醒都发给负责人。";
/// Title when our account left a room.
pub const ACCOUNT_LEFT: &str = "助手账号已被移出群";
/// Title when it is back.
pub const RETURNED: &str = "✅ 助手账号已回到群里";
/// Judged anew, nobody was waiting.
pub const VOID: &str = "☑️ 无需回复";
/// The rules exclude the room.
pub const EXCLUDED: &str = "🔕 不再提醒";

/// Tag beside the title while nobody has answered.
pub const TAG_OPEN: &str = "未处理";
/// Tag of a wait that overlapped a gap in what we saw.
pub const TAG_UNVERIFIED: &str = "待核实";

/// Labels in the card.
pub const CUSTOMER: &str = "客户：";
/// Beside a time where the clock stood still meanwhile.
pub const WORKING_TIME_ONLY: &str = "（只算工作时间）";
/// Since when our account is not in the room.
pub const LEFT_AT: &str = "移出时间";
pub const LEFT_BY: &str = "操作人";
/// The search marker, in a panel that is folded.
pub const MARKER: &str = "编号";

/// In the place of a missing owner.
pub const NO_OWNER: &str = "还没有";
/// Whom a room was handed to that nobody owns now.
pub const WITHOUT_OWNER: &str = "（暂无负责人）";
/// What to do about it.
pub const ASSIGN_ONE: &str = "请在「群聊总表」里为这个群填写负责人，之后的提醒会直接发给 TA。";
/// After the owner's name when the @ was refused and left out.
pub const MENTION_DROPPED: &str = "（@ 失败，请转告）";
/// When a customer's or room's name is empty.
pub const NAMELESS: &str = "（未命名）";
/// What to do when the wait may have been answered unseen.
pub const UNVERIFIED_NOTE: &str =
    "采集曾中断，期间的消息看不到。请到群里核实：已经回复的，点「已回复」；还没有的，请尽快回复客户。";
/// What to do when our account left a room.
pub const LEFT_NOTE: &str =
    "群里的等待已停止计时，新消息也看不到了。需要继续观察的，请把助手账号重新拉进群。";

/// The button of a wait that may have been answered unseen.
pub const ANSWERED_UNSEEN: &str = "已回复";
/// Title of the question before it takes effect.
pub const ANSWERED_TITLE: &str = "确认已经回复过客户？";
pub const ANSWERED_TEXT: &str = "这次等待会结束，不再提醒；采集曾中断，所以不计入统计。";
/// The button of every wait.
pub const NO_REPLY_NEEDED: &str = "不用回复";
/// Title of the question before it takes effect.
pub const CONFIRM_TITLE: &str = "确认不用回复？";
pub const CONFIRM_TEXT: &str = "这次等待会结束（表格里记为「已取消」），不再提醒，也不计入回复时间。";

/// The button of a wait that was just cancelled on a card.
pub const UNDO: &str = "撤销「不用回复」";

/// The button of whoever sees to a wait.
pub const CLAIM: &str = "我来处理";
/// What stands on the menu of how long one's own reminders wait.
pub const SNOOZE: &str = "稍后提醒我…";
/// What stands on the menu of how long one is not to be disturbed.
pub const FOCUS: &str = "专注…";
/// What stands on the button that asks for everybody who waits for oneself.
pub const WAITING: &str = "我的待回复";
/// What stands on the menu of who stands in for somebody who is away.
pub const AWAY: &str = "休假…";
/// What stands on the button of somebody who is back.
pub const BACK: &str = "结束休假";
/// What stands on the menu of whom the room can be handed to.
pub const ASSIGN: &str = "转交给…";

/// What stands on the menu of which silent room is to be told no more.
pub const STOP_FOLLOW_UP: &str = "不再跟进…";

/// After whoever took 不用回复 back.
pub const UNDONE: &str = " 撤销了「不用回复」";
/// Between who handed a room over and to whom.
pub const ASSIGNED_TO: &str = " 转交给 ";

/// Answers to a press.
pub const TOAST_DONE: &str = "已记录：不用回复，不再提醒";
/// 已回复 was pressed.
pub const TOAST_CONFIRMED: &str = "已记录：已回复，不再提醒";
/// 已回复 was pressed where nothing can have been missed.
pub const TOAST_NOTHING_MISSED: &str = "等待期间采集没有中断，请直接回复客户";
/// 撤销 was pressed. Whether somebody else's 不用回复 still ends the wait is not known yet.
pub const TOAST_UNDONE: &str = "已记录：撤销「不用回复」";
/// 撤销 was pressed too late.
pub const TOAST_UNDO_LATE: &str = "超过 10 分钟，不能撤销了；客户再说话会重新开始计时";
/// 撤销 was pressed where nothing is left to be taken back.
pub const TOAST_NOTHING_TO_UNDO: &str = "没有可撤销的「不用回复」";
/// The wait had ended before.
pub const TOAST_ALREADY: &str = "这次等待已经结束，无需处理";
/// A button of an old card.
pub const TOAST_UNKNOWN: &str = "这个按钮已失效";
/// 稍后提醒 was pressed in the chat of somebody else.
pub const TOAST_NOT_YOURS: &str = "这个按钮只能在自己的提醒群里按";
/// 专注 was ended.
pub const TOAST_FOCUS_OVER: &str = "已结束专注，攒着的提醒马上发给您";
/// 我的待回复 was pressed.
pub const TOAST_NOBODY_WAITS: &str = "没有客户在等您回复";
/// 结束休假 was pressed.
pub const TOAST_BACK: &str = "已结束休假，提醒重新发给您";
/// The same by somebody who is not away.
pub const TOAST_NOT_AWAY: &str = "您没有在休假";
/// A digest of which nobody waits any more, or all who do stand on a newer one.
pub const DIGEST_DONE: &str = "✅ 这张汇总已处理完";
/// The same at length.
pub const DIGEST_DONE_NOTE: &str = "都已回复，或不用回复；仍在等的，见新的汇总。";
/// What a digest is.
pub const DIGEST_NOTE: &str =
    "在等您回复的客户，最急的在前。已经回复或不用回复的，会从这里消失；公共群照常提醒。";
/// 稍后提醒 was pressed too often.
pub const TOAST_SNOOZED_ENOUGH: &str = "每次等待最多推迟两次，请尽快回复客户";
/// 稍后提醒 was pressed where no reminder comes within that time.
pub const TOAST_NOTHING_TO_SNOOZE: &str = "这段时间里没有要推迟的提醒";
/// 不再跟进 was pressed where somebody has said something since.
pub const TOAST_NOT_SILENT: &str = "群里已经有新消息，不用处理";
/// 我来处理 was pressed again by the same person.
pub const TOAST_CLAIMED_ALREADY: &str = "已经记录：您来处理";
/// We could not do it just now.
pub const TOAST_FAILED: &str = "暂时无法处理，请稍后再试";

/// Why a wait is cancelled by the button, as tables show it.
pub const CANCEL_REASON: &str = "卡片按钮：不用回复";
/// In the place of a name that we do not know.
pub const SOMEBODY: &str = "飞书用户";

/// "周五"
pub const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Mon => "周一",
        Weekday::Tue => "周二",
        Weekday::Wed => "周三",
        Weekday::Thu => "周四",
        Weekday::Fri => "周五",
        Weekday::Sat => "周六",
        Weekday::Sun => "周日",
    }
}

/// "已回复：产品交流群"
pub fn in_room(what: &str, room: &str) -> String {
    format!("{what}：{room}")
}

/// The level and how long the customer has waited, before everything else: "【橙色·20分钟】".
pub fn level(colour: &str, threshold: Option<Duration>) -> String {
    match threshold {
        Some(threshold) => format!("【{colour}·{}】", span(threshold).replace(' ', "")),
        None => format!("【{colour}】"),
    }
}

/// "（云帆科技）", after the customer; a blank when it is not known.
pub fn of_corporation(corporation: &str) -> String {
    if corporation.is_empty() { " ".to_owned() } else { format!("（{corporation}）") }
}

/// "10:42 起等待", after a customer on a list.
pub fn waits_since(time: &str) -> String {
    format!("{time} 起等待")
}

/// A customer on a list, with how many others wait in their room: "陈小样（另有1位客户在等）".
pub fn with_others(customer: &str, count: usize) -> String {
    let name = domain::wording::name(customer);
    if count == 0 { name.to_owned() } else { format!("{name}（{}）", domain::wording::others_wait(count)) }
}

/// "，另有1位客户在等", after since when the first of them does.
pub fn and_others_wait(count: usize) -> String {
    format!("，{}", domain::wording::others_wait(count))
}

/// "10:42 得到承诺", after the customer; with the time that was named: "10:42 得到承诺，约定 15:00".
pub fn promised_at(time: &str, due: Option<&str>) -> String {
    let due = due.map(|due| format!("，约定 {due}")).unwrap_or_default();
    format!("{time} 得到承诺{due}")
}

/// "10:42 只应了一声，请看一下是否需要跟进", after the customer of a soft wait.
pub fn assented_at(time: &str) -> String {
    format!("{time} 只应了一声，请看一下是否需要跟进")
}

/// What follows a soft wait has cards of its own.
pub fn became_request() -> String {
    "客户随后提出了要求，另行计时".to_owned()
}

/// "（售前）", after the owner.
pub fn of_team(team: Stage) -> String {
    let team = match team {
        Stage::PreSales => "售前",
        Stage::AfterSales => "售后",
    };
    format!("（{team}）")
}

/// "已回复 · 小林 · 12 分钟"
pub fn answered_by(who: &str, after: Duration) -> String {
    format!("已回复 · {who} · {}", span(after))
}

/// "已回复 · 小林 · 采集曾中断，用时不计入统计"
pub fn answered_unverified(who: &str) -> String {
    format!("已回复 · {who} · 采集曾中断，用时不计入统计")
}

/// "小林 确认采集中断期间已回复，不计入统计"
pub fn confirmed_by(who: &str) -> String {
    format!("{who} 确认采集中断期间已回复，不计入统计")
}

/// Our account is back in the room.
pub fn returned() -> String {
    "助手账号已回到群里，恢复计时".to_owned()
}

/// "已转交给 小周，由 TA 继续跟进"
pub fn handed_over_to(who: &str) -> String {
    format!("已转交给 {who}，由 TA 继续跟进")
}

/// "负责人是 小周，由 TA 继续跟进"
pub fn owner_found(who: &str) -> String {
    format!("负责人是 {who}，由 TA 继续跟进")
}

/// "📋 还有 3 位客户在等回复"
pub fn unanswered_title(count: i64) -> String {
    format!("📋 还有 {count} 位客户在等回复")
}

/// "• 产品交流群：王小样，负责人 小林，11-20 17:30 起等待，已等 1 小时 3 分钟（售前客户 +10）", names already made safe.
pub fn unanswered_line(
    room: &str,
    customer: &str,
    owner: &str,
    since: &str,
    waited: Duration,
    because: &str,
) -> String {
    let because = if because.is_empty() { String::new() } else { format!("（{because}）") };
    format!("• {room}：{customer}，负责人 {owner}，{since} 起等待，已等 {}{because}", span(waited))
}

/// "另有 5 位，未列出"
pub fn and_more(count: i64) -> String {
    format!("另有 {count} 位，未列出")
}

/// What the list is and until when it counts; `working_time`: some of those on it have waited outside of working hours too.
pub fn unanswered_note(at: &str, working_time: bool) -> String {
    let counted = if working_time { "「已等」只算工作时间。" } else { "" };
    format!("截至 {at}。{counted}这些等待的提醒都已发完；回复客户，或消除未回覆记录以后，不再列出。")
}

/// "🔕 王小售：3 个群很久没有人说话了"
pub fn follow_ups_title(owner: &str, count: usize) -> String {
    if count == 0 {
        return format!("✅ {owner}：静默的群都已处理");
    }
    format!("🔕 {owner}：{count} 个群很久没有人说话了")
}

/// "• 产品交流群：11-12 起没有人说话，满 7 个工作日（售前客户 +10）", names already made safe.
pub fn follow_up_line(room: &str, working_days: u32, since: &str, because: &str) -> String {
    let because = if because.is_empty() { String::new() } else { format!("（{because}）") };
    format!("• {room}：{since} 起没有人说话，满 {working_days} 个工作日{because}")
}

/// In the place of the line of a room that is silent no more.
pub fn follow_up_ended(room: &str) -> String {
    format!("✅ {room}：已有新消息")
}

/// The same of one that is to be told no more.
pub fn follow_up_stopped(room: &str, by: &str) -> String {
    format!("☑️ {room}：不再跟进 · {by}")
}

/// The same of one that the managers' table says nobody follows up.
pub fn not_followed_up(room: &str) -> String {
    format!("☑️ {room}：群聊总表已勾「不再跟进」")
}

/// What the list of silent rooms is.
pub fn follow_ups_note() -> String {
    "这些群刚刚静默到上面的天数，没有人在等回复；可以主动问候一下。群里有人说话，或选「不再跟进」以后，这次静默不再列出。"
        .to_owned()
}

/// 不再跟进 was pressed.
pub fn toast_follow_up_stopped(room: &str) -> String {
    format!("已记录：不再跟进「{room}」；群里再有人说话，会重新算")
}

/// "☀️ 开工汇总 · 王小售：3 位客户在等"
pub fn opening_title(owner: &str, open: usize) -> String {
    if open == 0 {
        return format!("✅ 开工汇总 · {owner}：都已处理");
    }
    format!("☀️ 开工汇总 · {owner}：{open} 位客户在等")
}

/// "• 产品交流群：王小样，11-20 22:10 起等待（售前客户 +10）", names already made safe.
pub fn opening_line(room: &str, customer: &str, what: &str, because: &str) -> String {
    let because = if because.is_empty() { String::new() } else { format!("（{because}）") };
    format!("• {room}：{customer}，{what}{because}")
}

/// "✅ 产品交流群：已回复 · 小林 · 12 分钟"
pub fn opening_ended(room: &str, outcome: &str) -> String {
    format!("✅ {room}：{outcome}")
}

/// What the list of an opening is.
pub fn opening_note() -> String {
    "下班以后来的消息，从开工起计时；下班后才能发的提醒，合并在这里。还没有回复的，到时照常逐级提醒。"
        .to_owned()
}

/// "📝 2 个群等待核准进入售后阶段"
pub fn approvals_title(count: usize) -> String {
    format!("📝 {count} 个群等待核准进入售后阶段")
}

/// "• 产品交流群：小林 → 小周（小林 11-20 10:42 提出）", names already made safe.
pub fn approval_line(room: &str, from: &str, to: &str, by: &str, at: &str) -> String {
    format!("• {room}：{from} → {to}（{by} {at} 提出）")
}

/// "另有 5 个群，未列出"
pub fn and_more_rooms(count: usize) -> String {
    format!("另有 {count} 个群，未列出")
}

/// What the list of pending approvals is, and until when it counts.
pub fn approvals_note(at: &str) -> String {
    format!(
        "截至 {at}。同意，就在「群聊总表」的「待核准列表」里勾「核准进入售后阶段」；不同意，就把「负责人」「群聊阶段」改回去。"
    )
}

/// The title of figures: somebody's own, or of all.
pub fn figures_title(own: bool, days: &str) -> String {
    format!("📊 {}回复情况（{days}）", if own { "我的" } else { "" })
}

/// "客户提问 43 次：已回复 40，等待中 1，已取消 2（取消前共等 31 分钟）"
pub fn how_many_asked(figures: &Figures) -> String {
    let mut parts = vec![format!("已回复 {}", figures.answered), format!("等待中 {}", figures.open)];
    if figures.cancelled > 0 {
        let time = domain::wording::duration(figures.cancelled_after);
        parts.push(format!("已取消 {}（取消前共等 {time}）", figures.cancelled));
    }
    let others = figures.confirmed + figures.withdrawn + figures.unobserved;
    parts.extend((others > 0).then(|| format!("其他 {others}")));
    let left_out = figures.left_out.unverified;
    let unverified =
        if left_out > 0 { format!("；另有 {left_out} 次待核实，不计") } else { String::new() };
    format!("客户提问 {} 次：{}{unverified}", figures.asked, parts.join("，"))
}

/// "回复用时：中位 4 分钟，九成不超过 12 分钟，10 分钟内 86%"
pub fn how_fast(figures: &Figures) -> Option<String> {
    let (median, p90) = (median(figures)?, figures.p90?);
    let time = domain::wording::duration(p90.time);
    let p90 =
        if p90.at_least { format!("九成线至少 {time}") } else { format!("九成不超过 {time}") };
    Some(format!("回复用时：{median}，{p90}{}{}", within_ten(figures), few(figures)))
}

/// "中位 4 分钟"; who still waits may raise it.
fn median(figures: &Figures) -> Option<String> {
    figures.median.map(median_in_words)
}

fn median_in_words(Quantile { time, at_least }: Quantile) -> String {
    let time = domain::wording::duration(time);
    if at_least { format!("中位至少 {time}") } else { format!("中位 {time}") }
}

/// So many of a hundred of the answers came within ten minutes, rounded down.
fn within_ten(figures: &Figures) -> String {
    let share = figures.within_threshold(TEN_MINUTES).and_then(percent);
    share.map(|share| format!("，10 分钟内 {share}")).unwrap_or_default()
}

/// Rounded down.
fn percent(of: Within) -> Option<String> {
    (of.of > 0).then(|| format!("{}%", of.within * 100 / of.of))
}

const fn few(figures: &Figures) -> &'static str {
    if figures.is_few() { "（样本少，仅供参考）" } else { "" }
}

/// "承诺：兑现 5（其中迟 1），待兑现 2"
pub fn what_was_promised(promises: &Promises) -> Option<String> {
    let Promises { kept, late, open, .. } = *promises;
    let late = if late > 0 { format!("（其中迟 {late}）") } else { String::new() };
    (kept + open > 0).then(|| format!("承诺：兑现 {kept}{late}，待兑现 {open}"))
}

/// "• 张三：12 次，中位 3 分钟，10 分钟内 92%；每小时 3.2 次，平均同时等 0.6 位", the name already made safe.
pub fn figures_of_person(name: &str, figures: &Figures, load: Option<Load>, busy: bool) -> String {
    let median = median(figures).map(|median| format!("，{median}")).unwrap_or_default();
    let load = load.map(|load| {
        format!("；每小时 {:.1} 次，平均同时等 {:.1} 位", load.asked_per_hour, load.waiting_at_once)
    });
    let (share, few, load) = (within_ten(figures), few(figures), load.unwrap_or_default());
    let busy = if busy { "（特别忙）" } else { "" };
    format!("• {name}：{} 次{median}{share}{few}{load}{busy}", figures.asked)
}

/// "另有 5 人，未列出"
pub fn and_more_people(count: usize) -> String {
    format!("另有 {count} 人，未列出")
}

/// "⏳ 还在等：云帆科技-项目群，已等 25 分钟", the name already made safe.
pub fn still_waiting(room: &str, time: TimeDelta) -> String {
    format!("⏳ 还在等：{room}，已等 {}", domain::wording::duration(time))
}

/// "🎯 售前：达标（目标 10 分钟内回复 ≥ 80%；实际 86%）"
pub fn target_reached(target: &Target, reached: &Reached) -> String {
    let team = report::team(target.team.name());
    let share = reached.share.and_then(percent);
    let median = reached.median.map(median_in_words);
    let found: Vec<String> = share.into_iter().chain(median).collect();
    let found = if found.is_empty() { String::new() } else { format!("；实际 {}", found.join("，")) };
    let (verdict, words) = (report::met_in_words(reached.met), report::target_in_words(target));
    format!("🎯 {team}：{verdict}（目标 {words}{found}）")
}

/// The link to the board's page of the same figures.
pub const OPEN_BOARD: &str = "打开看板";
/// A button: whoever presses is sent a link.
pub const BOARD_LINK: &str = "发我登录链接";
pub const TOAST_LINK_SENT: &str = "登录链接已经私发给您，10 分钟内有效";
pub const TOAST_LINK_NOT_SENT: &str = "链接没有发出去，请过一会儿再点一次";
pub const TOAST_NOT_IN_ROSTER: &str = "名单里没有您的飞书账号，看板打不开。请让技术同事加上";
/// The card with the link.
pub const BOARD_LOGIN: &str = "看板登录链接";
pub const LINK_IS_YOURS: &str = "只给您，请不要转发；10 分钟内有效，只能用一次";

/// Until when figures count, how to read them, and where there is more.
pub fn figures_note(at: &str, old_since: Option<&str>, board: bool) -> String {
    let old =
        old_since.map(|since| format!("统计服务自 {since} 起没有更新，以下数字不全。")).unwrap_or_default();
    format!(
        "{old}截至 {at}，按工作时间计；按提问时的负责人算，和谁回复的无关。{}",
        if board {
            "明细见看板，第一次打开要登录。"
        } else {
            "明细请管理员运行 huiyin report。"
        }
    )
}

/// "不用回复 · 小林"
pub fn cancelled_by(who: &str) -> String {
    format!("不用回复 · {who}")
}

/// The customer took the message back.
pub fn withdrawn() -> String {
    "客户撤回了消息，无需再回复".to_owned()
}

/// Our account has left the room.
pub fn unobserved() -> String {
    "助手账号已被移出群，无法继续计时".to_owned()
}

/// Judged anew, nobody was waiting.
pub fn void() -> String {
    "重新判定后，这条消息无需回复".to_owned()
}

/// The rules exclude the room.
pub fn excluded() -> String {
    "这个群已被排除，不再提醒".to_owned()
}

/// "15 分钟"
pub fn minutes(minutes: u64) -> String {
    span(Duration::from_secs(minutes * 60))
}

/// After whoever sees to a wait: " 来处理（至 10:57）"
pub fn claimed(until: &str) -> String {
    format!(" 来处理（至 {until}）")
}

/// After whoever put their own cards off: " 推迟了自己的提醒（至 10:57）"
pub fn snoozed(until: &str) -> String {
    format!(" 推迟了自己的提醒（至 {until}）")
}

/// 我来处理 was pressed.
pub fn toast_claimed(until: &str) -> String {
    format!("已记录：您来处理，至 {until}；到时还没有回复，会继续提醒负责人")
}

/// 我来处理 was pressed while somebody else sees to it.
pub fn toast_claimed_by(who: &str, until: &str) -> String {
    format!("{who} 正在处理（至 {until}）")
}

/// 稍后提醒 was pressed.
pub fn toast_snoozed(until: &str) -> String {
    format!("已推迟到 {until}；公共群的提醒不受影响")
}

/// "专注 30 分钟", or the end of it.
pub fn focus_for(minutes: u64) -> String {
    if minutes == 0 { "结束专注".to_owned() } else { format!("专注 {}", self::minutes(minutes)) }
}

/// 专注 was pressed.
pub fn toast_focus(until: &str) -> String {
    format!("专注到 {until}：发给您的提醒先攒着，到时汇总；公共群照常")
}

/// "（专注至 15:00）", after the owner.
pub fn in_focus(until: &str) -> String {
    format!("（专注至 {until}）")
}

/// "代张三：", before the room, for whoever stands in.
pub fn instead_of(owner: &str) -> String {
    format!("代{owner}：")
}

/// "（休假，由 李四 代）", after the owner.
pub fn away(deputy: &str) -> String {
    format!("（休假，由 {deputy} 代）")
}

/// "今天由 李四 代"
pub fn away_today(deputy: &str) -> String {
    format!("今天由 {deputy} 代")
}

/// "由 李四 代为跟进"; without anybody, that everybody reads it.
pub fn stood_in_for_by(deputy: Option<&str>) -> String {
    match deputy {
        Some(deputy) => format!("您在休假，由 {deputy} 代为跟进"),
        None => "您在休假，也没有人能代，提醒发在公共群".to_owned(),
    }
}

/// 我的待回复 was pressed.
pub fn toast_waiting(count: usize) -> String {
    format!("{count} 位客户在等您回复，清单马上发给您")
}

/// 休假 was chosen.
pub fn toast_away(deputy: &str) -> String {
    format!("今天您的提醒发给 {deputy}，标明代您；回来了请按「结束休假」，明天自动恢复")
}

/// 休假 was chosen with somebody who is away.
pub fn toast_away_too(deputy: &str) -> String {
    format!("{deputy} 也在休假，请换一位")
}

/// "📋 3 位客户在等您回复"
pub fn digest_title(count: usize) -> String {
    format!("📋 {count} 位客户在等您回复")
}

/// "• 产品交流群：王小样 10:42 起等待（售前客户 +10）", names already made safe.
pub fn digest_line(room: &str, customer: &str, since: &str, because: &str) -> String {
    let because = if because.is_empty() { String::new() } else { format!("（{because}）") };
    format!("• {room}：{customer} {since}{because}")
}

/// 转交 was pressed.
pub fn toast_assigned(to: &str) -> String {
    format!("已提交：转交给 {to}")
}

/// 转交 was pressed for whoever owns the room.
pub fn toast_owner_already(owner: &str) -> String {
    format!("已经由 {owner} 负责")
}

/// The button was pressed by somebody who may not.
pub fn toast_may_not(who: &[Who]) -> String {
    let named = who.iter().map(|who| match who {
        Who::Owner => "负责人",
        Who::Manager => "经理",
        Who::Roster => "名单里的同事",
        Who::Anyone => "所有人",
    });
    let named: Vec<&str> = named.collect();
    if named.is_empty() {
        "这个按钮已停用".to_owned()
    } else {
        format!("您不能点这个按钮：只有{}可以", named.join("、"))
    }
}

/// "已由 小林 处理", for a second press.
pub fn toast_handled_by(who: &str) -> String {
    format!("已由 {who} 处理")
}

/// A length of time, as everything says it.
pub fn span(length: Duration) -> String {
    domain::wording::duration(TimeDelta::from_std(length).unwrap_or(TimeDelta::MAX))
}
