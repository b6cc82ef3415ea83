//! Both sheets against Postgres, as a manager sees them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use chrono::NaiveDate;
use domain::ladder::{WaitView, steps};
use domain::marks::NOT_TIMED;
use domain::wording;
use serde_json::Value;
use store::rooms::Room;
use store::sqlx;

use super::super::people::sheet;
use super::Scene;

/// The manager who edits both sheets.
const MANAGER: &str = "顾样山";
/// Differences of one sheet that are shown.
const SHOWN: usize = 4;

/// 今日群聊.
pub async fn today(scene: &Scene<'_>) -> Result<Vec<String>> {
    let rows = sheet(scene.world, &scene.world.config.vika.sheets.today).await?;
    let mut problems = Vec::new();
    let by_room = by_room(&rows, "今日群聊", &mut problems);
    for room in &scene.rooms {
        let Some(row) = by_room.get(&room.room.to_string()) else {
            if day(scene, room) == Some(date(scene, scene.world.clock.now())) {
                problems.push(format!("今日群聊: no row for {}", room.room));
            }
            continue;
        };
        compare("今日群聊", room, row, &wanted_today(scene, room), &mut problems);
        if !text(row, "消除未回覆记录").is_empty() {
            problems.push(format!("今日群聊: the tick of {} was not taken back", room.room));
        }
    }
    problems.truncate(SHOWN);
    Ok(problems)
}

/// 群聊总表.
pub async fn all_rooms(scene: &Scene<'_>) -> Result<Vec<String>> {
    let rows = sheet(scene.world, &scene.world.config.vika.sheets.all_rooms).await?;
    let mut problems = Vec::new();
    let by_room = by_room(&rows, "群聊总表", &mut problems);
    for room in &scene.rooms {
        let Some(row) = by_room.get(&room.room.to_string()) else {
            problems.push(format!("群聊总表: no row for {}", room.room));
            continue;
        };
        let state = &room.state;
        let owner = state.owner.as_ref().map(ToString::to_string).unwrap_or_default();
        let wanted = [
            ("群聊名", short(&room.topic)),
            ("完整群聊名", room.topic.clone()),
            ("生效负责人", owner),
            ("生效阶段", state.stage.to_string()),
            ("负责人来源", wording::origin(state.origin).to_owned()),
        ];
        compare("群聊总表", room, row, &wanted, &mut problems);
        compare("群聊总表", room, row, &as_managers_left_it(room, row), &mut problems);
    }
    problems.truncate(SHOWN);
    Ok(problems)
}

/// What stands in cells that managers write: marks are in force, and no tick is left.
fn as_managers_left_it(room: &Room, row: &Value) -> Vec<(&'static str, String)> {
    let marks = &room.state.marks;
    let ticked = |is: bool| if is { "1" } else { "" }.to_owned();
    let mut wanted = Vec::new();
    if text(row, "核准修改人") == MANAGER {
        wanted.push(("核准进入售后阶段", String::new()));
    }
    if text(row, "经理修改人") == MANAGER {
        wanted.extend([("不计时", ticked(marks.not_timed)), ("客户等级", marks.grade.clone())]);
    }
    wanted
}

/// Every decision was shown, with one row of 系统信息 for each edit that was applied or refused; every edit was read.
pub async fn outcomes(scene: &Scene<'_>) -> Result<Vec<String>> {
    let world = scene.world;
    let rows = sheet(world, &world.config.vika.sheets.system_log).await?;
    let shown: Vec<String> = rows.iter().map(|row| text(row, "事件ID").to_owned()).collect();
    let distinct: BTreeSet<String> = shown.iter().cloned().collect();
    let mut problems = Vec::new();
    if distinct.len() < shown.len() {
        problems.push(format!("系统信息: {} rows for {} events", shown.len(), distinct.len()));
    }
    let wanted: Vec<String> =
        sqlx::query_scalar("select command from commands where decision in ('applied', 'refused')")
            .fetch_all(&world.admin)
            .await?;
    let wanted: BTreeSet<String> = wanted.into_iter().collect();
    problems.extend(wanted.difference(&distinct).map(|id| format!("系统信息: no row for {id}")));
    problems.extend(distinct.difference(&wanted).map(|id| format!("系统信息: a row for `{id}`")));
    let read: Vec<(String, String, String)> =
        sqlx::query_as("select record, owner, stage from vika_reconcile_snapshots")
            .fetch_all(&world.admin)
            .await?;
    let read: BTreeSet<(String, String, String)> = read.into_iter().collect();
    let rows = sheet(world, &world.config.vika.sheets.all_rooms).await?;
    for row in rows.into_iter().filter(|row| !is_copy(row)) {
        let record = row["recordId"].as_str().unwrap_or_default().to_owned();
        let as_it_stands = (record, text(&row, "负责人").to_owned(), text(&row, "群聊阶段").to_owned());
        if text(&row, "负责人修改人") == MANAGER && !read.contains(&as_it_stands) {
            problems.push(format!("群聊总表: the last edit of {} was never read", text(&row, "群ID")));
        }
    }
    problems.truncate(SHOWN);
    Ok(problems)
}

