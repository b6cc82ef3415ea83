//! Holding replies: 稍等, 我查一下, 明天给您. Staff answer that they will answer. A line is one if all of it can be read as
//! words of that kind and of courtesy; whatever else it says is an answer.

use chrono::{Days, NaiveDate, NaiveTime, TimeDelta};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::line::{classify, is_separator, without_mentions};
use super::quote::own_words;
use super::{Class, Manner};
use crate::Timestamp;
use crate::rules::Rules;

/// No text longer than this, in characters, is taken for a mere holding reply.
const LONGEST: usize = 40;
/// The end of a working day, where only the day is named.
const EVENING: u16 = 18 * 60;
/// The last minute of a day.
const LAST_MINUTE: u16 = 24 * 60 - 1;
/// The longest time that is read as one: 二十四小时.
const MOST_MINUTES: u32 = 24 * 60;

/// Words of which one makes a holding reply, in plain form, the longer before those that they begin with.
const CORE: [&str; 63] = [
    "麻烦您稍等",
    "麻烦稍等",
    "请您稍等",
    "请你稍等",
    "您先稍等",
    "请您稍候",
    "请稍等",
    "稍等",
    "请稍候",
    "稍候",
    "稍后",
    "等我",
    "等一下",
    "等一等",
    "等会儿",
    "等会",
    "等等",
    "等下",
    "马上",
    "尽快",
    "立刻",
    "立即",
    "这就",
    "查一下",
    "查下",
    "查查",
    "看一下",
    "看下",
    "看看",
    "问一下",
    "问下",
    "问问",
    "确认一下",
    "确认下",
    "核实一下",
    "核实下",
    "核对一下",
    "核对下",
    "了解一下",
    "了解下",
    "沟通一下",
    "沟通下",
    "反馈一下",
    "反馈下",
    "晚一点",
    "晚点",
    "晚些",
    "回头",
    "一会儿",
    "一会",
    "待会儿",
    "待会",
    "过会儿",
    "过会",
    "正在查",
    "正在看",
    "正在处理",
    "在查",
    "在看",
    "在处理",
    "处理中",
    "在确认",
    "在核实",
];
/// Words that give something: with a time they promise it.
const GIVE: [&str; 24] = [
    "发给您",
    "发给你",
    "给到您",
    "给到你",
    "回复您",
    "回复你",
    "答复您",
    "答复你",
    "告诉您",
    "告诉你",
    "通知您",
    "通知你",
    "联系您",
    "联系你",
    "反馈您",
    "同步您",
    "给您",
    "给你",
    "发您",
    "发你",
    "回您",
    "回你",
    "回复",
    "答复",
];
/// Words that may stand beside them.
const BESIDE: [&str; 84] = [
    "片刻",
    "您好",
    "你好",
    "亲",
    "还",
    "正",
    "一下",
    "下",
    "吧",
    "啦",
    "噢",
    "我们这边",
    "我这边",
    "我们",
    "这边",
    "我",
    "帮您",
    "帮你",
    "先",
    "再",
    "就",
    "去",
    "会",
    "来",
    "要",
    "需要",
    "和",
    "跟",
    "向",
    "找",
    "同事",
    "技术",
    "财务",
    "领导",
    "老板",
    "产品",
    "仓库",
    "物流",
    "工程师",
    "后台",
    "库存",
    "进度",
    "情况",
    "订单",
    "报价单",
    "报价",
    "价格",
    "方案",
    "资料",
    "合同",
    "发票",
    "结果",
    "文件",
    "清单",
    "地址",
    "单号",
    "链接",
    "以后",
    "之后",
    "后",
    "以内",
    "内",
    "之前",
    "以前",
    "前",
    "左右",
    "大概",
    "大约",
    "最晚",
    "处理",
    "安排",
    "跟进",
    "解决",
    "整理",
    "准备",
    "确认",
    "核实",
    "查",
    "问",
    "发",
    "哈",
    "啊",
    "呢",
    "哦",
];

