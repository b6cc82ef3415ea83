//! What all rows depend on besides their rooms, as it was taken in last.

use domain::Timestamp;
use domain::gap::Gap;
use domain::golive::Change;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use sqlx::types::Json;

/// What all rows depend on besides their rooms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The newest rules.
    pub rules_version: i64,
    /// Every decision about going live, in the order in which they were made.
    pub golive: Vec<Change>,
    /// Every capture gap.
    pub gaps: Vec<Gap>,
}

/// As it was taken in last, and when the versions of all rooms were compared.
#[derive(Debug, Clone)]
pub struct TakenIn {
    /// By then.
    pub inputs: Inputs,
    /// When.
    pub scanned_at: Timestamp,
}

/// By what is seen, without reading all of it, that there is something new, or that a gap has ended. That somebody changed a
/// row by hand is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// The last decision about going live.
    pub golive: i64,
    /// The last gap.
    pub gap: i64,
    /// The gaps that have not ended.
    pub open: Vec<i64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredChange {
    since: Timestamp,
    live: bool,
    noted_at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredGap {
    source: String,
    account: Option<String>,
    since: Timestamp,
    until: Option<Timestamp>,
}

/// What was taken in; `None`: nothing was yet.
pub async fn taken_in(connection: &mut PgConnection) -> Result<Option<TakenIn>, sqlx::Error> {
    let row = sqlx::query!(
        r#"
        select rules_version, golive as "golive: Json<Vec<StoredChange>>", gaps as "gaps: Json<Vec<StoredGap>>", scanned_at
        from performance_inputs
        "#
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| {
        let change = |StoredChange { since, live, noted_at }| Change { since, live, noted_at };
        let gap = |StoredGap { source, account, since, until }| Gap { source, account, since, until };
        let inputs = Inputs {
            rules_version: row.rules_version,
            golive: row.golive.0.into_iter().map(change).collect(),
            gaps: row.gaps.0.into_iter().map(gap).collect(),
        };
        TakenIn { inputs, scanned_at: row.scanned_at }
    }))
}

/// As it is now.
pub async fn current(connection: &mut PgConnection) -> Result<Inputs, sqlx::Error> {
    Ok(Inputs {
        rules_version: crate::rules::newest_version(connection).await?,
        golive: crate::golive::decided(connection).await?,
        gaps: crate::ingest::gaps::after(connection, Timestamp::UNIX_EPOCH).await?,
    })
}

/// As it is now, by its marks.
pub async fn marks(connection: &mut PgConnection) -> Result<Marks, sqlx::Error> {
    sqlx::query_as!(
        Marks,
        r#"
        select (select coalesce(max(change), 0) from golive) as "golive!",
               (select coalesce(max(id), 0) from capture_gaps) as "gap!",
               array(select id from capture_gaps where until is null order by id) as "open!"
        "#,
    )
    .fetch_one(connection)
    .await
}

/// Notes what is taken in from now on.
pub async fn take_in(
    connection: &mut PgConnection,
    inputs: &Inputs,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let change =
        |change: &Change| StoredChange { since: change.since, live: change.live, noted_at: change.noted_at };
    let gap = |gap: &Gap| StoredGap {
        source: gap.source.clone(),
        account: gap.account.clone(),
        since: gap.since,
        until: gap.until,
    };
    sqlx::query!(
        r#"
        insert into performance_inputs (rules_version, golive, gaps, scanned_at) values ($1, $2, $3, $4)
        on conflict (singleton) do update
        set rules_version = excluded.rules_version, golive = excluded.golive, gaps = excluded.gaps
        "#,
        inputs.rules_version,
        Json(inputs.golive.iter().map(change).collect::<Vec<_>>()) as _,
        Json(inputs.gaps.iter().map(gap).collect::<Vec<_>>()) as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes that the versions of all rooms were compared.
pub async fn scanned(connection: &mut PgConnection, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!("update performance_inputs set scanned_at = $1", now).execute(connection).await?;
    Ok(())
}
