//! The month as `performance` counts it while it happens, and from nothing, compared with the oracle to the millisecond.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::NaiveDate;
use domain::Timestamp;
use domain::figures::{Figures, LeftOut, Quantile, Tally};
use domain::rules::Rules;
use report::{By, Line, Period, Query, read};
use serde_json::{Value, json};
use store::role::Role;
use store::sqlx::{self, query_scalar};
use testkit::{Stack, until};

use crate::{Named, assert_same, changed, feed};

const WAITS: &str = "
    select jsonb_build_array(wait, jsonb_build_object(
        'room', room, 'kind', kind, 'day', day, 'hour', hour, 'owner', owner, 'team', team, 'stage', stage,
        'opened_at', (extract(epoch from opened_at) * 1000)::bigint, 'closed_at', (extract(epoch from closed_at) * 1000)::bigint,
        'ending', nullif(ending, 'open'), 'ended_by', ended_by, 'role', ended_role, 'time', time_ms,
        'due', (extract(epoch from due_at) * 1000)::bigint, 'status', standing))
    from performance_waits";
const MESSAGES: &str = "
    select jsonb_build_array(concat_ws(' ', day, room, role, nullif(person, '')), messages) from performance_messages";
const SILENCES: &str = "
    select jsonb_build_array(concat_ws(' ', room, since, working_days), jsonb_build_object(
        'day', day, 'owner', nullif(owner, ''), 'team', nullif(team, ''), 'stage', stage))
    from performance_silences";
const BEHIND: &str = "
    select count(*) from rooms left join performance_rooms seen using (room)
    where seen.version is distinct from rooms.version or seen.stale_since is not null";

/// What somebody waits for who has read everything: that no room is behind, and that all rules and gaps are taken in.
async fn until_counted(stack: &Stack) -> Result<()> {
    // Whatever wake-up was lost on a busy machine, the scan of a minute later finds.
    stack.clock.advance(Duration::from_secs(61));
    until("everything is counted", || async {
        let behind: i64 = query_scalar(BEHIND).fetch_one(&stack.admin).await?;
        let same: Option<bool> = query_scalar(
            "select rules_version = (select max(version) from rules)
                    and jsonb_array_length(gaps) = (select count(*) from capture_gaps)
                    and jsonb_array_length(golive) = (select count(*) from golive)
             from performance_inputs",
        )
        .fetch_optional(&stack.admin)
        .await?;
        Ok(behind == 0 && same == Some(true))
    })
    .await
}

async fn pairs(stack: &Stack, query: &'static str) -> Result<Named> {
    let rows: Vec<Value> = query_scalar(query).fetch_all(&stack.admin).await?;
    let pair = |row: Value| Some((row[0].as_str()?.to_owned(), row[1].clone()));
    Ok(rows.into_iter().filter_map(pair).collect())
}

/// A wait as the oracle has it, in the fields that are stored of it. How long an open one has lasted is no row's.
fn expected_wait(wait: &Value) -> (String, Value) {
    let fields = [
        "room",
        "kind",
        "day",
        "hour",
        "owner",
        "team",
        "stage",
        "opened_at",
        "closed_at",
        "ending",
        "ended_by",
        "role",
        "time",
        "due",
        "status",
    ];
    let mut of: serde_json::Map<String, Value> =
        fields.iter().map(|field| ((*field).to_owned(), wait[*field].clone())).collect();
    if wait["closed_at"].is_null() {
        of.insert("time".to_owned(), Value::Null);
    }
    (wait["id"].as_str().unwrap_or_default().to_owned(), Value::Object(of))
}

fn expected_messages(of: &Value) -> (String, Value) {
    let parts = ["day", "room", "role", "person"].map(|part| of[part].as_str());
    (parts.into_iter().flatten().collect::<Vec<_>>().join(" "), of["count"].clone())
}

