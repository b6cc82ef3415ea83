//! The client against the simulator: every trap of the service, and what the caller is told.

mod kit;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use kit::{Kit, hasty, rooms, space};
use serde_json::{Value, json};
use vika::{
    Cell, ColumnIds, Error, Fields, Key, KnownColumns, KnownSheets, NewField, Pacing, RecordQuery, SheetId,
    UnclaimedRow, Unwatched, UsableColumns, cell, formula, setup,
    tables::{AllRooms, SystemLog, Table, Today},
};

fn row(columns: &ColumnIds<AllRooms>, id: &str) -> Fields {
    columns.fields([(AllRooms::RoomId, Cell::text(id))])
}

fn everything() -> RecordQuery {
    RecordQuery::default()
}

#[tokio::test]
async fn what_was_written_is_read_back_in_canonical_form() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let time = chrono::DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
    let wanted = columns.fields([
        (AllRooms::RoomId, Cell::text("r-1")),
        (AllRooms::Stage, Cell::text("pre-sales")),
        (AllRooms::Approved, Cell::Tick(false)),
        (AllRooms::QuietWorkdays, Cell::count(3)),
        (AllRooms::UpdatedAt, Cell::Time(time)),
        (AllRooms::SystemInfo, Cell::text("引号\"和\\\n换行")),
    ]);
    let bot = kit.bot();
    let made = bot.create(&sheet, std::slice::from_ref(&wanted)).await.unwrap();
    let ids = Some(vec![made[0].id.clone()]);
    let read = bot.records(&sheet, &RecordQuery { record_ids: ids, ..everything() }).await.unwrap();
    assert!(cell::changed(&read[0].fields, &wanted).is_empty(), "{read:?}");
    assert_eq!(columns.cell(&read[0], AllRooms::UpdatedAt).as_time(), Some(time));

    let mut next = wanted.clone();
    next.extend(columns.fields([(AllRooms::QuietWorkdays, Cell::count(4))]));
    let diff = cell::changed(&read[0].fields, &next);
    bot.update(&sheet, &[(made[0].id.clone(), diff)]).await.unwrap();
    let patch = kit.calls().await.into_iter().find(|c| c["method"] == "PATCH").unwrap();
    assert_eq!((&patch["records"], &patch["cells"]), (&json!(1), &json!(1)), "only the changed cell is sent");
}

#[tokio::test]
async fn a_rename_loses_no_writes_and_is_followed() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    let rename = json!({"sheet": sheet, "column": "生效负责人", "action": "rename", "to": "老板"});
    kit.order("columns", rename).await;
    let cells =
        columns.fields([(AllRooms::RoomId, Cell::text("r")), (AllRooms::EffectiveOwner, Cell::text("张三"))]);
    bot.create(&sheet, &[cells]).await.unwrap();
    assert_eq!(kit.shown("群聊总表").await["rows"][0]["values"]["老板"], "张三");

    let fields = bot.fields(&sheet).await.unwrap();
    let known = AllRooms::ALL.iter().map(|column| (column.name().to_owned(), columns.id(*column).clone()));
    let (usable, problems) = UsableColumns::<AllRooms>::find(&fields, &known.collect());
    assert_eq!((problems, usable.renamed()), (Vec::new(), vec![("生效负责人", "老板")]));
    let owner = usable.key(AllRooms::EffectiveOwner).unwrap();
    assert_eq!(bot.ids_by_key(&sheet, owner, &["张三"]).await.unwrap().len(), 1, "formulas say the new name");
    let problem = ColumnIds::<AllRooms>::resolve(&bot.fields(&sheet).await.unwrap()).unwrap_err();
    assert!(problem.to_string().contains("生效负责人 is missing, perhaps renamed to 老板"), "{problem}");
}

#[tokio::test]
async fn missing_retyped_and_optionless_columns_are_named() {
    let kit = Kit::start().await;
    let (sheet, _) = rooms(&kit).await;
    let bot = kit.bot();
    for (column, action) in [
        ("静默工作日", json!({"action": "retype", "to": "Text"})),
        ("系统信息", json!({"action": "delete"})),
        ("群聊阶段", json!({"action": "remove_option", "option": "after-sales"})),
    ] {
        let mut change = json!({"sheet": sheet, "column": column});
        change.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
        kit.order("columns", change).await;
    }
    let problem = ColumnIds::<AllRooms>::resolve(&bot.fields(&sheet).await.unwrap()).unwrap_err().to_string();
    for words in [
        "静默工作日 is a Text column: change its type back to Number",
        "系统信息 is missing: run init-vika to add it",
        "群聊阶段 lacks the option after-sales",
    ] {
        assert!(problem.contains(words), "{problem}");
    }
}

