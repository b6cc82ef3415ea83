//! Ladders by name. Whoever writes none of their own goes by those of a preset: the one that the configuration names, or else
//! the one that was chosen last when the system went live.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

use crate::rules::{Audience, Ladder, LadderException, Ladders, ListAfter, Repeat, Rung, Severity};
use crate::span::Span;

/// The ladders that have names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Display, EnumString, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Preset {
    /// As in the report of the original: a card at 5, 10, 20, 30 and 40 minutes and every ten minutes after that.
    #[default]
    Report,
    /// The owner at 10 and 20 minutes, owner and public at 40, then one list card per chat an hour.
    Calm,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Report, Self::Calm];

    /// Its ladders.
    fn ladders(self) -> &'static Named {
        static REPORT: LazyLock<Named> = LazyLock::new(|| Named::of_requests(&report()));
        static CALM: LazyLock<Named> = LazyLock::new(|| Named::of_requests(&calm()));
        match self {
            Self::Report => &REPORT,
            Self::Calm => &CALM,
        }
    }
}

/// Those of one preset.
struct Named {
    pre_sales: Ladder,
    after_sales: Ladder,
    soft: Ladder,
    promise: Ladder,
}

impl Named {
    fn of_requests(ladder: &Ladder) -> Self {
        Self {
            pre_sales: ladder.clone(),
            after_sales: ladder.clone(),
            soft: Ladder::soft(),
            promise: Ladder::promise(),
        }
    }
}

fn report() -> Ladder {
    let (owner, everybody) = ([Audience::Owner], [Audience::Owner, Audience::Public]);
    let rungs = vec![
        Rung::new(5, Severity::Turquoise, &owner),
        Rung::new(10, Severity::Yellow, &owner),
        Rung::new(20, Severity::Orange, &everybody),
        Rung::new(30, Severity::Red, &everybody),
        Rung::new(40, Severity::Purple, &everybody),
    ];
    let repeat = Repeat {
        every: Span::seconds(10 * 60),
        severity: Severity::Grey,
        audience: everybody.to_vec(),
        mention: true,
        breakthrough: false,
        until: Span::seconds(1_000 * 60),
    };
    Ladder { rungs, repeat: Some(repeat), list: None }
}

fn calm() -> Ladder {
    let (owner, everybody) = ([Audience::Owner], [Audience::Owner, Audience::Public]);
    let rungs = vec![
        Rung::new(10, Severity::Yellow, &owner),
        Rung::new(20, Severity::Orange, &owner),
        Rung::new(40, Severity::Red, &everybody),
    ];
    let list =
        ListAfter { every: Span::seconds(60 * 60), severity: Severity::Grey, audience: everybody.to_vec() };
    Ladder { rungs, repeat: None, list: Some(list) }
}

/// Ladders as they are written: whatever is left out is that of the preset.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Written {
    /// Whose ladders are gone by that are not written here. `null`: those of the preset that was chosen last by
    /// `huiyin golive --ladder`; `report` until then.
    preset: Option<Preset>,
    /// For rooms in 售前.
    pre_sales: Option<Ladder>,
    /// For rooms in 售后.
    after_sales: Option<Ladder>,
    /// For a customer who only assented to a question of staff (软等待).
    soft: Option<Ladder>,
    /// For what staff promised by a holding reply (承诺). Where a time was plainly stated, the first rung is due then, and
    /// the others as long after it as they stand apart.
    promise: Option<Ladder>,
    /// Ladders in the place of these for some rooms: the first one that fits is gone by.
    exceptions: Vec<LadderException>,
}

impl From<Written> for Ladders {
    fn from(written: Written) -> Self {
        let Written { preset, pre_sales, after_sales, soft, promise, exceptions } = written;
        let named = preset.unwrap_or_default().ladders();
        Self {
            preset,
            pre_sales: pre_sales.unwrap_or_else(|| named.pre_sales.clone()),
            after_sales: after_sales.unwrap_or_else(|| named.after_sales.clone()),
            soft: soft.unwrap_or_else(|| named.soft.clone()),
            promise: promise.unwrap_or_else(|| named.promise.clone()),
            exceptions,
        }
    }
}

