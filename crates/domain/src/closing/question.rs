//! What staff say before a customer's line: a question that the line answers, or a mere invitation.

use std::collections::BTreeSet;
use std::ops::BitOrAssign;

use serde::{Deserialize, Serialize};

use super::quote::own_words;
use crate::text::plain;

/// What staff invite to without asking for an answer that somebody has to act on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitations {
    /// 还有什么可以帮您: 没有 ends the matter.
    #[serde(default, skip_serializing_if = "is_false")]
    pub further_help: bool,
    /// 收到请扣1: 1 ends the matter.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sign: bool,
    /// 好了跟我说一声: 好了 is what staff wait for, and does not end the matter.
    #[serde(default, skip_serializing_if = "is_false")]
    pub report: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl Invitations {
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        !self.further_help && !self.sign && !self.report
    }

    /// Whether one of these accepts one of those.
    pub const fn meet(self, other: Self) -> bool {
        self.further_help && other.further_help || self.sign && other.sign
    }
}

impl BitOrAssign for Invitations {
    fn bitor_assign(&mut self, other: Self) {
        self.further_help |= other.further_help;
        self.sign |= other.sign;
        self.report |= other.report;
    }
}

/// Endings that make a sentence a question without a mark.
const ASKING_ENDINGS: [&str; 21] = [
    "吗",
    "么",
    "嘛",
    "方便不",
    "可以不",
    "行不",
    "好不",
    "了没",
    "没有呢",
    "怎么样",
    "咋样",
    "如何",
    "多少",
    "几点",
    "几个",
    "哪里",
    "哪个",
    "哪天",
    "什么",
    "谁",
    "几台",
];
/// Endings that look like those and are none.
const NOT_ASKING: [&str; 13] = [
    "没什么",
    "没有什么",
    "不算什么",
    "什么的",
    "这么",
    "那么",
    "要么",
    "多么",
    "没多少",
    "好嘛",
    "行嘛",
    "可以嘛",
    "是嘛",
];
/// What asks wherever it stands in a sentence.
const ASKING: [&str; 19] = [
    "请问",
    "是否",
    "行不行",
    "好不好",
    "对不对",
    "可不可以",
    "是不是",
    "能不能",
    "要不要",
    "方不方便",
    "有没有",
    "需不需要",
    "用不用",
    "合不合适",
    "没问题的话",
    "可以的话",
    "同意的话",
    "ok的话",
    "还是说",
];
/// Words that make a sentence a question that ends in 呢.
const ASKED_FOR: [&str; 14] =
    ["什么", "哪", "谁", "几", "多少", "怎么", "咋", "如何", "还是", "要不", "能不", "是不", "为何", "多久"];
