//! What it costs `performance` to take in one more wait with little and with much history, in all and of the room itself,
//! and to count everything from nothing. The service is a process of its own, so that its memory is too.

mod check;
mod made;

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use chrono::{DateTime, Utc};
use events::room::RoomChanged;
use events::{encode, subject};
use huiyin::local::Local;
use runtime::Clock;
use runtime::bus::{Bus, Outgoing};
use serde_json::{Value, json};
use store::sqlx;

use crate::company::{self, Addresses};
use crate::private::{self, Private};
use crate::service::Service;

/// Past waits of a room.
const OF_A_ROOM: usize = 100;
/// Rooms with a hundredth of all waits each, as far as a room can have so many.
const LONG_ROOMS: usize = 5;
/// The first of them; others have lower numbers.
const LONG: usize = 10_000_000;
/// The parts of the largest history at which is measured.
const PARTS: [usize; 3] = [100, 10, 1];
/// Fewer waits tell nothing.
const FEWEST: usize = 50_000;
/// Changes that are measured, one after the other, after some that are not. Of their times the median counts.
const CHANGES: usize = 30;
const WARM_UP: usize = 5;
/// Rooms that they are spread over, others each time: what else there is of the day is read too.
const CHANGED: usize = 5;
/// So many times as much may a change cost with the larger history.
const LIMIT: f64 = 3.0;
/// Counting may take so long, and so much for each wait.
const PATIENCE: Duration = Duration::from_mins(3);
const OF_A_WAIT: Duration = Duration::from_millis(1);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How exactly the time of a change is measured.
const LOOK_CLOSELY: Duration = Duration::from_millis(1);

/// Prints what it measured. An error, if a change costs more the more was counted before.
pub async fn run(waits: usize) -> Result<()> {
    ensure!(waits >= FEWEST, "--waits {waits}: expected {FEWEST} or more");
    let mut stage = Stage::start().await?;
    let (mut changes, mut rebuilds) = (Vec::new(), Vec::new());
    for (nth, part) in PARTS.into_iter().enumerate() {
        stage.grow_to(waits / part, if part == 1 { waits / 100 } else { 0 }).await?;
        eprintln!("· {} waits are counted", stage.waits);
        rebuilds.push(stage.rebuild().await?);
        eprintln!("· {}", rebuilds[nth]);
        changes.push(stage.changes(OF_A_ROOM, nth * CHANGED).await?);
    }
    changes.push(stage.changes(stage.of_a_long_room, LONG).await?);
    check::counted(&stage.private.admin, stage.waits, stage.now).await?;
    stage.private.stop().await;
    report(&changes, &rebuilds)
}

/// Prints it, and judges it.
fn report(changes: &[Cost], rebuilds: &[Value]) -> Result<()> {
    let rows = |rebuild: &Value| rebuild["rows_read_of_a_wait"].as_f64().unwrap_or(f64::NAN);
    let (ms, read) = changes[0].to(&changes[2]);
    let (ms_of_the_room, read_of_the_room) = changes[2].to(&changes[3]);
    let ratios = [
        ("time of a change, by all waits", ms),
        ("rows read by a change, by all waits", read),
        ("time of a change, by waits of the room", ms_of_the_room),
        ("rows read by a change, by waits of the room", read_of_the_room),
        (
            "rows read for a wait while everything is counted, by all waits",
            rows(&rebuilds[2]) / rows(&rebuilds[1]),
        ),
    ];
    let shown: Value =
        ratios.iter().map(|(what, ratio)| ((*what).to_owned(), json!(round(*ratio)))).collect();
    let changes: Vec<Value> = changes.iter().map(Cost::report).collect();
    println!("{:#}", json!({ "change": changes, "rebuild": rebuilds, "ratios": shown, "limit": LIMIT }));
    // What is no number is above it too.
    match ratios.iter().find(|(_, ratio)| ratio.is_nan() || *ratio > LIMIT) {
        Some((what, ratio)) => {
            bail!("{what}: {ratio:.2} times as much with the larger history; expected at most {LIMIT}")
        }
        None => Ok(()),
    }
}

