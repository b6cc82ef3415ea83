//! Several customers wait in one room: one climbs the ladder and its cards say that others wait, and nobody is forgotten.

use anyhow::Result;
use testkit::company::{CHEN, Person, WANG, says};

use crate::support::{CLOSED, LINE, Scene, TO_ALL, TO_WANG};

const SUN: Person = Person { id: "sun", name: "孙小样", corporation: "晨光贸易" };

#[tokio::test]
async fn cards_are_not_multiplied_and_the_next_customer_is_not_forgotten() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(2);
    scene.publish(&says("r1", SUN, scene.now(), "合同呢？")).await?;
    scene.until_waits("r1", 2).await?;
    scene.advance(3);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    for words in ["客户：陈小样", "起等待，另有1位客户在等"] {
        assert!(card.text.contains(words), "{words} in {}", card.text);
    }
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, "yellow"]).await?;
    scene.until_looked().await?;
    assert_eq!(scene.count("select count(distinct follows) from notifications").await?, 1, "one ladder");
    // The one is answered: from now on it is the other whose minutes count.
    let mut reply = says("r1", WANG, scene.now(), "三千元");
    reply.mentions = vec![CHEN.id.to_owned()];
    scene.publish(&reply).await?;
    let next = scene.until_colours(TO_WANG, &[LINE, CLOSED, "turquoise"]).await?.remove(2);
    assert!(next.text.contains("客户：孙小样") && !next.text.contains("另有"), "{}", next.text);
    scene.advance(22);
    scene.until_colours(TO_ALL, &["red"]).await?;
    scene.stop(alerter).await
}

/// Whose own ladder is over hides nobody.
#[tokio::test]
async fn behind_somebody_without_cards_to_come_the_next_one_climbs() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.advance(60);
    let climbing = "select count(distinct follows) from notifications where room = 'webhook:r1'";
    scene.until_count(climbing, 1).await?;
    scene.publish(&says("r1", SUN, scene.now(), "合同呢？")).await?;
    scene.until_waits("r1", 2).await?;
    scene.asks("r2", WANG).await?;
    // Past the first rung of the second, which would have come before that of the other room, with one of the first to come
    // at seventy minutes.
    scene.advance(6);
    scene.until_count("select count(distinct room) from notifications", 2).await?;
    assert_eq!(scene.count(climbing).await?, 1);
    scene.advance(4);
    scene.until_count(climbing, 2).await?;
    scene.stop(alerter).await
}

#[tokio::test]
async fn a_press_ends_the_wait_of_its_card_alone() -> Result<()> {
    let mut scene = Scene::start().await?;
    let alerter = scene.alerter().await?;
    scene.asks("r1", WANG).await?;
    scene.publish(&says("r1", SUN, scene.now(), "合同呢？")).await?;
    scene.until_waits("r1", 2).await?;
    scene.advance(5);
    let card = scene.until_colours(TO_WANG, &["turquoise"]).await?.remove(0);
    scene.until_count("select count(*) from notifications where state = 'sent'", 1).await?;
    scene.press_value(&card, "normal").await?;
    let next = scene.until_colours(TO_WANG, &[CLOSED, "turquoise"]).await?.remove(1);
    assert!(next.text.contains("客户：孙小样"), "{}", next.text);
    assert_eq!(scene.count("select count(*) from waits where state = 'open'").await?, 1);
    // Taken back: the first one waits on, and the other's card says that somebody does.
    scene.until_count("select count(*) from notifications where state = 'sent'", 2).await?;
    let closed = scene.cards(TO_WANG).await?.remove(0);
    scene.press_act(&closed, "undo").await?;
    let both = scene.until_colours(TO_WANG, &["turquoise", "turquoise"]).await?;
    assert!(both[0].text.contains("另有1位客户在等"), "{}", both[0].text);
    scene.advance(5);
    scene.until_colours(TO_WANG, &[LINE, "turquoise", "yellow"]).await?;
    scene.stop(alerter).await
}