/// Who may be asked back: 您呢, 您这边呢.
const ASKED_BACK: [&str; 10] = [
    "您呢",
    "你呢",
    "你们呢",
    "您这边呢",
    "你这边呢",
    "您那边呢",
    "你们那边呢",
    "你们这边呢",
    "贵司呢",
    "您觉得呢",
];
/// Staff's own doing: what follows is asked of nobody.
const OWN_DOING: [&str; 18] = [
    "我看",
    "我帮",
    "我去",
    "我先",
    "我查",
    "我问",
    "我们看",
    "我们查",
    "我这边",
    "帮您看",
    "帮您查",
    "帮你看",
    "帮你查",
    "给您看",
    "技术在",
    "在看",
    "核实下",
    "核实一下",
];
/// Questions that ask for nothing but a word of thanks, or whether something arrived, or for patience.
const RHETORICAL: [&str; 36] = [
    "怎么好意思",
    "哪能",
    "何必",
    "哪里的话",
    "不是吗",
    "还用说",
    "谁说不是",
    "怎么会呢",
    "怎么会不",
    "收到了吗",
    "收到吗",
    "收到了没",
    "收到没",
    "收到了么",
    "看到了吗",
    "看到了没",
    "看到吗",
    "看见了吗",
    "明白了吗",
    "明白吗",
    "清楚了吗",
    "清楚吗",
    "懂了吗",
    "知道了吗",
    "听懂了吗",
    "稍等",
    "等一下好",
    "等我一下",
    "给个好评",
    "好评可以吗",
    "五星好评",
    "为什么不",
    "何乐而不为",
    "吃饭了吗",
    "下班了吗",
    "忙吗",
];
/// Offers of further help, between the first word and the second.
const OFFERS: [(&str, &str); 29] = [
    ("什么可以帮", ""),
    ("什么能帮", ""),
    ("什么需要", ""),
    ("什么可以为", ""),
    ("什么能为", ""),
    ("什么要帮", ""),
    ("还有什么", "问题"),
    ("还有什么", "需要"),
    ("还有什么", "疑问"),
    ("还有什么", "帮"),
    ("还有什么", "不清楚"),
    ("还有什么", "不明白"),
    ("还有其他", "问题"),
    ("还有其他", "需要"),
    ("还有其它", ""),
    ("还有别的", ""),
    ("还有没有", ""),
    ("有没有其他", ""),
    ("有没有别的", ""),
    ("还有问题", ""),
    ("还有疑问", ""),
    ("有其他问题", ""),
    ("还有哪里", ""),
    ("还有不", ""),
    ("其他需要", ""),
    ("其他可以帮", ""),
    ("anything else", ""),
    ("any other question", ""),
    ("还需要", "帮"),
];
/// Behind these 还是 chooses nothing: 我还是明天发您.
const NOT_BEFORE_CHOICE: [&str; 14] =
    ["我", "们", "您", "你", "他", "她", "那", "就", "都", "要不", "但", "不过", "现在", "目前"];
/// Behind 哪 these ask for no one of several.
const NOT_WHICH: [&str; 6] = ["里", "儿", "能", "怕", "有", "会"];
/// Calls for a sign.
const SIGNS: [&str; 14] = [
    "扣1",
    "扣一",
    "回1",
    "回复1",
    "打1",
    "发1",
    "回个1",
    "扣个1",
    "敲1",
    "打个1",
    "按1",
    "收到回复",
    "收到请回",
    "收到的回",
];

/// What stands before the thing that a sign is: 扣1.
const BEFORE_SIGN: [&str; 8] = ["扣个", "扣", "回复", "回个", "回", "打个", "打", "按"];
/// What comes first, in a sentence that asks to be told of it.
const ONCE_DONE: [&str; 12] =
    ["好了", "完了", "弄好", "弄完", "搞定", "完成", "成功", "可以了", "到了", "收到", "之后", "以后"];
/// How it is to be told.
const TELL: [&str; 14] = [
    "跟我说",
    "和我说",
    "告诉我",
    "说一声",
    "吱一声",
    "喊我",
    "叫我",
    "通知我",
    "告知我",
    "回我",
    "回复我",
    "call我",
    "踢我",
    "知会",
];

/// What a message asks for.
pub struct Asked {
    /// It contains a question that an answer has to be acted on.
    pub question: bool,
    /// It names several things to choose from, or leaves the choice among several open.
    pub alternatives: bool,
    /// What it invites to.
    pub invites: Invitations,
}

/// Reads a message as one of staff.
pub fn asked(text: &str) -> Asked {
    let own: String = without_links(own_words(text)).chars().filter_map(plain).collect();
    // 报周六扣1，报周日扣2 is a choice.
    let choice = signs(&own) > 1;
    let invites = Invitations {
        further_help: false,
        sign: !choice && SIGNS.iter().any(|sign| own.contains(sign)),
        report: asks_to_be_told(&own),
    };
    let mut asked = Asked { question: choice, alternatives: choice, invites };
    let mut sentence = String::new();
    for c in own.chars().chain(['\n']) {
        let end = matches!(c, '。' | '!' | ';' | '\n' | '…' | ',' | '?' | '~' | '～' | '、');
        let end = end || c == ' ' && sentence.ends_with(|c: char| !c.is_ascii());
        if end {
            let offer = is_offer(&sentence);
            asked.alternatives |= offers_a_choice(&sentence);
            asked.invites.further_help |= offer;
            let marked = c == '?' && !sentence.is_empty();
            asked.question |= c == '?' && own.trim().chars().all(|c| c == '?');
            asked.question |= !offer && !is_rhetorical(&sentence) && (marked || asks(&sentence));
            sentence.clear();
        } else {
            sentence.push(c);
        }
    }
    asked
}

