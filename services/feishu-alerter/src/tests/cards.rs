//! Every card that we can make is one that Feishu takes, and says what it should.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use chrono_tz::Asia::Shanghai;
use feishu::card::{CARD_BYTES_MAX, request_bytes};
use feishu::{CardUuid, FeishuError, OutgoingMessage};
use serde_json::Value;

use super::{CHAT, Hand, PERSON, Stage, stage, to_chat};
use domain::id::WaitId;
use domain::rules::{CardTemplates, Severity, Stage as RoomStage};
use domain::wait::WaitKind;

use crate::channel::feishu as feishu_channel;
use crate::content::card::{
    self, CardFacts, CardKind, CardState, DigestLine, Form, LastLine, List, Named, Owner, Said,
};

/// A customer who has waited for twenty minutes.
pub(super) fn facts(hand: &Hand) -> CardFacts {
    let since = hand.now() - TimeDelta::minutes(20);
    let line = |speaker: &str, text: &str, seconds: i64| LastLine {
        speaker: speaker.to_owned(),
        text: text.to_owned(),
        at: since + TimeDelta::seconds(seconds),
    };
    CardFacts {
        kind: CardKind::Overdue,
        level: Severity::Orange,
        threshold: Duration::from_mins(20),
        customer: "王小样".to_owned(),
        corporation: "晨光贸易".to_owned(),
        room: "样例公司-王小样客户群".to_owned(),
        owner: Some(Owner {
            name: "小林".to_owned(),
            team: Some(RoomStage::PreSales),
            mention: Some(PERSON.to_owned()),
            in_focus_until: None,
        }),
        waiting_since: since,
        paused: false,
        last_lines: vec![
            line("小林", "好的，稍等", -60),
            line("王小样", "在吗？", 0),
            line("王小样", "发票开好了吗？急用", 30),
            line("王小样", "打我电话 13800138000", 90),
        ],
        private: true,
        staff: vec!["小周".to_owned(), "小吴".to_owned()],
        unverified: false,
        state: CardState::WAITING,
        templates: CardTemplates::default(),
        zone: Shanghai,
        made_at: hand.now(),
    }
}

/// The delivery key of the card of these facts.
pub(super) fn key() -> CardUuid {
    CardUuid::new(CHAT, "w-1", "1200", 0)
}

pub(super) fn render(facts: &CardFacts, form: Form) -> OutgoingMessage {
    feishu_channel::render(&card::room(facts), form, key().as_str())
}

/// A card in the company's own words; names are made safe in them as everywhere, and so is what stands between.
#[tokio::test]
async fn a_card_says_it_in_the_company_s_words() {
    let stage = stage().await;
    let templates = serde_json::json!({
        "title": "{群名} 等了 {分钟} 分钟（{级别}）", "customer": "**{客户}**{公司}，{开始} 开始", "owner": "请 {负责人}{团队} 回复"
    });
    let mut facts = facts(&stage.hand);
    facts.templates = serde_json::from_value(templates).unwrap();
    facts.customer = "[王](http://evil)".to_owned();
    let card: Value = serde_json::from_str(&render(&facts, Form::Full).content).unwrap();
    assert_eq!(card["header"]["title"]["content"], "样例公司-王小样客户群 等了 20 分钟（橙色）");
    let line = |place: usize| card["body"]["elements"][place]["content"].as_str().unwrap_or_default();
    assert_eq!(line(0), "&#42;&#42;&#91;王&#93;(http&#58;//evil)&#42;&#42;（晨光贸易），09:26 开始");
    assert_eq!(line(2), format!("请 小林（售前） 回复 <at id={PERSON}></at>"));
    // What became of it is not for choosing.
    facts.state = CardState::Answered { by: "小林".to_owned(), after: Duration::from_mins(25) };
    let closed: Value = serde_json::from_str(&render(&facts, Form::Full).content).unwrap();
    assert!(
        closed["header"]["title"]["content"].as_str().unwrap().starts_with("✅ 已回复：样例公司"),
        "{closed}"
    );
}

