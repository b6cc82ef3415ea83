//! Sent cards that are to show something else: what is wanted is compared with what is shown.

use domain::Timestamp;
use domain::id::WaitId;
use serde_json::Value;
use sqlx::PgConnection;

use super::cards::SubjectKind;

/// A card whose state has to be looked at.
#[derive(Debug, Clone)]
pub struct Made {
    pub id: i64,
    /// Its room, in text form.
    pub room: String,
    /// What it is about.
    pub subject_kind: SubjectKind,
    /// The wait that it was made for; for a departure, the entry that says so.
    pub wait: WaitId,
    /// The chat that gets it.
    pub chat: String,
    /// Where it stands among the cards of its wait in its chat.
    pub rank: Rank,
    /// It surely stands in its chat, as a card.
    pub stands: bool,
    /// It is there for nothing but to ask for an owner.
    pub only_asks: bool,
}

/// The order of the cards of one wait in one chat: by threshold, an ask for an owner before the rung, and what was made
/// later after what was made before (two waits that became one have a card of the same rung each).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    threshold_seconds: i64,
    of_a_rung: bool,
    id: i64,
}

/// The cards of these rooms (keys in text form) that were made since a moment.
pub async fn cards_of(
    connection: &mut PgConnection,
    rooms: &[String],
    since: Timestamp,
) -> Result<Vec<Made>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, room, about, wait, chat, threshold_seconds, rung ~ '^[0-9]+$' as "of_a_rung!",
               state = 'sent' and form <> 'plain_text' as "stands!", ask_day is not null as "asks!"
        from alert_cards
        where room = any ($1) and created_at >= $2
        order by id
        "#,
        rooms,
        since,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let subject_kind = SubjectKind::parse(&row.about);
            let rank =
                Rank { threshold_seconds: row.threshold_seconds, of_a_rung: row.of_a_rung, id: row.id };
            let (wait, chat, stands) = (WaitId(row.wait), row.chat, row.stands);
            let only_asks = row.asks && !row.of_a_rung;
            Made { id: row.id, room: row.room, subject_kind, wait, chat, rank, stands, only_asks }
        })
        .collect())
}

/// What a card is to show, by the wait that it follows.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub id: i64,
    /// The wait whose state it shows.
    pub follows: WaitId,
    pub wanted: Value,
}

/// Stores what cards are to show; cards for which nothing differs are not written.
pub async fn want(
    connection: &mut PgConnection,
    wanted: &[Wanted],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let ids: Vec<i64> = wanted.iter().map(|wanted| wanted.id).collect();
    let follows: Vec<&str> = wanted.iter().map(|wanted| wanted.follows.as_str()).collect();
    let states: Vec<&Value> = wanted.iter().map(|wanted| &wanted.wanted).collect();
    sqlx::query!(
        r#"
        update alert_cards
        set follows = new.follows, wanted = new.wanted, change_attempts = 0, next_change_at = $4
        from unnest($1::bigint[], $2::text[], $3::jsonb[]) as new (id, follows, wanted)
        where alert_cards.id = new.id
          and (alert_cards.follows, alert_cards.wanted) is distinct from (new.follows, new.wanted)
        "#,
        &ids,
        &follows as _,
        &states as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the cards of a wait in the chat of card `id` are to show that this one, which was just sent, overtakes. Called
/// under the lock of the card's room, or whoever reads the room's cards meanwhile writes back what they showed before.
pub async fn overtake(
    connection: &mut PgConnection,
    id: i64,
    wanted: &Value,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update alert_cards lower set wanted = $2, change_attempts = 0, next_change_at = $3
        from alert_cards higher
        where higher.id = $1 and higher.about = 'wait' and higher.alarm is null and higher.state = 'sent'
          and higher.form <> 'plain_text'
          and lower.follows = higher.follows and lower.chat = higher.chat and lower.about = 'wait' and lower.alarm is null
          and (lower.threshold_seconds, lower.rung ~ '^[0-9]+$', lower.id)
              < (higher.threshold_seconds, higher.rung ~ '^[0-9]+$', higher.id)
          and lower.wanted is distinct from $2
        "#,
        id,
        wanted,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Takes the button 撤销 away from closed cards once its time is over.
pub async fn end_undo(connection: &mut PgConnection, now: Timestamp) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        r#"
        update alert_cards set wanted = wanted - 'undo_until', change_attempts = 0, next_change_at = $1
        where id in (select id from alert_cards
                     where wanted -> 'undo_until' is not null and (wanted ->> 'undo_until')::timestamptz <= $1
                     order by id
                     for update skip locked)
        "#,
        now,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected())
}

/// Locks the sent card of a chat that is to be changed next.
pub async fn lock_next(
    connection: &mut PgConnection,
    chat: &str,
    now: Timestamp,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select id from alert_cards
        where chat = $1 and state = 'sent' and changeable and wanted is distinct from shown and next_change_at <= $2
        order by id
        limit 1
        for update
        "#,
        chat,
        now,
    )
    .fetch_optional(connection)
    .await
}

/// Notes a change before it is made: until its outcome is recorded nobody knows what the card shows, so that it is
/// changed again whatever is wanted by then.
pub async fn mark_changing(connection: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query!("update alert_cards set shown = null where id = $1", id).execute(connection).await?;
    Ok(())
}

/// Records what a card shows now. `seen_up_to`: the last entry of the room that its reader sees; `None`: it shows none, and
/// what was seen before counts.
pub async fn mark_shown(
    connection: &mut PgConnection,
    id: i64,
    shown: &Value,
    seen_up_to: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update alert_cards set shown = $2, through = coalesce($3, through), change_attempts = 0 where id = $1
        "#,
        id,
        shown,
        seen_up_to,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Defers a change; `form` is the one that the card is to have from now on, `None` the one it has.
pub async fn defer(
    connection: &mut PgConnection,
    id: i64,
    form: Option<&str>,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update alert_cards
        set change_attempts = change_attempts + 1, form = coalesce($2, form), next_change_at = $3
        where id = $1
        "#,
        id,
        form,
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives up on changing a card.
pub async fn give_up(connection: &mut PgConnection, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query!("update alert_cards set changeable = false where id = $1", id).execute(connection).await?;
    Ok(())
}