/// With one of these somebody is to come back only if there is a reason to: 有问题再联系 ends the matter.
const CONDITIONS: [&str; 12] = [
    "有需要",
    "需要的话",
    "有问题",
    "有事",
    "有疑问",
    "有不懂",
    "有不明白",
    "有什么",
    "有啥",
    "遇到问题",
    "有情况",
    "有其他",
];
/// Before 一点 these make no time of it: 晚一点.
const NOT_BEFORE_CLOCK: [char; 4] = ['晚', '早', '快', '慢'];

/// A reply that only says that there will be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// The word that makes it one, as the list writes it.
    pub phrase: String,
    /// When what is promised is due, if that is plainly said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
}

/// A time as it was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// 10分钟, 半小时后.
    In {
        /// Minutes from when it was said.
        minutes: u32,
    },
    /// 下午3点, 明天.
    At {
        /// Days from the day on which it was said.
        days: u8,
        /// Minutes since midnight.
        minute: u16,
    },
}

impl Due {
    /// The moment, if it lies after that at which it was said.
    pub fn moment(self, said: Timestamp, zone: Tz) -> Option<Timestamp> {
        match self {
            Self::In { minutes } => said.checked_add_signed(TimeDelta::minutes(minutes.into())),
            Self::At { days, minute } => {
                let day: NaiveDate = said.with_timezone(&zone).date_naive();
                let day = day.checked_add_days(Days::new(days.into()))?;
                let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute) * 60, 0)?;
                let at = day.and_time(time).and_local_timezone(zone).earliest()?.to_utc();
                (at > said).then_some(at)
            }
        }
    }
}

/// Reads a message of staff as a holding reply; `None`: it says something. `class`: what it is, taken as a customer's.
pub fn holding(text: &str, class: &Class, rules: &Rules) -> Option<Holding> {
    let plain: Vec<char> = without_mentions(own_words(text)).take(LONGEST + 1).collect();
    if plain.len() > LONGEST || plain.contains(&'?') {
        return None;
    }
    let text: String = plain.into_iter().collect();
    if CONDITIONS.iter().any(|condition| text.contains(condition)) {
        return None;
    }
    let (rest, times) = without_times(text.trim());
    if let Some(phrase) = own_move(class) {
        return Some(Holding { phrase, due: only(&times) });
    }
    if times.is_empty() && !CORE.iter().any(|core| rest.contains(core)) {
        return None;
    }
    if let Some(phrase) = own_move(&classify(&rest, rules).0) {
        return Some(Holding { phrase, due: only(&times) });
    }
    let mut found = Found::default();
    for part in rest.split(is_separator).filter(|part| !part.is_empty()) {
        if let Some(of_part) = words(part) {
            found.take(&of_part);
            continue;
        }
        match classify(part, rules).0 {
            Class::Closing { manner: Manner::Courtesy, .. } | Class::LoneSticker { .. } => {}
            Class::Closing { phrase, .. } => found.own_move = found.own_move.or(Some(phrase)),
            _ => return None,
        }
    }
    let promised = found.give.filter(|_| !times.is_empty());
    let phrase = found.core.or(promised).map(str::to_owned).or(found.own_move)?;
    Some(Holding { phrase, due: only(&times) })
}

/// The word of somebody who sees to it first.
fn own_move(class: &Class) -> Option<String> {
    match class {
        Class::Closing { phrase, manner: Manner::OwnMove | Manner::Thinking } => Some(phrase.clone()),
        _ => None,
    }
}

/// The time that was said, if it is one.
fn only(times: &[Option<Due>]) -> Option<Due> {
    if let [time] = times { *time } else { None }
}

/// Words of a line that matter.
#[derive(Debug, Default)]
struct Found {
    core: Option<&'static str>,
    give: Option<&'static str>,
    own_move: Option<String>,
}

impl Found {
    fn take(&mut self, other: &Self) {
        self.core = self.core.or(other.core);
        self.give = self.give.or(other.give);
    }
}

