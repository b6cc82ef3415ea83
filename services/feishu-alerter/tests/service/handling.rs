//! 我来处理, 稍后提醒 and 转交: what they hold back and what not, and that all cards say who did what.

use anyhow::{Context as _, Result};
use feishu_alerter::point;
use serde_json::json;
use testkit::Running;
use testkit::company::{CHEN, LI, WANG, says};

use crate::support::{CLOSED, LINE, MANAGER, Scene, Seen, TO_ALL, TO_LI, TO_WANG, colours};

const WANG_ACCOUNT: &str = "ou_wang";
const LI_ACCOUNT: &str = "ou_li";

/// Everybody has an account; 王小售's room waits for five minutes.
async fn waiting() -> Result<(Scene, Running, Seen)> {
    let mut scene = Scene::start().await?;
    scene.give_accounts(&[("王小售", WANG_ACCOUNT), ("李小后", LI_ACCOUNT)]).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    Ok((scene, alerter, card))
}

impl Scene {
    /// Waits until the last card of a chat says this.
    async fn until_says(&self, chat: &str, words: &str) -> Result<Seen> {
        testkit::until(&format!("the last card of {chat} says {words}"), || async {
            Ok(self.cards(chat).await?.last().is_some_and(|card| card.text.contains(words)))
        })
        .await?;
        self.cards(chat).await?.pop().context("a card")
    }

    async fn claims(&self, card: &Seen, person: &str) -> Result<String> {
        self.choose(card, "claim", "", person).await
    }

    /// Waits until so many cards wait because their readers are left alone.
    async fn until_held(&self, count: i64) -> Result<()> {
        self.until_count("select count(*) from notifications where state = 'held'", count).await
    }
}

/// 14 working minutes long the owner is left alone, the public is not, and then the highest rung goes out.
#[tokio::test]
async fn whoever_sees_to_a_wait_has_the_owner_left_alone_for_a_quarter_of_an_hour() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.advance(14);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    let said = scene.claims(&card, MANAGER).await?;
    assert!(said.starts_with("已记录：您来处理，至 "), "{said}");
    scene.until_says(TO_WANG, "周经理 来处理（至 ").await?;
    scene.advance(1);
    scene.until_held(1).await?;
    scene.advance(10);
    // 30 minutes: everybody is told, and says who sees to it.
    let public = scene.until_says(TO_ALL, "周经理 来处理（至 ").await?;
    assert_eq!(public.colour, "red");
    scene.until_held(1).await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), [LINE, "yellow"]);
    assert_eq!(scene.count("select count(*) from notifications where state = 'superseded'").await?, 1);
    scene.advance(4);
    scene.until_colours(TO_WANG, &[LINE, LINE, "red"]).await?;
    scene.until_looked().await?;
    assert_eq!((scene.cards(TO_WANG).await?.len(), scene.cards(TO_ALL).await?.len()), (3, 1));
    scene.stop(alerter).await
}

/// What waits is dropped with its wait.
#[tokio::test]
async fn what_was_held_back_is_not_sent_after_the_reply() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.claims(&card, MANAGER).await?;
    scene.advance(5);
    scene.until_held(1).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_titled(TO_WANG, "已回复").await?;
    scene.advance(10);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 1).await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), [CLOSED]);
    scene.stop(alerter).await
}

/// Racing, from two cards: one is first, and each reads who.
#[tokio::test]
async fn of_two_who_press_at_once_one_sees_to_it() -> Result<()> {
    let (scene, alerter, _) = waiting().await?;
    scene.advance(25);
    let private = scene.until_colours(TO_WANG, &[LINE, "red"]).await?.remove(1);
    let public = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 3).await?;
    let (one, other) = tokio::join!(scene.claims(&private, LI_ACCOUNT), scene.claims(&public, MANAGER));
    let said = [one?, other?];
    let first = said.iter().filter(|said| said.starts_with("已记录：您来处理")).count();
    let told = said.iter().filter(|said| said.contains(" 正在处理（至 ")).count();
    assert_eq!((first, told), (1, 1), "{said:?}");
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 1);
    let again = scene.claims(&private, LI_ACCOUNT).await?;
    assert!(again == "已经记录：您来处理" || again.starts_with("周经理 正在处理"), "{again}");
    // It lapses, and somebody may see to it again.
    scene.advance(15);
    assert!(scene.claims(&private, LI_ACCOUNT).await?.starts_with("已记录：您来处理"));
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 2);
    scene.stop(alerter).await
}

