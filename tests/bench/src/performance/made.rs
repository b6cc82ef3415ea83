//! The company's history: some conversations are folded by the real `room-state`, and become as many waits as are wanted,
//! at other times. All of them lie within working hours, so that what is counted of a day can be told in SQL as well.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use runtime::bus::{Bus, Outgoing};
use store::sqlx::{self, AssertSqlSafe, PgPool};

use crate::chaos::plan::STAFF;
use crate::company::{self, Speaker};
use crate::copies::fill;
use crate::service::Service;

/// Conversations that are folded, each of another owner.
const FOLDED: usize = 5;
/// Working days that the past waits of a room are spread over; they begin 50 weeks ago.
const DAYS: i64 = 250;
/// Past waits of a room on one day, at most: they begin every ten minutes, and none lasts longer.
const A_DAY: i64 = 40;
/// More past waits a room cannot have.
pub const MOST_OF_A_ROOM: i64 = DAYS * A_DAY;
/// Nights in which capture was interrupted.
const GAPS: i64 = 350;
/// Rooms whose waits are made by one statement.
const AT_ONCE: usize = 2_000;
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Before the first wait of all.
pub fn beginning(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::days(400)
}

/// 09:30 in the rules' zone (UTC+8) on Monday of last week: all past waits lie before, and all others after.
pub fn monday(now: DateTime<Utc>) -> DateTime<Utc> {
    let there = now + TimeDelta::hours(8);
    let day = there.date_naive() - TimeDelta::days(i64::from(there.weekday().num_days_from_monday()) + 7);
    day.and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::minutes(90)
}

/// The room of a number.
pub fn room(number: usize) -> String {
    format!("webhook:room-{}#{number}", number % FOLDED)
}

/// Has some conversations folded, and keeps them in tables of their own, as the patterns of everything else.
pub async fn fold(db: &PgPool, bus: &Bus, room_state: &Service, now: DateTime<Utc>) -> Result<()> {
    room_state.start()?;
    let said = (0..FOLDED).flat_map(|room| (0..3).map(move |turn| said(room, turn, now)));
    for answer in bus.publish_all(&said.collect::<Result<Vec<_>>>()?).await {
        answer?;
    }
    let end = Instant::now() + PATIENCE;
    let folded = i64::try_from(FOLDED)?;
    let answered = "select count(*) from waits where state = 'answered'";
    while sqlx::query_scalar::<_, i64>(answered).fetch_one(db).await? != folded {
        ensure!(
            Instant::now() < end,
            "{FOLDED} conversations were not folded within {} s",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
    room_state.stop().await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "create schema pattern;
         create table pattern.rooms as
             select *, split_part(room, '-', 2)::int as number from rooms;
         create table pattern.waits as
             select waits.*, number from waits join pattern.rooms on rooms.room = waits.room;
         create table pattern.timeline as
             select timeline.*, number, pos_at = opened_at as asks
             from timeline join pattern.waits on waits.room = timeline.room and pos_at >= opened_at;
         truncate rooms, waits, timeline;
         insert into capture_gaps (gateway, source, account, since, until, reason)
         select 'main', 'webhook', 'main', night, night + interval '10 minutes', 'bench'
         from (select timestamptz '{}' - interval '8 hours' - n * interval '1 day' as night
               from generate_series(1, {GAPS}) n) nights",
        monday(now).to_rfc3339(),
    )))
    .execute(db)
    .await?;
    Ok(())
}

/// A greeting of the room's owner, a customer's question, or the owner's answer.
fn said(room: usize, turn: usize, now: DateTime<Utc>) -> Result<Outgoing> {
    let (contact, name, _) = STAFF.get(room).context("staff")?;
    let ours = turn != 1;
    let speaker = Speaker {
        id: if ours { (*contact).into() } else { format!("customer-{room}") },
        name: if ours { (*name).into() } else { "样例客户".into() },
        ours,
    };
    let text = ["您好，我是您的客户经理", "请问什么时候能发货？", "今天下午就可以发出"][turn];
    let sent_at = now - TimeDelta::hours(2) + TimeDelta::minutes(i64::try_from(turn)?);
    company::outgoing(&company::text(room, format!("m-{room}-{turn}"), speaker, sent_at, text))
}

