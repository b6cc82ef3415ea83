//! Invented people and rules for this crate's unit tests.

use crate::Timestamp;
use crate::rules::Rules;

/// Seconds after a fixed morning.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_795_300_000 + seconds, 0).unwrap()
}

/// A sound set of rules: 王小售 (pre-sales), 李小后 (after-sales), 赵小助 (other).
pub fn rules() -> Rules {
    let ladder = serde_json::json!({
        "rungs": [
            { "after": "5m", "colour": "turquoise", "audience": ["owner"] },
            { "after": "10m", "colour": "yellow", "audience": ["owner"] },
            { "after": "20m", "colour": "orange", "audience": ["owner"] },
            { "after": "30m", "colour": "red", "audience": ["owner", "public"] }
        ],
        "repeat": { "every": "10m", "colour": "grey", "audience": ["owner", "public"], "until": "70m" }
    });
    serde_json::from_value(serde_json::json!({
        "time_zone": "Asia/Shanghai",
        "company_names": ["示例公司"],
        "roster": [
            { "name": "王小售", "team": "pre_sales", "contacts": ["test:wang"] },
            { "name": "李小后", "team": "after_sales", "contacts": ["test:li"] },
            { "name": "赵小助", "team": "other", "contacts": ["test:zhao"] }
        ],
        "bots": ["test:robot"],
        "phrases": { "version": 1, "closing": ["好", "好的", "OK", "收到", "谢谢", "辛苦了", "嗯", "好嘞", "👌", "[OK]"] },
        "ladders": { "pre_sales": ladder, "after_sales": ladder },
        // Tests of anything but calendars move the clock as they like.
        "calendars": { "pre_sales": "always", "after_sales": "always" }
    }))
    .unwrap()
}