#[tokio::test]
async fn calls_are_spaced_so_that_the_window_never_refuses() {
    let kit = Kit::limited().await;
    let made = kit.client("uskBot", Pacing::default());
    let sheet =
        made.create_datasheet(&space(), "表", &[Today::RoomId.column().new_field(&[])]).await.unwrap().id;
    kit.forget_calls().await;
    let calls = (0..7).map(|_| {
        let client = made.clone();
        let sheet = sheet.clone();
        tokio::spawn(async move { client.fields(&sheet).await })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap().unwrap();
    }
    let calls = kit.calls().await;
    assert!(calls.iter().all(|c| c["status"] == 200), "{calls:?}");
    let starts: Vec<i64> = calls.iter().filter_map(|c| c["elapsed_ms"].as_i64()).collect();
    // The server sees arrivals, so a few milliseconds are allowed for.
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] >= 235), "{starts:?}");
}

#[tokio::test]
async fn a_refusal_by_the_rate_limit_is_waited_out() {
    let kit = Kit::limited().await;
    // As another process with the same token would: the window is used up before our call.
    let greedy = kit.client("uskBot", Pacing { attempts: 1, ..hasty() });
    let sheet =
        greedy.create_datasheet(&space(), "表", &[Today::RoomId.column().new_field(&[])]).await.unwrap().id;
    for _ in 0..5 {
        greedy.fields(&sheet).await.unwrap();
    }
    assert_eq!(greedy.fields(&sheet).await, Err(Error::RateLimited { after: Duration::from_secs(30) }));
    let patient = kit.bot();
    patient.fields(&sheet).await.unwrap();
    let statuses: Vec<Value> = kit.calls().await.iter().map(|c| c["status"].clone()).collect();
    assert_eq!(statuses[6..], [json!(429), json!(429), json!(200)]);
    assert_eq!(patient.counted_calls(), 1, "a refused call does not cost");
}

#[tokio::test]
async fn a_success_may_have_stored_nothing() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    let id = bot.create(&sheet, &[row(&columns, "r")]).await.unwrap().remove(0).id;
    kit.order("faults", json!({"kind": "swallow", "method": "PATCH"})).await;
    let wanted = columns.fields([(AllRooms::EffectiveOwner, Cell::text("张三"))]);
    let echoed = bot.update(&sheet, &[(id, wanted.clone())]).await.unwrap();
    assert!(cell::changed(&echoed[0].fields, &wanted).is_empty(), "the answer claims it");
    let read = bot.records(&sheet, &everything()).await.unwrap();
    assert_eq!(cell::changed(&read[0].fields, &wanted), wanted, "a re-read shows it");
}

