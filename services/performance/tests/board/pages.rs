//! What stands on the pages.

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::support::{LI, MANAGER, ROOM_NAME, WANG, WORDS, Wait, World, encoded};

/// The text of an element of a page, without markup.
fn text_of(page: &str, from: &str, to: &str) -> Option<String> {
    let part = page.split_once(from)?.1.split_once(to)?.0;
    let mut text = String::new();
    let mut in_tag = false;
    for letter in part.chars() {
        match letter {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ if !in_tag => text.push(letter),
            _ => {}
        }
    }
    Some(text)
}

#[tokio::test]
async fn today_has_who_waits_longest_first_and_by_person() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let manager = world.visitor(MANAGER).await?;
    let page = manager.page("/").await?;
    let list = page.split_once("class=\"waits\"").context("a list")?.1;
    let (first, second) =
        (list.find("47 分钟").context("the first")?, list.find("12 分钟").context("the second")?);
    assert!(first < second);
    let people = text_of(&page, "class=\"people\"", "</table>").context("by person")?;
    assert!(people.contains(WANG) && people.contains(LI), "{people}");
    // A gap during a wait, a promise: shown and marked.
    let promise = Wait {
        kind: "promise",
        standing: "unverified",
        answered: None,
        ..Wait::of("webhook:promise", WANG, world.stack.clock.now() - chrono::TimeDelta::minutes(3), 0)
    };
    world.count(&promise).await?;
    let page = manager.page("/today").await?;
    assert!(page.contains("承诺") && page.contains("待核实"));
    world.stop().await
}

#[tokio::test]
async fn every_number_is_made_of_the_waits_that_it_leads_to() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let manager = world.visitor(MANAGER).await?;
    let week = world.last_monday();
    let count = async |query: &str| -> Result<usize> {
        let page = manager.page(&format!("/waits?period=week&day={week}&{query}")).await?;
        Ok(page.matches("class=\"long\"").count())
    };
    let page = manager.page(&format!("/people/{WANG}?day={week}")).await?;
    let answered = count(&format!("person={WANG}&state=answered")).await?;
    assert_eq!(answered, 17, "16 and the slowest; the unverified one is left out");
    let link = format!("/waits?period=week&amp;day={week}&amp;person={}&amp;state=answered", encoded(WANG));
    assert!(page.contains(&format!("href=\"{link}\">17</a>")), "{link}");
    assert_eq!(count(&format!("person={WANG}&state=answered&within=600")).await?, 3);
    assert_eq!(count("standing=unverified").await?, 1);
    assert_eq!(count("state=answered&over=7200").await?, 1, "the slowest");
    assert_eq!(count("weekday=3&hour=10").await?, 2);
    // Of the heat map, all together.
    let hours: usize = {
        let map = page.split_once("class=\"heat\"").context("a map")?.1;
        let map = map.split_once("</table>").context("its end")?.0;
        let cells = map
            .split("hour=")
            .skip(1)
            .filter_map(|cell| cell.split_once('>')?.1.split('<').next()?.parse::<usize>().ok());
        cells.sum()
    };
    assert_eq!(hours, 17);
    world.stop().await
}

#[tokio::test]
async fn silent_rooms_are_counted_once_and_named_to_whoever_may_know_them() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let manager = world.visitor(MANAGER).await?;
    let week = world.last_monday();
    let page = manager.page(&format!("/people?period=week&day={week}")).await?;
    let link = format!("/silences?period=week&amp;day={week}&amp;person={}", encoded(WANG));
    assert!(page.contains(&format!("<a href=\"{link}\">1</a>")), "{page}");
    let silences = manager.page(&format!("/silences?period=week&day={week}")).await?;
    let rows: Vec<String> =
        silences.split("<tr>").skip(2).filter_map(|row| text_of(&format!("^{row}"), "^", "</tr>")).collect();
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0].starts_with("10") && rows[0].contains(ROOM_NAME) && rows[0].contains(WANG), "{rows:?}");
    assert!(rows[1].starts_with('7') && rows[1].contains(LI), "{rows:?}");
    let to_come = manager.page("/silences?period=week").await?;
    assert!(!to_come.contains(LI), "what will be is nothing yet");
    let own = world.visitor(WANG).await?.page(&format!("/silences?period=week&day={week}")).await?;
    assert!(own.contains(ROOM_NAME) && !own.contains(LI));
    let hr = world.visitor(crate::support::HR).await?;
    let figures = hr.page(&format!("/silences?period=week&day={week}")).await?;
    assert!(figures.contains(LI) && !figures.contains(ROOM_NAME), "{figures}");
    let file = manager.page(&format!("/export.csv?period=week&day={week}&by=silences")).await?;
    assert!(file.contains("静默工作日") && file.lines().count() == 3, "{file}");
    world.stop().await
}

