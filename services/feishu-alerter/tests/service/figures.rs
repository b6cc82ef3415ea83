//! At six managers read how the day went, on Monday how the week did, and owners what is theirs, if the company wants it so.

use anyhow::{Context as _, Result};
use chrono::{Datelike as _, TimeDelta};
use domain::id::StaffName;
use domain::rules::Target;
use runtime::config::{Board, Secret};
use store::role::Role;
use store::sqlx;
use testkit::company::{CHEN, LI, WANG, says};
use testkit::{Running, until};

use crate::support::{Scene, Seen, TO_ALL, TO_LI, TO_MANAGER, TO_WANG};

impl Scene {
    async fn performance(&self) -> Result<Running> {
        self.stack.run(Role::Performance, performance::run).await
    }

    /// Waits until everything folded is counted.
    async fn until_counted(&self, waits: i64) -> Result<()> {
        until(&format!("{waits} waits are counted"), || async {
            let counted: (i64, i64) = sqlx::query_as(
                "select (select count(*) from performance_waits),
                        (select count(*) from rooms left join performance_rooms seen using (room)
                         where seen.version is distinct from rooms.version)",
            )
            .fetch_one(&self.stack.admin)
            .await?;
            Ok(counted == (waits, 0))
        })
        .await
    }

    /// On the next day 王小售 answers a question within four minutes, and then it is six.
    async fn answered_until_six(&self) -> Result<()> {
        self.at(1, "10:00").await?;
        let from = self.now() - TimeDelta::hours(1);
        self.publish(&says("r1", WANG, from - TimeDelta::minutes(1), "您好")).await?;
        self.publish(&says("r1", CHEN, from, "在吗？")).await?;
        self.publish(&says("r1", WANG, from + TimeDelta::minutes(4), "在的")).await?;
        self.until_counted(1).await?;
        self.at(0, "18:00").await
    }

    /// In how many days it is the Tuesday of next week, in the company's zone.
    fn days_to_tuesday(&self) -> i64 {
        let today = self.stack.config.rules.day_of(self.now());
        8 - i64::from(today.weekday().num_days_from_monday())
    }

    /// The cards with figures in a chat, once everything is sent.
    async fn figure_cards(&self, chat: &str) -> Result<Vec<Seen>> {
        self.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0)
            .await?;
        let mut cards = self.cards(chat).await?;
        cards.retain(|card| card.title.contains("回复情况"));
        Ok(cards)
    }

    async fn until_figure_cards(&self, chat: &str, count: usize) -> Result<Vec<Seen>> {
        until(&format!("{count} cards with figures in {chat}"), || async {
            Ok(self.figure_cards(chat).await?.len() == count)
        })
        .await?;
        self.figure_cards(chat).await
    }
}

