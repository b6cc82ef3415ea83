//! A company with waits that were counted, a board over them, and visitors.

use anyhow::{Context as _, Result, ensure};
use chrono::{DateTime, Datelike as _, NaiveDate, TimeDelta, TimeZone as _, Utc};
use domain::id::StaffName;
use domain::rules::Rules;
use performance::board;
use reqwest::StatusCode;
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use runtime::config::{Board, FeishuLogin, Secret};
use serde_json::json;
use store::role::Role;
use store::sqlx;
use testkit::{Running, Stack, until_some};

pub const MANAGER: &str = "周经理";
pub const HR: &str = "吴人事";
pub const WANG: &str = "王小售";
pub const LI: &str = "李小后";
/// What customers said; nobody without the right to it may ever be sent any of it.
pub const WORDS: &str = "请问合同第三条能不能改";
pub const CUSTOMER: &str = "陈采购";
pub const ROOM_NAME: &str = "晨光贸易-服务群";
const KEY: &str = "a key of the tests, long enough for one";

pub struct World {
    pub stack: Stack,
    /// Where the board is.
    pub url: String,
    /// It follows no redirects.
    pub http: reqwest::Client,
    service: Running,
}

/// A wait to be counted.
#[derive(Debug, Clone)]
pub struct Wait<'w> {
    pub id: &'w str,
    pub room: &'w str,
    pub topic: &'w str,
    pub customer: &'w str,
    pub owner: Option<&'w str>,
    pub stage: &'w str,
    pub opened: DateTime<Utc>,
    /// Minutes to the answer, and who gave it.
    pub answered: Option<(i64, &'w str)>,
    pub kind: &'w str,
    pub standing: &'w str,
}

impl<'w> Wait<'w> {
    pub fn of(id: &'w str, owner: &'w str, opened: DateTime<Utc>, minutes: i64) -> Self {
        Self {
            id,
            room: "webhook:r-1",
            topic: ROOM_NAME,
            customer: CUSTOMER,
            owner: Some(owner),
            stage: "pre-sales",
            opened,
            answered: Some((minutes, owner)),
            kind: "request",
            standing: "counted",
        }
    }
}

/// A stack on a Wednesday at half past ten: what stands on the page of today depends on the hour.
pub async fn stack() -> Result<Stack> {
    Box::pin(Stack::start_at("2026-11-18T10:30:00+08:00".parse()?)).await
}

impl World {
    pub async fn start() -> Result<Self> {
        Self::start_with(false).await
    }

    pub async fn start_with(people_see_each_other: bool) -> Result<Self> {
        let stack = stack().await?;
        Self::over(stack, people_see_each_other, None).await
    }

    /// A board over a stack, to which people log in by the Feishu that its configuration names.
    pub async fn over(
        mut stack: Stack,
        people_see_each_other: bool,
        feishu_login: Option<FeishuLogin>,
    ) -> Result<Self> {
        let listen = testkit::free_address()?;
        let url = format!("http://{listen}");
        stack.config.performance.board = Some(Board {
            listen,
            public_url: url.clone(),
            session_key: Secret::new(KEY),
            hr: vec![HR.into()],
            people_see_each_other,
            feishu_login,
        });
        let mut manager = stack.config.rules.roster[0].clone();
        manager.name = StaffName(MANAGER.into());
        manager.contacts.clear();
        manager.addresses.feishu = None;
        stack.config.rules.roster.push(manager);
        stack.config.rules.managers = vec![StaffName(MANAGER.into())];
        stack.apply_rules(TimeDelta::days(400)).await?;
        let service = stack.run(Role::Performance, performance::run).await?;
        let http = runtime::http::client()?;
        let world = Self { stack, url, http, service };
        until_some("the board is served", || async {
            Ok(world.http.get(format!("{}/login", world.url)).send().await.ok())
        })
        .await?;
        Ok(world)
    }

    pub async fn stop(self) -> Result<()> {
        self.service.stop().await
    }

    pub fn rules(&self) -> &Rules {
        &self.stack.config.rules
    }

    /// The settings of the board.
    pub fn settings(&self) -> Result<&Board> {
        self.stack.config.performance.board.as_ref().context("a board")
    }

    pub fn today(&self) -> NaiveDate {
        self.rules().day_of(self.stack.clock.now())
    }

    /// Monday of last week.
    pub fn last_monday(&self) -> NaiveDate {
        let today = self.today();
        today - TimeDelta::days(i64::from(today.weekday().num_days_from_monday()) + 7)
    }

    /// A time of a day, in the company's zone.
    pub fn at(&self, day: NaiveDate, hour: u32, minute: u32) -> Result<DateTime<Utc>> {
        let local = day.and_hms_opt(hour, minute, 0).context("a time")?;
        Ok(self.rules().time_zone.from_local_datetime(&local).earliest().context("a moment")?.to_utc())
    }

