//! Every word that `huiyin check` says, for whoever sets the system up.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use feishu_alerter::feishu::FeishuError;
use ingest::gateway::GatewayError;
use runtime::bus::Difference;
use runtime::config::{Database, SecretFile};
use vika::Error as VikaError;
use vika::schema::ColumnProblem;

use super::report::{Group, Report, Status};

/// What was found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) what: String,
    pub(super) remedy: String,
}

fn told(what: impl Into<String>, remedy: impl Into<String>) -> Told {
    Told { what: what.into(), remedy: remedy.into() }
}

/// Why somebody could not log in to the database or the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LoginFailure {
    NoPassword,
    Password,
    NoDatabase,
    Unreachable,
    /// A code of Postgres.
    Other(String),
}

pub(super) const REMEDY: &str = "处理办法：";
pub(super) const FEISHU: &str = "飞书";
pub(super) const PUBLIC_CHAT: &str = "公开群";

pub(super) const fn title(group: Group) -> &'static str {
    match group {
        Group::Config => "配置",
        Group::Database => "数据库",
        Group::Bus => "总线",
        Group::Gateway => "网关",
        Group::Vika => "Vika",
        Group::Feishu => "飞书",
        Group::Clock => "时钟",
        Group::Calendar => "日历",
    }
}

pub(super) const fn sign(status: Status) -> &'static str {
    match status {
        Status::Ok => "✔",
        Status::Warning => "!",
        Status::Failed => "✘",
        Status::Skipped => "–",
    }
}

pub(super) fn summary(report: &Report) -> String {
    let (failed, warnings) = (report.count(Status::Failed), report.count(Status::Warning));
    let (good, skipped) = (report.count(Status::Ok), report.count(Status::Skipped));
    let verdict = if failed == 0 {
        "可以使用"
    } else {
        "还不能使用，请按上面的处理办法逐项解决后再运行一次"
    };
    format!("通过 {good} 项，提醒 {warnings} 项，未通过 {failed} 项，未检查 {skipped} 项：{verdict}")
}

pub(super) fn failed_count(failed: usize) -> String {
    format!("有 {failed} 项未通过")
}

pub(super) fn group_too_slow(limit: Duration) -> Told {
    told(
        format!("{} 秒内没有检查完", limit.as_secs()),
        "对方回应太慢：检查网络和防火墙，稍后再运行 huiyin check",
    )
}

pub(super) fn no_http() -> Told {
    told("本机读不到系统的根证书，无法建立加密连接", "安装系统证书包（如 ca-certificates）后再试")
}

// 配置

pub(super) const NO_CONFIG: &str = "配置没有通过，未检查";
pub(super) const CONFIG_LACKS_SECRETS: &str = "密钥文件不全，配置的其余部分未能读入";
pub(super) const NO_CALENDAR: &str = "没有配置日历文件，无可检查：等待时间全天计算";

pub(super) fn config_is_sound(file: &Path) -> String {
    format!("配置文件 {} 格式正确，内容自洽", file.display())
}

pub(super) fn config_problem(path: &str, message: &str) -> Told {
    let place = if path.is_empty() { "配置文件".to_owned() } else { format!("配置项 {path} ") };
    told(format!("{place}有误（{message}）"), "按括号里的说明改好这一处；config/default.json 里有完整的例子")
}

pub(super) fn secret_readable(secret: &SecretFile) -> String {
    format!("密钥文件 {} 可以读取，且不对其他用户开放", secret.file.display())
}

pub(super) fn secret_unreadable(secret: &SecretFile, kind: ErrorKind) -> Told {
    let (file, key) = (secret.file.display(), &secret.key);
    match kind {
        ErrorKind::NotFound => told(
            format!("密钥文件 {file} 不存在（{key}）"),
            "建立这个文件并写入密钥，或改正配置里的路径；用容器时检查 secrets 的挂载",
        ),
        ErrorKind::PermissionDenied => told(
            format!("密钥文件 {file} 不允许当前用户读取（{key}）"),
            "把文件的属主改成运行回音的用户（chown），权限设为 600（chmod 600）",
        ),
        _ => told(format!("密钥文件 {file} 读不出来（{key}）"), "确认它是一个普通的文本文件"),
    }
}

