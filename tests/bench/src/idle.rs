//! What quiet rooms cost: the CPU and the rows read by all services, Postgres and the bus while nothing is said. The
//! services are processes of their own, as in production; the simulators of Vika and Feishu run in this one and are not
//! counted.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use chrono::TimeDelta;
use events::chat::{ChatMessage, SenderRef};
use huiyin::local::SERVICES;
use runtime::Clock;
use runtime::bus::{Bus, Outgoing};
use serde_json::{Map, Value, json};
use simulators::{feishu, vika};
use store::sqlx::{self, PgPool};

use crate::company::{self, Addresses, vika_token};
use crate::copies::copy;
use crate::load;
use crate::private::{self, Private};
use crate::service::Service;

/// Rooms that are folded and mirrored; the others are copies of them.
const MADE: usize = 500;
/// What each of them said: a question and its answer.
const SAID: usize = 2;
/// In every fifth room of the load a customer speaks first.
const CUSTOMERS: usize = 5;
/// How long making them may take.
const PATIENCE: Duration = Duration::from_mins(5);
/// After a start rooms are looked through: by `room-state` for a minute, by `vika-sync` all of them, and after two minutes
/// it lists the keys of the sheets, for the first time and then not for hours.
const SETTLES: Duration = Duration::from_mins(4);
/// Rows that Vika takes in one call.
const ROWS_AT_ONCE: usize = 10;
/// Clock ticks of a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub async fn measure(rooms: usize, time: Duration) -> Result<Value> {
    let stage = Stage::start().await?;
    eprintln!("· {MADE} rooms are folded and mirrored");
    private::start(&stage.services)?;
    stage.make().await?;
    private::stop(&stage.services).await?;
    let times = rooms.div_ceil(MADE);
    eprintln!("· They become {}", MADE * times);
    stage.multiply(times).await?;
    private::start(&stage.services)?;
    eprintln!("· Everything settles for {} s", SETTLES.as_secs());
    tokio::time::sleep(SETTLES).await;
    stage.check_quiet(MADE * times).await?;
    eprintln!("· It is measured for {} s", time.as_secs());
    let before = stage.used().await?;
    tokio::time::sleep(time).await;
    let after = stage.used().await?;
    stage.check_quiet(MADE * times).await?;
    stage.stop().await?;
    Ok(report(MADE * times, time, &before, &after))
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows and of clock ticks")]
fn report(rooms: usize, time: Duration, before: &Used, after: &Used) -> Value {
    let seconds = time.as_secs_f64();
    let percent = |ticks: u64| (ticks as f64 / TICKS / seconds * 10_000.0).round() / 100.0;
    let spent =
        before.ticks.iter().zip(&after.ticks).map(|((name, b), (_, a))| (*name, a.saturating_sub(*b)));
    let spent: Vec<(&str, u64)> = spent.collect();
    let each: Map<String, Value> =
        spent.iter().map(|(name, ticks)| ((*name).to_owned(), json!(percent(*ticks)))).collect();
    json!({
        "rooms": rooms,
        "seconds": time.as_secs(),
        "percent_of_a_core": each,
        "percent_of_a_core_together": percent(spent.iter().map(|(_, ticks)| ticks).sum()),
        "rows_read_per_minute": ((after.rows - before.rows) as f64 / seconds * 60.0).round(),
    })
}

/// Private servers, simulators, and the services as processes.
struct Stage {
    private: Private,
    vika: vika::Running,
    feishu: feishu::Running,
    addresses: Addresses,
    services: Vec<Service>,
}

impl Stage {
    /// Services are not started yet.
    async fn start() -> Result<Self> {
        let private = Private::start(2).await?;
        let (clock, nowhere) = (Clock::system(), Addresses::nowhere()?);
        let local = &private.local;
        let vika = vika::start(company::vika_config(local, &clock, 100)).await?;
        let feishu = feishu::start(company::feishu_config(local, &clock, nowhere.callback)?).await?;
        let sheets = company::create_sheets(&vika.url, local, &clock).await?;
        let addresses = Addresses { vika: vika.url.clone(), feishu: feishu.url.clone(), sheets, ..nowhere };
        let mut config = company::configuration(local, &addresses)?;
        // Those of a day or a week would go out if their time came meanwhile.
        config["rules"]["figure_cards"] = json!({ "day": null, "week": null });
        let now = clock.now();
        private.go_live(&config, now - TimeDelta::days(30), now - TimeDelta::days(20)).await?;
        let names: Vec<&'static str> = SERVICES.iter().map(|(role, _)| role.service()).collect();
        let services = private.services(&names, &config, now)?;
        Ok(Self { private, vika, feishu, addresses, services })
    }