#[tokio::test]
async fn managers_read_the_day_at_six_and_the_week_on_monday() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.set_chat("周经理", Some(TO_MANAGER)).await?;
    scene.stack.config.rules.managers.push(StaffName("没有群".into()));
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let (alerter, performance) = (scene.alerter().await?, scene.performance().await?);
    scene.at(scene.days_to_tuesday(), "10:00").await?;
    let from = scene.now();
    let at = |minutes| from + TimeDelta::minutes(minutes) - TimeDelta::hours(1);
    for (room, owner, minutes) in [("r1", WANG, 4), ("r2", LI, 12)] {
        scene.publish(&says(room, owner, at(-1), "您好")).await?;
        scene.publish(&says(room, CHEN, at(0), "在吗？")).await?;
        scene.publish(&says(room, owner, at(minutes), "在的")).await?;
    }
    scene.publish(&says("r3", WANG, at(0), "您好")).await?;
    scene.publish(&says("r3", CHEN, at(50), "价格多少？")).await?;
    scene.until_counted(3).await?;
    // Figures of people are for managers, whoever stands in for one.
    scene.is_away("周经理", "王小售", 7 * 24 * 60).await?;
    scene.at(0, "17:59").await?;
    assert!(scene.figure_cards(TO_ALL).await?.is_empty(), "not before six");
    scene.advance(1);
    let card = scene.until_figure_cards(TO_MANAGER, 1).await?.remove(0);
    let day = scene.now().with_timezone(&chrono_tz::Asia::Shanghai).format("%m-%d");
    assert_eq!(card.title, format!("📊 回复情况（{day}）"));
    for words in [
        "客户提问 3 次：已回复 2，等待中 1",
        "回复用时：中位 12 分钟，九成线至少 8 小时",
        "10 分钟内 33%（样本少，仅供参考）",
        "• 王小售：2 次",
        "• 李小后：1 次，中位 12 分钟，10 分钟内 0%（样本少，仅供参考）",
        "还在等：示例公司-r3，已等 8 小时",
        "截至",
    ] {
        assert!(card.text.contains(words), "{words} in {}", card.text);
    }
    assert!(!card.text.contains("价格多少"), "nothing of what was said: {}", card.text);
    // A manager who is not reached alone is told where everybody reads, and there nobody is compared with anybody.
    let public = scene.until_figure_cards(TO_ALL, 1).await?.remove(0);
    assert!(public.text.contains("客户提问 3 次") && !public.text.contains("王小售"), "{}", public.text);
    assert!(
        scene.figure_cards(TO_WANG).await?.is_empty(),
        "their own is off, and a deputy gets no manager's"
    );

    // The week before, once, on its first working day.
    scene.at(6, "09:00").await?;
    let weeks = scene.until_figure_cards(TO_ALL, 2).await?;
    assert!(weeks[1].title.contains("至"), "{}", weeks[1].title);
    assert!(weeks[1].text.contains("客户提问 3 次"), "{}", weeks[1].text);
    scene.at(1, "09:00").await?;
    assert_eq!(scene.figure_cards(TO_ALL).await?.iter().filter(|card| card.title.contains("至")).count(), 1);
    performance.stop().await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn an_owner_reads_their_own_figures_and_nobody_elses() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.stack.config.rules.figure_cards.day = None;
    scene.stack.config.rules.figure_cards.own = Some("18:00".parse()?);
    // Nobody reaches this one alone, and what is their own is nobody else's.
    scene.stack.config.rules.roster[1].addresses = domain::address::Addresses::default();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let (alerter, performance) = (scene.alerter().await?, scene.performance().await?);
    scene.at(1, "10:00").await?;
    let from = scene.now();
    for (room, owner, minutes) in [("r1", WANG, 4), ("r2", LI, 12)] {
        scene.publish(&says(room, owner, from - TimeDelta::minutes(61), "您好")).await?;
        scene.publish(&says(room, CHEN, from - TimeDelta::minutes(60), "在吗？")).await?;
        scene.publish(&says(room, owner, from - TimeDelta::minutes(60 - minutes), "在的")).await?;
    }
    scene.until_counted(2).await?;
    scene.at(0, "18:00").await?;
    let card = scene.until_figure_cards(TO_WANG, 1).await?.remove(0);
    assert!(card.title.starts_with("📊 我的回复情况"), "{}", card.title);
    assert!(card.text.contains("客户提问 1 次：已回复 1"), "{}", card.text);
    assert!(!card.text.contains(StaffName("李小后".into()).as_str()), "{}", card.text);
    assert!(scene.figure_cards(TO_ALL).await?.is_empty() && scene.figure_cards(TO_LI).await?.is_empty());
    performance.stop().await?;
    scene.stop(alerter).await
}

/// A board that the performance service serves, which the cards lead to.
fn with_board(scene: &mut Scene) -> Result<Board> {
    let listen = testkit::free_address()?;
    let board = Board {
        listen,
        public_url: format!("http://{listen}"),
        session_key: Secret::new("a key of the tests, long enough for one"),
        hr: Vec::new(),
        people_see_each_other: false,
        feishu_login: None,
    };
    scene.stack.config.performance.board = Some(board.clone());
    Ok(board)
}

/// The link on a card that is called so.
fn link(card: &Seen, label: &str) -> Option<String> {
    let (_, rest) = card.text.split_once(&format!("[{label}]("))?;
    Some(rest.split_once(')')?.0.to_owned())
}

