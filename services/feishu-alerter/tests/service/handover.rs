//! Whoever owns a room hears of its wait at once, and nobody else is asked to answer.

use anyhow::Result;
use events::command::CommandKind;
use serde_json::json;
use store::role::Role;
use store::sqlx;
use testkit::Running;
use testkit::company::{CHEN, LI, Person, WANG, says};

use crate::support::{CLOSED, LINE, Scene, Seen, TO_ALL, TO_LI, TO_WANG, room};

impl Scene {
    /// A manager gives a room to somebody, which is in force when this returns.
    async fn hand_over(&self, id: &str, to: Person) -> Result<()> {
        let stage = if to.id == LI.id { "after-sales" } else { "pre-sales" };
        let kind = CommandKind::Assign {
            owner: to.name.into(),
            stage: stage.into(),
            approved: true,
            approved_by: None,
        };
        let decided = self.count("select count(*) from commands").await?;
        self.command(&format!("assign-{decided}"), room(id), kind).await?;
        self.until_count("select count(*) from commands", decided + 1).await
    }

    /// In two rooms of one owner somebody waits for whom the last card went out.
    async fn two_at_the_top(&mut self) -> Result<()> {
        for id in ["r1", "r2"] {
            self.asks(id, WANG).await?;
        }
        self.advance(75);
        self.until_colours(TO_WANG, &["grey", "grey"]).await?;
        self.until_count("select count(*) from notifications where state = 'sent'", 4).await
    }
}

fn says_whose(card: &Seen, title: &str, owner: &str) {
    assert!(card.title.contains(title), "{title} in {}", card.title);
    assert!(card.text.contains(owner), "{owner} in {}", card.text);
}

#[tokio::test]
async fn after_the_last_rung_a_new_owner_is_told_once_and_the_old_one_reads_who_it_is() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(75);
    scene.until_colours(TO_WANG, &["grey"]).await?;
    scene.until_colours(TO_ALL, &["grey"]).await?;
    scene.until_count("select count(*) from alert_schedule where next_due_at is null", 1).await?;
    scene.hand_over("r1", LI).await?;
    let told = scene.until_colours(TO_LI, &["grey"]).await?.remove(0);
    assert!(told.has_button && told.title.contains("·1小时10分钟】"), "{}", told.title);
    let former = scene.until_colours(TO_WANG, &[CLOSED]).await?.remove(0);
    says_whose(&former, "已转交", "已转交给 李小后");
    assert!(!former.has_button, "{}", former.text);
    testkit::until("the public card names the new owner", || async {
        let cards = scene.cards(TO_ALL).await?;
        Ok(cards.len() == 1 && cards[0].text.contains("李小后") && cards[0].has_button)
    })
    .await?;
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_LI).await?.len(), 1);
    scene.publish(&says("r1", LI, scene.now(), "开好了")).await?;
    for chat in [TO_WANG, TO_LI, TO_ALL] {
        assert_eq!(scene.until_titled(chat, "已回复").await?.len(), 1, "{chat}");
    }
    scene.stop(alerter).await
}

/// What is given back is only made true again.
#[tokio::test]
async fn handing_back_and_forth_makes_one_card_a_chat_and_rung() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(6);
    let first = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    for _ in 0..2 {
        scene.hand_over("r1", LI).await?;
        scene.until_colours(TO_LI, &["turquoise"]).await?;
        scene.until_colours(TO_WANG, &[CLOSED]).await?;
        scene.hand_over("r1", WANG).await?;
        let restored = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
        assert_eq!((&restored.message_id, &restored.title), (&first.message_id, &first.title));
        assert!(restored.has_button, "{}", restored.text);
        scene.until_colours(TO_LI, &[CLOSED]).await?;
    }
    // What rose meanwhile is told to whoever comes back.
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.until_colours(TO_LI, &[CLOSED]).await?;
    scene.hand_over("r1", LI).await?;
    scene.until_colours(TO_LI, &[LINE, "yellow"]).await?;
    scene.until_colours(TO_WANG, &[LINE, CLOSED]).await?;
    scene.stop(alerter).await
}

