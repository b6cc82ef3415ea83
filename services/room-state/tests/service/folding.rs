//! Messages in, rooms and waits out.

use anyhow::Result;
use domain::message::MessageKind;
use domain::role::Role as Speaker;
use domain::wait::{Ending, WaitKind};
use events::chat::ChatMessage;
use store::sqlx;
use testkit::company::{CHEN, LI, WANG, says};
use testkit::{Stack, until};

use crate::support::{live, past, publish, room, start, until_entries};

#[tokio::test]
async fn a_burst_is_one_wait_and_a_reply_ends_it() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    publish(
        &stack,
        &[
            says("r1", CHEN, at(0), "在吗？"),
            says("r1", CHEN, at(5), "想问一下报价"),
            says("r1", WANG, at(65), "在的，您说"),
            says("r1", CHEN, at(70), "好的"),
        ],
    )
    .await?;
    until_entries(&stack, 4).await?;
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!(waits.len(), 1, "「好的」 opens nothing: {waits:?}");
    let wait = &waits[0].wait;
    assert_eq!((wait.messages, wait.opened.at), (2, at(0)));
    let outcome = wait.outcome.as_ref().unwrap();
    assert_eq!(outcome.at, at(65));
    assert!(
        matches!(&outcome.how, Ending::Answered { name, role: Speaker::PreSales, .. } if name == "王小售")
    );

    let stored = store::rooms::get(&mut *stack.admin.acquire().await?, &room("r1")).await?.unwrap();
    assert_eq!(stored.topic, "示例公司-r1");
    let lines: Vec<(&str, &str)> =
        stored.last_lines.iter().map(|l| (l.name.as_str(), l.text.as_str())).collect();
    assert_eq!(lines, [("陈小样", "想问一下报价"), ("王小售", "在的，您说"), ("陈小样", "好的")]);
    service.stop().await
}

#[tokio::test]
async fn imported_history_names_a_room_until_somebody_says_another_name() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let named = |seconds, topic: &str, history| {
        let mut message = says("r1", CHEN, past(&stack, seconds), "在吗？");
        (message.room.topic, message.history) = (topic.to_owned(), history);
        message
    };
    let messages =
        [named(0, "客户群（旧）", true), named(50, "客户群", false), named(20, "客户群（更旧）", true)];
    for (count, (message, topic)) in (1..).zip(messages.iter().zip(["客户群（旧）", "客户群", "客户群"]))
    {
        publish(&stack, std::slice::from_ref(message)).await?;
        until_entries(&stack, count).await?;
        let stored = store::rooms::get(&mut *stack.admin.acquire().await?, &room("r1")).await?.unwrap();
        assert_eq!(stored.topic, topic);
    }
    service.stop().await
}

/// What the customer asks after a mere assent has the ordinary clock, and what is found out late of the past moves both.
#[tokio::test]
async fn an_assent_waits_softly_until_the_customer_asks() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let found = async || -> Result<Vec<_>> {
        let waits = live(&stack, &room("r1")).await?.into_iter().map(|stored| stored.wait);
        Ok(waits.map(|wait| (wait.kind, wait.opened.at, wait.outcome.map(|ended| ended.how))).collect())
    };
    publish(&stack, &[says("r1", CHEN, at(20), "大概几点到")]).await?;
    until_entries(&stack, 1).await?;
    assert_eq!(found().await?, [(WaitKind::Request, at(20), None)]);
    // What was said before comes late: the request did not begin in a quiet room.
    publish(&stack, &[says("r1", CHEN, at(10), "好的")]).await?;
    publish(&stack, &[says("r1", WANG, at(0), "明天发您可以吗？")]).await?;
    until_entries(&stack, 3).await?;
    let soft = || (WaitKind::Soft, at(10), Some(Ending::BecameRequest));
    assert_eq!(found().await?, [soft(), (WaitKind::Request, at(20), None)]);
    // Folded again from before both, and not from a state that knows of neither.
    publish(&stack, &[says("r1", CHEN, at(25), "急"), says("r1", CHEN, at(22), "在吗")]).await?;
    until_entries(&stack, 5).await?;
    assert_eq!(found().await?, [soft(), (WaitKind::Request, at(20), None)]);
    publish(&stack, &[says("r1", WANG, at(30), "下午三点")]).await?;
    until_entries(&stack, 6).await?;
    let waits = found().await?;
    assert_eq!((waits.len(), &waits[0]), (2, &soft()));
    assert!(matches!(waits[1].2, Some(Ending::Answered { .. })));
    service.stop().await
}

