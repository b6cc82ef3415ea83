//! The table of `docs/wechat-messages.md`, as what goes in and what has to come out.

use proptest::prelude::*;

use super::*;

fn of(kind: MessageKind, text: &str) -> Content {
    read(Raw { kind, text, nobody: false })
}

fn said(text: &str) -> (MessageKind, String) {
    let content = of(MessageKind::Text, text);
    (content.kind, content.text)
}

fn text(words: &str) -> (MessageKind, String) {
    (MessageKind::Text, words.to_owned())
}

const HEAD: &str = "<?xml version=\"1.0\"?>\n";

fn app(number: u32, title: &str) -> String {
    format!(
        "<msg><appmsg appid=\"\" sdkver=\"0\"><title>{title}</title><des /><type>{number}</type></appmsg></msg>"
    )
}

fn reply(title: &str, refer: &str) -> String {
    format!(
        "<msg>\n\t<appmsg appid=\"\" sdkver=\"0\">\n<title>{title}</title><des /><type>57</type>{refer}</appmsg><fromusername></fromusername></msg>"
    )
}

const REFER: &str = "<refermsg><type>1</type><svrid>811</svrid><fromusr>1@chatroom</fromusr><displayname>林小样</displayname>\
    <msgsource>&lt;msgsource&gt;&lt;silence&gt;1&lt;/silence&gt;&lt;/msgsource&gt;</msgsource><content>报价已经发到群里了</content></refermsg>";

#[test]
fn a_reply_is_its_title_and_what_it_quotes() {
    let quote =
        Quote { id: Some("811".into()), who: "林小样".into(), text: "报价已经发到群里了".into() };
    let plain = reply("好的", REFER);
    let escaped = plain.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let forms = [
        plain.clone(),
        format!("{HEAD}{plain}"),
        format!("\u{feff}<?xml version='1.0' encoding='UTF-8'?>\r\n{plain}\n"),
        format!("wxid_sample123:\n{HEAD}{plain}"),
        escaped.replace('\n', "<br/>"),
        plain.trim_start_matches("<msg>").trim_end_matches("</msg>").trim().to_owned(),
        reply("<![CDATA[好的]]>", REFER),
    ];
    for form in forms {
        for kind in [MessageKind::Text, MessageKind::Other] {
            let content = of(kind, &form);
            assert_eq!((content.kind, content.text.as_str()), (MessageKind::Text, "好的"), "{form}");
            assert_eq!(content.quote.as_ref(), Some(&quote), "{form}");
        }
    }
    assert_eq!(said(&reply("发票什么时候开？", REFER)), text("发票什么时候开？"));
    assert_eq!(said(&reply("A&amp;B 的 5&lt;10 吗", REFER)), text("A&B 的 5<10 吗"));
}

#[test]
fn what_a_reply_quotes_is_shown_like_a_line() {
    let file = "&lt;msg&gt;&lt;appmsg&gt;&lt;title&gt;报价.pdf&lt;/title&gt;&lt;type&gt;6&lt;/type&gt;&lt;/appmsg&gt;&lt;/msg&gt;";
    for (number, content, shown) in [
        (1, "在吗", "在吗"),
        (3, "&lt;msg&gt;&lt;img /&gt;&lt;/msg&gt;", "[图片]"),
        (34, "", "[语音]"),
        (43, "15:0\n", "[视频]"),
        (47, "x", "[表情]"),
        (49, file, "[文件：报价.pdf]"),
        (49, "", ""),
    ] {
        let refer = format!(
            "<refermsg><type>{number}</type><svrid>0</svrid><displayname>林小样</displayname><content>{content}</content></refermsg>"
        );
        let quote = of(MessageKind::Text, &reply("好的", &refer)).quote.unwrap();
        assert_eq!((quote.id, quote.who.as_str(), quote.text.as_str()), (None, "林小样", shown));
    }
}

