//! What whoever changes over from the original is told.

use crate::text::on_one_line;

pub(super) const NOT_THE_ORIGINAL: &str =
    "这不是 sales-assistant 的 default.json：里面没有 names、lark、vika、corp 中的任何一节";

pub(super) const NO_MANAGERS: &str = "经理：原配置里没有。把经理加进 rules.roster（team 写 other）和 rules.managers；\
    限制谁能核准的话，再写 rules.approvers";
pub(super) const NO_OPERATORS: &str =
    "运维群：原配置里没有。填 watchdog.operators_chat（飞书机器人要在群里）和 watchdog.operators";
pub(super) const NO_SPACE: &str =
    "维格表空间站：原配置里没有。填 vika.space（spc 开头），再把 vika.bot_names 写成两个表格账号显示的名字";
pub(super) const WORKING_TIME: &str =
    "等待时间：原来全天计时，这里只算工作时间。不一样的话改 rules.calendars";
pub(super) const TRIAL: &str = "lark.is_developing、lark.channels.test_roomid：没有对应的设置。上线前先排练（不发给销售），\
    见 docs/golive.md";
pub(super) const VIKA_TOKEN: &str =
    "放进密钥文件 vika_sync_token；再为第二个表格账号建一个，放进 vika_reconcile_token";
pub(super) const APP_KEY: &str =
    "放进密钥文件 feishu_app_secret；按钮和回调还要 feishu_encrypt_key、feishu_verification_token";
pub(super) const WECHATY_TOKEN: &str =
    "交给微信网关（.env 的 GATEWAY_PUPPET_OPTIONS），见 docs/zh/install.md";
pub(super) const DATABASE: &str =
    "数据自己存（Postgres），不用填。以前的消息可以用 huiyin import 读进来，只计入统计，不会提醒";
pub(super) const CYCLES: &str =
    "有变化就写，不按固定周期；多久看一次经理的改动由 vika.poll_every 定，默认适合每月 10 万次调用";
pub(super) const SERVER_PORT: &str = "飞书回调的地址是 feishu.listen";

pub(super) fn not_json(file: &str, line: usize, column: usize) -> String {
    format!("{file} 不是 JSON（第 {line} 行第 {column} 列）")
}

pub(super) fn exists(file: &str) -> String {
    format!("{file} 已经有了，不会覆盖：换一个文件名，或先移走它")
}

pub(super) fn written(file: &str) -> String {
    format!("新配置写在 {file}。还带着 example 或「示例」的地方要由您填；启动前用 huiyin check 核对")
}

pub(super) fn taken(lines: &[String]) -> String {
    list("照搬过来的：", lines)
}

pub(super) fn left(lines: &[String]) -> String {
    list("没有照搬的，请看一下：", lines)
}

fn list(head: &str, lines: &[String]) -> String {
    lines.iter().fold(head.to_owned(), |list, line| format!("{list}\n  · {line}"))
}

pub(super) fn company(name: &str) -> String {
    format!("公司名称「{}」", on_one_line(name))
}

pub(super) fn time_zone(zone: &str) -> String {
    format!("时区 {zone}")
}

pub(super) fn no_time_zone() -> String {
    "timeZone：不是时区的名字（如 Asia/Shanghai），先用 Asia/Shanghai".to_owned()
}

pub(super) fn people(count: usize) -> String {
    format!("售前、售后共 {count} 人，连同各自的提醒群（contacts 先留空，见 docs/zh/install.md 第九步）")
}

pub(super) fn missing(place: &str, ours: &str) -> String {
    format!("{place}：没有，或不能用。请填 {ours}")
}

pub(super) fn no_name(place: &str) -> String {
    format!("{place}：有一项不是名字，跳过")
}

pub(super) fn twice(name: &str, place: &str) -> String {
    format!("{place}：「{}」出现了两次，只算第一次（一个人只能在一个组）", on_one_line(name))
}

pub(super) fn without_chat(name: &str, placeholder: &str) -> String {
    let name = on_one_line(name);
    format!("「{name}」没有自己的提醒群（lark.sales2chat）：先写成 {placeholder}，请换成他自己的群")
}

pub(super) fn stranger(name: &str) -> String {
    format!("lark.sales2chat：「{}」不在售前、售后名单里，跳过", on_one_line(name))
}

pub(super) fn app() -> String {
    "飞书应用（lark.appId）".to_owned()
}

pub(super) fn public_chat() -> String {
    "公共提醒群（lark.channels.alert_group）".to_owned()
}

pub(super) fn another_channel(name: &str) -> String {
    format!("lark.channels.{}：原程序没有用到它。要在提醒规则里用，写进 rules.chats", on_one_line(name))
}

pub(super) fn ladder(place: &str, stage: &str) -> String {
    format!("提醒规则 rules.ladders.{stage}（{place}）")
}

pub(super) fn no_ladder(place: &str) -> String {
    format!("{place}.color_level：没有能用的级别，按自带的提醒规则")
}

pub(super) fn no_minutes(place: &str, key: &str) -> String {
    format!("{place}：「{}」不是分钟数，跳过", on_one_line(key))
}

pub(super) fn no_colour(place: &str) -> String {
    format!("{place}：不是卡片能用的颜色，先用 grey")
}

pub(super) fn no_repeat(place: &str) -> String {
    format!("{place}：没有能用的 cycle_time 和 until，最后一档之后不再提醒")
}

pub(super) fn threshold_missing(place: &str, minutes: u64) -> String {
    format!("{place}.group_alert_threshold：不是分钟数，按 {minutes} 分钟")
}

pub(super) fn sheet(place: &str, ours: &str) -> String {
    format!("表的编号 vika.sheets.{ours}（{place}）：运行 huiyin init-vika 补上缺的列")
}

pub(super) fn no_sheet(place: &str) -> String {
    format!("{place}：没有，或不是 dst 开头的编号。huiyin init-vika 会建一张")
}

pub(super) fn secret(place: &str, what: &str) -> String {
    format!("{place}：密钥不写进配置。{what}")
}

pub(super) fn other(place: &str, why: &str) -> String {
    format!("{place}：{why}")
}

pub(super) fn unknown(key: &str) -> String {
    format!("{}：不认识", on_one_line(key))
}
