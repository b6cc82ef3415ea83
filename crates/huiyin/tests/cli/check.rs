//! `huiyin check`: each kind of failure provoked, and the words that say what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use chrono::Datelike as _;
use huiyin::check::{Group, Status};
use local_stack::gateway as node;
use serde_json::{Value, json};
use store::sqlx;
use vika::tables::{AllRooms, Today};
use vika::{Cell, ColumnIds};

use crate::command::{configured, huiyin};
use crate::installed::{BOT, Installed, MANAGER, chat, failed, includes, lines, person, stands};

/// As `tests/gateway` of ingest does: the packages are shared, and a machine without Node skips.
const TOKEN: &str = "check_0123456789";

#[tokio::test]
async fn a_company_that_is_set_up_rightly_passes() -> Result<()> {
    let site = Installed::start().await?;
    site.write_row().await?;
    let report = site.check(&[]).await?;
    assert_eq!(report.count(Status::Failed), 0, "{report}");
    for (group, expected) in [
        (Group::Database, 10),
        (Group::Bus, 10),
        // Two tokens, three sheets, one name, the calls used, and that there is no limit of them.
        (Group::Vika, 8),
        // The app, three chats, one person.
        (Group::Feishu, 5),
        (Group::Clock, 4),
    ] {
        assert_eq!(lines(&report, group, Status::Ok).len(), expected, "{group:?}: {report}");
    }
    stands(&report, Group::Bus, Status::Warning, "不是每次写入都落盘", "sync_interval: always");
    stands(&report, Group::Gateway, Status::Skipped, "没有配置网关", "");
    stands(&report, Group::Calendar, Status::Skipped, "日历不按法定节假日计算", "");
    Ok(())
}

/// What a plan carries is told from the rooms that there are; polls that it cannot pay are refused.
#[tokio::test]
async fn the_plan_of_vika_is_held_against_polls_and_rooms() -> Result<()> {
    let site = Installed::start().await?;
    let plan = async |calls: u64, today: &str, all_rooms: &str| {
        let changes = [
            ("/rules/calendars", json!({})),
            ("/vika/calls_per_month", json!(calls)),
            ("/vika/poll_every", json!(today)),
            ("/vika/poll_all_rooms_every", json!(all_rooms)),
        ];
        site.check(&changes).await
    };
    let report = plan(100_000, "1m", "5m").await?;
    includes(&report, Group::Vika, Status::Ok, "每月 100000 次 API 调用：读经理的改动约", "");
    includes(
        &report,
        Group::Vika,
        Status::Ok,
        "本月已用 0 次 API 调用（读改动 0，写表 0），套餐 100000 次",
        "",
    );
    assert_eq!(report.count(Status::Failed), 0, "{report}");

    let report = plan(100_000, "15s", "15s").await?;
    includes(
        &report,
        Group::Vika,
        Status::Failed,
        "vika.poll_every 15s、vika.poll_all_rooms_every 15s 太密",
        "至少 ",
    );
    let report = plan(10_000, "1m", "5m").await?;
    includes(&report, Group::Vika, Status::Failed, "每月 10000 次里最多三分之一", "套餐其实更大");

    sqlx::query(
        "insert into rooms (room, source, created_at, updated_at)
         select 'webhook:r' || n, 'webhook', $1, $1 from generate_series(1, 600) as n",
    )
    .bind(site.stack.clock.now())
    .execute(&site.stack.admin)
    .await?;
    store::vika_calls::add(
        &mut *site.stack.admin.acquire().await?,
        store::vika_calls::Ledger::Sync,
        site.stack.clock.now().with_timezone(&chrono_tz::Asia::Shanghai).date_naive(),
        &[("rows", 70), ("columns", 7)],
    )
    .await?;
    let report = plan(10_000, "5m", "25m").await?;
    let told = lines(&report, Group::Vika, Status::Warning);
    assert!(told.iter().any(|line| line.what.contains("现有 600 个：忙的时候表格会晚到")), "{report}");
    includes(&report, Group::Vika, Status::Ok, "本月已用 77 次 API 调用（读改动 0，写表 77）", "");
    Ok(())
}

