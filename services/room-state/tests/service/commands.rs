//! Cancels and assignments, decided once and recorded.

use anyhow::Result;
use chrono::{DateTime, Utc};
use domain::id::{CommandId, EntryId, RoomKey};
use domain::wait::Ending;
use events::command::{Command, CommandKind, Via};
use runtime::bus::Outgoing;
use store::rooms::commands::{StoredCommand, decided_since};
use testkit::company::{CHEN, WANG, says};
use testkit::{Stack, until, until_some};

use crate::support::{live, past, publish, room, start, start_out_of_turn, until_entries};

fn command(stack: &Stack, id: &str, room: RoomKey, kind: CommandKind) -> Result<Outgoing> {
    command_at(id, room, kind, stack.clock.now())
}

fn command_at(id: &str, room: RoomKey, kind: CommandKind, at: DateTime<Utc>) -> Result<Outgoing> {
    let id = CommandId(id.into());
    let command = Command { id: id.clone(), room, at, by: "周经理".into(), via: Via::Vika, kind };
    Ok(Outgoing {
        subject: events::subject::command(command.kind.name(), &command.room),
        id: id.to_string(),
        payload: events::encode(&command)?,
    })
}

/// Asks for something now, and waits for the decision.
pub async fn ask(stack: &Stack, id: &str, room: RoomKey, kind: CommandKind) -> Result<StoredCommand> {
    ask_at(stack, id, room, kind, stack.clock.now()).await
}

/// Asks for something as of a moment, and waits for the decision.
pub async fn ask_at(
    stack: &Stack,
    id: &str,
    room: RoomKey,
    kind: CommandKind,
    at: DateTime<Utc>,
) -> Result<StoredCommand> {
    stack.bus.publish(&command_at(id, room, kind, at)?).await?;
    until_some("the command is decided", || async {
        let mut connection = stack.admin.acquire().await?;
        let decided = decided_since(&mut connection, chrono::DateTime::UNIX_EPOCH, 100).await?;
        Ok(decided.into_iter().find(|decided| decided.id.as_str() == id))
    })
    .await
}

fn cancel(seen_up_to: &str) -> CommandKind {
    CommandKind::Cancel {
        wait: None,
        seen_up_to: EntryId(seen_up_to.into()),
        reason: "消除未回覆记录".into(),
    }
}

#[tokio::test]
async fn a_cancel_ends_what_its_author_saw_and_nothing_later() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let seen = says("r1", CHEN, past(&stack, 0), "发货了吗");
    let unseen = says("r1", CHEN, past(&stack, 50), "另外，发票呢？");
    publish(&stack, &[seen.clone(), unseen.clone()]).await?;
    until_entries(&stack, 2).await?;
    let decided = ask(&stack, "c1", room("r1"), cancel(&seen.key().to_string())).await?;
    let asked_at = unseen.sent_at.with_timezone(&stack.config.rules.time_zone).format("%H:%M");
    let told = format!("{asked_at} 又发来消息，从那时起继续计时");
    assert!(
        decided.decision == "applied"
            && decided.message.starts_with("已消除未回覆记录；客户 ")
            && decided.message.ends_with(&told),
        "{}",
        decided.message
    );
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!(waits.len(), 2, "{waits:?}");
    assert!(
        matches!(&waits[0].wait.outcome.as_ref().unwrap().how, Ending::Cancelled { by, .. } if by == "周经理")
    );
    assert_eq!(waits[1].wait.id.as_str(), unseen.key().to_string());
    assert!(waits[1].wait.outcome.is_none(), "what came after is a wait of its own");

    let undone =
        ask(&stack, "c2", room("r1"), CommandKind::UndoCancel { cancel: CommandId("c1".into()) }).await?;
    assert_eq!((undone.decision.as_str(), undone.message.as_str()), ("applied", "已撤销消除，继续计时"));
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!((waits.len(), waits[0].wait.messages), (1, 2), "undone: one wait again");
    service.stop().await
}

#[tokio::test]
async fn an_undo_says_so_when_the_wait_has_ended_in_another_way() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    for (id, message) in
        [("r1", "已撤销，但也有别人标记过不用回复，等待仍已结束"), ("r2", "已撤销消除，但这次等待已经结束")]
    {
        let asked = says(id, CHEN, past(&stack, 0), "发货了吗");
        publish(&stack, std::slice::from_ref(&asked)).await?;
        until_some("the wait is there", || async { Ok(live(&stack, &room(id)).await?.pop()) }).await?;
        let first = format!("{id}-first");
        let seen_up_to = asked.key().to_string();
        assert_eq!(ask(&stack, &first, room(id), cancel(&seen_up_to)).await?.decision, "applied");
        if id == "r1" {
            let again = ask(&stack, "r1-second", room(id), cancel(&seen_up_to)).await?;
            assert_eq!(again.decision, "unchanged");
        } else {
            publish(&stack, &[says(id, WANG, past(&stack, 20), "发了")]).await?;
            until_entries(&stack, 7).await?;
        }
        let undo = CommandKind::UndoCancel { cancel: CommandId(first) };
        let undone = ask(&stack, &format!("{id}-undo"), room(id), undo).await?;
        assert_eq!((undone.decision.as_str(), undone.message.as_str()), ("applied", message));
        let waits = live(&stack, &room(id)).await?;
        assert!(waits.len() == 1 && waits[0].wait.outcome.is_some(), "{waits:?}");
    }
    service.stop().await
}

