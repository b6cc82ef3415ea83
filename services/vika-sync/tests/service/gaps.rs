//! What cannot be known: rooms that our account left, and waits that nobody saw all of.

use anyhow::Result;
use chrono::TimeDelta;
use testkit::company::{CHEN, LI, WANG, account_left, says};

use crate::support::World;

#[tokio::test]
async fn a_room_that_our_account_left_says_so_until_it_is_back() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let (today, all) = (&world.sheets.today, &world.sheets.all_rooms);
    world.publish(&[says("r1", CHEN, world.past(0), "在吗？")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "等待中"), ("采集状态", "正常")]).await?;
    world.until_shows(all, "r1", &[("采集状态", "正常")]).await?;

    world.stack.bus.publish(&account_left("r1", world.past(30), Some(LI))?).await?;
    let when = world.past(30).with_timezone(&chrono_tz::Asia::Shanghai).format("%m-%d %H:%M");
    let removed = format!("机器人已被移出群（{when}）");
    let message = "助手账号已被移出群，无法继续计时";
    let shows = [("采集状态", removed.as_str()), ("系统信息", message)];
    world.until_shows(all, "r1", &shows).await?;
    let row = world.until_shows(today, "r1", &shows).await?;
    assert_eq!((row["等待状态"].as_str(), row["等待开始时间"].as_str()), ("已停止计时", ""));
    let logged = world.until_logged(1).await?;
    assert_eq!((logged[0]["系统信息"].as_str(), logged[0]["操作人"].as_str()), (message, "李小后"));

    world.publish(&[says("r1", CHEN, world.past(50), "还在吗？")]).await?;
    let back = [("采集状态", "正常"), ("等待状态", "等待中"), ("系统信息", "助手账号已回到群里，恢复计时")];
    world.until_shows(today, "r1", &back).await?;
    world.until_shows(all, "r1", &[("采集状态", "正常")]).await?;
    world.until_logged(2).await?;
    sync.stop().await?;
    room_state.stop().await
}

/// The gap is found after the wait was closed and shown, as when a killed capture starts again.
#[tokio::test]
async fn a_gap_found_late_takes_waits_out_of_the_figures() -> Result<()> {
    let world = World::start().await?;
    let (room_state, sync) = (world.room_state().await?, world.sync().await?);
    let today = &world.sheets.today;
    let begin = world.stack.clock.now() - TimeDelta::minutes(10);
    let at = |minutes| begin + TimeDelta::minutes(minutes);
    let seen_elsewhere = |mut message: events::chat::ChatMessage| {
        message.account = "second".into();
        message
    };
    world
        .publish(&[
            says("r1", CHEN, at(0), "在吗？"),
            says("r1", WANG, at(3), "在的"),
            seen_elsewhere(says("r2", CHEN, at(0), "在吗？")),
            seen_elsewhere(says("r2", WANG, at(3), "在的")),
            says("r3", CHEN, at(0), "有人吗？"),
        ])
        .await?;
    let counted = [
        ("等待状态", "已回复"),
        ("回复超过2分钟次数", "1"),
        ("平均回复时间（分钟）", "3.0"),
        ("采集状态", "正常"),
    ];
    world.until_shows(today, "r1", &counted).await?;
    world.until_shows(today, "r2", &counted).await?;
    world.until_shows(today, "r3", &[("等待状态", "等待中")]).await?;

    world.stack.capture_gap("main", at(1), Some(at(2))).await?;
    let left_out = [
        ("等待状态", "已回复（用时待核实）"),
        ("回复超过2分钟次数", "0"),
        ("平均回复时间（分钟）", ""),
        ("采集状态", "待核实"),
    ];
    world.until_shows(today, "r1", &left_out).await?;
    world.until_shows(today, "r3", &[("等待状态", "待核实")]).await?;
    world.until_shows(today, "r2", &counted).await?;
    // What was asked after the gap is as certain as ever.
    world.publish(&[says("r1", CHEN, at(5), "另外呢？"), says("r1", WANG, at(6), "有的")]).await?;
    world.until_shows(today, "r1", &[("等待状态", "已回复"), ("平均回复时间（分钟）", "1.0")]).await?;
    sync.stop().await?;
    room_state.stop().await
}