/// Whoever goes by public holidays is told which years are missing.
#[tokio::test]
async fn holidays_that_are_missing_are_told() -> Result<()> {
    let site = Installed::start().await?;
    let year = site.stack.clock.now().with_timezone(&chrono_tz::Asia::Shanghai).year();
    let known = |year: i32| {
        let holiday = json!({ "name": "元旦", "date": format!("{year}-01-01"), "isOffDay": true });
        json!({ "year": year, "days": [holiday] })
    };
    let calendars = || ("/rules/calendars", json!({ "pre_sales": "always" }));
    // In December this year's is not the only one that is wanted.
    let report = site.check(&[calendars(), ("/rules/holidays", json!([known(year + 1)]))]).await?;
    let remedy = format!("把 {year}.json 放进");
    stands(&report, Group::Calendar, Status::Warning, &format!("还没有 {year} 年的法定节假日"), &remedy);
    let report =
        site.check(&[calendars(), ("/rules/holidays", json!([known(year), known(year + 1)]))]).await?;
    stands(&report, Group::Calendar, Status::Ok, &format!("已有 {year}、{} 年的法定节假日", year + 1), "");
    assert_eq!(lines(&report, Group::Calendar, Status::Warning).len(), 0, "{report}");
    Ok(())
}

/// For people and for programs, with the exit code that scripts look at.
#[tokio::test]
async fn the_command_prints_lines_or_json_and_ends_accordingly() -> Result<()> {
    let site = Installed::start().await?;
    let monitor = site.stack.nats.monitor_url();
    let (_folder, file) = configured(&site.config)?;
    let good = huiyin(&["--config", &file, "check", "--nats-monitor", &monitor]).await?;
    assert_eq!(good.code, 0, "{}{}", good.out, good.err);
    for expected in ["数据库\n  ✔ 角色 ingest 可以登录", "日历\n  – ", "未通过 0 项", "可以使用"]
    {
        assert!(good.out.contains(expected), "{expected} is not in: {}", good.out);
    }
    let (_folder, file) = configured(&site.changed(&[("/feishu/app_secret", json!("wrong"))])?)?;
    let bad = huiyin(&["--config", &file, "check", "--json"]).await?;
    assert_eq!(bad.code, 3, "{}", bad.err);
    let told: Value = serde_json::from_str(&bad.out)?;
    assert_eq!((&told["ok"], &told["failed"]), (&json!(false), &json!(1)), "{told}");
    let one = told["checks"].as_array().context("checks")?.iter().find(|one| one["status"] == "failed");
    assert_eq!(one.context("a failure")?["group"], "feishu");
    assert!(!bad.out.contains("wrong") && !bad.err.contains("wrong"), "a secret is shown");
    Ok(())
}

#[tokio::test]
async fn whatever_is_wrong_with_the_configuration_is_told_and_the_rest_is_not_looked_at() -> Result<()> {
    let site = Installed::start().await?;
    let report =
        site.check(&[("/feishu/public_chat", json!("公共群")), ("/vika/bot_names", json!([]))]).await?;
    let told = lines(&report, Group::Config, Status::Failed);
    assert_eq!(told.len(), 2, "{report}");
    assert!(told.iter().any(|line| line.what.contains("配置项 feishu.public_chat 有误")), "{report}");
    assert!(told.iter().all(|line| line.remedy.contains("config/default.json")), "{report}");
    for group in Group::ALL.into_iter().filter(|group| *group != Group::Config) {
        stands(&report, group, Status::Skipped, "配置没有通过", "");
    }
    Ok(())
}

