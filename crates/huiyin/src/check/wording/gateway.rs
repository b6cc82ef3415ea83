//! What is said of the gateway and the account behind it.

use ingest::gateway::GatewayError;

use super::{Advice, advice};

pub(in crate::check) const NO_GATEWAY: &str = "没有配置网关：消息只从 webhook 进来";
pub(in crate::check) const GATEWAY_ROOMS_NOT_READ: &str = "助手账号能看到哪些群，未能读到";
pub(in crate::check) const LOGIN_NOT_READ: &str =
    "助手账号是否登录未检查：读不到 ingest 的记录（数据库角色 reader）";
pub(in crate::check) const LOGGED_IN: &str = "助手账号已登录，正在采集";
pub(in crate::check) const INGEST_IS_DOWN: &str = "助手账号是否登录未检查：ingest 没有在运行，启动后再查";
pub(in crate::check) const INGEST_NEVER_RAN: &str =
    "助手账号是否登录未检查：ingest 还没有连过这个网关，启动后再查";

/// What to do about a lost login.
const SCAN: &str = "打开 http://127.0.0.1:8080/login?token=…（token 是 ingest.webhook_tokens 里的任意一个，用容器时是 \
                    deploy/secrets/webhook_import 的内容；从自己的电脑先运行 ssh -L 8080:127.0.0.1:8080 服务器），\
                    用助手账号的手机扫码登录";

pub(in crate::check) fn gateway_answers(endpoint: &str, version: &str) -> String {
    format!("网关 {endpoint} 接受令牌，版本 {version}")
}

pub(in crate::check) fn rooms(count: usize) -> String {
    format!("助手账号能看到 {count} 个群")
}

pub(in crate::check) fn no_rooms() -> Advice {
    advice("助手账号一个群也看不到", "确认登录的是加入了客户群的那个助手账号，并等网关同步完成")
}

pub(in crate::check) fn gateway_settings(error: &str) -> Advice {
    advice(format!("网关的设置不能用（{error}）"), "改正 ingest.gateway 的 token、tls_ca 或 tls_name")
}

pub(in crate::check) fn gateway_refused(endpoint: &str, error: GatewayError, tls: bool) -> Advice {
    match error {
        GatewayError::Unauthenticated => advice(
            format!("网关 {endpoint} 不接受令牌"),
            "让 ingest.gateway.token 与网关的 GATEWAY_TOKEN（或 GATEWAY_TOKEN_FILE 指的文件）相同，注意首尾空格",
        ),
        GatewayError::Unreachable { .. } => advice(
            format!("连不上网关 {endpoint}"),
            "确认网关进程在运行，ingest.gateway.endpoint 的主机和端口正确，防火墙放行",
        ),
        GatewayError::Deadline => {
            advice(format!("网关 {endpoint} 没有及时回应"), "网关可能卡住了：查看它的日志，必要时重启网关")
        }
        GatewayError::Settings { what } => {
            advice(format!("网关的设置 {what} 不能用"), "改正 ingest.gateway 里的这一项")
        }
        _ if tls => advice(
            format!("与网关 {endpoint} 不能建立加密连接"),
            "核对 ingest.gateway.tls_ca 与 tls_name；网关若没有开启 TLS，把 tls_ca 设为 null",
        ),
        _ => advice(
            format!("网关 {endpoint} 的回应不对"),
            "确认这个端口上是 Wechaty 网关；网关若开启了 TLS，填写 ingest.gateway.tls_ca",
        ),
    }
}

pub(in crate::check) fn not_live(state: &str) -> Advice {
    let (what, remedy) = match state {
        "waiting_login" => ("助手账号没有登录", SCAN),
        "auth_failed" => ("网关不接受 ingest 的令牌", "改正 ingest.gateway.token 后重启 ingest"),
        "occupied" => ("网关的事件流被另一个程序占着", "停掉另一个连接同一网关的程序；刚断线时等一分钟再查"),
        _ => ("ingest 还没有连好网关", "等半分钟再查；一直如此时查看 ingest 的日志"),
    };
    advice(format!("{what}（最近记录的状态 {state}）"), remedy)
}
