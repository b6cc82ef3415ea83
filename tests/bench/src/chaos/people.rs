//! What people and other systems do: messages by the webhook, managers' edits in Vika, presses of cards in Feishu.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::plan::{DELETED, ManagedSheet, PersonAction, Post, RENAMED, STAFF, ScriptedMessage};
use super::world::World;
use crate::company::vika_token;

/// The pause before a request is sent again.
const AGAIN: Duration = Duration::from_millis(100);

/// What was seen to be done.
#[derive(Debug, Default)]
pub struct Performed {
    /// Messages that were accepted.
    pub accepted: AtomicUsize,
    /// Messages answered as accepted or as repeated, over all tries.
    pub answers: AtomicUsize,
    /// Presses that were answered with success.
    pub pressed: Mutex<Vec<Pressed>>,
    /// Ticks and edits that Vika took.
    pub edits: AtomicUsize,
}

/// A button of a card.
#[derive(Debug, Clone)]
pub struct Pressed {
    pub uuid: String,
    /// What the button asks for.
    pub act: String,
}

/// The row that a system sends.
fn row(said: &ScriptedMessage) -> Value {
    let (id, name, corporation) = match said.staff {
        Some(index) => (STAFF[index].0.to_owned(), STAFF[index].1.to_owned(), "示例公司"),
        None => (format!("customer-{}", said.room), customer(said.room), "别家公司"),
    };
    json!({
        "source": "webhook", "account": "main", "id": said.id,
        "room": { "id": said.room_id(), "topic": said.topic },
        "sender": { "id": id, "name": name, "corporation": corporation },
        "sent_at": said.sent_at, "kind": said.kind, "text": said.text, "history": said.history
    })
}

/// A customer's name. One in five means something to markup, formulas and terminals.
fn customer(room: usize) -> String {
    let odd = if room % 5 == 2 { "\u{202e}\r\n\"}{</at><at id=all></at>[文](x:y)\u{1b}[2J" } else { "" };
    format!("客户{room}{odd}")
}