fn round(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

/// What taking in one more closed wait costs.
struct Cost {
    /// Of all rooms, before.
    waits: usize,
    of_the_room: usize,
    /// From the room's new version to the committed rows; half of them took no longer.
    ms: f64,
    /// Of waits, messages and what is counted of them.
    rows: f64,
}

impl Cost {
    fn report(&self) -> Value {
        json!({
            "waits": self.waits,
            "waits_of_the_room": self.of_the_room,
            "ms": round(self.ms),
            "rows_read": round(self.rows),
        })
    }

    /// How many times as much the other one is.
    fn to(&self, other: &Self) -> (f64, f64) {
        (other.ms / self.ms, other.rows / self.rows)
    }
}

struct Stage {
    private: Private,
    bus: Bus,
    performance: Service,
    /// When it began.
    now: DateTime<Utc>,
    rooms: usize,
    of_a_long_room: usize,
    /// In all rooms.
    waits: usize,
    /// Changes made so far.
    changed: usize,
}

impl Stage {
    async fn start() -> Result<Self> {
        // What the database counts is complete when a connection has ended, or is flushed: by the only one.
        let private = Private::start(1).await?;
        let bus = Bus::connect(&private.local.bus_superuser(), "bench").await?;
        let config = configuration(&private.local)?;
        let now = Clock::system().now();
        let beginning = made::beginning(now);
        private.go_live(&config, beginning, beginning).await?;
        let mut services = private.services(&["performance", "room-state"], &config, now)?;
        eprintln!("· Conversations are folded");
        made::fold(&private.admin, &bus, &services.remove(1), now).await?;
        let performance = services.remove(0);
        let (rooms, of_a_long_room, waits, changed) = (0, 0, 0, 0);
        Ok(Self { private, bus, performance, now, rooms, of_a_long_room, waits, changed })
    }

    /// More rooms until there are so many waits in all, among them rooms with a long history of their own.
    async fn grow_to(&mut self, waits: usize, of_a_long_room: usize) -> Result<()> {
        eprintln!("· {waits} waits are made");
        let most = usize::try_from(made::MOST_OF_A_ROOM)?;
        self.of_a_long_room = of_a_long_room.min(most);
        if self.of_a_long_room > 0 {
            let long = LONG..LONG + LONG_ROOMS;
            made::rooms(&self.private.admin, long, i64::try_from(self.of_a_long_room)?, self.now).await?;
            self.waits += LONG_ROOMS * self.of_a_long_room;
        }
        let rooms = self.rooms + waits.saturating_sub(self.waits) / OF_A_ROOM;
        made::rooms(&self.private.admin, self.rooms..rooms, i64::try_from(OF_A_ROOM)?, self.now).await?;
        self.waits += (rooms - self.rooms) * OF_A_ROOM;
        self.rooms = rooms;
        self.settle().await
    }

    /// As the database does by itself in a while.
    async fn settle(&self) -> Result<()> {
        sqlx::query("vacuum (analyze)").execute(&self.private.admin).await?;
        Ok(())
    }

    /// Everything is counted from nothing.
    async fn rebuild(&self) -> Result<Value> {
        sqlx::query(
            "truncate performance_inputs, performance_rooms, performance_waits, performance_days, performance_replies,
                      performance_messages, performance_silences",
        )
        .execute(&self.private.admin)
        .await?;
        let (began, before) = (Instant::now(), self.rows().await?);
        self.performance.start()?;
        self.until_scanned(began + PATIENCE + OF_A_WAIT * u32::try_from(self.waits)?).await?;
        let taken = began.elapsed().as_secs_f64();
        let service = self.performance.pid().context("the service")?;
        let backends: Vec<i32> =
            sqlx::query_scalar("select pid from pg_stat_activity where usename = 'performance'")
                .fetch_all(&self.private.admin)
                .await?;
        let backends = backends.iter().filter_map(|pid| crate::peak_memory_mb(pid.cast_unsigned()).ok());
        let mut report = json!({
            "waits": self.waits,
            "rooms": self.rooms + if self.of_a_long_room > 0 { LONG_ROOMS } else { 0 },
            "seconds": round(taken),
            "waits_per_s": per(self.waits, taken).round(),
            "peak_mb": crate::peak_memory_mb(service)?,
            "peak_mb_of_a_backend": backends.max(),
        });
        self.stop_service().await?;
        let rows = self.rows().await? - before;
        report["rows_read_of_a_wait"] = json!(round(per(rows, f64::from(u32::try_from(self.waits)?))));
        check::counted(&self.private.admin, self.waits, self.now).await?;
        self.settle().await?;
        Ok(report)
    }

    /// Takes one more wait of some rooms in, again and again.
    async fn changes(&mut self, of_the_room: usize, first: usize) -> Result<Cost> {
        let began = Instant::now();
        self.performance.start()?;
        self.until_scanned(began + PATIENCE).await?;
        let (waits, before) = (self.waits, self.rows().await?);
        let mut times = Vec::new();
        for change in 0..WARM_UP + CHANGES {
            let taken = self.change(first + change % CHANGED).await?;
            if change >= WARM_UP {
                times.push(taken.as_secs_f64() * 1_000.0);
            }
        }
        self.stop_service().await?;
        let rows = self.rows().await? - before;
        times.sort_by(f64::total_cmp);
        let cost = Cost {
            waits,
            of_the_room,
            ms: times[CHANGES / 2],
            rows: per(rows, f64::from(u32::try_from(WARM_UP + CHANGES)?)),
        };
        eprintln!("· One more of {}", cost.report());
        Ok(cost)
    }

    /// Until one more wait of a room is counted.
    async fn change(&mut self, number: usize) -> Result<Duration> {
        let version = made::one_more(&self.private.admin, number, self.changed).await?;
        (self.changed, self.waits) = (self.changed + 1, self.waits + 1);
        let began = Instant::now();
        let room = made::room(number);
        let changed = RoomChanged { room: room.parse()?, version };
        let wake_up = Outgoing {
            subject: subject::room_changed(&changed.room),
            id: format!("{room}-{version}"),
            payload: encode(&changed)?,
        };
        self.bus.publish(&wake_up).await?;
        let seen = "select version from performance_rooms where room = $1";
        while sqlx::query_scalar::<_, i64>(seen).bind(&room).fetch_one(&self.private.admin).await? != version
        {
            ensure!(began.elapsed() < PATIENCE, "{room} was not counted within {} s", PATIENCE.as_secs());
            tokio::time::sleep(LOOK_CLOSELY).await;
        }
        Ok(began.elapsed())
    }

    /// Rows of waits, of messages and of what is counted of them that were read since everything started: not those of the
    /// rooms, all of which are looked at once a minute.
    async fn rows(&self) -> Result<usize> {
        let rows: i64 = sqlx::query_scalar(
            "select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_user_tables
             where schemaname = 'public'
               and relname in ('waits', 'timeline', 'performance_waits', 'performance_days', 'performance_replies',
                                   'performance_messages', 'performance_silences')",
        )
        .fetch_one(&self.private.admin)
        .await?;
        Ok(usize::try_from(rows)?)
    }

    /// All rooms were looked at since the service was started.
    async fn until_scanned(&self, end: Instant) -> Result<()> {
        let before = Clock::system().now();
        let scanned = "select (select count(*) from performance_rooms) = (select count(*) from rooms)
                              and exists (select from performance_inputs where scanned_at >= $1)";
        while !sqlx::query_scalar::<_, bool>(scanned).bind(before).fetch_one(&self.private.admin).await? {
            ensure!(Instant::now() < end, "the rooms were not counted in time");
            private::check(std::slice::from_ref(&self.performance))?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// What the database counts of a connection is complete when that has ended.
    async fn stop_service(&self) -> Result<()> {
        self.performance.stop().await?;
        let end = Instant::now() + PATIENCE;
        let connected = "select count(*) from pg_stat_activity where usename = 'performance'";
        while sqlx::query_scalar::<_, i64>(connected).fetch_one(&self.private.admin).await? > 0 {
            ensure!(Instant::now() < end, "connections of performance did not end");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        // Of this one too.
        sqlx::query("select pg_stat_force_next_flush()").execute(&self.private.admin).await?;
        sqlx::query("select").execute(&self.private.admin).await?;
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of rows and of waits")]
fn per(count: usize, of: f64) -> f64 {
    count as f64 / of
}

/// The sample company's, whose stages work at the hours in which everything is said.
fn configuration(local: &Local) -> Result<Value> {
    let mut config = company::configuration(local, &Addresses::nowhere()?)?;
    let hours =
        json!({ "hours": ["09:00-18:00"], "public_holidays": false, "days_off": [], "working_days": [] });
    config["rules"]["calendars"] = json!({ "pre_sales": hours, "after_sales": hours });
    Ok(config)
}
