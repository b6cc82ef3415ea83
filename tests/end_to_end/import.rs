//! `huiyin import` against the real path: what happened within one second keeps the order of the file.

use anyhow::{Result, ensure};
use serde_json::json;
use store::sqlx::{self, PgPool};
use testkit::until;

use crate::play::Play;

const ROWS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_rows_of_one_second_keep_the_order_of_the_file() -> Result<()> {
    let play = Play::start(true).await?;
    let ids: Vec<String> = (0..ROWS).map(|n| format!("i-{:03}", n * 7 % ROWS)).collect();
    let rows: Vec<String> = ids
        .iter()
        .map(|id| {
            json!({
                "source": "webhook", "account": "main", "id": id, "room": { "id": "imported", "topic": "公司-旧群" },
                "sender": { "id": "c-1", "name": "旧客户" }, "sent_at": "2026-03-02T09:30:00+08:00",
                "kind": "text", "text": "什么时候发货？"
            })
            .to_string()
        })
        .collect();
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("history.ndjson");
    std::fs::write(&file, rows.join("\n"))?;
    let ran = tokio::process::Command::new(env!("CARGO_BIN_EXE_huiyin"))
        .arg("import")
        .arg(&file)
        .arg("--home")
        .arg(play.home())
        .output()
        .await?;
    ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let database = PgPool::connect(play.postgres()).await?;
    let stored = async || -> Result<Vec<String>> {
        let entries: Vec<String> = sqlx::query_scalar(
            "select entry from timeline where room = 'webhook:imported'
             order by pos_at, pos_order, pos_seq, pos_entry, pos_after",
        )
        .fetch_all(&database)
        .await?;
        Ok(entries.into_iter().filter_map(|entry| Some(entry.rsplit_once(':')?.1.to_owned())).collect())
    };
    until("all rows are in the timeline", || async { Ok(stored().await?.len() == ROWS) }).await?;
    assert_eq!(stored().await?, ids);
    every_command_that_the_demo_names_works(&play).await?;
    play.stop().await;
    Ok(())
}

async fn every_command_that_the_demo_names_works(play: &Play) -> Result<()> {
    let home = play.home().display().to_string();
    let summary = play.summary();
    for named in [format!("in {home}/demo.json"), format!("--home {home} check")] {
        ensure!(summary.contains(&named), "{named} is not in: {summary}");
    }
    for words in
        [vec!["check"], vec!["cards"], vec!["dead", "list"], vec!["init-vika"], vec!["golive", "--status"]]
    {
        let ran = tokio::process::Command::new(env!("CARGO_BIN_EXE_huiyin"))
            .args(["--home", &home])
            .args(&words)
            .output()
            .await?;
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        ensure!(ran.status.success(), "{words:?}: {said}");
    }
    Ok(())
}