/// How many different signs a message calls for.
fn signs(own: &str) -> usize {
    let behind = BEFORE_SIGN.iter().flat_map(|word| {
        own.match_indices(word).filter_map(|(place, word)| own[place + word.len()..].chars().next())
    });
    behind.filter(char::is_ascii_digit).collect::<BTreeSet<_>>().len()
}

/// 好了跟我说一声: something first, and then a word of it.
fn asks_to_be_told(own: &str) -> bool {
    let done = ONCE_DONE.iter().filter_map(|done| own.find(done)).min();
    done.is_some_and(|place| TELL.iter().any(|tell| own[place..].contains(tell)))
}

/// Links hold question marks that ask nothing.
fn without_links(text: &str) -> String {
    let link = |word: &&str| !(word.contains("://") || word.starts_with("www."));
    let lines = text.lines().map(|line| line.split(' ').filter(link).collect::<Vec<_>>().join(" "));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a sentence names several things to choose from: 今天还是明天, 微信或者电话, 哪个, 微信/支付宝.
fn offers_a_choice(sentence: &str) -> bool {
    let behind = |word: &str, not: &[&str]| {
        let mut behind = sentence.match_indices(word).map(|(place, word)| &sentence[place + word.len()..]);
        behind.any(|behind| !not.iter().any(|begin| behind.starts_with(begin)))
    };
    let or = sentence.match_indices("还是").any(|(place, _)| {
        let before = sentence[..place].trim_end();
        !before.is_empty() && !NOT_BEFORE_CHOICE.iter().any(|end| before.ends_with(end))
    });
    or || behind("或", &["许"]) || behind("要么", &[]) || behind("哪", &NOT_WHICH) || has_slash(sentence)
}

/// 微信/支付宝, but no date and no link.
fn has_slash(sentence: &str) -> bool {
    let wide = |c: Option<char>| c.is_some_and(|c| !c.is_ascii());
    sentence.match_indices('/').any(|(place, slash)| {
        wide(sentence[..place].chars().next_back()) && wide(sentence[place + slash.len()..].chars().next())
    })
}

fn is_offer(sentence: &str) -> bool {
    OFFERS
        .iter()
        .any(|(first, second)| sentence.split_once(first).is_some_and(|(_, behind)| behind.contains(second)))
}

fn is_rhetorical(sentence: &str) -> bool {
    RHETORICAL.iter().any(|phrase| sentence.contains(phrase))
}

/// Whether a sentence asks without a mark.
fn asks(sentence: &str) -> bool {
    let end = without_sticker(sentence).trim_end_matches(|c: char| !c.is_alphanumeric());
    let own_doing = OWN_DOING.iter().any(|doing| end.contains(doing));
    if end.ends_with("吗") && !end.ends_with("是吗") {
        return true;
    }
    if let Some(asked) = end.strip_suffix('呢') {
        return !own_doing
            && (ASKED_BACK.contains(&end.trim_start_matches(['亲', '请', '问', '那', '么']))
                || asked.starts_with('那') && !asked.starts_with("那边")
                || ASKED_FOR.iter().any(|word| asked.contains(word)));
    }
    if NOT_ASKING.iter().any(|ending| end.ends_with(ending)) || own_doing {
        return false;
    }
    let chosen = end.contains("还是") && ["您", "你", "要", "选"].iter().any(|word| end.contains(word));
    chosen
        || ASKING_ENDINGS.iter().any(|ending| end.ends_with(ending))
        || ASKING.iter().any(|word| end.contains(word))
}

/// Without stickers at the end, which say nothing of it.
fn without_sticker(sentence: &str) -> &str {
    let mut end = sentence;
    while let Some(rest) = end.trim_end_matches(|c: char| !c.is_alphanumeric() && c != ']').strip_suffix(']')
    {
        match rest.rfind('[') {
            Some(start) => end = &rest[..start],
            None => break,
        }
    }
    end
}
