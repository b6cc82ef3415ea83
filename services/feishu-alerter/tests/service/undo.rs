//! 不用回复 pressed by mistake is taken back on the card, for ten minutes.

use anyhow::Result;
use domain::id::EntryId;
use events::command::CommandKind;
use serde_json::{Value, json};
use testkit::company::{CHEN, WANG, says};

use crate::support::{CLOSED, LINE, MANAGER, Scene, Seen, TO_ALL, TO_WANG, room};

impl Scene {
    /// The only card of a chat that stands for a wait, once it is of this colour and is known to be sent.
    async fn standing(&self, chat: &str, colour: &str) -> Result<Seen> {
        testkit::until(&format!("{chat} shows {colour}"), || async {
            Ok(self.cards(chat).await?.last().is_some_and(|card| card.colour == colour))
        })
        .await?;
        self.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0)
            .await?;
        Ok(self.cards(chat).await?.remove(self.cards(chat).await?.len() - 1))
    }

    /// Somebody presses the first button of a card; what they read.
    async fn toast(&self, card: &Seen) -> Result<String> {
        let seen = self.press_value(card, "normal").await?;
        Ok(seen["toast"]["content"].as_str().unwrap_or_default().to_owned())
    }
}

const DONE: &str = "已记录：不用回复，不再提醒";
const UNDONE: &str = "已记录：撤销「不用回复」";
const LATE: &str = "超过 10 分钟，不能撤销了；客户再说话会重新开始计时";
const NOTHING: &str = "没有可撤销的「不用回复」";

/// Twice, since what is pressed again must be another command.
#[tokio::test]
async fn a_press_is_taken_back_and_can_be_made_again() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(30);
    let live = scene.standing(TO_WANG, "red").await?;
    scene.standing(TO_ALL, "red").await?;
    for round in 1..=2 {
        assert_eq!(scene.toast(&live).await?, DONE);
        let closed = scene.standing(TO_WANG, CLOSED).await?;
        assert!(closed.title.contains("不用回复") && closed.text.contains("周经理"), "{}", closed.text);
        // On any card of the wait, whichever was pressed.
        let elsewhere = scene.standing(TO_ALL, CLOSED).await?;
        assert!(closed.has_button && elsewhere.has_button, "{}", elsewhere.text);
        assert_eq!(scene.toast(&elsewhere).await?, UNDONE);
        let again = scene.standing(TO_WANG, "red").await?;
        assert_eq!((&again.title, again.has_button), (&live.title, true));
        scene.standing(TO_ALL, "red").await?;
        scene.until_count("select count(*) from commands where decision = 'applied'", 2 * round).await?;
        assert_eq!(scene.count("select count(*) from waits where state = 'open'").await?, 1);
        let nothing = scene.press_act(&again, "undo").await?;
        assert_eq!(nothing["toast"]["content"], NOTHING, "{nothing}");
    }
    scene.advance(10);
    scene.until_colours(TO_WANG, &[LINE, "grey"]).await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn after_ten_minutes_the_button_is_gone_and_a_press_comes_too_late() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let live = scene.standing(TO_WANG, "turquoise").await?;
    assert_eq!(scene.toast(&live).await?, DONE);
    let closed = scene.standing(TO_WANG, CLOSED).await?;
    assert!(closed.has_button, "{}", closed.text);
    scene.advance(9);
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?[0].has_button);
    alerter.stop().await?;
    scene.advance(1);
    // While the change is on its way, and on clients that have not seen it.
    let alerter = scene.alerter().await?;
    assert_eq!(scene.toast(&closed).await?, LATE);
    testkit::until("the button is gone", || async { Ok(!scene.cards(TO_WANG).await?[0].has_button) }).await?;
    assert_eq!(scene.toast(&closed).await?, LATE);
    assert_eq!(scene.count("select count(*) from commands").await?, 1);
    scene.until_count("select count(*) from notifications where wanted is distinct from shown", 0).await?;
    scene.stop(alerter).await
}

/// Only what was pressed on a card.
#[tokio::test]
async fn a_manager_s_cancel_has_no_button_and_is_not_taken_back_by_a_made_up_press() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let asked = scene.asks("r1", WANG).await?;
    scene.advance(5);
    let live = scene.standing(TO_WANG, "turquoise").await?;
    let seen_up_to = EntryId(asked.key().to_string());
    let cancel = CommandKind::Cancel { wait: None, seen_up_to, reason: "消除未回覆记录".into() };
    scene.command("vika:rec1:1", room("r1"), cancel).await?;
    let closed = scene.standing(TO_WANG, CLOSED).await?;
    assert!(!closed.has_button, "{}", closed.text);
    let seen = scene.press_act(&live, "undo").await?;
    assert_eq!(seen["toast"]["content"], NOTHING, "{seen}");
    assert_eq!(scene.count("select count(*) from commands").await?, 1);
    scene.stop(alerter).await
}

