//! What operators read when the figures do not get to Huoban.

use runtime::config::Operated;

use super::AlarmText;

const ALL: &str = "没有：提醒卡片、维格表和看板照常。伙伴云里的数字停止更新，恢复后会自己补齐。";
const SOME: &str = "没有：提醒卡片、维格表和看板照常。伙伴云里的其他数字照常更新。";
const NO_RESTART: &str = "不用重启：改好后最迟下一次写入（默认十分钟一次）会自己恢复。";
const WHEN_LATER: &str = "不用重启：恢复后最迟下一次写入（默认十分钟一次）会自己补齐。";

fn text(title: String, what: String, impact: &'static str, steps: Vec<String>) -> AlarmText {
    AlarmText { title, what, impact, steps, afterwards: None }
}

pub fn quota() -> AlarmText {
    text(
        "伙伴云调用次数用完".to_owned(),
        "伙伴云说套餐的 API 调用次数已用完，拒绝一切读写。".to_owned(),
        ALL,
        vec!["在伙伴云的企业后台看用量，升级套餐，或等到下一个周期。".to_owned(), WHEN_LATER.to_owned()],
    )
}

pub fn allowance(on: &Operated) -> AlarmText {
    text(
        "伙伴云的调用上限太低".to_owned(),
        "两小时以上，每次写到一半就用完了配置里给伙伴云定的调用次数（huoban.calls_per_hour、calls_per_day）。这是自己定的上限，不是套餐用完。".to_owned(),
        "没有：提醒卡片、维格表和看板照常。伙伴云里的数字更新得慢，或当天不再更新。",
        vec![
            "群和人多了，或刚开始写入：等几个小时，卡片会自己变为「已恢复」。".to_owned(),
            format!("一直不恢复：把这两个上限调高（不要超过套餐的次数），再重新启动：{}", on.restart("performance")),
            "不想多用调用次数：把 huoban.sync_every 调长。改了同样要重新启动。".to_owned(),
        ],
    )
}

pub fn key_refused(on: &Operated) -> AlarmText {
    text(
        "伙伴云拒绝访问".to_owned(),
        "伙伴云不接受配置里的 API 密钥。".to_owned(),
        ALL,
        vec![
            "在伙伴云的企业后台看密钥是否被停用、套餐是否还包含 API：恢复以后不用重启。".to_owned(),
            format!(
                "密钥被重置：把新的写进配置（huoban.api_key），再重新启动：{}",
                on.restart("performance")
            ),
            format!("检查：{}，看「伙伴云」一组。", on.huiyin("check")),
        ],
    )
}

pub fn not_found(table: &str, on: &Operated) -> AlarmText {
    text(
        format!("伙伴云的表找不到：{table}"),
        format!("找不到「{table}」：被删除、改名、移走，或者有几张同名的表。"),
        SOME,
        vec![
            format!("还在：把表改回原来的名字，同名的只留一张。{NO_RESTART}"),
            format!(
                "已删除：照 {} 说的重建。配置 huoban.tables 里没有填它的编号，也不用重启。",
                on.huiyin("init-huoban")
            ),
            format!(
                "配置里填了编号，或想改成按编号找（改名也不要紧）：把现在的编号写进 huoban.tables，再重新启动：{}",
                on.restart("performance")
            ),
        ],
    )
}

pub fn columns(table: &str, columns: &[String], on: &Operated) -> AlarmText {
    text(
        format!("伙伴云的列被改动：{table}"),
        format!("「{table}」的列不见了、重复了或改了类型：{}。", columns.join("、")),
        "没有。这些列不再更新；缺了「业务键」或「日期」时，整张表停止更新。",
        vec![
            format!("把列改回原来的名字和类型；{} 会逐列说明。", on.huiyin("init-huoban")),
            NO_RESTART.to_owned(),
        ],
    )
}

pub fn rows(table: &str, rows: &[String], on: &Operated) -> AlarmText {
    text(
        format!("伙伴云不收个别行：{table}"),
        format!("「{table}」没有收下这些行，或读回来不一样（业务键）：{}。", rows.join("、")),
        SOME,
        vec![
            format!("看原因：日志里找 Huoban did not take a row（{}）", on.logs("performance", 200)),
            "有人给列加了必填、唯一或校验规则：去掉规则。看不懂的原因发给工程师。".to_owned(),
            "十分钟后会再试，以后越来越慢，最慢约一天一次；数字有变化时立即再试。".to_owned(),
        ],
    )
}

pub fn strays(on: &Operated) -> AlarmText {
    text(
        "伙伴云里多出很多行".to_owned(),
        "每天核对时发现：最近几天由回音写入、但现在不再统计的行太多，为了保险一行也没有删。".to_owned(),
        "没有。伙伴云最近几天的图表可能多算；看板和报表是对的。",
        vec![
            "最近是否清空过数据库、改过名单里很多人的名字或换过群的来源？是：在伙伴云里删掉这几天多余的行。"
                .to_owned(),
            format!("说不清原因：先不要删，把日志发给工程师（{}）", on.logs("performance", 200)),
            format!("第二天核对时会再看一次；想当天再核对，重新启动：{}", on.restart("performance")),
        ],
    )
}

pub fn stalled(on: &Operated) -> AlarmText {
    text(
        "伙伴云停滞".to_owned(),
        "已有半小时以上没能把数字写进伙伴云，或每天一次的核对从昨天起没有做完：连不上，或它一直出错、限速。"
            .to_owned(),
        ALL,
        vec![
            "检查外网，和伙伴云网页是否打得开。".to_owned(),
            format!("看原因：日志里找 Huoban（{}）", on.logs("performance", 200)),
            format!(
                "外网和网页都正常，重新启动：{}；仍不恢复，把日志发给工程师。",
                on.restart("performance")
            ),
        ],
    )
}
