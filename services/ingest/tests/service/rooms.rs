//! Rooms are known before they speak, and announced again only when they change.

use std::collections::BTreeMap;

use anyhow::Result;
use events::chat::RoomEvent;
use serde_json::json;
use testkit::until;

use crate::support::*;

#[tokio::test]
async fn every_room_is_announced_before_it_speaks_and_once() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let silent: BTreeMap<String, _> =
        rooms(&scene.stack).await?.into_iter().map(|(_, fact)| (fact.room.topic.clone(), fact)).collect();
    assert_eq!(silent.len(), 4, "every room of the list, though nobody has spoken");
    let RoomEvent::Seen { owner, members, .. } = &silent[MORNING].event else { panic!("{silent:?}") };
    assert_eq!((owner.as_deref(), members.len()), (Some(LIN), 5));
    assert!(members.iter().any(|id| id == SELF));

    // A room that the gateway never told about, until somebody speaks in it.
    let spec =
        json!({ "topic": "示例公司-新客户", "members": [SELF, "林小样", "蓝先生"], "owner": "林小样" });
    let new = scene.control.post("/room", spec).await["id"].as_str().unwrap().to_owned();
    let first = scene.control.say(&new, "蓝先生", "你好").await;
    let message = scene.message(&first).await?;
    assert_eq!(message.room.topic, "示例公司-新客户");
    let facts = facts(&scene.stack).await?;
    let place = |wanted: &dyn Fn(&Fact) -> bool| facts.iter().position(wanted);
    let announced = place(&|fact| matches!(fact, Fact::Room(_, room) if room.room.id == new));
    let spoke = place(&|fact| matches!(fact, Fact::Message(_, message) if message.room.id == new));
    assert!(announced.is_some() && announced < spoke, "{announced:?} {spoke:?}");
    let room = scene.room(&new, |_| true).await?;
    assert!(room.at <= message.sent_at, "what is known of it holds for its first words");

    until("people and members are stored", || async {
        Ok(count(&scene.stack, "contacts").await? == 12 && count(&scene.stack, "members").await? == 21)
    })
    .await?;

    service.stop().await?;
    assert_eq!(row(&scene.stack).await?.unwrap().state, "stopped");
    let before = rooms(&scene.stack).await?.len();
    let service = scene.live().await?;
    let after = scene.control.say(MORNING, "蓝先生", "还在吗").await;
    scene.message(&after).await?;
    scene.control.post("/topic", json!({ "room": new, "topic": "改名" })).await;
    scene.room(&new, |fact| fact.event == RoomEvent::Renamed).await?;
    assert_eq!(rooms(&scene.stack).await?.len(), before + 1, "a restart announces nothing that is known");
    service.stop().await
}

#[tokio::test]
async fn joins_leaves_and_names_come_from_the_events() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let orange = "7881300000000402";

    scene.control.post("/topic", json!({ "room": MORNING, "topic": "新名字" })).await;
    let said = scene.control.say("新名字", "蓝先生", "改名了？").await;
    assert_eq!(scene.message(&said).await?.room.topic, "新名字", "not the name in an older payload");
    let renamed = scene.room(MORNING_ID, |fact| fact.event == RoomEvent::Renamed).await?;
    assert_eq!(renamed.room.topic, "新名字");

    scene
        .control
        .post("/join", json!({ "room": MORNING_ID, "contact": "橙女士", "inviter": "林小样" }))
        .await;
    scene.room(MORNING_ID, |fact| is_seen_with(fact, orange)).await?;
    scene.control.post("/leave", json!({ "room": MORNING_ID, "contact": "橙女士" })).await;
    scene.room(MORNING_ID, |fact| !is_seen_with(fact, orange)).await?;
    // As it was before, and yet news: its id must be another.
    scene
        .control
        .post("/join", json!({ "room": MORNING_ID, "contact": "橙女士", "inviter": "林小样" }))
        .await;
    scene.room(MORNING_ID, |fact| is_seen_with(fact, orange)).await?;

    scene.control.post("/leave", json!({ "room": MORNING_ID, "contact": SELF, "remover": "林小样" })).await;
    let left = scene.room(MORNING_ID, |fact| fact.event == RoomEvent::AccountLeft).await?;
    let by = left.by.expect("the event names who removed us");
    assert_eq!((by.id.as_str(), by.name.as_str()), (LIN, "林小样"));
    scene.control.post("/join", json!({ "room": MORNING_ID, "contact": SELF, "inviter": "林小样" })).await;
    let back = scene.room(MORNING_ID, |fact| is_seen_with(fact, SELF)).await?;
    assert!(matches!(back.event, RoomEvent::Seen { inviter: Some(inviter), .. } if inviter == LIN));

    let ids: Vec<String> = rooms(&scene.stack).await?.into_iter().map(|(_, fact)| fact.id).collect();
    let distinct: std::collections::BTreeSet<&String> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len());
    let members: Vec<String> =
        store::sqlx::query_scalar("select person from members where room = $1 order by person")
            .bind(key(MORNING_ID).to_string())
            .fetch_all(&scene.stack.admin)
            .await?;
    assert_eq!(members.len(), 6, "{members:?}");
    service.stop().await
}

#[tokio::test]
async fn removed_while_nobody_looked_is_noticed_at_the_next_start() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    service.stop().await?;
    scene.control.post("/leave", json!({ "room": MORNING_ID, "contact": SELF, "remover": "林小样" })).await;
    // Of this one the gateway does not even say who is in it.
    let stars = rooms(&scene.stack).await?.into_iter().find(|(_, fact)| fact.room.topic == STARS);
    let stars = stars.expect("a room of the sample world").1.room.id;
    scene.control.post("/leave", json!({ "room": STARS, "contact": SELF })).await;
    scene.control.post("/refuse", json!({ "room": stars })).await;

    let service = scene.live().await?;
    let left = scene.room(MORNING_ID, |fact| fact.event == RoomEvent::AccountLeft).await?;
    assert!(left.by.is_none(), "nobody knows who did it");
    let of_stars = |facts: Vec<(u64, events::chat::ChatRoom)>| {
        facts.into_iter().rfind(|(_, fact)| fact.room.id == stars).map(|(_, fact)| fact.event)
    };
    // Both are looked for one after the other, and the second only once the list has stood for a while.
    assert!(matches!(of_stars(rooms(&scene.stack).await?), Some(RoomEvent::Seen { .. })));
    until("minutes pass, and it counts as left", || async {
        scene.stack.clock.advance(std::time::Duration::from_secs(10));
        Ok(of_stars(rooms(&scene.stack).await?) == Some(RoomEvent::AccountLeft))
    })
    .await?;
    service.stop().await
}

#[tokio::test]
async fn two_gateways_in_one_room_remember_it_each_for_itself() -> Result<()> {
    use store::ingest::rooms::{Announced, list, save};
    let stack = stack().await?;
    let now = stack.clock.now();
    let room = |gone: bool| Announced {
        room: key("R1").to_string(),
        topic: "示例公司-一群".into(),
        owner: None,
        members: vec![LIN.into(), SELF.into()],
        inviter: None,
        gone,
        chain: if gone { "b" } else { "a" }.into(),
        at: now,
    };
    let mut ingest = stack.connect_as(store::role::Role::Ingest).await?;
    save(&mut ingest, "one", &room(false), &[], now).await?;
    save(&mut ingest, "two", &room(true), &[], now).await?;
    assert_eq!(list(&mut ingest, "one").await?, [room(false)]);
    assert_eq!(list(&mut ingest, "two").await?, [room(true)]);
    Ok(())
}