#[tokio::test]
async fn a_creation_without_an_answer_is_ambiguous_and_not_done_twice() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    let lost_answer = || json!({"kind": "drop_after", "method": "POST"});
    kit.order("faults", lost_answer()).await;
    let error = bot.create(&sheet, &[row(&columns, "r-1")]).await.unwrap_err();
    assert!(matches!(error, Error::Ambiguous { .. }) && error.is_transient(), "{error}");
    let found = bot.ids_by_key(&sheet, columns.key(AllRooms::RoomId), &["r-1", "r-2"]).await.unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["r-1"]);

    kit.order("faults", lost_answer()).await;
    kit.order("faults", json!({"kind": "drop_before", "method": "POST"})).await;
    let rows = [row(&columns, "r-2"), row(&columns, "r\"3")];
    let key = columns.key(AllRooms::RoomId);
    let ids = bot.create_once(&sheet, key, &rows).await.unwrap();
    let rows = [row(&columns, "r-4"), row(&columns, "r-5")];
    let more = bot.create_once(&sheet, key, &rows).await.unwrap();
    let read = bot.records(&sheet, &everything()).await.unwrap();
    let shown: Vec<&str> = read.iter().map(|r| columns.cell(r, AllRooms::RoomId).as_text()).collect();
    assert_eq!(shown, ["r-1", "r-2", "r\"3", "r-4", "r-5"]);
    let read_ids: Vec<_> = read.into_iter().skip(1).map(|r| r.id).collect();
    assert_eq!(read_ids, ids.into_iter().chain(more).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_key_that_no_formula_can_express_hides_no_other() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    let long = |n: usize| format!("{n}{}", "长".repeat(160));
    let longs: Vec<String> = (0..10).map(long).collect();
    let odd =
        ["plain", "nl\nid", "cr\rid", "ls\u{2028}id", "a\\\"b", "a\\b", "q\"q", "it's", "tab\tid", "{}"];
    let key = columns.key(AllRooms::RoomId);
    for keys in [odd.to_vec(), longs.iter().map(String::as_str).collect()] {
        let rows: Vec<Fields> = keys.iter().map(|key| row(&columns, key)).collect();
        kit.order("faults", json!({"kind": "drop_after", "method": "POST"})).await;
        let made = bot.create_once(&sheet, key, &rows).await.unwrap();
        let found = bot.ids_by_key(&sheet, key, &keys).await.unwrap();
        let ids: Vec<_> = keys.iter().map(|key| found[*key].clone()).collect();
        assert_eq!(ids, made);
    }
    assert_eq!(bot.records(&sheet, &everything()).await.unwrap().len(), 20, "none was made twice");

    // The column itself is at fault: one more call tells, and nobody halves.
    let before = bot.counted_calls();
    let gone = Key { name: "没有", ..key };
    let refused = bot.ids_by_key(&sheet, gone, &["a", "b", "c"]).await;
    assert!(matches!(refused, Err(Error::Rejected { .. })));
    assert_eq!(bot.counted_calls() - before, 2);
}

#[tokio::test]
async fn a_gateways_page_is_repeated_for_reads_and_changes_only() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    let id = bot.create(&sheet, &[row(&columns, "r")]).await.unwrap().remove(0).id;
    let html = |times: u32| json!({"kind": "html", "times": times});
    kit.order("faults", html(3)).await;
    assert_eq!(bot.records(&sheet, &everything()).await.unwrap().len(), 1);
    kit.order("faults", html(1)).await;
    kit.order("faults", json!({"kind": "status", "status": 503})).await;
    kit.order("faults", json!({"kind": "drop_after"})).await;
    bot.update(&sheet, &[(id.clone(), row(&columns, "r'"))]).await.unwrap();
    kit.order("faults", html(1)).await;
    assert!(matches!(bot.create(&sheet, &[row(&columns, "x")]).await, Err(Error::Ambiguous { .. })));
    kit.order("faults", html(1)).await;
    assert!(matches!(bot.delete(&sheet, &[id]).await, Err(Error::Ambiguous { .. })));
    kit.order("faults", html(4)).await;
    assert!(matches!(bot.records(&sheet, &everything()).await, Err(Error::Retry { .. })));
}

#[tokio::test]
async fn every_refusal_says_what_to_do() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    let one = [row(&columns, "r")];
    kit.order("settings", json!({"row_limit": 0})).await;
    assert!(matches!(bot.create(&sheet, &one).await, Err(Error::RowLimit { .. })));

    let wrong = RecordQuery { formula: Some(formula::equals("没有", "x")), ..everything() };
    assert_eq!(bot.records(&sheet, &wrong).await, Err(Error::Rejected { code: 400, message: String::new() }));
    let computed = columns.fields([(AllRooms::Number, Cell::count(1))]);
    kit.order("settings", json!({"row_limit": 9})).await;
    assert!(matches!(bot.create(&sheet, &[computed]).await, Err(Error::Rejected { code: 400, .. })));

    let nowhere: SheetId = "dstNope".parse().unwrap();
    assert!(matches!(bot.fields(&nowhere).await, Err(Error::SheetMissing { .. })));
    let nobody = kit.client("uskNobody", hasty());
    assert_eq!(nobody.fields(&sheet).await, Err(Error::Unauthorized));
    assert!(!format!("{nobody:?}").contains("uskNobody"));
    assert!(matches!(bot.nodes(&"spcOther".parse().unwrap()).await, Err(Error::Forbidden { .. })));

    kit.order("settings", json!({"monthly_quota": 1})).await;
    assert!(matches!(bot.fields(&sheet).await, Err(Error::Quota { .. })));
}