#[tokio::test]
async fn figures_lead_to_their_page_of_the_board_for_whoever_may_see_it() -> Result<()> {
    let mut scene = Scene::start().await?;
    let board = with_board(&mut scene)?;
    scene.set_chat("周经理", Some(TO_MANAGER)).await?;
    scene.stack.config.rules.figure_cards.own = Some("18:00".parse()?);
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let (alerter, performance) = (scene.alerter().await?, scene.performance().await?);
    scene.answered_until_six().await?;
    let day = scene.stack.config.rules.day_of(scene.now());
    let of_all = scene.until_figure_cards(TO_MANAGER, 1).await?.remove(0);
    let people = format!("{}/people?period=day&day={day}", board.public_url);
    assert_eq!(link(&of_all, "打开看板"), Some(people.clone()), "{}", of_all.text);
    let own = scene.until_figure_cards(TO_WANG, 1).await?.remove(0);
    let page = link(&own, "打开看板").unwrap_or_default();
    assert!(page.starts_with(&format!("{}/people/%E7%8E%8B", board.public_url)), "{}", own.text);
    for card in [&of_all, &own] {
        assert!(!card.text.contains("/login"), "whoever reads along must not be logged in: {}", card.text);
    }
    // Whoever comes is asked who they are, and then sees what is theirs.
    let http = runtime::http::client()?;
    assert_eq!(http.get(&page).send().await?.status(), 401);
    let signer = board_session::Signer::new(board.session_key.clone());
    let cookie = format!("huiyin_board={}", signer.session("王小售", scene.now()));
    let seen = |url: String| http.get(url).header("cookie", cookie.clone()).send();
    let shown = seen(page).await?;
    assert_eq!(shown.status(), 200);
    let shown = shown.text().await?;
    assert!(shown.contains("王小售") && shown.contains(&day.to_string()), "{shown}");
    assert_eq!(seen(people).await?.status(), 200);
    performance.stop().await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn the_week_says_of_each_team_whether_it_reached_its_target() -> Result<()> {
    let mut scene = Scene::start().await?;
    scene.set_chat("周经理", Some(TO_MANAGER)).await?;
    let target = |team: &str, more: serde_json::Value| {
        serde_json::from_value::<Target>(serde_json::json!({ "team": team, "share": more }))
    };
    scene.stack.config.rules.targets = vec![
        target("pre_sales", serde_json::json!({ "percent": 80, "within": "10m" }))?,
        target("after_sales", serde_json::json!({ "percent": 80, "within": "5m" }))?,
        target("other", serde_json::json!({ "percent": 80, "within": "5m" }))?,
    ];
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let (alerter, performance) = (scene.alerter().await?, scene.performance().await?);
    scene.at(scene.days_to_tuesday(), "10:00").await?;
    let from = scene.now() - TimeDelta::hours(6);
    // Ten each: of 售前 nine within ten minutes, of 售后 none within five.
    for n in 0..10_i64 {
        let slow = if n == 9 { 12 } else { 4 };
        for (room, owner, minutes) in [("r1", WANG, slow), ("r2", LI, 6)] {
            let at = from + TimeDelta::minutes(30 * n);
            scene.publish(&says(room, owner, at - TimeDelta::minutes(1), "您好")).await?;
            scene.publish(&says(room, CHEN, at, &format!("第 {n} 个问题怎么办？"))).await?;
            scene.publish(&says(room, owner, at + TimeDelta::minutes(minutes), "这样办")).await?;
        }
    }
    scene.until_counted(20).await?;
    scene.at(6, "09:00").await?;
    let cards = scene.until_figure_cards(TO_MANAGER, 1).await?;
    let week = cards.iter().find(|card| card.title.contains("至")).map(|card| card.text.clone());
    let week = week.unwrap_or_default();
    for words in [
        "🎯 售前：达标（目标 10 分钟内回复 ≥ 80%；实际 90%）",
        "🎯 售后：未达标（目标 5 分钟内回复 ≥ 80%；实际 0%）",
        "🎯 其他员工：样本少，不评（目标 5 分钟内回复 ≥ 80%）",
    ] {
        assert!(week.contains(words), "{words} in {week}");
    }
    performance.stop().await?;
    scene.stop(alerter).await
}

/// What a person was sent where nobody else reads.
async fn sent_to(scene: &Scene, account: &str) -> Result<Vec<String>> {
    let chats = scene.control("GET", "chats", &serde_json::json!({})).await?;
    let chats = chats["chats"].as_array().context("chats")?;
    let own = chats.iter().find(|chat| chat["p2p"] == account);
    let Some(own) = own.and_then(|chat| chat["chat_id"].as_str()) else { return Ok(Vec::new()) };
    Ok(scene.cards(own).await?.into_iter().map(|card| card.text).collect())
}

#[tokio::test]
async fn whoever_presses_is_sent_a_link_of_their_own_where_nobody_else_reads() -> Result<()> {
    const OU_WANG: &str = "ou_wang";
    let mut scene = Scene::start().await?;
    let board = with_board(&mut scene)?;
    scene.set_chat("周经理", Some(TO_MANAGER)).await?;
    scene.stack.config.rules.figure_cards.own = Some("18:00".parse()?);
    scene.give_accounts(&[("王小售", OU_WANG)]).await?;
    let (alerter, performance) = (scene.alerter().await?, scene.performance().await?);
    scene.answered_until_six().await?;
    let own = scene.until_figure_cards(TO_WANG, 1).await?.remove(0);
    let press = async |person: &str| {
        let click = serde_json::json!({ "message_id": own.message_id, "open_id": person });
        let seen = scene.control("POST", "click", &click).await?;
        anyhow::Ok(seen["toast"]["content"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(press(OU_WANG).await?, "登录链接已经私发给您，10 分钟内有效");
    let sent = sent_to(&scene, OU_WANG).await?;
    let [message] = sent.as_slice() else { anyhow::bail!("one message: {sent:?}") };
    let token = message.split_once("/login?t=").context("a link")?.1;
    let token = token.split_once(')').context("its end")?.0;
    let signer = board_session::Signer::new(board.session_key.clone());
    assert_eq!(signer.read_link(token, scene.now()).map(|link| link.person), Some("王小售".into()));
    let login = runtime::http::client()?.post(format!("{}/login", board.public_url));
    let login = login.header("origin", &board.public_url).body(format!("t={token}"));
    assert_eq!(login.send().await?.status(), 303);
    // The card says nothing of it, nor does the database.
    assert!(!scene.figure_cards(TO_WANG).await?.remove(0).text.contains("/login"));
    let stranger = serde_json::json!({ "open_id": "ou_stranger", "name": "路人" });
    scene.control("POST", "people", &stranger).await?;
    let refused = press("ou_stranger").await?;
    assert!(refused.contains("名单里没有您的飞书账号"), "not in the roster: {refused}");
    assert_eq!(sent_to(&scene, "ou_stranger").await?, Vec::<String>::new());
    performance.stop().await?;
    scene.stop(alerter).await
}
