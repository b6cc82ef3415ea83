//! Every Chinese text that operators read about Huiyin itself: what is wrong, what it means for customers, what to do.
//!
//! Together in one place, so that somebody who writes well can go over it without reading code. The runbook has a
//! section for each code and says more.

use events::beat::VerificationKind;
use runtime::config::Operated;
use runtime::services::{self, impact_of};

use super::alarm_kind::AlarmKind;

mod huoban;
mod vika;

/// Labels in the card.
pub const WHAT: &str = "发生了什么";
pub const SINCE: &str = "从何时起";
/// What it means for customers.
pub const IMPACT: &str = "对客户的影响";
pub const STEPS: &str = "现在请做";
/// Where there is more.
pub const RUNBOOK: &str = "处理手册";
/// Title and tag of an alarm that is over.
pub const OVER: &str = "已恢复";
/// Tag of one that is not.
pub const TAG_ACTIVE: &str = "未恢复";
/// Title of a card that a newer one of the same alarm follows.
pub const REPEATED: &str = "已重新提醒，请看新的卡片";
/// Under the QR code, and in its place.
pub const SCAN_HERE: &str = "登录二维码";
/// There is no code yet, or it could not be uploaded.
pub const NO_CODE: &str = "二维码还没有拿到：拿到后会自动出现在这里，也可以打开登录页查看。";
/// Link to the login page.
pub const LOGIN_PAGE: &str = "打开登录页";

/// The sections of a card.
pub struct AlarmText {
    /// In one line, without the code.
    pub title: String,
    pub what: String,
    /// What it means for customers.
    pub impact: &'static str,
    /// What to do now.
    pub steps: Vec<String>,
    /// What is left to be done when it is over, if anything.
    pub afterwards: Option<String>,
}

/// Where to look while nobody gets cards, and the sheets are kept up.
const LOOK_IN_THE_SHEET: &str =
    "看「今日群聊」（先看「上次更新时间」是不是刚才），从等得最久的开始，人工通知负责人。";
/// What to do while the sheets are not kept up either.
const EVERYBODY_LOOKS: &str = "表格不再更新，没有人会收到提醒：请在公共群通知每位负责人，自己翻看微信群。";

const HELD: &str = services::NOT_CAPTURING;

