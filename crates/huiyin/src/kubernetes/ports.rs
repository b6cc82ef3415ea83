//! Which ports a configuration leads to.

use std::collections::BTreeSet;

use serde_json::Value;

const POSTGRES: u16 = 5432;
const NATS: u16 = 4222;
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// Those of the database and of the bus.
pub(super) fn data(config: &Value) -> BTreeSet<u16> {
    let database = &config["database"];
    let usual = number(&database["port"]).unwrap_or(POSTGRES);
    let servers = each(&database["host"]).map(|server| behind(server).unwrap_or(usual));
    servers.chain(each(&config["bus"]["url"]).map(|url| behind(url).unwrap_or(NATS))).collect()
}

/// That of the receiver of spans.
pub(super) fn traces(config: &Value) -> Option<u16> {
    config["traces"]["endpoint"].as_str().map(of_address)
}

/// Those of Vika and Feishu, and of whatever else is called by HTTPS.
pub(super) fn outside(config: &Value) -> BTreeSet<u16> {
    let addresses = ["vika", "feishu"].iter().filter_map(|section| config[section]["base_url"].as_str());
    addresses.map(of_address).chain([HTTPS]).collect()
}

/// Where something listens or is found: `host:port`.
pub(super) fn of(address: &Value) -> Option<u16> {
    behind(address.as_str()?)
}

fn of_address(url: &str) -> u16 {
    behind(url).unwrap_or(if url.starts_with("http://") { HTTP } else { HTTPS })
}

fn each(list: &Value) -> impl Iterator<Item = &str> {
    list.as_str().into_iter().flat_map(|list| list.split(','))
}

fn behind(address: &str) -> Option<u16> {
    address.rsplit_once(':')?.1.trim_end_matches('/').parse().ok()
}

fn number(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|number| u16::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ports_are_read_or_usual() {
        let config = json!({
            "database": { "host": "db-1,db-2:5433", "port": 6432 }, "bus": { "url": "tls://n-1,nats://n-2:4223" },
            "vika": { "base_url": "https://api.example.com" }, "feishu": { "base_url": "http://lark.example.com:8443/" },
            "traces": { "endpoint": "http://otel" }
        });
        assert_eq!(data(&config), BTreeSet::from([4222, 4223, 5433, 6432]));
        assert_eq!((outside(&config), traces(&config)), (BTreeSet::from([443, 8443]), Some(80)));
        assert_eq!(
            data(&json!({ "database": { "host": "db" }, "bus": { "url": "nats://n" } })),
            BTreeSet::from([4222, 5432])
        );
    }
}