#[tokio::test]
async fn each_secret_file_is_looked_at() -> Result<()> {
    let site = Installed::start().await?;
    let folder = tempfile::tempdir()?;
    let file = |name: &str, text: &str, mode: u32| -> Result<String> {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        Ok(path.display().to_string())
    };
    let (closed, open, empty) = (file("a", "secret", 0o600)?, file("b", "x", 0o644)?, file("c", "", 0o600)?);
    let missing = folder.path().join("d").display().to_string();
    let mut config = site.config.clone();
    config["feishu"].as_object_mut().context("feishu")?.remove("app_secret");
    config["feishu"]["app_secret_file"] = json!(closed);
    let vika = config["vika"].as_object_mut().context("vika")?;
    for token in ["sync_token", "reconcile_token"] {
        vika.remove(token);
    }
    config["vika"]["sync_token_file"] = json!(missing);
    config["vika"]["reconcile_token_file"] = json!(empty);
    config["database"]["passwords"]["admin_file"] = json!(open);
    let mut site = site;
    site.config = config;
    let report = site.check(&[]).await?;
    stands(&report, Group::Config, Status::Ok, &closed, "");
    stands(&report, Group::Config, Status::Warning, "本机所有用户都能读", "chmod 600");
    let told = lines(&report, Group::Config, Status::Failed);
    assert_eq!(told.len(), 2, "{report}");
    let has = |what: &str, remedy: &str| {
        told.iter().any(|line| line.what.contains(what) && line.remedy.contains(remedy))
    };
    assert!(has("不存在（vika.sync_token_file）", "建立这个文件"), "{report}");
    assert!(has("是空的（vika.reconcile_token_file）", "把密钥写进这个文件"), "{report}");
    Ok(())
}

#[tokio::test]
async fn standing_alarms_are_told_with_their_remedy() -> Result<()> {
    let site = Installed::start().await?;
    stands(&site.check(&[]).await?, Group::Alarms, Status::Ok, "没有正在持续的报警", "");
    let alarms = [
        (
            "vika_columns:今日群聊",
            json!({"kind": "vika_columns", "sheet": "今日群聊", "columns": ["群ID"]}),
            false,
        ),
        ("of_tomorrow", json!({"kind": "of_tomorrow"}), false),
        ("vika_quota", json!({"kind": "vika_quota"}), true),
    ];
    for (key, kind, over) in alarms {
        store::sqlx::query(
            "insert into alert_watch_alarms (key, since, raised_at, kind, changed_at, next_repeat_at, over_at)
             values ($1, $2, $2, $3, $2, $2, case when $4 then $2::timestamptz end)",
        )
        .bind(key)
        .bind(site.stack.clock.now())
        .bind(kind)
        .bind(over)
        .execute(&site.stack.admin)
        .await?;
    }
    let report = site.check(&[]).await?;
    let told = lines(&report, Group::Alarms, Status::Failed);
    let [columns, unknown] = told.as_slice() else { panic!("{report}") };
    assert!(columns.what.starts_with("W16 维格表的列被改动：今日群聊"), "{report}");
    assert!(columns.remedy.contains("init-vika"), "{report}");
    assert!(unknown.what.contains("不认识的报警") && unknown.remedy.contains("运维群"), "{report}");
    Ok(())
}

/// A service's secret may be kept where the service is.
#[tokio::test]
async fn a_secret_that_check_does_not_use_is_not_asked_for() -> Result<()> {
    let mut site = Installed::start().await?;
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty");
    fs::write(&empty, "")?;
    let feishu = site.config["feishu"].as_object_mut().context("feishu")?;
    for secret in ["encrypt_key", "verification_token"] {
        feishu.remove(secret);
    }
    feishu.insert("encrypt_key_file".to_owned(), json!(empty));
    feishu.insert("verification_token_file".to_owned(), json!(folder.path().join("none")));
    site.config["ingest"]["webhook_tokens"] =
        json!([{ "name": "crm", "token_file": folder.path().join("none") }]);
    let report = site.check(&[]).await?;
    assert_eq!(report.count(Status::Failed), 0, "{report}");
    assert_eq!(lines(&report, Group::Feishu, Status::Ok).len(), 5, "{report}");
    let unneeded = lines(&report, Group::Config, Status::Skipped);
    for secret in ["feishu.encrypt_key", "feishu.verification_token", "ingest.webhook_tokens[0].token"] {
        assert!(unneeded.iter().any(|line| line.what.contains(secret)), "{secret}: {report}");
    }
    Ok(())
}

