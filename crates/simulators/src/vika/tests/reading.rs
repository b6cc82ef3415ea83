use super::*;

#[tokio::test]
async fn pages_count_their_own_rows_and_an_empty_id_list_matches_everything() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    for chunk in 0..13 {
        let rows: Vec<Value> = (0..10).map(|n| json!({"数": chunk * 10 + n})).collect();
        kit.create(&sheet, &rows).await;
    }
    let shape = |data: &Value| (data["total"].clone(), data["pageNum"].clone(), data["pageSize"].clone());
    assert_eq!(shape(&kit.read(&sheet, "").await), (json!(130), json!(1), json!(100)));
    assert_eq!(shape(&kit.read(&sheet, "pageNum=2").await), (json!(130), json!(2), json!(30)));
    assert_eq!(shape(&kit.read(&sheet, "pageNum=9").await), (json!(130), json!(9), json!(0)));
    assert_eq!(shape(&kit.read(&sheet, "maxRecords=110&pageNum=2").await), (json!(110), json!(2), json!(10)));
    assert_eq!(shape(&kit.read(&sheet, "pageSize=-1").await), (json!(130), json!(1), json!(130)));
    assert_eq!(kit.read(&sheet, "recordIds=").await["total"], 130);
    assert_eq!(kit.read(&sheet, "recordIds=recNope").await["total"], 0);

    let sorted = kit.read(&sheet, "sort[0][field]=数&sort[0][order]=desc&pageSize=1").await;
    assert_eq!(sorted["records"][0]["fields"]["数"], 129);
    let path = format!("{}?sort=[{{\"field\":\"数\"}}]", records_path(&sheet));
    let (_, answer) = kit.bot(Method::GET, &path, Value::Null).await;
    assert_eq!(answer["message"], "sort 参数指定的字段 \"undefined\" 不存在");
    assert_eq!(kit.filter(&sheet, "AND({自增}>10,{自增}<=12)").await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_view_hides_columns_and_unknown_fields_fail() {
    let kit = Kit::start().await;
    let (sheet, _) = kit.sheet().await;
    kit.row(&sheet, json!({"群ID": "a", "数": 1})).await;
    kit.sim_post("columns", &json!({"sheet": sheet, "column": "数", "action": "hide"})).await;
    let (_, views) = kit.bot(Method::GET, &format!("/fusion/v1/datasheets/{sheet}/views"), Value::Null).await;
    let view = views["data"]["views"][0]["id"].as_str().unwrap();
    assert!(kit.read(&sheet, &format!("viewId={view}")).await["records"][0]["fields"]["数"].is_null());
    assert_eq!(kit.read(&sheet, "").await["records"][0]["fields"]["数"], 1);

    let (_, wrong) = kit.bot(Method::GET, &format!("{}?fields=zz", records_path(&sheet)), Value::Null).await;
    assert_eq!(wrong["message"], "传入的 fields 不存在：zz");
    let (_, wrong) =
        kit.bot(Method::GET, &format!("{}?viewId=viwBogus", records_path(&sheet)), Value::Null).await;
    assert_eq!((&wrong["code"], &wrong["message"]), (&json!(600), &json!("Node not found")));
}

#[tokio::test]
async fn formulas_see_cells_as_the_service_does() {
    let kit = Kit::start().await;
    let (sheet, ids) = kit.sheet().await;
    let a = kit
        .row(
            &sheet,
            json!({"群ID": "a\"\\b", "数": 5, "核准": true, "标签": ["A", "新"], "阶段": "售前",
                            "负责人": [{"name": "王经理", "type": 3}]}),
        )
        .await;
    let b = kit.row(&sheet, json!({"群ID": "b"})).await;
    let id = ids["数"].as_str().unwrap();
    for formula in [
        r#"{群ID}="a\"\\b""#,
        "{数}>4",
        "{数}>=5",
        "{核准}",
        "{核准}=1",
        "{核准}=TRUE()",
        r#"{标签}="A, 新""#,
        r#"{负责人}="王经理""#,
        "NOT({阶段}=BLANK())",
        r#"FIND("b",{群ID})=4"#,
        &format!("RECORD_ID()=\"{a}\""),
        &format!("{{{id}}}=5"),
        "OR({数}=5,{数}=6)",
        "AND({核准},LAST_MODIFIED_TIME({核准})>0)",
    ] {
        assert_eq!(kit.filter(&sheet, formula).await, Ok(vec![a.clone()]), "{formula}");
    }
    for formula in
        ["{阶段}=BLANK()", "{负责人}=BLANK()", r#"{群ID}!="a\"\\b""#, "LAST_MODIFIED_TIME({核准})=BLANK()"]
    {
        assert_eq!(kit.filter(&sheet, formula).await, Ok(vec![b.clone()]), "{formula}");
    }
    for both in [
        "CREATED_TIME()>0",
        "IS_AFTER(LAST_MODIFIED_TIME(),\"2020-01-01\")",
        "DATETIME_DIFF(NOW(),LAST_MODIFIED_TIME(),\"seconds\")<5",
        "IS_AFTER(NOW()，TODAY())",
    ] {
        assert_eq!(kit.filter(&sheet, both).await.unwrap().len(), 2, "{both}");
    }
    for wrong in ["{没有}=1", "NOPE({数})", "{数}>"] {
        assert_eq!(kit.filter(&sheet, wrong).await, Err(json!(400)), "{wrong}");
    }
    kit.settings(&json!({"formula_ids": false})).await;
    assert_eq!(kit.filter(&sheet, &format!("{{{id}}}=5")).await, Err(json!(400)));
}

#[tokio::test]
async fn display_texts_and_columns_are_shown_as_the_service_shows_them() {
    let kit = Kit::start().await;
    let (sheet, ids) = kit.sheet().await;
    let path = format!("/fusion/v1/spaces/{SPACE}/datasheets/{sheet}/fields");
    let expression = format!("{{{}}}*2", ids["数"].as_str().unwrap());
    for field in [
        json!({"name": "倍", "type": "Formula", "property": {"expression": expression}}),
        json!({"name": "错", "type": "Formula", "property": {"expression": "{数}*2"}}),
        json!({"name": "金额", "type": "Currency", "property": {"precision": 2, "symbol": "¥"}}),
        json!({"name": "均值", "type": "Number", "property": {"precision": 1}}),
    ] {
        assert_eq!(kit.bot(Method::POST, &path, field).await.0, 201);
    }
    let when = 1_700_000_000_000_i64;
    let row =
        json!({"数": 3, "时间": when, "核准": true, "标签": ["A", "新标签"], "金额": 12.345, "均值": 1.25});
    kit.row(&sheet, row).await;
    kit.row(&sheet, json!({"群ID": "未勾", "核准": false, "均值": -0.25, "数": -0.0})).await;
    let shown = kit.read(&sheet, "cellFormat=string").await["records"][0]["fields"].clone();
    for (name, text) in
        [("数", "3"), ("时间", "2023-11-15 06:13"), ("核准", "1"), ("标签", "A, 新标签"), ("倍", "6")]
    {
        assert_eq!(shown[name], text, "{shown}");
    }
    assert_eq!((&shown["均值"], &shown["金额"]), (&json!("1.3"), &json!("¥12.35")));
    assert!(shown["错"].is_null(), "names in a formula column are an error");
    let unticked = kit.read(&sheet, "cellFormat=string").await["records"][1]["fields"].clone();
    let texts = ["核准", "均值", "数"].map(|name| unticked[name].clone());
    assert_eq!(texts, ["0", "-0.3", "0"]);
    assert!(kit.read(&sheet, "").await["records"][1]["fields"]["核准"].is_null());
    assert_eq!(
        kit.read(&sheet, "").await["records"][0]["fields"]["金额"],
        12.345,
        "not rounded to the precision"
    );

    let (_, fields) =
        kit.bot(Method::GET, &format!("/fusion/v1/datasheets/{sheet}/fields"), Value::Null).await;
    let fields = fields["data"]["fields"].as_array().unwrap();
    assert_eq!(fields[0]["isPrimary"], true);
    assert_eq!(fields[4]["property"], json!({"format": "YYYY-MM-DD HH:mm", "includeTime": true}));
    assert_eq!(fields[5]["property"], json!({"icon": "✅"}));
}

#[tokio::test]
async fn a_new_sheet_has_blank_rows_and_wrong_columns_are_refused() {
    let kit = Kit::start().await;
    let path = format!("/fusion/v1/spaces/{SPACE}/datasheets");
    let make = |fields: Value| json!({"name": "表", "folderId": "", "preNodeId": "", "fields": fields});
    let text = json!({"name": "a", "type": "SingleText", "property": {}});
    let (_, created) = kit.bot(Method::POST, &path, make(json!([text]))).await;
    let sheet = created["data"]["id"].as_str().unwrap().to_owned();
    let blank = kit.read(&sheet, "").await;
    assert_eq!((&blank["total"], &blank["records"][0]["fields"]), (&json!(3), &json!({})));

    for (fields, message) in [
        (json!([{"name": "a", "type": "SingleText"}]), "\"value\" must be of type object"),
        (json!([{"name": "a", "type": "Nope"}]), "[type]的值不正确"),
        (json!([{"name": "a", "type": "Member", "property": {}}]), "首列类型不允许为Member"),
        (
            json!([text, {"name": "c", "type": "Checkbox", "property": {"icon": "✅"}}]),
            "icon is not Emoji slug",
        ),
        (
            json!([text, {"name": "s", "type": "SingleSelect", "property": {"options": [{"name": "x", "color": "red"}]}}]),
            "\"options[0].color\" must be a number",
        ),
    ] {
        let (_, refused) = kit.bot(Method::POST, &path, make(fields)).await;
        assert_eq!(refused["message"], message);
    }
    for (body, status, message) in [
        (json!({"fields": []}), 500, json!(["name must be a string"])),
        (json!({"name": ""}), 200, json!("[datasheet]必须包含name字段")),
        (make(json!([text, text])), 200, json!("[field.name]必须唯一")),
    ] {
        let (found, refused) = kit.bot(Method::POST, &path, body).await;
        assert_eq!((found, &refused["message"]), (status, &message));
    }
    for (field, status, message) in [
        (json!({"type": "Text"}), 500, json!(["name must be a string"])),
        (text.clone(), 200, json!("[name]必须唯一")),
    ] {
        let (found, refused) = kit.bot(Method::POST, &format!("{path}/{sheet}/fields"), field).await;
        assert_eq!((found, &refused["message"]), (status, &message));
    }
    let primary = created["data"]["fields"][0]["id"].as_str().unwrap();
    let (_, refused) =
        kit.bot(Method::DELETE, &format!("{path}/{sheet}/fields/{primary}"), Value::Null).await;
    assert_eq!(refused["message"], "首列不允许删除");
    let (_, refused) = kit.bot(Method::DELETE, &format!("{path}/{sheet}/fields/fldNope"), Value::Null).await;
    assert_eq!(refused["message"], "[fieldId]「fldNope」不存在");
}