/// The next rung is due at the same moment: one card, of that one.
#[tokio::test]
async fn a_rung_that_is_due_takes_the_place_of_the_handover() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    alerter.stop().await?;
    scene.hand_over("r1", LI).await?;
    scene.advance(5);
    let alerter = scene.alerter().await?;
    scene.until_colours(TO_LI, &["yellow"]).await?;
    scene.until_colours(TO_WANG, &[CLOSED]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_LI).await?.len(), 1);
    scene.stop(alerter).await
}

/// What has not gone out to the former owner goes out no more.
#[tokio::test]
async fn a_card_that_waits_for_the_former_owner_is_dropped() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.fault("send", TO_WANG, 1, json!({ "kind": "rate_limited", "reset": 100 })).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.hand_over("r1", LI).await?;
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene.advance(2);
    scene.until_count("select count(*) from notifications where state = 'obsolete'", 1).await?;
    // And comes if the room does.
    scene.hand_over("r1", WANG).await?;
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.until_colours(TO_LI, &[CLOSED]).await?;
    scene.stop(alerter).await
}

/// The last rung of an owner who has no chat.
async fn told_in_public() -> Result<(Scene, Running)> {
    let mut scene = Scene::start().await?;
    scene.set_chat("王小售", None).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(75);
    scene.until_colours(TO_ALL, &["grey"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    Ok((scene, alerter))
}

/// People's chats stand in the rules, which change while it runs.
#[tokio::test]
async fn an_owner_who_gets_a_chat_only_later_is_told_then() -> Result<()> {
    let (mut scene, alerter) = told_in_public().await?;
    scene.set_chat("王小售", Some(TO_WANG)).await?;
    scene.until_colours(TO_WANG, &["grey"]).await?;
    scene.until_looked().await?;
    assert_eq!((scene.cards(TO_WANG).await?.len(), scene.cards(TO_ALL).await?.len()), (1, 1));
    scene.stop(alerter).await
}

/// The public chat stands in the configuration, which is read at the start.
#[tokio::test]
async fn another_public_chat_is_told_at_the_next_start() -> Result<()> {
    let (mut scene, alerter) = told_in_public().await?;
    alerter.stop().await?;
    sqlx::query(
        "insert into alert_schedule (wait, room, rules_version)
         select 'other:' || n, 'other:' || n, 3 from generate_series(1, 50000) as n",
    )
    .execute(&scene.stack.admin)
    .await?;
    scene.stack.config.feishu.public_chat = TO_WANG.into();
    let alerter = scene.alerter().await?;
    scene.until_colours(TO_WANG, &["grey"]).await?;
    scene.until_looked().await?;
    assert_eq!((scene.cards(TO_WANG).await?.len(), scene.cards(TO_ALL).await?.len()), (1, 1));
    scene.stop(alerter).await
}

/// Nobody took the room from them.
#[tokio::test]
async fn an_owner_s_former_chat_says_whose_the_room_is_and_not_that_it_was_handed_over() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.set_chat("李小后", None).await?;
    scene.set_chat("王小售", Some(TO_LI)).await?;
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    let former = scene.until_colours(TO_WANG, &[CLOSED]).await?.remove(0);
    says_whose(&former, "已指定负责人", "负责人是 王小售");
    assert!(!former.text.contains("已转交") && !former.has_button, "{}", former.text);
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_handover_presses_nobody_for_a_time_before_go_live_or_in_an_excluded_room() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.two_at_the_top().await?;
    scene.stack.config.rules.excluded_rooms.rooms = vec![room("r2")];
    scene.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    scene.until_count("select count(*) from rooms where excluded_since is not null", 1).await?;
    scene.hand_over("r2", LI).await?;
    scene.stack.go_live(false, scene.now()).await?;
    scene.hand_over("r1", LI).await?;
    scene.until_looked().await?;
    scene.stack.go_live(true, scene.now() + chrono::TimeDelta::seconds(1)).await?;
    scene.advance(1);
    scene.stack.config.rules.excluded_rooms.rooms.clear();
    scene.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    scene.until_count("select count(*) from rooms where excluded_since is not null", 0).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_LI).await?.is_empty());
    let made = "select count(*) from notifications where address = 'oc_li' and state <> 'rehearsed'";
    assert_eq!(scene.count(made).await?, 0);
    scene.stop(alerter).await
}