/// Nobody has a Vika account, and nobody a Feishu app.
#[tokio::test]
async fn of_what_is_switched_off_nothing_is_asked() -> Result<()> {
    let mut site = Installed::start().await?;
    for section in ["vika", "feishu"] {
        site.config[section] = json!({ "enabled": false });
    }
    site.config["watchdog"] = Value::Null;
    let report = site.check(&[]).await?;
    assert_eq!(report.count(Status::Failed), 0, "{report}");
    stands(&report, Group::Vika, Status::Skipped, "vika.enabled 是 false", "");
    stands(&report, Group::Feishu, Status::Skipped, "feishu.enabled 是 false", "");
    let (_folder, file) = configured(&site.config)?;
    let refused = huiyin(&["--config", &file, "init-vika"]).await?;
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("vika.enabled 是 false"), "{}", refused.err);
    Ok(())
}

#[tokio::test]
async fn init_vika_asks_for_its_own_token_alone() -> Result<()> {
    let mut site = Installed::start().await?;
    let folder = tempfile::tempdir()?;
    let none = folder.path().join("none");
    for (section, secret) in [
        ("feishu", "app_secret"),
        ("feishu", "encrypt_key"),
        ("feishu", "verification_token"),
        ("vika", "reconcile_token"),
    ] {
        let section = site.config[section].as_object_mut().context("a section")?;
        section.remove(secret);
        section.insert(format!("{secret}_file"), json!(none));
    }
    site.config["database"]["passwords"] = json!({ "ingest_file": none });
    let (_folder, file) = configured(&site.config)?;
    let done = huiyin(&["--config", &file, "init-vika"]).await?;
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("三张表已就绪"), "{}", done.out);
    Ok(())
}

#[tokio::test]
async fn the_database_is_tried_with_each_role() -> Result<()> {
    let site = Installed::start().await?;
    let report = site.check(&[("/database/passwords/vika_sync", json!("wrong"))]).await?;
    failed(&report, Group::Database, "角色 vika_sync 不能登录", "运行 huiyin apply");
    assert_eq!(lines(&report, Group::Database, Status::Ok).len(), 9, "the others go on: {report}");

    let report = site.check(&[("/database/passwords/reader", Value::Null)]).await?;
    assert_eq!(lines(&report, Group::Config, Status::Failed).len(), 1, "null is no password: {report}");

    let report = site.check(&[("/database/name", json!("nowhere"))]).await?;
    let told = lines(&report, Group::Database, Status::Failed);
    assert!(told.len() == 8 && told[0].remedy.contains("建立这个数据库"), "{report}");

    let report = site.check(&[("/database/host", json!("/tmp/nobody-is-here"))]).await?;
    failed(&report, Group::Database, "连不上数据库", "确认 Postgres 已启动");
    assert_eq!(lines(&report, Group::Database, Status::Skipped).len(), 8, "{report}");
    assert_eq!(lines(&report, Group::Feishu, Status::Failed).len(), 0, "the other groups go on: {report}");

    sqlx::query("delete from _sqlx_migrations where version = (select max(version) from _sqlx_migrations)")
        .execute(&site.stack.admin)
        .await?;
    failed(&site.check(&[]).await?, Group::Database, "本版本需要第", "huiyin apply 升级表结构");
    sqlx::query("delete from rules").execute(&site.stack.admin).await?;
    let report = site.check(&[]).await?;
    assert!(
        lines(&report, Group::Database, Status::Failed)
            .iter()
            .any(|line| line.what.contains("还没有生效的规则")),
        "{report}"
    );
    Ok(())
}

