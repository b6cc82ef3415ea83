//! The board in a real Chromium, at the size of a desk's screen and of a phone, in light and dark. Pictures of it are kept
//! in `target/tmp/board`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use chrono::TimeDelta;
use serde_json::json;

use crate::browser::Browser;
use crate::support::{HR, MANAGER, WANG, WORDS, Wait, World};

/// The whole test has to end within this time.
const ALL_WITHIN: Duration = Duration::from_mins(2);
/// Where the pictures are kept.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/board");
/// A desk's screen and a phone, in pixels.
const SIZES: [(&str, u32, u32); 2] = [("desk", 1600, 1100), ("phone", 390, 844)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn managers_salespeople_and_hr_look_at_the_board() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let looked = async {
        let mut browser = Box::pin(Browser::start(Path::new(PICTURES))).await?;
        Box::pin(everything(&world, &mut browser)).await?;
        browser.stop().await
    };
    tokio::time::timeout(ALL_WITHIN, Box::pin(looked)).await.context("the board was too slow")??;
    world.stop().await
}

async fn everything(world: &World, browser: &mut Browser) -> Result<()> {
    browser.resize(1600, 1100).await?;
    enter(world, browser, MANAGER).await?;
    the_slowest_of_last_week_is_three_clicks_away(browser).await?;
    today_stays_up_to_date(world, browser).await?;
    pages_are_fit_to_be_seen(world, browser).await?;
    a_keyboard_is_enough(world, browser).await?;
    ensure!(browser.complaints.is_empty(), "scripts complained: {:?}", browser.complaints);
    a_salesperson_sees_their_own_alone(world, browser).await?;
    hr_sees_no_word(world, browser).await
}

/// Opens a link and presses its button.
async fn enter(world: &World, browser: &mut Browser, person: &str) -> Result<()> {
    browser.open(&world.link(person, &format!("browser/{person}"))?).await?;
    browser.until("the button is there", "!!find('button', '登录')").await?;
    browser.picture(&format!("login-{}", person.chars().count())).await?;
    browser.press("button", "登录").await?;
    browser.until("somebody is logged in", &format!("!!find('.who', {})", json!(person))).await
}

async fn the_slowest_of_last_week_is_three_clicks_away(browser: &mut Browser) -> Result<()> {
    browser.press("a", "上周最慢的回复").await?;
    browser.until("the list is there", "location.pathname === '/waits' && !!find('.waits .long a')").await?;
    browser.press(".waits .long a", "").await?;
    browser.until("it is the slowest", "!!find('h1', '最慢客户 等了 5 小时')").await?;
    browser.until("its words are there", &format!("!!find('.words', {})", json!(WORDS))).await?;
    // The other way, by the menu: waits, last week, the first that was answered.
    browser.press("nav a", "等待").await?;
    browser.until("waits are listed", "!!find('h1', '等待') && !!find('.presets a', '上周')").await?;
    browser.press(".presets a", "上周").await?;
    browser.until("of last week", "!!find('.waits td', '最慢客户')").await
}

async fn today_stays_up_to_date(world: &World, browser: &mut Browser) -> Result<()> {
    browser.press("nav a", "今天").await?;
    browser.until("the page listens", "!!document.querySelector('[data-connected]')").await?;
    let opened = world.stack.clock.now() - TimeDelta::minutes(3);
    let wait =
        Wait { customer: "新来的客户", answered: None, ..Wait::of("webhook:new", WANG, opened, 0) };
    world.count(&wait).await?;
    browser.until("the new wait is on the page", "!!find('.waits td', '新来的客户')").await
}