/// A promise stands beside what the customer asks meanwhile, and both are found again after a late message.
#[tokio::test]
async fn a_holding_reply_promises_another() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    let found = async || -> Result<Vec<_>> {
        let waits = live(&stack, &room("r1")).await?.into_iter().map(|stored| stored.wait);
        Ok(waits.map(|wait| (wait.kind, wait.opened.at, wait.messages, wait.outcome.is_some())).collect())
    };
    let (request, promise) = (WaitKind::Request, WaitKind::Promise);
    publish(&stack, &[says("r1", CHEN, at(0), "报价多少")]).await?;
    publish(&stack, &[says("r1", WANG, at(10), "稍等，我查一下")]).await?;
    publish(&stack, &[says("r1", CHEN, at(20), "怎么样了")]).await?;
    until_entries(&stack, 3).await?;
    let waiting = [(request, at(0), 1, true), (promise, at(10), 1, false), (request, at(20), 1, false)];
    assert_eq!(found().await?, waiting);
    publish(&stack, &[says("r1", CHEN, at(25), "急")]).await?;
    until_entries(&stack, 4).await?;
    let waiting = [(request, at(0), 1, true), (promise, at(10), 2, false), (request, at(20), 2, false)];
    assert_eq!(found().await?, waiting, "counts of open waits stand in the room's state");
    // It held before already, and nobody had to ask twice.
    publish(&stack, &[says("r1", WANG, at(5), "马上")]).await?;
    publish(&stack, &[says("r1", CHEN, at(15), "好的，那运费呢")]).await?;
    until_entries(&stack, 6).await?;
    let again = [(request, at(0), 1, true), (promise, at(5), 3, false), (request, at(15), 3, false)];
    assert_eq!(found().await?, again);
    let state = store::rooms::get(&mut *stack.admin.acquire().await?, &room("r1")).await?.unwrap().state;
    assert_eq!(state.open.len(), 2);
    let retired: i64 = sqlx::query_scalar(
        "select count(*) from waits w join waits by on by.wait = w.replaced_by where w.kind = by.kind",
    )
    .fetch_one(&stack.admin)
    .await?;
    assert_eq!(retired, 2, "a promise takes the place of a promise, and a request that of a request");
    publish(&stack, &[says("r1", WANG, at(30), "三千元")]).await?;
    until_entries(&stack, 7).await?;
    assert!(found().await?.iter().all(|(_, _, _, ended)| *ended));
    service.stop().await
}

#[tokio::test]
async fn a_late_opening_takes_the_place_of_the_one_it_precedes() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    publish(&stack, &[says("r1", LI, at(-60), "欢迎"), says("r1", CHEN, at(10), "什么时候发货？")]).await?;
    until_entries(&stack, 2).await?;
    let first = live(&stack, &room("r1")).await?.remove(0).wait.id;
    publish(&stack, &[says("r1", CHEN, at(0), "你好，请问")]).await?;
    until_entries(&stack, 3).await?;
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!(waits.len(), 1);
    assert_eq!((waits[0].wait.opened.at, waits[0].wait.messages), (at(0), 2));
    let replaced_by: Option<String> =
        store::sqlx::query_scalar("select replaced_by from waits where wait = $1")
            .bind(first.as_str())
            .fetch_one(&stack.admin)
            .await?;
    assert_eq!(replaced_by.as_deref(), Some(waits[0].wait.id.as_str()));
    service.stop().await
}

#[tokio::test]
async fn a_recall_works_before_and_after_its_message() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = |seconds| past(&stack, seconds);
    for (id, recall_first) in [("early", true), ("late", false)] {
        let asked = says(id, CHEN, at(0), "发错了");
        let mut recall = says(id, CHEN, at(20), &asked.id);
        recall.kind = MessageKind::Recalled;
        let pair = if recall_first { [recall, asked] } else { [asked, recall] };
        publish(&stack, &pair[..1]).await?;
        until("the first of the pair is stored", || {
            let stack = &stack;
            async move {
                let known = store::rooms::get(&mut *stack.admin.acquire().await?, &room(id)).await?;
                Ok(known.is_some_and(|room| room.version > 0))
            }
        })
        .await?;
        publish(&stack, &pair[1..]).await?;
    }
    until_entries(&stack, 4).await?;
    for id in ["early", "late"] {
        let waits = live(&stack, &room(id)).await?;
        assert_eq!(waits.len(), 1, "{id}");
        let outcome = waits[0].wait.outcome.as_ref().expect("the wait ended with the recall");
        assert_eq!((&outcome.how, outcome.at), (&Ending::Withdrawn, at(20)), "{id}");
    }
    service.stop().await
}

