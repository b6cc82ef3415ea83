//! The services of Huiyin, one row each: whatever a service differs in from the others, outside of its own code.
//!
//! From here come what each may do on the bus ([`crate::bus::rights`]), which secrets it is handed, who is expected to
//! send heartbeats, what operators read when one is down, and what `huiyin up` and the chaos bench run. What is written
//! elsewhere (Compose, Prometheus, the map in `ARCHITECTURE.md`) is compared with this table by `tests/services.rs`.

use events::subject;
use store::role::Role;

use crate::bus::Consumer;
use crate::config::{self, Config, ConfigError, Source};

/// The heartbeats that a service listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watches {
    /// None.
    Nobody,
    /// Those of one service.
    One(Role),
    /// Those of every service: it is the watchdog, and no heartbeat of its own is expected by itself.
    Everybody,
}

/// Secrets of the configuration that a service uses.
#[derive(Debug, Clone, Copy)]
pub struct Secrets {
    /// Where they stand in the configuration: at this path, or below it.
    pub path: &'static str,
    /// The files that hold them in a deployment in containers.
    pub files: &'static [&'static str],
}

/// A service.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its login, in Postgres as on the bus; names its program too.
    pub role: Role,
    /// Subjects of the facts that it publishes.
    pub publishes: &'static [&'static str],
    /// The durable consumers that it alone pulls from.
    pub consumers: &'static [Consumer],
    /// Whether it asks how old the oldest message is that a consumer of its own has not handled.
    pub measures_lag: bool,
    /// The heartbeats that it listens to.
    pub watches: Watches,
    /// What it uses besides its passwords for Postgres and the bus.
    pub secrets: &'static [Secrets],
    /// The port that the proxy of a deployment in containers forwards to it.
    pub port: Option<u16>,
    /// What several processes of it do.
    pub redundancy: Redundancy,
    /// Whether a configuration has work for it.
    pub enabled: fn(&Config) -> bool,
    /// What people call it.
    pub title: &'static str,
    /// What it means for customers that it is down.
    pub impact: &'static str,
    /// Whether nobody sees who waits while it is down: neither cards nor tables are kept up.
    pub blinds: bool,
}

/// What several processes of one service do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redundancy {
    /// All of them work.
    ActiveActive,
    /// One works; another takes over within seconds, so that a second one is worth running.
    ActiveStandby,
    /// One works; another waits for its end, as while a release is rolled out.
    Single,
}

impl Redundancy {
    /// How many are worth running.
    pub const fn replicas(self) -> u8 {
        match self {
            Self::ActiveActive | Self::ActiveStandby => 2,
            Self::Single => 1,
        }
    }
}

/// What it means for customers that no messages come in.
pub const NOT_CAPTURING: &str = "期间的客户消息可能收不到。为了不误报，提醒卡片会先停下，恢复后继续。";

const FALLBACK: Secrets =
    Secrets { path: "watchdog.fallback.", files: &["watchdog_fallback_url", "watchdog_fallback_secret"] };

/// What a service that needs nothing of its own looks like.
const PLAIN: Service = Service {
    role: Role::Ingest,
    publishes: &[],
    consumers: &[],
    measures_lag: false,
    watches: Watches::Nobody,
    secrets: &[],
    port: None,
    redundancy: Redundancy::ActiveActive,
    enabled: |_| true,
    title: "",
    impact: "一部分功能停下，恢复后继续。",
    blinds: false,
};

