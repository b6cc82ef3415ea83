//! What the sheets say before go-live, and of rooms that are excluded.

use anyhow::Result;
use chrono::TimeDelta;
use testkit::company::{CHEN, says};

use crate::support::World;

#[tokio::test]
async fn until_go_live_todays_rows_say_why_no_cards_come() -> Result<()> {
    let world = World::start().await?;
    world.stack.never_live().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    let today = &world.sheets.today;
    world
        .until_shows(today, "r1", &[("系统信息", "演练中：尚未上线，不发提醒"), ("等待状态", "等待中")])
        .await?;
    world.until_shows(&world.sheets.all_rooms, "r1", &[("系统信息", "")]).await?;
    world.stack.go_live(true, world.stack.clock.now()).await?;
    world.until_shows(today, "r1", &[("系统信息", ""), ("等待状态", "等待中")]).await?;
    sync.stop().await?;
    room_state.stop().await
}

/// A day off takes force while services run: the minutes are counted anew, and once more when it is taken back.
#[tokio::test]
async fn another_calendar_counts_the_minutes_anew() -> Result<()> {
    let mut world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = world.sheets.today.clone();
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(&today, "r1", &[("等待状态", "等待中"), ("当前级别", "")]).await?;
    world.stack.clock.advance(std::time::Duration::from_mins(20));
    let waited = [("负责人未回覆时间（分钟）", "21"), ("当前级别", "橙 20 分钟")];
    world.until_shows(&today, "r1", &waited).await?;

    let rules = &mut world.stack.config.rules;
    let yesterday = rules.day_of(world.stack.clock.now()) - TimeDelta::days(1);
    let days_off: Vec<_> = yesterday.iter_days().take(3).collect();
    let at_home = serde_json::json!({ "days_off": days_off, "public_holidays": false });
    let always = std::mem::replace(&mut rules.calendars.pre_sales, serde_json::from_value(at_home)?);
    rules.settle_calendars();
    world.stack.apply_rules(TimeDelta::zero()).await?;
    let nothing = [("负责人未回覆时间（分钟）", "0"), ("当前级别", ""), ("等待状态", "等待中")];
    world.until_shows(&today, "r1", &nothing).await?;

    world.stack.config.rules.calendars.pre_sales = always;
    world.stack.apply_rules(TimeDelta::zero()).await?;
    world.until_shows(&today, "r1", &waited).await?;
    sync.stop().await?;
    room_state.stop().await
}

#[tokio::test]
async fn an_excluded_room_is_not_shown_until_it_is_excluded_no_more() -> Result<()> {
    let mut world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let (today, all) = (world.sheets.today.clone(), world.sheets.all_rooms.clone());
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(&today, "r1", &[("最后一句话", "在吗？"), ("顾客总回复数", "1")]).await?;
    world.until_shows(&all, "r1", &[("系统信息", "")]).await?;

    world.stack.config.rules.excluded_rooms.names = vec!["示例公司-*".into()];
    world.stack.apply_rules(TimeDelta::zero()).await?;
    let out = ("系统信息", "已排除：不统计、不提醒");
    let blank = [out, ("最后一句话", ""), ("等待状态", ""), ("日期", ""), ("顾客总回复数", "")];
    world.until_shows(&today, "r1", &blank).await?;
    world.until_shows(&all, "r1", &[out, ("完整群聊名", "示例公司-r1")]).await?;
    let said = [says("r1", CHEN, world.past(5), "在不在？"), says("r2", CHEN, world.past(5), "有人吗？")];
    world.publish(&said).await?;
    testkit::until("both sheets know of the room without showing it", || async {
        let known = "select count(*) from vika_sync_rows where room = 'webhook:r2' and version > 0 and record is null";
        Ok(store::sqlx::query_scalar::<_, i64>(known).fetch_one(&world.stack.admin).await? == 2)
    })
    .await?;
    assert!(world.row(&today, "r2").await?.is_none() && world.row(&all, "r2").await?.is_none());

    world.stack.config.rules.excluded_rooms.names.clear();
    world.stack.apply_rules(TimeDelta::zero()).await?;
    // The words of the time in between were never kept, the figures were.
    let back = [("系统信息", ""), ("最后一句话", "在吗？"), ("等待状态", "等待中"), ("顾客总回复数", "2")];
    world.until_shows(&today, "r1", &back).await?;
    world.until_shows(&today, "r2", &[("等待状态", "等待中"), ("顾客总回复数", "1")]).await?;
    world.until_shows(&all, "r2", &[("完整群聊名", "示例公司-r2")]).await?;
    sync.stop().await?;
    room_state.stop().await
}