fn states() -> Vec<CardState> {
    vec![
        CardState::WAITING,
        handled(),
        CardState::WAITING.beside(2),
        CardState::Escalated,
        CardState::WAITING.deputised(Some("小吴".to_owned())),
        CardState::StoodInFor { by: Some("小吴".to_owned()) },
        CardState::StoodInFor { by: None },
        CardState::Answered { by: "小林".to_owned(), after: Duration::from_mins(25) },
        CardState::Cancelled { by: "小林".to_owned(), undo_until: None },
        CardState::Cancelled { by: "小林".to_owned(), undo_until: Some(DateTime::UNIX_EPOCH) },
        CardState::HandedOver { to: "小周".to_owned() },
        CardState::OwnerFound { owner: "小周".to_owned() },
        CardState::Confirmed { by: "小林".to_owned() },
        CardState::Returned,
        CardState::BecameRequest,
        CardState::Withdrawn,
        CardState::Unobserved,
        CardState::Void,
        CardState::Excluded,
    ]
}

/// A wait about which people have done everything that they can.
fn handled() -> CardState {
    let (by, to, until) = ("小林".to_owned(), "小周".to_owned(), DateTime::UNIX_EPOCH);
    let said = vec![
        Said::Undone { by: by.clone() },
        Said::Claimed { by: by.clone(), until },
        Said::Snoozed { by: by.clone(), until },
        Said::Assigned { by, to },
    ];
    CardState::WAITING.with(said, 2)
}

fn json(message: &OutgoingMessage) -> Value {
    serde_json::from_str(&message.content).unwrap()
}

async fn is_taken(stage: &Stage, message: &OutgoingMessage, nth: u32) {
    let uuid = CardUuid::new(CHAT, "every-card", "1", nth);
    if let Err(error) = stage.send(&to_chat(), message, &uuid).await {
        panic!("{error}: {}", message.content);
    }
    stage.hand.forward(TimeDelta::seconds(1));
}

#[tokio::test]
async fn every_form_in_every_state_is_taken() {
    let stage = stage().await;
    let mut nth = 0;
    let promised = CardKind::Promised { due: Some(stage.hand.now()) };
    let left = CardKind::AccountLeft { by: Some("小林".to_owned()) };
    for kind in [CardKind::Overdue, CardKind::Assented, promised, CardKind::OwnerWanted, left] {
        for state in states() {
            for form in [Form::Full, Form::WithoutMention, Form::Minimal, Form::PlainText] {
                for unverified in [false, true] {
                    let facts = CardFacts {
                        kind: kind.clone(),
                        state: state.clone(),
                        unverified,
                        ..facts(&stage.hand)
                    };
                    is_taken(&stage, &render(&facts, form), nth).await;
                    nth += 1;
                }
            }
        }
    }
    for level in Severity::ALL {
        is_taken(&stage, &render(&CardFacts { level, ..facts(&stage.hand) }, Form::Full), nth).await;
        nth += 1;
    }
}

