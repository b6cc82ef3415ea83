//! Our account leaves a room and comes back, and replies that nobody saw.

use anyhow::Result;
use domain::id::{CommandId, EntryId, WaitId};
use domain::wait::Ending;
use events::chat::ChatMessage;
use events::command::CommandKind;
use runtime::bus::Outgoing;
use store::rooms::commands::{StoredCommand, decided_since};
use testkit::company::{CHEN, LI, WANG, account_left, says};
use testkit::{Stack, until};

use crate::commands::ask;
use crate::support::{live, past, publish, room, start, until_entries};

/// What people read, oldest first: who and what.
async fn told(stack: &Stack) -> Result<Vec<(String, String)>> {
    let mut connection = stack.admin.acquire().await?;
    let told = decided_since(&mut connection, chrono::DateTime::UNIX_EPOCH, 100).await?;
    Ok(told.into_iter().map(|StoredCommand { by, message, .. }| (by, message)).collect())
}

fn pair(by: &str, message: &str) -> (String, String) {
    (by.to_owned(), message.to_owned())
}

/// Captured by another account of ours.
fn second(mut message: ChatMessage) -> ChatMessage {
    message.account = "second".into();
    message
}

/// Seen to fail without the notices, and with a notice under a new id at each fold.
#[tokio::test]
async fn removed_from_a_room_its_wait_ends_unobserved_and_people_are_told_once() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    publish(&stack, &[says("r1", CHEN, at(0), "在吗？")]).await?;
    let left = account_left("r1", at(60), Some(LI))?;
    stack.bus.publish(&left).await?;
    // The same fact again, as after a crash longer ago than the bus remembers.
    stack.bus.publish(&Outgoing { id: "again".into(), ..left }).await?;
    until_entries(&stack, 2).await?;
    let waits = live(&stack, &room("r1")).await?;
    let outcome = waits[0].wait.outcome.as_ref().unwrap();
    assert_eq!((waits.len(), &outcome.how, outcome.at), (1, &Ending::Unobserved, at(60)));
    let removed = pair("李小后", "助手账号已被移出群，无法继续计时");
    assert_eq!(told(&stack).await?, std::slice::from_ref(&removed));

    publish(&stack, &[says("r1", CHEN, at(120), "还在吗？")]).await?;
    until_entries(&stack, 3).await?;
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!((waits.len(), waits[1].wait.opened.at), (2, at(120)), "what is seen again is timed again");
    assert!(waits[1].wait.outcome.is_none());
    let back = pair("系统", "助手账号已回到群里，恢复计时");
    assert_eq!(told(&stack).await?, [removed.clone(), back.clone()]);

    // Captured late: said while we were there. All of it is folded again.
    publish(&stack, &[says("r1", WANG, at(30), "在的")]).await?;
    until("the reply counts", || async {
        let waits = live(&stack, &room("r1")).await?;
        Ok(matches!(waits[0].wait.outcome.as_ref().unwrap().how, Ending::Answered { .. }))
    })
    .await?;
    assert_eq!(live(&stack, &room("r1")).await?.len(), 2);
    assert_eq!(told(&stack).await?, [removed, back], "nobody is told twice");
    service.stop().await
}

/// Seen to fail with any departure taken for the end of the observation.
#[tokio::test]
async fn a_room_is_observed_while_another_account_is_in_it() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    publish(&stack, &[second(says("r1", WANG, at(0), "您好")), says("r1", CHEN, at(10), "在吗？")]).await?;
    stack.bus.publish(&account_left("r1", at(60), None)?).await?;
    until_entries(&stack, 3).await?;
    let waits = live(&stack, &room("r1")).await?;
    assert!(waits[0].wait.outcome.is_none(), "{waits:?}");
    assert!(told(&stack).await?.is_empty());
    service.stop().await
}

/// Seen to fail without the look at the gaps.
#[tokio::test]
async fn a_reply_is_confirmed_only_where_it_can_have_been_missed() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let asked = says("r1", CHEN, at(0), "在吗？");
    publish(&stack, std::slice::from_ref(&asked)).await?;
    until_entries(&stack, 1).await?;
    let confirm = || CommandKind::ConfirmAnswered {
        wait: WaitId::from(&asked.key()),
        seen_up_to: EntryId::from(&asked.key()),
    };
    let refused = ask(&stack, "c1", room("r1"), confirm()).await?;
    assert_eq!(
        (refused.decision.as_str(), refused.message.as_str()),
        ("refused", "等待期间采集没有中断，请直接回复客户")
    );
    stack.capture_gap("elsewhere", at(10), Some(at(20))).await?;
    assert_eq!(ask(&stack, "c2", room("r1"), confirm()).await?.decision, "refused", "another account's gap");

    stack.capture_gap("main", at(10), Some(at(20))).await?;
    let confirmed = ask(&stack, "c3", room("r1"), confirm()).await?;
    assert_eq!(
        (confirmed.decision.as_str(), confirmed.message.as_str()),
        ("applied", "已确认回复，不计入统计")
    );
    let outcome = live(&stack, &room("r1")).await?.remove(0).wait.outcome.unwrap();
    let by_manager = Ending::Confirmed { by: "周经理".into(), command: CommandId("c3".into()) };
    assert_eq!(outcome.how, by_manager);
    let again = ask(&stack, "c4", room("r1"), confirm()).await?;
    assert_eq!((again.decision.as_str(), again.message.as_str()), ("unchanged", "当前没有等待中的客户"));
    service.stop().await
}
