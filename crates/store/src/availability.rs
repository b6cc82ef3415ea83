//! Who is not to be disturbed, and who is away: what people asked for, never changed. Of each person and kind the last
//! counts, until it ends. Appended to by `feishu-alerter` for buttons, and by the operator's command.

use domain::Timestamp;
use domain::id::StaffName;
use sqlx::PgConnection;
use strum::{Display, EnumString};

use crate::rooms::parse;

/// What somebody is asked to be left alone for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// 专注: their private cards wait.
    Focus,
    /// 休假: a deputy gets their private cards.
    Absence,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAsked {
    pub person: StaffName,
    pub kind: Kind,
    /// Who gets their cards meanwhile; of an absence alone.
    pub deputy: Option<StaffName>,
    /// Who asks, as shown to people.
    pub by: String,
    /// What ends at once ends what was asked for before.
    pub until: Timestamp,
}

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its number; rises.
    pub id: i64,
    pub person: StaffName,
    pub kind: Kind,
    /// Who gets their cards meanwhile; of an absence alone.
    pub deputy: Option<StaffName>,
    /// Who asked, as shown to people.
    pub by: String,
    pub until: Timestamp,
}

/// Notes it; what was asked for before, for this person and of this kind, does not count any more.
pub async fn ask(connection: &mut PgConnection, asked: &NewAsked, now: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into availability (person, kind, deputy, by, at, until) values ($1, $2, $3, $4, $5, $6)",
        asked.person.as_str(),
        asked.kind.to_string(),
        asked.deputy.as_ref().map(StaffName::as_str),
        asked.by,
        now,
        asked.until,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Everything that counts at a moment, by when it ends.
pub async fn at(connection: &mut PgConnection, now: Timestamp) -> Result<Vec<Asked>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"
        select id, person, kind, deputy, by, until
        from availability asked
        where until > $1
              and not exists (select from availability later
                              where (later.person, later.kind) = (asked.person, asked.kind) and later.id > asked.id)
        order by until, id
        "#,
        now,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Asked {
                id: row.id,
                person: StaffName(row.person),
                kind: parse(&row.kind, "kind")?,
                deputy: row.deputy.map(StaffName),
                by: row.by,
                until: row.until,
            })
        })
        .collect()
}

/// The number of the last thing that was asked for: while it stays, nothing but time changes what counts.
pub async fn last(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(r#"select coalesce(max(id), 0) as "last!" from availability"#)
        .fetch_one(connection)
        .await
}
