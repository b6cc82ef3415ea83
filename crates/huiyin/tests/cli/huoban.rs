//! `huiyin init-huoban` and the group 伙伴云 of `check`, against the simulator.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use huiyin::check::{Group, Status};
use huoban::{Kind, Table};
use serde_json::{Value, json};
use simulators::huoban::{HuobanConfig, Running};
use tempfile::TempDir;

use crate::command::{Ran, configured, huiyin};
use crate::installed::{Installed, failed, lines, stands};

const SPACE: &str = "4000000000000001";
const KEY: &str = "huoban-test-key";

struct Huoban {
    sim: Running,
    http: reqwest::Client,
}

impl Huoban {
    async fn start() -> Result<Self> {
        let clock = runtime::Clock::system();
        let sim = simulators::huoban::start(HuobanConfig::sample(Arc::new(move || clock.now()))).await?;
        Ok(Self { sim, http: runtime::http::client()? })
    }

    async fn order(&self, what: &str, body: Value) -> Result<Value> {
        let url = format!("{}/_sim/{what}", self.sim.url);
        let answer = self.http.post(url).json(&body).send().await?.error_for_status()?;
        Ok(answer.json().await.unwrap_or_default())
    }

    /// Remembers the columns of a table by their ids, as the service does.
    async fn remember(&self, site: &Installed, table: &str) -> Result<()> {
        let tables: Value =
            self.http.get(format!("{}/_sim/tables", self.sim.url)).send().await?.json().await?;
        let found = tables.as_array().and_then(|tables| tables.iter().find(|found| found["id"] == table));
        for field in found.and_then(|found| found["fields"].as_array()).context("columns")? {
            sqlx::query("insert into performance_huoban_fields (table_id, name, field) values ($1, $2, $3)")
                .bind(table)
                .bind(field["name"].as_str())
                .bind(field["id"].as_str())
                .execute(&site.stack.admin)
                .await?;
        }
        Ok(())
    }

    /// A table as a person makes it.
    async fn make(&self, table: Table) -> Result<String> {
        let kind = |kind: Kind| match kind {
            Kind::Text => "text",
            Kind::Number(_) => "number",
            Kind::Share => "percent",
            Kind::Day => "date",
        };
        let fields: Vec<Value> = table
            .columns()
            .map(|column| json!({ "name": column.name(), "kind": kind(column.kind()) }))
            .collect();
        let made = self.order("tables", json!({ "name": table.title(), "fields": fields })).await?;
        Ok(made["id"].as_str().unwrap_or_default().to_owned())
    }

    fn section(&self) -> Value {
        json!({ "enabled": true, "base_url": self.sim.url, "api_key": KEY, "space": SPACE, "calls_per_second": 5 })
    }

    async fn init(&self, section: Value) -> Result<Ran> {
        let (folder, file): (TempDir, String) = configured(&json!({ "huoban": section }))?;
        let ran = huiyin(&["--config", &file, "init-huoban"]).await;
        drop(folder);
        ran
    }
}

#[tokio::test]
async fn what_is_to_be_made_by_hand_is_told_until_it_is_made() -> Result<()> {
    let huoban = Huoban::start().await?;
    let nothing = huoban.init(huoban.section()).await?;
    assert_eq!(nothing.code, 3, "{}{}", nothing.out, nothing.err);
    for expected in [
        "没有叫「销售每日响应」的表",
        "没有叫「群聊每日响应」的表",
        "    业务键  文本",
        "    10分钟内占比  百分比，或数字（保留 4 位小数）",
        "仪表盘只能在伙伴云里手工做",
    ] {
        assert!(nothing.out.contains(expected), "{expected} is not in: {}", nothing.out);
    }
    assert!(!nothing.out.contains("\"tables\""), "{}", nothing.out);
    let people = huoban.make(Table::PersonDays).await?;
    huoban.make(Table::RoomDays).await?;
    let done = huoban.init(huoban.section()).await?;
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.out.contains(&format!("\"person_days\": \"{people}\"")), "{}", done.out);

    // By its id a table is found whatever its name; a column that was renamed is told.
    let rename = json!({ "table": people, "action": "rename", "field": "团队", "to": "小组" });
    huoban.order("fields", rename).await?;
    let mut section = huoban.section();
    section["tables"] = json!({ "person_days": people });
    let renamed = huoban.init(section).await?;
    assert_eq!(renamed.code, 3, "{}", renamed.out);
    assert!(renamed.out.contains("缺少列「团队」，可能被改名成了「小组」"), "{}", renamed.out);
    Ok(())
}

