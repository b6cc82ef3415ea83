//! Every word that `huiyin roster` says, for whoever sets the system up.

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