#[tokio::test]
async fn managers_see_whether_teams_reach_their_targets() -> Result<()> {
    let mut world = World::start().await?;
    world.furnish().await?;
    let target = json!({ "team": "pre_sales", "share": { "percent": 80, "within": "30m" }, "median": "5m" });
    world.stack.config.rules.targets = vec![serde_json::from_value(target)?];
    world.stack.apply_rules(chrono::TimeDelta::days(400)).await?;
    let week = world.last_monday();
    let page = world.visitor(MANAGER).await?.page(&format!("/people?period=week&day={week}")).await?;
    let targets = text_of(&page, "<h2>目标</h2>", "</table>").context("targets")?;
    assert!(
        targets.contains("30 分钟内回复 ≥ 80%，中位 ≤ 5 分钟") && targets.contains("未达标"),
        "{targets}"
    );
    let own = world.visitor(WANG).await?.page(&format!("/people?period=week&day={week}")).await?;
    assert!(!own.contains("<h2>目标</h2>"), "of a team others are told nothing");
    world.stop().await
}

#[tokio::test]
async fn a_wait_says_how_long_it_was_why_it_counts_and_what_was_said() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let manager = world.visitor(MANAGER).await?;
    let page = manager.page("/waits/webhook:slowest").await?;
    for shown in [
        "最慢客户",
        "5 小时",
        "10:00:00",
        "15:00:00",
        "计入统计",
        "判定：",
        WANG,
        ROOM_NAME,
        WORDS,
        "可以的，我改好发您",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(manager.page("/waits/webhook:unverified").await?.contains("没有采集到"));
    assert_eq!(manager.status("/waits/webhook:nothing").await?, 404);
    // What retention has blanked stays away.
    store::sqlx::query("update timeline set body = null").execute(&world.stack.admin).await?;
    let page = manager.page("/waits/webhook:slowest").await?;
    assert!(!page.contains(WORDS) && page.contains("已过保存期"));
    world.stop().await
}

#[tokio::test]
async fn whoever_has_few_waits_is_marked_and_only_managers_sort_people() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let week = world.last_monday();
    let page = world.visitor(MANAGER).await?.page(&format!("/people?day={week}")).await?;
    assert_eq!(page.matches("样本少").count(), 2, "one person of two, and the legend");
    let names = |page: &str| (page.find(&format!(">{WANG}</a>")), page.find(&format!(">{LI}</a>")));
    let by_name = names(&page);
    let slowest = world.visitor(MANAGER).await?.page(&format!("/people?day={week}&sort=asked")).await?;
    assert!(by_name.0 > by_name.1 && names(&slowest).0 < names(&slowest).1, "{by_name:?}");
    world.stop().await
}

#[tokio::test]
async fn files_hold_what_the_page_shows_and_no_formula() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let opened = world.at(world.last_monday(), 12, 0)?;
    let hostile = Wait { customer: "=HYPERLINK(1)", ..Wait::of("webhook:<b>", WANG, opened, 9) };
    world.count(&hostile).await?;
    let manager = world.visitor(MANAGER).await?;
    let week = world.last_monday();
    let csv = manager.page(&format!("/export.csv?by=waits&day={week}&state=answered")).await?;
    assert!(csv.contains("最慢客户") && csv.contains("'=HYPERLINK(1)") && csv.lines().count() == 27, "{csv}");
    let people = manager.page(&format!("/export.csv?by=person&day={week}")).await?;
    assert!(people.contains(WANG) && people.contains(LI));
    let book = manager.answer(&format!("/export.xlsx?by=person&day={week}")).await?;
    assert!(book.headers()["content-disposition"].to_str()?.contains(".xlsx"));
    assert!(book.bytes().await?.starts_with(b"PK"));
    let page = manager.page(&format!("/waits?day={week}")).await?;
    assert!(page.contains("webhook%3A%3Cb%3E") && !page.contains("<b>"));
    world.stop().await
}

#[tokio::test]
async fn a_file_that_does_not_hold_all_waits_says_so() -> Result<()> {
    let world = World::start().await?;
    let week = world.last_monday();
    store::sqlx::query(
        "insert into performance_waits (wait, room, kind, standing, day, hour, stage, opened_at, closed_at, ending, holding,
                                        time_ms)
         select 'webhook:w-' || n, 'webhook:r-1', 'request', 'counted', $1, 10, 'pre-sales', $2, $2, 'cancelled', false, n
         from generate_series(1, 10001) n",
    )
    .bind(week)
    .bind(world.at(week, 10, 0)?)
    .execute(&world.stack.admin)
    .await?;
    let manager = world.visitor(MANAGER).await?;
    let csv = manager.page(&format!("/export.csv?by=waits&day={week}")).await?;
    assert_eq!(csv.lines().count(), 10_002, "the headings, as many waits as there may be, and a word");
    let last = csv.lines().last().unwrap_or_default();
    assert!(last.starts_with("只列出最长的 10000 条：请缩短时间"), "{last}");
    world.stop().await
}

#[tokio::test]
async fn names_are_never_markup() -> Result<()> {
    let world = World::start().await?;
    let hostile = "<script>alert(1)</script>";
    let wait = Wait {
        customer: hostile,
        topic: hostile,
        answered: None,
        ..Wait::of("webhook:x", WANG, world.stack.clock.now() - chrono::TimeDelta::minutes(5), 0)
    };
    world.count(&wait).await?;
    let manager = world.visitor(MANAGER).await?;
    for path in [
        "/",
        "/rooms?period=month",
        "/rooms/webhook:r-1?period=month",
        "/waits/webhook:x",
        "/waits?period=month",
    ] {
        let page = manager.page(path).await?;
        assert!(!page.contains(hostile), "{path}");
        assert!(page.contains("&lt;script&gt;"), "{path} shows it as text");
    }
    world.stop().await
}
