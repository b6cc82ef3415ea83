use super::*;

#[tokio::test]
async fn refusals_have_the_exact_words_under_http_200() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let cases = [
        (json!({"数": "x"}), "field:数 数字字段的值必须是数字"),
        (json!({"群ID": 3}), "field:群ID 单行文本字段必须是字符串"),
        (json!({"阶段": ["售前"]}), "field:阶段 单选字段必须是字符串"),
        (json!({"标签": "A"}), "field:标签 多选字段必须是数组类型"),
        (json!({"时间": "1700000000000"}), "field:时间 日期字段必须是 UTC 时间或者时间戳"),
        (json!({"核准": "true"}), "field:核准 勾选字段必须是布尔值"),
        (json!({"链接": 1}), "field:链接 网址字段必须是字符串"),
        (json!({"负责人": "王经理"}), "field:负责人 成员字段必须是数组类型"),
        (json!({"负责人": [{"id": 1_234_567_890_123_u64}]}), "field:负责人 成员 ID 必须是字符串"),
        (json!({"负责人": [{"id": "1234567890123"}]}), "unit ID 指定的组织单元不存在"),
        (json!({"负责人": [{"name": "没有", "type": 3}]}), "unit Name 指定的组织单元不存在"),
        (json!({"负责人": [{"id": "1"}, {"id": "2"}]}), "只能传入一个 unit，因为成员列已设置不允许多选"),
        (json!({"自增": 1}), "自增数字列的值由系统自动生成，不允许编辑"),
        (json!({"没有": 1}), "传入的 fields 参数格式不正确"),
        (json!({}), "传入的 fields 参数格式不正确"),
    ];
    for (fields, message) in cases {
        let (status, answer) = kit.create(&sheet, std::slice::from_ref(&fields)).await;
        // The status of a POST that is refused is 200, that of one that is accepted is 201.
        assert_eq!(
            (status, &answer["code"], &answer["message"]),
            (200, &json!(400), &json!(message)),
            "{fields}"
        );
        assert_eq!(answer["success"], false);
    }
    assert_eq!(kit.read(&sheet, "").await["total"], 0);
}

#[tokio::test]
async fn a_batch_is_written_whole_or_not_at_all() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let (_, answer) = kit.create(&sheet, &[json!({"群ID": "好"}), json!({"数": "坏"})]).await;
    assert_eq!(answer["success"], false);
    assert_eq!(kit.read(&sheet, "").await["total"], 0);

    let eleven: Vec<Value> = (0..11).map(|n| json!({"数": n})).collect();
    let (_, answer) = kit.create(&sheet, &eleven).await;
    assert_eq!(answer["message"], "单次请求修改/删除/新增的记录不能超过 10 条");

    let row = kit.row(&sheet, json!({"群ID": "a"})).await;
    let change = json!({"records": [{"recordId": row, "fields": {"数": 1}}, {"recordId": "recNope", "fields": {"数": 1}}]});
    let (_, answer) = kit.bot(Method::PATCH, &records_path(&sheet), change).await;
    assert_eq!(answer["message"], "recordId 指定的记录不存在");
    assert!(kit.read(&sheet, "").await["records"][0]["fields"]["数"].is_null());
}

#[tokio::test]
async fn unknown_columns_are_ignored_beside_known_ones() {
    let kit = Kit::start().await;
    let (sheet, ids) = kit.sheet().await;
    kit.sim_post("columns", &json!({"sheet": sheet, "column": "数", "action": "rename", "to": "人数"})).await;
    let (status, _) = kit.create(&sheet, &[json!({"群ID": "a", "数": 5})]).await;
    assert_eq!(status, 201);
    let stored = &kit.read(&sheet, "").await["records"][0]["fields"];
    assert_eq!(stored, &json!({"群ID": "a", "自增": 1}));

    // By id the write arrives whatever the column is called.
    let by_id = json!({"records": [{"fields": {ids["数"].as_str().unwrap(): 5}}], "fieldKey": "id"});
    kit.bot(Method::POST, &records_path(&sheet), by_id).await;
    assert_eq!(kit.read(&sheet, "").await["records"][1]["fields"]["人数"], 5);
    let number = ids["数"].as_str().unwrap();
    let wrong = json!({"records": [{"fields": {number: "3"}}], "fieldKey": "id"});
    let (_, answer) = kit.bot(Method::POST, &records_path(&sheet), wrong).await;
    assert_eq!(answer["message"], format!("field:{number} 数字字段的值必须是数字"));
    let names = json!({"records": [{"fields": {"群ID": "b"}}], "fieldKey": "id"});
    let (_, answer) = kit.bot(Method::POST, &records_path(&sheet), names).await;
    assert_eq!(answer["message"], "传入的 fields 参数格式不正确");
}

