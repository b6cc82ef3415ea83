//! The demo's page in a real Chromium, played on as its users do: with mouse and keys, at the size of a desk's screen and
//! of a phone. Pictures of it are kept in `target/tmp/page`.

mod browser;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use browser::Browser;
use huiyin::demo::{Demo, Options};
use runtime::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The whole test has to end within this time.
const ALL_WITHIN: Duration = Duration::from_mins(2);
/// Where the pictures are kept.
const PICTURES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/page");

/// 晨光贸易: owner 林小样, a customer 蓝先生.
const DAWN: &str = "晨光贸易";
/// 星河食品: owner 周例安, a customer 橙女士.
const GALAXY: &str = "星河食品";
/// 白鹭物流: owner 陈拟夏, a customer 紫采购.
const EGRET: &str = "白鹭物流";

/// 小满花店: owner 陈拟夏. Somebody waits in it when the demo begins.
const FLORIST: &str = "小满花店";
/// 半亩咖啡: owner 沈演冬. Here too.
const CAFE: &str = "半亩咖啡";
/// Who owned rooms in the month before the demo.
const OWNERS: [&str; 5] = ["林小样", "周例安", "陈拟夏", "许试秋", "沈演冬"];

/// The demo's ladder of the first stage: 当前级别, and its colour.
const LADDER: [(&str, &str); 5] = [
    ("青 10 秒", "turquoise"),
    ("黄 20 秒", "yellow"),
    ("橙 30 秒", "orange"),
    ("红 40 秒", "red"),
    ("紫 50 秒", "purple"),
];
const RUNG_SECONDS: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_seen_reminded_of_and_answered_on_the_page() -> Result<()> {
    let played = async {
        let mut play = Box::pin(Play::start()).await?;
        let outcome = everything(&mut play).await;
        if outcome.is_err() {
            println!("services that failed: {}", play.failures().await?);
        }
        let stopped = play.stop().await;
        outcome.and(stopped)
    };
    tokio::time::timeout(ALL_WITHIN, Box::pin(played)).await.context("the page was too slow")?
}

async fn everything(play: &mut Play) -> Result<()> {
    who_waits_at_the_start_is_answered(play).await?;
    rooms_get_owners(play).await?;
    waits_stand_on_top(play).await?;
    the_ladder_is_climbed(play).await?;
    a_wait_is_one_card_in_a_chat(play).await?;
    a_room_is_handed_over(play).await?;
    the_new_owner_hears_of_it(play).await?;
    a_reply_ends_a_wait(play).await?;
    a_press_ends_a_wait(play).await?;
    a_press_is_taken_back(play).await?;
    a_phone_shows_one_part_at_a_time(play).await?;
    the_board_shows_a_past_week(play).await
}

/// The month before the demo has ended but for two.
async fn who_waits_at_the_start_is_answered(play: &mut Play) -> Result<()> {
    for (room, owner) in [(FLORIST, "陈拟夏"), (CAFE, "沈演冬")] {
        play.row(room, "等待状态", "等待中").await?;
        play.say(room, owner, "我们这边已经安排好了，下午给您送到").await?;
        play.row(room, "等待状态", "已回复").await?;
    }
    let waiting =
        "[...document.querySelectorAll('tbody tr')].some(row => row.textContent.includes('等待中'))";
    play.browser.until("nobody waits any more", &format!("!{waiting}")).await
}

/// Nobody's rooms leave their view as soon as somebody owns them.
async fn rooms_get_owners(play: &mut Play) -> Result<()> {
    for (room, customer) in [(DAWN, "蓝先生"), (GALAXY, "橙女士"), (EGRET, "紫采购")] {
        play.say(room, customer, "好的，谢谢").await?;
        play.row(room, "判定原因", "「好的」是结束语，不需要回复").await?;
    }
    play.view("无负责人群聊列表", &[DAWN, GALAXY, EGRET]).await?;
    play.browser.picture("1-without-owners").await?;
    for (room, owner) in [(DAWN, "林小样"), (GALAXY, "周例安"), (EGRET, "陈拟夏")] {
        play.fill(room, "负责人", owner).await?;
    }
    play.view("无负责人群聊列表", &[]).await?;
    play.open("群聊总表").await?;
    play.row(DAWN, "生效负责人", "林小样").await?;
    play.open("今日群聊").await
}