/// Twice at most, one's own cards alone, and never the public ones.
#[tokio::test]
async fn one_s_own_cards_are_put_off_twice() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    let said = scene.choose(&card, "snooze", "15", WANG_ACCOUNT).await?;
    assert!(said.starts_with("已推迟到 ") && said.contains("公共群的提醒不受影响"), "{said}");
    scene.until_says(TO_WANG, "王小售 推迟了自己的提醒（至 ").await?;
    scene.advance(5);
    scene.until_held(1).await?;
    scene.advance(10);
    let late = scene.until_colours(TO_WANG, &[LINE, "orange"]).await?.remove(1);
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    assert!(scene.choose(&late, "snooze", "60", WANG_ACCOUNT).await?.starts_with("已推迟到 "));
    let third = scene.choose(&late, "snooze", "15", WANG_ACCOUNT).await?;
    assert_eq!(third, "每次等待最多推迟两次，请尽快回复客户");
    let shown = scene.until_says(TO_WANG, "王小售 推迟了自己的提醒（至 ").await?;
    testkit::until("it is not offered any more", || async {
        Ok(!scene.cards(TO_WANG).await?[1].text.contains("\"snooze\""))
    })
    .await?;
    assert!(shown.text.contains("\"assign\""), "{}", shown.text);
    for (minutes, public) in [(10, &["red"][..]), (10, &[LINE, "grey"]), (30, &[LINE, LINE, "grey"])] {
        scene.advance(minutes);
        scene.until_colours(TO_ALL, public).await?;
    }
    assert_eq!(colours(&scene.cards(TO_WANG).await?), [LINE, "orange"]);
    scene.advance(10);
    scene.until_colours(TO_WANG, &[LINE, LINE, "grey"]).await?;
    scene.stop(alerter).await
}

/// In the public chat, in somebody else's, or for a time that nobody offered.
#[tokio::test]
async fn nobody_else_s_cards_are_put_off() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    assert_eq!(scene.choose(&card, "snooze", "15", LI_ACCOUNT).await?, "这个按钮只能在自己的提醒群里按");
    assert_eq!(scene.choose(&card, "snooze", "15", MANAGER).await?, "这个按钮只能在自己的提醒群里按");
    for made_up in ["600", "-15", "", "十五"] {
        assert_eq!(
            scene.choose(&card, "snooze", made_up, WANG_ACCOUNT).await?,
            "这个按钮已失效",
            "{made_up}"
        );
    }
    scene.advance(25);
    let public = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 3).await?;
    assert_eq!(scene.choose(&public, "snooze", "15", WANG_ACCOUNT).await?, "这个按钮已失效");
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 0);
    scene.stop(alerter).await
}

