//! What can be wrong with Huiyin itself.

use domain::rules::Severity;
use events::beat::VerificationKind;
use feishu::ImageKey;
use serde::{Deserialize, Serialize};

/// One thing that is wrong. Its JSON is stored with the alarm: fields may be added, never renamed.
///
/// Whatever moves by itself is left out or rounded, so that a card is changed only when something has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AlarmKind {
    /// A service does not beat.
    Silent { service: String },
    /// A service beats, but a part of it does not work.
    PartSilent {
        service: String,
        /// Which part, by its name in the code.
        part: String,
    },
    /// A service starts again and again.
    Restarting {
        service: String,
        /// How often within the window.
        starts: usize,
    },
    Panicked {
        service: String,
        /// `file:line`.
        location: String,
    },
    /// The gateway does not capture, for another reason than a lost login.
    GatewayLost {
        gateway: String,
        /// Its state, as `ingest` writes it.
        state: String,
    },
    /// The account is not logged in.
    LoginLost {
        gateway: String,
        /// The QR code, uploaded; `None` while there is none.
        picture: Option<ImageKey>,
        /// What the gateway asks for in place of a scan.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verification: Option<VerificationKind>,
    },
    /// The gateway named messages that it could not give.
    PayloadsMissing {
        gateway: String,
        /// How many lately.
        count: i64,
    },
    /// A consumer of the bus does not keep up.
    Lagging {
        consumer: String,
        /// How many messages wait, rounded.
        pending: u64,
    },
    /// Messages became dead letters.
    DeadLetters {
        service: String,
        /// How many lately.
        count: i64,
        /// Why, in words of the code.
        reasons: Vec<String>,
    },
    /// A file system is nearly full.
    DiskFull {
        /// A path on it.
        path: String,
        service: String,
        /// Free, in whole GiB.
        free_gib: u64,
        /// Free, in percent of its size.
        free_percent: u64,
    },
    /// Feishu takes no cards.
    FeishuRefuses,
    /// Cards for salespeople were parked or have failed.
    #[serde(rename = "cards_undelivered")]
    CardsUndelivered {
        /// How many lately.
        count: i64,
    },
    /// Public holidays of a year are not known that calendars will need.
    HolidaysMissing { year: i32 },
    /// The bus cannot be reached from here, so that no beat arrives.
    BusLost,
    /// The space's calls of the month are used up.
    VikaQuota,
    /// A sheet takes no more rows.
    VikaFull { sheet: String },
    /// A service's token is not accepted, or may not do what it has to.
    VikaAccess {
        service: String,
        /// The sheet; `None`: all.
        sheet: Option<String>,
    },
    /// Columns of a sheet were renamed, retyped or deleted.
    VikaColumns {
        sheet: String,
        /// Which, by their declared names.
        columns: Vec<String>,
    },
    /// A sheet refuses single rows.
    VikaRows {
        sheet: String,
        /// The rooms (群ID) of the first of them.
        rooms: Vec<String>,
    },
    /// The plan has too few calls for all the rows that change.
    VikaAllowance,
    /// Nothing can be done with a sheet, for another reason.
    VikaStalled {
        service: String,
        /// The sheet; `None`: any.
        sheet: Option<String>,
    },
    /// Figures of rooms cannot be counted.
    RoomsUncounted {
        /// How many rooms.
        count: usize,
        /// The first of them (群ID).
        first: Vec<String>,
    },
    /// The plan's calls of Huoban are used up.
    HuobanQuota,
    /// The key is not accepted, or a table is not found.
    HuobanAccess {
        /// The table; `None`: all.
        table: Option<String>,
    },
    /// Columns of a table in Huoban were deleted, doubled or retyped.
    HuobanColumns {
        table: String,
        /// Which, by their declared names.
        columns: Vec<String>,
    },
    /// A table in Huoban refuses single rows.
    HuobanRows {
        table: String,
        /// 业务键 of the first of them.
        rows: Vec<String>,
    },
    /// So many rows in Huoban are counted no more that none of them was deleted.
    HuobanStrays,
    /// The calls that the configuration allows have been used up for long, so that not all is written to Huoban.
    HuobanAllowance,
    /// Nothing was written to Huoban for long, for another reason.
    HuobanStalled,
}