async fn waits_stand_on_top(play: &mut Play) -> Result<()> {
    play.say(GALAXY, "橙女士", "我们的货什么时候到？").await?;
    play.row(GALAXY, "等待状态", "等待中").await?;
    play.say(DAWN, "蓝先生", "在吗？想问一下新款的报价").await?;
    play.row(DAWN, "等待状态", "等待中").await?;
    // Who asks for a quotation goes before whoever has waited longer.
    play.begins_with(&[DAWN, GALAXY]).await?;
    let seen = "var box = document.getElementById('table-box'); \
                find('thead th', '负责人未回覆时间').getBoundingClientRect().right \
                <= box.getBoundingClientRect().right && box.scrollLeft === 0";
    play.browser.until("how long is seen without scrolling", seen).await?;
    play.browser.picture("2-waiting").await
}

/// Real time goes on as well, so that a rung may be passed before it is looked at; none is shown in another's colour.
async fn the_ladder_is_climbed(play: &mut Play) -> Result<()> {
    for reached in 0..LADDER.len() {
        let (level, _) = LADDER[reached];
        let rungs = &LADDER[reached..];
        let shown = rungs.iter().map(|(level, colour)| {
            format!("node.textContent === '{level}' && node.className.includes('c-{colour}')")
        });
        let shown = shown.collect::<Vec<_>>().join(" || ");
        let row = Play::row_of(GALAXY);
        let is_shown = format!("[...({row})?.querySelectorAll('.pill') ?? []].some(node => {shown})");
        play.until_in_time(&format!("{level} or more is shown in its colour"), &is_shown).await?;
        let heads: Vec<String> = rungs.iter().map(|(_, colour)| format!(".card-head.c-{colour}")).collect();
        play.card("周例安", &format!(":is({})", heads.join(", ")), GALAXY).await?;
    }
    play.card("公共群", ":is(.c-orange, .c-red, .c-purple)", GALAXY).await?;
    play.browser.press(".chat", "全部").await?;
    play.browser.picture("3-escalated").await
}

/// The cards of the rungs below have shrunk to lines without buttons and menus.
async fn a_wait_is_one_card_in_a_chat(play: &mut Play) -> Result<()> {
    play.card("周例安", ".card.closed", "已升级").await?;
    let one = "document.querySelectorAll('.stream .card:not(.closed)').length === 1 \
               && document.querySelectorAll('.stream .card button').length === 3 \
               && document.querySelectorAll('.stream .card select').length === 4";
    play.browser.until("one card is left that can be pressed", one).await?;
    play.browser.picture("3-one-card").await
}

/// Into after-sales, which a manager has to approve.
async fn a_room_is_handed_over(play: &mut Play) -> Result<()> {
    play.view("待核准列表", &[]).await?;
    play.open("群聊总表").await?;
    play.fill(GALAXY, "群聊阶段", "after-sales").await?;
    play.fill(GALAXY, "负责人", "沈演冬").await?;
    play.row(GALAXY, "系统信息", "等待管理员核准").await?;
    play.view("待核准列表", &[GALAXY]).await?;
    play.browser.picture("4-to-approve").await?;
    play.browser.press(&Play::cell(GALAXY, "核准进入售后阶段"), "").await?;
    play.view("待核准列表", &[]).await?;
    play.open("群聊总表").await?;
    play.row(GALAXY, "生效负责人", "沈演冬").await?;
    play.row(GALAXY, "系统信息", "已成功更新至售后阶段").await?;
    play.open("今日群聊").await
}

async fn the_new_owner_hears_of_it(play: &mut Play) -> Result<()> {
    play.card("沈演冬", ".card:not(.closed)", GALAXY).await?;
    play.card("周例安", ".card.closed", "已转交给 沈演冬").await?;
    play.browser.until("nothing is left to press", "!find('.stream button')").await?;
    play.browser.picture("4-handed-over").await
}

async fn a_reply_ends_a_wait(play: &mut Play) -> Result<()> {
    play.say(DAWN, "林小样", "在的，报价单这就发您").await?;
    play.row(DAWN, "等待状态", "已回复").await?;
    play.row(DAWN, "判定原因", "客户发来文字，林小样已回复").await?;
    play.row(DAWN, "当前级别", "").await?;
    play.card("林小样", ".card.closed", "已回复 · 林小样").await?;
    play.browser.until("nothing is left to press", "!find('.stream button')").await?;
    play.browser.picture("5-answered").await
}

