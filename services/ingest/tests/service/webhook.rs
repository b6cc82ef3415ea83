//! The webhook over HTTP.

use anyhow::{Context as _, Result};
use ingest::webhook::BUS_DEADLINE;
use serde_json::{Value, json};
use testkit::{Running, Stack, until};

use crate::support::*;

struct Hook {
    stack: Stack,
    service: Running,
    client: reqwest::Client,
}

async fn hook() -> Result<Hook> {
    let stack = stack().await?;
    let service = start(&stack).await?;
    let client = runtime::http::client()?;
    until("the webhook listens", || async { Ok(client.get(url(&stack, "/healthz")).send().await.is_ok()) })
        .await?;
    Ok(Hook { stack, service, client })
}

impl Hook {
    async fn post(&self, token: &str, body: impl Into<reqwest::Body>) -> Result<(u16, Value)> {
        let request = self.client.post(url(&self.stack, "/v1/messages")).bearer_auth(token).body(body);
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_str(&answer.text().await?).unwrap_or_default()))
    }
}

fn message(id: &str) -> Value {
    json!({
        "source": "webhook", "account": "main", "id": id, "room": { "id": "r-1", "topic": "公司-客户群" },
        "sender": { "id": "u-1", "name": "张三样", "corporation": "客户公司", "coworker": false },
        "sent_at": "2026-11-22T09:30:00+08:00", "kind": "text", "text": "在吗？"
    })
}

fn with(id: &str, field: &str, value: impl Into<Value>) -> Value {
    let mut message = message(id);
    message[field] = value.into();
    message
}

#[tokio::test]
async fn only_with_a_token_and_only_for_ones_own_source() -> Result<()> {
    let hook = hook().await?;
    for token in ["", "wrong", "test-token2"] {
        assert_eq!(hook.post(token, message("m-1").to_string()).await?.0, 401, "{token}");
    }
    let bare = hook.client.post(url(&hook.stack, "/v1/messages")).body(message("m-1").to_string());
    assert_eq!(bare.send().await?.status(), 401);
    let (status, answer) = hook.post("test-token", with("m-1", "source", "wechaty").to_string()).await?;
    assert_eq!((status, answer["rejected"][0]["index"].as_u64()), (200, Some(0)));
    assert!(messages(&hook.stack).await?.is_empty());
    hook.service.stop().await
}

/// A right token tells a guesser nothing either.
#[tokio::test]
async fn whoever_guesses_tokens_is_not_listened_to_for_a_while() -> Result<()> {
    let hook = hook().await?;
    let mut answers = Vec::new();
    for guess in 0..30 {
        answers.push(hook.post(&format!("guess-{guess}"), message("m-1").to_string()).await?.0);
    }
    assert!(answers.starts_with(&[401; 20]) && answers.ends_with(&[429; 5]), "{answers:?}");
    assert_eq!(hook.post("test-token", message("m-1").to_string()).await?.0, 429);
    assert!(messages(&hook.stack).await?.is_empty());
    hook.service.stop().await
}

#[tokio::test]
async fn bad_rows_are_refused_by_index_and_the_rest_goes_on() -> Result<()> {
    let hook = hook().await?;
    let broken = message("escape").to_string().replace("在吗？", "\\ud800");
    let rows = [
        message("good-1").to_string(),
        broken,
        with("nul", "text", "a\0b").to_string(),
        with("long", "text", "好".repeat(100_000)).to_string(),
        with("date", "sent_at", "yesterday").to_string(),
        with("kind", "kind", "shout").to_string(),
        "{nonsense".to_owned(),
        message("good-2").to_string(),
    ];
    let (status, answer) = hook.post("test-token", rows.join("\n")).await?;
    assert_eq!(status, 200, "{answer}");
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(3), &json!(0)));
    let rejected: Vec<(u64, &str)> = answer["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["index"].as_u64().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(rejected.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2, 4, 5, 6]);
    for ((_, reason), word) in rejected.iter().zip(["", "NUL", "yesterday", "shout", "key"]) {
        assert!(!reason.is_empty() && reason.contains(word), "{reason}");
    }
    let published = messages(&hook.stack).await?;
    let ids: Vec<&str> = published.iter().map(|(_, message)| message.id.as_str()).collect();
    assert_eq!(ids, ["good-1", "long", "good-2"]);
    let long = &published[1].1;
    assert!(long.cut && long.text.len() <= 64 * 1024);

    let (status, answer) =
        hook.post("test-token", json!([message("good-1"), message("good-3")]).to_string()).await?;
    assert_eq!((status, &answer["accepted"], &answer["duplicates"]), (200, &json!(1), &json!(1)));
    until("the sender is remembered", || async { Ok(count(&hook.stack, "contacts").await? == 1) }).await?;
    hook.service.stop().await
}

