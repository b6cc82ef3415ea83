//! People as their source last described them.

use domain::Timestamp;
use domain::id::PersonKey;
use sqlx::PgConnection;

/// A person as their source describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The person's key, in text form.
    pub person: String,
    /// Display name.
    pub name: String,
    /// 企业名称; empty when unknown.
    pub corporation: String,
    /// A colleague; `None`: the source cannot tell.
    pub coworker: Option<bool>,
}

/// A colleague as the groups know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coworker {
    /// The person's key, in text form.
    pub person: String,
    /// Display name.
    pub name: String,
    /// 企业名称.
    pub corporation: String,
    /// In how many rooms.
    pub rooms: i64,
    /// When they last spoke, or were last described.
    pub last_seen_at: Timestamp,
}

/// Everybody whom a source calls a colleague, or who belongs to one of these companies: as contacts, as members of rooms
/// and as senders of messages. The accounts that capture logs in with, or once did, are nobody. Whoever was seen last
/// comes first.
pub async fn coworkers(
    connection: &mut PgConnection,
    company_names: &[String],
) -> Result<Vec<Coworker>, sqlx::Error> {
    sqlx::query_as!(
        Coworker,
        r#"
        with spoken as (
            select sender as person, room, pos_at as at, fact
            from timeline
            where sender is not null and not is_self
        ),
        latest as (
            select distinct on (person) person, name, corporation, coworker
            from (
                select person, fact ->> 'name' as name, fact ->> 'corporation' as corporation,
                       (fact ->> 'coworker')::boolean as coworker, at, 0 as rank
                from (select distinct on (person) person, fact::jsonb as fact, at from spoken
                      order by person, at desc) as last_spoken
                union all
                select person, name, corporation, coworker, seen_at, 1 from contacts
            ) known
            order by person, rank desc, at desc
        ),
        seen as (
            select person, room, at from spoken
            union all
            select person, room, seen_at from members
            union all
            select person, null, seen_at from contacts
        ),
        ours as (
            select source || ':' || account as person from gateways where account is not null
            union
            select source || ':' || account from capture_gaps where account is not null
            union
            select sender from timeline where is_self and sender is not null
        )
        select latest.person as "person!", coalesce(latest.name, '') as "name!",
               coalesce(latest.corporation, '') as "corporation!",
               count(distinct seen.room) as "rooms!", max(seen.at) as "last_seen_at!"
        from latest join seen on seen.person = latest.person
        where (latest.coworker or latest.corporation = any ($1))
              and latest.person not in (select person from ours where person is not null)
        group by latest.person, latest.name, latest.corporation
        order by max(seen.at) desc, latest.person
        "#,
        company_names,
    )
    .fetch_all(connection)
    .await
}

/// The company that somebody works for, as their source last said; empty: unknown.
pub async fn corporation(connection: &mut PgConnection, person: &PersonKey) -> Result<String, sqlx::Error> {
    let known = sqlx::query_scalar!("select corporation from contacts where person = $1", person.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(known.unwrap_or_default())
}

/// Remembers people; rows that say the same already are not written. `contacts` must not repeat a person.
pub async fn remember_contacts(
    connection: &mut PgConnection,
    contacts: &[Contact],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let people: Vec<&str> = contacts.iter().map(|contact| contact.person.as_str()).collect();
    let names: Vec<&str> = contacts.iter().map(|contact| contact.name.as_str()).collect();
    let corporations: Vec<&str> = contacts.iter().map(|contact| contact.corporation.as_str()).collect();
    let coworkers: Vec<Option<bool>> = contacts.iter().map(|contact| contact.coworker).collect();
    sqlx::query!(
        r#"
        insert into contacts (person, name, corporation, coworker, seen_at)
        select person, name, corporation, coworker, $5
        from unnest($1::text[], $2::text[], $3::text[], $4::boolean[]) as new (person, name, corporation, coworker)
        order by person
        on conflict (person) do update
        set name = excluded.name, corporation = excluded.corporation, coworker = excluded.coworker,
            seen_at = excluded.seen_at
        where (contacts.name, contacts.corporation, contacts.coworker)
              is distinct from (excluded.name, excluded.corporation, excluded.coworker)
        "#,
        &people as _,
        &names as _,
        &corporations as _,
        &coworkers as _,
        now,
    )
    .execute(connection)
    .await?;
    Ok(())
}
