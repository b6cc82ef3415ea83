//! The client against the simulator: each trap of the API.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use chrono::{DateTime, NaiveDate};
use domain::secret::Secret;
use huoban::{
    BusinessKey, Client, Codes, Column, Columns, Condition, Error, Item, KeyForm, Kind, Pacing, Query, Row,
    Settings, Stop, Table, TableId, Value,
    setup::{Found, NotFound, TableRef, look},
};
use serde_json::{Value as Json, json};
use simulators::huoban::{HuobanConfig, Running};

const KEY: &str = "huoban-test-key";

struct Kit {
    sim: Running,
    http: reqwest::Client,
}

/// Without pauses.
fn hasty() -> Pacing {
    Pacing {
        spacing: Duration::ZERO,
        timeout: Duration::from_secs(5),
        attempts: 3,
        backoff: Duration::from_millis(1),
        settle: Duration::from_millis(1),
    }
}

impl Kit {
    async fn start() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        #[expect(clippy::disallowed_methods, reason = "a test has no runtime to take a client from")]
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let config = HuobanConfig::sample(Arc::new(|| DateTime::UNIX_EPOCH));
        Self { sim: simulators::huoban::start(config).await.unwrap(), http }
    }

    fn client(&self, key: &str, form: KeyForm, pacing: Pacing) -> Client {
        let codes = Codes { throttled: vec![77], used_up: vec![9_600_029], ..Codes::default() };
        let (base, key) = (self.sim.url.clone(), Secret::new(key));
        Client::new(self.http.clone(), Settings { base, key, form, pacing, codes, page_size: 50 })
    }

    fn hasty(&self) -> Client {
        self.client(KEY, KeyForm::Bearer, hasty())
    }

    async fn order(&self, what: &str, body: Json) -> Json {
        let answer =
            self.http.post(format!("{}/_sim/{what}", self.sim.url)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{what} {body}");
        answer.json().await.unwrap_or_default()
    }

    async fn calls(&self) -> Vec<Json> {
        self.http.get(format!("{}/_sim/calls", self.sim.url)).send().await.unwrap().json().await.unwrap()
    }

    /// The table of people, as somebody makes it by hand.
    async fn table(&self) -> (TableId, Columns) {
        let kind = |kind: Kind| match kind {
            Kind::Text => "text",
            Kind::Number(_) => "number",
            Kind::Share => "percent",
            Kind::Day => "date",
        };
        let fields: Vec<Json> = Table::PersonDays
            .columns()
            .map(|column| json!({ "name": column.name(), "kind": kind(column.kind()) }))
            .collect();
        self.order("tables", json!({ "name": Table::PersonDays.title(), "fields": fields })).await;
        let found = self.look().await.unwrap();
        let (columns, problems) = Columns::find(Table::PersonDays, &found.fields, &BTreeMap::new());
        assert_eq!(problems, []);
        (found.id, columns)
    }

    async fn look(&self) -> Result<Found, NotFound> {
        let space = "4000000000000001".parse().unwrap();
        look(&self.hasty(), Some(&space), &TableRef::read("", Table::PersonDays)).await
    }
}

fn row(person: &str, asked: u32) -> Row {
    let day = NaiveDate::from_ymd_opt(2026, 11, 22).unwrap();
    let values = BTreeMap::from([
        (Column::Owner, Value::from("王小售")),
        (Column::Asked, Value::Number(asked.into())),
        (Column::MedianMinutes, Value::Number(3.25)),
        (Column::Within5, Value::Number(2.0 / 3.0)),
    ]);
    Row { key: BusinessKey::new(Table::PersonDays, person, day).unwrap(), values }
}

async fn all(client: &Client, table: &TableId, columns: &Columns) -> Vec<Item> {
    let (key, day) = columns.needed().unwrap();
    let day = Condition { field: day, operator: "eq", value: "2026-11-22".to_owned() };
    client.items(&Query { table, conditions: vec![day], order: key }).await.unwrap()
}