#[tokio::test]
async fn the_bus_is_tried_with_each_user_and_against_what_is_declared() -> Result<()> {
    let site = Installed::start().await?;
    let report = site.check(&[("/bus/passwords/feishu_alerter", json!("wrong"))]).await?;
    failed(&report, Group::Bus, "用户 feishu_alerter 不能登录：NATS 没有这个用户", "nats.conf");

    let report = site.check(&[("/bus/url", json!("nats://127.0.0.1:9"))]).await?;
    failed(&report, Group::Bus, "连不上总线 nats://127.0.0.1:9", "确认 nats-server 已启动");
    assert_eq!(lines(&report, Group::Bus, Status::Skipped).len(), 9, "{report}");
    assert_eq!(lines(&report, Group::Clock, Status::Skipped).len(), 1, "NATS has no time then: {report}");

    let jetstream = site.stack.bus.jetstream();
    let mut chat = jetstream.get_stream("CHAT").await?.get_info().await?.config;
    chat.max_age = Duration::from_hours(1);
    jetstream.update_stream(chat).await?;
    failed(&site.check(&[]).await?, Group::Bus, "流 CHAT 的设置与本版本不同：max_age", "运行 huiyin apply");
    runtime::bus::declare(jetstream, 1).await?;

    jetstream.delete_consumer_from_stream("vika-sync", "ROOM").await?;
    failed(&site.check(&[]).await?, Group::Bus, "消费者 vika-sync 还没有声明", "运行 huiyin apply");
    Ok(())
}

#[tokio::test]
async fn vika_is_looked_at_column_by_column() -> Result<()> {
    let site = Installed::start().await?;
    let report = site.check(&[("/vika/sync_token", json!("uskNobody"))]).await?;
    failed(&report, Group::Vika, "不接受 API Token vika.sync_token", "重新复制 API Token");
    stands(&report, Group::Vika, Status::Skipped, "三张表未检查", "");
    let report = site.check(&[("/vika/reconcile_token", json!("uskStranger"))]).await?;
    failed(&report, Group::Vika, "不是空间站 spcTest 的成员", "加入空间站");
    let report = site.check(&[("/vika/sheets/today", json!(""))]).await?;
    failed(&report, Group::Vika, "还没有填写表「今日群聊」的编号", "huiyin init-vika");
    let report = site.check(&[("/vika/sheets/today", json!("dstNowhere00001"))]).await?;
    failed(&report, Group::Vika, "找不到表「今日群聊」", "核对编号");
    let report = site.check(&[("/vika/base_url", json!("http://127.0.0.1:9"))]).await?;
    let told = lines(&report, Group::Vika, Status::Failed);
    assert!(told.len() == 2 && told[0].remedy.contains("vika.base_url"), "{report}");

    stands(&site.check(&[]).await?, Group::Vika, Status::Skipped, "还没有行", "");
    site.write_row().await?;
    let report = site.check(&[("/vika/bot_names", json!(["别人"]))]).await?;
    includes(&report, Group::Vika, Status::Warning, &format!("修改人是「{BOT}」"), "vika.bot_names");

    let column = async |column: &str, mut order: Value| {
        order["sheet"] = json!(site.sheets.today.as_str());
        order["column"] = json!(column);
        site.order(&site.vika.url, "POST", "columns", order).await
    };
    column("最后一句话", json!({ "action": "rename", "to": "老板看这里" })).await?;
    column("总回复数", json!({ "action": "retype", "to": "SingleText" })).await?;
    let report = site.check(&[]).await?;
    let told = lines(&report, Group::Vika, Status::Failed);
    let has = |what: &str, remedy: &str| {
        told.iter().any(|line| line.what.contains(what) && line.remedy.contains(remedy))
    };
    assert_eq!(told.len(), 2, "{report}");
    assert!(has("缺少列「最后一句话」", "把「老板看这里」改回「最后一句话」"), "{report}");
    assert!(has("列「总回复数」类型是 SingleText", "改回 Number"), "{report}");
    Ok(())
}

