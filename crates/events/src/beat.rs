//! Heartbeats: every few seconds a service publishes its health on plain NATS. No stream keeps them: a missed beat is
//! worth nothing a minute later.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::wire::Payload;

/// Why a beat was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeatKind {
    /// The regular one: the instance is running.
    Alive,
    /// It is shutting down. Missing beats from now on raise no alarm.
    Stopping,
    /// It has just panicked, and may end.
    Panicked,
}

/// The health of one instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// The name of the service, for example `room-state`.
    pub service: String,
    /// Identifies this start of this replica; a restart gets another one.
    pub instance: String,
    /// Why it was published.
    pub kind: BeatKind,
    /// When this instance started.
    pub started_at: DateTime<Utc>,
    /// When it was published, by the instance's clock.
    pub at: DateTime<Utc>,
    /// Number of beats published before it by this instance.
    pub sequence: u64,
    /// Tasks that stopped reporting, with the seconds since they last did.
    #[serde(default)]
    pub silent: BTreeMap<String, u64>,
    /// Another instance does the work, and this one stands by.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub standby: bool,
    /// Consumers that have messages waiting.
    #[serde(default)]
    pub lags: Vec<Lag>,
    /// The file systems whose free space the operator wants watched.
    #[serde(default)]
    pub disks: Vec<Disk>,
    /// Its last panic.
    #[serde(default)]
    pub panicked: Option<Panic>,
    /// Somebody has to scan this code before the account is logged in again.
    #[serde(default)]
    pub login: Option<Login>,
    /// The gateway asks for a verification before the account is logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// What keeps it from reading or writing Vika; empty while all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vika: Vec<OutsideProblem>,
    /// What keeps it from writing Huoban.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub huoban: Vec<OutsideProblem>,
    /// Rooms whose figures it cannot count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncounted: Option<Uncounted>,
}

impl Beat {
    /// The first beat of an instance that has nothing to report.
    pub fn new(
        service: &str,
        instance: &str,
        kind: BeatKind,
        started_at: DateTime<Utc>,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            service: service.to_owned(),
            instance: instance.to_owned(),
            kind,
            started_at,
            at,
            sequence: 0,
            silent: BTreeMap::new(),
            standby: false,
            lags: Vec::new(),
            disks: Vec::new(),
            panicked: None,
            login: None,
            verification: None,
            vika: Vec::new(),
            huoban: Vec::new(),
            uncounted: None,
        }
    }
}

/// A verification that is asked for at a login, which no code to be scanned can give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// The gateway's name in the configuration.
    pub gateway: String,
    /// What has to be done at the gateway.
    pub kind: VerificationKind,
}

/// What a verification asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerificationKind {
    /// The code that the phone shows or was sent, to be entered at the gateway.
    Code,
    /// A slider to be moved at the gateway.
    Slide,
}

/// Rooms whose figures cannot be counted, and are old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncounted {
    /// How many.
    pub rooms: usize,
    /// The first of them (群ID).
    pub first: Vec<String>,
    /// Since when the one that has waited longest could not be.
    pub since: DateTime<Utc>,
}

/// A problem of a service with the tables that it keeps up in Vika or Huoban.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideProblem {
    /// What kind of problem it is.
    pub what: OutsideFailure,
    /// The table's title; `None`: all tables.
    #[serde(default)]
    pub sheet: Option<String>,
    /// Names of the columns that it is about; empty unless it is about columns.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows that it is about, by room (群ID) in Vika, by 业务键 in Huoban; of many the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "rooms")]
    pub rows: Vec<String>,
    /// Since when, as far as the service knows.
    pub since: DateTime<Utc>,
}

impl OutsideProblem {
    /// A problem without columns and rows.
    pub fn new(what: OutsideFailure, sheet: Option<&str>, since: DateTime<Utc>) -> Self {
        Self { what, sheet: sheet.map(str::to_owned), columns: Vec::new(), rows: Vec::new(), since }
    }
}

/// The kinds of problems that a service can have with such tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutsideFailure {
    /// The calls that were bought are used up.
    Quota,
    /// The token or key is not accepted, or its user may not do this, or there is no such table.
    Access,
    /// The table takes no more rows.
    SheetFull,
    /// Columns are missing, renamed or of another type.
    Columns,
    /// The table refuses single rows; the others are written.
    Rows,
    /// Rows that nobody counts any more were left, since there were too many to be believed.
    Strays,
    /// The calls that the configuration allows have been used up for long.
    Allowance,
    /// Nothing could be done for minutes, for whatever reason.
    Stalled,
    /// A kind that only a newer release knows.
    #[serde(other)]
    Unknown,
}

/// A consumer that has work waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// The durable name of the consumer.
    pub consumer: String,
    /// Messages waiting to be delivered or acknowledged.
    pub pending: u64,
    /// Seconds since it last had nothing waiting.
    pub behind_seconds: u64,
}

/// Free space of a file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// A path on the file system.
    pub path: String,
    /// Bytes that a process without privileges may still write.
    pub free_bytes: u64,
    /// Size of the file system in bytes.
    pub total_bytes: u64,
}

/// A panic. Never with its message, which may hold somebody's words or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// Source position as `file:line`.
    pub location: String,
}

/// A gateway whose account is not logged in. Whoever has the code can log an account of their own in, so its `Debug`
/// form hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The gateway's name in the configuration.
    pub gateway: String,
    /// What the QR code to be scanned contains.
    pub code: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("gateway", &self.gateway).finish_non_exhaustive()
    }
}

impl Payload for Beat {
    const NAME: &'static str = "beat";
    const VERSION: u8 = 1;
}