#[tokio::test]
async fn a_hostile_room_makes_a_card_that_fits_and_mentions_nobody() {
    let stage = stage().await;
    let awful = "<at id=ou_nobody></at>\u{0}\"\\\n[x](http://x)👨‍👩‍👧&#60;at id=all&#62;".repeat(2_000);
    for (nth, form) in
        [Form::Full, Form::WithoutMention, Form::Minimal, Form::PlainText].into_iter().enumerate()
    {
        let mut facts = facts(&stage.hand);
        facts.customer.clone_from(&awful);
        facts.corporation.clone_from(&awful);
        facts.room.clone_from(&awful);
        facts.owner = Some(Owner { name: awful.clone(), ..Owner::default() });
        for line in &mut facts.last_lines {
            line.speaker.clone_from(&awful);
            line.text.clone_from(&awful);
        }
        for state in [
            CardState::WAITING,
            CardState::Cancelled { by: awful.clone(), undo_until: Some(DateTime::UNIX_EPOCH) },
            CardState::WAITING.with(vec![Said::Assigned { by: awful.clone(), to: awful.clone() }; 9], 0),
        ] {
            facts.state = state;
            let message = render(&facts, form);
            assert!(request_bytes(&message) < CARD_BYTES_MAX, "{}", request_bytes(&message));
            assert_eq!(message.msg_type, render(&super::cards::facts(&stage.hand), form).msg_type);
            is_taken(
                &stage,
                &message,
                u32::try_from(nth).unwrap() * 10
                    + u32::try_from(format!("{:?}", facts.state).len() % 10).unwrap(),
            )
            .await;
        }
    }
}

#[tokio::test]
async fn one_unknown_mention_fails_the_card_and_the_next_form_does_without() {
    let stage = stage().await;
    let mut facts = facts(&stage.hand);
    facts.owner = facts.owner.map(|owner| Owner { mention: Some("ou_gone".to_owned()), ..owner });
    let full = render(&facts, Form::Full);
    let error = stage.send(&to_chat(), &full, &key()).await.unwrap_err();
    assert!(matches!(&error, FeishuError::FixCard(refusal) if refusal.sub == Some(100_290)), "{error:?}");
    let simpler = render(&facts, Form::Full.simpler().unwrap());
    assert!(simpler.content.contains("@ 失败"), "{}", simpler.content);
    is_taken(&stage, &simpler, 0).await;
}

#[tokio::test]
async fn a_sent_card_can_become_any_of_its_later_states() {
    let stage = stage().await;
    let open = facts(&stage.hand);
    let sent = stage.send(&to_chat(), &render(&open, Form::Full), &key()).await.unwrap();
    for state in states() {
        let later = CardFacts { state, ..facts(&stage.hand) };
        stage.update_card(&sent.message_id, &render(&later, Form::Full)).await.unwrap();
        stage.hand.forward(TimeDelta::seconds(1));
    }
    assert_eq!(stage.messages().await[0]["updates"], states().len());
}

#[tokio::test]
async fn the_waiting_card() {
    let stage = stage().await;
    insta::assert_json_snapshot!(json(&render(&facts(&stage.hand), Form::Full)));
}

#[tokio::test]
async fn the_card_that_asks_for_an_owner() {
    let stage = stage().await;
    let facts = CardFacts {
        kind: CardKind::OwnerWanted,
        owner: None,
        unverified: true,
        // Yesterday evening: the time needs its date.
        waiting_since: stage.hand.now() - TimeDelta::hours(12),
        ..facts(&stage.hand)
    };
    insta::assert_json_snapshot!(json(&render(&facts, Form::Full)));
}

#[tokio::test]
async fn the_closed_cards_have_no_level_s_colour_and_name_who_and_how_long() {
    let stage = stage().await;
    let closed = |state| json(&render(&CardFacts { state, ..facts(&stage.hand) }, Form::Full));
    let answered = closed(CardState::Answered { by: "小林".to_owned(), after: Duration::from_mins(25) });
    insta::assert_json_snapshot!(answered);
    let cancelled = closed(CardState::Cancelled { by: "小林".to_owned(), undo_until: None });
    assert_eq!(cancelled["header"]["title"]["content"], "☑️ 不用回复：样例公司-王小样客户群");
    assert_eq!(cancelled["header"]["template"], "default");
    assert!(Severity::ALL.iter().all(|level| level.name() != "default"), "no level looks like a closed card");
    assert!(cancelled["body"]["elements"][0]["content"].as_str().unwrap().contains("不用回复 · 小林"));
    for card in [answered, cancelled] {
        assert!(!card.to_string().contains("\"button\""), "a closed card has nothing to press");
        assert!(!card.to_string().contains("<at"), "and mentions nobody again");
    }
}