#[tokio::test]
async fn a_column_that_was_found_once_may_be_renamed_and_rows_without_a_key_are_told() -> Result<()> {
    let site = Installed::start().await?;
    let client = site.vika_client()?;
    let (today, all) = (&site.sheets.today, &site.sheets.all_rooms);
    let count = client.fields(today).await?.len();
    let line = ColumnIds::<Today>::resolve(&client.fields(today).await?)?.id(Today::LastLine).to_string();
    sqlx::query("insert into vika_sync_columns (sheet, declared, field) values ($1, '最后一句话', $2)")
        .bind(today.as_str())
        .bind(line)
        .execute(&site.stack.admin)
        .await?;
    let rename = json!({ "sheet": today, "column": "最后一句话", "action": "rename", "to": "老板看这里" });
    site.order(&site.vika.url, "POST", "columns", rename).await?;
    let columns = ColumnIds::<AllRooms>::resolve(&client.fields(all).await?)?;
    let named = |name: &str| columns.fields([(AllRooms::FullTopic, Cell::text(name))]);
    client.create(all, &["示例-甲群", "示例-乙群", "示例-乙群"].map(named)).await?;

    let report = site.check(&[]).await?;
    includes(&report, Group::Vika, Status::Ok, "「最后一句话」现在叫「老板看这里」，照常使用", "");
    includes(&report, Group::Vika, Status::Warning, "有 3 行只有群名、没有群ID", "同名只能有一行");
    let (_folder, file) = configured(&site.config)?;
    let done = huiyin(&["--config", &file, "init-vika"]).await?;
    assert_eq!(done.code, 0, "{}", done.err);
    for words in ["有 3 行只有群名", "  示例-甲群\n", "  示例-乙群（同名 2 行，不会自动归属"]
    {
        assert!(done.out.contains(words), "{words}: {}", done.out);
    }
    assert_eq!(client.fields(today).await?.len(), count, "no second column");
    Ok(())
}

#[tokio::test]
async fn init_vika_completes_what_it_can_and_says_what_does_not_fit() -> Result<()> {
    let site = Installed::start().await?;
    for (column, order) in [
        ("最后一句话", json!({ "action": "delete" })),
        ("总回复数", json!({ "action": "retype", "to": "SingleText" })),
    ] {
        let mut order = order;
        order["sheet"] = json!(site.sheets.today);
        order["column"] = json!(column);
        site.order(&site.vika.url, "POST", "columns", order).await?;
    }
    let (_folder, file) = configured(&site.config)?;
    let done = huiyin(&["--config", &file, "init-vika"]).await?;
    assert!(done.code == 3 && done.err.contains("有 1 列对不上"), "{}", done.err);
    assert!(
        done.out.contains("三张表已就绪") && done.out.contains("列「总回复数」类型是 SingleText"),
        "{}",
        done.out
    );
    let columns = site.vika_client()?.fields(&site.sheets.today).await?;
    assert!(columns.iter().any(|column| column.name == "最后一句话"), "what was missing is there");
    Ok(())
}

#[tokio::test]
async fn the_managers_views_are_read_through() -> Result<()> {
    let site = Installed::start().await?;
    site.write_row().await?;
    let report = site.check(&[]).await?;
    for (view, filter) in [
        ("待核准列表", "「群聊阶段」等于 after-sales，并且「生效阶段」不等于 after-sales"),
        ("无负责人群聊列表", "「生效负责人」为空"),
        ("需跟进列表", "「静默工作日」大于等于 7"),
        ("今日", "「日期」等于今天"),
        ("正在等待", "「等待中」或「待核实」"),
    ] {
        includes(&report, Group::Vika, Status::Warning, &format!("还没有视图「{view}」"), filter);
    }
    let all = site.sheets.all_rooms.as_str();
    let view = async |name: &str, filter: &str| {
        let view = json!({ "sheet": all, "name": name, "filter": filter });
        site.order(&site.vika.url, "POST", "views", view).await
    };
    // The row is of a room without an owner in force.
    view("待核准列表", "{群聊阶段}=\"after-sales\"").await?;
    view("无负责人群聊列表", "{生效负责人}=\"王小售\"").await?;
    view("需跟进列表", "{群ID}!=\"\"").await?;
    let report = site.check(&[]).await?;
    includes(&report, Group::Vika, Status::Ok, "视图「待核准列表」筛选正确（现有 0 行）", "");
    let differs = |view: &str, how: &str| format!("视图「{view}」筛选不对：{how}");
    let fewer = differs("无负责人群聊列表", "少了 1 行，多了 0 行");
    includes(&report, Group::Vika, Status::Warning, &fewer, "「生效负责人」为空");
    let more = differs("需跟进列表", "少了 0 行，多了 1 行");
    includes(&report, Group::Vika, Status::Warning, &more, "「不再跟进」未勾选");
    Ok(())
}

