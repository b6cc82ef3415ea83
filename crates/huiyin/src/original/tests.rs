use serde_json::{Value, json};

use super::translate::{Translation, translate};

/// In the shape in which the original was published, with people of nobody.
fn original() -> Value {
    let levels = json!({
        "5": "turquoise", "10": "yellow", "20": "orange", "30": "red", "40": "purple", "50": "blue", "above": "grey"
    });
    json!({ "All": {
        "WechatyToken": "puppet_secret_1",
        "timeZone": "Asia/Shanghai",
        "updateCycleTime": { "updateVika": 60000, "vika2Feishu": 60000, "vika2Db": 60000 },
        "dbConfig": { "host": "db", "protocol": "https", "port": 9200, "auth": "secret_2" },
        "index": { "msg": {}, "room": {}, "name": {} },
        "corp": { "name": "样例科技" },
        "vika": { "token": "secret_3", "todayRoom": "dstToday00000001", "allRooms": "dstRooms00000001", "systemLog": "dstLog0000000001" },
        "names": { "sales": ["甲样", "乙样"], "after_sales": ["丙样"], "delete_names": false },
        "lark": {
            "appId": "cli_sample", "appKey": "secret_4",
            "channels": { "test_roomid": "oc_trial", "alert_group": "oc_all" },
            "is_developing": false,
            "sales2chat": { "甲样": "oc_a", "乙样": "oc_b", "丙样": "oc_c" },
            "serverPort": 1235,
            "salesAlert": { "color_level": levels, "cycle_time": 10, "until": 10000, "group_alert_threshold": 20 },
            "afterSalesAlert": { "color_level": levels, "cycle_time": 10, "until": 70, "group_alert_threshold": 20 }
        }
    } })
}

fn translated(original: &Value) -> Translation {
    translate(original).expect("an original")
}

#[test]
fn people_chats_sheets_and_schedules_are_taken() {
    let Translation { config, taken, left } = translated(&original());
    let rules = &config["rules"];
    assert_eq!(
        rules["roster"],
        json!([
            { "name": "甲样", "team": "pre_sales", "contacts": [], "addresses": { "feishu": { "chat": "oc_a" } } },
            { "name": "乙样", "team": "pre_sales", "contacts": [], "addresses": { "feishu": { "chat": "oc_b" } } },
            { "name": "丙样", "team": "after_sales", "contacts": [], "addresses": { "feishu": { "chat": "oc_c" } } },
        ])
    );
    assert_eq!((&rules["company_names"], &rules["managers"]), (&json!(["样例科技"]), &json!([])));
    let ladder = &rules["ladders"]["pre_sales"];
    assert_eq!(ladder["rungs"][2], json!({ "after": "20m", "colour": "orange", "audience": ["owner"] }));
    assert_eq!(
        ladder["rungs"][3],
        json!({ "after": "30m", "colour": "red", "audience": ["owner", "public"] })
    );
    assert_eq!(
        ladder["repeat"],
        json!({ "every": "10m", "colour": "grey", "audience": ["owner", "public"], "until": "10000m" })
    );
    assert_eq!(rules["ladders"]["after_sales"]["repeat"]["until"], "70m");
    assert_eq!(
        (&config["feishu"]["app_id"], &config["feishu"]["public_chat"]),
        (&json!("cli_sample"), &json!("oc_all"))
    );
    assert_eq!(
        config["vika"]["sheets"],
        json!({ "today": "dstToday00000001", "all_rooms": "dstRooms00000001", "system_log": "dstLog0000000001" })
    );
    let all = format!("{config} {taken:?} {left:?}");
    for number in 1..=4 {
        assert!(!all.contains(&format!("secret_{number}")), "a secret stands in what was made");
    }
    for place in [
        "WechatyToken",
        "vika.token",
        "lark.appKey",
        "dbConfig",
        "updateCycleTime",
        "serverPort",
        "test_roomid",
    ] {
        assert!(left.iter().any(|line| line.contains(place)), "{place}: {left:?}");
    }
}

#[test]
fn what_cannot_be_taken_is_told_and_the_rest_is_taken() {
    let mut broken = original();
    let all = &mut broken["All"];
    all["names"]["sales"] = json!(["甲样", 7, "", "甲样", "丙样", "丁样"]);
    all["lark"]["sales2chat"]["走了的人"] = json!("oc_gone");
    all["lark"]["sales2chat"]["甲样"] = json!({});
    all["lark"]["salesAlert"] = json!({
        "color_level": { "x": "red", "0": "red", "18446744073709551615": "red", "15": "pink", "5": "yellow", "above": 3 },
        "cycle_time": "10", "until": "60", "group_alert_threshold": null
    });
    all["lark"]["afterSalesAlert"] = json!("none");
    all["timeZone"] = json!("Mars/Base");
    all["vika"]["allRooms"] = json!("https://example.com/dst");
    all["corp"] = Value::Null;
    let Translation { config, left, .. } = translated(&broken);
    let names: Vec<&str> = config["rules"]["roster"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|person| person["name"].as_str())
        .collect();
    assert_eq!(names, ["甲样", "丙样", "丁样"]);
    assert_eq!(config["rules"]["roster"][0]["addresses"]["feishu"]["chat"], "oc_example_1");
    let ladder = &config["rules"]["ladders"]["pre_sales"];
    assert_eq!(
        ladder["rungs"],
        json!([
            { "after": "5m", "colour": "yellow", "audience": ["owner"] },
            { "after": "15m", "colour": "grey", "audience": ["owner"] },
        ])
    );
    assert_eq!((&ladder["repeat"]["every"], &ladder["repeat"]["colour"]), (&json!("10m"), &json!("grey")));
    assert_eq!(config["rules"]["ladders"]["after_sales"], Value::Null);
    assert_eq!(
        (&config["rules"]["time_zone"], &config["vika"]["sheets"]["all_rooms"]),
        (&json!("Asia/Shanghai"), &json!(""))
    );
    for words in [
        "names.sales：有一项不是名字",
        "「甲样」出现了两次",
        "names.after_sales：「丙样」出现了两次",
        "「走了的人」不在",
        "「甲样」没有自己的提醒群",
        "「x」不是分钟数",
        "「18446744073709551615」不是分钟数",
        "color_level.15：不是卡片能用的颜色",
        "color_level.above：不是卡片能用的颜色",
        "group_alert_threshold：不是分钟数",
        "lark.afterSalesAlert.color_level：没有能用的级别",
        "timeZone",
        "vika.allRooms",
        "corp.name",
    ] {
        assert!(left.iter().any(|line| line.contains(words)), "{words}: {left:#?}");
    }
}

#[test]
fn another_file_is_refused() {
    for other in [json!([]), json!("x"), json!({}), json!({ "rules": {} }), json!({ "All": 3 })] {
        assert!(translate(&other).is_none(), "{other}");
    }
}