fn by_room<'r>(rows: &'r [Value], title: &str, problems: &mut Vec<String>) -> BTreeMap<String, &'r Value> {
    let mut found = BTreeMap::new();
    // Copies are marked as such, and are no rooms' rows.
    for row in rows.iter().filter(|row| !is_copy(row)) {
        let room = text(row, "群ID");
        if found.insert(room.to_owned(), row).is_some() {
            problems.push(format!("{title}: two rows for `{room}`"));
        }
    }
    found
}

fn is_copy(row: &Value) -> bool {
    text(row, "系统信息").starts_with("重复行：")
}

fn compare(
    title: &str,
    room: &Room,
    row: &Value,
    wanted: &[(&'static str, String)],
    problems: &mut Vec<String>,
) {
    for (column, wanted) in wanted {
        let held = text(row, column);
        if held != wanted {
            problems.push(format!("{title}: {} {column} is `{held}`, should be `{wanted}`", room.room));
        }
    }
}

fn text<'r>(row: &'r Value, column: &str) -> &'r str {
    row[column].as_str().unwrap_or_default()
}

fn wanted_today(scene: &Scene<'_>, room: &Room) -> Vec<(&'static str, String)> {
    let state = &room.state;
    let live = scene.live(&room.room);
    let owner = state.owner.as_ref().map(ToString::to_string).unwrap_or_default();
    let lines: Vec<String> =
        room.last_lines.iter().map(|line| format!("{}：{}", line.name, line.text)).collect();
    let last = state.gravest().or_else(|| live.last().copied());
    let (wait_state, reason) = if state.marks.not_timed {
        (NOT_TIMED.to_owned(), "群聊总表里勾了「不计时」：不计时、不提醒".to_owned())
    } else {
        (wording::wait_state(last, false).to_owned(), wording::reason(state, live.iter().copied()))
    };
    let level = state.gravest().and_then(|open| {
        let deadlines = scene.world.config.rules.deadlines(open.kind, room.view());
        let ladder = deadlines.ladder;
        let waited = deadlines.elapsed(&WaitView::from(open), scene.world.clock.now());
        let waited = u64::try_from(waited.num_seconds()).unwrap_or_default();
        let step = steps(ladder).take_while(|step| step.rung.0 <= waited).last()?;
        let passed = chrono::TimeDelta::seconds(i64::try_from(step.rung.0).unwrap_or_default());
        Some(format!("{} {}", wording::severity(step.severity), wording::duration(passed)))
    });
    let mut wanted = vec![
        ("群聊名", short(&room.topic)),
        ("完整群聊名", room.topic.clone()),
        ("负责人", owner),
        ("群聊阶段", state.stage.to_string()),
        ("等待状态", wait_state),
        ("当前级别", level.unwrap_or_default()),
        ("最后一句话", room.last_lines.last().map(|line| line.text.clone()).unwrap_or_default()),
        ("最近三句", lines.join("\n")),
        ("判定原因", reason),
    ];
    if let Some(day) = day(scene, room) {
        let counts = state.day.on(day);
        for (column, count) in [
            ("总回复数", counts.total()),
            ("负责人总回复数", counts.owner),
            ("售前总回复数", counts.pre_sales),
            ("售后总回复数", counts.after_sales),
            ("其他员工总回复数", counts.other_staff),
            ("顾客总回复数", counts.customer),
        ] {
            wanted.push((column, count.to_string()));
        }
    }
    wanted
}

/// The day that a room's row is about.
fn day(scene: &Scene<'_>, room: &Room) -> Option<NaiveDate> {
    if !room.state.open.is_empty() {
        return Some(date(scene, scene.world.clock.now()));
    }
    let live = scene.live(&room.room);
    let closed = live.iter().filter_map(|wait| wait.outcome.as_ref()).map(|outcome| outcome.at);
    closed.chain(room.last_active_at).max().map(|at| date(scene, at))
}

fn date(scene: &Scene<'_>, at: chrono::DateTime<chrono::Utc>) -> NaiveDate {
    at.with_timezone(&scene.world.config.rules.time_zone).date_naive()
}

/// 群聊名 is what stands behind the dash.
fn short(topic: &str) -> String {
    topic.split_once('-').map_or(topic, |(_, short)| short).to_owned()
}