pub(super) fn secret_empty(secret: &SecretFile) -> Told {
    told(format!("密钥文件 {} 是空的（{}）", secret.file.display(), secret.key), "把密钥写进这个文件")
}

pub(super) fn secret_open_to_all(secret: &SecretFile) -> Told {
    let file = secret.file.display();
    told(format!("密钥文件 {file} 本机所有用户都能读（{}）", secret.key), format!("运行 chmod 600 {file}"))
}

// 数据库

pub(super) const SCHEMA_NOT_READ: &str = "没有角色能登录，表结构版本未检查";
pub(super) const RULES_NOT_READ: &str = "没有角色能登录，生效的规则未检查";

pub(super) fn database_unreachable(database: &Database) -> Told {
    told(
        format!("连不上数据库 {}:{}", database.host, database.port),
        "确认 Postgres 已启动，database.host 和 database.port 填写正确，防火墙放行",
    )
}

pub(super) fn role_not_tried(role: &str) -> String {
    format!("角色 {role} 能否登录未检查")
}

pub(super) fn role_logs_in(role: &str) -> String {
    format!("角色 {role} 可以登录")
}

pub(super) fn role_refused(role: &str, failure: &LoginFailure) -> Told {
    let (why, remedy) = match failure {
        LoginFailure::NoPassword => {
            ("配置里没有它的密码".to_owned(), format!("填写 database.passwords.{role}（或 {role}_file）"))
        }
        LoginFailure::Password if role == "admin" => (
            "密码不对".to_owned(),
            "核对 database.admin 和 database.passwords.admin，它们应是 Postgres 的超级用户".to_owned(),
        ),
        LoginFailure::Password => (
            "没有这个角色，或密码与数据库里的不一致".to_owned(),
            "运行 huiyin apply：它按配置里的密码建立并更新各角色".to_owned(),
        ),
        LoginFailure::NoDatabase => (
            "没有 database.name 所说的数据库".to_owned(),
            "建立这个数据库（createdb），再运行 huiyin apply".to_owned(),
        ),
        LoginFailure::Unreachable => {
            ("数据库没有及时回应".to_owned(), "检查数据库的负载和连接数上限 max_connections".to_owned())
        }
        LoginFailure::Other(code) => (
            format!("数据库拒绝了（代码 {code}）"),
            "运行 huiyin apply 重建权限；仍不行时按代码查 Postgres 的日志".to_owned(),
        ),
    };
    told(format!("角色 {role} 不能登录：{why}"), remedy)
}

pub(super) fn schema_is(version: i64) -> String {
    format!("表结构是本版本需要的第 {version} 版")
}

pub(super) fn schema_old(found: i64, needed: i64) -> Told {
    told(format!("表结构是第 {found} 版，本版本需要第 {needed} 版"), "运行 huiyin apply 升级表结构")
}

pub(super) fn schema_newer(found: i64, needed: i64) -> Told {
    told(
        format!("表结构是第 {found} 版，比本程序需要的第 {needed} 版新"),
        "可以继续用；升级尚未完成时属正常，否则换用较新的程序",
    )
}

pub(super) fn no_rules() -> Told {
    told("数据库里还没有生效的规则（公司名、名册、阶梯）", "运行 huiyin apply")
}

pub(super) fn rules_are(version: i64) -> String {
    format!("规则第 {version} 版已生效")
}

// 总线

pub(super) const DECLARED: &str = "所有流和消费者都已声明，设置与本版本一致";
pub(super) const NOBODY_LOOKS_AT_STREAMS: &str = "admin 和 reader 都不能登录，流和消费者未检查";
pub(super) const SYNC_ALWAYS: &str = "NATS 每次写入都落盘（sync_interval: always）";

pub(super) fn bus_unreachable(url: &str) -> Told {
    told(format!("连不上总线 {url}"), "确认 nats-server 已启动，bus.url 填写正确，防火墙放行")
}

