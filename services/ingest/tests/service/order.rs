//! The order from a source to the bus, and ids of any characters.

use std::collections::BTreeSet;

use anyhow::Result;
use ingest::point;
use serde_json::json;
use testkit::until;

use crate::support::*;

const BURST: usize = 500;

/// Questions and replies within one second, whose payloads the gateway gives sooner or later.
async fn burst(scene: &Scene, timestamp: i64) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..BURST {
        let (talker, text) = if n % 3 == 1 { ("林小样", "在的") } else { ("蓝先生", "在吗？") };
        let id = format!("burst-{:03}", (n * 7) % BURST);
        let spec = json!({
            "id": id, "room": MORNING, "talker": talker, "text": text, "timestamp": timestamp,
            "delay_ms": n * 37 % 40
        });
        scene.control.post("/say", spec).await;
        ids.push(id);
    }
    ids
}

/// The ids on CHAT, in its order; their places in the order of capture must rise.
async fn ids_on_chat(scene: &Scene) -> Result<Vec<String>> {
    let messages = messages(&scene.stack).await?;
    let places: Vec<Option<i64>> = messages.iter().map(|(_, message)| message.captured).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}");
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), places.len(), "a place given twice");
    Ok(messages.into_iter().map(|(_, message)| message.id).collect())
}

#[tokio::test]
async fn a_burst_of_one_second_keeps_its_order() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let said = burst(&scene, scene.stack.started.timestamp()).await;
    until("all of it is on CHAT", || async { Ok(messages(&scene.stack).await?.len() == BURST) }).await?;
    assert_eq!(ids_on_chat(&scene).await?, said);
    service.stop().await
}

/// One payload hangs: the others go on without it, and it is killed with the process.
#[tokio::test]
async fn a_burst_keeps_its_order_over_a_payload_that_hangs_and_a_crash() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let hanging = service.faults.arm(point::BEFORE_FETCH);
    let said = burst(&scene, scene.stack.started.timestamp()).await;
    hanging.await;
    until("all but the one that hangs is on CHAT", || async {
        Ok(messages(&scene.stack).await?.len() == BURST - 1)
    })
    .await?;
    service.kill().await;
    let service = scene.live().await?;
    until("all of it is on CHAT", || async { Ok(messages(&scene.stack).await?.len() == BURST) }).await?;
    let mut captured = messages(&scene.stack).await?;
    captured.sort_by_key(|(_, message)| message.captured);
    assert_eq!(captured.into_iter().map(|(_, message)| message.id).collect::<Vec<_>>(), said);
    service.stop().await
}

/// Ids that no header, formula or database takes as they are.
#[tokio::test]
async fn ids_of_any_characters_come_through_the_gateway() -> Result<()> {
    let Some(scene) = scene().await? else { return Ok(()) };
    let service = scene.live().await?;
    let long = "长\n".repeat(900);
    let odd = ["nl\nid", "cr\r\tid", "\u{2028}\"\\{}|*>", "nul\0id", " ", "a%0Ab", long.as_str()];
    for (n, id) in odd.iter().enumerate() {
        let contact = json!({ "id": format!("c{id}"), "name": format!("怪客{n}"), "corporation": "某公司" });
        scene.control.post("/contact", contact).await;
        let members = [SELF.to_owned(), format!("c{id}")];
        let room = json!({ "id": format!("r{id}"), "topic": format!("怪群{n}"), "member_ids": members });
        scene.control.post("/room", room).await;
        let said =
            json!({ "id": id, "room": format!("r{id}"), "talker": format!("c{id}"), "text": "在吗？" });
        scene.control.post("/say", said).await;
    }
    let witness = scene.control.say(MORNING, "蓝先生", "我排在后面").await;
    assert_eq!(scene.message(&witness).await?.text, "我排在后面");
    until("all of it is on CHAT", || async { Ok(messages(&scene.stack).await?.len() == odd.len() + 1) })
        .await?;
    for (_, message) in messages(&scene.stack).await? {
        for id in [&message.id, &message.room.id, &message.sender.id, &message.account] {
            assert_eq!(domain::id::external::check(id), Ok(()), "{id:?}");
        }
        assert!(!message.sender.name.is_empty(), "the gateway was asked for somebody else");
    }
    let distinct: BTreeSet<String> =
        messages(&scene.stack).await?.into_iter().map(|(_, message)| message.id).collect();
    assert_eq!(distinct.len(), odd.len() + 1, "each id stays its own");
    until("nothing waits", || async { Ok(waiting(&scene.stack).await? == (0, 0)) }).await?;
    service.stop().await
}