/// As for every other button.
#[tokio::test]
async fn forged_replayed_and_misplaced_presses_take_nothing_back() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    for id in ["r1", "r2"] {
        scene.asks(id, WANG).await?;
    }
    scene.advance(5);
    let cards = scene.until_colours(TO_WANG, &["turquoise", "turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    scene.press(&cards[0].message_id, "normal").await?;
    let cards = scene.until_colours(TO_WANG, &[CLOSED, "turquoise"]).await?;
    for variant in
        ["stale", "wrong_key", "unsigned", "bad_signature", "wrong_token", "wrong_app", "plaintext"]
    {
        let seen = scene.press(&cards[0].message_id, variant).await?;
        assert_eq!(seen["status"], 401, "{variant}: {seen}");
    }
    let copy = Seen { message_id: cards[1].message_id.clone(), ..cards[0].clone() };
    assert_eq!(scene.press_value(&copy, "normal").await?["toast"]["content"], "这个按钮已失效");
    let shown: Value = serde_json::from_str(&cards[0].text)?;
    let stranger = json!({ "k": "al-0000000000000000000000000000000000000000", "act": "undo" });
    let click = json!({ "message_id": cards[0].message_id, "open_id": MANAGER, "value": stranger });
    assert_eq!(
        scene.control("POST", "click", &click).await?["toast"]["content"],
        "这个按钮已失效",
        "{shown}"
    );
    assert_eq!(scene.count("select count(*) from commands").await?, 1);
    assert_eq!(scene.count("select count(*) from notification_actions where action = 'undo'").await?, 0);

    scene.press(&cards[0].message_id, "normal").await?;
    scene.until_colours(TO_WANG, &["turquoise", "turquoise"]).await?;
    let replayed = scene.press(&cards[0].message_id, "replayed").await?;
    assert_eq!(replayed["status"], 401, "{replayed}");
    assert_eq!(scene.count("select count(*) from commands").await?, 2);
    scene.stop(alerter).await
}

/// What the customer asked meanwhile is of the same wait again: one card stands for it.
#[tokio::test]
async fn what_was_asked_meanwhile_joins_the_wait_that_goes_on() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let live = scene.standing(TO_WANG, "turquoise").await?;
    assert_eq!(scene.toast(&live).await?, DONE);
    scene.standing(TO_WANG, CLOSED).await?;
    scene.publish(&says("r1", CHEN, scene.now(), "还在吗？")).await?;
    scene.until_waits("r1", 2).await?;
    scene.advance(5);
    let cards = scene.until_colours(TO_WANG, &[CLOSED, "turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    assert_eq!(scene.toast(&cards[0]).await?, UNDONE);
    // Ten minutes since the first question: the rung of the wait as it is now.
    scene.until_colours(TO_WANG, &[LINE, LINE, "yellow"]).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.until_colours(TO_WANG, &[LINE, LINE, CLOSED]).await?;
    scene.stop(alerter).await
}

/// What a card shows since it was changed was seen by whoever presses it.
#[tokio::test]
async fn a_press_ends_what_its_card_shows_since_it_was_changed() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let live = scene.standing(TO_WANG, "turquoise").await?;
    assert_eq!(scene.toast(&live).await?, DONE);
    let closed = scene.standing(TO_WANG, CLOSED).await?;
    scene.publish(&says("r1", CHEN, scene.now(), "发票也要一张")).await?;
    scene.until_waits("r1", 2).await?;
    assert_eq!(scene.toast(&closed).await?, UNDONE);
    let redrawn = scene.standing(TO_WANG, "turquoise").await?;
    assert!(redrawn.text.contains("发票也要一张"), "{}", redrawn.text);
    scene.until_count("select count(*) from notifications where wanted is distinct from shown", 0).await?;
    assert_eq!(scene.toast(&redrawn).await?, DONE);
    scene.until_count("select count(*) from commands where decision = 'applied'", 3).await?;
    let open = "select count(*) from waits where state = 'open' and replaced_by is null";
    assert_eq!(scene.count(open).await?, 0);
    scene.standing(TO_WANG, CLOSED).await?;
    scene.stop(alerter).await
}