#[tokio::test]
async fn a_card_about_an_uncertain_wait_asks_and_does_not_blame() {
    let stage = stage().await;
    let card = json(&render(&CardFacts { unverified: true, ..facts(&stage.hand) }, Form::Full));
    insta::assert_json_snapshot!(card);
    let answered = CardState::Answered { by: "小林".to_owned(), after: Duration::from_mins(25) };
    let closed = CardFacts { unverified: true, state: answered, ..facts(&stage.hand) };
    let closed = json(&render(&closed, Form::Full)).to_string();
    assert!(closed.contains("用时不计入统计") && !closed.contains("25 分钟") && !closed.contains("待核实"));
}

#[tokio::test]
async fn a_card_about_a_departure_says_where_and_by_whom_and_has_no_button() {
    let stage = stage().await;
    let kind = CardKind::AccountLeft { by: Some("小周".to_owned()) };
    let left = CardFacts { kind, customer: String::new(), ..facts(&stage.hand) };
    insta::assert_json_snapshot!(json(&render(&left, Form::Full)));
    let back = json(&render(&CardFacts { state: CardState::Returned, ..left }, Form::Full));
    assert_eq!(
        (&back["header"]["title"]["content"], &back["header"]["template"]),
        (&"✅ 助手账号已回到群里：样例公司-王小样客户群".into(), &"default".into())
    );
}

#[tokio::test]
async fn the_plain_text_says_the_same_and_carries_the_marker() {
    let stage = stage().await;
    let facts = facts(&stage.hand);
    let message = render(&facts, Form::PlainText);
    insta::assert_snapshot!(json(&message)["text"].as_str().unwrap());
    assert!(message.content.contains(key().as_str()));
}

/// In a text message there are no entities to hide markup behind.
#[tokio::test]
async fn nothing_of_a_stranger_is_markup_in_any_form() {
    let stage = stage().await;
    let hostile =
        "[点我](https://a.example/x) <at user_id=\"all\"></at> **粗** `码` ![图](img_v3_1) www.a.example";
    let mut facts = CardFacts {
        customer: hostile.to_owned(),
        corporation: hostile.to_owned(),
        room: hostile.to_owned(),
        ..facts(&stage.hand)
    };
    facts.owner = Some(Owner { name: hostile.to_owned(), ..Owner::default() });
    for line in &mut facts.last_lines {
        hostile.clone_into(&mut line.speaker);
        hostile.clone_into(&mut line.text);
    }
    let text = json(&render(&facts, Form::PlainText))["text"].as_str().unwrap().to_owned();
    let mut markdown = Vec::new();
    for element in json(&render(&facts, Form::Full))["body"]["elements"].as_array().unwrap() {
        markdown.extend(element["content"].as_str().map(str::to_owned));
    }
    for shown in markdown.iter().chain([&text]) {
        for markup in ["](", "<at", "://", "www.", "`", "!["] {
            assert!(!shown.contains(markup), "{markup} in {shown}");
        }
    }
    assert!(!text.contains("**"), "{text}");
}

#[tokio::test]
async fn the_marker_is_folded_away_and_title_and_preview_name_the_room() {
    let stage = stage().await;
    for kind in [CardKind::Overdue, CardKind::OwnerWanted, CardKind::AccountLeft { by: None }] {
        // A line has neither a title nor a marker.
        for state in states().into_iter().filter(|state| *state != CardState::Escalated) {
            let facts = CardFacts { kind: kind.clone(), state, ..facts(&stage.hand) };
            let card = json(&render(&facts, Form::Full));
            for words in [&card["header"]["title"]["content"], &card["config"]["summary"]["content"]] {
                assert!(words.as_str().unwrap().contains("样例公司-王小样客户群"), "{words}");
            }
            let (folded, seen): (Vec<&Value>, Vec<&Value>) = card["body"]["elements"]
                .as_array()
                .unwrap()
                .iter()
                .partition(|element| element["tag"] == "collapsible_panel");
            assert_eq!(folded.len(), 1, "{card}");
            assert_eq!(folded[0]["expanded"], false);
            assert!(folded[0].to_string().contains(key().as_str()), "it can be found again");
            assert!(
                !seen
                    .iter()
                    .any(|element| element["tag"] == "markdown"
                        && element.to_string().contains(key().as_str()))
            );
        }
    }
}