pub(super) fn user_not_tried(user: &str) -> String {
    format!("用户 {user} 能否登录未检查")
}

pub(super) fn user_logs_in(user: &str) -> String {
    format!("用户 {user} 可以登录")
}

pub(super) fn user_refused(user: &str, failure: &LoginFailure) -> Told {
    let (why, remedy) = match failure {
        LoginFailure::NoPassword => {
            ("配置里没有它的密码", format!("填写 bus.passwords.{user}（或 {user}_file）"))
        }
        LoginFailure::Password => (
            "NATS 没有这个用户，或密码不一致",
            "让 nats.conf 引用的用户文件与 bus.passwords 出自同一次生成，改后重启 nats-server".to_owned(),
        ),
        _ => ("NATS 没有及时回应", "检查 nats-server 的日志和连接数上限".to_owned()),
    };
    told(format!("用户 {user} 不能登录：{why}"), remedy)
}

pub(super) fn not_declared(difference: &Difference) -> Told {
    let Difference { what, settings } = difference;
    let what = what.replace("stream ", "流 ").replace("consumer ", "消费者 ");
    if settings.is_empty() {
        told(format!("{what} 还没有声明"), "运行 huiyin apply")
    } else {
        told(
            format!("{what} 的设置与本版本不同：{}", settings.join("、")),
            "运行 huiyin apply；若被拒绝，说明这项设置不能就地修改，请按升级说明重建",
        )
    }
}

pub(super) fn streams_unreadable() -> Told {
    told(
        "读不到流和消费者的情况",
        "确认 nats-server 开启了 JetStream（nats.conf 的 jetstream 一节），且磁盘未满",
    )
}

pub(super) fn not_synced() -> Told {
    told(
        "NATS 不是每次写入都落盘：断电可能丢失刚收到的消息",
        "在 nats.conf 的 jetstream 一节写上 sync_interval: always，重启 nats-server",
    )
}

pub(super) fn no_monitor(url: Option<&str>) -> String {
    let place = url.map_or_else(String::new, |url| format!(" {url}"));
    format!("看不到 NATS 的监控页面{place}，是否每次落盘未检查（可用 --nats-monitor 指明地址）")
}

// 网关

pub(super) const NO_GATEWAY: &str = "没有配置网关：消息只从 webhook 进来";
pub(super) const GATEWAY_ROOMS_NOT_READ: &str = "账号能看到哪些群，未能读到";
pub(super) const LOGIN_NOT_READ: &str = "账号是否登录未检查：读不到 ingest 的记录（数据库角色 reader）";
pub(super) const LOGGED_IN: &str = "账号已登录，正在采集";
pub(super) const INGEST_IS_DOWN: &str = "账号是否登录未检查：ingest 没有在运行，启动后再查";
pub(super) const INGEST_NEVER_RAN: &str = "账号是否登录未检查：ingest 还没有连过这个网关，启动后再查";

pub(super) fn gateway_answers(endpoint: &str, version: &str) -> String {
    format!("网关 {endpoint} 接受令牌，版本 {version}")
}

pub(super) fn rooms(count: usize) -> String {
    format!("账号能看到 {count} 个群")
}

pub(super) fn no_rooms() -> Told {
    told("账号一个群也看不到", "确认登录的是加入了客户群的那个账号，并等网关同步完成")
}

pub(super) fn gateway_settings(error: &str) -> Told {
    told(format!("网关的设置不能用（{error}）"), "改正 ingest.gateway 的 token、tls_ca 或 tls_name")
}

