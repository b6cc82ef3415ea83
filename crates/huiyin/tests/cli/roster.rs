//! `huiyin roster discover`: who works here by what the groups say, and their Feishu accounts.

use anyhow::Result;
use serde_json::json;
use store::ingest::{Contact, remember_contacts};
use store::sqlx;
use testkit::until;

use crate::command::{configured, huiyin};
use crate::installed::{Installed, chat, person};

/// A colleague known to the gateway, one of the company by what a message says, a customer, and one in the roster.
async fn met(site: &Installed) -> Result<()> {
    let contact = |id: &str, name: &str, corporation: &str, coworker| Contact {
        person: format!("webhook:{id}"),
        name: name.into(),
        corporation: corporation.into(),
        coworker,
    };
    let contacts = [
        contact("zhao", "赵小前", "某某控股", Some(true)),
        contact("wang", "小售", "示例公司", Some(true)),
        contact("chen", "陈小样", "晨光贸易", Some(false)),
        // Nobody to put into a roster: a configured bot, the account that is logged in, one that was, and one that spoke.
        contact("robot", "小助手机器人", "示例公司", Some(true)),
        contact("account", "回音助手", "示例公司", Some(true)),
        contact("former", "从前的助手", "示例公司", Some(true)),
        contact("spoke", "说过话的助手", "示例公司", Some(true)),
    ];
    let mut connection = site.stack.admin.acquire().await?;
    remember_contacts(&mut connection, &contacts, site.stack.started).await?;
    sqlx::query(
        "insert into gateways (gateway, source, account, state, state_since)
         values ('main', 'webhook', 'account', 'live', $1)",
    )
    .bind(site.stack.started)
    .execute(&mut *connection)
    .await?;
    site.stack.capture_gap("former", site.stack.started, Some(site.stack.started)).await?;
    for room in ["webhook:r1", "webhook:r2"] {
        sqlx::query("insert into members (room, person, seen_at) values ($1, 'webhook:zhao', $2)")
            .bind(room)
            .bind(site.stack.started)
            .execute(&mut *connection)
            .await?;
    }
    let running = site.stack.run(store::role::Role::RoomState, room_state::run).await?;
    let zhou = testkit::company::Person { id: "zhou", name: "周小维", corporation: "示例公司" };
    let said = testkit::company::says("r3", zhou, site.stack.started, "大家好");
    site.stack.bus.publish(&testkit::company::captured(&said)?).await?;
    let spoke =
        testkit::company::Person { id: "spoke", name: "说过话的助手", corporation: "示例公司" };
    let mut own = testkit::company::says("r3", spoke, site.stack.started, "大家好");
    own.sender.is_self = true;
    site.stack.bus.publish(&testkit::company::captured(&own)?).await?;
    until("both are folded", || async {
        Ok(sqlx::query_scalar::<_, i64>("select count(*) from timeline").fetch_one(&site.stack.admin).await?
            == 2)
    })
    .await?;
    running.stop().await
}

#[tokio::test]
async fn coworkers_of_the_groups_are_listed_against_the_roster() -> Result<()> {
    let site = Installed::start().await?;
    met(&site).await?;
    let (_folder, file) = configured(&site.changed(&[("/rules/bots", json!(["webhook:robot"]))])?)?;
    let ran = huiyin(&["--config", &file, "roster", "discover"]).await?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    for expected in [
        "已在名单中的同事：1 人",
        "✔ 小售（示例公司）　webhook:wang",
        "名单中叫「王小售」",
        "不在名单中的同事：2 人",
        "+ 赵小前（某某控股）　webhook:zhao　在 2 个群",
        "+ 周小维（示例公司）　webhook:zhou　在 1 个群",
        r#"{"contacts":["webhook:zhao"],"name":"赵小前","team":"other"}"#,
    ] {
        assert!(ran.out.contains(expected), "{expected} is not in: {}", ran.out);
    }
    assert!(!ran.out.contains("陈小样"), "a customer is no coworker: {}", ran.out);
    assert!(!ran.out.contains("助手"), "our own accounts and bots are no coworkers: {}", ran.out);
    Ok(())
}

#[tokio::test]
async fn accounts_are_matched_by_number_or_address_and_shown_masked() -> Result<()> {
    let site = Installed::start().await?;
    site.order_feishu(
        "POST",
        "people",
        serde_json::to_value(person("ou_zhao", "赵小前", "13800000002", ""))?,
    )
    .await?;
    site.order_feishu(
        "POST",
        "people",
        serde_json::to_value(person("ou_li", "李小后", "", "li@example.com"))?,
    )
    .await?;
    site.order_feishu("POST", "chats", serde_json::to_value(chat("oc_zhao", "赵小前的提醒群", true))?)
        .await?;
    let (folder, file) = configured(&site.config)?;
    let people = folder.path().join("people.csv");
    std::fs::write(
        &people,
        "name,mobile,email\n赵小前,13800000002,\n李小后,13800000099,li@example.com\n孙小询,13800000003,sun@example.com\n",
    )?;
    let people = people.display().to_string();
    let ran = huiyin(&["--config", &file, "roster", "discover", "--people", &people]).await?;
    assert_eq!(ran.code, 0, "{}", ran.err);
    for expected in [
        "✔ 赵小前（138****0002）　ou_zhao",
        "✔ 李小后（138****0099、l***@example.com）　ou_li",
        "✘ 孙小询（138****0003、s***@example.com）　没有找到",
        r#"{"addresses":{"feishu":{"chat":"oc_zhao","open_id":"ou_zhao"}},"name":"赵小前","team":"other"}"#,
        r#"李小后："addresses": {"feishu":{"chat":"oc_li","open_id":"ou_li"}}"#,
        "oc_public  客户响应公共群",
    ] {
        assert!(ran.out.contains(expected), "{expected} is not in: {}", ran.out);
    }
    assert!(!ran.out.contains("\"孙小询\""), "nothing was found of them: {}", ran.out);
    let shown = format!("{}{}", ran.out, ran.err);
    assert!(!shown.contains("13800000002") && !shown.contains("li@example.com"), "personal data is shown");

    site.order_feishu("PATCH", "switches", json!({ "no_contact_scope": true })).await?;
    let refused = huiyin(&["--config", &file, "roster", "discover", "--people", &people]).await?;
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("contact:user.id:readonly"), "{}", refused.err);
    let nothing = huiyin(&["--config", &file, "roster", "discover", "--people", "none.csv"]).await?;
    assert_eq!((nothing.code, nothing.err.trim()), (2, "huiyin: there is no file none.csv"));
    Ok(())
}
