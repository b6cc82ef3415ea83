//! The configuration as a whole: which sections it has, and what is wrong with what they mean together.

use std::net::SocketAddr;

use domain::rules::Rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{Problem, Problems};
use crate::sections::{
    Bus, Database, Feishu, Http, Huoban, Ingest, Logs, Performance, Retention, Traces, Vika, Watchdog, rules,
};

/// Everything an operator decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the JSON Schema of this file is, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// What the company decides. Put in force by `huiyin apply`, then versioned in the database.
    pub rules: Rules,
    /// The folder, from that of this file, with a file of public holidays for each year: `2026.json`, as the public
    /// repository `holiday-cn` has them. `huiyin apply` puts them in force with the rules; `null`: none are known.
    #[serde(default)]
    pub holidays: Option<String>,
    /// Where Postgres is.
    pub database: Database,
    /// Where the bus is.
    pub bus: Bus,
    /// Capture.
    pub ingest: Ingest,
    /// The managers' tables.
    pub vika: Vika,
    /// The cards.
    pub feishu: Feishu,
    /// The figures' tables in Huoban (伙伴云).
    pub huoban: Huoban,
    /// The figures of performance.
    #[serde(default)]
    pub performance: Performance,
    /// How long what was said is kept.
    #[serde(default)]
    pub retention: Retention,
    /// Who hears of it when Huiyin itself is not well; `null`: nobody.
    #[serde(default)]
    pub watchdog: Option<Box<Watchdog>>,
    /// What stands before our listeners.
    #[serde(default)]
    pub http: Http,
    /// Logs.
    #[serde(default)]
    pub logs: Logs,
    /// Where spans are sent.
    #[serde(default)]
    pub traces: Traces,
    /// Where health and metrics are served; `null`: nowhere.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub health_listen: Option<SocketAddr>,
}

impl Config {
    /// Everything that is wrong with what it means: names that lead to nobody, chats that are two people's, addresses
    /// that cannot be called. Nothing is asked of what is switched off.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::default();
        rules::check(&self.rules, &mut problems);
        self.database.check(&mut problems);
        self.bus.check(&mut problems);
        self.ingest.check(&mut problems);
        if self.vika.enabled {
            self.vika.check(&mut problems);
        }
        if self.feishu.enabled {
            self.feishu.check(&self.rules, &mut problems);
        }
        if self.huoban.enabled {
            self.huoban.check(&mut problems);
        }
        self.performance.check(self.feishu.enabled, &mut problems);
        self.retention.check(&mut problems);
        if let Some(watchdog) = &self.watchdog {
            if !self.feishu.enabled {
                problems.add("watchdog", "found a section, expected null while feishu.enabled is false");
            }
            watchdog.check(&mut problems);
        }
        self.logs.check(&mut problems);
        self.traces.check(&mut problems);
        problems.into()
    }

    /// The passwords that whoever sets up database and bus must know and that are missing.
    pub(crate) fn missing_passwords(&self) -> Vec<Problem> {
        let mut problems = Problems::default();
        self.database.check_complete(&mut problems);
        self.bus.check_complete(&mut problems);
        problems.into()
    }
}
