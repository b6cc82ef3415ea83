//! Who may press what, by the rules in force.

use anyhow::Result;
use chrono::TimeDelta;
use domain::rules::Who;
use serde_json::json;
use testkit::company::{LI, WANG};

use crate::support::{LINE, MANAGER, Scene, TO_ALL, TO_WANG};

const MAY_NOT: &str = "您不能点这个按钮：只有负责人、经理可以";

/// A refusal is read by whoever pressed, and is nothing else.
#[tokio::test]
async fn by_default_owner_and_managers_end_and_assign_and_the_roster_sees_to_it() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.give_accounts(&[("王小售", "ou_wang"), ("李小后", "ou_li")]).await?;
    scene.control("POST", "people", &json!({ "open_id": "ou_guest", "name": "路人" })).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(30);
    let public = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    scene.until_colours(TO_WANG, &["red"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    for act in ["no_reply_needed", "undo", "answered", "assign"] {
        for person in ["ou_li", "ou_guest"] {
            assert_eq!(scene.choose(&public, act, "李小后", person).await?, MAY_NOT, "{act} {person}");
        }
    }
    assert_eq!(
        scene.choose(&public, "claim", "", "ou_guest").await?,
        "您不能点这个按钮：只有名单里的同事可以"
    );
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 0);
    assert_eq!(scene.count("select count(*) from commands").await?, 0);
    assert!(scene.choose(&public, "claim", "", "ou_li").await?.starts_with("已记录：您来处理"));
    assert_eq!(scene.choose(&public, "no_reply_needed", "", "ou_wang").await?, "已记录：不用回复，不再提醒");
    let closed = scene.until_titled(TO_ALL, "不用回复").await?.remove(0);
    assert!(closed.text.contains("不用回复 · 王小售"), "{}", closed.text);
    assert_eq!(scene.choose(&closed, "undo", "", MANAGER).await?, "已记录：撤销「不用回复」");
    scene.stop(alerter).await
}

/// Without a restart.
#[tokio::test]
async fn the_rules_in_force_say_who_may() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.control("POST", "people", &json!({ "open_id": "ou_guest", "name": "路人" })).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(30);
    let public = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    scene.stack.config.rules.buttons.no_reply_needed = Vec::new();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    assert_eq!(scene.choose(&public, "no_reply_needed", "", MANAGER).await?, "这个按钮已停用");
    scene.stack.config.rules.buttons.no_reply_needed = vec![Who::Anyone];
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let said = scene.choose(&public, "no_reply_needed", "", "ou_guest").await?;
    assert_eq!(said, "已记录：不用回复，不再提醒");
    scene.until_titled(TO_WANG, "不用回复").await?;
    scene.stop(alerter).await
}

/// In a room without owner anybody of the roster; and who is alone in their chat is known by it.
#[tokio::test]
async fn an_owner_without_account_is_known_by_their_chat() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.control("POST", "people", &json!({ "open_id": "ou_somebody", "name": "某人" })).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.asks("r2", LI).await?;
    scene.advance(30);
    let public = scene.until_colours(TO_ALL, &["red", "red"]).await?;
    let own = scene.until_colours(TO_WANG, &["red"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 4).await?;
    for card in &public {
        assert_eq!(scene.choose(card, "no_reply_needed", "", "ou_somebody").await?, MAY_NOT);
    }
    assert!(scene.choose(&own, "snooze", "15", "ou_somebody").await?.starts_with("已推迟到 "));
    assert_eq!(scene.choose(&own, "no_reply_needed", "", "ou_somebody").await?, "已记录：不用回复，不再提醒");
    let closed = scene.until_titled(TO_WANG, "不用回复").await?.remove(0);
    assert!(closed.text.contains("不用回复 · 某人"), "{}", closed.text);
    assert!(!closed.colour.contains(LINE));
    scene.stop(alerter).await
}