impl AlarmKind {
    /// What is wrong with what: the same key is the same alarm.
    pub fn key(&self) -> String {
        match self {
            Self::Silent { service } => format!("silent:{service}"),
            Self::PartSilent { service, part } => format!("part_silent:{service}:{part}"),
            Self::Restarting { service, .. } => format!("restarting:{service}"),
            Self::Panicked { service, .. } => format!("panicked:{service}"),
            Self::GatewayLost { gateway, .. } => format!("gateway_lost:{gateway}"),
            Self::LoginLost { gateway, .. } => format!("login_lost:{gateway}"),
            Self::PayloadsMissing { gateway, .. } => format!("payload_missing:{gateway}"),
            Self::Lagging { consumer, .. } => format!("lagging:{consumer}"),
            Self::DeadLetters { service, .. } => format!("dead_letters:{service}"),
            Self::DiskFull { path, .. } => format!("disk_full:{path}"),
            Self::FeishuRefuses => FEISHU_REFUSES.to_owned(),
            Self::CardsUndelivered { .. } => "cards_undelivered".to_owned(),
            Self::HolidaysMissing { year } => format!("holidays_missing:{year}"),
            Self::BusLost => "bus_lost".to_owned(),
            Self::VikaQuota => "vika_quota".to_owned(),
            Self::VikaFull { sheet } => format!("vika_full:{sheet}"),
            Self::VikaAccess { service, .. } => format!("vika_access:{service}"),
            Self::VikaColumns { sheet, .. } => format!("vika_columns:{sheet}"),
            Self::VikaRows { sheet, .. } => format!("vika_rows:{sheet}"),
            Self::VikaAllowance => "vika_allowance".to_owned(),
            Self::VikaStalled { service, .. } => format!("vika_stalled:{service}"),
            Self::RoomsUncounted { .. } => "rooms_uncounted".to_owned(),
            Self::HuobanQuota => "huoban_quota".to_owned(),
            Self::HuobanAccess { table } => {
                format!("huoban_access:{}", table.as_deref().unwrap_or_default())
            }
            Self::HuobanColumns { table, .. } => format!("huoban_columns:{table}"),
            Self::HuobanRows { table, .. } => format!("huoban_rows:{table}"),
            Self::HuobanStrays => "huoban_strays".to_owned(),
            Self::HuobanAllowance => "huoban_allowance".to_owned(),
            Self::HuobanStalled => "huoban_stalled".to_owned(),
        }
    }

    /// Its section in the runbook. Cards already sent name it: a code never changes its meaning.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Silent { .. } => "W01",
            Self::PartSilent { .. } => "W02",
            Self::Restarting { .. } => "W03",
            Self::Panicked { .. } => "W04",
            Self::GatewayLost { .. } => "W05",
            Self::LoginLost { .. } => "W06",
            Self::Lagging { .. } => "W07",
            Self::DeadLetters { .. } => "W08",
            Self::DiskFull { .. } => "W09",
            Self::FeishuRefuses => "W10",
            Self::CardsUndelivered { .. } => "W11",
            Self::BusLost => "W12",
            Self::PayloadsMissing { .. } => "W18",
            Self::VikaQuota | Self::VikaFull { .. } => "W14",
            Self::VikaAccess { .. } => "W15",
            Self::VikaColumns { .. } => "W16",
            Self::VikaStalled { .. } => "W17",
            Self::VikaRows { .. } => "W19",
            Self::HolidaysMissing { .. } => "W20",
            Self::RoomsUncounted { .. } => "W21",
            Self::HuobanQuota => "W22",
            Self::HuobanAccess { .. } => "W23",
            Self::HuobanColumns { .. } => "W24",
            Self::HuobanStalled | Self::HuobanAllowance => "W25",
            Self::HuobanRows { .. } => "W26",
            Self::HuobanStrays => "W27",
            Self::VikaAllowance => "W28",
        }
    }

    /// Red where customers may wait unseen meanwhile.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Silent { .. }
            | Self::Restarting { .. }
            | Self::GatewayLost { .. }
            | Self::LoginLost { .. }
            | Self::Lagging { .. }
            | Self::FeishuRefuses
            | Self::BusLost => Severity::Red,
            _ => Severity::Orange,
        }
    }

    /// Operators get urgent pushes about it, and a new card again and again: nothing works until one of them acts.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::LoginLost { .. })
    }
}

/// The key of [`AlarmKind::FeishuRefuses`], which is reported to the fallback.
pub const FEISHU_REFUSES: &str = "feishu_refuses";