/// What a card says of an alarm, with the commands that work where Huiyin is operated like this.
pub fn alarm_text(kind: &AlarmKind, on: &Operated) -> AlarmText {
    match kind {
        AlarmKind::Silent { service } => AlarmText {
            title: format!("服务没有心跳：{service}"),
            what: format!("{service} 不再发出心跳，或只剩待命的进程：可能已退出、卡住，或所在机器断网。"),
            impact: impact_of(service),
            steps: blind(service).into_iter().chain(restart_steps(service, on)).collect(),
            afterwards: None,
        },
        AlarmKind::PartSilent { service, part } => AlarmText {
            title: format!("服务的一部分停了：{service}"),
            what: format!("{service} 还在运行，但其中的「{part}」不再工作。"),
            impact: impact_of(service),
            steps: restart_steps(service, on),
            afterwards: None,
        },
        AlarmKind::Restarting { service, starts } => AlarmText {
            title: format!("服务反复重启：{service}"),
            what: format!("{service} 短时间内启动了 {starts} 次，每次都很快退出。"),
            impact: impact_of(service),
            steps: vec![
                format!("看它退出前说了什么：{}", on.logs(service, 100)),
                "如果刚改过配置或刚升级，先改回去再启动。".to_owned(),
                "仍然反复重启，请把日志发给工程师。".to_owned(),
            ],
            afterwards: None,
        },
        AlarmKind::Panicked { service, location } => panicked(service, location, on),
        AlarmKind::LoginLost { verification: Some(kind), .. } => verification_asked(*kind),
        AlarmKind::LoginLost { .. } => login_lost(),
        AlarmKind::PayloadsMissing { gateway, count } => payloads_missing(gateway, *count, on),
        AlarmKind::GatewayLost { gateway, state } => gateway_lost(gateway, state, on),
        AlarmKind::Lagging { consumer, pending } => lagging(consumer, *pending, on),
        AlarmKind::DeadLetters { service, count, reasons } => dead_letters(service, *count, reasons, on),
        AlarmKind::DiskFull { path, service, free_gib, free_percent } => AlarmText {
            title: "磁盘快满了".to_owned(),
            what: format!("{service} 所在机器的 {path} 只剩 {free_gib} GiB（{free_percent}%）。"),
            impact: "现在还没有。写满以后消息无法保存，所有服务都会停下。",
            steps: vec![space_used(path, on), clean_up(on).to_owned(), "空间仍不够，请扩容磁盘。".to_owned()],
            afterwards: None,
        },
        AlarmKind::FeishuRefuses => feishu_refuses(on),
        AlarmKind::CardsUndelivered { count } => cards_undelivered(*count, on),
        AlarmKind::BusLost => bus_lost(on),
        AlarmKind::HolidaysMissing { year } => holidays_missing(*year, on),
        AlarmKind::VikaAllowance => vika::allowance(on),
        AlarmKind::VikaQuota => vika::quota(),
        AlarmKind::VikaFull { sheet } => vika::full(sheet),
        AlarmKind::VikaAccess { service, sheet } => vika::access(service, sheet.as_deref()),
        AlarmKind::VikaColumns { sheet, columns } => vika::columns(sheet, columns, on),
        AlarmKind::VikaRows { sheet, rooms } => vika::rows(sheet, rooms, on),
        AlarmKind::VikaStalled { service, sheet } => vika::stalled(service, sheet.as_deref(), on),
        AlarmKind::RoomsUncounted { count, first } => rooms_uncounted(*count, first, on),
        AlarmKind::HuobanQuota => huoban::quota(),
        AlarmKind::HuobanAllowance => huoban::allowance(on),
        AlarmKind::HuobanAccess { table: None } => huoban::key_refused(on),
        AlarmKind::HuobanAccess { table: Some(table) } => huoban::not_found(table, on),
        AlarmKind::HuobanColumns { table, columns } => huoban::columns(table, columns, on),
        AlarmKind::HuobanRows { table, rows } => huoban::rows(table, rows, on),
        AlarmKind::HuobanStrays => huoban::strays(on),
        AlarmKind::HuobanStalled => huoban::stalled(on),
    }
}

fn space_used(path: &str, on: &Operated) -> String {
    let docker = if *on == Operated::Containers { "；docker system df" } else { "" };
    format!("看是什么占用了空间：df -h {path}{docker}")
}

fn clean_up(on: &Operated) -> &'static str {
    match on {
        Operated::Containers => {
            "清理：docker builder prune；旧的备份文件；系统日志。不要删除数据卷，不要用 docker image prune -a。"
        }
        Operated::Home { .. } => "清理：旧的备份文件；系统日志。不要删除 huiyin up 的数据目录里的任何文件。",
    }
}

fn panicked(service: &str, location: &str, on: &Operated) -> AlarmText {
    AlarmText {
        title: format!("程序崩溃：{service}"),
        what: format!("{service} 的程序出错（位置 {location}）。退出后会自动重新启动。"),
        impact: "通常没有影响：没处理完的消息会重新处理。",
        steps: vec![
            "如果同时有 W01 或 W03，先处理那一张。".to_owned(),
            format!("保存日志：{}", on.logs(service, 300)),
            "把位置和日志发给工程师。".to_owned(),
        ],
        afterwards: Some("请仍把日志发给工程师：程序出错总有原因。".to_owned()),
    }
}

fn bus_lost(on: &Operated) -> AlarmText {
    AlarmText {
        title: "消息总线断开".to_owned(),
        what: "提醒服务连不上消息总线（NATS），听不到任何服务的心跳。".to_owned(),
        impact: HELD,
        steps: vec![
            EVERYBODY_LOOKS.to_owned(),
            format!("看总线状态：{}；{}", on.state("nats"), on.logs("nats", 100)),
            format!("重新启动：{}", on.restart("nats")),
            "启动失败，先检查磁盘空间，再联系工程师。不要删除它的数据卷。".to_owned(),
        ],
        afterwards: None,
    }
}