#[tokio::test]
async fn empty_cells_are_absent_and_clearing_comes_in_many_forms() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let row =
        kit.row(&sheet, json!({"群ID": "a", "标签": ["A"], "核准": true, "数": 0, "阶段": "售前"})).await;
    let clear = json!({"群ID": "", "标签": [], "核准": false, "数": null, "阶段": ""});
    let body = json!({"records": [{"recordId": row, "fields": clear}]});
    kit.bot(Method::PATCH, &records_path(&sheet), body).await;
    assert_eq!(kit.read(&sheet, "").await["records"][0]["fields"], json!({"自增": 1}));
}

#[tokio::test]
async fn some_accepted_values_are_echoed_and_never_stored() {
    let kit = Kit::start_with(|config| {
        config.spaces[0].members.push(VikaMember { name: "短号".into(), unit_id: "123456789".into() });
    })
    .await;
    let (sheet, _) = kit.sheet().await;
    let lost = json!({"群ID": "a", "链接": {"title": "t", "text": "u", "favicon": ""}, "负责人": [{"id": "123456789"}]});
    let (status, answer) = kit.create(&sheet, std::slice::from_ref(&lost)).await;
    assert_eq!(status, 201);
    assert_eq!(answer["data"]["records"][0]["fields"]["链接"], lost["链接"]);
    let stored = &kit.read(&sheet, "").await["records"][0]["fields"];
    assert!(stored["链接"].is_null() && stored["负责人"].is_null(), "{stored}");

    let kept = kit.row(&sheet, json!({"链接": "u", "负责人": [{"name": "王经理", "type": 3}]})).await;
    let stored = &kit.read(&sheet, &format!("recordIds={kept}")).await["records"][0]["fields"];
    assert_eq!(stored["链接"], json!({"title": "u", "text": "u", "favicon": ""}));
    assert_eq!(stored["负责人"][0]["name"], "王经理");
}

#[tokio::test]
async fn an_unknown_option_is_made_and_a_race_for_it_loses_cells() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    kit.row(&sheet, json!({"阶段": " 售前 "})).await;
    let (_, fields) =
        kit.bot(Method::GET, &format!("/fusion/v1/datasheets/{sheet}/fields"), Value::Null).await;
    let options = &fields["data"]["fields"][2]["property"]["options"];
    assert_eq!((&options[0]["name"], &options[1]["name"]), (&json!("售前"), &json!(" 售前 ")));

    let stored = |data: Value| {
        data["records"].as_array().unwrap().iter().filter(|r| r["fields"]["阶段"] == "新").count()
    };
    let new = [json!({"群ID": "竞", "阶段": "新"})];
    let answers = futures::future::join_all((0..6).map(|_| kit.create(&sheet, &new))).await;
    for (status, answer) in answers {
        assert_eq!((status, &answer["data"]["records"][0]["fields"]["阶段"]), (201, &json!("新")));
    }
    assert_eq!(stored(kit.read(&sheet, "").await), 1);

    kit.settings(&json!({"option_race": false})).await;
    let other = [json!({"阶段": "又新"})];
    futures::future::join_all((0..6).map(|_| kit.create(&sheet, &other))).await;
    let data = kit.read(&sheet, "").await;
    assert_eq!(
        data["records"].as_array().unwrap().iter().filter(|r| r["fields"]["阶段"] == "又新").count(),
        6
    );
}

