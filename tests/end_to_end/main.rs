//! The whole path, as `huiyin demo` runs it: real Postgres, real `nats-server`, a real Wechaty gateway, all services;
//! simulators only where the outside world begins. The clock is moved, not waited for.

mod hostile;
mod import;
mod play;
mod traces;

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use play::{Play, Row};

/// 晨光贸易: owner 林小样 (she invited the account), a customer 蓝先生.
const DAWN: &str = "示例公司-晨光贸易";
/// 星河食品: owner 周例安, a customer 橙女士.
const GALAXY: &str = "示例公司-星河食品";
/// 白鹭物流: owner 陈拟夏, a customer 紫采购.
const EGRET: &str = "示例公司-白鹭物流";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_message_to_a_row_and_a_card_and_back() -> Result<()> {
    let play = Play::start(false).await?;
    every_room_has_a_row_before_it_speaks(&play).await?;

    play.say(DAWN, "蓝先生", "在吗？想问一下新款的报价").await?;
    play.say(GALAXY, "橙女士", "我们的货什么时候到？").await?;
    play.say(EGRET, "紫采购", "好的，谢谢").await?;
    for (room, customer) in [(DAWN, "蓝先生"), (GALAXY, "橙女士")] {
        let row = play.row(Row::Today, room, |row| row["等待状态"] == "等待中").await?;
        assert_eq!(row["最后说话者"], format!("客户:{customer}"), "{row}");
    }
    let quiet = play.row(Row::Today, EGRET, |row| row["最后一句话"] == "好的，谢谢").await?;
    assert_eq!(quiet["等待状态"], "无等待", "a closing word opens nothing: {quiet}");
    assert!(quiet["判定原因"].as_str().is_some_and(|reason| reason.contains("结束语")), "{quiet}");

    cards_rise_with_the_wait(&play).await?;
    a_reply_ends_the_wait_and_changes_its_cards(&play).await?;
    a_tick_cancels_and_is_taken_back(&play).await?;
    a_room_that_we_are_removed_from_is_told(&play).await?;
    play.stop().await;
    Ok(())
}

async fn every_room_has_a_row_before_it_speaks(play: &Play) -> Result<()> {
    for (room, owner) in [(DAWN, "林小样"), (GALAXY, "周例安"), (EGRET, "陈拟夏")] {
        let row = play.row(Row::AllRooms, room, |row| row["生效负责人"] == owner).await?;
        assert_eq!((&row["生效阶段"], &row["负责人来源"]), (&json!("pre-sales"), &json!("自动")), "{row}");
    }
    Ok(())
}

async fn cards_rise_with_the_wait(play: &Play) -> Result<()> {
    play.advance(Duration::from_secs(11));
    play.card("林小样", "turquoise", |card| card.contains("新款的报价")).await?;
    play.card("周例安", "turquoise", |card| card.contains("什么时候到")).await?;
    assert!(play.cards("陈拟夏").await?.is_empty(), "nobody waits in 白鹭物流");
    assert!(play.cards(play::PUBLIC).await?.is_empty(), "the first rungs are the owner's alone");
    play.advance(Duration::from_secs(30));
    play.card("林小样", "red", |_| true).await?;
    play.card(play::PUBLIC, "red", |card| card.contains("晨光贸易")).await?;
    // The first has shrunk to a line.
    play.until_colours("林小样", &["", "red"], "slept through two rungs: only the highest is sent").await?;
    Ok(())
}

async fn a_reply_ends_the_wait_and_changes_its_cards(play: &Play) -> Result<()> {
    play.say(DAWN, "林小样", "在的，报价单这就发您").await?;
    let row = play.row(Row::Today, DAWN, |row| row["等待状态"] == "已回复").await?;
    assert_eq!(row["售前总回复数"], 1, "{row}");
    for chat in ["林小样", play::PUBLIC] {
        play.all_cards(chat, "晨光贸易", |card| card.colour == "default" && card.text.contains("林小样"))
            .await?;
    }
    Ok(())
}

async fn a_tick_cancels_and_is_taken_back(play: &Play) -> Result<()> {
    let row = play.row(Row::Today, GALAXY, |row| row["等待状态"] == "等待中").await?;
    play.edit(Row::Today, &row, json!({ "消除未回覆记录": true })).await?;
    let row = play
        .row(Row::Today, GALAXY, |row| row["等待状态"] == "已取消" && row["消除未回覆记录"].is_null())
        .await?;
    assert_eq!(row["系统信息"], "已消除未回覆记录", "{row}");
    play.row(Row::SystemLog, GALAXY, |row| row["系统信息"] == "已消除未回覆记录").await?;
    play.all_cards("周例安", "星河食品", |card| {
        card.colour == "default" && card.text.contains("不用回复 · ")
    })
    .await?;
    Ok(())
}

async fn a_room_that_we_are_removed_from_is_told(play: &Play) -> Result<()> {
    play.say(EGRET, "紫采购", "仓库地址发我一下？").await?;
    play.row(Row::Today, EGRET, |row| row["等待状态"] == "等待中").await?;
    play.presence(EGRET, false).await?;
    let removed =
        |row: &Value| row["采集状态"].as_str().is_some_and(|state| state.starts_with("机器人已被移出群"));
    play.row(Row::Today, EGRET, |row| removed(row) && row["等待状态"] == "已停止计时").await?;
    play.row(Row::AllRooms, EGRET, removed).await?;
    play.row(Row::SystemLog, EGRET, |row| row["操作人"] == "陈拟夏").await?;
    let told = |text: &str| text.contains("助手账号已被移出群") && text.contains("白鹭物流");
    for chat in ["陈拟夏", play::PUBLIC] {
        play.card(chat, "orange", told).await?;
    }
    play.presence(EGRET, true).await?;
    play.row(Row::AllRooms, EGRET, |row| row["采集状态"] == "正常").await?;
    play.card(play::PUBLIC, "default", |text| text.contains("助手账号已回到群里")).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_manager_hands_a_room_over_and_a_button_ends_a_wait() -> Result<()> {
    let play = Play::start(true).await?;
    play.say(DAWN, "蓝先生", "设备装好了，怎么保养？").await?;
    let row = play.row(Row::AllRooms, DAWN, |_| true).await?;
    play.edit(Row::AllRooms, &row, json!({ "负责人": "许试秋", "群聊阶段": "after-sales" })).await?;
    play.row(Row::AllRooms, DAWN, |row| row["系统信息"] == "等待管理员核准").await?;
    play.edit(Row::AllRooms, &row, json!({ "核准进入售后阶段": true })).await?;
    let row = play.row(Row::AllRooms, DAWN, |row| row["生效负责人"] == "许试秋").await?;
    assert_eq!(
        (&row["系统信息"], &row["负责人来源"]),
        (&json!("已成功更新至售后阶段"), &json!("人工")),
        "{row}"
    );

    play.advance(Duration::from_secs(70));
    let card = play.card("许试秋", "", |card| card.contains("怎么保养")).await?;
    let answer = play.click(&card, "ou_demo_xushiqiu").await?;
    assert_eq!(answer["status"], 200, "{answer}");
    let row = play.row(Row::Today, DAWN, |row| row["等待状态"] == "已取消").await?;
    assert_eq!(row["负责人"], "许试秋", "{row}");
    play.all_cards("许试秋", "晨光贸易", |card| card.colour == "default").await?;
    play.stop().await;
    Ok(())
}