impl Default for Ladders {
    fn default() -> Self {
        Written::default().into()
    }
}

impl Ladders {
    /// With those of a preset in the place of those of the present one. What a company wrote of its own stays.
    #[must_use]
    pub fn with_preset(mut self, preset: Preset) -> Self {
        let (old, new) = (self.preset.unwrap_or_default().ladders(), preset.ladders());
        for (own, old, new) in [
            (&mut self.pre_sales, &old.pre_sales, &new.pre_sales),
            (&mut self.after_sales, &old.after_sales, &new.after_sales),
            (&mut self.soft, &old.soft, &new.soft),
            (&mut self.promise, &old.promise, &new.promise),
        ] {
            if own == old {
                own.clone_from(new);
            }
        }
        self.preset = Some(preset);
        self
    }

    /// With the preset that was chosen before, if these leave the choice open.
    #[must_use]
    pub fn or_chosen(self, before: Option<Preset>) -> Self {
        match (self.preset, before) {
            (None, Some(before)) => self.with_preset(before),
            _ => self,
        }
    }

    /// The preset whose ladders are gone by. `None`: all of them are the company's own.
    pub fn goes_by(&self) -> Option<Preset> {
        let named = self.preset.unwrap_or_default().ladders();
        let is_named = self.pre_sales == named.pre_sales || self.after_sales == named.after_sales;
        is_named.then(|| self.preset.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::steps;

    fn read(text: &str) -> Ladders {
        serde_json::from_str(text).unwrap()
    }

    fn minutes(ladder: &Ladder) -> Vec<u64> {
        steps(ladder).map(|step| step.rung.0 / 60).collect()
    }

    #[test]
    fn what_is_not_written_is_the_presets() {
        assert_eq!(read("{}"), Ladders::default());
        assert_eq!(minutes(&read("{}").pre_sales)[..6], [5, 10, 20, 30, 40, 50]);
        let calm = read(r#"{ "preset": "calm" }"#);
        assert_eq!(
            (minutes(&calm.pre_sales), minutes(&calm.after_sales)),
            (vec![10, 20, 40], vec![10, 20, 40])
        );
        assert_eq!(calm.pre_sales.list.as_ref().unwrap().every, Span::seconds(3_600));
        let own = r#"{ "rungs": [{ "after": "7m", "colour": "red", "audience": ["owner"] }] }"#;
        let own = read(&format!(r#"{{ "preset": "calm", "after_sales": {own} }}"#));
        assert_eq!((minutes(&own.pre_sales), minutes(&own.after_sales)), (vec![10, 20, 40], vec![7]));
        // As it is stored with the rules.
        for ladders in [Ladders::default(), calm, own] {
            let stored = serde_json::to_string(&ladders).unwrap();
            assert_eq!(read(&stored), ladders);
        }
    }

    #[test]
    fn another_preset_leaves_what_is_the_companys_own() {
        let own = r#"{ "rungs": [{ "after": "7m", "colour": "red", "audience": ["owner"] }] }"#;
        let open = read(&format!(r#"{{ "after_sales": {own} }}"#));
        let calm = open.clone().with_preset(Preset::Calm);
        assert_eq!((minutes(&calm.pre_sales), minutes(&calm.after_sales)), (vec![10, 20, 40], vec![7]));
        assert_eq!(calm.clone().with_preset(Preset::Report).pre_sales, open.pre_sales);
        assert_eq!(open.clone().or_chosen(Some(Preset::Calm)), calm, "the configuration leaves it open");
        assert_eq!(open.clone().or_chosen(None), open);
        let named = read(r#"{ "preset": "report" }"#);
        assert_eq!(named.clone().or_chosen(Some(Preset::Calm)), named, "the configuration says which");
        assert_eq!((open.goes_by(), calm.goes_by()), (Some(Preset::Report), Some(Preset::Calm)));
        let all_own = read(&format!(r#"{{ "pre_sales": {own}, "after_sales": {own} }}"#));
        assert_eq!(all_own.goes_by(), None);
    }
}