fn expected_silence(of: &Value) -> (String, Value) {
    let name = format!(
        "{} {} {}",
        of["room"].as_str().unwrap_or_default(),
        of["since"].as_str().unwrap_or_default(),
        of["working_days"]
    );
    let fields = ["day", "owner", "team", "stage"].map(|field| (field.to_owned(), of[field].clone()));
    (name, Value::Object(fields.into_iter().collect()))
}

/// Figures of everybody and everything in the periods that the oracle has, in its words.
async fn figures(stack: &Stack, expected: &[Value], rules: &Rules, now: Timestamp) -> Result<Named> {
    let mut reader = stack.connect_as(Role::Reader).await?;
    let mut asked: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    let mut found = Named::new();
    for of in expected {
        let word = |field: &str| of[field].as_str().unwrap_or_default();
        let (by, period, start) = (word("by"), word("period"), word("start"));
        let question = format!("{by} {period} {start}");
        if !asked.contains_key(&question) {
            let query = Query {
                period: period_of(period, start.parse()?)?,
                by: grouping(by)?,
                person: None,
                room: None,
                stage: None,
            };
            asked.insert(question.clone(), read(&mut reader, query, rules, now).await?);
        }
        let line = asked[&question].iter().find(|line| name(by, line) == word("who"));
        found.insert(title(of), line.map_or(Value::Null, |line| shown(by, line)));
    }
    Ok(found)
}

fn title(of: &Value) -> String {
    format!("{} {} {} {}", of["by"], of["period"], of["start"], of["who"])
}

fn period_of(word: &str, start: NaiveDate) -> Result<Period> {
    Ok(match word {
        "day" => Period::day(start),
        "week" => Period::week(start),
        "month" => Period::month(start),
        _ => anyhow::bail!("no such period: {word}"),
    })
}

fn grouping(word: &str) -> Result<By> {
    Ok(match word {
        "owner" => By::Person,
        "room" => By::Room,
        "stage" => By::Stage,
        "team" => By::Team,
        "replied" => By::Replier,
        _ => anyhow::bail!("no such grouping: {word}"),
    })
}

fn name<'l>(by: &str, line: &'l Line) -> &'l str {
    match by {
        "room" => &line.key.room,
        "stage" => &line.key.stage,
        "team" => &line.key.team,
        _ => &line.key.person,
    }
}

/// A line in the oracle's words.
fn shown(by: &str, line: &Line) -> Value {
    if by == "replied" {
        return line.replied.as_ref().map_or(Value::Null, |replied| json!({
            "answered": replied.answered, "median": quantile(replied.median), "p90": quantile(replied.p90),
            "within": within(replied),
        }));
    }
    let (tally, figures) = (&line.tally, &line.figures);
    let LeftOut { excluded, history, rehearsal, unverified } = figures.left_out;
    let millis =
        |times: &[chrono::TimeDelta]| times.iter().map(chrono::TimeDelta::num_milliseconds).sum::<i64>();
    let Tally { replies, cancelled, promised, .. } = tally;
    json!({
        "left_out": [excluded, history, rehearsal, unverified],
        "asked": figures.asked, "answered": figures.answered, "held": figures.held,
        "cancelled": { "count": cancelled.len(), "time": millis(cancelled) },
        "confirmed": figures.confirmed, "withdrawn": figures.withdrawn, "unobserved": figures.unobserved,
        "open": figures.open, "median": quantile(figures.median), "p90": quantile(figures.p90),
        "mean": { "sum": millis(replies), "count": replies.len() }, "within": within(figures),
        "longest_open": figures.longest_open.map(|time| time.num_milliseconds()), "soft": figures.soft,
        "promises": {
            "kept": promised.kept.len(), "late": promised.late, "open": promised.open, "otherwise": promised.ended,
            "mean": { "sum": millis(&promised.kept), "count": promised.kept.len() },
        },
        "waited": tally.time_waited().num_milliseconds(), "few": figures.is_few(), "silences": line.silences,
    })
}