async fn a_press_ends_a_wait(play: &mut Play) -> Result<()> {
    play.browser.press(".chat", "公共群").await?;
    play.browser.press(".card-button button", "不用回复").await?;
    play.browser.press("#confirm button", "确认").await?;
    play.browser.until("it is said", "!document.getElementById('toast').hidden").await?;
    let cancelled = "[...document.querySelectorAll('tbody tr')].some(row => row.textContent.includes('已取消') \
                     && row.textContent.includes('顾样山标记为不用回复'))";
    play.browser.until("the row says who and why", cancelled).await?;
    play.card("公共群", ".card.closed", "不用回复 · 顾样山").await?;
    play.browser.picture("6-no-reply-needed").await
}

async fn a_press_is_taken_back(play: &mut Play) -> Result<()> {
    play.browser.press(".card.closed button", "撤销").await?;
    play.row(GALAXY, "等待状态", "等待中").await?;
    play.row(GALAXY, "判定原因", "客户发来文字，等待回复").await?;
    play.card("公共群", ".card:not(.closed)", GALAXY).await?;
    play.browser.picture("6-taken-back").await
}

async fn a_phone_shows_one_part_at_a_time(play: &mut Play) -> Result<()> {
    let browser = &mut play.browser;
    browser.resize(390, 844).await?;
    for (part, name) in [("rooms", "微信群"), ("sheets", "维格表"), ("cards", "飞书")] {
        browser.press(".views button", name).await?;
        browser.until("it is shown", &format!("document.getElementById('{part}').offsetWidth > 300")).await?;
        let small = "document.querySelector('main').getBoundingClientRect().top <= 130";
        browser.until("the head is small", small).await?;
        let within = "document.scrollingElement.scrollWidth === innerWidth";
        browser.until("nothing stands out of the window", within).await?;
        browser.picture(&format!("7-phone-{part}")).await?;
    }
    Ok(())
}

/// It is opened by the page's link, as the manager.
async fn the_board_shows_a_past_week(play: &mut Play) -> Result<()> {
    let browser = &mut play.browser;
    browser.resize(1600, 1000).await?;
    let link = browser.value("find('a', '绩效看板').href").await?;
    browser.open(link.as_str().context("the page has no link to the board")?).await?;
    browser.until("it asks who they are", &loaded("/login")).await?;
    browser.press("button", "登录").await?;
    browser.until("they are let in", &loaded("/")).await?;
    browser.until("it is the manager", "!!find('.who', '顾样山')").await?;
    browser.press("nav a", "人员").await?;
    browser.until("people are there", &loaded("/people")).await?;
    browser.press(".presets a", "上周").await?;
    for owner in OWNERS {
        let figures = format!(
            "Number(find('.figures tbody tr', {})?.querySelector('td')?.textContent) > 9",
            json!(owner)
        );
        browser.until(&format!("{owner} was asked things"), &figures).await?;
    }
    let drawn = "var charts = [...document.querySelectorAll('canvas[data-chart]')].map(node => Chart.getChart(node)); \
                 charts.length === 2 && document.querySelectorAll('.heat td a').length > 20 && charts.every(chart => \
                 chart?.data.datasets.some(set => set.data.filter(value => value > 0).length > 3))";
    browser.until("its charts have something to show", drawn).await?;
    for (name, width, height) in [("8-board", 1600, 1000), ("8-board-phone", 390, 2400)] {
        browser.resize(width, height).await?;
        browser.picture(name).await?;
    }
    Ok(())
}

/// A page is there with its styles, so that nothing moves under the mouse any more.
fn loaded(path: &str) -> String {
    format!("location.pathname === '{path}' && document.readyState === 'complete'")
}

/// A demo of its own with the page open in a browser.
struct Play {
    demo: Demo,
    browser: Browser,
    _home: TempDir,
}

impl Play {
    async fn start() -> Result<Self> {
        let browser = Browser::start(Path::new(PICTURES)).await?;
        let home = tempfile::Builder::new().prefix("huiyin-page-").tempdir()?;
        let tools = local_stack::testing::settings(home.path())?.tools;
        let options = Options {
            home: home.path().to_owned(),
            tools,
            headless: true,
            without_gateway: true,
            without_history: false,
        };
        let demo = Demo::start(&options, Clock::system(), &|line| println!("· {line}")).await?;
        let mut play = Self { demo, browser, _home: home };
        play.browser.resize(1600, 900).await?;
        play.browser.open(&play.demo.info.page).await?;
        play.browser.until("the rooms are there", "document.querySelectorAll('.room').length >= 4").await?;
        Ok(play)
    }

    /// Ends all of it. The page's scripts must have had nothing to complain of.
    async fn stop(self) -> Result<()> {
        let complaints = self.browser.complaints.clone();
        self.browser.stop().await?;
        self.demo.stop().await;
        ensure!(complaints.is_empty(), "the browser complains: {complaints:?}");
        Ok(())
    }

