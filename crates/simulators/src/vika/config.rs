//! What a simulator is started with, and the switches that a test may turn while it runs.

use std::{net::SocketAddr, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The time that stamps, `NOW()` and the usage month go by. A test hands in one that it can move.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// A member of a space: a display name and the unit id by which a Member cell names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VikaMember {
    /// Display name; two members with one name are one user.
    pub name: String,
    /// Digits. With fewer than ten the real service accepts the id and drops the cell.
    pub unit_id: String,
}

impl VikaMember {
    /// A member with a unit id of the usual length, derived from the name.
    pub fn named(name: impl Into<String>) -> Self {
        let name = name.into();
        let sum = name.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let unit_id = format!("16{:017}", sum % 100_000_000_000_000_000);
        Self { name, unit_id }
    }
}

/// A space (空间站) with its members.
#[derive(Debug, Clone)]
pub struct VikaSpace {
    /// `spc…`
    pub id: String,
    pub name: String,
    /// Who may use it. A token of anybody else is refused.
    pub members: Vec<VikaMember>,
}

/// An API token: it acts as its user, with that user's display name in every edit stamp.
#[derive(Clone)]
pub struct VikaToken {
    /// The bearer token, `usk…`.
    pub token: String,
    /// Display name of the user it belongs to.
    pub user: String,
}

/// Everything a simulator is started with.
#[derive(Clone)]
pub struct VikaConfig {
    /// Time of stamps, formulas and the usage month. The rate window goes by real time, as the callers' pacing does.
    pub clock: Clock,
    /// Accepted tokens.
    pub tokens: Vec<VikaToken>,
    pub spaces: Vec<VikaSpace>,
    /// Calls per second and (sheet, token); `None` switches the limit off.
    pub rate_limit: Option<u32>,
    /// Where to listen; port 0 takes a free one.
    pub bind: SocketAddr,
    /// Listen beyond loopback all the same: only in a container whose network is private, since `/_sim/` asks for no
    /// token.
    pub beyond_loopback: bool,
}

impl VikaConfig {
    /// One space `spcHuiyinDemo` in which a bot (机器人) and a manager (王经理) are members with a token each,
    /// `uskBot` and `uskManager`, on a free loopback port and with the usual five calls a second.
    pub fn sample(clock: Clock) -> Self {
        let users = [("uskBot", "机器人"), ("uskManager", "王经理")];
        Self {
            clock,
            tokens: users
                .iter()
                .map(|(token, user)| VikaToken { token: (*token).into(), user: (*user).into() })
                .collect(),
            spaces: vec![VikaSpace {
                id: "spcHuiyinDemo".into(),
                name: "回音演示".into(),
                members: users.iter().map(|(_, user)| VikaMember::named(*user)).collect(),
            }],
            rate_limit: Some(DEFAULT_RATE_LIMIT),
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            beyond_loopback: false,
        }
    }
}

/// Calls per second of the default plan.
pub const DEFAULT_RATE_LIMIT: u32 = 5;
/// Rows a sheet may have on the largest plan.
const DEFAULT_ROW_LIMIT: usize = 50_000;

/// Switches of a running simulator, as `POST /_sim/settings` takes them; absent members stay as they are.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each named in a request")]
pub(super) struct Settings {
    /// Calls per second and (sheet, token); 0 = unlimited.
    pub rate_limit: u32,
    /// Calls a space may make in a month; 0 = unlimited.
    pub monthly_quota: u64,
    /// Rows a sheet may have.
    pub row_limit: usize,
    /// Concurrent creation of one new option loses cells, as observed.
    pub option_race: bool,
    /// Parameter validators never answer, as an unmodified server does.
    pub hang: bool,
    /// A new sheet comes with three blank rows.
    pub blank_rows: bool,
    /// A filter formula may name a field by its id.
    pub formula_ids: bool,
}

impl Settings {
    pub fn new(rate_limit: Option<u32>) -> Self {
        Self {
            rate_limit: rate_limit.unwrap_or(0),
            monthly_quota: 0,
            row_limit: DEFAULT_ROW_LIMIT,
            option_race: true,
            hang: true,
            blank_rows: true,
            formula_ids: true,
        }
    }

    pub fn apply(&mut self, change: &SettingsChange) {
        fn set<T: Copy>(slot: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *slot = value;
            }
        }
        set(&mut self.rate_limit, change.rate_limit);
        set(&mut self.monthly_quota, change.monthly_quota);
        set(&mut self.row_limit, change.row_limit);
        set(&mut self.option_race, change.option_race);
        set(&mut self.hang, change.hang);
        set(&mut self.blank_rows, change.blank_rows);
        set(&mut self.formula_ids, change.formula_ids);
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsChange {
    rate_limit: Option<u32>,
    monthly_quota: Option<u64>,
    row_limit: Option<usize>,
    option_race: Option<bool>,
    hang: Option<bool>,
    blank_rows: Option<bool>,
    formula_ids: Option<bool>,
}
