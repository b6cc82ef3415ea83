//! At six managers read how the day went, on Monday how the week did, and owners what is theirs, if the company wants it so.

use anyhow::Result;
use chrono::{Datelike as _, TimeDelta};
use chrono_tz::Asia::Shanghai;
use domain::id::StaffName;
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
    // A Tuesday.
    let days = 8 - i64::from(scene.now().with_timezone(&Shanghai).weekday().num_days_from_monday());
    scene.at(days, "10:00").await?;
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
    let day = scene.now().with_timezone(&Shanghai).format("%m-%d");
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