#[tokio::test]
async fn commands_that_cannot_be_followed_say_why() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    publish(&stack, &[says("r1", CHEN, past(&stack, 0), "好的")]).await?;
    until_entries(&stack, 1).await?;
    let last = says("r1", CHEN, past(&stack, 0), "好的").key().to_string();
    for (id, room, kind, decision, message) in [
        ("a", room("r1"), cancel(&last), "unchanged", "当前没有等待中的客户"),
        (
            "b",
            room("r1"),
            cancel("webhook:main:nothing"),
            "refused",
            "这个群里找不到当时的消息，请刷新后重试",
        ),
        ("c", room("nowhere"), cancel(&last), "refused", "房间不存在"),
        ("d", room("r1"), assign("李小后", "pre-sales", false), "refused", "负责人非售前"),
        ("e", room("r1"), assign("王小售", "售前", false), "refused", "群聊阶段不存在"),
        ("f", room("r1"), assign("王小售", "pre-sales", false), "applied", "合法"),
        ("g", room("r1"), assign("李小后", "after-sales", false), "refused", "等待管理员核准"),
        ("h", room("r1"), assign("李小后", "after-sales", true), "applied", "已成功更新至售后阶段"),
    ] {
        let decided = ask(&stack, id, room, kind).await?;
        assert_eq!((decided.decision.as_str(), decided.message.as_str()), (decision, message), "{id}");
    }
    let state = store::rooms::get(&mut *stack.admin.acquire().await?, &room("r1")).await?.unwrap().state;
    assert_eq!(state.owner.unwrap().as_str(), "李小后");
    service.stop().await
}

#[tokio::test]
async fn a_command_delivered_to_two_replicas_is_decided_once() -> Result<()> {
    let stack = Stack::start().await?;
    let services = [start_out_of_turn(&stack).await?, start_out_of_turn(&stack).await?];
    let asked = says("r1", CHEN, past(&stack, 0), "发货了吗");
    publish(&stack, std::slice::from_ref(&asked)).await?;
    until_entries(&stack, 1).await?;

    let mut busy = stack.admin.begin().await?;
    store::sqlx::query("select from rooms for update").execute(&mut *busy).await?;
    let mut copies = 0;
    until("both replicas stand before the lock", || {
        copies += 1;
        let copy = command(&stack, "c1", room("r1"), cancel(&asked.key().to_string()));
        let (stack, id) = (&stack, format!("c1 {copies}"));
        async move {
            stack.bus.publish(&Outgoing { id, ..copy? }).await?;
            let waiting: i64 = store::sqlx::query_scalar(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
            )
            .fetch_one(&stack.admin)
            .await?;
            Ok(waiting >= 2)
        }
    })
    .await?;
    busy.rollback().await?;

    until("the wait is cancelled", || async {
        Ok(live(&stack, &room("r1")).await?[0].wait.outcome.is_some())
    })
    .await?;
    for service in services {
        service.stop().await?;
    }
    assert!(stack.bus.dead_letters(10).await?.is_empty());
    Ok(())
}

fn assign(owner: &str, stage: &str, approved: bool) -> CommandKind {
    CommandKind::Assign { owner: owner.into(), stage: stage.into(), approved, approved_by: None }
}

/// Delivered to two replicas at once.
#[tokio::test]
async fn a_command_about_an_unknown_room_is_decided_once_by_two() -> Result<()> {
    let stack = Stack::start().await?;
    let mut other = stack.admin.begin().await?;
    let outgoing = command(&stack, "c1", room("nowhere"), cancel("nothing"))?;
    store::sqlx::query(
        "insert into commands (command, room, kind, at, by_name, via, wish, decision, message, decided_at)
         values ('c1', 'webhook:nowhere', 'cancel', $1, '周经理', 'vika', '{}', 'refused', '房间不存在', $1)",
    )
    .bind(stack.clock.now())
    .execute(&mut *other)
    .await?;
    let service = start(&stack).await?;
    stack.bus.publish(&outgoing).await?;
    until("it waits for the other one", || async {
        let waiting: bool = store::sqlx::query_scalar(
            "select exists (select from pg_stat_activity where datname = current_database()
                            and usename = 'room_state' and wait_event_type = 'Lock')",
        )
        .fetch_one(&stack.admin)
        .await?;
        Ok(waiting)
    })
    .await?;
    other.commit().await?;
    until("it is dealt with", || async {
        Ok(stack.bus.lag(runtime::bus::Consumer::RoomStateCommand).await?.pending == 0)
    })
    .await?;
    assert!(stack.bus.dead_letters(10).await?.is_empty());
    service.stop().await
}
