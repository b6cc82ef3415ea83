//! Rules that reach back, figures that were counted, and counting them anew.

use anyhow::Result;
use chrono::{DateTime, Utc};
use domain::id::{EntryId, WaitId};
use domain::wait::Ending;
use events::command::CommandKind;
use testkit::company::{CHEN, Person, WANG, says};
use testkit::{Stack, until};

use crate::commands::ask;
use crate::support::{live, past, publish, room, start, until_entries};

/// Somebody who turns out to be a colleague.
const ZHOU: Person = Person { id: "zhou", name: "周新人", corporation: "" };

/// Makes 周新人 one of the staff, as it has been for the last hour.
async fn zhou_is_staff(stack: &mut Stack) -> Result<()> {
    stack.config.rules.roster.push(serde_json::from_value(
        serde_json::json!({ "name": "周新人", "team": "pre_sales", "contacts": ["webhook:zhou"] }),
    )?);
    stack.apply_rules(chrono::TimeDelta::hours(1)).await
}

/// The names of those who answered a room's waits, and when; `None`: open.
async fn answers(stack: &Stack, id: &str) -> Result<Vec<Option<(String, DateTime<Utc>)>>> {
    let waits = live(stack, &room(id)).await?;
    let answer = |stored: &store::rooms::waits::StoredWait| {
        let outcome = stored.wait.outcome.as_ref()?;
        match &outcome.how {
            Ending::Answered { name, .. } => Some((name.clone(), outcome.at)),
            other => Some((format!("{other:?}"), outcome.at)),
        }
    };
    Ok(waits.iter().map(answer).collect())
}

async fn until_judged(stack: &Stack, rules: i64) -> Result<()> {
    until("the rooms are judged by the newest rules", || async move {
        let behind: i64 = store::sqlx::query_scalar("select count(*) from rooms where rules_version < $1")
            .bind(rules)
            .fetch_one(&stack.admin)
            .await?;
        Ok(behind == 0)
    })
    .await
}

#[tokio::test]
async fn counted_figures_stay_until_somebody_asks() -> Result<()> {
    let mut stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let at = [0, 30, 65, 100, 130, 40].map(at);
    publish(
        &stack,
        &[
            says("r1", CHEN, at[0], "在吗？"),
            says("r1", ZHOU, at[1], "在的，请说"),
            says("r1", WANG, at[2], "您好"),
            says("r1", CHEN, at[3], "什么时候发货？"),
            says("r1", ZHOU, at[4], "明天"),
        ],
    )
    .await?;
    until_entries(&stack, 5).await?;
    let wang = ("王小售".to_owned(), at[2]);
    let [zhou_first, zhou_last] = [at[1], at[4]].map(|at| ("周新人".to_owned(), at));
    // As a stranger 周新人 waits beside the customer.
    let of_stranger = [Some(wang.clone()), Some(wang.clone()), None, None];
    assert_eq!(answers(&stack, "r1").await?, of_stranger);

    zhou_is_staff(&mut stack).await?;
    until_judged(&stack, 2).await?;
    let counted = [Some(wang.clone()), Some(wang.clone()), Some(zhou_last.clone())];
    assert_eq!(
        answers(&stack, "r1").await?,
        counted,
        "who waits now is judged anew, what was counted is not"
    );
    publish(&stack, &[says("r1", CHEN, at[5], "有人吗")]).await?;
    until_entries(&stack, 6).await?;
    assert_eq!(answers(&stack, "r1").await?, counted, "nor by a late message");
    assert_eq!(live(&stack, &room("r1")).await?[0].wait.messages, 3);

    let recompute = || CommandKind::Recompute { from: past(&stack, -3600), to: None };
    let decided = ask(&stack, "once", room("r1"), recompute()).await?;
    assert_eq!((decided.kind.as_str(), decided.decision.as_str()), ("recompute", "applied"), "{decided:?}");
    // One is answered earlier, the colleague's own is none, one is new, and the last has another owner: who spoke first of
    // the staff.
    assert!(decided.message.contains("4 个等待"), "{}", decided.message);
    assert_eq!(
        answers(&stack, "r1").await?,
        [Some(zhou_first), Some(("王小售".to_owned(), at[2])), Some(zhou_last)]
    );
    let again = ask(&stack, "again", room("r1"), recompute()).await?;
    assert_eq!(again.decision, "unchanged");
    service.stop().await
}

#[tokio::test]
async fn a_message_that_comes_first_does_not_hide_rules_that_reach_back() -> Result<()> {
    let mut stack = Stack::start().await?;
    let service = start(&stack).await?;
    let (asked, replied, thanked) = (past(&stack, 0), past(&stack, 30), past(&stack, 60));
    publish(&stack, &[says("r1", CHEN, asked, "在吗？"), says("r1", ZHOU, replied, "在的")]).await?;
    until_entries(&stack, 2).await?;
    service.stop().await?;
    zhou_is_staff(&mut stack).await?;
    publish(&stack, &[says("r1", CHEN, thanked, "好的")]).await?;
    let service = start(&stack).await?;
    until_entries(&stack, 3).await?;
    assert_eq!(answers(&stack, "r1").await?, [Some(("周新人".to_owned(), replied))]);
    service.stop().await
}

#[tokio::test]
async fn what_came_after_a_confirmed_wait_is_judged_anew() -> Result<()> {
    let mut stack = Stack::start().await?;
    let service = start(&stack).await?;
    let asked = says("r1", CHEN, past(&stack, 0), "在吗？");
    publish(&stack, std::slice::from_ref(&asked)).await?;
    until_entries(&stack, 1).await?;
    stack.capture_gap("main", past(&stack, 10), Some(past(&stack, 20))).await?;
    let key = asked.key();
    let confirm = CommandKind::ConfirmAnswered { wait: WaitId::from(&key), seen_up_to: EntryId::from(&key) };
    assert_eq!(ask(&stack, "c1", room("r1"), confirm).await?.decision, "applied");
    let (again, replied) = (past(&stack, 100), past(&stack, 130));
    publish(&stack, &[says("r1", CHEN, again, "什么时候发货？"), says("r1", ZHOU, replied, "明天")]).await?;
    until_entries(&stack, 4).await?;
    assert_eq!(answers(&stack, "r1").await?[1], None, "周新人 is a stranger");
    zhou_is_staff(&mut stack).await?;
    until_judged(&stack, 2).await?;
    assert_eq!(answers(&stack, "r1").await?[1], Some(("周新人".to_owned(), replied)));
    service.stop().await
}
