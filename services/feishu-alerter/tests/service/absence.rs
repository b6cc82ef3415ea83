//! 休假: whoever stands in for somebody gets their private cards, and only as long as they are away.

use anyhow::Result;
use chrono::TimeDelta;
use domain::id::StaffName;
use store::availability::{self, Kind, NewAsked};
use store::role::Role;
use testkit::Running;
use testkit::company::{LI, WANG, says};

use crate::support::{CLOSED, LINE, Scene, Seen, TO_ALL, TO_LI, TO_WANG, colours};

const WANG_ACCOUNT: &str = "ou_wang";
const LI_ACCOUNT: &str = "ou_li";

/// 王小售 and 李小后 have accounts; in a room of 王小售's somebody has waited for five minutes.
async fn waiting() -> Result<(Scene, Running, Seen)> {
    let mut scene = Scene::start().await?;
    scene.give_accounts(&[("王小售", WANG_ACCOUNT), ("李小后", LI_ACCOUNT)]).await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    Ok((scene, alerter, card))
}

impl Scene {
    /// As `huiyin away` and `huiyin focus` do it. For so many minutes; none: it ends.
    async fn asks_for(&self, person: &str, kind: Kind, deputy: Option<&str>, minutes: i64) -> Result<()> {
        let asked = NewAsked {
            person: StaffName(person.into()),
            kind,
            deputy: deputy.map(|deputy| StaffName(deputy.into())),
            by: "管理员（命令）".into(),
            until: self.now() + TimeDelta::minutes(minutes),
        };
        let mut operator = self.stack.connect_as(Role::Operator).await?;
        Ok(availability::ask(&mut operator, &asked, self.now()).await?)
    }

    pub async fn is_away(&self, person: &str, deputy: &str, minutes: i64) -> Result<()> {
        self.asks_for(person, Kind::Absence, Some(deputy), minutes).await
    }
}

/// At once of what waits already, and of every rung after; whoever is back hears at once of what rose meanwhile.
#[tokio::test]
async fn whoever_stands_in_is_told_until_the_owner_is_back() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    let said = scene.choose(&card, "away", "李小后", WANG_ACCOUNT).await?;
    assert!(said.starts_with("今天您的提醒发给 李小后"), "{said}");
    let told = scene.until_colours(TO_LI, &["turquoise"]).await?.remove(0);
    assert!(told.title.starts_with("代王小售："), "{}", told.title);
    assert!(told.has_button && told.text.contains("（休假，由 李小后 代）"), "{}", told.text);
    let own = scene.until_titled(TO_WANG, "休假中").await?.remove(0);
    assert!(own.text.contains("由 李小后 代为跟进"), "{}", own.text);
    scene.advance(5);
    scene.until_colours(TO_LI, &[LINE, "yellow"]).await?;
    scene.until_looked().await?;
    assert_eq!(colours(&scene.cards(TO_WANG).await?), [CLOSED]);
    assert_eq!(scene.choose(&own, "back", "", WANG_ACCOUNT).await?, "已结束休假，提醒重新发给您");
    let back = scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?.remove(1);
    assert!(!back.title.contains('代') && !back.text.contains("休假，由"), "{} {}", back.title, back.text);
    scene.until_colours(TO_LI, &[LINE, CLOSED]).await?;
    scene.advance(10);
    scene.until_colours(TO_WANG, &[LINE, LINE, "orange"]).await?;
    scene.until_looked().await?;
    assert_eq!(colours(&scene.cards(TO_LI).await?), [LINE, CLOSED]);
    scene.stop(alerter).await
}

/// In the middle of the ladder, and although the process is another one by then. The public card says who stands in meanwhile.
#[tokio::test]
async fn an_absence_ends_by_itself() -> Result<()> {
    let (mut scene, alerter, _) = waiting().await?;
    scene.is_away("王小售", "李小后", 27).await?;
    scene.until_colours(TO_LI, &["turquoise"]).await?;
    scene.advance(25);
    scene.until_colours(TO_LI, &[LINE, "red"]).await?;
    let public = scene.until_colours(TO_ALL, &["red"]).await?.remove(0);
    assert!(public.text.contains("王小售（售前）（休假，由 李小后 代）"), "{}", public.text);
    scene.until_count("select count(*) from notifications where state in ('pending', 'sending')", 0).await?;
    alerter.kill().await;
    scene.advance(3);
    let alerter = scene.alerter().await?;
    scene.until_colours(TO_WANG, &[LINE, "red"]).await?;
    scene.until_colours(TO_LI, &[LINE, CLOSED]).await?;
    testkit::until("the public card names nobody else any more", || async {
        Ok(scene.cards(TO_ALL).await?.iter().all(|card| !card.text.contains("休假")))
    })
    .await?;
    scene.stop(alerter).await
}