fn holidays_missing(year: i32, on: &Operated) -> AlarmText {
    AlarmText {
        title: format!("缺少 {year} 年的节假日"),
        what: format!("日历按法定节假日计算工作时间，但还没有 {year} 年的节假日文件（{year}.json）。"),
        impact: "放假的日子会照常计时、发提醒，调休上班的周末不计时；其他日子不受影响。",
        steps: vec![
            format!("国务院办公厅公布 {year} 年的放假安排以后，准备 {year}.json（格式见手册）。"),
            "放进配置项 holidays 指定的文件夹（用容器时是 HUIYIN_HOLIDAYS_FOLDER），和往年的文件放在一起；配置里没有这一项的，先加上 \"holidays\": \"holidays\"。".to_owned(),
            format!("生效，不用重启：{}", on.huiyin("apply")),
        ],
        afterwards: None,
    }
}

fn rooms_uncounted(count: usize, first: &[String], on: &Operated) -> AlarmText {
    let more = if count > first.len() { "等" } else { "" };
    AlarmText {
        title: "有群的业绩没有统计".to_owned(),
        what: format!("{count} 个群连续统计失败（群ID：{}{more}）。", first.join("、")),
        impact: "没有：提醒卡片和维格表照常。这些群在看板、报表和伙伴云里的数字是旧的。",
        steps: vec![
            format!("看原因：日志里找 a room could not be counted（{}）", on.logs("performance", 200)),
            "把原因发给工程师：多半要改程序，重启没有用。每半分钟会自己再试一次。".to_owned(),
            "恢复前不要用这些群的数字考核。".to_owned(),
        ],
        afterwards: Some("这些群的数字已经补齐。".to_owned()),
    }
}

fn cards_undelivered(count: i64, on: &Operated) -> AlarmText {
    AlarmText {
        title: "有提醒卡片没有送到".to_owned(),
        what: format!("最近一小时有 {count} 张提醒卡片被搁置：群不接收，或无法确认是否已送达。"),
        impact: "对应的客户可能还在等待，而负责人没有看到提醒。",
        steps: vec![
            LOOK_IN_THE_SHEET.to_owned(),
            "检查飞书机器人是否还在各个提醒群里、群是否已解散。".to_owned(),
            format!("查原因：{}", on.logs("feishu-alerter", 1_000)),
        ],
        afterwards: Some("一小时内没有新的搁置。已搁置的不会补发。".to_owned()),
    }
}

/// What is to be done for customers while nobody sees them.
fn blind(service: &str) -> Option<String> {
    services::by_program(service).filter(|service| service.blinds).map(|_| EVERYBODY_LOOKS.to_owned())
}

fn restart_steps(service: &str, on: &Operated) -> Vec<String> {
    vec![
        format!("看它是否在运行：{}", on.state(service)),
        format!("看最后的日志：{}", on.logs(service, 100)),
        format!("重新启动：{}", on.restart(service)),
    ]
}

fn login_lost() -> AlarmText {
    AlarmText {
        title: "助手账号掉线，请扫码登录".to_owned(),
        what: "助手账号（在客户群里的企业微信账号）已退出登录，需要用手机重新扫码。".to_owned(),
        impact: HELD,
        steps: vec![
            "用助手账号的手机扫描下面的二维码。".to_owned(),
            "在手机上确认登录，等这张卡片变为「已恢复」。".to_owned(),
            "二维码过期会自动更换；一直没有二维码，按手册重启网关。".to_owned(),
            EVERYBODY_LOOKS.to_owned(),
        ],
        afterwards: None,
    }
}

fn verification_asked(kind: VerificationKind) -> AlarmText {
    let (asked, step) = match kind {
        VerificationKind::Code => {
            ("验证码", "在助手账号的手机上查看验证码（手机弹窗或短信），到网关的管理页面输入。")
        }
        VerificationKind::Slide => ("滑块验证", "到网关的管理页面，按提示拖动滑块完成验证。"),
    };
    AlarmText {
        title: format!("助手账号登录需要{asked}"),
        what: format!("扫码以后，微信要求再做一次验证（{asked}），完成之前助手账号没有登录。不用再扫码。"),
        impact: HELD,
        steps: vec![
            step.to_owned(),
            "验证码过期或输错，在网关的管理页面重新获取；仍不行，按手册重启网关后重新扫码。".to_owned(),
            "完成后等这张卡片变为「已恢复」。".to_owned(),
            EVERYBODY_LOOKS.to_owned(),
        ],
        afterwards: None,
    }
}