/// Nothing but tables is wider than the window, and charts are drawn of the tables' figures.
async fn pages_are_fit_to_be_seen(world: &World, browser: &mut Browser) -> Result<()> {
    let last = world.last_monday();
    let pages = [
        ("today", "/".to_owned()),
        ("people", format!("/people?day={last}")),
        ("person", format!("/people/{WANG}?period=month&day={last}")),
        ("rooms", format!("/rooms?day={last}")),
        ("room", format!("/rooms/webhook:r-1?day={last}")),
        ("stages", format!("/stages?day={last}")),
        ("waits", format!("/waits?day={last}")),
        ("wait", "/waits/webhook:slowest".to_owned()),
    ];
    for dark in [false, true] {
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        browser.call("Emulation.setEmulatedMedia", media).await?;
        for (size, width, height) in SIZES {
            for (name, path) in &pages {
                browser.resize(width, height).await?;
                browser.open(&format!("{}{path}", world.url)).await?;
                browser.until("the page is there", &shown(path)).await?;
                let fits = "document.documentElement.scrollWidth <= innerWidth";
                browser.until(&format!("{name} is no wider than a {size}"), fits).await?;
                let drawn = "[...document.querySelectorAll('canvas[data-chart]')].every(node => Chart.getChart(node))";
                browser.until(&format!("the charts of {name} are drawn"), drawn).await?;
                let whole = browser.value("Math.min(document.documentElement.scrollHeight, 4000)").await?;
                browser.resize(width, u32::try_from(whole.as_u64().unwrap_or_default())?.max(height)).await?;
                browser.picture(&format!("{name}-{size}-{scheme}")).await?;
            }
        }
    }
    browser.resize(1600, 1100).await?;
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print", "features": [] })).await?;
    browser.open(&format!("{}/people?day={last}", world.url)).await?;
    browser.until("it is there for printing", &shown("/people")).await?;
    browser.picture("people-print").await?;
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "", "features": [] })).await?;
    Ok(())
}

/// The page of a path has come, and its scripts have run.
fn shown(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    format!("decodeURIComponent(location.pathname) === {} && document.readyState === 'complete'", json!(path))
}

async fn a_keyboard_is_enough(world: &World, browser: &mut Browser) -> Result<()> {
    browser.open(&format!("{}/people", world.url)).await?;
    browser.until("it is there", &shown("/people")).await?;
    key(browser, "Tab").await?;
    browser.until("the way past the menu comes first", "document.activeElement.className === 'skip'").await?;
    for _ in 0..3 {
        key(browser, "Tab").await?;
    }
    browser.until("then the menu", "document.activeElement.textContent === '人员'").await?;
    let named = "[...document.querySelectorAll('canvas, [role=region], nav')].every(node => node.getAttribute('aria-label'))";
    browser.until("what is no text has a name", named).await?;
    browser.until("there is one heading", "document.querySelectorAll('h1').length === 1").await
}

async fn key(browser: &mut Browser, name: &str) -> Result<()> {
    for kind in ["rawKeyDown", "keyUp"] {
        let event = json!({ "type": kind, "key": name, "code": name, "windowsVirtualKeyCode": 9 });
        browser.call("Input.dispatchKeyEvent", event).await?;
    }
    Ok(())
}

async fn a_salesperson_sees_their_own_alone(world: &World, browser: &mut Browser) -> Result<()> {
    browser.resize(390, 844).await?;
    enter(world, browser, WANG).await?;
    browser.picture("today-of-a-salesperson").await?;
    for path in ["/people/李小后", "/waits?person=李小后", "/waits/webhook:open-2"] {
        browser.open(&format!("{}{path}", world.url)).await?;
        browser.until(&format!("{path} is refused"), "!!find('h1', '没有权限')").await?;
    }
    browser.picture("refused").await?;
    browser.open(&format!("{}/people", world.url)).await?;
    browser.until("their own line is there", &format!("!!find('tbody th', {})", json!(WANG))).await?;
    browser.until("and no other", "document.querySelectorAll('.figures tbody tr').length === 1").await
}

async fn hr_sees_no_word(world: &World, browser: &mut Browser) -> Result<()> {
    browser.resize(1600, 1100).await?;
    enter(world, browser, HR).await?;
    browser.until("rooms are not for them", "!find('nav a', '群聊') && !!find('nav a', '人员')").await?;
    browser.open(&format!("{}/waits/webhook:slowest", world.url)).await?;
    browser.until("the time is there", "!!find('h1', '客户等了 5 小时')").await?;
    let page = browser.value("document.documentElement.outerHTML").await?;
    let page = page.as_str().context("a page")?;
    ensure!(!page.contains(WORDS) && !page.contains("最慢客户"), "no text, no customer");
    browser.picture("wait-of-hr").await
}
