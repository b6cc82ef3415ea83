//! `huiyin import-original`: what it makes can be read, and nothing is overwritten.

use std::fs;

use anyhow::Result;
use serde_json::{Value, json};

use crate::command::huiyin_in;

/// In the shape of the original, with people of nobody.
fn original() -> Value {
    json!({ "All": {
        "WechatyToken": "puppet_do_not_show",
        "corp": { "name": "样例科技" },
        "vika": { "token": "usk_do_not_show", "allRooms": "dstRooms00000001" },
        "names": { "sales": ["甲样", "乙样"], "after_sales": ["丙样"] },
        "lark": {
            "appId": "cli_sample", "appKey": "key_do_not_show",
            "channels": { "alert_group": "oc_all" },
            "sales2chat": { "甲样": "oc_a", "丙样": "oc_c" },
            "salesAlert": {
                "color_level": { "5": "turquoise", "30": "red", "above": "grey" },
                "cycle_time": 10, "until": 10000, "group_alert_threshold": 20
            }
        }
    } })
}

#[tokio::test]
async fn the_configuration_of_the_original_becomes_one_that_can_be_read() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::write(path("default.json"), original().to_string())?;
    // Where they stand beside a configuration.
    fs::create_dir(path("holidays"))?;
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/holidays");
    for file in fs::read_dir(shipped)? {
        let file = file?;
        fs::copy(file.path(), path("holidays").join(file.file_name()))?;
    }
    let words = ["import-original", "default.json", "--output", "huiyin.json"];
    let made = huiyin_in(folder.path(), &words).await?;
    assert_eq!(made.code, 0, "{}", made.err);
    let after = made.err.split("新配置写在").nth(1).expect("where it is");
    assert_eq!(after.trim_end().lines().count(), 1, "nothing is wrong with it: {}", made.err);
    let config: Value = serde_json::from_str(&fs::read_to_string(path("huiyin.json"))?)?;
    assert_eq!(config["vika"]["sheets"]["all_rooms"], "dstRooms00000001");
    assert_eq!(config["rules"]["roster"][1]["addresses"]["feishu"]["chat"], "oc_example_2");
    assert!(!format!("{config}{}{}", made.out, made.err).contains("do_not_show"), "{}", made.err);

    fs::write(path("huiyin.json"), "by hand")?;
    let refused = huiyin_in(folder.path(), &words).await?;
    assert!(refused.code == 2 && refused.err.contains("不会覆盖"), "{}", refused.err);
    assert_eq!(fs::read_to_string(path("huiyin.json"))?, "by hand");
    fs::write(path("default.json"), r#"{"token":"usk_do_not_show" "#)?;
    let refused = huiyin_in(folder.path(), &words).await?;
    assert!(refused.code == 2 && refused.err.contains("第 1 行"), "{}", refused.err);
    assert!(!refused.err.contains("do_not_show"), "{}", refused.err);
    Ok(())
}