#[tokio::test]
async fn edit_stamps_know_the_column_the_millisecond_and_the_user() {
    let kit = Kit::start().await;
    let (sheet, ids) = kit.sheet().await;
    let watched = json!({"collectType": 1, "fieldIdCollection": [ids["群ID"], ids["核准"]]});
    let mut time = watched.clone();
    time["dateFormat"] = json!("YYYY-MM-DD");
    for (name, kind, property) in [("改时间", "LastModifiedTime", time), ("改人", "LastModifiedBy", watched)]
    {
        let path = format!("/fusion/v1/spaces/{SPACE}/datasheets/{sheet}/fields");
        let (status, _) =
            kit.bot(Method::POST, &path, json!({"name": name, "type": kind, "property": property})).await;
        assert_eq!(status, 201);
    }
    let (_, known) = kit.create(&sheet, &[json!({"群ID": "a"})]).await;
    let row = known["data"]["records"][0]["recordId"].as_str().unwrap().to_owned();
    assert!(known["data"]["records"][0]["fields"]["改人"].is_null());
    let (_, made) = kit.create(&sheet, &[json!({"数": 1})]).await;
    let other = made["data"]["records"][0]["recordId"].as_str().unwrap().to_owned();
    let first = kit.read(&sheet, "").await["records"].clone();
    assert_eq!(first[0]["fields"]["改人"]["name"], "机器人");
    assert!(first[1]["fields"]["改时间"].is_null(), "nobody wrote a watched column of {other}");

    let (_, with_option) = kit.create(&sheet, &[json!({"群ID": "c", "阶段": "新的"})]).await;
    assert_eq!(with_option["data"]["records"][0]["fields"]["改人"]["name"], "机器人");

    kit.advance(5_000);
    let tick = json!({"records": [{"recordId": row, "fields": {"核准": true}}]});
    let (_, answer) = kit.call(Method::PATCH, &records_path(&sheet), Some("uskManager"), tick.clone()).await;
    // The answer of a PATCH still has the time of the change before.
    assert_eq!(answer["data"]["records"][0]["updatedAt"], first[0]["updatedAt"]);
    let after = kit.read(&sheet, "").await["records"][0].clone();
    assert_eq!(after["fields"]["改时间"], START_MS + 5_000);
    assert_eq!(after["fields"]["改人"]["name"], "王经理");
    assert_eq!(after["updatedAt"], (START_MS + 5_000) / 1_000 * 1_000);

    // The same value again moves no stamp, and neither does a column that is not watched.
    kit.advance(1_000);
    kit.bot(Method::PATCH, &records_path(&sheet), tick).await;
    let unwatched = json!({"records": [{"recordId": row, "fields": {"数": 7}}]});
    kit.bot(Method::PATCH, &records_path(&sheet), unwatched).await;
    assert_eq!(kit.read(&sheet, "").await["records"][0]["fields"]["改时间"], START_MS + 5_000);

    let hit = |after: i64| format!("AND({{改时间}}>{after},{{改人}}!=\"机器人\")");
    assert_eq!(kit.filter(&sheet, &hit(START_MS + 4_999)).await, Ok(vec![row.clone()]));
    assert_eq!(kit.filter(&sheet, &hit(START_MS + 5_000)).await, Ok(vec![]));
}

#[tokio::test]
async fn deleting_wants_every_id_to_be_there() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    let row = kit.row(&sheet, json!({"群ID": "a"})).await;
    let path = |query: &str| format!("{}?{query}", records_path(&sheet));
    let (_, none) = kit.bot(Method::DELETE, &path(""), Value::Null).await;
    assert_eq!(none["message"], "[recordIds]不能为空");
    let (_, missing) = kit.bot(Method::DELETE, &path(&format!("recordIds={row},recNope")), Value::Null).await;
    assert_eq!(missing["message"], "recordId 指定的记录不存在");
    let (_, done) = kit.bot(Method::DELETE, &path(&format!("recordIds={row}")), Value::Null).await;
    assert_eq!(done, json!({"success": true, "code": 200, "message": "SUCCESS"}));
    let (_, gone) = kit.bot(Method::GET, &format!("/fusion/v1/timemachine/{sheet}"), Value::Null).await;
    assert_eq!(gone["data"], json!([row]));
}

#[tokio::test]
async fn half_a_surrogate_pair_breaks_the_server() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    for half in ["\\ud800", "\\udc00", "a\\ud83db"] {
        let body = format!("{{\"records\":[{{\"fields\":{{\"群ID\":\"{half}\"}}}}]}}");
        let (status, answer) = kit.post_text(&records_path(&sheet), body).await;
        assert_eq!(
            (status, &answer["code"], &answer["message"]),
            (500, &json!(500), &json!("SERVER_ERROR")),
            "{half}"
        );
    }
}
