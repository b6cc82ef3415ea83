//! Which cards are taken.

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::super::card::check;
use super::super::world::Sim;
use super::{PERSON, card, config, hand};

fn verdict(card: &str) -> Result<(), String> {
    let client = super::super::callback::client().unwrap();
    let sim = Sim::new(config(&hand()), client, CancellationToken::new());
    check(card, &sim.world()).map_err(|refusal| refusal.body["msg"].as_str().unwrap().to_owned())
}

fn with(pointer: &str, value: Value) -> Value {
    let mut card = card("你好");
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    card.pointer_mut(parent).unwrap()[field] = value;
    card
}

#[test]
fn good_cards_are_taken() {
    let at = format!("<at id={PERSON}></at> <at id=all></at> <at email=a@b.example></at>");
    let elements = json!([
        {"tag": "markdown", "content": at, "text_size": "notation"},
        {"tag": "hr"},
        {"tag": "div", "text": {"tag": "plain_text", "content": "<at id=ou_nobody></at>"}},
        {"tag": "column_set", "columns": [{"tag": "column", "elements": [{"tag": "markdown", "content": "x"}]}]},
        {"tag": "hr", "element_id": "a_1"},
        {"tag": "button", "text": {"tag": "plain_text", "content": "字".repeat(100)}},
        {"tag": "button", "text": {"tag": "plain_text", "content": "x"},
            "behaviors": [{"type": "callback", "value": {"img_key": "img_v3_ours"}}]},
        {"tag": "collapsible_panel", "expanded": false, "header": {"title": {"tag": "plain_text", "content": "编号"}},
            "elements": [{"tag": "markdown", "content": "al-1"}]},
        {"tag": "person", "user_id": PERSON}]);
    assert_eq!(verdict(&with("/body/elements", elements).to_string()), Ok(()));
    let old = json!({"header": {"anything": 1}, "elements": [{"tag": "action", "actions": []}]});
    assert_eq!(verdict(&old.to_string()), Ok(()));
}

fn button(extra: &Value) -> Value {
    let mut button = json!({"tag": "button", "text": {"tag": "plain_text", "content": "x"}});
    button.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!([button])
}

fn are_refused(cases: &[(&str, Value)]) {
    for (sub, card) in cases {
        let refusal = verdict(&card.to_string()).unwrap_err();
        assert!(refusal.contains(&format!("ext=ErrCode: {sub};")), "{sub}: {refusal}: {card}");
    }
}

#[test]
fn bad_cards_are_refused_with_their_code() {
    let many: Vec<Value> = (0..201).map(|_| json!({"tag": "hr"})).collect();
    let cases = [
        ("200621", json!("a string")),
        ("200621", with("/extra", json!(1))),
        ("200621", with("/config/wide_screen_mode", json!(true))),
        ("200621", with("/config/update_multi", json!(false))),
        ("200621", with("/header/template", json!("pink"))),
        ("200621", with("/body/elements", json!([{"tag": "markdown", "content": "x", "colour": "red"}]))),
        ("200621", with("/body/elements", json!([{"tag": "blink", "content": "x"}]))),
        ("200621", with("/body/elements", button(&json!({"value": {"k": 1}})))),
        ("200621", with("/body/elements", button(&json!({"type": "huge"})))),
        ("200621", with("/body/elements", json!([{"tag": "hr", "element_id": "a".repeat(21)}]))),
        ("200861", with("/body/elements", json!([{"tag": "action", "actions": []}]))),
        ("200861", with("/body/elements", json!([{"tag": "note", "elements": []}]))),
        ("11310", with("/body/elements", json!(many))),
        ("100290", with("/body/elements", json!([{"tag": "markdown", "content": "<at id=ou_nobody></at>"}]))),
        (
            "100290",
            with("/body/elements", json!([{"tag": "markdown", "content": "<at user_id=\"x\"></at>"}])),
        ),
        ("100290", with("/body/elements", json!([{"tag": "person", "user_id": "ou_nobody"}]))),
        (
            "100290",
            with(
                "/body/elements",
                json!([{"tag": "person_list", "persons": [{"id": PERSON}, {"id": PERSON}]}]),
            ),
        ),
    ];
    are_refused(&cases);
    assert!(verdict("{not json").unwrap_err().contains("200621"));
}

#[test]
fn what_the_documents_name_by_the_way_is_refused_too() {
    are_refused(&[
        ("200621", with("/body/elements", json!([{"tag": "hr", "element_id": "1a"}]))),
        ("200621", with("/body/elements", json!([{"tag": "hr", "element_id": "_a"}]))),
        ("200621", with("/body/elements", json!([{"tag": "hr", "element_id": "a-b"}]))),
        (
            "200621",
            with(
                "/body/elements",
                json!([{"tag": "markdown", "content": "x", "href": {"urlVal": {"url": "https://a.example"}}}]),
            ),
        ),
        ("200621", with("/header/title", json!({"tag": "lark_md", "content": "x"}))),
        ("200621", with("/header/title", json!({"content": "x"}))),
        ("200621", with("/header/subtitle", json!({"tag": "lark_md", "content": "x"}))),
        (
            "200621",
            with(
                "/header/text_tag_list",
                json!([{"tag": "text_tag", "text": {"tag": "lark_md", "content": "x"}}]),
            ),
        ),
        (
            "11310",
            with(
                "/body/elements",
                button(&json!({"text": {"tag": "plain_text", "content": "字".repeat(101)}})),
            ),
        ),
        ("200621", with("/body/elements", json!([{"tag": "collapsible_panel", "elements": []}]))),
        (
            "200621",
            with(
                "/body/elements",
                json!([{"tag": "collapsible_panel", "elements": [],
                    "header": {"title": {"tag": "lark_md", "content": "x"}}}]),
            ),
        ),
    ]);
}

#[test]
fn a_picture_that_was_never_uploaded_is_refused() {
    are_refused(&[
        ("200570", with("/body/elements", json!([{"tag": "markdown", "content": "看 ![图](img_v3_other)"}]))),
        (
            "200570",
            with(
                "/body/elements",
                json!([{"tag": "div", "text": {"tag": "lark_md", "content": "![图](img_v3_other)"}}]),
            ),
        ),
        (
            "200570",
            with(
                "/body/elements",
                json!([{"tag": "img_combination", "combination_mode": "double",
                    "img_list": [{"img_key": "img_v3_other"}]}]),
            ),
        ),
        (
            "200570",
            with(
                "/body/elements",
                json!([{"tag": "markdown", "content": "x", "icon": {"tag": "custom_icon", "img_key": "img_v3_other"}}]),
            ),
        ),
        ("200570", with("/header/icon", json!({"tag": "custom_icon", "img_key": "img_v3_other"}))),
        ("200570", json!({"elements": [{"tag": "img", "img_key": "img_v3_other"}]})),
    ]);
}
