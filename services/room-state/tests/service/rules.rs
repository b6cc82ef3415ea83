//! Rules with a past `valid_from` judge anew what was said since, whatever else happens at the same time.

use anyhow::Result;
use chrono::TimeDelta;
use domain::wait::Ending;
use serde_json::json;
use testkit::company::{CHEN, Person, says};
use testkit::{Stack, until};

use crate::support::{live, past, publish, room, start, until_entries};

/// Somebody whom the first rules do not know.
const STRANGER: Person = Person { id: "zhou", name: "周新人", corporation: "" };

/// A customer waits in each room, and a stranger has answered.
async fn answered_by_a_stranger(rooms: &[&str]) -> Result<Stack> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    for room in rooms {
        let (asked, answered) = (past(&stack, 0), past(&stack, 30));
        publish(&stack, &[says(room, CHEN, asked, "在吗"), says(room, STRANGER, answered, "在的")]).await?;
    }
    until_entries(&stack, 2 * i64::try_from(rooms.len())?).await?;
    service.stop().await?;
    for key in rooms {
        let waits = live(&stack, &room(key)).await?;
        assert!(waits[0].wait.outcome.is_none(), "a stranger's words are no reply");
    }
    Ok(stack)
}

/// The stranger is one of us since an hour.
async fn hire(stack: &mut Stack) -> Result<()> {
    let entry = json!({ "name": "周新人", "team": "pre_sales", "contacts": ["webhook:zhou"] });
    stack.config.rules.roster.push(serde_json::from_value(entry)?);
    stack.apply_rules(TimeDelta::hours(1)).await
}

async fn is_answered(stack: &Stack, key: &str) -> Result<bool> {
    let waits = live(stack, &room(key)).await?;
    let how = waits.first().and_then(|stored| stored.wait.outcome.as_ref()).map(|outcome| &outcome.how);
    Ok(matches!(how, Some(Ending::Answered { name, .. }) if name == "周新人"))
}

#[tokio::test]
async fn they_judge_a_room_in_which_nothing_happens() -> Result<()> {
    let mut stack = answered_by_a_stranger(&["r1"]).await?;
    let service = start(&stack).await?;
    hire(&mut stack).await?;
    until("the stranger's words answer", || is_answered(&stack, "r1")).await?;
    service.stop().await
}

/// Seen to fail while only the sweep folded again: a message that came first marked the room as folded with the newest
/// rules, and later rules with a later beginning hid the earlier ones.
#[tokio::test]
async fn a_message_that_comes_before_the_sweep_hides_nothing() -> Result<()> {
    let mut stack = answered_by_a_stranger(&["r1"]).await?;
    hire(&mut stack).await?;
    stack.config.rules.company_names.push("示例公司（北京）".into());
    stack.apply_rules(TimeDelta::minutes(1)).await?;
    publish(&stack, &[says("r1", CHEN, past(&stack, 60), "谢谢")]).await?;
    let service = start(&stack).await?;
    until_entries(&stack, 3).await?;
    until("the stranger's words answer", || is_answered(&stack, "r1")).await?;
    assert_eq!(live(&stack, &room("r1")).await?.len(), 1);
    service.stop().await
}

/// Seen to fail while the sweep ended at the first room that could not be folded.
#[tokio::test]
async fn a_room_that_cannot_be_folded_again_stops_no_other() -> Result<()> {
    let mut stack = answered_by_a_stranger(&["r1", "r2"]).await?;
    store::sqlx::query("update timeline set fact = 'damaged' where room = 'webhook:r1'")
        .execute(&stack.admin)
        .await?;
    let service = start(&stack).await?;
    hire(&mut stack).await?;
    until("the room behind it is judged anew", || is_answered(&stack, "r2")).await?;
    assert!(!is_answered(&stack, "r1").await?);
    service.stop().await
}