    /// Puts a wait where `room-state` and `performance` would have it, with what was said in it.
    pub async fn count(&self, wait: &Wait<'_>) -> Result<()> {
        let (db, zone) = (&self.stack.admin, self.rules().time_zone);
        let closed = wait.answered.map(|(minutes, _)| wait.opened + TimeDelta::minutes(minutes));
        let local = wait.opened.with_timezone(&zone);
        // Taken in as it is, so that the service leaves it alone.
        sqlx::query(
            "insert into performance_rooms (room, version, topic, presence, derivation) values ($1, 0, $2, '{}', 99)
             on conflict do nothing",
        )
        .bind(wait.room)
        .bind(wait.topic)
        .execute(db)
        .await?;
        sqlx::query(
            "insert into rooms (room, source, topic, created_at, updated_at) values ($1, 'webhook', $2, $3, $3)
             on conflict (room) do nothing",
        )
        .bind(wait.room)
        .bind(wait.topic)
        .bind(wait.opened)
        .execute(db)
        .await?;
        sqlx::query(
            "insert into waits (wait, room, opened_at, opened_seq, customer, customer_name, kind, verdict, owner, stage,
                                messages, last_customer_at, alarm_since, state, closed_at, updated_at)
             values ($1, $2, $3, 1, 'webhook:c-1', $4, $5, $6, $7, $8, 1, $3, $3, $9, $10, $3)",
        )
        .bind(wait.id)
        .bind(wait.room)
        .bind(wait.opened)
        .bind(wait.customer)
        .bind(wait.kind)
        .bind(json!({ "verdict": "asks_for_reply", "why": { "by": "text" } }))
        .bind(wait.owner)
        .bind(wait.stage)
        .bind(if closed.is_some() { "answered" } else { "open" })
        .bind(closed)
        .execute(db)
        .await?;
        sqlx::query(
            "insert into performance_waits (wait, room, kind, standing, day, hour, owner, team, stage, opened_at, closed_at,
                                            ending, ended_by, ended_role, holding, time_ms)
             values ($1, $2, $3, $4, $5, $6, $7, 'pre_sales', $8, $9, $10, $11, $12, $13, false, $14)",
        )
        .bind(wait.id)
        .bind(wait.room)
        .bind(wait.kind)
        .bind(wait.standing)
        .bind(local.date_naive())
        .bind(i16::try_from(chrono::Timelike::hour(&local))?)
        .bind(wait.owner)
        .bind(wait.stage)
        .bind(wait.opened)
        .bind(closed)
        .bind(if closed.is_some() { "answered" } else { "open" })
        .bind(wait.answered.map(|(_, by)| by))
        .bind(closed.map(|_| "pre_sales"))
        .bind(wait.answered.map(|(minutes, _)| minutes * 60_000))
        .execute(db)
        .await?;
        self.say(wait, wait.opened, "c-1", wait.customer, "客户公司", WORDS).await?;
        if let (Some(closed), Some((_, by))) = (closed, wait.answered) {
            self.say(wait, closed, "wang", by, "示例公司", "可以的，我改好发您").await?;
        }
        let mut connection = db.acquire().await?;
        store::performance::days::derive(&mut connection, &wait.room.parse()?, &[local.date_naive()]).await?;
        Ok(())
    }

    async fn say(
        &self,
        wait: &Wait<'_>,
        at: DateTime<Utc>,
        sender: &str,
        name: &str,
        corporation: &str,
        text: &str,
    ) -> Result<()> {
        let entry = format!("{}/{sender}", wait.id);
        let fact = json!({ "name": name, "corporation": corporation, "features": {
            "class": { "is": "request" }, "question": false, "phrases_version": 1, "lexicon_version": 1
        } });
        sqlx::query(
            "insert into timeline (entry, room, pos_at, pos_seq, pos_entry, kind, received_at, sender, message, body, fact)
             values ($1, $2, $3, 1, $1, 'message', $3, $4, 'text', $5, $6)",
        )
        .bind(entry)
        .bind(wait.room)
        .bind(at)
        .bind(format!("webhook:{sender}"))
        .bind(text)
        .bind(fact.to_string())
        .execute(&self.stack.admin)
        .await?;
        Ok(())
    }

    /// An ordinary company: last week, this week and today, of two owners.
    pub async fn furnish(&self) -> Result<()> {
        let last = self.last_monday();
        let mut waits = Vec::new();
        let ids: Vec<String> = (0..24).map(|number| format!("webhook:m-{number}")).collect();
        for (number, id) in ids.iter().enumerate() {
            let step = i64::try_from(number)?;
            let day = last + TimeDelta::days(step % 5);
            let opened = self.at(day, 9 + u32::try_from(number % 8)?, u32::try_from(number)?)?;
            waits.push(Wait::of(id, if number % 3 == 0 { LI } else { WANG }, opened, 1 + step * 2));
        }
        let slowest = Wait {
            customer: "最慢客户",
            ..Wait::of("webhook:slowest", WANG, self.at(last + TimeDelta::days(2), 10, 0)?, 300)
        };
        let now = self.stack.clock.now();
        let open = Wait { answered: None, ..Wait::of("webhook:open", WANG, now - TimeDelta::minutes(47), 0) };
        let others = Wait {
            room: "webhook:r-2",
            topic: "星河食品-服务群",
            customer: "橙女士",
            stage: "after-sales",
            answered: None,
            ..Wait::of("webhook:open-2", LI, now - TimeDelta::minutes(12), 0)
        };
        waits.extend([slowest, open, others]);
        waits.push(Wait {
            standing: "unverified",
            ..Wait::of("webhook:unverified", WANG, self.at(last, 15, 0)?, 5)
        });
        for wait in &waits {
            self.count(wait).await?;
        }
        // One silence reaches two numbers of days in a week; one will only reach one.
        for (room, since, working_days, day, owner) in [
            ("webhook:r-1", last - TimeDelta::days(8), 7, last + TimeDelta::days(1), WANG),
            ("webhook:r-1", last - TimeDelta::days(8), 10, last + TimeDelta::days(4), WANG),
            ("webhook:r-2", last - TimeDelta::days(7), 7, last + TimeDelta::days(2), LI),
            ("webhook:r-2", self.today() - TimeDelta::days(9), 7, self.today() + TimeDelta::days(1), LI),
        ] {
            sqlx::query(
                "insert into performance_silences (room, since, working_days, day, owner, team, stage)
                 values ($1, $2, $3, $4, $5, 'pre_sales', 'pre-sales')",
            )
            .bind(room)
            .bind(since)
            .bind(working_days)
            .bind(day)
            .bind(owner)
            .execute(&self.stack.admin)
            .await?;
        }
        Ok(())
    }

    /// A link for a person, as `huiyin board-link` makes it.
    pub fn link(&self, person: &str, nonce: &str) -> Result<String> {
        let link =
            board::link(self.settings()?, person, self.rules(), nonce.to_owned(), self.stack.clock.now());
        link.with_context(|| format!("{person} may see nothing"))
    }

    /// Somebody who has logged in.
    pub async fn visitor(&self, person: &str) -> Result<Visitor<'_>> {
        let link = self.link(person, &format!("{person}/{}", runtime::random::token()))?;
        let token = link.split_once("t=").context("a token")?.1.to_owned();
        let answer = self.post("/login", &format!("t={token}"), Some(&self.url)).await?;
        ensure!(answer.status() == StatusCode::SEE_OTHER, "{}", answer.status());
        let cookie = answer.headers()[SET_COOKIE].to_str()?;
        let cookie = cookie.split(';').next().context("a cookie")?.to_owned();
        Ok(Visitor { world: self, cookie })
    }

    pub async fn post(&self, path: &str, body: &str, origin: Option<&str>) -> Result<reqwest::Response> {
        let mut request = self.http.post(format!("{}{path}", self.url)).body(body.to_owned());
        if let Some(origin) = origin {
            request = request.header(ORIGIN, origin);
        }
        Ok(request.send().await?)
    }

    pub async fn get(&self, path: &str, cookie: Option<&str>) -> Result<reqwest::Response> {
        let mut request = self.http.get(format!("{}{path}", self.url));
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        Ok(request.send().await?)
    }
}