fn payloads_missing(gateway: &str, count: i64, on: &Operated) -> AlarmText {
    AlarmText {
        title: format!("有消息取不到内容：{gateway}"),
        what: format!("最近一小时微信网关「{gateway}」通知了 {count} 条消息，但多次都取不到内容。"),
        impact: "不知道是哪个群、说了什么：可能有客户被漏掉。这段时间的等待标为「待核实」，不算进考核。",
        steps: vec![
            "请各负责人翻看一下自己的群里刚才的消息。".to_owned(),
            format!("看网关是否繁忙或刚重启过：{}", gateways_logs(on)),
            format!("反复出现，请把 ingest 的日志发给工程师：{}", on.logs("ingest", 1_000)),
        ],
        afterwards: Some("一小时内没有新的。取不到的内容不会再补上。".to_owned()),
    }
}

fn gateway_lost(gateway: &str, state: &str, on: &Operated) -> AlarmText {
    let runs = format!("看网关是否在运行：{}", on.state("gateway"));
    let (state, first) = match state {
        "auth_failed" => {
            ("令牌被拒绝", "检查配置里的网关令牌（ingest.gateway.token）与网关是否一致。".to_owned())
        }
        "occupied" => ("被另一个客户端占用", "停掉多余的 ingest，或等半分钟让旧连接断开。".to_owned()),
        "suspect" => ("没有响应", runs),
        _ => ("未连接", runs),
    };
    AlarmText {
        title: format!("微信网关断开：{gateway}"),
        what: format!("微信网关「{gateway}」没有在采集（{state}）。"),
        impact: HELD,
        steps: vec![
            EVERYBODY_LOOKS.to_owned(),
            first,
            format!("看最后的日志：{}", gateways_logs(on)),
            restart_of_gateway(on),
        ],
        afterwards: None,
    }
}

/// A home has no gateway of its own, except in the demo: it runs wherever its operators put it.
fn gateways_logs(on: &Operated) -> String {
    match on {
        Operated::Containers => on.logs("gateway", 100),
        Operated::Home { .. } => "网关所在机器上的日志".to_owned(),
    }
}

fn restart_of_gateway(on: &Operated) -> String {
    match on {
        Operated::Containers => format!("重新启动：{}", on.restart("gateway")),
        Operated::Home { .. } => "在网关所在的机器上重新启动网关。".to_owned(),
    }
}

fn lagging(consumer: &str, pending: u64, on: &Operated) -> AlarmText {
    let service = service_of(consumer);
    let more = match service {
        "room-state" if *on == Operated::Containers => {
            "长时间追不上：docker compose up -d --scale room-state=2，并联系工程师。"
        }
        _ => "长时间追不上，请联系工程师。",
    };
    AlarmText {
        title: format!("处理跟不上：{service}"),
        what: format!("{consumer} 已积压约 {pending} 条，超过一分钟没有追上。"),
        impact: impact_of(service),
        steps: vec![
            "正在补历史消息（huiyin import）时属于正常，等它追上。".to_owned(),
            format!(
                "看机器和数据库是否繁忙：{}",
                if *on == Operated::Containers { "docker stats" } else { "top" }
            ),
            more.to_owned(),
        ],
        afterwards: None,
    }
}

/// Whose consumer it is: a service with several of them names each after what it reads.
fn service_of(consumer: &str) -> &str {
    ["-chat", "-command", "-dead"]
        .into_iter()
        .find_map(|read| consumer.strip_suffix(read))
        .unwrap_or(consumer)
}

/// Why a message was set aside, in words of the code and in ours.
fn reason(of: &str) -> &str {
    match of {
        "undecodable" => "格式读不懂",
        "refused" => "数据库拒收",
        "panicked" => "处理时程序出错",
        "contradicts" => "同一编号、内容不同",
        other => other,
    }
}

fn dead_letters(service: &str, count: i64, reasons: &[String], on: &Operated) -> AlarmText {
    AlarmText {
        title: format!("有消息无法处理：{service}"),
        what: format!(
            "最近半小时 {service} 有 {count} 条消息无法处理，已另存（原因：{}）。",
            reasons.iter().map(|of| reason(of)).collect::<Vec<_>>().join("、")
        ),
        impact: "这些消息没有计入等待，可能有客户被漏掉；其他消息不受影响。",
        steps: vec![
            format!("查看：{}，再用 … dead show 序号 看原因。", on.huiyin("dead list")),
            "把原因发给工程师；需要时先人工看一下对应的群。".to_owned(),
            format!("修好以后重新处理：{}", on.huiyin("dead replay 序号")),
        ],
        afterwards: Some(format!("半小时内没有新的。已另存的仍要处理：{}", on.huiyin("dead list"))),
    }
}

