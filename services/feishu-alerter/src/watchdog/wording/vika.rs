//! What operators read when Vika stands still.

use runtime::config::Operated;

use super::{AlarmText, impact_of};

const BOTH: &str =
    "维格表停止更新，不要再照着它判断谁在等待；经理的修改和勾选恢复后会补上。提醒卡片照常发送。";
const ROWS: &str = "新的群不会出现在这张表里；已有的行照常更新，提醒卡片照常发送。";
const COLUMNS: &str =
    "这些列不再更新；缺了「群ID」或经理的列时，整张表停止更新、修改不生效。提醒卡片照常发送。";
const NO_RESTART: &str = "不用重启：改好后会自己恢复，这张卡片变为「已恢复」。";

fn text(title: String, what: String, impact: &'static str, steps: &[&str]) -> AlarmText {
    let steps = steps.iter().map(|step| (*step).to_owned()).collect();
    AlarmText { title, what, impact, steps, afterwards: None }
}

pub fn full(sheet: &str) -> AlarmText {
    text(
        format!("维格表行数已满：{sheet}"),
        format!("「{sheet}」达到套餐的行数上限，有的群暂时没有行。"),
        ROWS,
        &[
            "升级套餐，或删除早已不用的群的行，或把不必看的群排除。",
            "有了空位，最近说过话的群五分钟内补上，其余一天内补上。",
        ],
    )
}

pub fn access(service: &str, sheet: Option<&str>) -> AlarmText {
    text(
        format!("维格表拒绝访问：{service}"),
        format!("维格表不接受 {service} 的令牌，或它的账号看不到{}。", named(sheet)),
        impact_of(service),
        &[
            "检查令牌所属账号是否还在空间里、是否仍有「可编辑」权限，表是否被删除或移走。",
            "令牌被重置过：把新令牌写进配置，再重新启动该服务。",
            "权限改好后五分钟内会自己恢复。",
        ],
    )
}

pub fn columns(sheet: &str, columns: &[String], on: &Operated) -> AlarmText {
    let restored = format!("把列的类型改回原样；删掉的列用 {} 补上。", on.huiyin("init-vika"));
    text(
        format!("维格表的列被改动：{sheet}"),
        format!("「{sheet}」的列不见了、改了类型，或有两列同名：{}。", columns.join("、")),
        COLUMNS,
        &[&restored, NO_RESTART],
    )
}

pub fn rows(sheet: &str, rooms: &[String], on: &Operated) -> AlarmText {
    let look = format!("看原因：日志里找 Vika refuses a row（{}）", on.logs("vika-sync", 200));
    let later = "十分钟后会再试，以后越来越慢；群名里有特殊字符时，改掉群名通常就好。";
    text(
        format!("维格表不收个别行：{sheet}"),
        format!("「{sheet}」拒绝写入这些群的行：{}。", rooms.join("、")),
        "这些群在表里看不到或不再更新，负责人请直接看微信群；其他群和提醒卡片照常。",
        &[&look, later, NO_RESTART],
    )
}

pub fn stalled(service: &str, sheet: Option<&str>, on: &Operated) -> AlarmText {
    let look = format!("看原因：{}", on.logs("vika-sync vika-reconcile", 100));
    text(
        format!("维格表停滞：{service}"),
        format!("{service} 已有五分钟以上没能读写{}。", named(sheet)),
        impact_of(service),
        &["检查外网，和维格表网页是否打得开。", &look],
    )
}

pub fn quota() -> AlarmText {
    text(
        "维格表本月调用次数用完".to_owned(),
        "空间本月的 API 调用次数已用完，维格表拒绝一切读写。".to_owned(),
        BOTH,
        &[
            "在维格表的「空间管理」里查看用量，升级套餐，或等到下月。",
            "恢复后最迟一小时自己继续；急用可以重新启动 vika-sync 和 vika-reconcile。",
        ],
    )
}

pub fn allowance(on: &Operated) -> AlarmText {
    let check = format!("看套餐够多少个群、本月用了多少次：{}", on.huiyin("check"));
    let raise = format!(
        "套餐其实更大：改正 vika.calls_per_month，再重新启动：{}",
        on.restart("vika-sync vika-reconcile")
    );
    text(
        "维格表的调用次数不够".to_owned(),
        "上班时间里，表格已有半小时以上没能赶上：今天可用的 API 调用次数写不完变化的行。".to_owned(),
        "表格会晚到，等得最久的先写；经理的修改和勾选照常生效，提醒卡片照常发送。",
        &[&check, "升级维格表空间的套餐，或把不必看的群排除。", &raise],
    )
}

fn named(sheet: Option<&str>) -> String {
    sheet.map_or_else(|| "维格表".to_owned(), |sheet| format!("「{sheet}」"))
}
