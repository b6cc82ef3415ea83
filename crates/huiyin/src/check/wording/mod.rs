//! Every word that `huiyin check` says, for whoever sets the system up.

mod alarms;
mod feishu;
mod gateway;
mod huoban;
mod servers;
mod vika;

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use chrono::TimeDelta;
use runtime::config::SecretFile;

pub(in crate::check) use self::{alarms::*, feishu::*, gateway::*, huoban::*, servers::*, vika::*};
use super::report::{Group, Report, Status};

/// What was found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::check) struct Advice {
    pub(in crate::check) what: String,
    pub(in crate::check) remedy: String,
}

fn advice(what: impl Into<String>, remedy: impl Into<String>) -> Advice {
    Advice { what: what.into(), remedy: remedy.into() }
}

/// Why somebody could not log in to the database or the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::check) enum LoginFailure {
    NoPassword,
    Password,
    NoDatabase,
    Unreachable,
    /// A code of Postgres.
    Other(String),
}

pub(in crate::check) const REMEDY: &str = "处理办法：";
pub(in crate::check) const FEISHU: &str = "飞书";
pub(in crate::check) const PUBLIC_CHAT: &str = "公共群";
pub(in crate::check) const OPERATORS_CHAT: &str = "运维群";
pub(in crate::check) const VIKA: &str = "维格表";
pub(in crate::check) const HUOBAN: &str = "伙伴云";

pub(in crate::check) const fn title(group: Group) -> &'static str {
    match group {
        Group::Config => "配置",
        Group::Database => "数据库",
        Group::Alarms => "报警",
        Group::Bus => "总线",
        Group::Gateway => "网关",
        Group::Vika => VIKA,
        Group::Feishu => "飞书",
        Group::Huoban => HUOBAN,
        Group::Clock => "时钟",
        Group::Calendar => "日历",
    }
}

pub(in crate::check) const fn sign(status: Status) -> &'static str {
    match status {
        Status::Ok => "✔",
        Status::Warning => "!",
        Status::Failed => "✘",
        Status::Skipped => "–",
    }
}

pub(in crate::check) fn summary(report: &Report) -> String {
    let (failed, warnings) = (report.count(Status::Failed), report.count(Status::Warning));
    let (good, skipped) = (report.count(Status::Ok), report.count(Status::Skipped));
    let verdict = if failed == 0 {
        "可以使用"
    } else {
        "还不能使用，请按上面的处理办法逐项解决后再运行一次（用容器时，huiyin … 都写成 docker compose run --rm apply huiyin …）"
    };
    format!("通过 {good} 项，注意 {warnings} 项，未通过 {failed} 项，未检查 {skipped} 项：{verdict}")
}

pub(in crate::check) fn failed_count(failed: usize) -> String {
    format!("有 {failed} 项未通过")
}

pub(in crate::check) fn group_too_slow(limit: Duration) -> Advice {
    advice(
        format!("{} 秒内没有检查完", limit.as_secs()),
        "对方回应太慢：检查网络和防火墙，稍后再运行 huiyin check",
    )
}

pub(in crate::check) fn no_http() -> Advice {
    advice("本机读不到系统的根证书，无法建立加密连接", "安装系统证书包（如 ca-certificates）后再试")
}

// 配置

pub(in crate::check) const NO_CONFIG: &str = "配置没有通过，未检查";
pub(in crate::check) const CONFIG_LACKS_SECRETS: &str = "密钥文件不全，配置的其余部分未能读入";
pub(in crate::check) const NO_HOLIDAYS_NEEDED: &str = "日历不按法定节假日计算，无可检查";

pub(in crate::check) fn holidays_known(years: &[i32]) -> String {
    let years: Vec<String> = years.iter().map(i32::to_string).collect();
    format!("已有 {} 年的法定节假日和调休", years.join("、"))
}

pub(in crate::check) fn holidays_missing(year: i32) -> Advice {
    advice(
        format!("还没有 {year} 年的法定节假日：放假的日子会照常计时，调休上班的周末不计时"),
        format!(
            "公布以后，把 {year}.json 放进配置项 holidays 指定的文件夹，再运行 huiyin apply（docs/operations.md）"
        ),
    )
}

pub(in crate::check) fn config_is_sound(file: &Path) -> String {
    format!("配置文件 {} 格式正确，内容自洽", file.display())
}

pub(in crate::check) fn config_problem(path: &str, message: &str) -> Advice {
    let place = if path.is_empty() { "配置文件".to_owned() } else { format!("配置项 {path} ") };
    advice(
        format!("{place}有误（{message}）"),
        "按括号里的说明改好这一处；config/default.json 里有完整的例子",
    )
}

pub(in crate::check) fn secret_readable(secret: &SecretFile) -> String {
    format!("密钥文件 {} 可以读取，且不对其他用户开放", secret.file.display())
}

/// One that is mounted into a container, where its mode says nothing.
pub(in crate::check) fn secret_mounted(secret: &SecretFile) -> String {
    format!("密钥文件 {} 可以读取", secret.file.display())
}

pub(in crate::check) fn secret_unreadable(secret: &SecretFile, kind: ErrorKind) -> Advice {
    let (file, key) = (secret.file.display(), &secret.key);
    match kind {
        ErrorKind::NotFound => advice(
            format!("密钥文件 {file} 不存在（{key}）"),
            "建立这个文件并写入密钥，或改正配置里的路径；用容器时运行 docker compose run --rm secrets",
        ),
        ErrorKind::PermissionDenied => advice(
            format!("密钥文件 {file} 不允许当前用户读取（{key}）"),
            "不用容器：chown 给运行回音的用户并 chmod 600；用容器：chmod 444 这个文件",
        ),
        _ => advice(format!("密钥文件 {file} 读不出来（{key}）"), "确认它是一个普通的文本文件"),
    }
}

/// One that nothing here needs.
pub(in crate::check) fn secret_elsewhere(secret: &SecretFile) -> String {
    format!(
        "密钥文件 {} 不在这里（{}）：检查用不到它，用到它的服务启动时要有",
        secret.file.display(),
        secret.key
    )
}

pub(in crate::check) fn secret_empty(secret: &SecretFile) -> Advice {
    advice(
        format!("密钥文件 {} 是空的（{}）", secret.file.display(), secret.key),
        "把密钥写进这个文件；用容器时运行 install -m 444 /dev/stdin deploy/secrets/同名文件，粘贴，回车，按 Ctrl-D",
    )
}

pub(in crate::check) fn secret_open_to_all(secret: &SecretFile) -> Advice {
    let file = secret.file.display();
    advice(
        format!("密钥文件 {file} 本机所有用户都能读（{}）", secret.key),
        format!(
            "运行 chmod 600 {file}（只适用于不用容器的安装；用容器时保持 444，由 deploy/secrets 目录的 700 权限保护）"
        ),
    )
}

// 时钟

pub(in crate::check) fn clock_agrees(other: &str) -> String {
    format!("本机时钟与 {other} 一致")
}

pub(in crate::check) fn clock_not_seen(other: &str) -> String {
    format!("没有取到 {other} 的时间，未比较")
}

pub(in crate::check) fn clock_off(other: &str, ahead: TimeDelta) -> Advice {
    let direction = if ahead > TimeDelta::zero() { "快" } else { "慢" };
    advice(
        format!("本机时钟比 {other} {direction} {}", domain::wording::duration(ahead.abs())),
        "开启时间同步（timedatectl set-ntp true，或 chrony），校准后再查；几处都不一致时错的是本机",
    )
}
