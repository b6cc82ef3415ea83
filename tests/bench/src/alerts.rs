//! What it costs the alerter to decide a hundred cards when a thousand and when a million customers wait, and how late its
//! cards are. `room-state` and the alerter are processes of their own; Feishu's simulator runs in this one.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::TimeDelta;
use runtime::Clock;
use runtime::bus::{Bus, Outgoing};
use serde_json::{Value, json};
use simulators::feishu;
use store::sqlx;

use crate::chaos::plan::STAFF;
use crate::company::{self, Addresses, Speaker};
use crate::copies::copy;
use crate::private::{self, Private};
use crate::service::Service;

/// Rooms that are really talked in, each with a customer who waits; the others are copies of them.
const MADE: usize = 1_000;
/// Open waits: few, those at which lateness is measured, and many.
const OPEN: [usize; 3] = [MADE, 100_000, 1_000_000];
/// Cards that one tick decides.
const DUE: i64 = 100;
/// Ticks of which the median counts.
const TICKS: usize = 5;
/// Cards whose lateness is measured, and the time over which they are spread.
const LATE: i64 = 300;
const SPREAD: TimeDelta = TimeDelta::seconds(60);
/// From the order to the first card.
const AHEAD: TimeDelta = TimeDelta::seconds(2);
/// The only rung: nothing is due by itself meanwhile.
const RUNG: TimeDelta = TimeDelta::hours(10);
const PATIENCE: Duration = Duration::from_mins(5);

pub async fn measure() -> Result<Value> {
    let mut stage = Stage::start().await?;
    let mut report = json!({ "due": DUE, "tick_ms": {} });
    for (n, open) in OPEN.into_iter().enumerate() {
        stage.grow_to(open).await?;
        eprintln!("· {open} customers wait");
        private::start(&stage.services)?;
        stage.until_ready().await?;
        if n == 1 {
            report["lateness"] = stage.lateness().await?;
            eprintln!("· {}", report["lateness"]);
        } else {
            report["tick_ms"][open.to_string()] = json!(stage.tick().await?);
            eprintln!("· {} ms", report["tick_ms"][open.to_string()]);
        }
        private::stop(&stage.services).await?;
    }
    let ms = |open: usize| report["tick_ms"][open.to_string()].as_f64().unwrap_or(f64::NAN);
    report["ratio"] = json!((ms(OPEN[2]) / ms(OPEN[0]) * 100.0).round() / 100.0);
    stage.stop().await;
    Ok(report)
}

struct Stage {
    private: Private,
    bus: Bus,
    feishu: feishu::Running,
    services: Vec<Service>,
    open: usize,
}

impl Stage {
    async fn start() -> Result<Self> {
        let private = Private::start(2).await?;
        let bus = Bus::connect(&private.local.bus_superuser(), "bench").await?;
        let (clock, nowhere) = (Clock::system(), Addresses::nowhere()?);
        let feishu = feishu::start(company::feishu_config(&private.local, &clock, nowhere.callback)?).await?;
        let addresses = Addresses { feishu: feishu.url.clone(), ..nowhere };
        let mut config = company::configuration(&private.local, &addresses)?;
        let ladder = json!({ "rungs": [{ "after": format!("{}h", RUNG.num_hours()), "colour": "red", "audience": ["owner"] }] });
        config["rules"]["ladders"]["pre_sales"] = ladder.clone();
        config["rules"]["ladders"]["after_sales"] = ladder;
        let now = clock.now();
        private.go_live(&config, now - TimeDelta::days(30), now - TimeDelta::days(20)).await?;
        let services = private.services(&["room-state", "feishu-alerter"], &config, now)?;
        let stage = Self { private, bus, feishu, services, open: MADE };
        stage.make().await?;
        Ok(stage)
    }

    /// A customer waits in each of the first rooms.
    async fn make(&self) -> Result<()> {
        private::start(&self.services)?;
        let said = (0..MADE).flat_map(|room| [said(room, true), said(room, false)]);
        for answer in self.bus.publish_all(&said.collect::<Result<Vec<_>>>()?).await {
            answer?;
        }
        let all = i64::try_from(MADE)?;
        self.until("every room is planned", "select count(*) from alert_schedule", all).await?;
        private::stop(&self.services).await
    }

    /// Copies until so many wait.
    async fn grow_to(&mut self, open: usize) -> Result<()> {
        let times = open / self.open;
        if times > 1 {
            self.forget_told().await?;
            let copied = [
                ("rooms", "room"),
                ("timeline", "entry,room,pos_entry"),
                ("waits", "wait,room"),
                ("alert_rooms", "room"),
                ("alert_schedule", "wait,room"),
            ];
            for (table, renamed) in copied {
                copy(&self.private.admin, table, renamed, i32::try_from(times)?).await?;
            }
            self.open = open;
        }
        sqlx::query("vacuum (analyze, freeze)").execute(&self.private.admin).await?;
        Ok(())
    }