#[tokio::test]
async fn feishu_is_looked_at_chat_by_chat() -> Result<()> {
    let site = Installed::start().await?;
    let report = site.check(&[("/feishu/app_secret", json!("wrong"))]).await?;
    failed(&report, Group::Feishu, "不接受 App ID 或 App Secret", "凭证与基础信息");
    assert_eq!(lines(&report, Group::Feishu, Status::Skipped).len(), 3, "{report}");
    let report = site.check(&[("/feishu/base_url", json!("http://127.0.0.1:9"))]).await?;
    failed(&report, Group::Feishu, "连不上飞书", "feishu.base_url");
    let report = site.check(&[("/rules/roster/2/addresses/feishu/open_id", json!("ou_other_app"))]).await?;
    failed(&report, Group::Feishu, "open_id ou_other_app 不属于本应用", "huiyin roster discover");

    site.order_feishu("POST", "chats", serde_json::to_value(chat("oc_li", "李小后的提醒群", false))?).await?;
    failed(
        &site.check(&[]).await?,
        Group::Feishu,
        "「李小后」的提醒群 oc_li：飞书机器人不在群里",
        "添加本应用",
    );
    let mut gone = chat("oc_li", "李小后的提醒群", true);
    gone.dissolved = true;
    site.order_feishu("POST", "chats", serde_json::to_value(gone)?).await?;
    failed(
        &site.check(&[]).await?,
        Group::Feishu,
        "「李小后」的提醒群「李小后的提醒群」已解散",
        "另建一个群",
    );
    site.order_feishu("POST", "chats", serde_json::to_value(chat("oc_li", "李", true))?).await?;

    let mut far = person(MANAGER, "周经理", "", "");
    far.available = false;
    site.order_feishu("POST", "people", serde_json::to_value(far)?).await?;
    stands(
        &site.check(&[]).await?,
        Group::Feishu,
        Status::Warning,
        "不在应用的通讯录权限范围内",
        "发布新版本",
    );
    site.order_feishu("PATCH", "switches", json!({ "no_contact_scope": true })).await?;
    stands(&site.check(&[]).await?, Group::Feishu, Status::Warning, "没有查看通讯录的权限", "不影响提醒");
    site.order_feishu("PATCH", "switches", json!({ "bot_off": true })).await?;
    failed(&site.check(&[]).await?, Group::Feishu, "没有开启机器人能力", "添加「机器人」");
    Ok(())
}

/// Nobody would hear of an alarm whose chat or people are wrong, and nobody would know.
#[tokio::test]
async fn the_operators_chat_and_those_in_it_are_looked_at() -> Result<()> {
    let site = Installed::start().await?;
    let watchdog = |chat: &str, operators: Value| {
        [("/watchdog", json!({ "operators_chat": chat, "operators": operators }))]
    };
    let report = site.check(&watchdog("oc_operators", json!([MANAGER]))).await?;
    failed(&report, Group::Feishu, "运维群 oc_operators：飞书机器人不在群里", "添加本应用");

    let there = chat("oc_operators", "回音运维", true);
    site.order_feishu("POST", "chats", serde_json::to_value(there)?).await?;
    let report = site.check(&watchdog("oc_operators", json!([MANAGER]))).await?;
    assert_eq!(report.count(Status::Failed), 0, "{report}");
    assert_eq!(lines(&report, Group::Feishu, Status::Ok).len(), 6, "the manager is asked for once: {report}");
    let report = site.check(&watchdog("oc_operators", json!(["ou_other_app"]))).await?;
    failed(&report, Group::Feishu, "ou_other_app 不属于本应用", "watchdog.operators");
    Ok(())
}

