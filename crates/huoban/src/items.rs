//! Rows: read page by page, created, changed and deleted one by one.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::{
    client::{Call, Client},
    error::Error,
    ids::{self, FieldId, ItemId, TableId},
};

/// Pages that one reading may have: twenty thousand rows.
const MAX_PAGES: usize = 400;

/// What rows are asked for.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// Of which table.
    pub table: &'a TableId,
    /// All of these hold.
    pub conditions: Vec<Condition<'a>>,
    /// Sorted by this, since pages without an order may overlap.
    pub order: &'a FieldId,
}

/// What is asked of a column.
#[derive(Debug, Clone)]
pub struct Condition<'a> {
    /// The column.
    pub field: &'a FieldId,
    /// `eq`, `gte`, `lte`: an operator of the service. (documented)
    pub operator: &'static str,
    /// What it is compared with.
    pub value: String,
}

/// A row as it stands there.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// Its cells by column id.
    pub fields: BTreeMap<String, Json>,
}

#[derive(Deserialize)]
struct Page {
    items: Vec<Json>,
    /// How many rows match.
    #[serde(default)]
    filtered: Option<usize>,
    #[serde(default)]
    has_more: bool,
}

impl Client {
    /// Every row that matches. `POST /item/list` (documented). Other rows that come or go meanwhile can hide one from
    /// both of two pages; a reading that is not whole is an error, so that nobody takes a row for missing.
    pub async fn items(&self, query: &Query<'_>) -> Result<Vec<Item>, Error> {
        let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
        let (mut offset, mut matching) = (0, None);
        for _ in 0..MAX_PAGES {
            let page = self.page(query, offset).await?;
            // One that goes from an earlier page moves another off the next, and the number read still fits.
            if *matching.get_or_insert(page.filtered) != page.filtered {
                return Err(not_whole());
            }
            // Fewer than asked for is no end: the service may cap its pages.
            offset += page.items.len();
            let is_last = !page.has_more || page.items.is_empty();
            for item in page.items {
                let item = read_item(&item).ok_or(Error::Unreadable("an item without id or fields"))?;
                if seen.insert(item.id.clone()) {
                    found.push(item);
                }
            }
            if is_last {
                return whole(found, page.filtered);
            }
        }
        Err(Error::Unreadable("more rows than anybody asked for"))
    }

    async fn page(&self, query: &Query<'_>, offset: usize) -> Result<Page, Error> {
        let conditions: Vec<Json> = query
            .conditions
            .iter()
            .map(|asked| json!({ "field": asked.field.as_str(), "query": { asked.operator: asked.value } }))
            .collect();
        let body = json!({
            "table_id": query.table.as_str(),
            "filter": { "and": conditions },
            "order": { "field_id": query.order.as_str(), "type": "asc" },
            "limit": self.page_size(),
            "offset": offset,
            "with_field_config": 0,
        });
        let data = self.call(Call::read("item/list", body)).await?;
        serde_json::from_value(data).map_err(|_| Error::Unreadable("no page of items"))
    }

    /// Creates a row. `POST /item` (documented). There is no idempotency key: after [`Error::Ambiguous`] the row may be
    /// there or still come.
    pub async fn create(&self, table: &TableId, cells: Map<String, Json>) -> Result<ItemId, Error> {
        let body = json!({ "table_id": table.as_str(), "fields": cells });
        let call =
            Call { method: Method::POST, path: "item".to_owned(), body: Some(body), repeatable: false };
        let data = self.call(call).await?;
        // A success that does not say which row it made is as good as none.
        ids::of_json(&data["item"]["item_id"])
            .ok_or_else(|| Error::Ambiguous { cause: "a creation without an item's id".to_owned() })
    }

    /// Changes cells of a row, those that are named and no others. `PUT /item/{item_id}` (documented).
    pub async fn update(&self, item: &ItemId, cells: Map<String, Json>) -> Result<(), Error> {
        let (path, body) = (format!("item/{item}"), Some(json!({ "fields": cells })));
        self.call(Call { method: Method::PUT, path, body, repeatable: true }).await.map(drop)
    }

    /// Deletes a row. `DELETE /item/{item_id}` (documented). Sent again after no answer, it may be refused since the row
    /// is gone.
    pub async fn delete(&self, item: &ItemId) -> Result<(), Error> {
        let path = format!("item/{item}");
        self.call(Call { method: Method::DELETE, path, body: None, repeatable: true }).await.map(drop)
    }
}

fn whole(found: Vec<Item>, filtered: Option<usize>) -> Result<Vec<Item>, Error> {
    if filtered.is_none_or(|filtered| filtered == found.len()) { Ok(found) } else { Err(not_whole()) }
}

fn not_whole() -> Error {
    Error::Retry { cause: "rows came or went while they were read".to_owned() }
}

fn read_item(item: &Json) -> Option<Item> {
    let id = ids::of_json(&item["item_id"])?;
    let fields = item["fields"].as_object()?;
    Some(Item { id, fields: fields.iter().map(|(id, cell)| (id.clone(), cell.clone())).collect() })
}