/// Killed at every step: what was put off comes once, and what was pressed is not forgotten.
#[tokio::test]
async fn killed_while_it_is_held_back_and_while_it_is_sent_the_card_comes_once() -> Result<()> {
    let (mut scene, alerter, card) = waiting().await?;
    scene.choose(&card, "snooze", "15", WANG_ACCOUNT).await?;
    alerter.kill().await;
    scene.advance(5);
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene.until_held(1).await?;
    scene.until_says(TO_WANG, "王小售 推迟了自己的提醒（至 ").await?;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    scene.advance(8);
    reached.await;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    let cards = scene.until_colours(TO_WANG, &[LINE, "orange"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    assert_eq!(cards.len(), 2);
    scene.stop(alerter).await
}

/// By a manager, which is an approval as well; the new owner gets the card at once, even while somebody sees to the wait.
#[tokio::test]
async fn a_room_is_handed_to_whoever_is_chosen() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.claims(&card, MANAGER).await?;
    assert_eq!(scene.choose(&card, "assign", "王小售", MANAGER).await?, "已经由 王小售 负责");
    assert_eq!(scene.choose(&card, "assign", "没有这个人", MANAGER).await?, "负责人非售前");
    assert_eq!(scene.choose(&card, "assign", "周经理", MANAGER).await?, "负责人非售前");
    assert_eq!(scene.choose(&card, "assign", "李小后", WANG_ACCOUNT).await?, "等待管理员核准");
    assert_eq!(scene.count("select count(*) from commands").await?, 0, "nothing else comes of a refusal");
    assert_eq!(scene.choose(&card, "assign", "李小后", MANAGER).await?, "已提交：转交给 李小后");
    let told = scene.until_colours(TO_LI, &["turquoise"]).await?.remove(0);
    assert!(
        told.text.contains("周经理 转交给 李小后") && told.text.contains("负责人 李小后（售后）"),
        "{}",
        told.text
    );
    scene.until_colours(TO_WANG, &[CLOSED]).await?;
    let decided: Vec<(String, String, String)> =
        store::sqlx::query_as("select kind, decision, by_name from commands")
            .fetch_all(&scene.stack.admin)
            .await?;
    assert_eq!(decided, [("assign".into(), "applied".into(), "周经理".into())]);
    // Their own cards are not held back: nobody saw to it since it is theirs.
    scene.advance(5);
    scene.until_colours(TO_LI, &[LINE, "yellow"]).await?;
    scene.stop(alerter).await
}

/// As every button: once per event, on its own message, signed, and only while somebody waits.
#[tokio::test]
async fn forged_replayed_misplaced_and_late_presses_do_nothing() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.asks("r2", WANG).await?;
    scene.advance(5);
    let other = scene.until_colours(TO_WANG, &[LINE, "yellow", "turquoise"]).await?.remove(2);
    scene.until_count("select count(*) from notifications where state = 'sent'", 3).await?;
    let value = |act: &str| -> Result<serde_json::Value> {
        let shown: serde_json::Value = serde_json::from_str(&card.text)?;
        let elements = shown["body"]["elements"].as_array().cloned().unwrap_or_default();
        let button = elements.into_iter().find(|element| element["tag"] == "button").unwrap_or_default();
        let mut value = button["behaviors"][0]["value"].clone();
        value["act"] = json!(act);
        Ok(value)
    };
    for (act, option) in [("claim", ""), ("snooze", "15"), ("assign", "李小后")] {
        for variant in
            ["stale", "wrong_key", "unsigned", "bad_signature", "wrong_token", "wrong_app", "plaintext"]
        {
            let click = json!({ "message_id": card.message_id, "open_id": WANG_ACCOUNT, "value": value(act)?,
                "option": option, "variant": variant });
            assert_eq!(scene.control("POST", "click", &click).await?["status"], 401, "{act} {variant}");
        }
        let copy = Seen { message_id: other.message_id.clone(), ..card.clone() };
        assert_eq!(scene.choose(&copy, act, option, WANG_ACCOUNT).await?, "这个按钮已失效");
    }
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 0);
    scene.choose(&card, "snooze", "15", WANG_ACCOUNT).await?;
    let click = json!({ "message_id": card.message_id, "open_id": WANG_ACCOUNT, "variant": "replayed" });
    assert_eq!(scene.control("POST", "click", &click).await?["status"], 401);
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 1);
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_count("select count(*) from waits where state = 'answered'", 1).await?;
    for (act, option) in [("claim", ""), ("snooze", "15"), ("assign", "李小后")] {
        let late = scene.choose(&card, act, option, WANG_ACCOUNT).await?;
        assert_eq!(late, "这次等待已经结束，无需处理", "{act}");
    }
    assert_eq!(scene.count("select count(*) from notification_actions").await?, 1);
    assert_eq!(scene.count("select count(*) from commands").await?, 0);
    scene.stop(alerter).await
}

/// An undone cancel says so on the card that is open again.
#[tokio::test]
async fn a_card_that_is_open_again_says_who_took_the_cancel_back() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.press_value(&card, "normal").await?;
    let closed = scene.until_colours(TO_WANG, &[CLOSED]).await?.remove(0);
    assert!(closed.text.contains("不用回复 · 周经理"), "{}", closed.text);
    scene.press_value(&closed, "normal").await?;
    let open = scene.until_says(TO_WANG, "周经理 撤销了「不用回复」").await?;
    assert_eq!(open.colour, "turquoise");
    scene.publish(&says("r1", CHEN, scene.now(), "还在吗？")).await?;
    scene.advance(5);
    scene.until_says(TO_WANG, "周经理 撤销了「不用回复」").await?;
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.publish(&says("r1", LI, scene.now(), "在")).await?;
    scene.until_titled(TO_WANG, "已回复").await?;
    scene.stop(alerter).await
}

/// A soft wait has one reminder: what never comes again is not put off.
#[tokio::test]
async fn where_no_reminder_follows_there_is_none_to_put_off() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.give_accounts(&[("王小售", WANG_ACCOUNT)]).await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", WANG, scene.now(), "明天发您可以吗？")).await?;
    scene.publish(&says("r1", CHEN, scene.now(), "好的")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(30);
    let card = scene.until_colours(TO_WANG, &["blue"]).await?.remove(0);
    assert_eq!(scene.choose(&card, "snooze", "60", WANG_ACCOUNT).await?, "这段时间里没有要推迟的提醒");
    scene.until_count("select count(*) from notification_actions", 0).await?;
    scene.stop(alerter).await
}