#[test]
fn every_type_of_appmsg_is_the_kind_that_it_is() {
    let cases = [
        (1, MessageKind::Text),
        (2, MessageKind::Image),
        (3, MessageKind::Url),
        (5, MessageKind::Url),
        (6, MessageKind::File),
        (8, MessageKind::Emoticon),
        (17, MessageKind::Location),
        (19, MessageKind::ChatHistory),
        (33, MessageKind::MiniProgram),
        (36, MessageKind::MiniProgram),
        (50, MessageKind::Contact),
        (51, MessageKind::Video),
        (53, MessageKind::Text),
        (62, MessageKind::System),
        (63, MessageKind::Video),
        (74, MessageKind::File),
        (2000, MessageKind::Transfer),
        (2001, MessageKind::RedEnvelope),
        (4_242, MessageKind::Other),
    ];
    for (number, expected) in cases {
        let body = app(number, "3月对账单.pdf");
        for form in [body.clone(), format!("{HEAD}{body}"), format!("wxid_sample1:\n{body}")] {
            for kind in [MessageKind::Text, MessageKind::Other] {
                let content = of(kind, &form);
                assert_eq!(content.kind, expected, "{number}");
                assert!(!content.text.contains('<'), "{}", content.text);
            }
        }
    }
    assert_eq!(said(&app(6, "3月对账单.pdf")), (MessageKind::File, "3月对账单.pdf".into()));
    let announced = "<msg><appmsg><title>群公告</title><type>87</type><textannouncement>周六停机</textannouncement></appmsg></msg>";
    let announced = of(MessageKind::Text, announced);
    assert!(announced.to_everybody && announced.text == "周六停机", "{announced:?}");
}