/// A chain is followed to whoever is here; in a circle, and without a chat, everybody reads it.
#[tokio::test]
async fn where_nobody_is_left_everybody_reads_it() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.is_away("王小售", "李小后", 24 * 60).await?;
    scene.is_away("李小后", "王小售", 30).await?;
    scene.asks("r1", WANG).await?;
    scene.advance(5);
    let public = scene.until_colours(TO_ALL, &["turquoise"]).await?.remove(0);
    assert!(public.has_button, "{}", public.text);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.advance(25);
    scene.until_colours(TO_LI, &["red"]).await?;
    scene.set_chat("李小后", None).await?;
    scene.asks("r2", WANG).await?;
    scene.advance(5);
    scene.until_colours(TO_ALL, &[LINE, "red", "turquoise"]).await?;
    assert!(scene.cards(TO_WANG).await?.is_empty());
    scene.stop(alerter).await
}

/// What waits for their focus to end waits for whoever they stand in for as well.
#[tokio::test]
async fn whoever_stands_in_is_left_alone_in_their_focus() -> Result<()> {
    let (scene, alerter, _) = waiting().await?;
    scene.asks("r2", LI).await?;
    scene.asks_for("李小后", Kind::Focus, None, 30).await?;
    scene.is_away("王小售", "李小后", 24 * 60).await?;
    scene.until_count("select count(*) from notifications where state = 'held'", 1).await?;
    scene.advance(5);
    scene.until_count("select count(*) from notifications where state = 'held'", 2).await?;
    assert!(scene.cards(TO_LI).await?.is_empty());
    scene.asks_for("李小后", Kind::Focus, None, 0).await?;
    let digest = scene.until_titled(TO_LI, "2 位客户在等您回复").await?.remove(0);
    assert!(digest.text.contains("代王小售：示例公司-r1"), "{}", digest.text);
    assert!(!digest.text.contains("代王小售：示例公司-r2"), "{}", digest.text);
    scene.is_away("王小售", "李小后", 0).await?;
    let left = scene.until_titled(TO_LI, "1 位客户在等您回复").await?.remove(0);
    assert_eq!(left.message_id, digest.message_id);
    scene.stop(alerter).await
}

/// What the owner may; afterwards not any more. And whoever is away stands in for nobody.
#[tokio::test]
async fn whoever_stands_in_may_press_what_the_owner_may() -> Result<()> {
    let (scene, alerter, card) = waiting().await?;
    scene.is_away("李小后", "王小售", 30).await?;
    assert_eq!(scene.choose(&card, "away", "李小后", WANG_ACCOUNT).await?, "李小后 也在休假，请换一位");
    assert_eq!(scene.choose(&card, "away", "王小售", WANG_ACCOUNT).await?, "这个按钮已失效");
    assert_eq!(scene.choose(&card, "away", "李小后", LI_ACCOUNT).await?, "这个按钮只能在自己的提醒群里按");
    assert_eq!(scene.choose(&card, "back", "", WANG_ACCOUNT).await?, "您没有在休假");
    scene.is_away("李小后", "王小售", 0).await?;
    scene.is_away("王小售", "李小后", 60).await?;
    let told = scene.until_colours(TO_LI, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    scene.is_away("王小售", "李小后", 0).await?;
    let refused = scene.choose(&told, "no_reply_needed", "", LI_ACCOUNT).await?;
    assert!(refused.starts_with("您不能点这个按钮"), "{refused}");
    scene.is_away("王小售", "李小后", 60).await?;
    scene.until_titled(TO_WANG, "休假中").await?;
    let said = scene.choose(&told, "no_reply_needed", "", LI_ACCOUNT).await?;
    assert_eq!(said, "已记录：不用回复，不再提醒");
    scene.until_titled(TO_WANG, "不用回复").await?;
    scene.publish(&says("r1", LI, scene.now(), "好的")).await?;
    scene.stop(alerter).await
}
