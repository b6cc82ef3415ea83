//! Cards whose readers are left alone for a while.

use domain::Timestamp;
use sqlx::PgConnection;

use super::notifications::Address;

/// Why a card waits that could go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldFor {
    /// Somebody sees to its wait, or its reader put it off.
    Reader,
    /// Its reader is in focus, or told of too much at once: afterwards it may be told with others.
    Digest,
    /// Nobody works before the opening; see [`super::openings`].
    Opening,
}

impl HeldFor {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Digest => "digest",
            Self::Opening => "opening",
        }
    }
}

/// Lets a card wait until then. It was surely not sent, and is made anew when its time has come.
pub async fn hold(
    connection: &mut PgConnection,
    id: i64,
    held_for: HeldFor,
    until: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications
        set state = 'held', held_for = $2, held_until = $3,
            generation = generation + (payload is not null)::int, payload = null, delivery_key = null, seen_up_to = null,
            texts_since = null, form = 'full', attempts = 0, failing_since = null
        where id = $1
        "#,
        id,
        held_for.as_str(),
        until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Has everything looked at again that waits to be told with others: whoever it waits for may not be in focus any more.
pub async fn look_again(
    connection: &mut PgConnection,
    openings_too: bool,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications set held_until = $1
        where id in (select id from notifications
                     where state = 'held' and (held_for = 'digest' or held_for = 'opening' and $2) and held_until > $1
                     order by id
                     for update)
        "#,
        now,
        openings_too,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A card whose time is over.
#[derive(Debug, Clone)]
pub struct Over {
    pub id: i64,
    pub to: Address,
    /// It may be told with others, and its customer still waits.
    pub for_digest: bool,
}

/// Locks the cards whose readers were left alone until now. None while another replica sees to them, or a card of them is
/// being written: they are over a moment later as well.
pub async fn lock_over(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Over>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, channel, address,
               held_for = 'digest' and exists (select from waits
                                      where wait = follows and waits.state = 'open' and replaced_by is null)
                   as "for_digest!"
        from notifications
        where state = 'held' and held_for <> 'opening' and held_until <= $1
              and (select pg_try_advisory_xact_lock(hashtextextended('notifications held', 0)))
        order by id
        for update skip locked
        "#,
        now,
    )
    .fetch_all(connection)
    .await?;
    let over = rows.into_iter().map(|row| Over {
        id: row.id,
        to: Address { channel: row.channel, address: row.address },
        for_digest: row.for_digest,
    });
    Ok(over.collect())
}

/// Lets cards go out.
pub async fn release(connection: &mut PgConnection, ids: &[i64], now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update notifications set state = 'pending', next_attempt_at = $2, held_for = null where id = any ($1)
        "#,
        ids,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
