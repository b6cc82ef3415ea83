//! A simulator with both tables, a database, and engines without pauses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::NaiveDate;
use huoban::{BusinessKey, Column, Kind, Pacing, Row, Table, Value};
use performance::huoban::{Engine, Report, Stopped, client};
use runtime::config;
use runtime::fault::Faults;
use serde_json::{Value as Json, json};
use simulators::huoban::{HuobanConfig, Running};
use store::role::Role;
use store::sqlx::PgPool;
use testkit::Stack;

pub struct Site {
    pub stack: Stack,
    pub sim: Running,
    pub config: config::Huoban,
    /// The ids of both tables.
    pub tables: BTreeMap<Table, String>,
    /// As the service logs in.
    pub db: PgPool,
    http: reqwest::Client,
}

pub fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, number).unwrap_or_default()
}

/// A row of a person.
pub fn person(id: &str, on: u32, asked: u32) -> Result<Row> {
    let values = BTreeMap::from([
        (Column::Owner, Value::from("王小售")),
        (Column::Team, Value::from("售前")),
        (Column::Asked, Value::Number(asked.into())),
        (Column::MedianMinutes, Value::Number(3.25)),
        (Column::Within5, Value::Number(2.0 / 3.0)),
    ]);
    Ok(Row { key: BusinessKey::new(Table::PersonDays, id, day(on))?, values })
}

/// A row of a room.
pub fn room(id: &str, on: u32, asked: u32) -> Result<Row> {
    let values = BTreeMap::from([
        (Column::RoomName, Value::from("晨光")),
        (Column::Asked, Value::Number(asked.into())),
    ]);
    Ok(Row { key: BusinessKey::new(Table::RoomDays, id, day(on))?, values })
}

impl Site {
    pub async fn start() -> Result<Self> {
        let stack = Stack::start().await?;
        let clock = stack.clock.clone();
        let sim = simulators::huoban::start(HuobanConfig::sample(Arc::new(move || clock.now()))).await?;
        let config = config::Huoban {
            enabled: true,
            base_url: sim.url.clone(),
            api_key: config::Secret::new("huoban-test-key"),
            space: "4000000000000001".to_owned(),
            // More than any configuration may say: pauses are for the real service.
            calls_per_second: 1_000,
            codes: config::HuobanCodes { used_up: vec![9_600_029], ..Default::default() },
            ..stack.config.huoban.clone()
        };
        let db = stack.context(Role::Performance).await?.db;
        let mut site =
            Self { stack, sim, config, tables: BTreeMap::new(), db, http: runtime::http::client()? };
        for table in Table::ALL {
            let id = site.make(table).await?;
            site.tables.insert(table, id);
        }
        Ok(site)
    }

    /// Makes a table as a person does.
    pub async fn make(&self, table: Table) -> Result<String> {
        let kind = |kind: Kind| match kind {
            Kind::Text => "text",
            Kind::Number(_) => "number",
            Kind::Share => "percent",
            Kind::Day => "date",
        };
        let columns =
            table.columns().map(|column| json!({ "name": column.name(), "kind": kind(column.kind()) }));
        let fields: Vec<Json> = columns.collect();
        let made = self.order("POST", "tables", json!({ "name": table.title(), "fields": fields })).await?;
        made["id"].as_str().map(str::to_owned).context("an id")
    }

    /// An engine of a process of its own.
    pub fn engine(&self) -> Engine {
        self.engine_with(&Faults::default())
    }

    pub fn engine_with(&self, faults: &Faults) -> Engine {
        let pacing = Pacing {
            spacing: Duration::ZERO,
            timeout: Duration::from_secs(5),
            attempts: 2,
            backoff: Duration::from_millis(1),
            settle: Duration::from_millis(50),
        };
        let client = client(&self.config, self.http.clone(), pacing);
        Engine::with_client(&self.config, client, self.stack.clock.clone(), faults.clone())
    }

    /// An engine that has the lease, once whoever had it is gone.
    pub async fn next_engine(&self, faults: &Faults) -> Result<Engine> {
        let mut engine = self.engine_with(faults);
        while engine.sync(&self.db, Vec::new()).await?.stopped == Some(Stopped::AnotherWriter) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(engine)
    }

    pub async fn sync(&self, engine: &mut Engine, rows: &[Row]) -> Result<Report> {
        Ok(engine.sync(&self.db, rows.to_vec()).await?)
    }

    pub async fn order(&self, method: &str, what: &str, body: Json) -> Result<Json> {
        let url = format!("{}/_sim/{what}", self.sim.url);
        let answer = self.http.request(method.parse()?, url).json(&body).send().await?;
        ensure!(answer.status().is_success(), "{what} {body}: {}", answer.status());
        Ok(answer.json().await.unwrap_or_default())
    }

    pub async fn fault(&self, fault: Json) -> Result<()> {
        self.order("POST", "faults", fault).await.map(drop)
    }

    pub async fn settings(&self, settings: Json) -> Result<()> {
        self.order("POST", "settings", settings).await.map(drop)
    }

    /// The rows of a table as people see them: `{"id", "cells": {name: value}}`, by key and id.
    pub async fn rows(&self, table: Table) -> Result<Vec<Json>> {
        let tables: Vec<Json> =
            self.http.get(format!("{}/_sim/tables", self.sim.url)).send().await?.json().await?;
        let id = json!(self.tables[&table]);
        let table = tables.into_iter().find(|table| table["id"] == id).context("the table")?;
        let mut rows = table["rows"].as_array().cloned().unwrap_or_default();
        rows.sort_by_key(|row| (row["cells"]["业务键"].to_string(), row["id"].to_string()));
        Ok(rows)
    }

    /// What stands in a column of the table of people.
    pub async fn column(&self, name: &str) -> Result<Vec<Json>> {
        Ok(self.rows(Table::PersonDays).await?.into_iter().map(|row| row["cells"][name].clone()).collect())
    }

    /// How many calls were made up to now of this method whose path begins so.
    pub async fn calls(&self, method: &str, path: &str) -> Result<usize> {
        let url = format!("{}/_sim/calls", self.sim.url);
        let calls: Vec<Json> = self.http.get(&url).send().await?.json().await?;
        let fits = |call: &&Json| {
            call["method"] == method && call["path"].as_str().is_some_and(|found| found.starts_with(path))
        };
        Ok(calls.iter().filter(fits).count())
    }
}
