//! The managers' views in words: what `huiyin init-vika` asks for, and `huiyin check` looks for.

use vika::tables::Table;
use vika::views::{Condition, View, Viewed};

/// Every view of a sheet, one line each: `群聊总表 · 待核准列表：「群聊阶段」等于 after-sales，并且…`
pub(crate) fn lines<T: Viewed>() -> Vec<String> {
    T::VIEWS.iter().map(|view| format!("{} · {}：{}", T::TITLE, view.title, filter(view))).collect()
}

/// What it filters and sorts by.
pub(crate) fn filter<T: Table>(view: &View<T>) -> String {
    let conditions: Vec<String> = view.conditions.iter().map(condition).collect();
    let sorts: Vec<String> = view.falling.iter().map(|column| format!("「{}」", column.name())).collect();
    let order =
        if sorts.is_empty() { String::new() } else { format!("；按{}从大到小", sorts.join("、")) };
    conditions.join("，并且") + &order
}

fn condition<T: Table>(condition: &Condition<T>) -> String {
    let column = condition.column().name();
    match condition {
        Condition::Is(_, text) => format!("「{column}」等于 {text}"),
        Condition::IsNot(_, text) => format!("「{column}」不等于 {text}"),
        Condition::IsOneOf(_, texts) => {
            let texts: Vec<String> = texts.iter().map(|text| format!("「{text}」")).collect();
            format!("「{column}」等于{}", texts.join("或"))
        }
        Condition::IsEmpty(_) => format!("「{column}」为空"),
        Condition::IsUnticked(_) => format!("「{column}」未勾选"),
        Condition::AtLeast(_, least) => format!("「{column}」大于等于 {least}"),
        Condition::IsToday(_) => format!("「{column}」等于今天"),
    }
}

#[cfg(test)]
mod tests {
    use vika::tables::{AllRooms, Today};

    use super::*;

    /// What managers set up by hand is what stands in their guide.
    #[test]
    fn the_views_are_those_of_the_guide() {
        fn check<T: Viewed>() {
            let guide = include_str!("../../../docs/zh/manager.md");
            for view in T::VIEWS {
                let row = format!("| {} | {} | {} |", T::TITLE, view.title, filter(view));
                assert!(guide.contains(&row), "{row}");
            }
        }
        check::<AllRooms>();
        check::<Today>();
    }

    #[test]
    fn managers_read_what_to_filter_by() {
        assert_eq!(
            lines::<AllRooms>(),
            [
                "群聊总表 · 待核准列表：「群聊阶段」等于 after-sales，并且「生效阶段」不等于 after-sales",
                "群聊总表 · 无负责人群聊列表：「生效负责人」为空",
                "群聊总表 · 需跟进列表：「静默工作日」大于等于 7，并且「不再跟进」未勾选；按「静默工作日」从大到小",
            ]
        );
        assert_eq!(
            lines::<Today>(),
            [
                "今日群聊 · 今日：「日期」等于今天",
                "今日群聊 · 正在等待：「等待状态」等于「等待中」或「待核实」；按「优先级」、「负责人未回覆时间（分钟）」从大到小",
            ]
        );
    }
}
