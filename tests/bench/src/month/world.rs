//! The stage: private servers, Vika's simulator with its quota, and three services as processes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, Timelike as _, Utc};
use chrono_tz::Asia::Shanghai;
use huiyin::local::Local;
use runtime::Clock;
use runtime::bus::Bus;
use runtime::clock::Pace;
use serde_json::{Value, json};
use simulators::vika as simulator;
use store::sqlx::PgPool;
use store::sqlx::postgres::PgPoolOptions;
use tempfile::TempDir;
use vika::tables::{AllRooms, Today};
use vika::{Cell, Client, ColumnIds, Pacing, RecordId, SheetId, Token};

use super::plan::{Edit, Plan, Said, is_working_day};
use super::report::{Calls, Samples};
use crate::chaos::plan::STAFF;
use crate::chaos::shorten_ack_wait;
use crate::company::{self, Addresses, SPACE, Speaker, vika_token};
use crate::service::Service;
use local_stack::free_address;

const SERVICES: [&str; 3] = ["room-state", "vika-sync", "vika-reconcile"];
/// What is said meanwhile is published at once.
const PUBLISH_EVERY: Duration = Duration::from_millis(20);
/// Services start meanwhile, by the real clock.
const LEAD: Duration = Duration::from_secs(3);

/// What a run begins with.
pub struct Setting {
    /// What the company's clock shows when the services are there.
    pub begin: DateTime<Utc>,
    /// How many times as quick as the real one it is.
    pub rate: u32,
    /// What the services believe the plan allows.
    pub calls_per_month: u64,
    pub calls_per_second: u32,
}

pub struct World {
    pub clock: Clock,
    local: Local,
    bus: Bus,
    /// As the superuser.
    pub admin: PgPool,
    simulator: simulator::Running,
    pub services: Vec<Service>,
    manager: Client,
    pub today: SheetId,
    pub all_rooms: SheetId,
    http: reqwest::Client,
    folder: TempDir,
}