    /// Nobody was told of any wait yet: a copy of one whose card is due would be due itself.
    async fn forget_told(&self) -> Result<()> {
        sqlx::query("delete from notifications where subject_kind <> 'alarm'")
            .execute(&self.private.admin)
            .await?;
        sqlx::query("update waits set opened_at = now() - interval '1 hour'")
            .execute(&self.private.admin)
            .await?;
        sqlx::query("update alert_schedule set next_due_at = now() + interval '9 hours'")
            .execute(&self.private.admin)
            .await?;
        Ok(())
    }

    /// The alerter has looked at all waits since its start: it decides what is due.
    async fn until_ready(&self) -> Result<()> {
        self.make_due(1, TimeDelta::zero()).await?;
        self.until_sent().await
    }

    /// Milliseconds from the first of a hundred decisions to the last, the median of some ticks.
    async fn tick(&self) -> Result<f64> {
        let mut ticks = Vec::new();
        for _ in 0..TICKS {
            let last: i64 = sqlx::query_scalar("select max(id) from notifications")
                .fetch_one(&self.private.admin)
                .await?;
            self.make_due(DUE, TimeDelta::zero()).await?;
            self.until_sent().await?;
            let (made, ms): (i64, f64) = sqlx::query_as(
                "select count(*), extract(epoch from max(created_at) - min(created_at))::float8 * 1000
                 from notifications where id > $1 and subject_kind = 'wait'",
            )
            .bind(last)
            .fetch_one(&self.private.admin)
            .await?;
            ensure!(made == DUE, "{made} cards were made, not {DUE}");
            ticks.push(ms);
        }
        ticks.sort_by(f64::total_cmp);
        Ok(ticks[TICKS / 2])
    }

    /// Milliseconds from the moment at which a card is due to that at which Feishu has it.
    async fn lateness(&self) -> Result<Value> {
        let last: i64 =
            sqlx::query_scalar("select max(id) from notifications").fetch_one(&self.private.admin).await?;
        self.make_due(LATE, SPREAD).await?;
        self.until_sent().await?;
        let (cards, p50, p99, worst): (i64, f64, f64, f64) = sqlx::query_as(
            "select count(*), percentile_cont(0.5) within group (order by late), \
                    percentile_cont(0.99) within group (order by late), max(late)
             from (select extract(epoch from sent_at - due_at)::float8 * 1000 as late
                   from notifications where id > $1 and subject_kind = 'wait') as cards",
        )
        .bind(last)
        .fetch_one(&self.private.admin)
        .await?;
        ensure!(cards == LATE, "{cards} cards were sent, not {LATE}");
        Ok(
            json!({ "open": self.open, "cards": cards, "p50_ms": p50.round(), "p99_ms": p99.round(), "max_ms": worst.round() }),
        )
    }

    /// Makes some waits due, spread over a time that begins soon.
    async fn make_due(&self, count: i64, spread: TimeDelta) -> Result<()> {
        sqlx::query(
            "with chosen as (
                 select wait, $1 + (row_number() over () - 1) * $2 * interval '1 microsecond' as due
                 from (select wait from alert_schedule where next_due_at > $1 + interval '1 hour' limit $3) as later
             ), opened as (
                 update waits set opened_at = due - $4 * interval '1 second' from chosen where waits.wait = chosen.wait
             )
             update alert_schedule set next_due_at = due from chosen where alert_schedule.wait = chosen.wait",
        )
        .bind(Clock::system().now() + AHEAD)
        .bind(spread.num_microseconds().unwrap_or_default() / count)
        .bind(count)
        .bind(RUNG.num_seconds())
        .execute(&self.private.admin)
        .await?;
        Ok(())
    }

    /// Everything that was made due was sent.
    async fn until_sent(&self) -> Result<()> {
        let unsent =
            "select (select count(*) from alert_schedule where next_due_at < now() + interval '8 hours')
                           + (select count(*) from notifications where state in ('pending', 'sending'))";
        self.until("every card is sent", unsent, 0).await
    }

    async fn until(&self, what: &str, count: &'static str, wanted: i64) -> Result<()> {
        self.private.until(what, count, wanted, PATIENCE).await
    }

    async fn stop(self) {
        self.private.stop().await;
        self.feishu.stop().await;
    }
}

/// A greeting of somebody of ours, which makes the room theirs, or the question of its customer.
fn said(room: usize, greeting: bool) -> Result<Outgoing> {
    let (contact, name, _) = STAFF.get(room % STAFF.len()).context("staff")?;
    let sent_at = Clock::system().now() - TimeDelta::minutes(if greeting { 61 } else { 60 });
    let speaker = Speaker {
        id: if greeting { (*contact).into() } else { format!("customer-{room}") },
        name: if greeting { (*name).into() } else { "样例客户".into() },
        ours: greeting,
    };
    let text = if greeting { "您好，我是您的客户经理" } else { "请问什么时候能发货？" };
    company::outgoing(&company::text(room, format!("m-{room}-{greeting}"), speaker, sent_at, text))
}