pub(super) fn gateway_refused(endpoint: &str, error: GatewayError, tls: bool) -> Told {
    match error {
        GatewayError::Unauthenticated => told(
            format!("网关 {endpoint} 不接受令牌"),
            "让 ingest.gateway.token 与网关的 WECHATY_PUPPET_SERVICE_TOKEN 相同，注意首尾空格",
        ),
        GatewayError::Unreachable { .. } => told(
            format!("连不上网关 {endpoint}"),
            "确认网关进程在运行，ingest.gateway.endpoint 的主机和端口正确，防火墙放行",
        ),
        GatewayError::Deadline => {
            told(format!("网关 {endpoint} 没有及时回应"), "网关可能卡住了：查看它的日志，必要时重启网关")
        }
        GatewayError::Settings { what } => {
            told(format!("网关的设置 {what} 不能用"), "改正 ingest.gateway 里的这一项")
        }
        _ if tls => told(
            format!("与网关 {endpoint} 的加密连接没有谈成"),
            "核对 ingest.gateway.tls_ca 与 tls_name；网关若没有开启 TLS，把 tls_ca 设为 null",
        ),
        _ => told(
            format!("网关 {endpoint} 的回应不对"),
            "确认这个端口上是 Wechaty 网关；网关若开启了 TLS，填写 ingest.gateway.tls_ca",
        ),
    }
}

pub(super) fn not_live(state: &str) -> Told {
    let (what, remedy) = match state {
        "waiting_login" => ("账号没有登录", "打开 ingest 的 /login 页面，用手机扫码登录"),
        "auth_failed" => ("网关不接受 ingest 的令牌", "改正 ingest.gateway.token 后重启 ingest"),
        "occupied" => ("网关的事件流被另一个程序占着", "停掉另一个连接同一网关的程序；刚断线时等一分钟再查"),
        _ => ("ingest 还没有连好网关", "等半分钟再查；一直如此时查看 ingest 的日志"),
    };
    told(format!("{what}（最近记录的状态 {state}）"), remedy)
}

// Vika

pub(super) const VIKA_IS_OFF: &str = "vika.enabled 是 false，未检查";
pub(super) const SHEETS_NOT_READ: &str = "写表的令牌不能用，三张表未检查";
pub(super) const NAMES_NOT_READ: &str = "机器人的显示名未检查：读不到 群聊总表 的 经理修改人";
pub(super) const NO_ROWS_YET: &str = "机器人的显示名未检查：群聊总表 还没有行，写入第一批群后再查";

pub(super) fn not_a_space(space: &str) -> Told {
    told(
        format!("vika.space 填的 {space} 不是空间站的编号"),
        "在浏览器打开空间站，地址里 spc 开头的一段就是它",
    )
}

pub(super) fn token_opens(key: &str, space: &str) -> String {
    format!("令牌 vika.{key} 有效，能打开空间站 {space}")
}

pub(super) fn vika_token(key: &str, space: &str, error: &VikaError) -> Told {
    match error {
        VikaError::Unauthorized => told(
            format!("Vika 不接受令牌 vika.{key}"),
            "在该用户的 个人设置 → 开发者配置 里重新复制 API 令牌（usk 开头）",
        ),
        VikaError::Forbidden { .. } | VikaError::SheetMissing { .. } => told(
            format!("令牌 vika.{key} 的用户不是空间站 {space} 的成员"),
            "在 Vika 里把这个用户加入空间站，或改正 vika.space",
        ),
        other => vika(&format!("令牌 vika.{key}"), other),
    }
}

fn vika(what: &str, error: &VikaError) -> Told {
    match error {
        VikaError::Quota { .. } => {
            told(format!("{what}：空间站本月的 API 调用次数已用完"), "升级空间站的套餐，或等到下个月")
        }
        VikaError::RateLimited { .. } => told(
            format!("{what}：调用太频繁，被 Vika 限速"),
            "有别的程序在用同一个令牌；换一个专用的用户和令牌，稍后再查",
        ),
        VikaError::Retry { .. } | VikaError::Ambiguous { .. } => told(
            format!("{what}：连不上 Vika，或它没有正常回应"),
            "检查本机能否访问 vika.base_url（网络、代理、防火墙），稍后再查",
        ),
        VikaError::Unauthorized | VikaError::Forbidden { .. } => {
            told(format!("{what}：Vika 拒绝了这个用户"), "在 Vika 里给这个用户“可编辑”的权限")
        }
        _ => told(format!("{what}：Vika 的回应不合预期"), "稍后再查；一直如此时把本次输出交给维护者"),
    }
}

