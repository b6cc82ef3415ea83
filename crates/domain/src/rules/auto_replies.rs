//! The automatic replies that clients are known to send.

/// The automatic replies that clients send, as beginnings of a text. Words that a person could well have written
/// themselves are not among them: 稍后回复您 is a reply.
const SHIPPED: [&str; 27] = [
    "[自动回复]",
    "【自动回复】",
    "（自动回复）",
    "「自动回复」",
    "<自动回复>",
    "自动回复：",
    "自动回复，",
    "[系统自动回复]",
    "【系统自动回复】",
    "以下为自动回复",
    "这是一条自动回复",
    "此条为自动回复",
    "此消息为自动回复",
    "[自動回覆]",
    "【自動回覆】",
    "（自動回覆）",
    "自動回覆：",
    "[自動回復]",
    "自動回復：",
    "[Auto Reply]",
    "[Auto-Reply]",
    "[AutoReply]",
    "Auto Reply:",
    "Auto-Reply:",
    "Automatic reply:",
    "您好，我现在有事不在",
    "你好，我现在有事不在",
];

/// The beginnings of automatic replies that hold where the rules list none of their own.
pub fn shipped_auto_replies() -> Vec<String> {
    SHIPPED.map(str::to_owned).to_vec()
}
