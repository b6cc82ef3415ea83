//! `huiyin roster discover`: who works here by what the groups say, and their Feishu accounts.

use anyhow::Result;
use events::chat::{ChatRoom, RoomEvent, RoomRef};
use runtime::bus::Outgoing;
use serde_json::json;
use store::ingest::{Contact, remember_contacts};
use store::sqlx;
use testkit::company::{LI, WANG};
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

/// The source tells who owns a room.
async fn seen(site: &Installed, room: &str, owner: &str) -> Result<()> {
    let facts = ChatRoom {
        source: "webhook".into(),
        account: "main".into(),
        id: format!("seen-{room}"),
        room: RoomRef { id: room.into(), topic: format!("示例公司-{room}") },
        at: site.stack.started,
        event: RoomEvent::Seen { owner: Some(owner.into()), members: Vec::new(), inviter: None },
        by: None,
        captured: None,
    };
    let outgoing = Outgoing {
        subject: events::subject::chat_room(&facts.room_key()),
        id: facts.id.clone(),
        payload: events::encode(&facts)?,
    };
    site.stack.bus.publish(&outgoing).await?;
    until_owned(site, room, None).await
}

async fn until_owned(site: &Installed, room: &str, owner: Option<&str>) -> Result<()> {
    until(&format!("{room} is owned by {owner:?}"), || async {
        let found: Option<Option<String>> =
            sqlx::query_scalar("select state::jsonb ->> 'owner' from rooms where room = $1")
                .bind(format!("webhook:{room}"))
                .fetch_optional(&site.stack.admin)
                .await?;
        Ok(found.is_some_and(|found| found.as_deref() == owner))
    })
    .await
}

/// A colleague comes, takes over somebody's rooms, and that one leaves; nothing is restarted.
#[tokio::test]
async fn a_roster_is_put_in_force_by_itself_and_rooms_change_hands() -> Result<()> {
    let site = Installed::start().await?;
    let room_state = site.stack.run(store::role::Role::RoomState, room_state::run).await?;
    for (room, who) in [("r1", WANG), ("r2", WANG), ("r3", LI)] {
        let said = testkit::company::says(room, who, site.stack.started, "大家好");
        site.stack.bus.publish(&testkit::company::captured(&said)?).await?;
    }
    until("the rooms have owners", || async {
        let owned: i64 = sqlx::query_scalar("select count(*) from rooms where state like '%\"owner\":\"%'")
            .fetch_one(&site.stack.admin)
            .await?;
        Ok(owned == 3)
    })
    .await?;
    // Somebody whom the roster does not name yet owns this one in WeCom.
    seen(&site, "r4", "zhao").await?;
    let roster = site.config["rules"]["roster"].as_array().cloned().unwrap_or_default();
    let zhao = json!({ "name": "赵小前", "team": "pre_sales", "contacts": ["webhook:zhao"], "addresses": { "feishu": { "chat": "oc_zhao" } } });
    let with_zhao: Vec<_> = roster.iter().cloned().chain([zhao]).collect();
    let without_wang: Vec<_> = with_zhao.iter().filter(|entry| entry["name"] != "王小售").cloned().collect();
    let nobody: Vec<_> = without_wang.iter().filter(|entry| entry["name"] != "赵小前").cloned().collect();
    let (_third, gone) = configured(&site.changed(&[("/rules/roster", json!(nobody))])?)?;
    let (_first, came) = configured(&site.changed(&[("/rules/roster", json!(with_zhao))])?)?;
    let (_second, left) = configured(&site.changed(&[("/rules/roster", json!(without_wang))])?)?;
    let roster = async |file: &str, words: &[&str]| {
        let done = huiyin(&[&["--config", file, "roster"], words].concat()).await?;
        anyhow::Ok((done.code, format!("{}{}", done.out, done.err)))
    };

    let early = roster(&came, &["handover", "王小售", "赵小前"]).await?;
    assert!(early.0 == 2 && early.1.contains("正在生效的名单里没有「赵小前」"), "{early:?}");
    let (code, told) = roster(&came, &["diff"]).await?;
    assert!(code == 0 && told.contains("+ 赵小前（售前）") && !told.contains("- "), "{told}");
    let (code, told) = roster(&came, &["apply"]).await?;
    assert!(code == 0 && told.contains("名单已生效（规则第 2 版）"), "{told}");
    assert!(told.contains("有 1 个群的负责人正按新名单重新认定"), "{told}");
    until_owned(&site, "r4", Some("赵小前")).await?;
    assert_eq!(roster(&came, &["diff"]).await?.1.trim(), "配置里的名单和正在生效的一样");
    let (_, told) = roster(&left, &["diff"]).await?;
    assert!(
        told.contains("- 王小售（售前）　名下 2 个群；先转给别人") && told.contains("webhook:r2"),
        "{told}"
    );

    let (_, told) = roster(&came, &["handover", "王小售", "赵小前", "--dry-run"]).await?;
    assert!(told.contains("「王小售」转给「赵小前」：2 个群") && !told.contains("已转交"), "{told}");
    let (code, told) = roster(&came, &["handover", "王小售", "赵小前"]).await?;
    assert!(code == 0 && told.contains("已转交 2 个群"), "{told}");
    let (_, told) = roster(&came, &["show"]).await?;
    assert!(told.contains("王小售（售前）　售前 0 个群、售后 0 个群"), "{told}");
    assert!(told.contains("赵小前（售前）　售前 3 个群、售后 0 个群"), "{told}");
    let (code, told) = roster(&came, &["handover", "李小后", "赵小前"]).await?;
    assert!(code == 3 && told.contains("阶段和「赵小前」的团队不符，不能转给他：1 个群"), "{told}");

    assert!(roster(&left, &["apply"]).await?.1.contains("规则第 3 版"));
    let (code, told) = roster(&left, &["handover", "赵小前", "王小售"]).await?;
    assert!(code == 2 && told.contains("没有「王小售」"), "{told}");
    // Whoever leaves leaves their rooms to nobody, whether a manager gave them or the rule.
    let (code, told) = roster(&gone, &["apply"]).await?;
    assert!(code == 0 && told.contains("有 3 个群的负责人正按新名单重新认定"), "{told}");
    for room in ["r1", "r2", "r4"] {
        until_owned(&site, room, None).await?;
    }
    let (_, told) = roster(&gone, &["show"]).await?;
    assert!(!told.contains("赵小前"), "{told}");
    until_owned(&site, "r3", Some("李小后")).await?;
    room_state.stop().await
}
