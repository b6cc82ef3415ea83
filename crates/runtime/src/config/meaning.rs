//! What a configuration of sound form means: names that lead to somebody, chats that are each one person's, addresses
//! that can be called.

use std::collections::{BTreeMap, BTreeSet};

use domain::rules::Team;
use domain::span::Span;
use store::role::Role;
use tracing_subscriber::EnvFilter;

use super::files;
use super::problem::Problem;
use super::schema::listed;
use super::secret::Secret;
use super::sections::{Bus, Config, Database, Feishu, Ingest, Logs, Vika};
use super::watchdog::{Thresholds, Watchdog};
use crate::services::{self, Service};

/// Who sets everything up, among the passwords.
const ADMIN: &str = "admin";
/// Texts are needed until a wait's cards are out and changed.
const SHORTEST_RETENTION: Span = Span::seconds(24 * 60 * 60);
/// No period is shorter: what is done in it would be done without an end.
const SHORTEST_PERIOD: Span = Span::seconds(1);
/// How Feishu's chat ids begin.
const CHAT_PREFIX: &str = "oc_";
/// How Feishu's people's ids begin.
const PERSON_PREFIX: &str = "ou_";
/// On how many servers a stream can be kept to some purpose.
const REPLICAS: [usize; 3] = [1, 3, 5];
/// How Vika's sheet ids begin.
const SHEET_PREFIX: &str = "dst";

#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }
}

/// Everything that is wrong with what it means.
pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Problems::default();
    for problem in config.rules.validate() {
        let message = format!("found {}, expected {}", problem.found, problem.expected);
        problems.add(format!("rules.{}", problem.path), message);
    }
    check_password_names("database", &config.database.passwords, &mut problems);
    check_password_names("bus", &config.bus.passwords, &mut problems);
    check_password_files("database", config.database.password_files.as_deref(), &mut problems);
    check_password_files("bus", config.bus.password_files.as_deref(), &mut problems);
    check_database(&config.database, &mut problems);
    check_bus(&config.bus, &mut problems);
    check_ingest(&config.ingest, &mut problems);
    if config.vika.enabled {
        check_vika(&config.vika, &mut problems);
    }
    if config.feishu.enabled {
        check_url("feishu.base_url", &config.feishu.base_url, &mut problems);
        check_chats(&config.feishu, &mut problems);
        check_chat_owners(config, &mut problems);
    }
    if let Some(endpoint) = &config.traces.endpoint {
        check_url("traces.endpoint", endpoint, &mut problems);
    }
    if let Some(text) = config.retention.text
        && text < SHORTEST_RETENTION
    {
        let message = too_short(text, SHORTEST_RETENTION);
        problems.add("retention.text", format!("{message}, or null: cards show the last lines said"));
    }
    if let Some(watchdog) = &config.watchdog {
        if !config.feishu.enabled {
            problems.add("watchdog", "found a section, expected null while feishu.enabled is false");
        }
        check_watchdog(watchdog, &mut problems);
    }
    check_logs(&config.logs, &mut problems);
    problems.0
}

/// The passwords that whoever sets up database and bus must know and that are missing.
pub(super) fn missing_passwords(config: &Config) -> Vec<Problem> {
    let roles = Role::ALL.iter().map(|role| role.name()).chain([ADMIN]);
    let database = roles.filter(|name| !config.database.passwords.contains_key(*name));
    let bus = [ADMIN].into_iter().filter(|name| !config.bus.passwords.contains_key(*name));
    let problem = |section: &str, name: &str| Problem {
        path: format!("{section}.passwords.{name}"),
        message: format!(
            "is missing: expected a password (or `{name}_file` with the path of a file that holds it)"
        ),
    };
    let database = database.map(|name| problem("database", name));
    database.chain(bus.map(|name| problem("bus", name))).collect()
}

fn check_password_names(section: &str, passwords: &BTreeMap<String, Secret>, problems: &mut Problems) {
    let known: Vec<&str> = Role::ALL.iter().map(|role| role.name()).chain([ADMIN]).collect();
    for name in passwords.keys().filter(|name| !known.contains(&name.as_str())) {
        let message = format!("unknown role: expected one of {}", listed(&known));
        problems.add(format!("{section}.passwords.{name}"), message);
    }
}

/// One file for all would make every service's password that of the superuser.
fn check_password_files(section: &str, pattern: Option<&str>, problems: &mut Problems) {
    if pattern.is_some_and(|pattern| !pattern.contains(files::ROLE)) {
        let message =
            format!("expected a path that holds `{}` in the place of each role's name", files::ROLE);
        problems.add(format!("{section}.password_files"), message);
    }
}