#[tokio::test]
async fn a_card_is_the_same_whenever_it_is_drawn_that_day() {
    let stage = stage().await;
    let before = facts(&stage.hand);
    let after = CardFacts { made_at: before.made_at + TimeDelta::hours(1), ..before.clone() };
    assert_eq!(render(&before, Form::Full), render(&after, Form::Full));
}

/// Sixty-three working minutes from Friday on are read as such on Monday.
#[tokio::test]
async fn a_wait_over_a_weekend_says_when_it_began_and_what_counts() {
    let stage = stage().await;
    let text = |facts: &CardFacts| render(facts, Form::Full).content;
    let (friday, monday) = ("2026-11-20T09:30:00Z", "2026-11-23T01:33:00Z");
    let facts = CardFacts {
        waiting_since: friday.parse().unwrap(),
        made_at: monday.parse().unwrap(),
        paused: true,
        threshold: Duration::from_hours(1),
        ..facts(&stage.hand)
    };
    assert!(text(&facts).contains("11-20 周五 17:30 起等待（只算工作时间）"), "{}", text(&facts));
    let before = CardFacts { made_at: "2026-11-20T10:00:00Z".parse().unwrap(), ..facts.clone() };
    assert!(text(&before).contains("17:30 起等待（只算工作时间）") && !text(&before).contains("周五"));
    assert!(!text(&CardFacts { paused: false, ..facts }).contains("只算工作时间"));
}