#[tokio::test]
async fn calls_that_would_hang_or_mean_something_else_are_not_sent() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    let eleven: Vec<Fields> = (0..11).map(|n| row(&columns, &n.to_string())).collect();
    assert!(matches!(bot.create(&sheet, &eleven).await, Err(Error::Invalid(_))));
    assert!(matches!(bot.create(&sheet, &[Fields::new()]).await, Err(Error::Invalid(_))));
    let huge = RecordQuery { page_size: Some(1_001), ..everything() };
    assert!(matches!(bot.records(&sheet, &huge).await, Err(Error::Invalid(_))));
    let long = RecordQuery { formula: Some(formula::equals("群ID", &"长".repeat(1_000))), ..everything() };
    assert!(matches!(bot.records(&sheet, &long).await, Err(Error::Invalid(_))));
    let none = RecordQuery { record_ids: Some(vec![]), ..everything() };
    assert_eq!(bot.records(&sheet, &none).await, Ok(vec![]));
    assert_eq!(bot.create(&sheet, &[]).await, Ok(vec![]));
    let twins = [row(&columns, "r"), row(&columns, "r")];
    assert!(matches!(
        bot.create_once(&sheet, columns.key(AllRooms::RoomId), &twins).await,
        Err(Error::Invalid(_))
    ));
    assert_eq!(kit.calls().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_service_that_never_answers_does_not_hold_the_caller() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.client("uskBot", Pacing { timeout: Duration::from_millis(100), attempts: 2, ..hasty() });
    kit.order("faults", json!({"kind": "hang", "times": 3})).await;
    assert!(matches!(bot.records(&sheet, &everything()).await, Err(Error::Retry { .. })));
    assert!(matches!(bot.create(&sheet, &[row(&columns, "r")]).await, Err(Error::Ambiguous { .. })));
    assert_eq!(bot.records(&sheet, &everything()).await, Ok(vec![]));
}

#[tokio::test]
async fn pages_and_sweeps_give_every_row_once() {
    let kit = Kit::start().await;
    let (sheet, columns) = rooms(&kit).await;
    let bot = kit.bot();
    for chunk in 0..3 {
        let rows: Vec<Fields> = (0..10).map(|n| row(&columns, &format!("r-{chunk}-{n}"))).collect();
        bot.create(&sheet, &rows).await.unwrap();
    }
    kit.forget_calls().await;
    let paged = bot.records(&sheet, &RecordQuery { page_size: Some(7), ..everything() }).await.unwrap();
    assert_eq!((paged.len(), kit.calls().await.len()), (30, 5));
    let exact = bot.records(&sheet, &RecordQuery { page_size: Some(10), ..everything() }).await.unwrap();
    assert_eq!((exact.len(), kit.calls().await.len()), (30, 8), "an exact multiple costs no empty page");
    let swept =
        bot.sweep(&sheet, columns.key(AllRooms::Number), &columns.ids(&[AllRooms::RoomId])).await.unwrap();
    assert_eq!(swept.len(), 30);
    bot.delete(&sheet, &[swept[0].id.clone()]).await.unwrap();
    let ids = Some(paged.iter().map(|r| r.id.clone()).collect());
    let left = bot.records(&sheet, &RecordQuery { record_ids: ids, ..everything() }).await.unwrap();
    assert_eq!(left.len(), 29, "a missing id is left out");
}

#[tokio::test]
async fn a_managers_edit_is_found_by_its_stamp_and_author() {
    let kit = Kit::start().await;
    let sheets = kit.sheets().await;
    let bot = kit.bot();
    let columns = ColumnIds::<Today>::resolve(&bot.fields(&sheets.today).await.unwrap()).unwrap();
    let cells = [(Today::RoomId, Cell::text("r")), (Today::WaitState, Cell::text("等待中"))];
    let id = bot.create(&sheets.today, &[columns.fields(cells)]).await.unwrap().remove(0).id;
    kit.advance(60_000);
    let tick = columns.fields([(Today::Cancel, Cell::Tick(true))]);
    kit.manager().update(&sheets.today, &[(id.clone(), tick)]).await.unwrap();
    kit.advance(1_000);
    let refresh = columns.fields([(Today::WaitState, Cell::text("等待中！"))]);
    bot.update(&sheets.today, &[(id, refresh)]).await.unwrap();

    let since = |ms: i64| {
        let conditions = [
            formula::greater(Today::ManagerEditedAt.name(), ms),
            formula::differs(Today::ManagerEditedBy.name(), "机器人"),
        ];
        RecordQuery { formula: Some(formula::all(&conditions)), ..everything() }
    };
    let edited = bot.records(&sheets.today, &since(kit::START_MS)).await.unwrap();
    assert_eq!(edited.len(), 1);
    assert!(columns.cell(&edited[0], Today::Cancel).is_ticked());
    assert_eq!(columns.cell(&edited[0], Today::ManagerEditedBy).people()[0].name, "王经理");
    let stamp = columns.cell(&edited[0], Today::ManagerEditedAt).as_time().unwrap().timestamp_millis();
    assert_eq!(stamp, kit::START_MS + 60_000, "our own later write does not move the manager's stamp");
    assert_eq!(bot.records(&sheets.today, &since(stamp)).await, Ok(vec![]));
}