#[tokio::test]
async fn clocks_are_compared_with_everybody() -> Result<()> {
    let site = Installed::start().await?;
    site.stack.clock.advance(Duration::from_secs(20));
    let report = site.check(&[]).await?;
    let told = lines(&report, Group::Clock, Status::Warning);
    assert_eq!(told.len(), 4, "{report}");
    assert!(told.iter().all(|line| line.what.contains("快 2") || line.what.contains("快 19")), "{report}");
    site.stack.clock.advance(Duration::from_mins(5));
    let report = site.check(&[]).await?;
    let told = lines(&report, Group::Clock, Status::Failed);
    assert!(told.len() == 4 && told[0].remedy.contains("timedatectl set-ntp true"), "{report}");
    Ok(())
}

/// Somebody who takes the call and never answers costs a deadline, and nobody else's lines.
#[tokio::test]
async fn whoever_does_not_answer_is_not_waited_for() -> Result<()> {
    let site = Installed::start().await?;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", silent.local_addr()?);
    let began = Instant::now();
    let changes = [("/feishu/base_url", json!(url)), ("/vika/base_url", json!(url))];
    let report = site.check(&changes).await?;
    assert!(began.elapsed() < Duration::from_secs(70), "it took {:?}", began.elapsed());
    assert!(lines(&report, Group::Feishu, Status::Failed).len() == 1, "{report}");
    assert!(lines(&report, Group::Vika, Status::Failed).len() == 2, "{report}");
    assert_eq!(lines(&report, Group::Bus, Status::Failed).len(), 0, "{report}");
    Ok(())
}

/// A real gateway, whose only event stream is another's: it is not taken away.
#[tokio::test]
async fn the_gateway_is_asked_without_disturbing_it() -> Result<()> {
    let work_dir = local_stack::testing::settings("unused")?.tools.context("a folder")?;
    let settings =
        node::Settings { work_dir, token: TOKEN.to_owned(), world: None, port: 0, control_port: 0 };
    let gateway = match node::NodeGateway::start(&settings, |_| ()).await {
        Ok(gateway) => gateway,
        Err(node::GatewayError::NotInstalled { program }) => {
            println!("SKIPPED: this machine has no {program}");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let site = Installed::start().await?;
    let with = |token: &str| json!({ "name": "main", "endpoint": gateway.endpoint(), "token": token, "tls_ca": null, "tls_name": null });
    let configured: runtime::config::Gateway = serde_json::from_value(with(TOKEN))?;
    let holder =
        ingest::gateway::GatewayClient::connect(&ingest::gateway::Settings::of(&configured)?).await?;
    let mut events = holder.events(&ingest::gateway::Resume::default()).await?;

    let report = site.check(&[("/ingest/gateway", with(TOKEN))]).await?;
    assert_eq!(lines(&report, Group::Gateway, Status::Ok).len(), 2, "{report}");
    stands(&report, Group::Gateway, Status::Skipped, "ingest 还没有连过这个网关", "");
    sqlx::query("insert into gateways (gateway, source, state, state_since) values ('main', 'wechaty', 'waiting_login', $1)")
        .bind(site.stack.clock.now())
        .execute(&site.stack.admin)
        .await?;
    let report = site.check(&[("/ingest/gateway", with(TOKEN))]).await?;
    failed(&report, Group::Gateway, "助手账号没有登录", "/login?token=");
    sqlx::query("update gateways set state = 'live', last_live_at = $1")
        .bind(site.stack.clock.now())
        .execute(&site.stack.admin)
        .await?;
    let report = site.check(&[("/ingest/gateway", with("check_wrong"))]).await?;
    failed(&report, Group::Gateway, "不接受令牌", "GATEWAY_TOKEN");
    let mut nobody = with(TOKEN);
    nobody["endpoint"] = json!("127.0.0.1:9");
    failed(
        &site.check(&[("/ingest/gateway", nobody)]).await?,
        Group::Gateway,
        "连不上网关",
        "确认网关进程在运行",
    );

    // The stream is still the holder's, and lives.
    holder.ding("still here").await?;
    let dong = async {
        loop {
            let event = events.message().await?.context("the stream ended")?;
            if event.payload.contains("still here") {
                return Ok::<_, anyhow::Error>(());
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dong).await.context("no dong")??;
    gateway.stop().await?;
    Ok(())
}
