//! Logging in, and staying logged in no longer than one may.

use anyhow::{Context as _, Result};
use domain::secret::Secret;
use performance::board;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, COOKIE, ORIGIN, SET_COOKIE};
use runtime::config::Board;
use std::time::Duration;

use crate::support::{HR, LI, MANAGER, WANG, World, location};

#[tokio::test]
async fn a_link_opens_one_session_and_only_when_it_is_pressed() -> Result<()> {
    let world = World::start().await?;
    let link = world.link(WANG, "n-1")?;
    let path = link.strip_prefix(&world.url).context("on the board")?;
    let body = path.strip_prefix("/login?").context("a token")?;
    for _ in 0..3 {
        let shown = world.get(path, None).await?;
        assert_eq!(shown.status(), StatusCode::OK, "chat programs look at links");
        assert!(shown.headers().get(SET_COOKIE).is_none());
        assert!(shown.text().await?.contains(WANG));
    }
    let foreign = [None, Some("null"), Some("https://elsewhere.example.com")];
    for origin in foreign {
        assert_eq!(world.post("/login", body, origin).await?.status(), StatusCode::FORBIDDEN, "{origin:?}");
    }
    let entered = world.post("/login", body, Some(&world.url)).await?;
    assert_eq!((entered.status(), location(&entered)), (StatusCode::SEE_OTHER, Some("/")));
    let cookie = entered.headers()[SET_COOKIE].to_str()?.to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next();
    assert_eq!(world.get("/", cookie).await?.status(), StatusCode::OK);
    let again = world.post("/login", body, Some(&world.url)).await?;
    assert_eq!(again.status(), StatusCode::FORBIDDEN, "it was used");
    assert!(again.headers().get(SET_COOKIE).is_none());
    let left = world.post("/logout", "", Some(&world.url)).await?;
    assert!(left.headers()[SET_COOKIE].to_str()?.contains("Max-Age=0"));
    world.stop().await
}

#[tokio::test]
async fn what_is_not_signed_or_too_old_opens_nothing() -> Result<()> {
    let world = World::start().await?;
    let other =
        Board { session_key: Secret::new("another key of the tests, as long"), ..world.settings()?.clone() };
    let foreign = board::link(&other, MANAGER, world.rules(), "n".into(), world.stack.clock.now());
    let foreign = foreign.context("a link")?;
    let path = foreign.strip_prefix(&world.url).context("a path")?;
    assert_eq!(world.get(path, None).await?.status(), StatusCode::FORBIDDEN);
    let mine = world.visitor(WANG).await?;
    assert_eq!(mine.status("/").await?, 200);
    let (name, token) = mine.cookie.split_once('=').context("a cookie")?;
    let (payload, signature) = token.split_once('.').context("a signature")?;
    for cookie in [
        format!("{name}={payload}"),
        format!("{name}={payload}."),
        format!("{name}=x{payload}.{signature}"),
        format!("{name}={}", foreign.rsplit('=').next().unwrap_or_default()),
        format!("other={token}"),
    ] {
        assert_eq!(world.get("/", Some(&cookie)).await?.status(), StatusCode::UNAUTHORIZED, "{cookie}");
    }
    let late = world.link(LI, "late")?;
    world.stack.clock.advance(Duration::from_secs(10 * 60 + 1));
    let body = late.split_once('?').context("a token")?.1;
    assert_eq!(world.post("/login", body, Some(&world.url)).await?.status(), StatusCode::FORBIDDEN);
    assert_eq!(mine.status("/").await?, 200);
    world.stack.clock.advance(Duration::from_hours(12));
    assert_eq!(mine.status("/").await?, 401, "a session lasts half a day");
    world.stop().await
}