/// Reads a part as words of the lists and nothing else.
fn words(part: &str) -> Option<Found> {
    let mut found = Found::default();
    let mut rest = part;
    while !rest.is_empty() {
        let begins = |words: &[&'static str]| words.iter().find(|word| rest.starts_with(**word)).copied();
        let word = if let Some(core) = begins(&CORE) {
            found.core = found.core.or(Some(core));
            core
        } else if let Some(give) = begins(&GIVE) {
            found.give = found.give.or(Some(give));
            give
        } else {
            begins(&BESIDE)?
        };
        rest = &rest[word.len()..];
    }
    Some(found)
}

/// A text without the times that it names, and these: `None` for one that is not plain.
fn without_times(text: &str) -> (String, Vec<Option<Due>>) {
    let (mut rest, mut kept, mut times) = (text, String::new(), Vec::new());
    while let Some(c) = rest.chars().next() {
        let compared = kept.ends_with(NOT_BEFORE_CLOCK) && rest.starts_with("一点");
        let time = duration(rest).or_else(|| day_or_clock(rest)).filter(|_| !compared);
        if let Some((time, length)) = time {
            times.push(time);
            rest = &rest[length..];
        } else {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    (kept, times)
}

/// 10分钟, 半小时, 一个半小时, 2小时.
fn duration(text: &str) -> Option<(Option<Due>, usize)> {
    if let Some(rest) = text.strip_prefix('半') {
        let unit = strip_any(rest, &["个小时", "小时", "个钟头", "个钟"])?;
        return Some((Some(Due::In { minutes: 30 }), text.len() - unit.len()));
    }
    let (number, rest) = number(text)?;
    let (half, behind) = match rest.strip_prefix("个半") {
        Some(rest) => (30, strip_any(rest, &["小时", "钟头", "钟"])?),
        None => match strip_any(rest, &["分钟", "min"]) {
            Some(behind) => return Some((within(number), text.len() - behind.len())),
            None => (0, strip_any(rest, &["个小时", "小时", "个钟头", "个钟"])?),
        },
    };
    Some((within(number.checked_mul(60)?.checked_add(half)?), text.len() - behind.len()))
}

fn within(minutes: u32) -> Option<Due> {
    (1..=MOST_MINUTES).contains(&minutes).then_some(Due::In { minutes })
}

/// 明天, 下午3点, 明早, 15:30.
fn day_or_clock(text: &str) -> Option<(Option<Due>, usize)> {
    let (days, evening, rest) = day(text);
    let (period, rest) = period(rest);
    let (clock, rest) = clock(rest);
    let length = text.len() - rest.len();
    if length == 0 {
        return None;
    }
    let period = period.or(evening);
    let minute = match (clock, period) {
        (Some(minute), Some(period)) => period.applied(minute),
        // Three o'clock may be either.
        (Some(minute), None) => (minute >= 8 * 60).then_some(minute),
        (None, Some(period)) => Some(period.ends),
        (None, None) => Some(EVENING),
    };
    Some((minute.map(|minute| Due::At { days, minute }), length))
}

/// A day, and the part of it that its word names.
fn day(text: &str) -> (u8, Option<Period>, &str) {
    const DAYS: [(&str, u8, Option<Period>); 9] = [
        ("明早", 1, Some(Period::MORNING)),
        ("明晚", 1, Some(Period::NIGHT)),
        ("今晚", 0, Some(Period::NIGHT)),
        ("今天", 0, None),
        ("今日", 0, None),
        ("明天", 1, None),
        ("明日", 1, None),
        ("明儿", 1, None),
        ("后天", 2, None),
    ];
    for (word, days, period) in DAYS {
        if let Some(rest) = text.strip_prefix(word) {
            return (days, period, rest);
        }
    }
    (0, None, text)
}

/// A part of the day.
#[derive(Debug, Clone, Copy)]
struct Period {
    /// Hours below twelve are those after noon.
    after_noon: bool,
    /// When it is over, in minutes since midnight.
    ends: u16,
}

impl Period {
    const MORNING: Self = Self { after_noon: false, ends: 12 * 60 };
    const NOON: Self = Self { after_noon: false, ends: 13 * 60 + 30 };
    const AFTERNOON: Self = Self { after_noon: true, ends: EVENING };
    const NIGHT: Self = Self { after_noon: true, ends: 21 * 60 };

    /// A time of the clock in it; `None`: there is no such one.
    fn applied(self, minute: u16) -> Option<u16> {
        const NOON: u16 = 12 * 60;
        let of_noon = self.ends == Self::NOON.ends;
        match (self.after_noon, minute < NOON) {
            (true, true) => Some(minute + NOON),
            // Twelve at night is the end of the day.
            (true, false) if self.ends == Self::NIGHT.ends && minute < NOON + 60 => Some(LAST_MINUTE),
            (true, false) => Some(minute),
            // One o'clock at noon.
            (false, true) if of_noon && minute < 3 * 60 => Some(minute + NOON),
            (false, _) => (minute <= self.ends).then_some(minute),
        }
    }
}

fn period(text: &str) -> (Option<Period>, &str) {
    const PERIODS: [(&str, Period); 7] = [
        ("上午", Period::MORNING),
        ("早上", Period::MORNING),
        ("中午", Period::NOON),
        ("下午", Period::AFTERNOON),
        ("傍晚", Period::AFTERNOON),
        ("晚上", Period::NIGHT),
        ("下班", Period::AFTERNOON),
    ];
    let found = PERIODS.iter().find_map(|(word, period)| Some((*period, text.strip_prefix(word)?)));
    found.map_or((None, text), |(period, rest)| (Some(period), rest))
}

/// 3点, 三点半, 3点20分, 15:30, in minutes since midnight.
fn clock(text: &str) -> (Option<u16>, &str) {
    read_clock(text).map_or((None, text), |(minute, rest)| (Some(minute), rest))
}

fn read_clock(text: &str) -> Option<(u16, &str)> {
    let (hour, rest) = number(text).filter(|(hour, _)| *hour < 24)?;
    if let Some(rest) = rest.strip_prefix(':') {
        let (minute, behind) = number(rest).filter(|(minute, _)| *minute < 60)?;
        return Some((u16::try_from(hour * 60 + minute).ok()?, behind));
    }
    let rest = rest.strip_prefix('点')?;
    let rest = rest.strip_prefix('钟').unwrap_or(rest);
    if let Some(behind) = rest.strip_prefix('半') {
        return Some((u16::try_from(hour * 60 + 30).ok()?, behind));
    }
    let minutes = number(rest).filter(|(minute, _)| *minute < 60);
    let (minute, behind) =
        minutes.map_or((0, rest), |(minute, rest)| (minute, rest.strip_prefix('分').unwrap_or(rest)));
    Some((u16::try_from(hour * 60 + minute).ok()?, behind))
}

/// A number in digits or in Chinese, up to 99 in the latter, and what is behind it.
fn number(text: &str) -> Option<(u32, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if digits > 0 {
        return Some((text[..digits].parse().ok()?, &text[digits..]));
    }
    let (tens, rest) = digit(text).map_or((None, text), |(digit, rest)| (Some(digit), rest));
    let Some(rest) = rest.strip_prefix('十') else { return Some((tens?, rest)) };
    let (ones, rest) = digit(rest).unwrap_or((0, rest));
    Some((tens.unwrap_or(1) * 10 + ones, rest))
}

fn digit(text: &str) -> Option<(u32, &str)> {
    const DIGITS: [(char, u32); 10] = [
        ('一', 1),
        ('二', 2),
        ('两', 2),
        ('三', 3),
        ('四', 4),
        ('五', 5),
        ('六', 6),
        ('七', 7),
        ('八', 8),
        ('九', 9),
    ];
    DIGITS.iter().find_map(|(digit, value)| Some((*value, text.strip_prefix(*digit)?)))
}

fn strip_any<'t>(text: &'t str, words: &[&str]) -> Option<&'t str> {
    words.iter().find_map(|word| text.strip_prefix(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rules;

    fn read(text: &str) -> Option<Holding> {
        holding(text, &classify(text, &rules()).0, &rules())
    }

    #[test]
    fn what_promises_an_answer_is_none() {
        for text in [
            "稍等",
            "请稍等",
            "稍等哈",
            "好的，稍等",
            "您好，请稍等一下",
            "我查一下",
            "我看下",
            "收到，我看一下",
            "马上",
            "马上给您",
            "我问下同事",
            "我问一下技术再回复您",
            "明天给您",
            "下午发您",
            "10分钟后给您",
            "半小时后发您",
            "下午3点前给您报价",
            "我确认一下",
            "我核实一下尽快回复您",
            "好的，我们看一下",
            "晚点给您答复",
            "正在处理",
            "我们在查，稍等",
            "稍后回复您",
            "@客户林\u{2005}稍等",
            "嗯嗯 马上发您",
            "我去问问",
            "等我一下",
            "请您稍等",
            "好的，请您稍等",
            "麻烦您稍等一下",
            "请稍等片刻",
            "晚一点给您报价",
        ] {
            assert!(read(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_answers_is_no_holding_reply() {
        for text in [
            "好的",
            "在的",
            "您好",
            "已发您邮箱",
            "发您了",
            "报价是三千元",
            "明天可以发货",
            "您看一下",
            "稍等，价格是 300",
            "查到了，单号 SF123",
            "可以的",
            "没问题",
            "您要几台？",
            "稍等可以吗？",
            "给您",
            "资料发您",
            "支持的",
            "3点",
            "明天",
            "处理好了，有问题再联系",
            "好的，有需要再联系",
            "可以的，有问题再联系您",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_plain_time_is_read() {
        let within = |minutes| Some(Due::In { minutes });
        let at = |days, minute| Some(Due::At { days, minute });
        for (text, due) in [
            ("稍等", None),
            ("10分钟后给您", within(10)),
            ("十分钟回复您", within(10)),
            ("二十五分钟内回复您", within(25)),
            ("半小时后发您", within(30)),
            ("半个小时给您", within(30)),
            ("一个半小时后给您", within(90)),
            ("两小时内给您", within(120)),
            ("１小时后发您", within(60)),
            ("下午3点给您", at(0, 15 * 60)),
            ("下午三点半给您", at(0, 15 * 60 + 30)),
            ("下午发您", at(0, 18 * 60)),
            ("明天给您", at(1, 18 * 60)),
            ("明天上午10点回复您", at(1, 10 * 60)),
            ("明早给您", at(1, 12 * 60)),
            ("今晚8点前发您", at(0, 20 * 60)),
            ("15:30给您", at(0, 15 * 60 + 30)),
            ("后天发您", at(2, 18 * 60)),
            ("3点给您", None),
            ("10分钟，最晚20分钟给您", None),
            ("300小时后给您", None),
            ("明天中午1点给您", at(1, 13 * 60)),
            ("明天中午12点给您", at(1, 12 * 60)),
            ("今晚12点前给您", at(0, 24 * 60 - 1)),
        ] {
            assert_eq!(read(text).map(|holding| holding.due), Some(due), "{text}");
        }
    }

    #[test]
    fn a_time_is_a_moment_after_it_was_said() {
        let zone = chrono_tz::Asia::Shanghai;
        let said: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let moment = |due: Due| due.moment(said, zone).map(|at| at.to_rfc3339());
        assert_eq!(moment(Due::In { minutes: 90 }).as_deref(), Some("2026-11-23T09:30:00+00:00"));
        assert_eq!(
            moment(Due::At { days: 0, minute: 18 * 60 }).as_deref(),
            Some("2026-11-23T10:00:00+00:00")
        );
        assert_eq!(moment(Due::At { days: 1, minute: 9 * 60 }).as_deref(), Some("2026-11-24T01:00:00+00:00"));
        assert_eq!(moment(Due::At { days: 0, minute: 15 * 60 }), None, "it is four in the afternoon");
    }
}