#[tokio::test]
async fn a_key_that_is_refused_and_settings_that_are_wrong_end_it() -> Result<()> {
    let huoban = Huoban::start().await?;
    let mut section = huoban.section();
    section["api_key"] = json!("another-key");
    let refused = huoban.init(section.clone()).await?;
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(
        refused.err.contains("不接受 huoban.api_key") && !refused.err.contains("another-key"),
        "{}",
        refused.err
    );
    section["space"] = json!("spc1");
    section["page_size"] = json!(51);
    let wrong = huoban.init(section).await?;
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("huoban.space") && wrong.err.contains("huoban.page_size"), "{}", wrong.err);
    let off = huoban.init(json!({})).await?;
    assert!(off.code == 2 && off.err.contains("huoban.enabled 是 false"), "{}", off.err);
    Ok(())
}

#[tokio::test]
async fn check_looks_at_the_key_the_tables_and_their_columns() -> Result<()> {
    let (site, huoban) = (Installed::start().await?, Huoban::start().await?);
    stands(&site.check(&[]).await?, Group::Huoban, Status::Skipped, "huoban.enabled 是 false", "");
    let section = || ("/huoban", huoban.section());
    let report = site.check(&[section()]).await?;
    assert_eq!(lines(&report, Group::Huoban, Status::Failed).len(), 2, "{report}");
    huoban.make(Table::PersonDays).await?;
    let rooms = huoban.make(Table::RoomDays).await?;
    let report = site.check(&[section()]).await?;
    // Two tables, and the calls used.
    assert_eq!(lines(&report, Group::Huoban, Status::Ok).len(), 3, "{report}");
    for (change, what, remedy) in [
        (
            json!({ "action": "delete", "field": "未回复" }),
            "缺少列「未回复」",
            "手工加一列「未回复」，类型：数字",
        ),
        (
            json!({ "action": "add", "field": "未回复", "kind": "text" }),
            "类型是 text，写不进去",
            "重新加一列",
        ),
    ] {
        let mut change = change;
        change["table"] = json!(rooms);
        huoban.order("fields", change).await?;
        failed(&site.check(&[section()]).await?, Group::Huoban, what, remedy);
    }
    huoban.order("settings", json!({ "key_by_status": true, "key_form": "bare" })).await?;
    failed(&site.check(&[section()]).await?, Group::Huoban, "不接受 huoban.api_key", "huoban.key_form");
    let bare = site.check(&[section(), ("/huoban/key_form", json!("bare"))]).await?;
    failed(&bare, Group::Huoban, "类型是 text", "");
    Ok(())
}

/// The service knows it by its id, and writes it all the same.
#[tokio::test]
async fn a_column_that_was_renamed_is_not_called_missing_once_it_was_written() -> Result<()> {
    let (site, huoban) = (Installed::start().await?, Huoban::start().await?);
    let people = huoban.make(Table::PersonDays).await?;
    huoban.make(Table::RoomDays).await?;
    huoban.remember(&site, &people).await?;
    let rename = json!({ "table": people, "action": "rename", "field": "团队", "to": "小组" });
    huoban.order("fields", rename).await?;
    let config = [("/huoban", huoban.section())];
    let (what, remedy) = ("列「团队」被改名成了「小组」", "把列名改回「团队」");
    stands(&site.check(&config).await?, Group::Huoban, Status::Warning, what, remedy);
    let (_folder, file) = configured(&site.changed(&config)?)?;
    let ran = huiyin(&["--config", &file, "init-huoban"]).await?;
    assert!(ran.code == 0 && ran.out.contains(what), "{}{}", ran.out, ran.err);
    Ok(())
}