/// More rooms, each with so many past waits.
pub async fn rooms(db: &PgPool, numbers: Range<usize>, waits: i64, now: DateTime<Utc>) -> Result<()> {
    ensure!(waits <= MOST_OF_A_ROOM, "{waits} waits of a room; expected at most {MOST_OF_A_ROOM}");
    let mut from = numbers.start;
    while from < numbers.end {
        let to = numbers.end.min(from + AT_ONCE);
        some_rooms(db, from..to, waits, now).await?;
        from = to;
    }
    Ok(())
}

async fn some_rooms(db: &PgPool, numbers: Range<usize>, waits: i64, now: DateTime<Utc>) -> Result<()> {
    let Range { start, end } = numbers;
    let room = ("room", "t.room || '#' || n".to_owned());
    let each = format!("generate_series({start}, {end} - 1) n");
    let from = format!("{each} join pattern.rooms t on t.number = n % {FOLDED}");
    fill(db, "rooms", "t", std::slice::from_ref(&room), &from).await?;
    let begins = monday(now).to_rfc3339();
    let when = format!(
        "generate_series(0, {waits} - 1) k,
         lateral (select timestamptz '{begins}' - interval '7 days' * (k % {DAYS} / 5 + 1)
                         + interval '1 day' * (k % {DAYS} % 5) + interval '10 minutes' * (k / {DAYS})
                         + interval '1 second' * (n % 120) as asked,
                         interval '1 second' * (20 + (n * 7 + k * 13) % 400) as lasted) past"
    );
    conversations(db, &room, &each, &when, "n || '.' || k").await
}

/// A question and its answer for each row of `rooms` (`n`) and `when` (`asked`, `lasted`), under names that end as is said.
async fn conversations(
    db: &PgPool,
    room: &(&str, String),
    rooms: &str,
    when: &str,
    name: &str,
) -> Result<()> {
    let value = |column, value: &str| (column, value.to_owned());
    let waits = [
        room.clone(),
        value("wait", &format!("t.wait || '#' || {name}")),
        value("opened_at", "asked"),
        value("last_customer_at", "asked"),
        value("alarm_since", "asked"),
        value("closed_at", "asked + lasted"),
        value("outcome", "jsonb_set(t.outcome, '{at}', to_jsonb(asked + lasted))"),
        value("before", "''"),
    ];
    let joined = |table: &str| format!("{rooms} join pattern.{table} t on t.number = n % {FOLDED}, {when}");
    fill(db, "waits", "t", &waits, &joined("waits")).await?;
    let said_at = "asked + case when t.asks then interval '0' else lasted end";
    let timeline = [
        room.clone(),
        value("entry", &format!("t.entry || '#' || {name}")),
        value("pos_entry", &format!("t.pos_entry || '#' || {name}")),
        value("pos_at", said_at),
        value("received_at", said_at),
    ];
    fill(db, "timeline", "t", &timeline, &joined("timeline")).await
}

/// One more closed wait of a room, later than all before if `change` is; the room's new version comes last. Returns it.
pub async fn one_more(db: &PgPool, number: usize, change: usize) -> Result<i64> {
    let begins = format!(
        "lateral (select p.closed_at + interval '20 seconds' * ({change} + 1) as asked, interval '10 seconds' as lasted
                  from pattern.waits p where p.number = n % {FOLDED}) more"
    );
    let room = ("room", "t.room || '#' || n".to_owned());
    let each = format!("generate_series({number}, {number}) n");
    conversations(db, &room, &each, &begins, &format!("n || '+' || {change}")).await?;
    let sql = format!(
        "update rooms
         set version = version + 1,
             state = jsonb_set(state::jsonb, '{{folded_to,at}}', to_jsonb(asked + lasted))::text
         from {each}, {begins}
         where room = $1 returning version"
    );
    Ok(sqlx::query_scalar(AssertSqlSafe(sql)).bind(self::room(number)).fetch_one(db).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_waits_end_before_whatever_is_said_now_and_begin_after_the_beginning() {
        for (now, expected) in [
            ("2026-11-29T15:59:59Z", "2026-11-16T01:30:00Z"),
            ("2026-11-29T16:00:00Z", "2026-11-23T01:30:00Z"),
            ("2026-11-23T00:00:00Z", "2026-11-16T01:30:00Z"),
        ] {
            let now: DateTime<Utc> = now.parse().unwrap();
            assert_eq!(monday(now), expected.parse::<DateTime<Utc>>().unwrap(), "{now}");
            assert!(monday(now) - TimeDelta::days(DAYS / 5 * 7) > beginning(now), "{now}");
        }
    }
}
