//! What a simulator is started with, and the switches that a test may turn while it runs.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The time that rows are stamped with.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// Everything a simulator is started with.
#[derive(Clone)]
pub struct HuobanConfig {
    /// Time of stamps.
    pub clock: Clock,
    /// The one key that is accepted.
    pub key: String,
    /// The one space, digits.
    pub space: String,
}

impl HuobanConfig {
    /// The space 4000000000000001 with the key `huoban-test-key`.
    pub fn sample(clock: Clock) -> Self {
        Self { clock, key: "huoban-test-key".into(), space: "4000000000000001".into() }
    }
}

/// In which form the key is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyForm {
    /// `Bearer KEY`, the official one.
    Bearer,
    /// `KEY` alone.
    Bare,
}

/// Switches, as `POST /_sim/settings` takes them; absent ones stay as they are.
#[derive(Debug, Clone, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each named in a request")]
pub(super) struct Settings {
    /// How the key has to be sent.
    pub key_form: KeyForm,
    /// A wrong key is refused with HTTP 401 instead of a code.
    pub key_by_status: bool,
    /// The schema stands in `data.table.fields`; if not, in `data.fields`.
    pub nested_schema: bool,
    /// Rows a page may hold, whatever is asked for.
    pub page_cap: usize,
    /// Calls a second; 0 = unlimited.
    pub rate_limit: u32,
    /// A call that comes too fast is refused with this code under HTTP 200, instead of HTTP 429.
    pub throttle_code: Option<i64>,
    /// Ids in answers are numbers.
    pub numeric_ids: bool,
    /// Numbers come back as texts.
    pub numbers_as_text: bool,
    /// Dates come back with a time.
    pub dates_with_time: bool,
    /// A percent column stores a hundred times what was sent.
    pub percent_times_100: bool,
    /// Equality of texts minds neither case nor blanks at their ends.
    pub loose_texts: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key_form: KeyForm::Bearer,
            key_by_status: false,
            nested_schema: true,
            page_cap: 50,
            rate_limit: 0,
            throttle_code: None,
            numeric_ids: false,
            numbers_as_text: false,
            dates_with_time: false,
            percent_times_100: false,
            loose_texts: false,
        }
    }
}

macro_rules! changes {
    ($($name:ident: $kind:ty),*) => {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct SettingsChange {
            $($name: Option<$kind>,)*
            throttle_code: Option<i64>,
        }

        impl Settings {
            pub fn apply(&mut self, change: SettingsChange) {
                $(if let Some(value) = change.$name { self.$name = value; })*
                self.throttle_code = change.throttle_code.or(self.throttle_code);
            }
        }
    };
}

changes! {
    key_form: KeyForm, key_by_status: bool, nested_schema: bool, page_cap: usize, rate_limit: u32, numeric_ids: bool,
    numbers_as_text: bool, dates_with_time: bool, percent_times_100: bool, loose_texts: bool
}
