//! `huiyin up` and `huiyin demo` as their operators run them, with their children killed under load.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is tests, also the helpers that clippy does not recognise"
)]

mod load;
mod running;
mod watch;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use local_stack::free_address;
use reqwest::Client;
use rustix::process::Signal;
use serde_json::{Value, json};

use load::Load;
use running::{PATIENCE, Running, programs, until};
use watch::Watch;

/// The webhook answers within its deadline, and what a busy machine adds.
const DEADLINE: Duration = Duration::from_secs(12);
/// A room of the mock account's world with a customer in it.
const DAWN: (&str, &str) = ("示例公司-晨光贸易", "蓝先生");
const GALAXY: (&str, &str) = ("示例公司-星河食品", "橙女士");
/// The user without rights.
const NOBODY: u32 = 65_534;
const SERVERS: [&str; 2] = ["postgres", "nats-server"];

/// A company with nobody outside.
fn company(listen: u16, health: u16) -> Result<Value> {
    huiyin::demo::sample(json!({
        "database": { "passwords": {} },
        "bus": { "url": "nats://elsewhere" },
        "ingest": {
            "listen": format!("127.0.0.1:{listen}"),
            "webhook_tokens": [{ "name": "test", "token": load::TOKEN }]
        },
        "vika": {
            "enabled": false, "base_url": "http://127.0.0.1:9", "sync_token": "uskNone", "reconcile_token": "uskNone",
            "sheets": { "today": "", "all_rooms": "", "system_log": "" }
        },
        "feishu": {
            "enabled": false, "base_url": "http://127.0.0.1:9", "app_secret": "none", "encrypt_key": "none",
            "verification_token": "none", "listen": "127.0.0.1:0"
        },
        "watchdog": null,
        "health_listen": format!("127.0.0.1:{health}")
    }))
}

fn free_port() -> Result<u16> {
    Ok(free_address()?.port())
}

/// A running `up` with its two addresses.
struct Up {
    running: Running,
    http: Client,
    webhook: String,
    health: String,
}

async fn up(path: &str) -> Result<Up> {
    let home = running::home()?;
    let (listen, health) = (free_port()?, free_port()?);
    let config = home.path().join("huiyin.json");
    fs::write(&config, company(listen, health)?.to_string())?;
    let words = ["--config", config.to_str().context("a path")?, "up"];
    let running = Running::start(home, "up", &words, path, "Running").await?;
    let up = Up {
        running,
        http: runtime::http::client()?,
        webhook: format!("http://127.0.0.1:{listen}"),
        health: format!("http://127.0.0.1:{health}"),
    };
    until("everything is ready", async || load::status(&up.http, &up.health, "/readyz").await == Some(200))
        .await?;
    Ok(up)
}

