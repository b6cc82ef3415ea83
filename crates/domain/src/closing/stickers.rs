//! Stickers that say no more than "thanks" or "fine" when they stand alone. Any other (疑问, 发怒, 流泪 …) may well mean
//! that somebody is waiting, and a placeholder such as `[图片]` certainly does, so only these are taken for closings.

/// Names of WeChat's built-in stickers as they appear in a text, `[微笑]`, in lower case.
const FRIENDLY_STICKERS: [&str; 40] = [
    "微笑",
    "愉快",
    "呲牙",
    "偷笑",
    "憨笑",
    "可爱",
    "害羞",
    "得意",
    "调皮",
    "嘿哈",
    "机智",
    "耶",
    "奸笑",
    "笑脸",
    "破涕为笑",
    "加油",
    "好的",
    "ok",
    "强",
    "握手",
    "胜利",
    "抱拳",
    "合十",
    "鼓掌",
    "拥抱",
    "爱心",
    "玫瑰",
    "太阳",
    "月亮",
    "咖啡",
    "啤酒",
    "蛋糕",
    "礼物",
    "庆祝",
    "烟花",
    "福",
    "發",
    "转圈",
    "亲亲",
    "再见",
];

/// Emoji of the same kind.
const FRIENDLY_EMOJI: &str = "👌👍🙏🤝👏💪✌🙌🫶😀😃😄😁😆😊🙂😉😋😍🥰😘😂🤣😎🤗☺🌹🌷🌸❤💕💖🎉🎊✨✅☀🍻☕";

pub fn is_friendly_sticker(name: &str) -> bool {
    FRIENDLY_STICKERS.contains(&name)
}

pub fn is_friendly_emoji(c: char) -> bool {
    !c.is_ascii() && FRIENDLY_EMOJI.contains(c)
}
