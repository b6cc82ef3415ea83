//! What is said of the database and the bus.

use runtime::bus::Difference;
use runtime::config::Database;

use super::{Advice, LoginFailure, advice};

pub(in crate::check) const SCHEMA_NOT_READ: &str = "没有角色能登录，表结构版本未检查";
pub(in crate::check) const RULES_NOT_READ: &str = "没有角色能登录，生效的规则未检查";

pub(in crate::check) fn database_unreachable(database: &Database) -> Advice {
    advice(
        format!("连不上数据库 {}:{}", database.host, database.port),
        "确认 Postgres 已启动，database.host 和 database.port 填写正确，防火墙放行",
    )
}

pub(in crate::check) fn role_not_tried(role: &str) -> String {
    format!("角色 {role} 能否登录未检查")
}

pub(in crate::check) fn role_logs_in(role: &str) -> String {
    format!("角色 {role} 可以登录")
}

pub(in crate::check) fn role_refused(role: &str, failure: &LoginFailure) -> Advice {
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
    advice(format!("角色 {role} 不能登录：{why}"), remedy)
}

pub(in crate::check) fn schema_is(version: i64) -> String {
    format!("表结构是本版本需要的第 {version} 版")
}

pub(in crate::check) fn schema_old(found: i64, needed: i64) -> Advice {
    advice(format!("表结构是第 {found} 版，本版本需要第 {needed} 版"), "运行 huiyin apply 升级表结构")
}

pub(in crate::check) fn schema_newer(found: i64, needed: i64) -> Advice {
    advice(
        format!("表结构是第 {found} 版，比本程序需要的第 {needed} 版新"),
        "可以继续用；升级尚未完成时属正常，否则换用较新的程序",
    )
}

pub(in crate::check) fn no_rules() -> Advice {
    advice("数据库里还没有生效的规则（公司名、名单、提醒规则）", "运行 huiyin apply")
}

pub(in crate::check) fn rules_are(version: i64) -> String {
    format!("规则第 {version} 版已生效")
}

// 总线

pub(in crate::check) const DECLARED: &str = "所有流和消费者都已声明，设置与本版本一致";
pub(in crate::check) const NOBODY_LOOKS_AT_STREAMS: &str = "admin 和 reader 都不能登录，流和消费者未检查";
pub(in crate::check) const SYNC_ALWAYS: &str = "NATS 每次写入都落盘（sync_interval: always）";

pub(in crate::check) fn bus_unreachable(url: &str) -> Advice {
    advice(format!("连不上总线 {url}"), "确认 nats-server 已启动，bus.url 填写正确，防火墙放行")
}

pub(in crate::check) fn user_not_tried(user: &str) -> String {
    format!("用户 {user} 能否登录未检查")
}

pub(in crate::check) fn user_logs_in(user: &str) -> String {
    format!("用户 {user} 可以登录")
}

pub(in crate::check) fn user_refused(user: &str, failure: &LoginFailure) -> Advice {
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
    advice(format!("用户 {user} 不能登录：{why}"), remedy)
}

pub(in crate::check) fn not_declared(difference: &Difference) -> Advice {
    let Difference { what, settings } = difference;
    let what = what.replace("stream ", "流 ").replace("consumer ", "消费者 ");
    if settings.is_empty() {
        advice(format!("{what} 还没有声明"), "运行 huiyin apply")
    } else {
        advice(
            format!("{what} 的设置与本版本不同：{}", settings.join("、")),
            "运行 huiyin apply；若被拒绝，把本次输出交给维护者。不要删除流或消费者：里面有还没有处理的消息",
        )
    }
}

pub(in crate::check) fn streams_unreadable() -> Advice {
    advice(
        "读不到流和消费者的情况",
        "确认 nats-server 开启了 JetStream（nats.conf 的 jetstream 一节），且磁盘未满",
    )
}

pub(in crate::check) fn not_synced() -> Advice {
    advice(
        "NATS 不是每次写入都落盘：断电可能丢失刚收到的消息",
        "在 nats.conf 的 jetstream 一节写上 sync_interval: always，重启 nats-server",
    )
}

pub(in crate::check) fn no_monitor(url: Option<&str>) -> String {
    let place = url.map_or_else(String::new, |url| format!(" {url}"));
    format!(
        "看不到 NATS 的监控页面{place}，是否每次落盘未检查。用容器时属正常：这个页面只在 nats 自己的容器里，\
         deploy/nats/nats.conf 已写明 sync_interval: always；否则可用 --nats-monitor 指明地址"
    )
}
