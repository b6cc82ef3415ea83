//! This machine's clock against everybody else's: waiting times and card signatures stand on it.

use chrono::{DateTime, TimeDelta, Utc};
use runtime::bus::{Bus, Login, User};
use runtime::{Clock, Config};
use store::role::Role;

use super::report::{Finding, Group};
use super::{database, within, wording};

/// More than this is worth a word.
const NOTICEABLE: TimeDelta = TimeDelta::seconds(2);
/// More than this makes waiting times wrong and signatures expire.
const INTOLERABLE: TimeDelta = TimeDelta::seconds(60);
/// A `Date` header is cut to the second.
const HALF_A_SECOND: TimeDelta = TimeDelta::milliseconds(500);

pub(super) async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let (vika, feishu, postgres, nats) = tokio::join!(
        within(web(config.vika.enabled, &config.vika.base_url, clock)),
        within(web(config.feishu.enabled, &config.feishu.base_url, clock)),
        within(postgres(config, clock)),
        within(nats(config, clock)),
    );
    let seen = [(wording::VIKA, vika), (wording::FEISHU, feishu), ("Postgres", postgres), ("NATS", nats)];
    seen.into_iter().map(|(other, ahead)| judge(other, ahead.flatten())).collect()
}

/// `ahead`: by how much this machine is ahead of the other.
fn judge(other: &str, ahead: Option<TimeDelta>) -> Finding {
    match ahead {
        None => Group::Clock.skipped(wording::clock_not_seen(other)),
        Some(ahead) if ahead.abs() > INTOLERABLE => Group::Clock.failed(wording::clock_off(other, ahead)),
        Some(ahead) if ahead.abs() > NOTICEABLE => Group::Clock.warning(wording::clock_off(other, ahead)),
        Some(_) => Group::Clock.ok(wording::clock_agrees(other)),
    }
}

/// Half-way between asking and hearing is when the other said it.
async fn compared(clock: &Clock, reading: impl Future<Output = Option<DateTime<Utc>>>) -> Option<TimeDelta> {
    let before = clock.now();
    let theirs = reading.await?;
    let after = clock.now();
    Some(before + (after - before) / 2 - theirs)
}

async fn web(enabled: bool, url: &str, clock: &Clock) -> Option<TimeDelta> {
    let client = runtime::http::client().ok().filter(|_| enabled)?;
    let reading = async {
        let answer = client.get(url).send().await.ok()?;
        let date = answer.headers().get(reqwest::header::DATE)?.to_str().ok()?;
        Some(DateTime::parse_from_rfc2822(date).ok()?.to_utc() + HALF_A_SECOND)
    };
    compared(clock, reading).await
}

async fn postgres(config: &Config, clock: &Clock) -> Option<TimeDelta> {
    let mut connection = database::as_reader(&config.database).await.ok()?;
    compared(clock, async { store::migrate::server_time(&mut connection).await.ok() }).await
}

async fn nats(config: &Config, clock: &Clock) -> Option<TimeDelta> {
    let login = Login::of(&config.bus, User::Role(Role::Reader)).ok()?;
    let bus = Bus::connect(&login, "huiyin-check").await.ok()?;
    compared(clock, async { bus.server_time().await.ok() }).await
}
