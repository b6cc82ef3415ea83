//! A stack in which `room-state` and `performance` run, and what tests read of it.

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{CommandId, EntryId, RoomKey};
use domain::rules::Rules;
use events::chat::ChatMessage;
use events::command::{Command, CommandKind, Via};
use report::{By, Line, Period, Query, read};
use runtime::bus::Outgoing;
use store::role::Role;
use store::sqlx::{self, AssertSqlSafe};
use testkit::company::captured;
use testkit::{Running, Stack, until};

/// What `performance` has counted; all of it can be derived again.
const TABLES: [&str; 6] = [
    "performance_rooms",
    "performance_waits",
    "performance_days",
    "performance_replies",
    "performance_messages",
    "performance_silences",
];

pub struct World {
    pub stack: Stack,
}

impl World {
    pub async fn start() -> Result<Self> {
        Ok(Self { stack: Box::pin(Stack::start()).await? })
    }

    pub async fn room_state(&self) -> Result<Running> {
        self.stack.run(Role::RoomState, room_state::run).await
    }

    pub async fn performance(&self) -> Result<Running> {
        self.stack.run(Role::Performance, performance::run).await
    }

    /// A moment some hours ago, plus seconds.
    pub fn past(&self, seconds: i64) -> DateTime<Utc> {
        self.stack.started - TimeDelta::hours(3) + TimeDelta::seconds(seconds)
    }

    pub async fn publish(&self, messages: &[ChatMessage]) -> Result<()> {
        for message in messages {
            self.stack.bus.publish(&captured(message)?).await?;
        }
        Ok(())
    }

    /// A manager asks for something.
    pub async fn ask(&self, id: &str, room: &str, at: DateTime<Utc>, kind: CommandKind) -> Result<()> {
        let room = RoomKey { source: "webhook".into(), id: room.into() };
        let command =
            Command { id: CommandId(id.into()), room, at, by: "周经理".into(), via: Via::Vika, kind };
        let outgoing = Outgoing {
            subject: events::subject::command(command.kind.name(), &command.room),
            id: id.to_owned(),
            payload: events::encode(&command)?,
        };
        self.stack.bus.publish(&outgoing).await?;
        Ok(())
    }

    /// Waits until everything published is folded and counted.
    pub async fn settled(&self, entries: i64, commands: i64) -> Result<()> {
        until("everything is folded and counted", || async {
            let (folded, decided, behind): (i64, i64, i64) = sqlx::query_as(
                "select (select count(*) from timeline where kind = 'message'), (select count(*) from commands),
                        (select count(*) from rooms left join performance_rooms seen using (room)
                         where seen.version is distinct from rooms.version or seen.stale_since is not null)",
            )
            .fetch_one(&self.stack.admin)
            .await?;
            Ok((folded, decided, behind) == (entries, commands, 0))
        })
        .await
    }

    /// All rows that were counted, as text.
    pub async fn counted(&self) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        for table in TABLES {
            let query = format!("select '{table} ' || t::text from {table} t order by 1");
            rows.extend(
                sqlx::query_scalar::<_, String>(AssertSqlSafe(query)).fetch_all(&self.stack.admin).await?,
            );
        }
        Ok(rows)
    }

    /// The figures of today and yesterday.
    pub async fn figures(&self, by: By) -> Result<Vec<Line>> {
        let rules: &Rules = &self.stack.config.rules;
        let today = rules.day_of(self.stack.started);
        let period = Period { from: today - TimeDelta::days(1), to: today };
        let query = Query { period, by, person: None, room: None, stage: None };
        let mut reader = self.stack.connect_as(Role::Reader).await?;
        Ok(read(&mut reader, query, rules, self.stack.clock.now()).await?)
    }

    /// The figures of a person.
    pub async fn of(&self, person: &str) -> Result<Line> {
        let lines = self.figures(By::Person).await?;
        let found = lines.into_iter().find(|line| line.key.person == person);
        found.ok_or_else(|| anyhow::anyhow!("no line of {person}"))
    }
}

pub fn cancel(seen_up_to: &ChatMessage) -> CommandKind {
    CommandKind::Cancel {
        wait: None,
        seen_up_to: EntryId(seen_up_to.key().to_string()),
        reason: "消除未回覆记录".into(),
    }
}

pub fn assign(owner: &str, stage: &str) -> CommandKind {
    CommandKind::Assign { owner: owner.into(), stage: stage.into(), approved: true, approved_by: None }
}
