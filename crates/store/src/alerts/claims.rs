//! A replica works on whole addresses, so that order and rate of each hold. A claim is a lease: a replica that died loses
//! it. Should two ever hold one, the committed attempt and the delivery key keep it harmless.

use domain::Timestamp;
use sqlx::PgConnection;

use super::notifications::Address;

/// Claims addresses of these channels in which something can be done, at most `most`: notifications to be changed, those of
/// alarms to be sent, urgent pushes to be made, and, with `sending`, all others to be sent. Those in `busy` are the caller's
/// already.
#[expect(clippy::too_many_arguments, reason = "each is one condition of the one statement")]
pub async fn claim(
    connection: &mut PgConnection,
    holder: &str,
    channels: &[&str],
    busy: &[Address],
    sending: bool,
    until: Timestamp,
    now: Timestamp,
    most: i64,
) -> Result<Vec<Address>, sqlx::Error> {
    let (busy_channels, busy_addresses): (Vec<&str>, Vec<&str>) =
        busy.iter().map(|to| (to.channel.as_str(), to.address.as_str())).unzip();
    sqlx::query_as!(
        Address,
        r#"
        with ready as (
            select channel, address from notifications
            where ($4 or subject_kind = 'alarm') and state in ('pending', 'sending') and next_attempt_at <= $6
            union
            select channel, address from notifications
            where urgent = 'wanted' and state = 'sent' and next_urgent_at <= $6
            union
            select channel, address from notifications
            where state = 'sent' and changeable and wanted is distinct from shown and next_change_at <= $6
        ), free as (
            select channel, address from ready
            where channel = any ($8)
              and (channel, address) not in (select * from unnest($2::text[], $3::text[]))
              and not exists (select from alert_claims held
                              where held.channel = ready.channel and held.address = ready.address
                                    and held.until >= $6 and held.holder <> $1)
            order by channel, address
            limit $7
        )
        insert into alert_claims (channel, address, holder, until)
        select channel, address, $1, $5 from free
        on conflict (channel, address) do update set holder = excluded.holder, until = excluded.until
        where alert_claims.until < $6 or alert_claims.holder = excluded.holder
        returning channel, address
        "#,
        holder,
        &busy_channels as _,
        &busy_addresses as _,
        sending,
        until,
        now,
        most,
        channels as _,
    )
    .fetch_all(connection)
    .await
}

/// Keeps a claim for longer. `false`: it is somebody else's now.
pub async fn renew(
    connection: &mut PgConnection,
    to: &Address,
    holder: &str,
    until: Timestamp,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!(
        "update alert_claims set until = $4 where channel = $1 and address = $2 and holder = $3",
        to.channel,
        to.address,
        holder,
        until,
    )
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives a claim back.
pub async fn release(connection: &mut PgConnection, to: &Address, holder: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from alert_claims where channel = $1 and address = $2 and holder = $3",
        to.channel,
        to.address,
        holder,
    )
    .execute(connection)
    .await?;
    Ok(())
}
