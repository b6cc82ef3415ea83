//! Who waits although every card of theirs has gone out.

use domain::Timestamp;
use domain::fold::FoldState;
use domain::wait::WaitKind;
use sqlx::PgConnection;

use crate::json::from_text;
use crate::rooms::Line;

#[derive(Debug, Clone)]
pub struct Unanswered {
    pub kind: WaitKind,
    pub opened_at: Timestamp,
    pub customer: String,
    /// The room's name; empty when unknown.
    pub topic: String,
    /// The room as it stands; what cannot be read stops no list.
    pub state: FoldState,
    /// The last lines said there, newest last.
    pub last_lines: Vec<Line>,
}

/// Of those for whom the last card was due at or before a moment: those who have waited longest, at most `most`, and how
/// many there are in all. Nobody of imported history, and nobody in
/// an excluded room: no card was ever due for them. Nobody who only assented: that is the owner's to see alone.
pub async fn list(
    connection: &mut PgConnection,
    ended_by: Timestamp,
    most: i64,
) -> Result<(Vec<Unanswered>, i64), sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select waits.kind, waits.opened_at, waits.customer_name, rooms.topic, rooms.state, rooms.last_lines,
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
              and waits.kind <> 'soft'
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
    let listed = rows.into_iter().map(|row| Unanswered {
        kind: row.kind.parse().unwrap_or_default(),
        opened_at: row.opened_at,
        customer: row.customer_name,
        topic: row.topic,
        state: row.state.and_then(|state| from_text(&state, "state").ok()).unwrap_or_default(),
        last_lines: from_text(&row.last_lines, "last_lines").unwrap_or_default(),
    });
    Ok((listed.collect(), total))
}