fn check_database(database: &Database, problems: &mut Problems) {
    if database.servers().is_none() {
        problems
            .add("database.host", "expected host names separated by commas, each with or without `:port`");
    }
}

fn check_bus(bus: &Bus, problems: &mut Problems) {
    let servers: Vec<&str> = bus.url.split(',').collect();
    for url in &servers {
        check_bus_url(url, problems);
    }
    if !REPLICAS.contains(&bus.replicas) {
        let message =
            format!("found {}, expected 1, 3 or 5: an even number survives no more losses", bus.replicas);
        problems.add("bus.replicas", message);
    }
}

/// One address for all users, so it names none. What stands there is not shown, for it may hold a password.
fn check_bus_url(url: &str, problems: &mut Problems) {
    match url.trim().parse::<async_nats::ServerAddr>() {
        Ok(bus) if bus.username().is_some() || bus.password().is_some() => problems.add(
            "bus.url",
            "names a user: expected \"nats://host:port\", and each user's password in bus.passwords",
        ),
        Ok(bus) if !bus.host().is_empty() => {}
        _ => problems.add("bus.url", "expected \"nats://host:port\""),
    }
}

fn check_ingest(ingest: &Ingest, problems: &mut Problems) {
    let (mut names, mut tokens) = (BTreeSet::new(), BTreeSet::new());
    for (index, sender) in ingest.webhook_tokens.iter().enumerate() {
        let path = format!("ingest.webhook_tokens[{index}]");
        if !names.insert(sender.name.as_str()) {
            problems
                .add(format!("{path}.name"), format!("`{}` once more: expected each name once", sender.name));
        }
        if !tokens.insert(sender.token.expose()) {
            problems.add(format!("{path}.token"), "another sender has the same: expected a token of its own");
        }
    }
    if let Some(gateway) = &ingest.gateway {
        let port =
            gateway.endpoint.rsplit_once(':').filter(|(host, _)| !host.is_empty() && !host.contains('/'));
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            problems.add("ingest.gateway.endpoint", "expected host and port, like \"gateway:8788\"");
        }
    }
}

fn check_vika(vika: &Vika, problems: &mut Problems) {
    check_url("vika.base_url", &vika.base_url, problems);
    if vika.bot_names.is_empty() {
        problems.add(
            "vika.bot_names",
            "found an empty list, expected the display names of the users behind the two tokens",
        );
    }
    for (path, span) in [("vika.sync_every", vika.sync_every), ("vika.poll_every", vika.poll_every)] {
        check_period(path, span, problems);
    }
    let mut seen = BTreeMap::new();
    let sheets = &vika.sheets;
    // Empty is how they stand until `huiyin init-vika` has made them.
    for (name, id) in
        [("today", &sheets.today), ("all_rooms", &sheets.all_rooms), ("system_log", &sheets.system_log)]
            .into_iter()
            .filter(|(_, id)| !id.is_empty())
    {
        let path = format!("vika.sheets.{name}");
        if !id.starts_with(SHEET_PREFIX) {
            problems.add(path, format!("expected a sheet's id, which begins with `{SHEET_PREFIX}`"));
        } else if let Some(other) = seen.insert(id, name) {
            problems.add(path, format!("is the same as vika.sheets.{other}: expected a sheet of its own"));
        }
    }
}

/// A root to which paths are added.
fn check_url(path: &str, url: &str, problems: &mut Problems) {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if host.is_none_or(|host| host.is_empty() || host.contains(['/', '?', '#', ' ', '@'])) {
        problems.add(path, "expected an address without a path, like \"https://example.com\"");
    }
}

/// Each chat belongs to one, or what is meant for one is read by another.
fn check_chats(feishu: &Feishu, problems: &mut Problems) {
    let mut owners = BTreeMap::from([(feishu.public_chat.as_str(), "feishu.public_chat".to_owned())]);
    if !feishu.public_chat.starts_with(CHAT_PREFIX) {
        problems
            .add("feishu.public_chat", format!("expected a chat's id, which begins with `{CHAT_PREFIX}`"));
    }
    for (name, chat) in &feishu.chats {
        let path = format!("feishu.chats.{name}");
        if !chat.starts_with(CHAT_PREFIX) {
            problems.add(path, format!("expected a chat's id, which begins with `{CHAT_PREFIX}`"));
        } else if let Some(other) = owners.get(chat.as_str()) {
            problems.add(path, format!("is the same chat as {other}: expected a chat of this person's own"));
        } else {
            owners.insert(chat, path);
        }
    }
}

