//! Every word that `huiyin roster` says, for whoever sets the system up.

use domain::rules::{Problem, RosterEntry, Team};
use store::rooms::Room;

use crate::text::on_one_line;

pub(super) const SAME_NAME: &str = "　← 名单里有同名的人：若是同一个人，把这个账号加进他的 contacts";
pub(super) const ACCOUNTS: &str = "\n飞书账号：";
pub(super) const CHATS: &str = "\n\n飞书机器人所在的群（卡片可以发到这些群，编号填入 rules.roster 里的 addresses.feishu.chat，或 feishu.public_chat）：";

pub(super) fn in_roster(count: usize) -> String {
    format!("群里见过、已在名单中的同事：{count} 人")
}

pub(super) fn not_in_roster(count: usize) -> String {
    format!("\n\n群里见过、不在名单中的同事：{count} 人")
}

pub(super) fn called(name: &str) -> String {
    format!("　名单中叫「{name}」")
}

pub(super) fn coworker(name: &str, corporation: &str, person: &str, rooms: i64, last: &str) -> String {
    let corporation = if corporation.is_empty() { "企业不详" } else { corporation };
    format!("{name}（{corporation}）　{person}　在 {rooms} 个群　最近 {last}")
}

pub(super) fn paste_roster(entries: &str) -> String {
    format!(
        "\n\n可以贴进 rules.roster 的条目（请把 team 改成 pre_sales 或 after_sales，其他同事留 other）：\n{entries}"
    )
}

pub(super) fn account(name: &str, mobile: &str, email: &str, open_id: Option<&str>) -> String {
    let by: Vec<&str> = [mobile, email].into_iter().filter(|text| !text.is_empty()).collect();
    let by = if by.is_empty() { "没有手机号和邮箱".to_owned() } else { by.join("、") };
    match open_id {
        Some(open_id) => format!("✔ {name}（{by}）　{open_id}"),
        None => format!(
            "✘ {name}（{by}）　没有找到：核对手机号和邮箱（须是本人登记在飞书的），并确认此人在应用的可用范围内"
        ),
    }
}

pub(super) fn paste_addresses(entries: &str) -> String {
    let entries = if entries.is_empty() { "  （没有新的）" } else { entries };
    format!(
        "\n\n可以贴进 rules.roster（名单里的人：贴进他的条目；别人：整条加进去，例如要按按钮的经理）：\n{entries}"
    )
}

pub(super) fn feishu_refused(code: Option<i64>) -> String {
    match code {
        Some(99_991_672) => {
            "飞书应用缺少权限：在开放平台的 权限管理 页开通 contact:user.id:readonly 和 im:chat:readonly，创建版本并等管理员通过".to_owned()
        }
        Some(10_003 | 10_014 | 10_015) => {
            "飞书不接受 App ID 或 App Secret：核对 feishu.app_id 和 feishu.app_secret".to_owned()
        }
        Some(code) => format!("飞书没有接受（代码 {code}）：运行 huiyin check 看详情"),
        None => "连不上飞书：检查 feishu.base_url 和网络".to_owned(),
    }
}

pub(super) const SAME_ROSTER: &str = "配置里的名单和正在生效的一样";

fn team(team: Team) -> &'static str {
    match team {
        Team::PreSales => "售前",
        Team::AfterSales => "售后",
        Team::Other => "其他",
    }
}

/// Where somebody is reached, and by which accounts they are known.
fn reached(entry: &RosterEntry) -> String {
    let chat = if entry.feishu_chat().is_some() { "有提醒群" } else { "没有提醒群" };
    let account = if entry.feishu_account().is_some() { "有飞书账号" } else { "没有飞书账号" };
    format!("{chat}、{account}、{} 个微信账号", entry.contacts.len())
}

pub(super) fn people(count: usize) -> String {
    format!("正在生效的名单：{count} 人")
}

pub(super) fn person(entry: &RosterEntry, pre_sales: usize, after_sales: usize) -> String {
    let (name, team) = (entry.name.as_str(), team(entry.team));
    format!("  {name}（{team}）　售前 {pre_sales} 个群、售后 {after_sales} 个群　{}", reached(entry))
}

pub(super) fn not_in_force(owner: &str, rooms: usize) -> String {
    format!(
        "不在名单里的负责人「{owner}」：{rooms} 个群，提醒只发到公共群；转给别人：huiyin roster handover {owner} 接手的人"
    )
}

pub(super) fn nobodys(rooms: usize) -> String {
    format!("无负责人：{rooms} 个群")
}

pub(super) fn room(room: &Room) -> String {
    let topic = if room.topic.is_empty() { "（没有群名）".into() } else { on_one_line(&room.topic) };
    format!("    {topic}　{}　{}", room.state.stage, room.room)
}

pub(super) fn added(entry: &RosterEntry) -> String {
    format!("+ {}（{}）　{}", entry.name.as_str(), team(entry.team), reached(entry))
}

pub(super) fn removed(entry: &RosterEntry, rooms: usize) -> String {
    let name = entry.name.as_str();
    let handover = format!("；先转给别人：huiyin roster handover {name} 接手的人");
    format!(
        "- {name}（{}）　名下 {rooms} 个群{}",
        team(entry.team),
        if rooms > 0 { handover.as_str() } else { "" }
    )
}

pub(super) fn changed(before: &RosterEntry, after: &RosterEntry) -> String {
    let mut what = Vec::new();
    if before.team != after.team {
        what.push(format!("{} → {}", team(before.team), team(after.team)));
    }
    if before.contacts != after.contacts {
        what.push(format!("微信账号 {} 个 → {} 个", before.contacts.len(), after.contacts.len()));
    }
    if before.addresses != after.addresses {
        what.push("飞书的提醒群或账号改了".to_owned());
    }
    format!("~ {}　{}", after.name.as_str(), what.join("、"))
}

pub(super) fn unfit(problems: &[Problem]) -> String {
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    format!("名单和正在生效的其他规则对不上，没有生效：{}", told.join("；"))
}

/// Rooms whose owner `room-state` looks at once more.
pub(super) fn reviewed(rooms: usize) -> String {
    format!(
        "\n有 {rooms} 个群的负责人正按新名单重新认定：不在名单里的人名下的群，经理指定过的变成「无负责人」，其余归群里的同事"
    )
}

pub(super) fn applied(version: Option<i64>) -> String {
    match version {
        Some(version) => {
            format!("名单已生效（规则第 {version} 版），服务不用重启；配置里的其他改动用 huiyin apply")
        }
        None => "没有改动，规则不变".to_owned(),
    }
}

pub(super) fn no_such_person(name: &str) -> String {
    format!("正在生效的名单里没有「{name}」，或有同名的人：先用 huiyin roster show 看一看")
}

pub(super) fn same_person(name: &str) -> String {
    format!("「{name}」不能转给自己：第二个名字写接手的人")
}

pub(super) fn handed_over(from: &str, to: &str, rooms: usize) -> String {
    format!("「{from}」转给「{to}」：{rooms} 个群")
}

pub(super) fn not_handed_over(to: &str, rooms: usize) -> String {
    format!("阶段和「{to}」的团队不符，不能转给他：{rooms} 个群")
}

pub(super) fn done(rooms: usize) -> String {
    format!("已转交 {rooms} 个群，新负责人会收到卡片")
}

pub(super) fn not_done(refused: usize, undecided: usize) -> String {
    format!("{refused} 个群被拒绝，{undecided} 个群还没有结果（room-state 恢复后会处理）")
}

pub(super) fn some_stay(from: &str, rooms: usize) -> String {
    format!("{rooms} 个群仍归「{from}」，请转给对应团队的人")
}
