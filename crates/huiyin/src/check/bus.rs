//! Every user can log in, everything is declared as it should be, and what is acknowledged is on disk.

use futures::future::join_all;
use runtime::bus::{Bus, BusError, Login, User, differences};
use runtime::config;
use store::role::Role;

use super::report::{Finding, Group};
use super::within;
use super::wording::{self, LoginFailure};

/// Where nats-server usually shows its monitoring pages.
const MONITOR_PORT: u16 = 8222;

pub(super) async fn check(config: &config::Bus, monitor: Option<&str>) -> Vec<Finding> {
    let tries = join_all(User::ALL.map(async |user| (user, login(config, user).await))).await;
    if tries
        .iter()
        .all(|(_, tried)| matches!(tried, Err(LoginFailure::Unreachable | LoginFailure::NoPassword)))
    {
        return unreachable(config);
    }
    let mut findings: Vec<Finding> = tries.iter().map(|(user, tried)| login_finding(*user, tried)).collect();
    let reader = tries.into_iter().find_map(|(user, tried)| {
        tried.ok().filter(|_| matches!(user, User::Admin | User::Role(Role::Reader)))
    });
    findings.extend(declared(reader, config.replicas).await);
    findings.push(on_disk(config, monitor).await);
    findings
}

fn unreachable(config: &config::Bus) -> Vec<Finding> {
    let skipped = User::ALL.iter().map(|user| Group::Bus.skipped(wording::user_not_tried(user.name())));
    let first = Group::Bus.failed(wording::bus_unreachable(&config.url));
    [first].into_iter().chain(skipped).collect()
}

fn login_finding(user: User, tried: &Result<Bus, LoginFailure>) -> Finding {
    match tried {
        Ok(_) => Group::Bus.ok(wording::user_logs_in(user.name())),
        Err(failure) => Group::Bus.failed(wording::user_refused(user.name(), failure)),
    }
}

async fn login(config: &config::Bus, user: User) -> Result<Bus, LoginFailure> {
    let login = Login::of(config, user).map_err(|_| LoginFailure::NoPassword)?;
    match within(Bus::connect(&login, "huiyin-check")).await {
        Some(Ok(bus)) => Ok(bus),
        Some(Err(BusError::Connect(error)))
            if error.kind() == async_nats::ConnectErrorKind::AuthorizationViolation =>
        {
            Err(LoginFailure::Password)
        }
        _ => Err(LoginFailure::Unreachable),
    }
}

async fn declared(reader: Option<Bus>, replicas: usize) -> Vec<Finding> {
    let Some(bus) = reader else { return vec![Group::Bus.skipped(wording::NOBODY_LOOKS_AT_STREAMS)] };
    match within(differences(bus.jetstream(), replicas)).await {
        Some(Ok(found)) if found.is_empty() => vec![Group::Bus.ok(wording::DECLARED)],
        Some(Ok(found)) => found.iter().map(|one| Group::Bus.failed(wording::not_declared(one))).collect(),
        _ => vec![Group::Bus.failed(wording::streams_unreadable())],
    }
}

/// Only the monitoring pages say it.
async fn on_disk(config: &config::Bus, monitor: Option<&str>) -> Finding {
    let urls = monitor.map_or_else(|| usual_monitors(&config.url), |url| vec![url.to_owned()]);
    let asked = join_all(urls.iter().map(async |url| (url, within(sync_always(url)).await.flatten()))).await;
    // Each server of a cluster has settings of its own.
    if asked.iter().any(|(_, synced)| *synced == Some(false)) {
        return Group::Bus.warning(wording::not_synced());
    }
    match asked.iter().find(|(_, synced)| synced.is_none()) {
        Some((url, _)) => Group::Bus.skipped(wording::no_monitor(Some(url))),
        None if asked.is_empty() => Group::Bus.skipped(wording::no_monitor(None)),
        None => Group::Bus.ok(wording::SYNC_ALWAYS),
    }
}

fn usual_monitors(bus: &str) -> Vec<String> {
    let servers = bus.split(',').filter_map(|server| server.trim().parse::<async_nats::ServerAddr>().ok());
    servers.map(|server| format!("http://{}:{MONITOR_PORT}", server.host())).collect()
}

async fn sync_always(url: &str) -> Option<bool> {
    let page = format!("{}/jsz?config=1", url.trim_end_matches('/'));
    let answer = runtime::http::client().ok()?.get(page).send().await.ok()?;
    let page_json: serde_json::Value = answer.json().await.ok()?;
    // A server that does not sync at each write leaves it out.
    page_json["config"].is_object().then(|| page_json["config"]["sync_always"].as_bool().unwrap_or(false))
}