#[tokio::test]
async fn a_message_that_was_taken_back_stays_so_when_an_earlier_capture_takes_its_place() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let later = ChatMessage { captured: Some(9), ..says("r1", CHEN, past(&stack, 0), "在吗？") };
    let mut recall = says("r1", CHEN, past(&stack, 20), &later.id);
    recall.kind = MessageKind::Recalled;
    publish(&stack, &[later.clone(), recall]).await?;
    until_entries(&stack, 2).await?;
    publish(&stack, &[ChatMessage { captured: Some(5), text: "请问在吗？".into(), ..later }]).await?;
    until("the earlier capture stands", || async {
        let text: String = store::sqlx::query_scalar("select body from timeline where kind = 'message'")
            .fetch_one(&stack.admin)
            .await?;
        Ok(text == "请问在吗？")
    })
    .await?;
    let waits = live(&stack, &room("r1")).await?;
    assert_eq!(waits[0].wait.outcome.as_ref().map(|outcome| &outcome.how), Some(&Ending::Withdrawn));
    service.stop().await
}

#[tokio::test]
async fn a_capture_that_contradicts_the_first_is_set_aside_with_its_reason() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let at = past(&stack, 0);
    let original = says("r1", CHEN, at, "原话");
    let by_another = ChatMessage { sender: says("r1", LI, at, "").sender, ..original.clone() };
    let in_other_words = ChatMessage { text: "别的话".into(), ..original.clone() };
    publish(&stack, &[original, by_another, in_other_words]).await?;
    until("both contradictions are counted", || async {
        let counted: Option<i64> =
            store::sqlx::query_scalar("select conflicts from rooms").fetch_optional(&stack.admin).await?;
        Ok(counted == Some(2))
    })
    .await?;
    let text: String = store::sqlx::query_scalar("select body from timeline").fetch_one(&stack.admin).await?;
    assert_eq!(text, "原话");
    until("both are set aside", || async { Ok(stack.bus.dead_letters(9).await?.len() == 2) }).await?;
    for letter in stack.bus.dead_letters(9).await? {
        assert_eq!(letter.reason, "contradicts");
        assert!(letter.explanation.contains("the first captured stays"), "{}", letter.explanation);
        assert!(!letter.explanation.contains("别的话"));
    }
    service.stop().await
}

/// A recall whose first capture is stored last.
#[tokio::test]
async fn a_recall_that_is_captured_again_takes_back_when_the_lowest_sequence_says() -> Result<()> {
    let stack = Stack::start().await?;
    let service = start(&stack).await?;
    let asked = says("r1", CHEN, past(&stack, 0), "在吗？");
    publish(&stack, std::slice::from_ref(&asked)).await?;
    until_entries(&stack, 1).await?;
    let recall = |seconds: i64| {
        let mut recall = says("r1", CHEN, past(&stack, seconds), &asked.id);
        recall.id = "recall".into();
        recall.kind = MessageKind::Recalled;
        recall
    };
    // The first cannot be stored for a moment, and comes again behind the second.
    let refuse = format!(
        "create function refuse() returns trigger language plpgsql as
             $$ begin raise exception 'not now' using errcode = '57000'; end $$;
         create trigger refuse before insert on timeline for each row
             when (new.kind = 'recall' and new.pos_at = '{}') execute function refuse()",
        past(&stack, 20).to_rfc3339()
    );
    store::sqlx::raw_sql(store::sqlx::AssertSqlSafe(refuse)).execute(&stack.admin).await?;
    publish(&stack, &[recall(20)]).await?;
    let mut second = testkit::company::captured(&recall(40))?;
    second.id.push_str("#2");
    stack.bus.publish(&second).await?;
    until_entries(&stack, 2).await?;
    let ended = async || {
        let waits = live(&stack, &room("r1")).await?;
        anyhow::Ok(waits[0].wait.outcome.as_ref().map(|outcome| outcome.at))
    };
    assert_eq!(ended().await?, Some(past(&stack, 40)));
    store::sqlx::raw_sql("drop trigger refuse on timeline").execute(&stack.admin).await?;
    until("the first capture counts", || async { Ok(ended().await? == Some(past(&stack, 20))) }).await?;
    service.stop().await
}