/// What people did stands on the card with times that stay true, and what cannot be done any more is not offered.
#[tokio::test]
async fn a_card_says_what_people_did_about_its_wait() -> anyhow::Result<()> {
    let stage = stage().await;
    let card = json(&render(&CardFacts { state: handled(), ..facts(&stage.hand) }, Form::Full));
    let elements = card["body"]["elements"].as_array().cloned().unwrap_or_default();
    let said =
        elements.iter().filter_map(|element| element["content"].as_str()).find(|text| text.contains("撤销"));
    let said = said.map(|said| said.split('\n').collect::<Vec<_>>());
    let expected = [
        "小林 撤销了「不用回复」",
        "小林 来处理（至 01-01 08:00）",
        "小林 推迟了自己的提醒（至 01-01 08:00）",
        "小林 转交给 小周",
    ];
    assert_eq!(said, Some(expected.to_vec()));
    let menus = |card: &Value| -> Vec<String> {
        let elements = card["body"]["elements"].as_array().cloned().unwrap_or_default();
        let menus = elements.into_iter().filter(|element| element["tag"] == "select_static");
        menus
            .map(|menu| menu["behaviors"][0]["value"]["act"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(menus(&card), ["assign", "focus", "away"], "put off twice");
    let fresh = facts(&stage.hand);
    assert_eq!(menus(&json(&render(&fresh, Form::Full))), ["snooze", "assign", "focus", "away"]);
    let public = CardFacts { private: false, ..fresh };
    assert_eq!(menus(&json(&render(&public, Form::Full))), ["assign"], "nobody's own");
    Ok(())
}

/// Which customer waits, and that others do.
#[tokio::test]
async fn a_card_says_how_many_others_wait() {
    let stage = stage().await;
    let text = |state| render(&CardFacts { state, ..facts(&stage.hand) }, Form::PlainText).content;
    let alone = text(CardState::WAITING);
    assert!(alone.contains("客户：王小样（晨光贸易）") && !alone.contains("另有"), "{alone}");
    let beside = text(CardState::WAITING.with(Vec::new(), 1).beside(2).with(Vec::new(), 1));
    assert!(beside.contains("起等待，另有2位客户在等"), "{beside}");
    let answered = CardState::Answered { by: "小林".to_owned(), after: Duration::from_mins(25) };
    assert!(!text(answered.beside(2)).contains("另有"), "of an ended wait nothing more is said");
}

#[tokio::test]
async fn a_card_that_was_escalated_is_one_line_without_buttons() {
    let stage = stage().await;
    let facts = CardFacts { state: CardState::Escalated, ..facts(&stage.hand) };
    let card = json(&render(&facts, Form::Full));
    insta::assert_json_snapshot!(card);
}

/// It says since when and not how long, and that nobody waits any more.
#[tokio::test]
async fn a_digest_is_taken_whatever_people_are_called() {
    let stage = stage().await;
    let now = stage.hand.now();
    let awful = "<at id=all></at>[x](http://x) **粗**\u{0}\n".repeat(40);
    let one = |nth: i64| DigestLine {
        wait: WaitId(nth.to_string()),
        kind: if nth % 3 == 0 { WaitKind::Promise } else { WaitKind::Request },
        opened_at: now - TimeDelta::minutes(nth),
        customer: if nth % 2 == 0 { "王小样".to_owned() } else { awful.clone() },
        topic: awful.clone(),
        instead_of: (nth == 2).then(|| awful.clone()),
        because: awful.clone(),
    };
    for (nth, count) in [0, 1, 33].into_iter().enumerate() {
        let lines: Vec<DigestLine> = (0..count).map(one).collect();
        let card = card::digest(&lines, Severity::Orange, Shanghai, now);
        for (at, form) in [Form::Full, Form::Minimal, Form::PlainText].into_iter().enumerate() {
            let message = feishu_channel::render(&card, form, key().as_str());
            let title = if count == 0 {
                "已处理完".to_owned()
            } else {
                format!("{count} 位客户在等您回复")
            };
            assert!(message.content.contains(&title), "{}", message.content);
            assert_eq!(message.content.contains("另有 3 位，未列出"), count == 33);
            assert!(!message.content.contains("<at") && request_bytes(&message) < CARD_BYTES_MAX);
            is_taken(&stage, &message, 950 + u32::try_from(nth * 10 + at).unwrap()).await;
        }
    }
}

/// Whoever is not named is counted.
#[tokio::test]
async fn a_list_is_taken_in_every_form_whatever_people_are_called() {
    let stage = stage().await;
    let now = stage.hand.now();
    let awful = "<at id=all></at>[x](http://x) **粗**\u{0}\n".repeat(40);
    let one = |name: &str, hours| Named {
        opened_at: now - TimeDelta::hours(hours),
        customer: name.to_owned(),
        topic: name.to_owned(),
        owner: (hours > 1).then(|| name.to_owned()),
        because: name.to_owned(),
        stage: domain::rules::Stage::AfterSales,
    };
    let rules = testkit::company::config("nats://127.0.0.1:9").unwrap().rules;
    let named = (0..20).map(|nth| one(if nth % 2 == 0 { "王小样" } else { &awful }, nth)).collect();
    let list = List { named, total: 23 };
    for (nth, form) in [Form::Full, Form::Minimal, Form::PlainText].into_iter().enumerate() {
        let message =
            feishu_channel::render(&card::list(&list, Severity::Orange, &rules, now), form, key().as_str());
        assert!(
            message.content.contains("另有 3 位，未列出")
                && message.content.contains("还有 23 位客户在等回复"),
            "{}",
            message.content
        );
        assert!(!message.content.contains("<at") && request_bytes(&message) < CARD_BYTES_MAX);
        is_taken(&stage, &message, 900 + u32::try_from(nth).unwrap()).await;
    }
}
