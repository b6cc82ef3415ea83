//! Who sees what: everybody tries everything.

use anyhow::Result;

use crate::support::{CUSTOMER, HR, LI, MANAGER, ROOM_NAME, Visitor, WANG, WORDS, World, encoded};

/// Everything that belongs to somebody else than 王小售, tried by address.
const OTHERS: [&str; 18] = [
    "/?person=李小后",
    "/today?person=",
    "/people/李小后",
    "/people/周经理",
    "/waits?person=李小后",
    "/waits?person=",
    "/waits?replier=李小后",
    "/waits?person=李小后&replier=王小售",
    "/waits?person=李小后&room=webhook:r-2",
    "/waits/webhook:open-2",
    "/waits/webhook%3Am-0",
    "/waits/webhook:nothing",
    "/rooms/webhook:r-2",
    "/rooms/webhook:nothing",
    "/export.csv?by=waits&person=李小后",
    "/export.csv?by=room&person=李小后",
    "/rooms?person=李小后",
    "/export.xlsx?by=person&person=李小后",
];

#[tokio::test]
async fn a_salesperson_cannot_open_another_s_page() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let wang = world.visitor(WANG).await?;
    for path in OTHERS {
        let answer = wang.answer(path).await?;
        let status = answer.status().as_u16();
        assert!([403, 404].contains(&status), "{path}: {status}");
        let text = answer.text().await?;
        assert!(!text.contains("橙女士") && !text.contains("星河食品") && !text.contains(WORDS), "{path}");
    }
    for path in own_pages() {
        let page = wang.page(&path).await?;
        for other in [LI, "橙女士", "星河食品"] {
            assert!(!page.contains(other), "{path} shows {other}");
        }
    }
    let wait = wang.page("/waits/webhook:slowest").await?;
    assert!(wait.contains(WORDS) && wait.contains("最慢客户"), "what is theirs they see");
    world.stop().await
}

/// Pages that are anybody's, which hold for a member of staff what is their own.
fn own_pages() -> Vec<String> {
    let week = "period=month";
    ["/", "/today", "/people", "/rooms", "/stages", "/waits"]
        .into_iter()
        .map(|path| format!("{path}?{week}"))
        .chain(
            ["person", "team", "room", "stage", "day", "person-day", "replier", "waits"]
                .map(|by| format!("/export.csv?by={by}&{week}&replier={WANG}")),
        )
        .chain(["person", "replier", "day"].map(|by| format!("/export.csv?by={by}&{week}")))
        .collect()
}

#[tokio::test]
async fn who_replied_sees_the_time_and_not_the_words() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let opened = world.at(world.last_monday(), 11, 11)?;
    let helped = crate::support::Wait {
        answered: Some((4, WANG)),
        ..crate::support::Wait::of("webhook:helped", LI, opened, 4)
    };
    world.count(&helped).await?;
    let wang = world.visitor(WANG).await?;
    let page = wang.page("/waits/webhook:helped").await?;
    assert!(
        page.contains("4 分钟")
            && !page.contains(WORDS)
            && !page.contains(CUSTOMER)
            && !page.contains(ROOM_NAME)
    );
    let list = wang.page(&format!("/waits?replier={WANG}&period=month&day={}", world.last_monday())).await?;
    assert!(list.contains("webhook%3Ahelped"));
    world.stop().await
}

#[tokio::test]
async fn a_setting_shows_figures_of_others_and_nothing_else_of_them() -> Result<()> {
    let world = World::start_with(true).await?;
    world.furnish().await?;
    let wang = world.visitor(WANG).await?;
    let people = wang.page(&format!("/people?day={}", world.last_monday())).await?;
    assert!(people.contains(LI) && !people.contains("排序"), "by name, without an order of figures");
    for path in ["/", "/people/李小后", "/waits?person=李小后", "/waits/webhook:open-2", "/rooms"] {
        let page = wang.page(path).await?;
        assert!(!page.contains("橙女士") && !page.contains("星河食品"), "{path}");
    }
    assert!(!wang.page("/waits/webhook:open-2").await?.contains(WORDS));
    for path in ["/rooms/webhook:r-2", "/waits?person=李小后&room=webhook:r-2"] {
        assert!([403, 404].contains(&wang.status(path).await?), "{path}");
    }
    world.stop().await
}

/// Follows every link from a visitor's first page, and looks at everything that comes.
async fn everything(visitor: &Visitor<'_>, start: &[&str], look: impl Fn(&str, &str)) -> Result<usize> {
    let mut found: Vec<String> = start.iter().map(|path| (*path).to_owned()).collect();
    let mut seen = 0;
    while let Some(path) = found.get(seen).cloned() {
        seen += 1;
        if path.starts_with("/assets") || path.starts_with("/export.xlsx") {
            continue;
        }
        let answer = visitor.answer(&path).await?;
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        let text = answer.text().await?;
        look(&path, &text);
        if seen < 250 && !path.starts_with("/export") {
            for link in visitor.links(&path).await? {
                if !found.contains(&link) {
                    found.push(link);
                }
            }
        }
        if seen >= 400 {
            break;
        }
    }
    Ok(seen)
}

#[tokio::test]
async fn hr_finds_no_name_of_a_customer_and_no_word_wherever_it_goes() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let hr = world.visitor(HR).await?;
    let seen = everything(&hr, &["/", "/export.csv?by=waits&period=month"], |path, text| {
        for secret in [CUSTOMER, "最慢客户", "橙女士", ROOM_NAME, "星河食品", WORDS, "判定："] {
            assert!(!text.contains(secret), "{path} shows {secret}");
        }
    })
    .await?;
    assert!(seen > 30, "only {seen} pages");
    for path in ["/rooms", "/rooms/webhook:r-1", "/waits?room=webhook:r-1", "/export.csv?by=room"] {
        assert_eq!(hr.status(path).await?, 403, "{path}");
    }
    assert!(hr.page("/people?period=month").await?.contains(LI), "figures of all");
    world.stop().await
}

#[tokio::test]
async fn every_link_of_a_manager_leads_somewhere_and_no_address_holds_a_customer() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    let manager = world.visitor(MANAGER).await?;
    let last = format!("/people?day={}", world.last_monday());
    let seen = everything(&manager, &["/", &last], |path, text| {
        let page = text.replace("&amp;", "&");
        for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            for secret in [CUSTOMER, "最慢客户", ROOM_NAME, WORDS] {
                assert!(!link.contains(secret) && !link.contains(&encoded(secret)), "{path} links to {link}");
            }
            assert!(link.starts_with('/') || link == "#main", "{path} leads outside: {link}");
        }
    })
    .await?;
    assert!(seen > 50, "only {seen} pages");
    world.stop().await
}
