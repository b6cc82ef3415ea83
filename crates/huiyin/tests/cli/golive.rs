//! `huiyin golive` and `huiyin cards` on a real database, each with its own role's rights.

use anyhow::{Context as _, Result};
use chrono::TimeDelta;
use serde_json::{Value, json};
use store::role::Role;
use testkit::Stack;

use crate::command::{Ran, configured, huiyin};

async fn run(stack: &Stack, words: &[&str]) -> Result<Ran> {
    let mut config: Value = testkit::company::written(&stack.config);
    let options = stack.admin.connect_options();
    let passwords: serde_json::Map<String, Value> =
        Role::ALL.iter().map(|role| (role.name().to_owned(), json!(format!("test-{role}")))).collect();
    config["database"] = json!({
        "host": options.get_socket().context("a socket")?,
        "port": options.get_port(),
        "name": options.get_database().context("a database")?,
        "passwords": passwords,
    });
    let (_folder, file) = configured(&config)?;
    huiyin(&[&["--config", &file], words].concat()).await
}

/// What a run printed, if it went well.
async fn said(stack: &Stack, words: &[&str]) -> Result<String> {
    let ran = run(stack, words).await?;
    anyhow::ensure!(ran.code == 0, "{words:?} ended with {}: {}{}", ran.code, ran.out, ran.err);
    Ok(ran.out)
}

#[tokio::test]
async fn going_live_is_recorded_shown_moved_and_undone() -> Result<()> {
    let stack = Stack::start().await?;
    stack.never_live().await?;
    let rehearsal = "演练中：卡片只列出，不发送";
    assert!(said(&stack, &["golive", "--status"]).await?.starts_with(rehearsal));
    let past = run(&stack, &["golive", "--at", "2026-01-01"]).await?;
    assert_eq!(past.code, 2);
    assert!(past.err.contains("--at 2026-01-01 00:00:00 已经过去"), "{}", past.err);

    let announced = said(&stack, &["golive", "--at", "2099-01-01T09:00:00+08:00"]).await?;
    assert!(announced.starts_with(rehearsal) && announced.contains("将于 2099-01-01 09:00:00 上线"));
    let moved = said(&stack, &["golive", "--at", "2099-01-02"]).await?;
    assert!(moved.contains("将于 2099-01-02 00:00:00 上线") && !moved.contains("2099-01-01"), "{moved}");
    let live = said(&stack, &["golive"]).await?;
    assert!(live.starts_with("已上线（2") && !live.contains("2099"), "{live}");
    assert!(said(&stack, &["golive"]).await?.contains("没有改动"));
    let back = said(&stack, &["golive", "--undo"]).await?;
    assert!(back.starts_with("演练中（2"), "{back}");
    let kept: i64 = sqlx::query_scalar("select count(*) from golive").fetch_one(&stack.admin).await?;
    assert_eq!(kept, 4, "every decision stands, and what changes nothing is none");
    Ok(())
}

/// The choice is a version of the rules, and stays when the configuration is put in force again that leaves it open.
#[tokio::test]
async fn the_ladder_is_chosen_with_it() -> Result<()> {
    let mut stack = Stack::start().await?;
    stack.never_live().await?;
    let own = run(&stack, &["golive", "--ladder", "calm"]).await?;
    assert!(own.code == 2 && own.err.contains("全是公司自己的规则"), "{}", own.err);
    stack.config.rules.ladders = domain::rules::Ladders::default();
    stack.apply_rules(TimeDelta::zero()).await?;
    assert!(said(&stack, &["golive", "--status"]).await?.contains("提醒规则：report"));
    let unknown = run(&stack, &["golive", "--ladder", "quiet"]).await?;
    assert!(unknown.code == 2 && unknown.err.contains("expected \"report\" or \"calm\""), "{}", unknown.err);
    let live = said(&stack, &["golive", "--ladder", "calm"]).await?;
    assert!(live.starts_with("已上线（2") && live.contains("提醒规则：calm"), "{live}");
    let chosen = "select body #>> '{ladders,preset}' from rules order by version desc limit 1";
    let preset: Option<String> = sqlx::query_scalar(chosen).fetch_one(&stack.admin).await?;
    assert_eq!(preset.as_deref(), Some("calm"));
    assert!(said(&stack, &["golive", "--ladder", "calm"]).await?.contains("没有改动"));

    stack.config.rules.ladders = serde_json::from_value(json!({ "preset": "report" }))?;
    let named = run(&stack, &["golive", "--ladder", "calm"]).await?;
    assert!(named.code == 2 && named.err.contains("rules.ladders.preset = report"), "{}", named.err);
    Ok(())
}