#[tokio::test]
async fn whoever_guesses_is_shut_out() -> Result<()> {
    let world = World::start().await?;
    let link = world.link(WANG, "n-1")?;
    let path = link.strip_prefix(&world.url).context("on the board")?;
    let mut last = StatusCode::OK;
    for guess in 0..12 {
        last = world.get(&format!("/login?t={guess}.x"), None).await?.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(world.get(path, None).await?.status(), StatusCode::TOO_MANY_REQUESTS, "also with a good one");
    world.stop().await
}

#[tokio::test]
async fn whoever_has_left_sees_nothing_from_then_on() -> Result<()> {
    let mut world = World::start().await?;
    let cookie = world.visitor(LI).await?.cookie;
    assert_eq!(world.get("/", Some(&cookie)).await?.status(), StatusCode::OK);
    world.stack.config.rules.roster.retain(|entry| entry.name.as_str() != LI);
    world.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    assert_eq!(world.get("/", Some(&cookie)).await?.status(), StatusCode::UNAUTHORIZED);
    assert!(world.link(LI, "n").is_err());
    let manager = world.visitor(MANAGER).await?.cookie;
    world.stack.config.rules.managers.clear();
    world.stack.apply_rules(chrono::TimeDelta::zero()).await?;
    let page = world.get(&format!("/people/{WANG}"), Some(&manager)).await?;
    assert_eq!(page.status(), StatusCode::FORBIDDEN, "not a manager any more, but still here");
    world.stop().await
}

#[tokio::test]
async fn nothing_is_shown_to_whoever_is_not_logged_in() -> Result<()> {
    let world = World::start().await?;
    world.furnish().await?;
    for path in [
        "/",
        "/today",
        "/people",
        "/people/x",
        "/rooms",
        "/rooms/x",
        "/stages",
        "/silences",
        "/waits",
        "/waits/x",
        "/export.csv",
        "/export.xlsx",
        "/events",
    ] {
        let answer = world.get(path, None).await?;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
        let text = answer.text().await?;
        assert!(text.contains("请先登录") && !text.contains(WANG), "{path}");
    }
    let page = world.get("/login", None).await?;
    let policy = page.headers()["content-security-policy"].to_str()?.to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["cache-control"], "no-store");
    for path in ["/assets/board.css", "/assets/chart.umd.min.js", "/assets/chart.LICENSE.md"] {
        assert_eq!(world.get(path, None).await?.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(world.get("/assets/..%2Fmod.rs", None).await?.status(), StatusCode::NOT_FOUND);
    assert_eq!(world.get("/nothing", None).await?.status(), StatusCode::NOT_FOUND);
    assert!(world.visitor(HR).await.is_ok());
    world.stop().await
}

/// What an answer makes a browser keep under a name; an empty text: that it is to forget it.
fn kept<'a>(answer: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    let cookies = answer.headers().get_all(SET_COOKIE).iter().filter_map(|cookie| cookie.to_str().ok());
    let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next()?.split_once('='));
    pairs.find_map(|(found, value)| (found == name).then_some(value))
}

#[tokio::test]
async fn whoever_logs_in_is_led_to_the_page_that_they_asked_for() -> Result<()> {
    const PAGE: &str = "huiyin_board_page";
    let world = World::start().await?;
    let wanted = format!("/people/{}?period=week&day=2026-11-16", crate::support::encoded(WANG));
    let browser = |path: &str| {
        world
            .http
            .get(format!("{}{path}", world.url))
            .header(ACCEPT, "text/html,application/xhtml+xml")
            .send()
    };
    let refused = browser(&wanted).await?;
    assert_eq!((refused.status(), kept(&refused, PAGE)), (StatusCode::UNAUTHORIZED, Some(wanted.as_str())));
    assert_eq!(kept(&world.get("/events", None).await?, PAGE), None, "no page");
    let enter = async |cookie: String| {
        let link = world.link(WANG, &cookie)?;
        let body = link.split_once('?').context("a token")?.1.to_owned();
        let form = world.http.post(format!("{}/login", world.url)).header(ORIGIN, &world.url);
        anyhow::Ok(form.header(COOKIE, format!("{PAGE}={cookie}")).body(body).send().await?)
    };
    let entered = enter(wanted.clone()).await?;
    assert_eq!((location(&entered), kept(&entered, PAGE)), (Some(wanted.as_str()), Some("")));
    for elsewhere in ["//elsewhere.example.com", "https://elsewhere.example.com", "/\\elsewhere.example.com"]
    {
        assert_eq!(location(&enter(elsewhere.to_owned()).await?), Some("/"), "{elsewhere}");
    }
    world.stop().await
}
