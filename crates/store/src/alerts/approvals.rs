//! Which rooms' way into after-sales awaits a manager's approval.

use domain::Timestamp;
use domain::fold::FoldState;
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgConnection;

use crate::json::from_text;

/// A room for which somebody asked for what managers have to approve.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The room's key in text form.
    pub room: String,
    /// Its name; empty when unknown.
    pub topic: String,
    /// The room as it stands.
    pub state: FoldState,
    /// Who is to own it, as written.
    pub owner: String,
    /// In which stage, as written.
    pub stage: String,
    /// Who asked, as shown to people.
    pub by: String,
    pub at: Timestamp,
}

/// What was wished, as on the bus.
#[derive(Debug, Deserialize)]
struct Wish {
    assign: Assignment,
}

#[derive(Debug, Deserialize)]
struct Assignment {
    owner: String,
    stage: String,
}

/// The rooms whose last assignment was refused with one of these words, whoever asked first in front.
pub async fn asked(
    connection: &mut PgConnection,
    refused_with: &[String],
) -> Result<Vec<Asked>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select last.room as "room!", rooms.topic, rooms.state as "state!", last.wish as "wish!",
               last.by_name as "by!", last.at as "at!"
        from (select distinct on (room) room, wish, by_name, at, decision, message
              from commands
              where kind = 'assign'
              order by room, decided_at desc, at desc) as last
             join rooms on rooms.room = last.room
        where last.decision = 'refused' and last.message = any ($1)
              and rooms.excluded_since is null and rooms.state is not null
        order by last.at, last.room
        "#,
        refused_with,
    )
    .fetch_all(connection)
    .await?;
    let asked = rows.into_iter().filter_map(|row| {
        // What cannot be read stops no list.
        let wish = wish(row.wish)?;
        Some(Asked {
            room: row.room,
            topic: row.topic,
            state: from_text(&row.state, "state").ok()?,
            owner: wish.owner,
            stage: wish.stage,
            by: row.by,
            at: row.at,
        })
    });
    Ok(asked.collect())
}

fn wish(stored: Value) -> Option<Assignment> {
    serde_json::from_value(stored).ok().map(|wish: Wish| wish.assign)
}