#[tokio::test]
async fn one_id_in_two_rooms_of_a_request_is_refused() -> Result<()> {
    let hook = hook().await?;
    let elsewhere = with("m-1", "room", json!({ "id": "r-2", "topic": "别的群" }));
    let body = json!([message("m-1"), elsewhere, message("m-1"), message("m-2")]);
    let (status, answer) = hook.post("test-token", body.to_string()).await?;
    assert_eq!((status, &answer["accepted"], &answer["duplicates"]), (200, &json!(2), &json!(1)), "{answer}");
    assert_eq!(answer["rejected"][0]["index"], 1);
    assert!(answer["rejected"][0]["reason"].as_str().unwrap().contains("another room"), "{answer}");
    hook.service.stop().await
}

#[tokio::test]
async fn the_answer_waits_for_the_bus_alone_and_people_are_remembered_later() -> Result<()> {
    let hook = hook().await?;
    let mut locked = hook.stack.admin.begin().await?;
    store::sqlx::query("lock table contacts in exclusive mode").execute(&mut *locked).await?;
    let (status, answer) = hook.post("test-token", message("m-1").to_string()).await?;
    assert_eq!((status, &answer["accepted"]), (200, &json!(1)));
    locked.commit().await?;
    until("the sender is remembered", || async { Ok(count(&hook.stack, "contacts").await? == 1) }).await?;
    hook.service.stop().await
}

#[tokio::test]
async fn too_much_is_refused_whole() -> Result<()> {
    let hook = hook().await?;
    let rows: Vec<String> = (0..1_001).map(|n| message(&format!("m-{n}")).to_string()).collect();
    assert_eq!(hook.post("test-token", rows.join("\n")).await?.0, 413);
    let (status, answer) = hook.post("test-token", rows[..1_000].join("\n")).await?;
    assert_eq!((status, &answer["accepted"]), (200, &json!(1_000)));
    assert_eq!(hook.post("test-token", vec![b' '; 4 * 1024 * 1024 + 1]).await?.0, 413);
    assert_eq!(hook.post("test-token", "").await?.0, 400);
    assert_eq!(messages(&hook.stack).await?.len(), 1_000);
    hook.service.stop().await
}