    /// Rooms are talked in, folded and mirrored.
    async fn make(&self) -> Result<()> {
        let bus = Bus::connect(&self.private.local.bus_superuser(), "bench").await?;
        let outgoing = (0..MADE * SAID).map(said).collect::<Result<Vec<_>>>()?;
        for answer in bus.publish_all(&outgoing).await {
            answer?;
        }
        let end = Instant::now() + PATIENCE;
        while !self.is_mirrored().await? {
            ensure!(Instant::now() < end, "the rooms were not folded and mirrored in time");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// All rooms are counted, in both mirrors, and at rest: rows that stand in a sheet were read back.
    async fn is_mirrored(&self) -> Result<bool> {
        let (rooms, mirrored, observed, counted): (i64, i64, i64, i64) = sqlx::query_as(
            "select (select count(*) from rooms where version > 0),
                    (select count(*) from rooms join vika_sync_rows using (room, version)
                     where record is null or audited_at is not null),
                    (select count(*) from rooms join alert_rooms using (room, version)),
                    (select count(*) from rooms join performance_rooms using (room, version))",
        )
        .fetch_one(&self.private.admin)
        .await?;
        let made = i64::try_from(MADE)?;
        Ok((rooms, mirrored, observed, counted) == (made, 2 * made, made, made))
    }

    /// Copies of every room, with all that is known of it, so that there are so many of each.
    async fn multiply(&self, times: usize) -> Result<()> {
        let sheet = self.addresses.sheets["all_rooms"].as_str().unwrap_or_default();
        let copied = [
            ("rooms", "room"),
            ("timeline", "entry,room,pos_entry"),
            ("waits", "wait,room"),
            ("alert_rooms", "room"),
            ("vika_sync_rows", "room,record"),
            ("performance_rooms", "room"),
            ("performance_waits", "wait,room"),
            ("performance_days", "room"),
            ("performance_replies", "room"),
            ("performance_messages", "room"),
            ("performance_silences", "room"),
        ];
        for (table, renamed) in copied {
            copy(&self.private.admin, table, renamed, i32::try_from(times)?).await?;
        }
        let key = self.key_column(sheet).await?;
        sqlx::query(
            "update vika_sync_rows set cells = cells || jsonb_build_object($1::text, room) where sheet = $2",
        )
        .bind(&key)
        .bind(sheet)
        .execute(&self.private.admin)
        .await?;
        self.create_rows(sheet).await?;
        sqlx::query("vacuum (analyze, freeze)").execute(&self.private.admin).await?;
        Ok(())
    }

    /// The column of a sheet that holds the room.
    async fn key_column(&self, sheet: &str) -> Result<String> {
        Ok(sqlx::query_scalar(
            "select cell.key from vika_sync_rows mirror, jsonb_each(mirror.cells) as cell
             where mirror.sheet = $1 and cell.value = to_jsonb(split_part(mirror.room, '#', 1)) limit 1",
        )
        .bind(sheet)
        .fetch_one(&self.private.admin)
        .await?)
    }

    /// The copies' rows in the simulator, which gives them their ids.
    async fn create_rows(&self, sheet: &str) -> Result<()> {
        let http = runtime::http::client()?;
        let settings = json!({ "rate_limit": 0, "row_limit": 10_000_000 });
        let url = format!("{}/_sim/settings", self.vika.url);
        http.post(url).json(&settings).send().await?.error_for_status()?;
        let missing: Vec<(String, Value)> = sqlx::query_as(
            "select room, cells from vika_sync_rows where sheet = $1 and room like '%#%' order by room",
        )
        .bind(sheet)
        .fetch_all(&self.private.admin)
        .await?;
        let url = format!("{}/fusion/v1/datasheets/{sheet}/records?fieldKey=id", self.vika.url);
        let token = vika_token(&self.private.local, "sync");
        let (mut rooms, mut records) = (Vec::new(), Vec::new());
        for rows in missing.chunks(ROWS_AT_ONCE) {
            let fields: Vec<Value> = rows.iter().map(|(_, cells)| json!({ "fields": cells })).collect();
            let body = json!({ "records": fields, "fieldKey": "id" });
            let answer: Value = http.post(&url).bearer_auth(&token).json(&body).send().await?.json().await?;
            let made = answer["data"]["records"].as_array().with_context(|| answer.to_string())?;
            records.extend(made.iter().filter_map(|made| made["recordId"].as_str().map(str::to_owned)));
            rooms.extend(rows.iter().map(|(room, _)| room.clone()));
        }
        ensure!(rooms.len() == records.len(), "{} records for {} rooms", records.len(), rooms.len());
        sqlx::query(
            "update vika_sync_rows mirror set record = made.record
             from unnest($1::text[], $2::text[]) as made (room, record)
             where mirror.sheet = $3 and mirror.room = made.room",
        )
        .bind(&rooms)
        .bind(&records)
        .bind(sheet)
        .execute(&self.private.admin)
        .await?;
        Ok(())
    }

    /// Nothing is left to do, nothing was found to be otherwise than the mirrors say, and no service ended.
    async fn check_quiet(&self, rooms: usize) -> Result<()> {
        let (mirrored, drifted, cards): (i64, i64, String) = sqlx::query_as(
            "select (select count(*) from rooms join vika_sync_rows using (room, version)),
                    (select count(*) from vika_sync_rows where refusals > 0 or version < 0),
                    (select coalesce(string_agg(distinct concat_ws(' ', subject_kind, step, state), ', '), '')
                     from notifications where subject_kind <> 'alarm')",
        )
        .fetch_one(&self.private.admin)
        .await?;
        let mirrored = usize::try_from(mirrored)?;
        ensure!(mirrored == 2 * rooms, "{mirrored} rows are up to date, of {} in both sheets", 2 * rooms);
        ensure!(
            drifted == 0 && cards.is_empty(),
            "{drifted} rows differ, and notifications were made: {cards}"
        );
        private::check(&self.services)
    }

    async fn used(&self) -> Result<Used> {
        let mut ticks: Vec<(&'static str, u64)> = Vec::new();
        for service in &self.services {
            let used = service.pid().and_then(ticks_of).with_context(|| service.replica.clone())?;
            ticks.push((service.name, used));
        }
        ticks.push(("postgres", postgres_ticks(&self.private.admin).await?));
        let nats = self.private.local.stack().nats.pid().await.and_then(ticks_of).context("nats-server")?;
        ticks.push(("nats", nats));
        let rows = sqlx::query_scalar(
            "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_user_tables",
        )
        .fetch_one(&self.private.admin)
        .await?;
        Ok(Used { ticks, rows })
    }

    async fn stop(self) -> Result<()> {
        private::stop(&self.services).await?;
        self.private.stop().await;
        self.vika.stop().await;
        self.feishu.stop().await;
        Ok(())
    }
}

/// A customer's question of three days ago, or its answer.
fn said(n: usize) -> Result<Outgoing> {
    let is_answer = n >= MADE;
    let start = Clock::system().now() - TimeDelta::days(3);
    // Of rooms with these numbers the first to speak is a customer.
    let message = load::message(n % MADE * CUSTOMERS, MADE * CUSTOMERS, start);
    let sent_at = message.sent_at + TimeDelta::minutes(i64::from(is_answer));
    let answerer =
        SenderRef { id: "1688850000000101".into(), coworker: Some(true), ..message.sender.clone() };
    let message = ChatMessage {
        source: "webhook".into(),
        id: format!("m-{n}"),
        sender: if is_answer { answerer } else { message.sender },
        sent_at,
        received_at: sent_at,
        text: if is_answer {
            "已经发出了，单号在群文件里"
        } else {
            "请问什么时候能发货？"
        }
        .into(),
        ..message
    };
    company::outgoing(&message)
}

/// What was used since everything started.
struct Used {
    /// Clock ticks, by whom.
    ticks: Vec<(&'static str, u64)>,
    rows: i64,
}

/// Of Postgres with all processes that it started; what ended is counted with the first.
async fn postgres_ticks(db: &PgPool) -> Result<u64> {
    let first: String = sqlx::query_scalar("select split_part(pg_read_file('postmaster.pid'), chr(10), 1)")
        .fetch_one(db)
        .await?;
    let mut pids: Vec<i32> = sqlx::query_scalar("select pid from pg_stat_activity").fetch_all(db).await?;
    pids.push(first.trim().parse()?);
    Ok(pids.iter().filter_map(|pid| ticks_of(pid.cast_unsigned())).sum())
}

/// Of a process and of its children that have ended.
fn ticks_of(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    fields.get(11..15)?.iter().map(|field| field.parse::<u64>().ok()).sum()
}
