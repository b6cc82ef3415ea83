//! People as their source last described them.

use domain::Timestamp;
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
