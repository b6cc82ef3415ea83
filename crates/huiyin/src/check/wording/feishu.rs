//! What is said of the app, its chats and the people.

use feishu::FeishuError;

use super::{Advice, advice};

pub(in crate::check) const FEISHU_IS_OFF: &str = "feishu.enabled 是 false，未检查";
pub(in crate::check) const CHATS_NOT_READ: &str = "应用不能登录，各群未检查";
pub(in crate::check) const PEOPLE_NOT_READ: &str = "应用不能登录，各人未检查";
/// Who may see contacts.
const CONTACT_SCOPE: &str = "contact:contact.base:readonly";

pub(in crate::check) fn app_is_known(app: &str) -> String {
    format!("应用 {app} 的 App ID 和 App Secret 有效")
}

pub(in crate::check) fn feishu_unreachable(url: &str) -> Advice {
    advice(format!("{url} 没有及时回应"), "检查本机能否访问飞书（网络、代理、防火墙），稍后再查")
}

pub(in crate::check) fn feishu(what: &str, error: &FeishuError) -> Advice {
    let code = error.code().unwrap_or_default();
    match (code, error) {
        (10_003 | 10_014 | 10_015, _) => advice(
            "飞书不接受 App ID 或 App Secret",
            "在开放平台的 凭证与基础信息 页重新复制，填入 feishu.app_id 和 feishu.app_secret",
        ),
        (99_991_672 | 230_027, _) => advice(
            format!("{what}：应用缺少权限"),
            "在开放平台的 权限管理 页开通 docs/zh/install.md 第二节列出的权限，创建版本并等管理员通过",
        ),
        (99_991_401, _) => advice(
            format!("{what}：本机的出口 IP 不在白名单里"),
            "在开放平台的 安全设置 页加上它，或停用 IP 白名单",
        ),
        (99_991_662 | 99_991_673, _) => {
            advice(format!("{what}：应用没有启用"), "在开放平台发布应用的版本，并请管理员在后台启用")
        }
        (230_006, _) => advice(
            format!("{what}：应用没有开启机器人能力"),
            "在开放平台的 添加应用能力 页添加「机器人」，创建版本并发布",
        ),
        (_, FeishuError::QuotaExhausted(_)) => {
            advice(format!("{what}：本月的 API 调用次数已用完"), "升级飞书的套餐，或等到下个月")
        }
        (_, error) if error.is_out_of_reach() => advice(
            format!("{what}：连不上飞书"),
            "检查 feishu.base_url，以及本机能否访问它（网络、代理、防火墙）",
        ),
        _ => advice(
            format!("{what}：飞书没有接受（代码 {code}）"),
            "按代码在开放平台的文档里查原因；稍后再查一次",
        ),
    }
}

pub(in crate::check) fn callbacks(listen: &str) -> String {
    format!(
        "Encrypt Key 和 Verification Token 已填写；请自行确认开放平台「回调配置」里的地址能到达本机的 {listen}（接口查不到）"
    )
}

/// Somebody's own chat, before its name or id.
pub(in crate::check) fn own_chat(name: &str) -> String {
    format!("「{name}」的提醒群")
}

pub(in crate::check) fn in_chat(owner: &str, chat: &str) -> String {
    format!("{owner}「{chat}」：飞书机器人在群里")
}

pub(in crate::check) fn not_in_chat(owner: &str, chat: &str) -> Advice {
    advice(
        format!("{owner} {chat}：飞书机器人不在群里，或没有这个群"),
        "在飞书里打开这个群，设置 → 群机器人 → 添加本应用；再核对配置里的群编号（huiyin roster discover --people 会列出飞书机器人所在的群）",
    )
}

pub(in crate::check) fn chat_dissolved(owner: &str, chat: &str) -> Advice {
    advice(format!("{owner}「{chat}」已解散"), "另建一个群，加入飞书机器人，把新的群编号写进配置")
}

pub(in crate::check) fn person_is_known(name: &str) -> String {
    format!("「{name}」的 open_id 有效")
}

/// Whether Feishu says that nobody has this id here.
pub(in crate::check) fn is_unknown_person(error: &FeishuError) -> bool {
    matches!(error.code(), Some(99_992_351 | 99_992_361))
}

pub(in crate::check) fn person_unknown(name: &str, open_id: &str) -> Advice {
    advice(
        format!("「{name}」的 open_id {open_id} 不属于本应用"),
        "open_id 每个应用各不相同：用 huiyin roster discover --people 查出本应用的 open_id，改正 rules.roster 里的 addresses.feishu.open_id 或 watchdog.operators",
    )
}

pub(in crate::check) fn person_unseen(name: &str, error: &FeishuError) -> Advice {
    let remedy = "不影响提醒；想核对时在开放平台开通权限";
    match error.code() {
        Some(41_050) => advice(
            format!("「{name}」不在应用的通讯录权限范围内"),
            "在开放平台的 权限管理 → 通讯录权限范围 里加上此人，发布新版本",
        ),
        Some(99_991_672) => advice(
            format!("「{name}」未能核对：应用没有查看通讯录的权限"),
            format!("{remedy} {CONTACT_SCOPE}"),
        ),
        _ => feishu(&format!("「{name}」未能核对"), error),
    }
}
