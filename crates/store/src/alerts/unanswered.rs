//! Who waits although every card of theirs has gone out.

use domain::Timestamp;
use domain::rules::Stage;
use serde::Deserialize;
use sqlx::PgConnection;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    pub opened_at: Timestamp,
    pub customer: String,
    /// The room's name; empty when unknown.
    pub topic: String,
    /// The room's owner, if there is one.
    pub owner: Option<String>,
    /// The room's stage, by whose calendar it has waited.
    pub stage: Stage,
}

/// Of those for whom the last card was due at or before a moment: those who have waited longest, at most `most`, and how
/// many there are in all. Nobody of imported history, and nobody in
/// an excluded room: no card was ever due for them.
pub async fn list(
    connection: &mut PgConnection,
    ended_by: Timestamp,
    most: i64,
) -> Result<(Vec<Unanswered>, i64), sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select waits.opened_at, waits.customer_name, rooms.topic, rooms.state,
               count(*) over () as "total!"
        from alert_schedule schedule
             join waits using (wait)
             join rooms on rooms.room = waits.room
             -- A new owner's card of a rung is due later than the rung was.
             cross join lateral (
                 select max(due_at) as at
                 from (select min(due_at) as due_at from notifications card
                       where card.follows = waits.wait and card.state <> 'obsolete' and card.of_a_rung
                       group by card.step) as rungs
             ) as last_rung
        where schedule.next_due_at is null and waits.state = 'open' and waits.replaced_by is null
              and waits.alarm_since is not null and rooms.excluded_since is null
              and coalesce(last_rung.at, waits.opened_at) <= $2
        order by waits.opened_at, waits.wait
        limit $1
        "#,
        most,
        ended_by,
    )
    .fetch_all(connection)
    .await?;
    let total = rows.first().map_or(0, |row| row.total);
    let listed = rows.into_iter().map(|row| {
        let State { owner, stage } = row.state.as_deref().map(state).unwrap_or_default();
        Unanswered { opened_at: row.opened_at, customer: row.customer_name, topic: row.topic, owner, stage }
    });
    Ok((listed.collect(), total))
}

/// What a list takes of a room's state.
#[derive(Default, Deserialize)]
struct State {
    owner: Option<String>,
    #[serde(default)]
    stage: Stage,
}

/// One that cannot be read names nobody, and stops no list.
fn state(text: &str) -> State {
    serde_json::from_str(text).unwrap_or_default()
}
