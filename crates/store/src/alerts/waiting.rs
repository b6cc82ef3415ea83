//! Who waits, and whom of them nobody has been shown although it is time: what people watch.

use domain::Timestamp;
use sqlx::PgConnection;

/// Open waits whose highest card that went out is of one rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The rung's threshold in working seconds; `None`: no card has gone out yet.
    pub threshold_seconds: Option<i64>,
    pub waits: i64,
    /// When the oldest of them was opened.
    pub oldest_at: Timestamp,
    /// How many of them are unseen: a card is due and has not gone out, nor has one of a higher rung.
    pub unseen: i64,
    /// Since when the first of these is.
    pub unseen_since: Option<Timestamp>,
}

/// All open waits, by rung.
pub async fn waiting(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Waiting>, sqlx::Error> {
    sqlx::query_as!(
        Waiting,
        r#"
        select threshold_seconds, count(*) as "waits!", min(opened_at) as "oldest_at!",
               count(unseen_since) as "unseen!", min(unseen_since) as unseen_since
        from (
            select opened_at, sent.threshold_seconds,
                   least(
                       (select next_due_at from alert_schedule schedule
                        where schedule.wait = waits.wait and next_due_at <= $1),
                       (select min(due_at) from notifications card
                        where card.follows = waits.wait and card.state in ('pending', 'sending', 'parked', 'failed')
                          and card.threshold_seconds > coalesce(sent.threshold_seconds, -1))
                   ) as unseen_since
            from waits
            cross join lateral (
                select max(threshold_seconds) as threshold_seconds from notifications card
                where card.follows = waits.wait and card.state = 'sent'
            ) as sent
            where waits.state = 'open' and replaced_by is null
        ) as each
        group by threshold_seconds
        order by threshold_seconds nulls first
        "#,
        now,
    )
    .fetch_all(connection)
    .await
}
