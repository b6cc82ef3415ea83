//! The gateway takes our token, and its account is logged in.
//!
//! Asked by calls that have nothing to do with its event stream: it has only one, and the running `ingest` holds it.

use chrono::TimeDelta;
use ingest::gateway::{GatewayClient, GatewayError, Settings};
use runtime::{Clock, Config, config};

use super::report::{Finding, Group};
use super::{database, within, wording};

/// A gateway that was live so lately is live.
const FRESH: TimeDelta = TimeDelta::minutes(1);
/// As `ingest` writes it; a suspect gateway is a live one that is silent.
const LIVE: [&str; 2] = ["live", "suspect"];

pub(super) async fn check(config: &Config, clock: &Clock) -> Vec<Finding> {
    let Some(gateway) = &config.ingest.gateway else {
        return vec![Group::Gateway.skipped(wording::NO_GATEWAY)];
    };
    let mut findings = answers(gateway).await;
    findings.push(logged_in(config, gateway, clock).await);
    findings
}

async fn answers(gateway: &config::Gateway) -> Vec<Finding> {
    let settings = match Settings::of(gateway) {
        Ok(settings) => settings,
        Err(error) => return vec![Group::Gateway.failed(wording::gateway_settings(&format!("{error:#}")))],
    };
    let refused = |error: GatewayError| {
        let advice = wording::gateway_refused(&gateway.endpoint, error, gateway.tls_ca.is_some());
        vec![Group::Gateway.failed(advice), Group::Gateway.skipped(wording::GATEWAY_ROOMS_NOT_READ)]
    };
    let client = match within(GatewayClient::connect(&settings)).await {
        Some(Ok(client)) => client,
        Some(Err(error)) => return refused(error),
        None => return refused(GatewayError::Deadline),
    };
    match client.version().await {
        Ok(version) => {
            let version = Group::Gateway.ok(wording::gateway_answers(&gateway.endpoint, &version));
            vec![version, rooms(&client).await]
        }
        Err(error) => refused(error),
    }
}

async fn rooms(client: &GatewayClient) -> Finding {
    match within(client.rooms()).await {
        Some(Ok(rooms)) if rooms.is_empty() => Group::Gateway.warning(wording::no_rooms()),
        Some(Ok(rooms)) => Group::Gateway.ok(wording::rooms(rooms.len())),
        _ => Group::Gateway.skipped(wording::GATEWAY_ROOMS_NOT_READ),
    }
}

/// `ingest` knows it from the event stream and writes it down.
async fn logged_in(config: &Config, gateway: &config::Gateway, clock: &Clock) -> Finding {
    let Ok(mut connection) = database::as_reader(&config.database).await else {
        return Group::Gateway.skipped(wording::LOGIN_NOT_READ);
    };
    match within(store::ingest::gateways::get(&mut connection, &gateway.name)).await {
        Some(Ok(Some(row))) if LIVE.contains(&row.state.as_str()) => match row.last_live_at {
            Some(at) if clock.now() - at <= FRESH => Group::Gateway.ok(wording::LOGGED_IN),
            _ => Group::Gateway.skipped(wording::INGEST_IS_DOWN),
        },
        Some(Ok(Some(row))) => Group::Gateway.failed(wording::not_live(&row.state)),
        Some(Ok(None)) => Group::Gateway.skipped(wording::INGEST_NEVER_RAN),
        _ => Group::Gateway.skipped(wording::LOGIN_NOT_READ),
    }
}
