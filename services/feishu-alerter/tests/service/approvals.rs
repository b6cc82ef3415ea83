//! At half past five managers get a list of the rooms whose way into after-sales awaits approval.

use anyhow::Result;
use chrono::TimeDelta;
use events::command::CommandKind;
use feishu_alerter::point;
use store::sqlx;
use testkit::company::{LI, WANG, says};

use crate::support::{Scene, Seen, TO_ALL, TO_LI, day_after, room};

impl Scene {
    /// Somebody asks for a room's owner and stage.
    async fn assigns(
        &self,
        id: &str,
        room_id: &str,
        (owner, stage): (&str, &str),
        approved: bool,
    ) -> Result<()> {
        let kind =
            CommandKind::Assign { owner: owner.into(), stage: stage.into(), approved, approved_by: None };
        self.command(id, room(room_id), kind).await?;
        testkit::until(&format!("{id} is decided"), || async move {
            let found: i64 = sqlx::query_scalar("select count(*) from commands where command = $1")
                .bind(id)
                .fetch_one(&self.stack.admin)
                .await?;
            Ok(found == 1)
        })
        .await
    }

    /// The lists in a chat, oldest first, once everything is sent.
    async fn approval_lists(&self, chat: &str) -> Result<Vec<Seen>> {
        self.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0)
            .await?;
        let mut cards = self.cards(chat).await?;
        cards.retain(|card| card.title.contains("等待核准"));
        Ok(cards)
    }

    async fn until_approval_lists(&self, chat: &str, count: usize) -> Result<Vec<Seen>> {
        testkit::until(&format!("{count} lists of approvals in {chat}"), || async {
            Ok(self.approval_lists(chat).await?.len() == count)
        })
        .await?;
        self.approval_lists(chat).await
    }
}

const AFTER_SALES: (&str, &str) = ("李小后", "after-sales");

#[tokio::test]
async fn managers_are_told_of_what_awaits_approval_once_a_day() -> Result<()> {
    let mut scene = Scene::start().await?;
    // One manager has a chat, and the other is told where everybody reads.
    scene.stack.config.rules.managers.push(domain::id::StaffName("李小后".into()));
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let alerter = scene.alerter().await?;
    scene.at(1, "10:00").await?;
    for id in ["r1", "r2", "r3", "r4"] {
        scene.publish(&says(id, WANG, scene.now(), "您好")).await?;
    }
    scene.until_count("select count(*) from rooms where state is not null", 4).await?;
    scene.assigns("a1", "r1", AFTER_SALES, false).await?;
    // Approved meanwhile, taken back, and refused for another reason.
    scene.assigns("a2", "r2", AFTER_SALES, false).await?;
    scene.assigns("a3", "r3", AFTER_SALES, false).await?;
    scene.advance(1);
    scene.assigns("b2", "r2", AFTER_SALES, true).await?;
    scene.assigns("b3", "r3", ("王小售", "pre-sales"), false).await?;
    scene.assigns("a4", "r4", ("王小售", "after-sales"), false).await?;
    scene.at(0, "17:29").await?;
    assert!(scene.approval_lists(TO_ALL).await?.is_empty(), "not before half past five");
    scene.advance(1);
    let list = scene.until_approval_lists(TO_ALL, 1).await?.remove(0);
    assert_eq!(list.title, "📝 1 个群等待核准进入售后阶段");
    for words in ["示例公司-r1：王小售 → 李小后", "周经理", "10&#58;00 提出", "核准进入售后阶段", "截至"]
    {
        assert!(list.text.contains(words), "{words} in {}", list.text);
    }
    for words in ["示例公司-r2", "示例公司-r3", "示例公司-r4"] {
        assert!(!list.text.contains(words), "{words} in {}", list.text);
    }
    scene.until_approval_lists(TO_LI, 1).await?;

    // Once a day, whoever looks; and none once it is approved.
    let other = scene.alerter().await?;
    scene.until_looked().await?;
    other.stop().await?;
    scene.at(1, "17:31").await?;
    scene.until_approval_lists(TO_ALL, 2).await?;
    scene.assigns("b1", "r1", AFTER_SALES, true).await?;
    scene.at(1, "17:31").await?;
    assert_eq!(scene.approval_lists(TO_ALL).await?.len(), 2);
    scene.stop(alerter).await
}

/// In a rehearsal no approval is needed, and what awaited one before go-live is no news.
#[tokio::test]
async fn no_list_of_approvals_in_a_rehearsal_or_without_a_manager() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.at(1, "10:00").await?;
    scene.publish(&says("r1", LI, scene.now(), "您好")).await?;
    scene.publish(&says("r2", WANG, scene.now(), "您好")).await?;
    scene.until_count("select count(*) from rooms where state is not null", 2).await?;
    scene.assigns("a2", "r2", AFTER_SALES, false).await?;
    scene.stack.go_live(false, scene.now()).await?;
    scene.at(0, "17:31").await?;
    scene.stack.go_live(true, scene.now()).await?;
    scene.advance(1);
    scene.until_looked().await?;
    assert!(scene.approval_lists(TO_ALL).await?.is_empty(), "due in a rehearsal");
    scene.stack.config.rules.managers.clear();
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    scene.at(1, "17:31").await?;
    assert!(scene.approval_lists(TO_ALL).await?.is_empty(), "nobody manages");
    scene.stack.config.rules.managers.push(domain::id::StaffName("周经理".into()));
    scene.stack.apply_rules(TimeDelta::zero()).await?;
    let reached = alerter.faults.arm(point::BEFORE_RECORD);
    let at = day_after(scene.now(), 1, "17:30")?;
    scene.stack.clock.advance((at - scene.now()).to_std()?);
    // Killed with it in the air, it is there once.
    reached.await;
    alerter.kill().await;
    let alerter = scene.alerter().await?;
    scene.advance(2);
    scene.until_approval_lists(TO_ALL, 1).await?;
    scene.stop(alerter).await
}
