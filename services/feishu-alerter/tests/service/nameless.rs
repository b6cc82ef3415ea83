//! Sources leave names out.

use anyhow::Result;
use chrono::TimeDelta;
use testkit::company::{CHEN, Person, WANG, says};

use crate::support::{Scene, TO_WANG};

#[tokio::test]
async fn a_customer_without_a_name_is_an_unknown_member() -> Result<()> {
    let mut scene = Box::pin(Scene::start()).await?;
    let alerter = scene.alerter().await?;
    scene.publish(&says("r1", WANG, scene.now() - TimeDelta::seconds(60), "您好")).await?;
    let nameless = Person { name: "\u{200b}", ..CHEN };
    scene.publish(&says("r1", nameless, scene.now(), "发票开好了吗？")).await?;
    scene.until_waits("r1", 1).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    assert_eq!(card.text.matches("未知成员").count(), 3, "summary, customer and line: {}", card.text);
    assert!(!card.text.contains('\u{200b}'), "{}", card.text);
    scene.stop(alerter).await
}