fn feishu_refuses(on: &Operated) -> AlarmText {
    AlarmText {
        title: "飞书卡片发不出去".to_owned(),
        what: "飞书拒绝或连不上，提醒卡片在排队。".to_owned(),
        impact: "客户的等待照常计时，但没有人收到提醒；恢复后只补发最新一级。",
        steps: vec![
            LOOK_IN_THE_SHEET.to_owned(),
            format!("看原因：{}", on.logs("feishu-alerter", 100)),
            "检查外网、应用是否启用、本月调用次数是否用完。".to_owned(),
        ],
        afterwards: None,
    }
}

/// "持续 12 分钟（09:30 – 09:42）"
pub fn lasted(span: &str, from: &str, to: &str) -> String {
    format!("持续 {span}（{from} – {to}）")
}

/// Where the runbook says more: its section, by the code.
pub fn section(code: &str) -> String {
    format!("「{code}」一节")
}

/// The same where nobody has said where people can open it.
pub fn section_of_the_file(code: &str) -> String {
    format!("「{code}」一节（在安装目录的 docs/runbook.md，请找技术同事）")
}

/// What the fallback says when our own app cannot: with the titles of whatever else is wrong.
pub fn fallback(code: &str, others: &[String], on: &Operated) -> String {
    let text = feishu_refuses(on);
    let mut lines = vec![format!("【回音】{code} {}", text.title), text.what, text.impact.to_owned()];
    lines.extend(text.steps.iter().enumerate().map(|(n, step)| format!("{}. {step}", n + 1)));
    if !others.is_empty() {
        lines.push("同时还有：".to_owned());
        lines.extend(others.iter().map(|other| format!("· {other}")));
    }
    lines.join("\n")
}