fn quantile(of: Option<Quantile>) -> Value {
    of.map_or(Value::Null, |of| json!({ "time": of.time.num_milliseconds(), "at_least": of.at_least }))
}

fn within(figures: &Figures) -> Value {
    let shares =
        figures.within.iter().map(|(rung, of)| ((rung.0 / 60).to_string(), json!([of.within, of.of])));
    Value::Object(shares.collect())
}

/// What the oracle says, in the fields that are compared. Of who replied it is the answers alone.
fn expected_figures(of: &Value) -> (String, Value) {
    let fields: &[&str] = if of["by"] == "replied" {
        &["answered", "median", "p90", "within"]
    } else {
        &[
            "asked",
            "answered",
            "held",
            "cancelled",
            "confirmed",
            "withdrawn",
            "unobserved",
            "open",
            "median",
            "p90",
            "mean",
            "within",
            "longest_open",
            "soft",
            "promises",
            "waited",
            "few",
            "silences",
        ]
    };
    let mut found: serde_json::Map<String, Value> =
        fields.iter().map(|field| ((*field).to_owned(), of[*field].clone())).collect();
    if of["by"] != "replied" {
        let count = |status: &str| {
            let kinds = of["statuses"][status].as_object().into_iter().flat_map(|kinds| kinds.values());
            kinds.filter_map(Value::as_u64).sum::<u64>()
        };
        let left_out = ["excluded", "history", "rehearsal", "unverified"].map(count);
        found.insert("left_out".to_owned(), json!(left_out));
    }
    (title(of), Value::Object(found))
}

async fn compare(stack: &Stack, expected: &Value) -> Result<()> {
    let list = |field: &str| expected[field].as_array().context("a list of the oracle's");
    let waits: Named = list("waits")?.iter().map(expected_wait).collect();
    let counted = pairs(stack, WAITS).await?;
    assert_same("waits", &waits, &counted);
    let messages: Named = list("messages")?.iter().map(expected_messages).collect();
    assert_same("messages", &messages, &pairs(stack, MESSAGES).await?);
    let silences: Named = list("silences")?.iter().map(expected_silence).collect();
    assert_same("silences", &silences, &pairs(stack, SILENCES).await?);
    let now =
        Timestamp::from_timestamp_millis(expected["now"].as_i64().context("now")?).context("a moment")?;
    let mut connection = stack.admin.acquire().await?;
    let history = store::rules::history(&mut connection).await?;
    // Lines of those who have nothing but what was left out before they replied are of no reply.
    let wanted: Vec<Value> =
        list("figures")?.iter().filter(|of| of["by"] != "replied" || of["answered"] != 0).cloned().collect();
    let figured: Named = wanted.iter().map(expected_figures).collect();
    assert_same("figures", &figured, &figures(stack, &wanted, history.at(now), now).await?);
    for change in [("owner", json!("王三秋")), ("time", json!(1)), ("status", json!("history"))] {
        ensure!(changed(&waits, &change) != counted, "{change:?} would not be noticed");
    }
    Ok(())
}

#[tokio::test]
async fn the_month_counts_as_the_oracle_says_while_it_happens_and_from_nothing() -> Result<()> {
    let expected: Value = serde_json::from_str(&feed::text("expected.json")?)?;
    let stack = Box::pin(feed::stack()).await?;
    let performance = stack.run(Role::Performance, performance::run).await?;
    Box::pin(feed::feed(&stack)).await?;
    until_counted(&stack).await?;
    compare(&stack, &expected).await?;
    performance.stop().await?;
    for table in ["rooms", "waits", "days", "replies", "messages", "silences", "inputs"] {
        let query = sqlx::AssertSqlSafe(format!("truncate performance_{table}"));
        sqlx::query(query).execute(&stack.admin).await?;
    }
    let performance = stack.run(Role::Performance, performance::run).await?;
    until_counted(&stack).await?;
    compare(&stack, &expected).await?;
    performance.stop().await
}