pub(super) fn no_sheet(title: &str, key: &str) -> Told {
    told(
        format!("还没有填写表「{title}」的编号（vika.sheets.{key}）"),
        "运行 huiyin init-vika，把它打印的编号写进配置",
    )
}

pub(super) fn sheet_missing(title: &str, key: &str) -> Told {
    told(
        format!("找不到表「{title}」（vika.sheets.{key}），或令牌的用户看不到它"),
        "核对编号（浏览器地址里 dst 开头的一段），并给这个用户“可编辑”的权限；表被删了就运行 huiyin init-vika",
    )
}

pub(super) fn sheet_unreadable(title: &str, error: &VikaError) -> Told {
    vika(&format!("读不到表「{title}」"), error)
}

pub(super) fn sheet_is_sound(title: &str, columns: usize) -> String {
    format!("表「{title}」的 {columns} 列都在，类型正确")
}

pub(super) fn column(title: &str, problem: &ColumnProblem) -> Told {
    match problem {
        ColumnProblem::Missing { column, perhaps: Some(other) } => told(
            format!("表「{title}」缺少列「{column}」，可能被改名成了「{other}」"),
            format!("把「{other}」改回「{column}」；若确实删掉了，运行 huiyin init-vika 补上"),
        ),
        ColumnProblem::Missing { column, perhaps: None } => {
            told(format!("表「{title}」缺少列「{column}」"), "运行 huiyin init-vika 补上")
        }
        ColumnProblem::Renamed { column, now } => told(
            format!("表「{title}」的列「{column}」被改名成了「{now}」"),
            format!("在 Vika 里把列名改回「{column}」"),
        ),
        ColumnProblem::Retyped { column, wanted, found } => told(
            format!("表「{title}」的列「{column}」类型是 {found}"),
            format!("在 Vika 里把它的类型改回 {wanted}"),
        ),
        ColumnProblem::Doubled { column } => {
            told(format!("表「{title}」有几列都叫「{column}」"), "只留一列，其余的删除或改名")
        }
        ColumnProblem::OptionMissing { column, option } => told(
            format!("表「{title}」的列「{column}」缺少选项「{option}」"),
            "在 Vika 里给这一列加上这个选项，一字不差",
        ),
    }
}

pub(super) fn bot_name_seen(name: &str) -> String {
    format!("机器人的显示名「{name}」与 vika.bot_names 一致")
}

pub(super) fn bot_names_unseen(seen: &BTreeSet<&str>, names: &[String]) -> Told {
    let seen: Vec<&str> = seen.iter().copied().collect();
    told(
        format!(
            "群聊总表 的修改人是「{}」，其中没有 vika.bot_names 里的「{}」",
            seen.join("、"),
            names.join("、")
        ),
        "若其中有机器人自己的名字，把它写进 vika.bot_names，否则它的改动会被当成经理的改动；若全是经理，可以不管",
    )
}

pub(super) fn vika_calls(calls: u64) -> String {
    format!("本次检查用去 {calls} 次 API 调用（计入当月额度）")
}

// 飞书

pub(super) const FEISHU_IS_OFF: &str = "feishu.enabled 是 false，未检查";
pub(super) const CHATS_NOT_READ: &str = "应用不能登录，各群未检查";
pub(super) const PEOPLE_NOT_READ: &str = "应用不能登录，各人未检查";
/// Who may see contacts.
const CONTACT_SCOPE: &str = "contact:contact.base:readonly";

pub(super) fn app_is_known(app: &str) -> String {
    format!("应用 {app} 的 App ID 和 App Secret 有效")
}

pub(super) fn feishu_unreachable(url: &str) -> Told {
    told(format!("{url} 没有及时回应"), "检查本机能否访问飞书（网络、代理、防火墙），稍后再查")
}

