//! Beats: every few seconds a service says on plain NATS that it lives and how it fares. No stream keeps them: a beat
//! that nobody heard is worth nothing a minute later.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::wire::Payload;

/// What a beat is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BeatKind {
    /// It lives.
    Alive,
    /// It was asked to stop, and does. Its silence from now on is nobody's alarm.
    Stopping,
    /// It has just panicked, and may end.
    Panicked,
}

/// What one instance of a service says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Which service.
    pub service: String,
    /// Which start of which replica: every start has another one.
    pub instance: String,
    /// What it says.
    pub kind: BeatKind,
    /// When this instance started.
    pub started_at: DateTime<Utc>,
    /// When it says so, by its clock.
    pub at: DateTime<Utc>,
    /// Counts its beats, from 0.
    pub sequence: u64,
    /// Parts that do not report any more, with their silence in seconds.
    #[serde(default)]
    pub silent: BTreeMap<String, u64>,
    /// Consumers of the bus that are behind.
    #[serde(default)]
    pub lags: Vec<Lag>,
    /// The file systems that it looks at.
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
    /// What keeps it from Vika.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vika: Vec<VikaProblem>,
}

/// A verification that is asked for at a login, which no code to be scanned can give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Which gateway.
    pub gateway: String,
    /// What is asked for.
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

/// Something that keeps a service from Vika.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VikaProblem {
    /// What.
    pub what: VikaFailure,
    /// The sheet's title; `None`: all sheets.
    #[serde(default)]
    pub sheet: Option<String>,
    /// The columns that it is about.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rooms (群ID) whose rows it is about; of many the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<String>,
    /// Since when, as far as the service knows.
    pub since: DateTime<Utc>,
}

/// What can keep a service from Vika.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VikaFailure {
    /// The space's calls of the month are used up.
    Quota,
    /// The token is not accepted, or its user may not do this.
    Access,
    /// The sheet takes no more rows.
    SheetFull,
    /// Columns are missing, renamed or of another type.
    Columns,
    /// The sheet refuses single rows; the others are kept up.
    Rows,
    /// Nothing could be done for minutes, for whatever reason.
    Stalled,
    /// A newer service knows another.
    #[serde(other)]
    Unknown,
}

/// A consumer that has work waiting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// Which.
    pub consumer: String,
    /// Messages that wait.
    pub pending: u64,
    /// For how many seconds it has not been at the end of its work.
    pub behind_seconds: u64,
}

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// A path on it.
    pub path: String,
    /// What an ordinary process may still write, in bytes.
    pub free_bytes: u64,
    /// Its size, in bytes.
    pub total_bytes: u64,
}

/// A panic. Never with its message, which may hold somebody's words or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// When.
    pub at: DateTime<Utc>,
    /// `file:line`.
    pub location: String,
}

/// A gateway whose account is not logged in. Whoever has the code can log an account of their own in, so its `Debug`
/// form hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Which gateway.
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
