//! What operators read when the figures do not get to Huoban.

use runtime::config::Operated;

use super::AlarmText;
use crate::watchdog::alarm_kind::AlarmKind;

const ALL: &str = "没有：提醒卡片、维格表和看板照常。伙伴云里的数字停止更新，恢复后会自己补齐。";
const SOME: &str = "没有：提醒卡片、维格表和看板照常。伙伴云里的其他数字照常更新。";
const NO_RESTART: &str = "不用重启：改好后最迟下一次写入（默认十分钟一次）会自己恢复。";

/// Title, what happened, what it means, what to do.
type Texts = (String, String, &'static str, Vec<String>);

/// What a card says of an alarm about Huoban.
pub fn alarm_text(kind: &AlarmKind, on: &Operated) -> AlarmText {
    let logs = on.logs("performance", 200);
    let (title, what, impact, steps) = match kind {
        AlarmKind::HuobanQuota => (
            "伙伴云调用次数用完".to_owned(),
            "伙伴云说套餐的 API 调用次数已用完，拒绝一切读写。".to_owned(),
            ALL,
            vec!["在伙伴云的企业管理里看用量，升级套餐，或等到下一个周期。".to_owned(), NO_RESTART.to_owned()],
        ),
        AlarmKind::HuobanAccess { table: None } => key_refused(on),
        AlarmKind::HuobanAccess { table: Some(table) } => not_found(table, on),
        AlarmKind::HuobanColumns { table, columns } => (
            format!("伙伴云的列被改动：{table}"),
            format!("「{table}」的列不见了、重复了或改了类型：{}。", columns.join("、")),
            "没有。这些列不再更新；缺了「业务键」或「日期」时，整张表停止更新。",
            vec![
                format!("把列改回原来的名字和类型；{} 会逐列说明。", on.huiyin("init-huoban")),
                NO_RESTART.to_owned(),
            ],
        ),
        AlarmKind::HuobanRows { table, rows } => (
            format!("伙伴云不收个别行：{table}"),
            format!("「{table}」没有收下这些行，或读回来不一样（业务键）：{}。", rows.join("、")),
            SOME,
            vec![
                format!("看原因：日志里找 Huoban did not take a row（{logs}）"),
                "有人给列加了必填、唯一或校验规则：去掉规则。看不懂的原因发给工程师。".to_owned(),
                "十分钟后会再试，以后越来越慢，最慢约一天一次；数字有变化时立即再试。".to_owned(),
            ],
        ),
        AlarmKind::HuobanStrays => (
            "伙伴云里多出很多行".to_owned(),
            "每天核对时发现：最近几天由回音写入、但现在不再统计的行太多，为了保险一行也没有删。".to_owned(),
            "没有。伙伴云最近几天的图表可能多算；看板和报表是对的。",
            vec![
                "最近是否清空过数据库、改过名单里很多人的名字或换过群的来源？是：在伙伴云里删掉这几天多余的行。".to_owned(),
                format!("说不清原因：先不要删，把日志发给工程师（{logs}）"),
                "第二天核对时会再看一次；重新启动 performance 会当天再核对。".to_owned(),
            ],
        ),
        _ => (
            "伙伴云停滞".to_owned(),
            "已有半小时以上没能把数字写进伙伴云（或两小时以上一直碰到我们自己设的调用上限）。".to_owned(),
            ALL,
            vec![
                "检查外网，和伙伴云网页是否打得开。".to_owned(),
                format!("看原因：日志里找 Huoban（{logs}）"),
                "写着 Allowance：把配置里的 huoban.calls_per_hour、calls_per_day 调高，再重新启动 performance。".to_owned(),
            ],
        ),
    };
    AlarmText { title, what, impact, steps, afterwards: None }
}

fn key_refused(on: &Operated) -> Texts {
    (
        "伙伴云拒绝访问".to_owned(),
        "伙伴云不接受配置里的 API 密钥。".to_owned(),
        ALL,
        vec![
            "在伙伴云的企业后台看密钥是否被停用或重置、套餐是否还包含 API。".to_owned(),
            format!("换了密钥：写进配置（huoban.api_key），再重新启动：{}", on.restart("performance")),
            format!("检查：{}，看「伙伴云」一组。", on.huiyin("check")),
        ],
    )
}

fn not_found(table: &str, on: &Operated) -> Texts {
    let by_id = "把表改回原来的名字，或把它的编号写进配置 huoban.tables（这样改名也不要紧），再重新启动";
    (
        format!("伙伴云的表找不到：{table}"),
        format!("找不到「{table}」：被删除、改名、移走，或者有几张同名的表。"),
        SOME,
        vec![
            format!("{by_id}：{}", on.restart("performance")),
            format!("表已删除：照 {} 说的重建。", on.huiyin("init-huoban")),
            NO_RESTART.to_owned(),
        ],
    )
}