#[tokio::test]
async fn why_a_room_goes_before_others_is_explained_by_name_or_key() -> Result<()> {
    let stack = Stack::start().await?;
    stack.never_live().await?;
    let lines = json!([{ "name": "陈小样", "role": "customer", "text": "合同呢", "at": stack.clock.now() }]);
    for (room, topic) in [("webhook:r1", "示例公司-晨光"), ("webhook:r2", "同名"), ("webhook:r3", "同名")]
    {
        let made = "insert into rooms (room, source, topic, last_lines, created_at, updated_at) \
                    values ($1, 'webhook', $2, $3, $4, $4)";
        sqlx::query(made)
            .bind(room)
            .bind(topic)
            .bind(lines.to_string())
            .bind(stack.clock.now())
            .execute(&stack.admin)
            .await?;
    }
    for room in ["示例公司-晨光", "webhook:r1"] {
        let said = said(&stack, &["priority", "explain", room]).await?;
        assert!(said.contains("示例公司-晨光：优先级 0（没有人在等；有人等的话是 50）"), "{said}");
        assert!(said.contains("✔ +30 谈到价格、合同或付款"), "{said}");
        assert!(said.contains("· +20 已等 40 分钟以上"), "{said}");
    }
    for (room, problem) in [
        ("同名", "2 rooms have this name; name one by its key: webhook:r2, webhook:r3"),
        ("没有", "no room has the key or the whole name `没有`"),
        ("webhook:nobody", "no room has the key"),
    ] {
        let refused = run(&stack, &["priority", "explain", room]).await?;
        assert!(refused.code == 2 && refused.err.contains(problem), "{room}: {}", refused.err);
    }
    Ok(())
}

#[tokio::test]
async fn lines_that_are_cancelled_again_and_again_are_suggested() -> Result<()> {
    let stack = Stack::start().await?;
    let now = stack.clock.now();
    let lines =
        [("r1", "得劲"), ("r2", "得劲！"), ("r3", "得劲"), ("r4", "请问\u{1b}[2J多少钱"), ("r1", "发货了吗")];
    for (number, (room, text)) in lines.into_iter().enumerate() {
        let id = format!("webhook:main:{number}");
        let entry = "insert into timeline (entry, room, pos_at, pos_seq, pos_entry, kind, received_at, message, body) \
                     values ($1, $2, $3, 1, $1, 'message', $3, 'text', $4)";
        sqlx::query(entry).bind(&id).bind(room).bind(now).bind(text).execute(&stack.admin).await?;
        let wait = "insert into waits (wait, room, opened_at, opened_seq, customer, customer_name, kind, verdict, stage, \
                    messages, last_customer_at, state, closed_at, updated_at) \
                    values ($1, $2, $3, 1, 'webhook:chen', '陈小样', 'request', '{}', 'pre-sales', 1, $3, 'cancelled', $3, $3)";
        sqlx::query(wait).bind(&id).bind(room).bind(now).execute(&stack.admin).await?;
    }
    let suggested = said(&stack, &["closing", "suggest"]).await?;
    assert!(
        suggested.contains("反复被取消的话：1 句") && suggested.contains("  得劲  取消 3 次，3 个群"),
        "{suggested}"
    );
    assert!(!suggested.contains("发货"), "{suggested}");
    assert!(said(&stack, &["closing", "suggest", "--times", "4"]).await?.contains("没有反复被取消的话"));
    let since = (now + TimeDelta::hours(1)).to_rfc3339();
    assert!(said(&stack, &["closing", "suggest", "--since", &since]).await?.contains("没有反复被取消的话"));
    Ok(())
}

#[tokio::test]
async fn cards_are_listed_with_what_becomes_of_them() -> Result<()> {
    let stack = Stack::start().await?;
    stack.never_live().await?;
    let now = stack.clock.now();
    for (rung, state, because) in
        [("300", "rehearsed", None), ("600", "superseded", None), ("1200", "skipped", Some("rules_changed"))]
    {
        let made = "insert into notifications (subject_kind, subject, step, channel, address, room, follows, \
                    threshold_seconds, severity, due_at, created_at, state, next_attempt_at, wanted, next_change_at, \
                    skipped_because) \
                    values ('wait', 'w', $1, 'feishu', 'oc_wang', 'webhook:r1', 'w', $1::int, 'yellow', $2, $2, $3, $2, '{}', $2, $4)";
        sqlx::query(made).bind(rung).bind(now).bind(state).bind(because).execute(&stack.admin).await?;
    }
    sqlx::query("insert into rooms (room, source, topic, created_at, updated_at) values ('webhook:r1', 'webhook', $1, $2, $2)")
        .bind("示例公司\u{1b}[2J-晨光")
        .bind(now)
        .execute(&stack.admin)
        .await?;
    let list = "insert into notifications (subject_kind, subject, step, channel, address, follows, threshold_seconds, severity, \
                due_at, created_at, state, next_attempt_at, wanted, next_change_at) \
                values ('unanswered', 'list:unanswered', '2026-11-27', 'feishu', $2, 'list:unanswered', 0, 'orange', $1, $1, 'sent', $1, '{}', $1)";
    sqlx::query(list).bind(now).bind(&stack.config.feishu.public_chat).execute(&stack.admin).await?;
    let listed = said(&stack, &["cards"]).await?;
    assert!(listed.contains("以来的卡片：2 张"), "{listed}");
    assert!(listed.contains("未回复清单") && !listed.contains("list:"), "{listed}");
    assert!(listed.contains("将会发送  黄色 已等 5 分钟  示例公司 [2J-晨光    → 王小售"), "{listed}");
    let all = said(&stack, &["cards", "--all"]).await?;
    assert!(all.contains("未发：已发更高一级  黄色 已等 10 分钟"), "{all}");
    assert!(all.contains("未发：更换提醒规则之前已过时间  黄色 已等 20 分钟"), "{all}");
    let since = (now + TimeDelta::hours(1)).to_rfc3339();
    assert!(said(&stack, &["cards", "--since", &since]).await?.contains("以来的卡片：0 张"));
    let nowhere = run(&stack, &["cards", "--home", "nowhere"]).await?;
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.err.contains("nowhere: expected the home of a running `huiyin up`"), "{}", nowhere.err);
    Ok(())
}
