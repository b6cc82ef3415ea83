//! Whom a rung is for: managers, a named chat, a person; with or without a mention; and ladders for some rooms.

use anyhow::Result;
use events::command::CommandKind;
use serde_json::json;
use testkit::company::{CHEN, LI, WANG, says};

use crate::support::{CLOSED, MANAGER, Scene, TO_ALL, TO_DUTY, TO_LI, TO_MANAGER, TO_WANG, room};

const WANG_ACCOUNT: &str = "ou_wang";

impl Scene {
    /// Puts these ladders for 售前 in force, with a manager who has a chat and a chat on duty.
    async fn set_ladders(&mut self, changes: &serde_json::Value) -> Result<()> {
        self.give_accounts(&[("王小售", WANG_ACCOUNT)]).await?;
        let rules = &mut self.stack.config.rules;
        rules.chats = serde_json::from_value(json!({ "值班": { "feishu": TO_DUTY } }))?;
        let mut ladders = json!(rules.ladders);
        for (key, value) in changes.as_object().into_iter().flatten() {
            ladders[key] = value.clone();
        }
        rules.ladders = serde_json::from_value(ladders)?;
        self.set_chat("周经理", Some(TO_MANAGER)).await?;
        let problems = self.stack.config.rules.validate();
        anyhow::ensure!(problems.is_empty(), "{problems:?}");
        Ok(())
    }
}

fn rung(minutes: u64, colour: &str, audience: &serde_json::Value) -> serde_json::Value {
    json!({ "after": format!("{minutes}m"), "colour": colour, "audience": audience })
}

/// Each is told in a chat of theirs; who is not the owner reads who that is, and is held back by nobody.
#[tokio::test]
async fn a_rung_goes_to_everybody_whom_it_names() -> Result<()> {
    let mut scene = Scene::start().await?;
    let mut loud = rung(10, "orange", &json!(["manager", { "chat": "值班" }]));
    loud["mention"] = json!(true);
    let mut quiet = rung(20, "red", &json!(["public", { "person": "李小后" }]));
    quiet["mention"] = json!(false);
    let rungs = [rung(5, "yellow", &json!(["owner"])), loud, quiet];
    scene.set_ladders(&json!({ "pre_sales": { "rungs": rungs } })).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let own = scene.until_colours(TO_WANG, &["yellow"]).await?.remove(0);
    // Whoever sees to the wait holds the owner's cards back, and nobody else's.
    scene.choose(&own, "claim", "", MANAGER).await?;
    scene.advance(5);
    let manager = scene.until_colours(TO_MANAGER, &["orange"]).await?.remove(0);
    let duty = scene.until_colours(TO_DUTY, &["orange"]).await?.remove(0);
    let at = format!("<at id={WANG_ACCOUNT}>");
    assert!(manager.text.contains("负责人 王小售") && manager.has_button, "{}", manager.text);
    assert!(!manager.text.contains(&at) && manager.text.contains("snooze"), "alone there: {}", manager.text);
    assert!(duty.text.contains(&at) && !duty.text.contains("snooze"), "with others: {}", duty.text);
    scene.advance(10);
    let public = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    assert!(!public.text.contains(&at), "the rung says so: {}", public.text);
    scene.until_colours(TO_LI, &["red"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), 1, "the other rungs are not the owner's");
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    for chat in [TO_WANG, TO_MANAGER, TO_DUTY, TO_ALL, TO_LI] {
        scene.until_colours(chat, &[CLOSED]).await?;
    }
    scene.stop(alerter).await
}

/// Nobody owns the room: those whom the rung names are told, and everybody is asked for an owner, who is told at once.
#[tokio::test]
async fn without_owner_the_others_are_told_and_one_is_asked_for() -> Result<()> {
    let mut scene = Scene::start().await?;
    let rungs =
        [rung(5, "yellow", &json!(["owner", { "chat": "值班" }])), rung(10, "orange", &json!(["manager"]))];
    scene.set_ladders(&json!({ "pre_sales": { "rungs": rungs } })).await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", CHEN, scene.now(), "有人吗？")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(5);
    scene.until_colours(TO_DUTY, &["yellow"]).await?;
    let ask = scene.until_colours(TO_ALL, &["yellow"]).await?.remove(0);
    assert!(ask.title.contains("请指定负责人"), "{}", ask.title);
    scene.advance(5);
    scene.until_colours(TO_MANAGER, &["orange"]).await?;
    let assign = CommandKind::Assign {
        owner: WANG.name.into(),
        stage: "pre-sales".into(),
        approved: false,
        approved_by: None,
    };
    scene.command("c1", room("r1"), assign).await?;
    let own = scene.until_colours(TO_WANG, &["yellow"]).await?.remove(0);
    assert!(own.title.contains("5分钟"), "of the highest step that is the owner's: {}", own.title);
    scene.stop(alerter).await
}

/// The first exception that fits, by the room's name or its owner; and a room that is renamed goes by the other at once.
#[tokio::test]
async fn some_rooms_have_ladders_of_their_own() -> Result<()> {
    let mut scene = Scene::start().await?;
    let only = |minutes, colour| json!({ "rungs": [rung(minutes, colour, &json!(["owner"]))] });
    scene
        .set_ladders(&json!({ "exceptions": [
            { "rooms": ["*-vip*"], "ladder": only(1, "purple") },
            { "owners": ["李小后"], "ladder": only(2, "blue") },
        ] }))
        .await?;
    let alerter = scene.alerter().await?;
    for (room, owner) in [("vip1", WANG), ("r2", LI), ("r3", WANG)] {
        scene.asks(room, owner).await?;
    }
    scene.advance(1);
    scene.until_colours(TO_WANG, &["purple"]).await?;
    scene.advance(1);
    scene.until_colours(TO_LI, &["blue"]).await?;
    let mut renamed = says("r3", CHEN, scene.now(), "还在吗？");
    renamed.room.topic = "示例公司-VIP3".into();
    scene.publish(&renamed).await?;
    scene.until_colours(TO_WANG, &["purple", "purple"]).await?;
    scene.advance(60);
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), 2);
    assert_eq!((scene.cards(TO_LI).await?.len(), scene.cards(TO_ALL).await?.len()), (1, 0));
    scene.stop(alerter).await
}

/// Whoever is told of rooms that are not theirs is told of many at once too, and of all of them.
#[tokio::test]
async fn a_manager_reads_one_digest_of_many_rooms() -> Result<()> {
    let mut scene = Scene::start().await?;
    let rungs = [rung(5, "orange", &json!(["manager"]))];
    scene.set_ladders(&json!({ "pre_sales": { "rungs": rungs } })).await?;
    let alerter = scene.alerter().await?;
    for id in ["r1", "r2", "r3", "r4", "r5"] {
        scene.asks(id, WANG).await?;
    }
    scene.advance(6);
    testkit::until("the manager reads a digest of all five", || async {
        Ok(scene.cards(TO_MANAGER).await?.iter().any(|card| card.title == "📋 5 位客户在等您回复"))
    })
    .await?;
    assert!(scene.cards(TO_WANG).await?.is_empty());
    scene.stop(alerter).await
}
