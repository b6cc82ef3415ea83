//! What was proved, one line for each thing.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

use super::wording::{self, Advice};

/// What a line is about, in the order in which groups are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// 配置
    Config,
    /// 数据库
    Database,
    /// 报警
    Alarms,
    /// 总线
    Bus,
    /// 网关
    Gateway,
    /// Vika
    Vika,
    /// 飞书
    Feishu,
    /// 伙伴云
    Huoban,
    /// 时钟
    Clock,
    /// 日历
    Calendar,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Proved.
    Ok,
    /// It works, and should be put right all the same.
    Warning,
    /// It does not work.
    Failed,
    /// Not looked at: nothing to look at, or what it stands on failed.
    Skipped,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub group: Group,
    /// How it stands.
    pub status: Status,
    /// What was found, in Chinese.
    pub what: String,
    /// What to do about it, in Chinese; empty when nothing is to be done.
    pub remedy: String,
}

impl Finding {
    /// The line with the sign before it that says how it stands.
    pub(crate) fn signed(&self) -> String {
        format!("{} {self}", wording::sign(self.status))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::text::on_one_line(&self.what))?;
        if !self.remedy.is_empty() {
            write!(f, "。{}{}", wording::REMEDY, crate::text::on_one_line(&self.remedy))?;
        }
        Ok(())
    }
}

/// Everything that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Group {
    /// Every group, in order.
    pub const ALL: [Self; 10] = [
        Self::Config,
        Self::Database,
        Self::Alarms,
        Self::Bus,
        Self::Gateway,
        Self::Vika,
        Self::Feishu,
        Self::Huoban,
        Self::Clock,
        Self::Calendar,
    ];

    /// Proved.
    pub(super) fn ok(self, what: impl Into<String>) -> Finding {
        Finding { group: self, status: Status::Ok, what: what.into(), remedy: String::new() }
    }

    pub(super) fn warning(self, advice: Advice) -> Finding {
        Finding { group: self, status: Status::Warning, what: advice.what, remedy: advice.remedy }
    }

    pub(super) fn failed(self, advice: Advice) -> Finding {
        Finding { group: self, status: Status::Failed, what: advice.what, remedy: advice.remedy }
    }

    pub(super) fn skipped(self, what: impl Into<String>) -> Finding {
        Finding { group: self, status: Status::Skipped, what: what.into(), remedy: String::new() }
    }
}

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.group);
        Self { findings }
    }

    /// Every line, by group.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many lines stand so.
    pub fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "ok": self.count(Status::Failed) == 0,
            "failed": self.count(Status::Failed),
            "warnings": self.count(Status::Warning),
            "skipped": self.count(Status::Skipped),
            "checks": self.findings,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for group in Group::ALL {
            writeln!(f, "{}", wording::title(group))?;
            for finding in self.findings.iter().filter(|finding| finding.group == group) {
                writeln!(f, "  {}", finding.signed())?;
            }
        }
        write!(f, "{}", wording::summary(self))
    }
}