    /// Which services of the demo failed, and why.
    async fn failures(&self) -> Result<Value> {
        let url = format!("{}api/state", self.demo.info.page);
        let state: Value = runtime::http::client()?.get(url).send().await?.json().await?;
        Ok(state["failures"].clone())
    }

    /// Moves the time of services, simulators and page.
    fn advance(&self, seconds: u64) {
        self.demo.clock.advance(Duration::from_secs(seconds));
    }

    /// Somebody says something in a room.
    async fn say(&mut self, room: &str, speaker: &str, text: &str) -> Result<()> {
        self.browser.press(".room", room).await?;
        self.browser.press(".speaker", speaker).await?;
        self.browser.press("#draft", "").await?;
        self.browser.write(text).await?;
        self.browser.press("#send", "").await?;
        let said = format!("Boolean(find('.lines .bubble', {}))", json!(text));
        self.browser.until(&format!("{text} is shown"), &said).await
    }

    /// Waits until an expression is true in the page, and lets ever more time pass meanwhile.
    async fn until_in_time(&mut self, what: &str, expression: &str) -> Result<()> {
        if self.browser.value(expression).await? != json!(true) {
            self.advance(RUNG_SECONDS);
        }
        self.browser.until(what, expression).await
    }

    /// The selector of an editable cell.
    fn cell(room: &str, column: &str) -> String {
        format!("[aria-label='{column}，{room}']")
    }

    /// What finds a room's row in the table on show.
    fn row_of(room: &str) -> String {
        format!(
            "[...document.querySelectorAll('tbody tr')].find(row => row.firstChild.textContent === '{room}')"
        )
    }

    /// Waits until the table on show says this of a room.
    async fn row(&mut self, room: &str, column: &str, text: &str) -> Result<()> {
        let says = format!(
            "var at = [...document.querySelectorAll('thead th')].findIndex(head => head.textContent === '{column}'); \
             at >= 0 && ({})?.children[at]?.textContent === {}",
            Self::row_of(room),
            json!(text)
        );
        self.browser.until(&format!("{column} of {room} says {text}"), &says).await
    }

    /// Opens a sheet or a view.
    async fn open(&mut self, title: &str) -> Result<()> {
        self.browser.press("#sheet-tabs button", title).await
    }

    /// Waits until the table on show holds these rooms, in this order.
    async fn holds(&mut self, rooms: &[&str]) -> Result<()> {
        let holds = format!(
            "JSON.stringify([...document.querySelectorAll('tbody th')].map(cell => cell.textContent)) === '{}'",
            json!(rooms)
        );
        self.browser.until(&format!("{rooms:?} are there"), &holds).await
    }

    /// Waits until the table on show begins with these rooms, in this order.
    async fn begins_with(&mut self, rooms: &[&str]) -> Result<()> {
        let begins = format!(
            "JSON.stringify([...document.querySelectorAll('tbody th')].slice(0, {}).map(cell => cell.textContent)) \
             === '{}'",
            rooms.len(),
            json!(rooms)
        );
        self.browser.until(&format!("{rooms:?} stand on top"), &begins).await
    }

    /// Opens a view, and waits until it holds these rooms and says how many they are.
    async fn view(&mut self, title: &str, rooms: &[&str]) -> Result<()> {
        self.open(title).await?;
        self.holds(rooms).await?;
        let counted =
            format!("find('#sheet-tabs [aria-selected=true]').textContent === '{title}{}'", rooms.len());
        self.browser.until("they are counted", &counted).await
    }

    /// A manager fills an editable cell.
    async fn fill(&mut self, room: &str, column: &str, value: &str) -> Result<()> {
        let (cell, value) = (json!(Self::cell(room, column)), json!(value));
        let change = format!(
            "var cell = find({cell}); cell?.focus(); if (cell) cell.value = {value}; \
             cell?.dispatchEvent(new Event('change')); cell?.blur(); Boolean(cell)"
        );
        self.browser.until(&format!("{column} of {room} can be edited"), &change).await
    }

    /// Opens a chat and waits for a card that matches and says this.
    async fn card(&mut self, chat: &str, selector: &str, text: &str) -> Result<()> {
        self.browser.press(".chat", chat).await?;
        let found = format!("Boolean(find('.stream {selector}', {}))", json!(text));
        self.browser.until(&format!("{chat} has {selector} with {text}"), &found).await
    }
}