#[tokio::test]
async fn killed_servers_come_back_and_nothing_accepted_is_lost() -> Result<()> {
    let mut up = up(&programs().await?).await?;
    let load = Load::start(&up.http, &up.webhook, load::TOKEN);
    for victims in [&["nats-server"][..], &["postgres"], &SERVERS] {
        let before = load.accepted();
        let gauges =
            victims.iter().map(|victim| format!("child_up{{child=\"{}\"}} 0", running::shown(victim)));
        let gauges: Vec<String> = gauges.collect();
        let watch = Watch::start(&up.http, &up.health, &gauges);
        let dead = up.running.kill(victims)?;
        until("the dead are collected", async || dead.iter().all(|pid| !running::exists(*pid))).await?;
        until("/healthz is ok", async || load::status(&up.http, &up.health, "/healthz").await == Some(200))
            .await?;
        until("everything is ready", async || {
            load::status(&up.http, &up.health, "/readyz").await == Some(200)
        })
        .await?;
        until("messages are accepted again", async || load.accepted() > before + 10).await?;
        let seen = watch.stop().await?;
        for sign in gauges.iter().map(String::as_str).chain(["/healthz", "/readyz"]) {
            assert!(seen.contains(sign), "{sign} said nothing of {victims:?}: {seen:?}");
        }
    }
    let sent = load.stop().await?;
    assert!(sent.slowest < DEADLINE, "an answer took {:?}", sent.slowest);
    assert!(sent.refused > 0, "nothing was posted while the bus was away");
    assert!(sent.strange.is_empty(), "{:?}", sent.strange);
    up.running.until_in_timeline(&sent.accepted).await?;

    let told = up.running.told();
    for (server, deaths) in [("nats-server", 2), ("Postgres", 2)] {
        let of =
            |words: &str| told.iter().filter(|line| line.starts_with(&format!("· {server} {words}"))).count();
        assert_eq!(
            (of("died (signal: 9 (SIGKILL)): starting it again in"), of("runs again after")),
            (deaths, deaths),
            "{told:#?}"
        );
    }
    assert_eq!(up.running.stop().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_bus_that_hangs_is_answered_for_within_the_deadline() -> Result<()> {
    let mut up = up(&programs().await?).await?;
    let nats = up.running.child("nats-server")?;
    up.running.signal("nats-server", Signal::STOP)?;
    until("it stands still", async || running::stands_still(nats)).await?;
    let asked = tokio::time::Instant::now();
    assert_eq!(load::post(&up.http, &up.webhook, load::TOKEN, "m-hung").await?.0, 503);
    assert!(asked.elapsed() < DEADLINE, "{:?}", asked.elapsed());
    up.running.signal("nats-server", Signal::CONT)?;
    until("it is accepted", async || {
        load::post(&up.http, &up.webhook, load::TOKEN, "m-hung").await.is_ok_and(|(status, _)| status == 200)
    })
    .await?;
    up.running.until_in_timeline(&["m-hung".to_owned()]).await?;
    assert_eq!(up.running.stop().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_be_started_again_ends_it_with_a_sentence() -> Result<()> {
    let bin = tempfile::tempdir_in("/tmp")?;
    fs::set_permissions(bin.path(), fs::Permissions::from_mode(0o755))?;
    let real = running::nats_server().await?;
    let program = bin.path().join("nats-server");
    fs::copy(real, &program)?;
    let mut up = up(&format!("{}:{}", bin.path().display(), programs().await?)).await?;
    let postgres = up.running.child("postgres")?;
    fs::remove_file(&program)?;
    up.running.kill(&["nats-server"])?;
    let code = up.running.ended().await?;
    let complaint = up.running.complaint();
    assert_eq!(code, 1, "{complaint}");
    let last = complaint.lines().last().unwrap_or_default();
    assert!(
        last.starts_with("huiyin: nats-server died and cannot be started again: cannot start"),
        "{complaint}"
    );
    assert!(!running::exists(postgres), "Postgres is left");
    Ok(())
}

#[tokio::test]
async fn without_sheets_or_configuration_it_stops_before_it_starts() -> Result<()> {
    let home = running::home()?;
    let mut config = company(free_port()?, free_port()?)?;
    config["vika"]["enabled"] = json!(true);
    let file = home.path().join("huiyin.json");
    fs::write(&file, config.to_string())?;
    let place = home.path().join("up");
    let words = |file: &str| {
        let place = place.display().to_string();
        ["--config", file, "up", "--home", &place].map(str::to_owned).to_vec()
    };
    let (code, out, err) = running::output(&words(file.to_str().unwrap())).await?;
    assert_eq!((code, out.as_str(), err.lines().count()), (2, "", 1), "{err}");
    assert!(err.contains(&format!("huiyin --config {} init-vika`", file.display())), "{err}");
    for wrong in ["[]", "{\"rules\": {},}", "\u{feff}{}"] {
        fs::write(&file, wrong)?;
        let (code, out, err) = running::output(&words(file.to_str().unwrap())).await?;
        assert_eq!((code, out.as_str()), (2, ""), "{wrong}: {err}");
    }
    let nowhere = home.path().join("nowhere/huiyin.json");
    let (code, out, err) = running::output(&words(nowhere.to_str().unwrap())).await?;
    assert_eq!((code, out.as_str(), err.lines().count()), (2, "", 1), "{err}");
    assert!(err.contains(&format!("looked for {}", nowhere.display())), "{err}");
    assert!(err.contains("copy config/default.json"), "{err}");
    assert!(!place.exists(), "nothing was started");
    Ok(())
}

#[tokio::test]
async fn a_home_that_was_copied_without_its_owners_is_named() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED: only root can run it as somebody else");
        return Ok(());
    }
    let home = running::home()?;
    let file = home.path().join("huiyin.json");
    fs::write(&file, company(free_port()?, free_port()?)?.to_string())?;
    let place = home.path().join("up");
    fs::create_dir(&place)?;
    fs::write(place.join("secrets.json"), "{}")?;
    let words = ["--config", file.to_str().unwrap(), "up", "--home", place.to_str().unwrap()];
    let (code, _, err) = running::output_as(NOBODY, &words.map(str::to_owned)).await?;
    assert_eq!((code, err.lines().count()), (1, 1), "{err}");
    assert!(err.contains("belongs to user id 0"), "{err}");
    assert!(err.contains(&format!("run `chown -R {NOBODY} {}` as root", place.display())), "{err}");
    Ok(())
}

#[tokio::test]
async fn a_demo_brings_its_gateway_back_and_all_three_at_once() -> Result<()> {
    let home = running::home()?;
    running::share_gateway(home.path()).await?;
    let (path, http) = (programs().await?, runtime::http::client()?);
    let mut demo = Running::start(home, "demo", &["demo", "--headless"], &path, "Open the page").await?;
    let info = demo.demo_info()?;
    let (ingest, token) = (info["ingest"].as_str().unwrap(), info["ingest_token"].as_str().unwrap());
    let control = info["gateway_control"].as_str().context("no gateway")?;
    let load = Load::start(&http, ingest, token);
    say_until_captured(&demo, &http, control, DAWN, "在吗？").await?;
    for (round, victims) in [&["node"][..], &["node", "postgres", "nats-server"]].into_iter().enumerate() {
        demo.kill(victims)?;
        let lines =
            |demo: &Running, words: &str| demo.told().iter().filter(|line| line.contains(words)).count();
        until("the gateway is back", async || lines(&demo, "Wechaty gateway runs again after") == round + 1)
            .await?;
        assert_eq!(lines(&demo, "Wechaty gateway died (signal: 9 (SIGKILL))"), round + 1);
        say_until_captured(&demo, &http, control, DAWN, "还在吗？").await?;
    }
    // Whoever had a lease has it again: the tables move, and cards go out.
    say_until_captured(&demo, &http, control, GALAXY, "断线之后发货了吗？").await?;
    for (simulator, page) in [("vika", "/_sim/sheets"), ("feishu", "/_sim/messages")] {
        let root = info[simulator].as_str().unwrap();
        until(&format!("{simulator} shows it"), async || {
            load::text(&http, root, page).await.is_ok_and(|text| text.contains("断线之后发货了吗"))
        })
        .await?;
    }
    until("the webhook is well", async || load::status(&http, ingest, "/healthz").await == Some(200)).await?;
    let sent = load.stop().await?;
    assert!(sent.slowest < DEADLINE && sent.strange.is_empty(), "{:?}: {:?}", sent.slowest, sent.strange);
    demo.until_in_timeline(&sent.accepted).await?;
    assert_eq!(demo.stop().await?, 0);
    Ok(())
}

/// Somebody speaks until it is heard: what is said while nobody is connected to the mock account is told to nobody.
async fn say_until_captured(
    demo: &Running,
    http: &Client,
    control: &str,
    who: (&str, &str),
    text: &str,
) -> Result<()> {
    let end = tokio::time::Instant::now() + PATIENCE;
    let mut spoken = Vec::new();
    loop {
        spoken.extend(load::spoken(http, control, who, text).await.ok());
        tokio::time::sleep(Duration::from_millis(500)).await;
        let stands = demo.timeline().await.unwrap_or_default();
        if spoken.iter().any(|id| stands.iter().any(|entry| entry.ends_with(id.as_str()))) {
            return Ok(());
        }
        ensure!(tokio::time::Instant::now() < end, "nobody hears what is said: {spoken:?}");
    }
}
