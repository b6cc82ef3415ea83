//! Approvals before go-live, excluded rooms, and what is noted of waits that were judged anew.

use anyhow::Result;
use chrono::TimeDelta;
use domain::id::RoomKey;
use events::chat::{ChatRoom, RoomEvent, RoomRef};
use events::command::CommandKind;
use runtime::bus::Outgoing;
use store::rooms::Room;
use testkit::company::{CHEN, LI, WANG, says};
use testkit::{Stack, until};

use crate::commands::{ask, ask_at};
use crate::support::{live, past, publish, room, start, until_entries};

fn hand_over() -> CommandKind {
    CommandKind::Assign {
        owner: "李小后".into(),
        stage: "after-sales".into(),
        approved: false,
        approved_by: None,
    }
}

async fn stored(stack: &Stack, key: &RoomKey) -> Result<Room> {
    let found = store::rooms::get(&mut *stack.admin.acquire().await?, key).await?;
    found.ok_or_else(|| anyhow::anyhow!("no room {key}"))
}

async fn until_excluded(stack: &Stack, key: &RoomKey, excluded: bool) -> Result<Room> {
    until(&format!("{key} is excluded: {excluded}"), || async move {
        Ok(stored(stack, key).await?.excluded == excluded)
    })
    .await?;
    stored(stack, key).await
}

async fn texts(stack: &Stack) -> Result<Vec<Option<String>>> {
    let found = store::sqlx::query_scalar("select body from timeline order by pos_at, pos_seq");
    Ok(found.fetch_all(&stack.admin).await?)
}

/// An edit is judged by the phase of the moment at which it was asked for.
#[tokio::test]
async fn before_go_live_an_edit_needs_no_approval() -> Result<()> {
    let stack = Stack::start().await?;
    stack.never_live().await?;
    let service = start(&stack).await?;
    publish(&stack, &[says("r1", CHEN, past(&stack, 0), "好的"), says("r2", CHEN, past(&stack, 0), "好的")])
        .await?;
    until_entries(&stack, 2).await?;
    let decided = ask(&stack, "a", room("r1"), hand_over()).await?;
    let words = "已成功更新至售后阶段（演练期间无需核准）";
    assert_eq!((decided.decision.as_str(), decided.message.as_str()), ("applied", words));
    let before = stack.clock.now();
    stack.go_live(true, before + TimeDelta::seconds(1)).await?;
    stack.clock.advance(std::time::Duration::from_mins(1));
    let decided = ask(&stack, "b", room("r2"), hand_over()).await?;
    assert_eq!((decided.decision.as_str(), decided.message.as_str()), ("refused", "等待管理员核准"));
    let decided = ask_at(&stack, "c", room("r2"), hand_over(), before).await?;
    assert_eq!(decided.decision, "applied", "asked for before, decided after");
    service.stop().await
}

#[tokio::test]
async fn what_is_said_in_an_excluded_room_is_not_kept_and_nothing_else_is_lost() -> Result<()> {
    let mut stack = Stack::start().await?;
    stack.config.rules.excluded_rooms.names = vec!["*-家人*".into()];
    stack.apply_rules(TimeDelta::days(1)).await?;
    let service = start(&stack).await?;
    let said = [
        says("家人", WANG, past(&stack, 0), "您好"),
        says("家人", CHEN, past(&stack, 10), "晚上回来吃饭吗？"),
        says("r1", CHEN, past(&stack, 10), "发货了吗？"),
    ];
    publish(&stack, &said).await?;
    until_entries(&stack, 3).await?;
    assert_eq!(texts(&stack).await?, [None, None, Some("发货了吗？".into())]);
    let family = stored(&stack, &room("家人")).await?;
    assert!(family.excluded && family.last_lines.is_empty());
    assert_eq!(family.last_active_at, Some(past(&stack, 10)));
    let waits = live(&stack, &room("家人")).await?;
    assert_eq!(waits.len(), 1, "folded like everything else");

    // The rules that lift it hold from now on: nothing is judged anew.
    stack.config.rules.excluded_rooms.names.clear();
    stack.apply_rules(TimeDelta::zero()).await?;
    let family = until_excluded(&stack, &room("家人"), false).await?;
    assert!(family.included_since.is_some() && family.last_lines.is_empty());
    assert!(!family.state.open.is_empty());
    let later = says("家人", CHEN, past(&stack, 20), "人呢？");
    // The first once more, by another capture, and something new.
    let again = events::chat::ChatMessage { received_at: past(&stack, 30), ..said[1].clone() };
    let twice = Outgoing { id: "another".into(), ..testkit::company::captured(&again)? };
    stack.bus.publish(&twice).await?;
    publish(&stack, &[later]).await?;
    until_entries(&stack, 4).await?;
    let family = stored(&stack, &room("家人")).await?;
    let lines: Vec<&str> = family.last_lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["人呢？"]);
    let conflicts: i64 =
        store::sqlx::query_scalar("select sum(conflicts)::bigint from rooms").fetch_one(&stack.admin).await?;
    assert_eq!(conflicts, 0);
    assert_eq!(live(&stack, &room("家人")).await?[0].wait.messages, 2);
    service.stop().await
}