/// Sends the same rows until they are accepted; bad rows among them must not matter.
pub async fn deliver(world: Arc<World>, performed: Arc<Performed>, post: Post) -> Result<()> {
    let mut rows: Vec<Value> = post.iter().map(row).collect();
    rows.push(json!({ "source": "webhook", "nonsense": true }));
    let mut impossible = rows[0].clone();
    impossible["room"]["id"] = "nl\nid".into();
    rows.push(impossible);
    let token = world.local.secrets().get("ingest");
    loop {
        let sent = world.http.post(world.webhook()).bearer_auth(&token).json(&rows).send().await;
        if let Ok(answer) = sent
            && answer.status().is_success()
            && let Ok(answer) = answer.json::<Value>().await
        {
            let count = |key: &str| usize::try_from(answer[key].as_u64().unwrap_or_default());
            let known = count("accepted")? + count("duplicates")?;
            ensure!(known == post.len(), "{known} of {} rows were taken: {answer}", post.len());
            ensure!(
                answer["rejected"].as_array().is_some_and(|bad| bad.len() == 2),
                "the bad rows: {answer}"
            );
            performed.accepted.fetch_add(post.len(), Ordering::Relaxed);
            performed.answers.fetch_add(known, Ordering::Relaxed);
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Does it, if there is something to do it to.
pub async fn action(world: Arc<World>, performed: Arc<Performed>, action: PersonAction) -> Result<()> {
    match action {
        PersonAction::Tick(row) => {
            let rows = sheet(&world, &world.config.vika.sheets.today).await?;
            let waiting: Vec<&Value> = rows.iter().filter(|row| row["等待状态"] == "等待中").collect();
            if let Some(row) = waiting.get(row % waiting.len().max(1)) {
                let today = &world.config.vika.sheets.today;
                edit(&world, &performed, today, row, json!({ "消除未回覆记录": true })).await?;
            }
        }
        PersonAction::Assign { row, owner, stage, approved } => {
            let rows = sheet(&world, &world.config.vika.sheets.all_rooms).await?;
            if let Some(row) = rows.get(row % rows.len().max(1)) {
                let fields = json!({ "负责人": owner, "群聊阶段": stage, "核准进入售后阶段": approved });
                edit(&world, &performed, &world.config.vika.sheets.all_rooms, row, fields).await?;
            }
        }
        PersonAction::Mark { row, not_timed, grade } => {
            let rows = sheet(&world, &world.config.vika.sheets.all_rooms).await?;
            if let Some(row) = rows.get(row % rows.len().max(1)) {
                let fields = json!({ "不计时": not_timed, "客户等级": grade });
                edit(&world, &performed, &world.config.vika.sheets.all_rooms, row, fields).await?;
            }
        }
        PersonAction::Rename { column } => {
            let (sheet, name) = RENAMED[column];
            let order = json!({ "action": "rename", "to": format!("{name}{RENAMED_TO}") });
            change_column(&world, id_of(&world, sheet), name, order).await?;
        }
        PersonAction::DeleteColumn { column } => {
            let (sheet, name) = DELETED[column];
            change_column(&world, id_of(&world, sheet), name, json!({ "action": "delete" })).await?;
        }
        PersonAction::DeleteRow { sheet: managed, row } => {
            let id = id_of(&world, managed);
            let rows = sheet(&world, id).await?;
            if let Some(row) = rows.get(row % rows.len().max(1)) {
                delete(&world, id, row).await?;
            }
        }
        PersonAction::CopyRow { sheet: managed, row } => {
            let id = id_of(&world, managed);
            let rows = sheet(&world, id).await?;
            if let Some(row) = rows.get(row % rows.len().max(1)) {
                copy(&world, id, row).await?;
            }
        }
        PersonAction::Press { card, person, replica } => {
            press(&world, &performed, card, person, replica).await?;
        }
    }
    Ok(())
}

/// What managers write behind the name of a column that they rename.
const RENAMED_TO: &str = "（改）";

fn id_of(world: &World, sheet: ManagedSheet) -> &str {
    match sheet {
        ManagedSheet::Today => &world.config.vika.sheets.today,
        ManagedSheet::AllRooms => &world.config.vika.sheets.all_rooms,
    }
}

/// A sheet as the simulator shows it.
async fn shown(world: &World, id: &str) -> Result<Value> {
    let shown: Value = world.http.get(format!("{}/_sim/sheets", world.vika.url)).send().await?.json().await?;
    let sheets = shown["sheets"].as_array().context("sheets")?;
    sheets.iter().find(|sheet| sheet["id"] == id).cloned().context("the sheet")
}

fn columns(sheet: &Value) -> Vec<&str> {
    sheet["columns"].as_array().into_iter().flatten().filter_map(|c| c["name"].as_str()).collect()
}

/// Somebody else may have done it already.
async fn change_column(world: &World, sheet: &str, column: &str, mut order: Value) -> Result<()> {
    if columns(&shown(world, sheet).await?).contains(&column) {
        order["sheet"] = json!(sheet);
        order["column"] = json!(column);
        world.http.post(format!("{}/_sim/columns", world.vika.url)).json(&order).send().await?;
    }
    Ok(())
}

/// The rows of a sheet as a person sees them, with their ids; columns by the names that they had first.
pub async fn sheet(world: &World, id: &str) -> Result<Vec<Value>> {
    let sheet = shown(world, id).await?;
    let columns: Vec<&str> =
        columns(&sheet).into_iter().map(|name| name.trim_end_matches(RENAMED_TO)).collect();
    let row = |row: &Value| {
        let mut named = json!({ "recordId": row["recordId"] });
        for (name, cell) in columns.iter().zip(row["cells"].as_array().into_iter().flatten()) {
            named[*name] = cell.clone();
        }
        for (name, value) in row["values"].as_object().into_iter().flatten() {
            named[format!("={name}")] = value.clone();
        }
        named
    };
    Ok(sheet["rows"].as_array().into_iter().flatten().map(row).collect())
}

/// Cells by the names that columns have now.
async fn by_names_of_now(world: &World, sheet: &str, cells: &Value) -> Result<Value> {
    let sheet = shown(world, sheet).await?;
    let names = columns(&sheet);
    let renamed = |name: &str| names.iter().find(|now| now.trim_end_matches(RENAMED_TO) == name).copied();
    let cells = cells.as_object().into_iter().flatten();
    Ok(cells.map(|(name, cell)| (renamed(name).unwrap_or(name).to_owned(), cell.clone())).collect())
}

async fn delete(world: &World, sheet: &str, row: &Value) -> Result<()> {
    let record = row["recordId"].as_str().unwrap_or_default();
    let url = format!("{}/fusion/v1/datasheets/{sheet}/records?recordIds={record}", world.vika.url);
    let token = vika_token(&world.local, "manager");
    world.http.delete(&url).bearer_auth(token).send().await?;
    Ok(())
}

/// A copy of what identifies a row; what else stands in it matters no more.
async fn copy(world: &World, sheet: &str, row: &Value) -> Result<()> {
    let url = format!("{}/fusion/v1/datasheets/{sheet}/records?fieldKey=name", world.vika.url);
    let cells = json!({ "群ID": row["群ID"], "群聊名": row["群聊名"], "完整群聊名": row["完整群聊名"] });
    let fields = by_names_of_now(world, sheet, &cells).await?;
    let body = json!({ "fieldKey": "name", "records": [{ "fields": fields }] });
    let token = vika_token(&world.local, "manager");
    world.http.post(&url).bearer_auth(token).json(&body).send().await?;
    Ok(())
}

async fn edit(world: &World, performed: &Performed, sheet: &str, row: &Value, fields: Value) -> Result<()> {
    let fields = by_names_of_now(world, sheet, &fields).await?;
    let url = format!("{}/fusion/v1/datasheets/{sheet}/records?fieldKey=name", world.vika.url);
    let body = json!({ "fieldKey": "name", "records": [{ "recordId": row["recordId"], "fields": fields }] });
    let token = vika_token(&world.local, "manager");
    let answer: Value = world.http.patch(&url).bearer_auth(token).json(&body).send().await?.json().await?;
    // Somebody may have deleted the row meanwhile, and a month that is used up is so for everybody.
    let code = answer["code"].as_u64().unwrap_or_default();
    ensure!(matches!(code, 200 | 400 | 403 | 429), "Vika refuses a manager's edit: {answer}");
    performed.edits.fetch_add(usize::from(answer["code"] == 200), Ordering::Relaxed);
    Ok(())
}

/// Every message in Feishu's chats, oldest first.
pub async fn cards(world: &World) -> Result<Vec<Value>> {
    let url = format!("{}/_sim/messages", world.feishu.url);
    let shown: Value = world.http.get(url).send().await?.json().await?;
    Ok(shown["messages"].as_array().cloned().unwrap_or_default())
}

/// The first button of a card; `None`: it has none.
pub fn button(message: &Value) -> Option<Pressed> {
    let elements = message["card"]["body"]["elements"].as_array()?;
    elements.iter().find_map(|element| {
        let value = &element["behaviors"][0]["value"];
        Some(Pressed { uuid: value["k"].as_str()?.to_owned(), act: value["act"].as_str()?.to_owned() })
    })
}

async fn press(
    world: &World,
    performed: &Performed,
    card: usize,
    person: usize,
    replica: usize,
) -> Result<()> {
    let cards = cards(world).await?;
    let open: Vec<&Value> = cards.iter().filter(|card| button(card).is_some()).collect();
    let Some(card) = open.get(card % open.len().max(1)) else { return Ok(()) };
    let base = world.feishu.url.clone();
    let callback = json!({ "url": format!("http://{}/feishu/callback", world.callbacks[replica]) });
    world.http.post(format!("{base}/_sim/callback")).json(&callback).send().await?;
    let click = json!({ "message_id": card["message_id"], "open_id": STAFF[person].2, "button": 0 });
    let answer = world.http.post(format!("{base}/_sim/click")).json(&click).send().await;
    let Ok(answer) = answer else { return Ok(()) };
    let answer: Value = answer.json().await.unwrap_or_default();
    if answer["answer"]["toast"]["type"] == "success" {
        performed.pressed.lock().unwrap_or_else(PoisonError::into_inner).extend(button(card));
    }
    Ok(())
}