/// Whether the wait is still open is not known: the card is not even made.
#[tokio::test]
async fn a_handover_waits_while_folding_is_behind() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.two_at_the_top().await?;
    alerter.stop().await?;
    for id in ["r1", "r2"] {
        scene.hand_over(id, LI).await?;
    }
    scene.rooms.take().unwrap().stop().await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    scene.advance(1);
    let alerter = scene.alerter().await?;
    scene.until_looked().await?;
    let waits = "select count(*) from notifications where address = 'oc_li' and subject_kind = 'wait'";
    assert_eq!(scene.count(waits).await?, 0);
    scene.rooms = Some(scene.stack.run(Role::RoomState, room_state::run).await?);
    testkit::until("both cards", || async { Ok(scene.cards(TO_LI).await?.len() == 2) }).await?;
    scene.until_looked().await?;
    let told: Vec<String> = scene.cards(TO_LI).await?.into_iter().map(|card| card.title).collect();
    let is = |title: &String, what: &str, room: &str| title.contains(what) && title.contains(room);
    assert!(told.iter().any(|title| is(title, "1小时10分钟", "示例公司-r2")), "{told:?}");
    assert!(told.iter().any(|title| is(title, "新负责人", "示例公司-r1")), "nobody waits there: {told:?}");
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_card_that_asked_for_an_owner_says_who_it_is() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", CHEN, scene.now(), "有人吗？")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(5);
    scene.until_colours(TO_ALL, &["turquoise"]).await?;
    scene.hand_over("r1", WANG).await?;
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    let found = scene.until_colours(TO_ALL, &[CLOSED]).await?.remove(0);
    says_whose(&found, "已指定负责人", "王小售");
    assert!(!found.has_button && !found.text.contains("群聊总表"), "{}", found.text);
    scene.stop(alerter).await
}

#[tokio::test]
async fn whoever_is_made_an_owner_is_told_once_with_what_was_said() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", WANG, scene.now(), "合同发您了")).await?;
    scene.until_count("select count(*) from rooms where state is not null", 1).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?.is_empty(), "an owner by rule is told nothing");
    scene.hand_over("r1", LI).await?;
    let told = scene.until_colours(TO_LI, &["blue"]).await?.remove(0);
    assert_eq!(told.title, "📌 新负责人：示例公司-r1");
    for words in
        ["合同发您了", "负责人 李小后（售后）", "原负责人", "王小售", "周经理", "之后的提醒都发给负责人"]
    {
        assert!(told.text.contains(words), "{words} in {}", told.text);
    }
    assert!(!told.has_button, "{}", told.text);
    // Somebody waits later: that is another card, and this one stays.
    scene.publish(&says("r1", CHEN, scene.now(), "在吗？")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(5);
    scene.until_colours(TO_LI, &["blue", "turquoise"]).await?;
    scene.hand_over("r1", WANG).await?;
    scene.until_colours(TO_LI, &[CLOSED, CLOSED]).await?;
    let former = scene.cards(TO_LI).await?.remove(0);
    says_whose(&former, "已转交", "已转交给 王小售");
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), 1, "told by the card of the wait");
    scene.stop(alerter).await
}

#[tokio::test]
async fn whoever_takes_a_room_themselves_is_not_told() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", WANG, scene.now(), "合同发您了")).await?;
    scene.until_count("select count(*) from rooms where state is not null", 1).await?;
    let kind = CommandKind::Assign {
        owner: LI.name.into(),
        stage: "after-sales".into(),
        approved: true,
        approved_by: None,
    };
    scene.command_by(LI.name, "taken", room("r1"), kind).await?;
    scene.until_count("select count(*) from commands where decision = 'applied'", 1).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_LI).await?.is_empty());
    scene.stop(alerter).await
}