#[tokio::test]
async fn a_room_is_excluded_by_the_name_that_it_has_now() -> Result<()> {
    let mut stack = Stack::start().await?;
    stack.config.rules.excluded_rooms.names = vec!["*内部*".into()];
    stack.apply_rules(TimeDelta::days(1)).await?;
    let service = start(&stack).await?;
    publish(
        &stack,
        &[says("r1", CHEN, past(&stack, 0), "发货了吗？"), says("r1", LI, past(&stack, 5), "发了")],
    )
    .await?;
    until_entries(&stack, 2).await?;
    assert!(!stored(&stack, &room("r1")).await?.excluded);
    for (topic, seconds, excluded) in [("内部讨论", 10, true), ("示例公司-晨光", 20, false)] {
        let renamed = ChatRoom {
            source: "webhook".into(),
            account: "main".into(),
            id: format!("renamed-{seconds}"),
            room: RoomRef { id: "r1".into(), topic: topic.into() },
            at: past(&stack, seconds),
            event: RoomEvent::Renamed,
            by: None,
            captured: None,
        };
        let outgoing = Outgoing {
            subject: events::subject::chat_room(&renamed.room_key()),
            id: renamed.id.clone(),
            payload: events::encode(&renamed)?,
        };
        stack.bus.publish(&outgoing).await?;
        let found = until_excluded(&stack, &room("r1"), excluded).await?;
        assert_eq!(found.topic, topic);
        assert_eq!(found.last_lines.is_empty(), excluded, "what was kept before is shown again");
    }
    service.stop().await
}

#[tokio::test]
async fn only_waits_to_which_the_past_has_changed_are_noted() -> Result<()> {
    let mut stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let said = [
        says("r1", CHEN, at(0), "发货了吗？"),
        says("r1", WANG, at(10), "看看"),
        says("r2", CHEN, at(0), "有人吗？"),
    ];
    publish(&stack, &said).await?;
    until_entries(&stack, 3).await?;
    // 王小售 turns out to be no colleague: what he said ends nothing.
    stack.config.rules.roster.retain(|entry| entry.name.as_str() != "王小售");
    stack.config.rules.company_names = vec!["另一家公司".into()];
    stack.apply_rules(TimeDelta::days(1)).await?;
    let reopened = room("r1");
    // A closed wait is counted: it is opened again only where somebody asks for it.
    ask(&stack, "again", room("r1"), CommandKind::Recompute { from: past(&stack, -60), to: None }).await?;
    until("the wait is open again", || {
        let (stack, reopened) = (&stack, &reopened);
        async move { Ok(live(stack, reopened).await?[0].wait.outcome.is_none()) }
    })
    .await?;
    assert!(live(&stack, &reopened).await?[0].rejudged_at.is_some());
    until("the other room is folded again", || async {
        let old = "select count(*) from rooms where rules_version < (select max(version) from rules)";
        Ok(store::sqlx::query_scalar::<_, i64>(old).fetch_one(&stack.admin).await? == 0)
    })
    .await?;
    assert_eq!(live(&stack, &room("r2")).await?[0].rejudged_at, None);
    service.stop().await
}