/// Somebody who has logged in.
pub struct Visitor<'w> {
    pub world: &'w World,
    pub cookie: String,
}

impl Visitor<'_> {
    pub async fn answer(&self, path: &str) -> Result<reqwest::Response> {
        self.world.get(path, Some(&self.cookie)).await
    }

    pub async fn status(&self, path: &str) -> Result<u16> {
        Ok(self.answer(path).await?.status().as_u16())
    }

    /// A page that is there.
    pub async fn page(&self, path: &str) -> Result<String> {
        let answer = self.answer(path).await?;
        ensure!(answer.status() == StatusCode::OK, "{path}: {}", answer.status());
        Ok(answer.text().await?)
    }

    /// Its links, as they stand in the page, without those of files.
    pub async fn links(&self, path: &str) -> Result<Vec<String>> {
        let page = self.page(path).await?;
        let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        Ok(links.map(|link| link.replace("&amp;", "&")).filter(|link| link.starts_with('/')).collect())
    }
}

/// Where an answer sends a browser.
pub fn location(answer: &reqwest::Response) -> Option<&str> {
    answer.headers().get(LOCATION)?.to_str().ok()
}

/// A name as addresses have it: none of these has a letter that stays as it is.
pub fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut encoded = String::new();
    for byte in text.bytes() {
        let _ = write!(encoded, "%{byte:02X}");
    }
    encoded
}