/// Every service.
pub const SERVICES: &[Service] = &[
    Service {
        role: Role::Ingest,
        publishes: &[subject::CHAT_ALL],
        // The watchdog is watched by another service.
        watches: Watches::One(Role::FeishuAlerter),
        secrets: &[Secrets { path: "ingest.", files: &["webhook_import", "gateway_token"] }, FALLBACK],
        port: Some(8080),
        redundancy: Redundancy::Single,
        title: "采集服务",
        impact: NOT_CAPTURING,
        blinds: true,
        ..PLAIN
    },
    Service {
        role: Role::RoomState,
        publishes: &[subject::ROOM_ALL],
        consumers: &[Consumer::RoomStateChat, Consumer::RoomStateCommand],
        // Cards are held while it is behind.
        measures_lag: true,
        redundancy: Redundancy::ActiveStandby,
        title: "判定服务",
        impact: "消息仍在保存，不会丢；但等待不再更新，提醒卡片会先停下，恢复后继续。",
        blinds: true,
        ..PLAIN
    },
    Service {
        role: Role::VikaSync,
        consumers: &[Consumer::VikaSync],
        secrets: &[Secrets { path: "vika.sync_token", files: &["vika_sync_token"] }],
        redundancy: Redundancy::ActiveStandby,
        enabled: |config| config.vika.enabled,
        title: "写表服务",
        impact: "维格表停止更新，不要再照着它判断谁在等待；提醒卡片照常发送。",
        ..PLAIN
    },
    Service {
        role: Role::VikaReconcile,
        publishes: &[subject::COMMAND_ALL],
        secrets: &[Secrets { path: "vika.reconcile_token", files: &["vika_reconcile_token"] }],
        redundancy: Redundancy::Single,
        enabled: |config| config.vika.enabled,
        title: "读表服务",
        impact: "经理在维格表里的修改和勾选暂时不生效，恢复后会补上；提醒卡片照常发送。",
        ..PLAIN
    },
    Service {
        role: Role::FeishuAlerter,
        publishes: &[subject::COMMAND_ALL],
        consumers: &[Consumer::FeishuAlerter, Consumer::WatchdogDead],
        watches: Watches::Everybody,
        secrets: &[
            Secrets {
                path: "feishu.",
                files: &["feishu_app_secret", "feishu_encrypt_key", "feishu_verification_token"],
            },
            Secrets {
                path: "watchdog.",
                files: &["watchdog_fallback_url", "watchdog_fallback_secret", "watchdog_heartbeat_url"],
            },
            // Links into the board, for whoever asks on a card.
            Secrets { path: "performance.board.", files: &["board_session_key"] },
        ],
        port: Some(8081),
        title: "提醒服务",
        impact: "提醒卡片可能停发，恢复后继续。",
        ..PLAIN
    },
    Service {
        role: Role::Performance,
        consumers: &[Consumer::Performance],
        secrets: &[
            Secrets { path: "performance.board.", files: &["board_session_key"] },
            // People log in to the board by Feishu.
            Secrets { path: "feishu.app_secret", files: &["feishu_app_secret"] },
            Secrets { path: "huoban.api_key", files: &["huoban_api_key"] },
        ],
        port: Some(8082),
        redundancy: Redundancy::ActiveStandby,
        title: "统计服务",
        impact: "报表停止更新，恢复后会补齐；提醒卡片和维格表不受影响。",
        ..PLAIN
    },
];

impl Service {
    /// Its program, which its container, its heartbeats and its logs are named after.
    pub const fn program(&self) -> &'static str {
        self.role.service()
    }

    /// Paths of the configuration at, or below, which the secrets that it uses stand.
    pub fn secret_paths(&self) -> impl Iterator<Item = &'static str> {
        self.secrets.iter().map(|secrets| secrets.path)
    }
}

/// The service that logs in as this role; `None`: people do.
pub fn of(role: Role) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.role == role)
}

/// The configuration for a service, which is handed the secrets that it uses and no others.
pub fn load_for(source: &Source, role: Role) -> Result<Config, ConfigError> {
    let own = of(role).into_iter().flat_map(Service::secret_paths);
    let shared = ["database", "bus"].map(|server| format!("{server}.passwords.{role}"));
    let used: Vec<String> = shared.into_iter().chain(own.map(str::to_owned)).collect();
    config::load_using(source, &used)
}

/// The programs whose heartbeats are expected.
pub fn expected(config: &Config) -> Vec<String> {
    if let Some(expected) = config.watchdog.as_ref().and_then(|watchdog| watchdog.expected.clone()) {
        return expected;
    }
    let watched = SERVICES.iter().filter(|service| service.watches != Watches::Everybody);
    watched.filter(|service| (service.enabled)(config)).map(|service| service.program().to_owned()).collect()
}

/// The service of this program.
pub fn by_program(program: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.program() == program)
}

/// What it means for customers that a service is down.
pub fn impact_of(program: &str) -> &'static str {
    by_program(program).map_or(PLAIN.impact, |service| service.impact)
}