#[tokio::test]
async fn a_row_is_created_read_changed_and_deleted() {
    let kit = Kit::start().await;
    let (table, columns) = kit.table().await;
    let client = kit.hasty();
    for settings in [
        json!({}),
        json!({ "numeric_ids": true }),
        json!({ "numbers_as_text": true }),
        json!({ "dates_with_time": true }),
    ] {
        kit.order("settings", settings.clone()).await;
        let (first, mut second) = (row("u1", 3), row("u1", 4));
        second.values.remove(&Column::MedianMinutes);
        let item = client.create(&table, first.cells(&columns)).await.unwrap();
        let read = all(&client, &table, &columns).await;
        assert_eq!(read[0].id, item, "{settings}");
        assert_eq!(first.differences(&read[0], &columns), [], "{settings}");
        assert_eq!(second.differences(&read[0], &columns), [Column::Asked, Column::MedianMinutes]);
        client.update(&item, second.all_cells(&columns)).await.unwrap();
        let read = all(&client, &table, &columns).await;
        assert_eq!(second.differences(&read[0], &columns), [], "what has no value any more is emptied");
        client.delete(&item).await.unwrap();
        assert_eq!(all(&client, &table, &columns).await, []);
    }
}

#[tokio::test]
async fn a_schema_of_either_shape_and_a_key_of_either_form_serve() {
    let kit = Kit::start().await;
    let (table, columns) = kit.table().await;
    let nested = kit.look().await.unwrap();
    kit.order("settings", json!({ "nested_schema": false })).await;
    assert_eq!(kit.look().await.unwrap(), nested);
    kit.order("settings", json!({ "key_form": "bare" })).await;
    let refused = kit.hasty().create(&table, row("u1", 1).cells(&columns)).await.unwrap_err();
    assert!(matches!(refused, Error::Stop(Stop::KeyRefused { .. })), "{refused}");
    assert!(!format!("{refused:?}").contains(KEY));
    kit.client(KEY, KeyForm::Bare, hasty()).create(&table, row("u1", 1).cells(&columns)).await.unwrap();
}

#[tokio::test]
async fn tables_are_found_by_name_or_id_and_what_is_not_found_is_told() {
    let kit = Kit::start().await;
    assert_eq!(kit.look().await, Err(NotFound::NoSuchName("销售每日响应".into())));
    let (id, _) = kit.table().await;
    assert_eq!(kit.look().await.unwrap().id, id);
    kit.order("tables", json!({ "name": "销售每日响应", "fields": [] })).await;
    assert_eq!(kit.look().await, Err(NotFound::Several("销售每日响应".into(), 2)));
    let by_id = look(&kit.hasty(), None, &TableRef::read(id.as_str(), Table::PersonDays)).await;
    assert_eq!(by_id.unwrap().id, id);
    let gone = look(&kit.hasty(), None, &TableRef::read("2100000000099999", Table::PersonDays)).await;
    assert!(matches!(gone, Err(NotFound::Call(Error::Missing { .. }))), "{gone:?}");
    let nowhere = look(&kit.hasty(), None, &TableRef::read("", Table::PersonDays)).await;
    assert!(matches!(nowhere, Err(NotFound::NoSpace(_))));
}

#[tokio::test]
async fn all_pages_are_read_however_small_they_are() {
    let kit = Kit::start().await;
    let (table, columns) = kit.table().await;
    let client = kit.hasty();
    for number in 0..23 {
        client.create(&table, row(&format!("u{number:02}"), number).cells(&columns)).await.unwrap();
    }
    kit.order("settings", json!({ "page_cap": 7 })).await;
    let read = all(&client, &table, &columns).await;
    let key = columns.needed().unwrap().0;
    let keys: Vec<&str> = read.iter().map(|item| item.fields[key.as_str()].as_str().unwrap()).collect();
    let expected: Vec<String> = (0..23).map(|number| format!("sales:u{number:02}:2026-11-22")).collect();
    assert_eq!(keys, expected);
}

#[tokio::test]
async fn only_what_can_be_repeated_is() {
    let kit = Kit::start().await;
    let (table, columns) = kit.table().await;
    let client = kit.hasty();
    let cells = || row("u1", 1).cells(&columns);
    // Done, with its answer lost; not done; and nobody knows which.
    for (kind, rows) in [("drop_after", 1), ("garbage", 2), ("html", 2), ("drop_before", 2)] {
        kit.order("faults", json!({ "kind": kind, "exactly": "item" })).await;
        let error = client.create(&table, cells()).await.unwrap_err();
        assert!(matches!(error, Error::Ambiguous { .. }) && !error.ends_the_run(), "{kind}: {error}");
        assert_eq!(all(&client, &table, &columns).await.len(), rows, "{kind}");
    }
    // Surely not done: tried again.
    for kind in ["throttle", "status"] {
        kit.order("faults", json!({ "kind": kind, "status": 429, "exactly": "item", "times": 2 })).await;
        client.create(&table, cells()).await.unwrap();
    }
    let item = all(&client, &table, &columns).await[0].id.clone();
    for kind in ["drop_after", "garbage", "html", "throttle", "status"] {
        kit.order("faults", json!({ "kind": kind, "method": "PUT", "times": 2 })).await;
        client.update(&item, cells()).await.unwrap();
        kit.order("faults", json!({ "kind": kind, "path": "item/list", "times": 2 })).await;
        all(&client, &table, &columns).await;
    }
    kit.order("faults", json!({ "kind": "html", "method": "PUT", "times": 3 })).await;
    let error = client.update(&item, cells()).await.unwrap_err();
    assert!(matches!(error, Error::Retry { .. }) && error.ends_the_run(), "{error}");
}