/// Whoever can own a room needs a chat, and whoever has a chat must be known.
fn check_chat_owners(config: &Config, problems: &mut Problems) {
    for name in config.feishu.chats.keys() {
        if !config.rules.roster.iter().any(|entry| entry.name == *name) {
            problems.add(
                format!("feishu.chats.{name}"),
                "nobody in rules.roster has this name: expected a name as it stands there",
            );
        }
    }
    for entry in &config.rules.roster {
        if entry.team != Team::Other && !config.feishu.chats.contains_key(&entry.name) {
            problems.add(
                format!("feishu.chats.{}", entry.name),
                "is missing: expected the private chat (`oc_…`) of everybody in pre-sales and after-sales",
            );
        }
    }
}

fn check_watchdog(watchdog: &Watchdog, problems: &mut Problems) {
    if !watchdog.operators_chat.starts_with(CHAT_PREFIX) {
        let message = format!("expected a chat's id, which begins with `{CHAT_PREFIX}`");
        problems.add("watchdog.operators_chat", message);
    }
    for (index, _) in watchdog.operators.iter().enumerate().filter(|(_, id)| !id.starts_with(PERSON_PREFIX)) {
        let message = format!("expected a person's id, which begins with `{PERSON_PREFIX}`");
        problems.add(format!("watchdog.operators[{index}]"), message);
    }
    let fallback = watchdog.fallback.as_ref().map(|bot| ("watchdog.fallback.url", bot.url.expose()));
    let heartbeat = watchdog.heartbeat_url.as_ref().map(|url| ("watchdog.heartbeat_url", url.expose()));
    let login = watchdog.login_page.as_deref().map(|url| ("watchdog.login_page", url));
    let runbook = watchdog.runbook.as_deref().map(|url| ("watchdog.runbook", url));
    for (path, url) in [fallback, heartbeat, login, runbook].into_iter().flatten() {
        if !(url.starts_with("https://") || url.starts_with("http://")) || url.contains(char::is_whitespace) {
            problems.add(path, "expected a web address, which begins with `https://`");
        }
    }
    for (index, service) in watchdog.expected.iter().flatten().enumerate() {
        if services::by_program(service).is_none() {
            let known: Vec<&str> = services::SERVICES.iter().map(Service::program).collect();
            let message = format!("unknown service: expected one of {}", listed(&known));
            problems.add(format!("watchdog.expected[{index}]"), message);
        }
    }
    check_thresholds(watchdog, problems);
}

fn check_thresholds(watchdog: &Watchdog, problems: &mut Problems) {
    let Thresholds {
        silent_after,
        restarts: _,
        restart_window,
        gateway_lost_after,
        login_lost_after,
        login_repeat_every,
        lag_after,
        disk_free_percent: _,
        disk_free_gib: _,
        fallback_after,
        heartbeat_every,
        // Nothing: what comes back is a new alarm each time.
        reopen_within: _,
    } = watchdog.thresholds;
    for (path, span) in [
        ("watchdog.beat_every", watchdog.beat_every),
        ("watchdog.thresholds.restart_window", restart_window),
        ("watchdog.thresholds.gateway_lost_after", gateway_lost_after),
        ("watchdog.thresholds.login_lost_after", login_lost_after),
        ("watchdog.thresholds.login_repeat_every", login_repeat_every),
        ("watchdog.thresholds.lag_after", lag_after),
        ("watchdog.thresholds.fallback_after", fallback_after),
        ("watchdog.thresholds.heartbeat_every", heartbeat_every),
    ] {
        check_period(path, span, problems);
    }
    let two_beats = Span::seconds(watchdog.beat_every.max(SHORTEST_PERIOD).as_seconds().saturating_mul(2));
    if silent_after < two_beats {
        let message = format!("{}, twice watchdog.beat_every", too_short(silent_after, two_beats));
        problems.add("watchdog.thresholds.silent_after", message);
    }
}

fn check_period(path: &str, span: Span, problems: &mut Problems) {
    if span < SHORTEST_PERIOD {
        problems.add(path, too_short(span, SHORTEST_PERIOD));
    }
}

fn too_short(found: Span, least: Span) -> String {
    format!("\"{found}\" is too short: expected at least \"{least}\"")
}

fn check_logs(logs: &Logs, problems: &mut Problems) {
    if EnvFilter::try_new(&logs.filter).is_err() {
        problems.add("logs.filter", "expected levels like \"info\" or \"info,room_state=debug\"");
    }
}