/// What the fallback says when our own app speaks again.
pub fn fallback_over(code: &str, span: &str) -> String {
    format!("【回音】{code} 已恢复：飞书卡片可以发送了（中断 {span}）")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(kind: &AlarmKind) -> String {
        alarm_text(kind, &Operated::Containers).steps.join("\n")
    }

    /// A dead consumer is no service of Compose, and only `room-state` may run twice for speed.
    #[test]
    fn no_card_gives_a_command_that_fails() {
        let lagging = |consumer: &str| AlarmKind::Lagging { consumer: consumer.into(), pending: 4_000 };
        assert!(steps(&lagging("room-state-chat")).contains("--scale room-state=2"));
        assert!(steps(&lagging("room-state-command")).contains("--scale room-state=2"));
        for consumer in ["feishu-alerter-dead", "vika-sync", "feishu-alerter"] {
            let said = alarm_text(&lagging(consumer), &Operated::Containers);
            assert!(!said.steps.join("\n").contains("--scale"), "{consumer}");
            assert!(!said.title.contains("-dead"), "{}", said.title);
        }
    }

    /// On a machine with containers there is no `huiyin`.
    #[test]
    fn dead_letters_are_told_with_reasons_and_commands_for_people() {
        let reasons = ["undecodable", "refused", "panicked", "other"].map(str::to_owned).to_vec();
        let kind = AlarmKind::DeadLetters { service: "room-state".into(), count: 3, reasons };
        let said = alarm_text(&kind, &Operated::Containers);
        assert!(said.what.contains("格式读不懂、数据库拒收、处理时程序出错、other"), "{}", said.what);
        assert!(said.steps[0].starts_with("查看：docker compose run --rm apply huiyin dead list"));
    }

    /// On a machine without containers there is no `docker`.
    #[test]
    fn an_up_is_told_commands_that_work_there() {
        let huiyin = "/opt/huiyin --home /srv/.huiyin/up";
        let on = Operated::Home { verb: "up", huiyin: huiyin.to_owned() };
        let service = || "room-state".to_owned();
        let gateway = || "main".to_owned();
        for kind in [
            AlarmKind::Silent { service: service() },
            AlarmKind::PartSilent { service: service(), part: "fold".into() },
            AlarmKind::Restarting { service: service(), starts: 3 },
            AlarmKind::Panicked { service: service(), location: "a.rs:1".into() },
            AlarmKind::PayloadsMissing { gateway: gateway(), count: 1 },
            AlarmKind::GatewayLost { gateway: gateway(), state: "connecting".into() },
            AlarmKind::Lagging { consumer: "room-state-chat".into(), pending: 1 },
            AlarmKind::DeadLetters { service: service(), count: 1, reasons: Vec::new() },
            AlarmKind::DiskFull { path: "/".into(), service: service(), free_gib: 1, free_percent: 1 },
            AlarmKind::FeishuRefuses,
            AlarmKind::CardsUndelivered { count: 1 },
            AlarmKind::BusLost,
            AlarmKind::HolidaysMissing { year: 2027 },
            AlarmKind::VikaStalled { service: service(), sheet: None },
            AlarmKind::VikaAllowance,
            AlarmKind::VikaColumns { sheet: "今日群聊".into(), columns: Vec::new() },
            AlarmKind::RoomsUncounted { count: 1, first: vec!["webhook:r1".into()] },
            AlarmKind::HuobanAccess { table: None },
            AlarmKind::HuobanAccess { table: Some("销售每日响应".into()) },
            AlarmKind::HuobanRows { table: "销售每日响应".into(), rows: Vec::new() },
            AlarmKind::HuobanColumns { table: "销售每日响应".into(), columns: Vec::new() },
            AlarmKind::HuobanAllowance,
            AlarmKind::HuobanStrays,
            AlarmKind::HuobanStalled,
        ] {
            let said = alarm_text(&kind, &on);
            let all: Vec<String> = said.steps.into_iter().chain(said.afterwards).collect();
            assert!(!all.join("\n").contains("docker"), "{all:?}");
        }
        let letters = AlarmKind::DeadLetters { service: service(), count: 1, reasons: Vec::new() };
        assert!(alarm_text(&letters, &on).steps[0].contains(&format!("{huiyin} dead list，")));
    }

    #[test]
    fn a_restart_for_huoban_is_asked_for_as_a_command_and_only_where_one_is_needed() {
        let table = || Some("销售每日响应".to_owned());
        let restart = "docker compose restart performance";
        for kind in [
            AlarmKind::HuobanAccess { table: None },
            AlarmKind::HuobanAccess { table: table() },
            AlarmKind::HuobanAllowance,
            AlarmKind::HuobanStrays,
            AlarmKind::HuobanStalled,
        ] {
            assert!(steps(&kind).contains(restart), "{kind:?}");
        }
        let said = alarm_text(&AlarmKind::HuobanAccess { table: table() }, &Operated::Containers).steps;
        let without = |step: &&String| step.contains("不用重启") && !step.contains(restart);
        assert_eq!(
            said.iter().filter(without).count(),
            2,
            "renamed, and made anew where no id is configured"
        );
        assert!(!steps(&AlarmKind::HuobanQuota).contains(restart));
        assert_ne!(
            alarm_text(&AlarmKind::HuobanQuota, &Operated::Containers).title,
            alarm_text(&AlarmKind::HuobanAllowance, &Operated::Containers).title
        );
    }

    /// Sending people to a sheet that stands still would hide the customers who wait.
    #[test]
    fn nobody_is_sent_to_a_sheet_that_is_not_kept_up() {
        let silent = |service: &str| AlarmKind::Silent { service: service.into() };
        let lost = AlarmKind::LoginLost { gateway: "main".into(), picture: None, verification: None };
        let gateway = AlarmKind::GatewayLost { gateway: "main".into(), state: "connecting".into() };
        for kind in [silent("ingest"), silent("room-state"), lost, gateway, AlarmKind::BusLost] {
            let said = steps(&kind);
            assert!(said.contains(EVERYBODY_LOOKS) && !said.contains("今日群聊"), "{said}");
        }
        for kind in [AlarmKind::FeishuRefuses, AlarmKind::CardsUndelivered { count: 1 }] {
            assert!(steps(&kind).contains(LOOK_IN_THE_SHEET), "{kind:?}");
        }
        assert!(!steps(&silent("vika-reconcile")).contains(EVERYBODY_LOOKS));
    }
}