#[tokio::test]
async fn the_ledger_hears_of_every_call_that_costs() {
    let kit = Kit::start().await;
    let sheets = kit.sheets().await;
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let bot =
        kit.bot().with_observer(move |call| ears.lock().unwrap().push((call.sheet.clone(), call.counted)));
    kit.order("faults", json!({"kind": "html"})).await;
    kit.order("faults", json!({"kind": "rate_limit"})).await;
    bot.fields(&sheets.today).await.unwrap();
    bot.nodes(&space()).await.unwrap();
    let sheet = Some(sheets.today);
    let wanted = vec![(sheet.clone(), true), (sheet.clone(), false), (sheet, true), (None, true)];
    assert_eq!(*heard.lock().unwrap(), wanted);
    assert_eq!(bot.counted_calls(), 3);
}

#[tokio::test]
async fn setting_up_twice_changes_nothing_and_keeps_what_people_added() {
    let kit = Kit::start().await;
    let bot = kit.bot();
    let first = kit.sheets().await;
    for (title, columns) in [
        ("今日群聊", Today::ALL.len()),
        ("群聊总表", AllRooms::ALL.len()),
        ("系统信息", SystemLog::ALL.len()),
    ] {
        let shown = kit.shown(title).await;
        assert_eq!(shown["rows"], json!([]), "no blank rows in {title}");
        assert_eq!(shown["columns"].as_array().unwrap().len(), columns, "{title}");
    }
    assert_eq!(setup::init(&bot, &space(), KnownSheets::default()).await.unwrap(), first);
    assert!(kit.calls().await.iter().all(|c| c["method"] == "GET"), "a second run only looks");

    kit.order("columns", json!({"sheet": first.today, "column": "判定原因", "action": "delete"})).await;
    let columns = ColumnIds::<SystemLog>::resolve(&bot.fields(&first.system_log).await.unwrap()).unwrap();
    bot.create(&first.system_log, &[columns.fields([(SystemLog::Topic, Cell::text("群"))])]).await.unwrap();
    let known = KnownSheets { system_log: Some(first.system_log.clone()), ..KnownSheets::default() };
    assert_eq!(setup::init(&bot, &space(), known).await.unwrap(), first);
    assert_eq!(kit.shown("系统信息").await["rows"].as_array().unwrap().len(), 1);
    ColumnIds::<Today>::resolve(&bot.fields(&first.today).await.unwrap()).unwrap();
}

#[tokio::test]
async fn setting_up_survives_an_end_at_any_call() {
    for fault in ["drop_after", "drop_before"] {
        for end in 0..14 {
            let kit = Kit::start().await;
            // The run ends at its call number `end`: that one meets the fault, and the next ones no service at all.
            if end > 0 {
                kit.order("faults", json!({"kind": "delay", "ms": 0, "times": end})).await;
            }
            kit.order("faults", json!({"kind": fault})).await;
            kit.order("faults", json!({"kind": "quota", "times": 1})).await;
            let _ = setup::init(&kit.bot(), &space(), KnownSheets::default()).await;
            kit.order("reset", json!({})).await;
            let sheets = setup::init(&kit.bot(), &space(), KnownSheets::default()).await.expect("a set-up");
            let bot = kit.bot();
            ColumnIds::<Today>::resolve(&bot.fields(&sheets.today).await.unwrap()).expect("no column twice");
            ColumnIds::<AllRooms>::resolve(&bot.fields(&sheets.all_rooms).await.unwrap())
                .expect("all columns");
            assert_eq!(kit.shown("今日群聊").await["rows"], json!([]), "{fault} {end}");
        }
    }
}

