//! Before go-live nothing is sent, and no card is for a time that had passed before something was decided.

use anyhow::Result;
use chrono::TimeDelta;
use domain::calendar::Calendar;
use domain::rules::Severity;
use domain::span::Span;
use events::chat::ChatMessage;
use events::command::CommandKind;
use store::sqlx;
use testkit::company::{CHEN, LI, Person, WANG, says};

use crate::support::{LINE, Scene, TO_ALL, TO_LI, TO_WANG, colours, room};

impl Scene {
    /// Puts hours of pre-sales in force.
    async fn works(&mut self, hours: &serde_json::Value) -> Result<()> {
        let rules = &mut self.stack.config.rules;
        rules.calendars.pre_sales = serde_json::from_value(hours.clone())?;
        rules.settle_calendars();
        self.stack.apply_rules(TimeDelta::zero()).await?;
        Ok(())
    }

    /// The rungs of cards in a state, in the order in which they were made, with why they were skipped.
    async fn rungs(&self, state: &str) -> Result<Vec<String>> {
        let found = sqlx::query_scalar(
            "select step || coalesce(' ' || skipped_because, '') from notifications where state = $1 order by id",
        );
        Ok(found.bind(state).fetch_all(&self.stack.admin).await?)
    }

    async fn until_rungs(&self, state: &str, expected: &[&str]) -> Result<()> {
        testkit::until(&format!("{expected:?} are {state}"), || async move {
            Ok(self.rungs(state).await? == expected)
        })
        .await
    }
}

fn history(
    id: &str,
    room: &str,
    person: Person,
    at: chrono::DateTime<chrono::Utc>,
    text: &str,
) -> ChatMessage {
    ChatMessage { id: id.into(), history: true, ..says(room, person, at, text) }
}

/// Two guards see to it, when a card is made and when it is about to be sent, and each holds alone.
#[tokio::test]
async fn before_go_live_cards_are_listed_and_after_it_only_later_ones_are_sent() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.never_live().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_rungs("rehearsed", &["300"]).await?;
    scene.advance(5);
    scene.until_rungs("rehearsed", &["300", "600"]).await?;
    alerter.stop().await?;
    // Nobody looks while it is due.
    scene.asks("r2", LI).await?;
    scene.advance(6);
    scene.stack.go_live(true, scene.now()).await?;
    let alerter = scene.alerter().await?;
    scene.until_rungs("skipped", &["300 went_live"]).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?.is_empty() && scene.cards(TO_LI).await?.is_empty());
    scene.advance(4);
    scene.until_colours(TO_WANG, &["orange"]).await?;
    scene.until_colours(TO_LI, &["yellow"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.rungs("rehearsed").await?, ["300", "600"], "and they stay what they are");
    scene.stop(alerter).await
}

#[tokio::test]
async fn back_to_rehearsal_nothing_more_is_sent() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let sent = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    let refuse = serde_json::json!({ "kind": "rate_limited", "reset": 100 });
    scene.fault("send", TO_WANG, 1, refuse).await?;
    scene.advance(5);
    scene
        .until_count("select count(*) from notifications where state = 'pending' and attempts = 1", 1)
        .await?;
    scene.stack.go_live(false, scene.now()).await?;
    scene.advance(2);
    scene.until_rungs("rehearsed", &["600"]).await?;
    scene.advance(8);
    scene.until_rungs("rehearsed", &["600", "1200"]).await?;
    scene.publish(&says("r1", WANG, scene.now(), "开好了")).await?;
    let cards = scene.until_titled(TO_WANG, "已回复").await?;
    assert_eq!(cards[0].message_id, sent.message_id, "what was sent is still kept true");
    assert_eq!(cards.len(), 1);
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_rung_that_new_rules_put_into_the_past_is_skipped_and_one_that_is_late_is_not() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    alerter.stop().await?;
    scene.advance(3);
    let rungs = &mut scene.stack.config.rules.ladders.pre_sales.rungs;
    let new =
        domain::rules::Rung { after: Span::seconds(360), severity: Severity::Green, ..rungs[0].clone() };
    rungs.insert(1, new);
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    scene.until_rungs("skipped", &["360 rules_changed"]).await?;
    scene.until_looked().await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["turquoise"]);
    alerter.stop().await?;
    scene.advance(4);
    // Twelve minutes: late for the ten, and for no better reason than that nobody looked.
    let alerter = scene.alerter().await?;
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.stop(alerter).await
}

/// Another calendar takes force while it runs: what is due is decided by it, and what it finds due already is skipped.
#[tokio::test]
async fn another_calendar_is_gone_by_as_another_ladder_is() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(4);
    scene.stack.config.rules.calendars.pre_sales = Calendar::half_pace();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    scene.advance(2);
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?.is_empty(), "three working minutes have passed");
    scene.advance(4);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.advance(6);
    scene.stack.config.rules.calendars.pre_sales = Calendar::always();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    scene.until_rungs("skipped", &["600 rules_changed"]).await?;
    scene.until_looked().await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["turquoise"]);
    scene.advance(4);
    scene.until_colours(TO_WANG, &[LINE, "orange"]).await?;
    scene.stop(alerter).await
}

