//! The service as a whole: what was counted stands in both tables, by person and by room.

use anyhow::Result;
use chrono::TimeDelta;
use domain::span::Span;
use huoban::Table;
use store::role::Role;
use testkit::company::{CHEN, WANG, captured, says};
use testkit::until;

use crate::support::Site;

#[tokio::test]
async fn what_was_counted_stands_in_both_tables() -> Result<()> {
    let mut site = Site::start().await?;
    site.stack.config.huoban = site.config.clone();
    site.stack.config.huoban.sync_every = Span::seconds(1);
    let room_state = site.stack.run(Role::RoomState, room_state::run).await?;
    let performance = site.stack.run(Role::Performance, performance::run).await?;
    let at = |seconds| site.stack.started - TimeDelta::minutes(2) + TimeDelta::seconds(seconds);
    for message in [says("r1", CHEN, at(0), "在吗？"), says("r1", WANG, at(60), "在的")] {
        site.stack.bus.publish(&captured(&message)?).await?;
    }
    for (table, column, who) in
        [(Table::PersonDays, "负责人", "王小售"), (Table::RoomDays, "群聊名", "示例公司-r1")]
    {
        until(&format!("{who} stands in {table}"), || async {
            let rows = site.rows(table).await?;
            Ok(rows.iter().any(|row| {
                let cells = &row["cells"];
                cells[column] == who && cells["已回复"] == 1.0 && cells["平均回复时间（分钟）"] == 1.0
            }))
        })
        .await?;
    }
    performance.stop().await?;
    room_state.stop().await
}