#[tokio::test]
async fn without_the_bus_nothing_is_accepted_and_nobody_waits() -> Result<()> {
    let hook = hook().await?;
    let health = async || {
        let answer = hook.client.get(url(&hook.stack, "/healthz")).send().await.ok()?;
        Some(answer.status().as_u16())
    };
    until("all is well", || async { Ok(health().await == Some(200)) }).await?;
    hook.stack.nats.stop().await;
    let many: Vec<String> = (0..1_000).map(|n| message(&format!("n-{n}")).to_string()).collect();
    let begun = tokio::time::Instant::now();
    for body in [many.join("\n"), many.join("\n"), many.join("\n"), message("m-1").to_string()] {
        assert_eq!(hook.post("test-token", body).await?.0, 503);
    }
    assert!(begun.elapsed() < BUS_DEADLINE, "{:?}", begun.elapsed());
    let sick = hook.client.get(url(&hook.stack, "/healthz")).send().await?;
    assert_eq!((sick.status().as_u16(), sick.text().await?.as_str()), (503, r#"{"ok":false}"#));
    hook.stack.nats.boot().await?;
    until("all is well again", || async { Ok(health().await == Some(200)) }).await?;
    until("the same request is accepted", || async {
        Ok(hook.post("test-token", message("m-1").to_string()).await?.0 == 200)
    })
    .await?;
    assert_eq!(messages(&hook.stack).await?.len(), 1);
    hook.service.stop().await
}

#[tokio::test]
async fn a_bus_that_hangs_is_answered_for_in_time() -> Result<()> {
    let hook = hook().await?;
    let pid = hook.stack.nats.pid().await.context("a server")?;
    let signal = |name: &str| std::process::Command::new("kill").args([name, &pid.to_string()]).status();
    signal("-STOP")?;
    until("it stands still", || async {
        Ok(std::fs::read_to_string(format!("/proc/{pid}/stat"))?.contains(") T "))
    })
    .await?;
    let begun = tokio::time::Instant::now();
    let (status, answer) = hook.post("test-token", message("m-1").to_string()).await?;
    let took = begun.elapsed();
    signal("-CONT")?;
    assert_eq!(status, 503, "{answer}");
    assert!(took < BUS_DEADLINE + std::time::Duration::from_secs(2), "{took:?}");
    until("the same request is accepted", || async {
        Ok(hook.post("test-token", message("m-1").to_string()).await?.0 == 200)
    })
    .await?;
    assert_eq!(messages(&hook.stack).await?.len(), 1, "once, whatever was kept meanwhile");
    hook.service.stop().await
}

#[tokio::test]
async fn the_rows_of_a_request_reach_the_bus_in_their_order() -> Result<()> {
    let hook = hook().await?;
    let ids: Vec<String> = (0..500).map(|n| format!("m-{}", n * 7 % 500)).collect();
    let rows: Vec<String> = ids.iter().map(|id| message(id).to_string()).collect();
    let (status, answer) = hook.post("test-token", rows.join("\n")).await?;
    assert_eq!((status, &answer["accepted"]), (200, &json!(500)));
    let published = messages(&hook.stack).await?;
    assert_eq!(published.iter().map(|(_, message)| message.id.clone()).collect::<Vec<_>>(), ids);
    let places: Vec<i64> = published.iter().filter_map(|(_, message)| message.captured).collect();
    assert!(places.len() == 500 && places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
    hook.service.stop().await
}

#[tokio::test]
async fn an_id_that_means_something_to_others_is_refused_by_its_index() -> Result<()> {
    let hook = hook().await?;
    let odd = ["nl\nid", "\u{2028}", "a\"b", "{a}", " a", "\u{301}", &"x".repeat(513)];
    let mut rows = vec![message("good-1")];
    for id in odd {
        rows.push(with(id, "text", "编号不对"));
        rows.push(with("room", "room", json!({ "id": id, "topic": "" })));
        rows.push(with("sender", "sender", json!({ "id": id })));
        rows.push(with("account", "account", id));
        rows.push(with("mention", "mentions", json!([id])));
        rows.push(with("quote", "quote", id));
    }
    rows.push(message("good-2"));
    let (status, answer) = hook.post("test-token", json!(rows).to_string()).await?;
    assert_eq!((status, &answer["accepted"]), (200, &json!(2)), "{answer}");
    let rejected = answer["rejected"].as_array().unwrap();
    let indexes: Vec<u64> = rejected.iter().filter_map(|row| row["index"].as_u64()).collect();
    assert_eq!(indexes, (1..=6 * odd.len() as u64).collect::<Vec<_>>());
    let reasons: Vec<&str> = rejected.iter().filter_map(|row| row["reason"].as_str()).take(6).collect();
    for (reason, field) in
        reasons.iter().zip(["id:", "room.id:", "sender.id:", "account:", "mentions:", "quote:"])
    {
        assert!(reason.starts_with(field) && reason.contains("U+000A"), "{reason}");
    }
    hook.service.stop().await
}

#[tokio::test]
async fn one_id_with_two_contents_is_refused_or_reaches_the_judge() -> Result<()> {
    let hook = hook().await?;
    let other = with("m-1", "text", "别的话");
    let (_, answer) = hook.post("test-token", json!([message("m-1"), other]).to_string()).await?;
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(1), &json!(0)), "{answer}");
    assert!(answer["rejected"][0]["reason"].as_str().unwrap().contains("another sender, time, kind or text"));
    let (_, answer) =
        hook.post("test-token", json!([message("m-1"), with("m-2", "seq", 7)]).to_string()).await?;
    assert_eq!(
        (&answer["accepted"], &answer["duplicates"]),
        (&json!(1), &json!(1)),
        "said twice is said once"
    );
    let (_, answer) = hook.post("test-token", with("m-1", "text", "别的话").to_string()).await?;
    assert_eq!((&answer["accepted"], &answer["duplicates"]), (&json!(1), &json!(0)), "{answer}");
    let published = messages(&hook.stack).await?;
    assert_eq!(published.iter().map(|(_, message)| message.seq).collect::<Vec<_>>(), [None, Some(7), None]);
    hook.service.stop().await
}