#[tokio::test]
async fn a_sheet_that_is_there_is_completed_and_nothing_of_it_is_lost() {
    let kit = Kit::start().await;
    let bot = kit.bot();
    // As managers may have made it: columns of theirs, some of ours, one of another type.
    let column = |name: &str, kind| NewField { name: name.into(), kind, property: None };
    let theirs = [
        column("备注", "Text"),
        column("群聊名", "Text"),
        column("完整群聊名", "Text"),
        column("负责人", "Text"),
        column("静默工作日", "Text"),
    ];
    let sheet = bot.create_datasheet(&space(), "群聊总表", &theirs).await.unwrap().id;
    let blank = bot.records(&sheet, &everything()).await.unwrap();
    let fields = bot.fields(&sheet).await.unwrap();
    let id = |name: &str| fields.iter().find(|field| field.name == name).unwrap().id.clone();
    // One note alone is somebody's, and so is a row that names a room.
    bot.update(&sheet, &[(blank[0].id.clone(), Fields::from([(id("备注"), Cell::text("别删"))]))])
        .await
        .unwrap();
    let first = setup::prepare(&bot, &space(), &KnownSheets::default()).await.unwrap();
    assert_eq!(first.sheets.all_rooms, sheet);
    assert_eq!(kit.shown("群聊总表").await["rows"].as_array().unwrap().len(), blank.len());
    let wrong: Vec<String> = first.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        wrong,
        [
            "the Vika sheet 群聊总表 does not have the columns it should: 静默工作日 is a Text column: change its type back to Number;"
        ]
    );
    let named = |row: &vika::Record, name: &str| {
        (
            row.id.clone(),
            Fields::from([(id("完整群聊名"), Cell::text(name)), (id("群聊名"), Cell::text("短"))]),
        )
    };
    bot.update(&sheet, &[named(&blank[1], "示例-甲群")]).await.unwrap();
    let again = setup::prepare(&bot, &space(), &KnownSheets::default()).await.unwrap();
    assert!(first.unwatched.is_empty() && again.unwatched.is_empty(), "stamps came with what they watch");
    let unclaimed = UnclaimedRow { record: blank[1].id.clone(), name: "示例-甲群".into() };
    assert_eq!((again.sheets, again.unclaimed), (first.sheets, vec![unclaimed]));
}

#[tokio::test]
async fn a_column_that_stamps_do_not_watch_is_told() {
    let kit = Kit::start().await;
    let bot = kit.bot();
    let sheets = setup::init(&bot, &space(), KnownSheets::default()).await.unwrap();
    for column in ["客户等级", "生效阶段"] {
        kit.order("columns", json!({"sheet": sheets.all_rooms, "column": column, "action": "delete"})).await;
    }
    let prepared = setup::prepare(&bot, &space(), &KnownSheets::default()).await.unwrap();
    let stamps = ["经理修改时间", "经理修改人"].map(String::from).to_vec();
    assert_eq!(prepared.unwatched, [Unwatched { sheet: "群聊总表", column: "客户等级", stamps }]);
}

#[tokio::test]
async fn a_known_column_is_not_added_again_because_it_was_renamed() {
    let kit = Kit::start().await;
    let bot = kit.bot();
    let sheets = setup::init(&bot, &space(), KnownSheets::default()).await.unwrap();
    let sheet = sheets.today.clone();
    let columns = UsableColumns::<Today>::find(&bot.fields(&sheet).await.unwrap(), &KnownColumns::new()).0;
    for (column, to) in [("判定原因", "为什么"), ("消除未回覆记录", "不用管")] {
        let rename = json!({"sheet": sheet, "column": column, "action": "rename", "to": to});
        kit.order("columns", rename).await;
    }
    let known = KnownSheets { columns: [(sheet.clone(), columns.known())].into(), ..KnownSheets::default() };
    let prepared = setup::prepare(&bot, &space(), &known).await.unwrap();
    assert_eq!((prepared.sheets, prepared.problems), (sheets, Vec::new()));
    assert_eq!(bot.fields(&sheet).await.unwrap().len(), Today::ALL.len());
}