impl World {
    /// Services are not started yet.
    pub async fn start(setting: &Setting) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("hyv-").tempdir()?;
        let home = folder.path().join("home");
        std::fs::create_dir(&home)?;
        let local = Local::start(&local_stack::testing::settings(home)?, &local_stack::silent).await?;
        let admin = PgPoolOptions::new().max_connections(2).connect_with(local.admin_options()).await?;
        let bus = Bus::connect(&local.bus_superuser(), "bench").await?;
        shorten_ack_wait(&bus, setting.rate).await?;
        // The first day begins when the services are there.
        let lead = TimeDelta::from_std(LEAD * setting.rate)?;
        let pace = Pace {
            began: Clock::system().now(),
            epoch: setting.begin - lead,
            rate: setting.rate,
            leaps: Vec::new(),
        };
        let clock = Clock::paced(pace.clone());
        let simulator = simulator::start(company::vika_config(&local, &clock, setting.rate)).await?;
        let sheets = company::create_sheets(&simulator.url, &local, &clock).await?;
        let config = configuration(&local, &simulator.url, &sheets, setting)?;
        let now = clock.now();
        let loaded = company::load(&config)?;
        local.apply_rules(&loaded.rules, now - TimeDelta::days(60), now).await?;
        local.go_live(now - TimeDelta::days(50)).await?;
        let services = SERVICES.map(|name| -> Result<Service> {
            let service = Service::new(name, name.to_owned(), folder.path(), &pace)?;
            std::fs::write(service.config(), config.to_string())?;
            Ok(service)
        });
        let pacing = Pacing::default().scaled(|time| clock.real(time));
        let http = runtime::http::client_within(Duration::from_mins(1))?;
        let manager =
            Client::new(http.clone(), &simulator.url, Token::new(vika_token(&local, "manager")), pacing);
        let id = |key: &str| -> Result<SheetId> {
            Ok(SheetId::try_from(sheets[key].as_str().unwrap_or_default().to_owned())?)
        };
        Ok(Self {
            today: id("today")?,
            all_rooms: id("all_rooms")?,
            services: services.into_iter().collect::<Result<_>>()?,
            clock,
            local,
            bus,
            admin,
            simulator,
            manager,
            http,
            folder,
        })
    }

    /// The quota holds from now on, and the part of the days that are left out is gone.
    pub async fn begin_month(&self, quota: u64, plan: &Plan) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let gone = (quota as f64 * (1.0 - plan.part)) as u64;
        self.control("settings", &json!({ "monthly_quota": quota })).await?;
        self.control("usage", &json!({ "space": SPACE, "used": gone })).await?;
        let first = plan.begin.with_timezone(&Shanghai).date_naive().with_day(1).context("a month")?;
        if gone > 0 {
            let ledger = store::vika_calls::Ledger::Sync;
            let gone = [("before", i64::try_from(gone)?)];
            store::vika_calls::add(&mut *self.admin.acquire().await?, ledger, first, &gone).await?;
        }
        self.take_calls().await?;
        Ok(())
    }

    /// Everything that is said, each at its moment.
    pub async fn publish(&self, said: &[Said]) -> Result<()> {
        let mut sent = 0;
        while sent < said.len() {
            tokio::time::sleep(PUBLISH_EVERY).await;
            let now = self.clock.now();
            let due = said[sent..].iter().take_while(|said| said.at <= now).count();
            let outgoing = said[sent..sent + due].iter().enumerate().map(|(index, said)| {
                let staff = STAFF[said.room % STAFF.len()];
                let speaker = Speaker {
                    id: if said.ours { staff.0.into() } else { format!("customer-{}", said.room) },
                    name: if said.ours { staff.1.into() } else { "样例客户".into() },
                    ours: said.ours,
                };
                company::outgoing(&company::text(
                    said.room,
                    format!("m{}", sent + index),
                    speaker,
                    said.at,
                    said.text,
                ))
            });
            for answer in self.bus.publish_all(&outgoing.collect::<Result<Vec<_>>>()?).await {
                answer?;
            }
            sent += due;
        }
        Ok(())
    }

    /// What managers do, each at its moment.
    pub async fn edit(&self, edits: &[(DateTime<Utc>, Edit)]) -> Result<()> {
        let today = ColumnIds::<Today>::resolve(&self.manager.fields(&self.today).await?)?;
        let all_rooms = ColumnIds::<AllRooms>::resolve(&self.manager.fields(&self.all_rooms).await?)?;
        for (at, edit) in edits {
            self.until(*at).await;
            let (sheet, fields) = match edit {
                Edit::Tick => (&self.today, today.fields([(Today::Cancel, Cell::Tick(true))])),
                Edit::Grade => {
                    let grade = ["A", "B", "C"][usize::try_from(at.timestamp() % 3)?];
                    (&self.all_rooms, all_rooms.fields([(AllRooms::CustomerGrade, Cell::text(grade))]))
                }
            };
            let Some(record) = self.some_row(sheet, *edit == Edit::Tick).await? else { continue };
            // In a month that runs out of calls managers cannot edit by the API; in the user interface they could.
            if let Err(error) = self.manager.update(sheet, &[(record, fields)]).await {
                ensure!(matches!(error, vika::Error::Quota { .. }), "a manager's edit: {error}");
            }
        }
        Ok(())
    }

    /// A row of a sheet; if wanted, of a room in which somebody waits.
    async fn some_row(&self, sheet: &SheetId, waits: bool) -> Result<Option<RecordId>> {
        let found: Option<String> = store::sqlx::query_scalar(
            "select mirror.record from vika_sync_rows mirror
             where mirror.sheet = $1 and mirror.record is not null
               and (not $2 or exists (select 1 from waits where waits.room = mirror.room and waits.state = 'open'))
             order by md5(mirror.room || $3) limit 1",
        )
        .bind(sheet.as_str())
        .bind(waits)
        .bind(self.clock.now().to_rfc3339())
        .fetch_optional(&self.admin)
        .await?;
        found.map(|record| Ok(record.try_into()?)).transpose()
    }

    /// Looks at how late rows of 今日群聊 are while people work, and takes the day's calls, until the month is over.
    pub async fn sample(&self, plan: &Plan, every: Duration) -> Result<Samples> {
        let mut samples = Samples::default();
        let mut next = plan.begin;
        let mut day = day_of(plan.begin);
        while next < plan.end {
            next += TimeDelta::from_std(every)?;
            self.until(next).await;
            for service in &self.services {
                service.restart_ended()?;
            }
            if is_working_day(day_of(next)) && (9..18).contains(&next.with_timezone(&Shanghai).hour()) {
                samples.rows.push((day_of(next), self.seconds_behind().await?));
            }
            if day_of(next) != day {
                samples.calls.insert(day, self.take_calls().await?);
                eprintln!("· {day}: {} calls", samples.calls[&day].counted);
                day = day_of(next);
            }
        }
        samples.calls.insert(day, self.take_calls().await?);
        Ok(samples)
    }

    /// For how many seconds the row of 今日群聊 that is behind for the longest time is so.
    pub async fn seconds_behind(&self) -> Result<f64> {
        let oldest: Option<DateTime<Utc>> = store::sqlx::query_scalar(
            "select min(rooms.updated_at) from rooms
             left join vika_sync_rows mirror on mirror.sheet = $1 and mirror.room = rooms.room
             where mirror.version is distinct from rooms.version",
        )
        .bind(self.today.as_str())
        .fetch_one(&self.admin)
        .await?;
        Ok(oldest.map_or(0.0, |oldest| (self.clock.now() - oldest).as_seconds_f64()))
    }

    /// The calls since the last time, and forgets them.
    async fn take_calls(&self) -> Result<Calls> {
        let url = format!("{}/_sim/calls", self.simulator.url);
        let calls: Vec<Value> = self.http.get(&url).send().await?.json().await?;
        self.http.delete(&url).send().await?.error_for_status()?;
        let mut taken = Calls::default();
        for call in &calls {
            match call["status"].as_u64() {
                Some(403) => taken.refused += 1,
                Some(401 | 429) => {}
                _ => {
                    taken.counted += 1;
                    if matches!(call["method"].as_str(), Some("POST" | "PATCH")) {
                        taken.rows_sent += call["records"].as_u64().unwrap_or_default();
                    }
                    *taken
                        .by_user
                        .entry(call["user"].as_str().unwrap_or_default().to_owned())
                        .or_default() += 1;
                }
            }
        }
        Ok(taken)
    }

    /// Waits until the company's clock shows a moment.
    pub async fn until(&self, at: DateTime<Utc>) {
        while let Ok(left) = (at - self.clock.now()).to_std()
            && !left.is_zero()
        {
            self.clock.sleep(left).await;
        }
    }

    pub async fn control(&self, route: &str, body: &Value) -> Result<()> {
        let url = format!("{}/_sim/{route}", self.simulator.url);
        self.http.post(url).json(body).send().await?.error_for_status()?;
        Ok(())
    }

    /// Ends everything; unless all went well, logs and configurations are kept.
    pub async fn stop(self, well: bool) -> Result<()> {
        let mut stopped = Ok(());
        for service in &self.services {
            stopped = stopped.and(service.stop().await);
        }
        self.admin.close().await;
        self.local.stop().await;
        self.simulator.stop().await;
        if !well {
            println!("  logs are in {}", self.folder.keep().display());
        }
        stopped
    }
}

/// The day by the company's clock.
pub fn day_of(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Shanghai).date_naive()
}

fn configuration(local: &Local, url: &str, sheets: &Value, setting: &Setting) -> Result<Value> {
    let nowhere = free_address()?;
    let addresses = Addresses {
        ingest: nowhere,
        callback: nowhere,
        vika: url.to_owned(),
        feishu: format!("http://{nowhere}"),
        sheets: sheets.clone(),
    };
    let mut config = company::configuration(local, &addresses)?;
    let vika = config["vika"].as_object_mut().context("vika")?;
    vika.insert("poll_every".into(), json!("1m"));
    vika.insert("poll_all_rooms_every".into(), json!("5m"));
    vika.insert("calls_per_month".into(), json!(setting.calls_per_month));
    vika.insert("calls_per_second".into(), json!(setting.calls_per_second));
    let hours = json!({ "public_holidays": false });
    let rules = config["rules"].as_object_mut().context("rules")?;
    rules.insert("calendars".into(), json!({ "pre_sales": hours, "after_sales": hours }));
    // The standard ones: the demo's take seconds.
    rules.remove("ladders");
    Ok(config)
}