pub(super) fn feishu(what: &str, error: &FeishuError) -> Told {
    let code = error.code().unwrap_or_default();
    match (code, error) {
        (10_003 | 10_014 | 10_015, _) => told(
            "飞书不接受 App ID 或 App Secret",
            "在开放平台的 凭证与基础信息 页重新复制，填入 feishu.app_id 和 feishu.app_secret",
        ),
        (99_991_672 | 230_027, _) => told(
            format!("{what}：应用缺少权限"),
            "在开放平台的 权限管理 页开通 im:message、im:chat，创建版本并等管理员通过",
        ),
        (99_991_401, _) => told(
            format!("{what}：本机的出口 IP 不在白名单里"),
            "在开放平台的 安全设置 页加上它，或停用 IP 白名单",
        ),
        (99_991_662 | 99_991_673, _) => {
            told(format!("{what}：应用没有启用"), "在开放平台发布应用的版本，并请管理员在后台启用")
        }
        (230_006, _) => told(
            format!("{what}：应用没有开启机器人能力"),
            "在开放平台的 添加应用能力 页添加机器人，创建版本并发布",
        ),
        (_, FeishuError::QuotaExhausted(_)) => {
            told(format!("{what}：本月的 API 调用次数已用完"), "升级飞书的套餐，或等到下个月")
        }
        (_, error) if error.is_out_of_reach() => told(
            format!("{what}：连不上飞书"),
            "检查 feishu.base_url，以及本机能否访问它（网络、代理、防火墙）",
        ),
        _ => told(
            format!("{what}：飞书没有接受（代码 {code}）"),
            "按代码在开放平台的文档里查原因；稍后再查一次",
        ),
    }
}

pub(super) fn callbacks(listen: &str) -> String {
    format!(
        "Encrypt Key 和 Verification Token 已填写；请自行确认开放平台的 卡片回调 地址能到达本机的 {listen}（接口查不到）"
    )
}

pub(super) fn in_chat(owner: &str, chat: &str) -> String {
    format!("「{owner}」的群「{chat}」：机器人在群里")
}

pub(super) fn not_in_chat(owner: &str, chat: &str) -> Told {
    told(
        format!("「{owner}」的群 {chat}：机器人不在群里，或没有这个群"),
        "在飞书里打开这个群，设置 → 群机器人 → 添加本应用；再核对配置里的群编号（huiyin roster discover 会列出）",
    )
}

pub(super) fn chat_dissolved(owner: &str, chat: &str) -> Told {
    told(format!("「{owner}」的群「{chat}」已解散"), "另建一个群，加入机器人，把新的群编号写进配置")
}

pub(super) fn person_is_known(name: &str) -> String {
    format!("「{name}」的 open_id 有效")
}

/// Whether Feishu says that nobody has this id here.
pub(super) fn is_unknown_person(error: &FeishuError) -> bool {
    matches!(error.code(), Some(99_992_351 | 99_992_361))
}

pub(super) fn person_unknown(name: &str, open_id: &str) -> Told {
    told(
        format!("「{name}」的 open_id {open_id} 不属于本应用"),
        "open_id 每个应用各不相同：用 huiyin roster discover --people 查出本应用的 open_id，改正 feishu.people",
    )
}

pub(super) fn person_unseen(name: &str, error: &FeishuError) -> Told {
    let remedy = "不影响提醒；想核对时在开放平台开通权限";
    match error.code() {
        Some(41_050) => told(
            format!("「{name}」不在应用的通讯录权限范围内"),
            "在开放平台的 权限管理 → 通讯录权限范围 里加上此人，发布新版本",
        ),
        Some(99_991_672) => {
            told(format!("「{name}」未能核对：应用没有查看通讯录的权限"), format!("{remedy} {CONTACT_SCOPE}"))
        }
        _ => feishu(&format!("「{name}」未能核对"), error),
    }
}

// 时钟

pub(super) fn clock_agrees(other: &str) -> String {
    format!("本机时钟与 {other} 一致")
}

pub(super) fn clock_not_seen(other: &str) -> String {
    format!("没有取到 {other} 的时间，未比较")
}

pub(super) fn clock_off(other: &str, ahead: TimeDelta) -> Told {
    let direction = if ahead > TimeDelta::zero() { "快" } else { "慢" };
    told(
        format!("本机时钟比 {other} {direction} {} 秒", ahead.num_seconds().abs()),
        "开启时间同步（timedatectl set-ntp true，或 chrony），校准后再查；几处都不一致时错的是本机",
    )
}