#[test]
fn what_is_no_appmsg_is_told_by_its_element() {
    for (xml, kind, words) in [
        (r#"<msg><img aeskey="x" /></msg>"#, MessageKind::Image, ""),
        (r#"<msg><emoji md5="x"></emoji></msg>"#, MessageKind::Emoticon, ""),
        (r#"<msg><videomsg length="1"/></msg>"#, MessageKind::Video, ""),
        (r#"<msg><voicemsg voicelength="900" /></msg>"#, MessageKind::Audio, ""),
        (
            r#"<msg><location x="1" label="样例路 1 号" poiname=""/></msg>"#,
            MessageKind::Location,
            "样例路 1 号",
        ),
        (r#"<msg username="x" nickname="张三样" />"#, MessageKind::Contact, "张三样"),
        (r#"<voipmsg type="VoIPBubbleMsg"><room_type>1</room_type></voipmsg>"#, MessageKind::Call, ""),
        (r#"<msg><newthing a="b">?</newthing></msg>"#, MessageKind::Other, ""),
        ("<?xml version=\"1.0\"?><newroot><x>1</x></newroot>", MessageKind::Other, ""),
    ] {
        assert_eq!(said(xml), (kind, words.to_owned()), "{xml}");
    }
    let recall = r#"<sysmsg type="revokemsg"><revokemsg><session>1@chatroom</session><msgid>7</msgid><newmsgid>523002399384029297</newmsgid><replacemsg><![CDATA["蓝先生" 撤回了一条消息]]></replacemsg></revokemsg></sysmsg>"#;
    assert_eq!(said(recall), (MessageKind::Recalled, "523002399384029297".into()));
    let pat = r#"<sysmsg type="pat"><pat><fromusername>wxid_a</fromusername><template><![CDATA["${wxid_a}" 拍了拍 "${wxid_b}"]]></template></pat></sysmsg>"#;
    assert_eq!(said(pat), (MessageKind::System, "\"${wxid_a}\" 拍了拍 \"${wxid_b}\"".into()));
}

#[test]
fn hostile_and_broken_xml_never_reaches_a_person() {
    let bomb = "<!DOCTYPE a [<!ENTITY b \"好的\"><!ENTITY c \"&b;&b;&b;\">]>";
    let deep = "<a>".repeat(20_000);
    let nested = (0..40).fold("好的".to_owned(), |inner, _| {
        let inner = reply(&inner.replace('&', "&amp;").replace('<', "&lt;"), "");
        if inner.len() > 60_000 { "好的".into() } else { inner }
    });
    let attributes = " a=\"1\"".repeat(9_000);
    for hostile in [
        format!("{HEAD}{bomb}<msg><appmsg><title>&c;</title><type>57</type></appmsg></msg>"),
        format!("<msg><appmsg><title>{deep}"),
        format!("<msg{attributes}><appmsg><title>x</title></appmsg></msg>"),
        "<msg><appmsg><title>好的</title><ty".to_owned(),
        "<msg><appmsg".to_owned(),
        "<msg><appmsg><title>a & b</title><type>6</type></appmsg></msg>".to_owned(),
        "<msg><appmsg><title>a</b></title><type>6</type></appmsg></msg>".to_owned(),
        "<msg><appmsg><title>&unknown;&#0;&#xd800;</title><type>6</type></appmsg></msg>".to_owned(),
        "<msg><appmsg><title></title><type>57</type></appmsg></msg>".to_owned(),
        "<msg><appmsg><title>x</title><type>99999999999999999999</type></appmsg></msg>".to_owned(),
        nested,
    ] {
        let content = of(MessageKind::Text, &hostile);
        let shown = wording(&content);
        let short: String = hostile.chars().take(80).collect();
        assert!(!shown.contains("<msg") && !shown.contains("<appmsg"), "{short}: {shown}");
        assert_ne!(content.kind, MessageKind::System, "{short}: somebody may wait");
    }
    assert_eq!(said("<msg><appmsg><title>a & b</title><type>6</type></appmsg></msg>").1, "a & b");
}

fn wording(content: &Content) -> String {
    domain::wording::shown(content.kind, &content.text)
}

#[test]
fn html_of_the_web_protocol_is_read() {
    for (html, words) in [
        (r#"<img class="emoji emoji1f44c" text="_web" src="/x.gif" />"#, "👌"),
        (
            r#"好的<img class="emoji emoji1f44c" text="_web" src="/zh_CN/htmledition/v2/images/spacer.gif"/>谢谢"#,
            "好的👌谢谢",
        ),
        ("好的<br/>谢谢", "好的\n谢谢"),
        ("好的<br>谢谢<BR />!", "好的\n谢谢\n!"),
        ("[强]", "[强]"),
        (r#"<span class="emoji emoji1f64f"></span>"#, "🙏"),
        (r#"收到<span class="emoji emoji1f450"></span"#, "收到👐"),
        ("<span class='emoji emoji1f1e81f1f3'></span>", "🇨🇳"),
        (r#"<span class="emoji emoji2320e3"></span>"#, "#⃣"),
        (r#"<span class="emoji emoji1f639"></span>"#, "😂"),
        (r#"<img class="qqemoji qqemoji79" text="[强]_web" src="/x.gif" />"#, "[强]"),
        (r#"<img class="emoji emojizzzz" text="_web" src="/x.gif" />"#, "[表情]"),
        (r#"<img class="emoji emoji41d800" text="[捂脸]_web" src="/x.gif" />"#, "[捂脸]"),
        ("A&amp;B &lt;10 &gt;5 &quot;x&quot; &#39;y&#39;&nbsp;&#x1F44C;", "A&B <10 >5 \"x\" 'y'\u{a0}👌"),
        ("&amp;lt;br/&amp;gt;", "&lt;br/&gt;"),
        ("&lt;br/&gt;", "<br/>"),
        ("@0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:<br/>好的", "好的"),
    ] {
        assert_eq!(said(html), text(words), "{html}");
    }
}

#[test]
fn what_a_customer_wrote_stays_as_it_is() {
    for words in [
        "a<b",
        "如果 a<b && c>d 怎么办",
        "<div>居中</div> 怎么写",
        r#"<img src="logo.png"> 图片不显示"#,
        "<span>不换行</span>",
        r#"<a href="https://example.com/?a=1&b=2">链接</a> 打不开"#,
        "AT&T; 的线",
        "R&D",
        "<msg>",
        "<msg>你好</msg>",
        "<message><appmsg/></message>",
        "看看 <msg><appmsg><title>x</title></appmsg></msg> 这段",
        "<msg><appmsg><title>x</title></appmsg></msg> 这段怎么解析？",
        "地址:\n样例路 1 号",
        "notice:\n见附件",
        "&#xd800; &#0; &;",
        "＜br/＞",
    ] {
        assert_eq!(said(words), text(words), "{words}");
    }
}

#[test]
fn a_quote_in_the_text_is_told_from_the_reply() {
    let divider = "- - - - - - - - - - - - - - -";
    let content = of(MessageKind::Text, &format!("「林小样：报价已经发到\n群里了」\n{divider}\n好的"));
    assert_eq!((content.kind, content.text.as_str()), (MessageKind::Text, "好的"));
    let quote = Quote { id: None, who: "林小样".into(), text: "报价已经发到\n群里了".into() };
    assert_eq!(content.quote, Some(quote));
    for own in [
        "麻烦报价：A型 100 台\n--------\n谢谢",
        "「林小样：在」\n好的",
        &format!("「林小样：在」\n{divider}\n "),
    ] {
        assert_eq!(said(own), text(own), "{own}");
    }
}

#[test]
fn pats_are_notices_in_every_form() {
    for pat in [
        "\"蓝先生\" 拍了拍 \"林小样\"",
        "“蓝先生”拍了拍“林小样”",
        "「蓝先生」拍了拍「林小样」",
        "'蓝先生' 拍了拍 '林小样'",
        "蓝先生 拍了拍 林小样",
        "\"蓝先生\" 拍了拍我",
        "\"蓝先生\" 拍了拍自己",
        "我拍了拍 \"林小样\"",
        "我拍了拍自己",
        "\"蓝先生\" 拍了拍 \"林小样\" 的肩膀",
        "\"蓝先生\" 拍了拍 \"林小样\" 的脑袋并说辛苦了",
        "\"蓝先生\" 拍了拍我的大脸",
        "\"蓝,先生？\" 拍了拍 \"林“小”样\"",
        "&quot;蓝先生&quot; 拍了拍 &quot;林小样&quot;",
        "蓝先生 拍了拍\"林小样\"",
        "\"蓝先生\" 拍了拍 \"林小样\" 的肩膀，并说“你真棒！”",
        "\"蓝先生\" 拍了拍 \"林小样\" 的小脑袋说：辛苦啦！",
        "\"Lan\" tickled \"Lin\"'s head",
        "\"${wxid_a}\" 拍了拍 \"${wxid_b}\"",
        "\"Lan\" tickled \"Lin\"",
        " \"蓝先生\" 拍了拍 \"林小样\" \n",
    ] {
        for kind in [MessageKind::Text, MessageKind::Other] {
            assert_eq!(of(kind, pat).kind, MessageKind::System, "{pat}");
        }
    }
    assert_eq!(of(MessageKind::Other, "蓝先生拍了拍林小样").kind, MessageKind::System);
}

#[test]
fn who_writes_about_a_pat_in_a_sentence_is_heard() {
    for sentence in [
        "他刚才拍了拍机器，还是不动",
        "我拍了拍照片发你",
        "老板拍了拍我，让我问下发票",
        "拍了拍",
        "\"拍了拍\"是什么意思？",
        "\"蓝先生\" 拍了拍 \"林小样\" 是什么意思？",
        "\"蓝先生\" 拍了拍我，报价发一下",
        "\"蓝先生\" 拍了拍 \"林小样\" 请尽快报价",
        "我拍了拍 \"林小样\" 怎么没反应",
        "\"蓝先生\" 拍了拍机器",
        "刚拍了拍\n发票什么时候开",
        "\"蓝先生\"拍了拍\"林小样\"，然后说\"报价\"",
        "\"报价\"发一下，\"蓝先生\" 拍了拍 \"林小样\"",
        "\"蓝先生\"什么时候加入了群聊",
        "\"蓝先生\"撤回了一条消息，是报价吗",
        "谁把\"蓝先生\"移出了群聊？",
        "你撤回了一条消息",
    ] {
        assert_eq!(of(MessageKind::Text, sentence).kind, MessageKind::Text, "{sentence}");
    }
}

#[test]
fn names_hold_no_markup_either() {
    assert_eq!(name("晨光<span class=\"emoji emoji1f338\"></span>贸易&amp;Co"), "晨光🌸贸易&Co");
    assert_eq!(name("甲<br/>乙"), "甲 乙");
    for plain in ["a<b", "R&D", "张三样\n", ""] {
        assert_eq!(name(plain), plain);
    }
}

#[test]
fn lines_of_the_room_are_notices() {
    for line in [
        "\"青助理\"邀请\"蓝先生\"加入了群聊",
        "\"青助理\"修改群名为“示例公司-晨光贸易”",
        "\"青助理\"将\"蓝先生\"移出了群聊",
        "\"蓝先生\"撤回了一条消息",
        "\"蓝先生\"通过扫描\"青助理\"分享的二维码加入群聊",
        "\"Lan\" recalled a message",
    ] {
        for kind in [MessageKind::Text, MessageKind::Other] {
            assert_eq!(of(kind, line).kind, MessageKind::System, "{line}");
        }
    }
    let reworded = "某种还没人见过的提示：<a href=\"weixin://revoke\">重新编辑</a>";
    let content = read(Raw { kind: MessageKind::Text, text: reworded, nobody: true });
    assert_eq!(
        (content.kind, content.text.as_str()),
        (MessageKind::System, "某种还没人见过的提示：重新编辑")
    );
    for kind in [MessageKind::Text, MessageKind::Other, MessageKind::Image, MessageKind::File] {
        assert_eq!(read(Raw { kind, text: "在吗", nobody: true }).kind, MessageKind::System, "{kind:?}");
    }
}

/// Pieces that markup is made of, to be strung together in any order.
const PIECES: [&str; 36] = [
    "<",
    ">",
    "&",
    ";",
    "\"",
    "<msg>",
    "</msg>",
    "<appmsg>",
    "</appmsg>",
    "<title>",
    "</title>",
    "<type>57</type>",
    "<type>6</type>",
    "<refermsg>",
    "</refermsg>",
    "<content>",
    "</content>",
    "<![CDATA[",
    "]]>",
    "<?xml version=\"1.0\"?>",
    "<!DOCTYPE a>",
    "&lt;",
    "&amp;",
    "&#x1F44C;",
    "&#0;",
    "<br/>",
    "<img class=\"emoji emoji1f44c\"/>",
    "<span class=\"emoji emoji1f44c\">",
    "</span",
    "\n",
    "wxid_sample1:",
    "拍了拍",
    "「",
    "」",
    "好的",
    "- - - - - -",
];

#[test]
fn a_document_that_shows_only_once_it_is_unescaped_is_nobodys_words() {
    let content = read(Raw { kind: MessageKind::Text, text: "<msg>&lt;</msg><", nobody: false });
    assert_ne!(content.kind, MessageKind::Text, "{content:?}");
}

proptest! {
    /// Whatever comes: nothing panics, nothing grows, and no document is anybody's words.
    #[test]
    fn anything_is_read(pieces in prop::collection::vec(0..PIECES.len(), 0..40), nobody: bool) {
        let text: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        for kind in [MessageKind::Text, MessageKind::Other, MessageKind::File, MessageKind::System] {
            let content = read(Raw { kind, text: &text, nobody });
            prop_assert!(content.text.len() <= text.len(), "{text}: {}", content.text);
            prop_assert!(!content.text.contains('\0'));
            prop_assert!(!nobody || matches!(content.kind, MessageKind::System | MessageKind::Recalled));
            let is_document = xml::find(&content.text).is_some_and(|document| document.root() == "msg");
            prop_assert!(content.kind != MessageKind::Text || !is_document, "{text}: {}", content.text);
        }
    }

    /// Words without markup are what they were.
    #[test]
    fn plain_words_stay(words in "[^<&「\\x00]{0,80}") {
        let content = read(Raw { kind: MessageKind::Text, text: &words, nobody: false });
        prop_assert_eq!(content.text, words);
    }
}