#[tokio::test]
async fn failures_are_told_apart_by_what_is_done_about_them() {
    let kit = Kit::start().await;
    let (table, columns) = kit.table().await;
    let client = kit.hasty();
    let item = client.create(&table, row("u1", 1).cells(&columns)).await.unwrap();
    let wrong = json!({ columns.id(Column::Asked).unwrap().as_str(): "zwölf" });
    let error = client.update(&item, wrong.as_object().unwrap().clone()).await.unwrap_err();
    let Error::Rejected { code: 4_000_406, ref message, ref trace } = error else { panic!("{error}") };
    assert!(message.contains("提问顾客数") && !trace.is_empty(), "{error}");
    let unknown = client.update(&"23".parse().unwrap(), row("u1", 1).cells(&columns)).await.unwrap_err();
    assert!(matches!(unknown, Error::Rejected { .. }), "no public code says that a row is gone: {unknown}");
    kit.order("faults", json!({ "kind": "used_up" })).await;
    let used_up = client.update(&item, row("u1", 1).cells(&columns)).await.unwrap_err();
    assert!(matches!(used_up, Error::Stop(Stop::PlanUsedUp { .. })), "{used_up}");
    // A code that the configuration says is one of the rate limit.
    kit.order("faults", json!({ "kind": "code", "code": 77, "method": "PUT" })).await;
    client.update(&item, row("u1", 1).cells(&columns)).await.unwrap();
}

#[tokio::test]
async fn no_more_calls_are_made_than_are_allowed_and_no_faster() {
    let kit = Kit::start().await;
    let (table, columns) = kit.table().await;
    let client = kit.client(KEY, KeyForm::Bearer, Pacing { spacing: Duration::from_millis(120), ..hasty() });
    kit.order("settings", json!({ "rate_limit": 9 })).await;
    client.allow(6);
    let begun = Instant::now();
    let mut outcomes = Vec::new();
    for number in 0..8 {
        outcomes.push(client.create(&table, row(&format!("u{number}"), 1).cells(&columns)).await.is_ok());
    }
    assert_eq!(outcomes, [true, true, true, true, true, true, false, false]);
    assert!(begun.elapsed() >= Duration::from_millis(5 * 120), "{:?}", begun.elapsed());
    let refused = client.create(&table, row("u9", 1).cells(&columns)).await;
    assert_eq!(refused, Err(Error::Stop(Stop::Allowance)));
    assert_eq!((client.take_made(), client.take_made()), (6, 0));
    let throttled = kit.calls().await.iter().filter(|call| call["code"].is_null()).count();
    assert_eq!(throttled, 0, "evenly spaced calls meet no limit");
}

#[tokio::test]
async fn rows_that_go_while_they_are_read_are_no_reading() {
    let kit = Kit::start().await;
    let (table, columns) = kit.table().await;
    let client = kit.hasty();
    for number in 0..6 {
        client.create(&table, row(&format!("u{number}"), 1).cells(&columns)).await.unwrap();
    }
    let first = all(&client, &table, &columns).await[0].id.clone();
    kit.order("settings", json!({ "page_cap": 3 })).await;
    let slow = kit.client(KEY, KeyForm::Bearer, Pacing { spacing: Duration::from_millis(300), ..hasty() });
    let before = kit.calls().await.len();
    let (reading, gone) = tokio::join!(
        async {
            let (key, day) = columns.needed().unwrap();
            let day = Condition { field: day, operator: "eq", value: "2026-11-22".to_owned() };
            slow.items(&Query { table: &table, conditions: vec![day], order: key }).await
        },
        async {
            while kit.calls().await.len() <= before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            client.delete(&first).await
        }
    );
    gone.unwrap();
    assert!(matches!(reading, Err(Error::Retry { .. })), "{reading:?}");
}