/// Days off take force while it runs: the wait stands still from its beginning on, and goes on once they are taken back.
#[tokio::test]
async fn a_day_off_stops_every_wait_of_its_stage_while_services_run() -> Result<()> {
    let mut scene = Scene::start().await?;
    let whole = ["00:00-24:00"];
    let days_off: Vec<_> = scene.stack.config.rules.day_of(scene.now()).iter_days().take(3).collect();
    let declared = serde_json::json!({
        "hours": whole, "weekdays": { "saturday": whole, "sunday": whole }, "public_holidays": false,
    });
    let mut at_home = declared.clone();
    at_home["days_off"] = serde_json::json!(days_off);
    scene.works(&declared).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.asks("r2", LI).await?;
    scene.advance(4);
    scene.works(&at_home).await?;
    scene.advance(60);
    scene.until_colours(TO_LI, &["grey"]).await?;
    scene.until_looked().await?;
    assert!(scene.cards(TO_WANG).await?.is_empty(), "nobody works in pre-sales");
    scene.works(&declared).await?;
    scene.until_rungs("skipped", &["3600 rules_changed"]).await?;
    scene.advance(6);
    let cards = scene.until_colours(TO_WANG, &["grey"]).await?;
    assert!(cards[0].title.contains("1小时10分钟"), "{}", cards[0].title);
    scene.stop(alerter).await
}

#[tokio::test]
async fn an_import_that_moves_an_opening_alarms_for_nothing_that_had_passed() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    let begun = scene.now();
    scene.publish(&says("r1", WANG, begun - TimeDelta::minutes(20), "您好")).await?;
    scene.publish(&says("r1", CHEN, begun, "发票开好了吗？")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(8);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    let earlier = history("old", "r1", CHEN, begun - TimeDelta::minutes(15), "在吗？");
    scene.publish(&earlier).await?;
    scene.until_waits("r1", 2).await?;
    scene.until_rungs("skipped", &["1200 rejudged"]).await?;
    scene.until_looked().await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), ["turquoise"]);
    scene.advance(7);
    scene.until_colours(TO_WANG, &[LINE, "red"]).await?;
    scene.stop(alerter).await
}

/// A room climbs the ladder of the stage that it is in, from then on.
#[tokio::test]
async fn a_room_that_is_handed_over_climbs_the_other_ladder_from_then_on() -> Result<()> {
    let mut scene = Scene::start().await?;
    let rungs = &mut scene.stack.config.rules.ladders.after_sales.rungs;
    rungs[0].after = Span::seconds(420);
    rungs[1] =
        domain::rules::Rung { after: Span::seconds(540), severity: Severity::Violet, ..rungs[1].clone() };
    scene.stack.apply_rules(TimeDelta::days(400)).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_WANG, &["turquoise"]).await?;
    scene.advance(3);
    let assign = CommandKind::Assign {
        owner: "李小后".into(),
        stage: "after-sales".into(),
        approved: true,
        approved_by: None,
    };
    scene.command("a1", room("r1"), assign).await?;
    scene.until_rungs("skipped", &["420 handed_over"]).await?;
    // At once what was sent before; what the other ladder would have sent before is not sent.
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene.advance(1);
    scene.until_colours(TO_LI, &[LINE, "violet"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.until_titled(TO_WANG, "已转交").await?.len(), 1);
    scene.stop(alerter).await
}

#[tokio::test]
async fn an_excluded_room_raises_no_alarm_and_one_excluded_no_more_only_for_what_comes() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.config.rules.excluded_rooms.names = vec!["*-内部*".into()];
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    scene.asks("内部1", WANG).await?;
    scene.asks("r2", LI).await?;
    scene.advance(6);
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(*) from notifications").await?, 1);
    assert_eq!(scene.count("select count(*) from alert_schedule").await?, 1);

    scene.stack.config.rules.excluded_rooms.names.clear();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    scene.until_rungs("skipped", &["300 no_longer_excluded"]).await?;
    scene.advance(4);
    scene.until_colours(TO_WANG, &["yellow"]).await?;

    scene.stack.config.rules.excluded_rooms.rooms = vec![room("内部1")];
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let cards = scene.until_titled(TO_WANG, "不再提醒").await?;
    assert!(!cards[0].has_button, "{}", cards[0].text);
    scene.advance(10);
    scene.until_colours(TO_LI, &[LINE, LINE, "orange"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.cards(TO_WANG).await?.len(), 1);
    scene.stop(alerter).await
}

/// Who was asked in a rehearsal was not asked.
#[tokio::test]
async fn an_owner_is_asked_for_in_earnest_after_go_live() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.never_live().await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", CHEN, scene.now(), "有人吗？")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(5);
    scene
        .until_count(
            "select count(*) from notifications where state = 'rehearsed' and step like 'owner-%'",
            1,
        )
        .await?;
    scene.stack.go_live(true, scene.now() + TimeDelta::seconds(1)).await?;
    scene.advance(5);
    let ask = scene.until_colours(TO_ALL, &["yellow"]).await?.remove(0);
    assert!(ask.title.contains("】请指定负责人："), "{}", ask.title);
    scene.stop(alerter).await
}
