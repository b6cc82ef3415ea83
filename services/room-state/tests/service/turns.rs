//! Several customers wait in one room, each on their own account.

use anyhow::Result;
use domain::id::{CommandId, EntryId, WaitId};
use domain::wait::{Ending, WaitKind};
use events::chat::ChatMessage;
use events::command::CommandKind;
use store::sqlx;
use testkit::company::{CHEN, LI, Person, WANG, says};
use testkit::{Stack, until};

use crate::commands::ask;
use crate::support::{live, past, publish, room, start, until_entries};

const SUN: Person = Person { id: "sun", name: "孙小样", corporation: "晨光贸易" };

/// A message that mentions these people.
fn to(people: &[Person], message: ChatMessage) -> ChatMessage {
    ChatMessage { mentions: people.iter().map(|person| person.id.to_owned()).collect(), ..message }
}

/// Who waits or waited for what, in order of opening, and how it ended.
async fn told(stack: &Stack) -> Result<Vec<(String, &'static str)>> {
    let how = |ending: &Ending| match ending {
        Ending::Answered { .. } => "answered",
        Ending::Cancelled { .. } => "cancelled",
        _ => "ended otherwise",
    };
    let waits = live(stack, &room("r1")).await?.into_iter().map(|stored| stored.wait);
    let waits = waits.filter(|wait| wait.kind == WaitKind::Request);
    Ok(waits
        .map(|wait| (wait.customer.id, wait.outcome.as_ref().map_or("open", |outcome| how(&outcome.how))))
        .collect())
}

fn of(waits: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    waits.iter().map(|(who, how)| ((*who).to_owned(), *how)).collect()
}

#[tokio::test]
async fn each_customer_is_answered_on_their_own() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    publish(&stack, &[says("r1", CHEN, at(0), "报价多少"), says("r1", SUN, at(10), "发票呢")]).await?;
    until_entries(&stack, 2).await?;
    assert_eq!(told(&stack).await?, of(&[("chen", "open"), ("sun", "open")]));
    publish(&stack, &[to(&[LI], says("r1", WANG, at(20), "你来看一下"))]).await?;
    until_entries(&stack, 3).await?;
    assert_eq!(told(&stack).await?, of(&[("chen", "open"), ("sun", "open")]), "colleagues among themselves");
    publish(&stack, &[to(&[CHEN], says("r1", WANG, at(30), "三千元"))]).await?;
    until_entries(&stack, 4).await?;
    assert_eq!(told(&stack).await?, of(&[("chen", "answered"), ("sun", "open")]));
    // Once more from the last quiet moment, since something comes late: the same, and the wait that is carried back is
    // followed by the same customer's.
    let second = live(&stack, &room("r1")).await?.remove(1).wait.id;
    publish(&stack, &[says("r1", SUN, at(5), "在吗")]).await?;
    until_entries(&stack, 5).await?;
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!(told(&stack).await?, of(&[("chen", "answered"), ("sun", "open")]));
    assert_eq!(waits[1].wait.opened.at, at(5));
    let replaced_by: String = sqlx::query_scalar("select replaced_by from waits where wait = $1")
        .bind(second.as_str())
        .fetch_one(&stack.admin)
        .await?;
    assert_eq!(replaced_by, waits[1].wait.id.as_str(), "not by that of another customer");
    publish(&stack, &[says("r1", LI, at(40), "寄出了")]).await?;
    until_entries(&stack, 6).await?;
    assert_eq!(told(&stack).await?, of(&[("chen", "answered"), ("sun", "answered")]));
    service.stop().await
}

#[tokio::test]
async fn a_card_s_cancel_ends_the_wait_that_it_is_about_and_a_tick_all() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let last = says("r1", SUN, at(10), "发票呢");
    publish(&stack, &[says("r1", CHEN, at(0), "报价多少"), last.clone()]).await?;
    until_entries(&stack, 2).await?;
    let chen = live(&stack, &room("r1")).await?.remove(0).wait.id;
    let cancel = |wait: Option<WaitId>| CommandKind::Cancel {
        wait,
        seen_up_to: EntryId(last.key().to_string()),
        reason: "不用回复".into(),
    };
    let decided = ask(&stack, "c1", room("r1"), cancel(Some(chen.clone()))).await?;
    assert_eq!(decided.decision, "applied");
    assert_eq!(told(&stack).await?, of(&[("chen", "cancelled"), ("sun", "open")]));
    let again = ask(&stack, "c2", room("r1"), cancel(Some(chen.clone()))).await?;
    assert_eq!((again.decision.as_str(), again.message.as_str()), ("unchanged", "当前没有等待中的客户"));
    // While the other goes on, what is said of the undone one is said of it alone.
    ask(&stack, "u2", room("r1"), CommandKind::UndoCancel { cancel: CommandId("c2".into()) }).await?;
    publish(&stack, &[to(&[SUN], says("r1", WANG, at(20), "寄出了"))]).await?;
    until("the other is answered", || async {
        Ok(told(&stack).await? == of(&[("chen", "cancelled"), ("sun", "answered")]))
    })
    .await?;
    let undone =
        ask(&stack, "u1", room("r1"), CommandKind::UndoCancel { cancel: CommandId("c1".into()) }).await?;
    assert_eq!(undone.message, "已撤销消除，继续计时");
    assert_eq!(told(&stack).await?, of(&[("chen", "open"), ("sun", "answered")]));
    // Its opening is another message by now, and it is the same customer's.
    publish(&stack, &[says("r1", CHEN, at(-10), "您好，问个价")]).await?;
    until("it begins earlier", || async {
        Ok(live(&stack, &room("r1")).await?.iter().any(|stored| stored.wait.opened.at == at(-10)))
    })
    .await?;
    ask(&stack, "c3", room("r1"), cancel(Some(chen))).await?;
    assert_eq!(told(&stack).await?, of(&[("chen", "cancelled"), ("sun", "answered")]));
    ask(&stack, "u3", room("r1"), CommandKind::UndoCancel { cancel: CommandId("c3".into()) }).await?;
    let again = says("r1", SUN, at(50), "那合同呢");
    publish(&stack, std::slice::from_ref(&again)).await?;
    until("all wait", || async { Ok(told(&stack).await?.len() == 3) }).await?;
    let tick = CommandKind::Cancel {
        wait: None,
        seen_up_to: EntryId(again.key().to_string()),
        reason: "消除未回覆记录".into(),
    };
    assert_eq!(ask(&stack, "c4", room("r1"), tick).await?.decision, "applied");
    assert_eq!(
        told(&stack).await?,
        of(&[("chen", "cancelled"), ("sun", "answered"), ("sun", "cancelled")]),
        "the table's tick"
    );
    service.stop().await
}
