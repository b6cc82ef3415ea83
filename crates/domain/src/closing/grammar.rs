//! How words may follow one another in a line that asks for nothing.
//!
//! A rule takes the places where it may begin and gives the places where it may end, all of them at once, as a set of
//! bits. Rules are joined like those of a regular expression, so that judging takes the same short time whatever a line
//! holds, and never fails.

use super::kinds::Kind;
use super::lexicon::Found;

/// Places of a line, as bits; a line has at most 60 characters.
pub type Places = u64;

/// What may be read besides plain courtesies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Nothing.
    Courtesy,
    /// What the customer does themselves; no word that answers a question.
    OwnMove,
    /// What the customer does themselves or has not decided.
    Thinking,
    /// That nothing further is wanted.
    NothingFurther,
    /// A sign that was called for.
    Sign,
}

impl Scope {
    /// Whether the customer's own moves are read.
    pub const fn own_moves(self) -> bool {
        matches!(self, Self::OwnMove | Self::Thinking)
    }
}

/// A line whose words have been found.
pub struct Grammar<'f> {
    pub found: &'f Found,
    pub scope: Scope,
    /// Places where a blank stands.
    pub blanks: Places,
    /// Places where a comma stands.
    pub commas: Places,
    /// Places behind punctuation, stickers and the line's beginning.
    pub clean: Places,
    /// Places before punctuation, stickers and the line's end, and those where thanks begin.
    pub closed: Places,
    /// Places directly behind somebody who is addressed.
    pub addressed: Places,
    /// Places behind 去 and 来: 我明天去找您 is a visit. 再来找您 is none.
    pub going: Places,
    /// Ends of runs of one character, by the place of its second.
    pub repeated: Places,
}

/// Binds what is told to the one who is told.
const TO: &[Kind] = &[Kind::Give, Kind::Jointly];

impl Grammar<'_> {
    /// Behind a word of this kind.
    fn then(&self, from: Places, kind: Kind) -> Places {
        let (mut rest, mut ends) = (from, 0);
        while rest != 0 {
            ends |= self.found.ends(rest.trailing_zeros() as usize, kind);
            rest &= rest - 1;
        }
        ends
    }

    /// Behind a word of one of these kinds.
    fn one_of(&self, from: Places, kinds: &[Kind]) -> Places {
        if from == 0 {
            return 0;
        }
        kinds.iter().fold(0, |ends, kind| ends | self.then(from, *kind))
    }

    /// Behind any number of words of these kinds, none too.
    fn any(&self, from: Places, kinds: &[Kind]) -> Places {
        let mut all = from;
        loop {
            let more = all | self.one_of(all, kinds);
            if more == all {
                return all;
            }
            all = more;
        }
    }

    /// Behind one or more words of these kinds.
    fn some(&self, from: Places, kinds: &[Kind]) -> Places {
        self.any(self.one_of(from, kinds), kinds)
    }

    /// Behind a word of this kind, if one stands there.
    fn maybe(&self, from: Places, kind: Kind) -> Places {
        from | self.then(from, kind)
    }

    /// Behind a blank, if one stands there.
    const fn gap(&self, from: Places) -> Places {
        from | ((from & self.blanks) << 1)
    }

    /// Behind a blank or a comma, if one stands there.
    const fn gap_or_comma(&self, from: Places) -> Places {
        from | ((from & (self.blanks | self.commas)) << 1)
    }

    fn tails(&self, from: Places) -> Places {
        self.any(from, &[Kind::Tail])
    }

    /// Somebody who is addressed: 王经理, 小李, 各位老师, Amy.
    pub fn address(&self, from: Places) -> Places {
        let surname = self.then(from, Kind::Surname);
        let named = self.then(surname, Kind::Rank) | self.then(self.then(from, Kind::Nick), Kind::Surname);
        named
            | self.one_of(from, &[Kind::Title, Kind::Given])
            | self.one_of(named, &[Kind::Title, Kind::Rank])
    }

    /// Behind any number of people: 您, 王经理和各位老师.
    fn people(&self, from: Places) -> Places {
        let mut all = from;
        loop {
            let from = self.gap(all);
            let from = from | self.then(from, Kind::And);
            let more = all | self.address(from) | self.one_of(from, &[Kind::Pron, Kind::Company]);
            if more == all {
                return all;
            }
            all = more;
        }
    }

    /// 好的, 收到, 可以, OK: it was heard.
    pub fn heard(&self, from: Places) -> Places {
        let mut words = self.one_of(from, &[Kind::Hear, Kind::Short]) | self.got(from) | self.did(from);
        // 领导同意了 tells of somebody; 领导，同意 tells somebody.
        let from = from & !self.addressed;
        if self.scope != Scope::OwnMove {
            words |= self.one_of(from, &[Kind::Agree, Kind::Nod]);
        }
        if self.scope == Scope::NothingFurther {
            words |= self.then(from, Kind::Nothing);
        }
        if self.scope == Scope::Sign {
            words |= self.then(from, Kind::Sign);
        }
        let words = self.tails(words);
        self.tails(words | self.then(words, Kind::Suffices))
    }

    /// 资料收到了, 我们都明白了, 收到您的邮件了.
    fn got(&self, from: Places) -> Places {
        let what = from | self.then(from, Kind::Object);
        let ready = self.any(self.any(what, &[Kind::Subject]), &[Kind::Already, Kind::Also]);
        let understood = self.tails(self.then(ready, Kind::Understood));
        let got = self.tails(self.then(ready, Kind::Got));
        understood | got | self.tails(self.then(got, Kind::Object))
    }

    /// 已转达, 我下载了, 都转给财务了. 都转给财务 is an order.
    fn did(&self, from: Places) -> Places {
        let who = self.any(from, &[Kind::Subject, Kind::Also]);
        let ready = self.any(self.then(who, Kind::Already), &[Kind::Already, Kind::Also]);
        let plain = self.then(ready, Kind::Done);
        let closed = self.then(self.then(who, Kind::Done), Kind::Closed);
        let passed = self.own_people(self.then(who | ready, Kind::Pass));
        plain | closed | self.then(passed, Kind::Closed) | self.own_people(self.then(ready, Kind::Pass))
    }

    /// 对, 成, 中, 妥: parts of so many other words that they count only where they stand alone.
    pub fn alone(&self, from: Places) -> Places {
        let mut word = self.then(from & self.clean & !self.addressed, Kind::Bare);
        loop {
            let more = word | (self.then(word, Kind::Bare) & self.repeated);
            if more == word {
                break;
            }
            word = more;
        }
        self.any(word, &[Kind::Soft]) & self.closed
    }

    /// 谢谢, 非常感谢王总, 感谢您一直以来的支持, thanks for your help.
    pub fn thanks(&self, from: Places) -> Places {
        let word = self.tails(self.then(self.any(from, &[Kind::Very]), Kind::Thanks));
        let whom = self.people(word);
        let how = self.any(whom, &[Kind::How]);
        let bound = self.any(self.some(how, &[Kind::Of]), &[Kind::How, Kind::Of]);
        let mut what = self.then(how | bound, Kind::Deed) | self.then(bound, Kind::Favour);
        loop {
            let next = self.then(what, Kind::And) | what;
            let more = what | self.one_of(next, &[Kind::Deed]);
            if more == what {
                break;
            }
            what = more;
        }
        let english = self.then(self.gap(word), Kind::English);
        let english = english | self.then(self.gap(english), Kind::English);
        self.tails(whom | what | english)
    }

    /// 辛苦王经理了, 大家辛苦, 太麻烦您了.
    pub fn toil(&self, from: Places) -> Places {
        let very = self.any(self.people(from), &[Kind::Very]);
        let toil = self.then(very, Kind::Toil);
        // 太麻烦了 complains; 太麻烦您了 does not.
        let plain = self.people(self.then(from, Kind::Trouble));
        let spoken_to = self.one_of(from, &[Kind::Pron]) | self.address(from);
        let moved = self.then(self.any(self.people(spoken_to), &[Kind::Very]), Kind::Trouble);
        let much = self.then(very, Kind::Trouble);
        let whom = self.people(self.one_of(much, &[Kind::Pron]) | self.address(much));
        let trouble = plain | moved | whom;
        let late = self.people(self.then(self.then(from, Kind::Odd), Kind::Trouble));
        let toil = toil | self.people(self.tails(toil));
        self.tails(toil | late | self.then(toil | trouble, Kind::Closed))
    }

    /// 厉害, 太专业了, 你们服务真不错.
    pub fn praise(&self, from: Places) -> Places {
        let kinds = [Kind::Matter, Kind::Of];
        let matter = self.some(self.people(from), &kinds);
        let about = self.people(from) | matter;
        let quality = self.then(self.some(about, &[Kind::Very]), Kind::Quality);
        let whoever = self.one_of(from, &[Kind::Subject, Kind::People]) | from;
        let quality = quality | self.then(self.some(whoever, &[Kind::Very]), Kind::Liked);
        let high = self.then(self.any(matter, &[Kind::Very]), Kind::High);
        self.tails(quality | high | self.then(about, Kind::Praise))
    }

    /// 没关系, 不急, 可以打开了, 哈哈, 再见.
    pub fn set_phrase(&self, from: Places) -> Places {
        let solved = self.then(self.any(from & !self.addressed, &[Kind::Ago]), Kind::Solved);
        self.tails(
            solved | self.nothing_more(from) | self.one_of(from, &[Kind::Relax, Kind::Laugh, Kind::Farewell]),
        )
    }

    /// 没有其他问题了, 暂时没别的事.
    fn nothing_more(&self, from: Places) -> Places {
        let none = self.then(from, Kind::None);
        self.then(none | self.some(none, &[Kind::Other]), Kind::Concern)
    }

    /// 周末愉快, 也祝您和家人新年快乐, 祝生意兴隆.
    pub fn wish(&self, from: Places) -> Places {
        let to = self.people(from);
        let wishing = self.any(
            self.some(to, &[Kind::Wishing]),
            &[Kind::Wishing, Kind::Pron, Kind::Company, Kind::And, Kind::Of],
        );
        let wishing = self.people(wishing);
        let occasion = self.some(to | wishing, &[Kind::Occasion]);
        let blessed = self.then(self.any(occasion, &[Kind::Very]) | wishing, Kind::Blessing);
        let wished = self.one_of(to | wishing | occasion, &[Kind::Wishes]);
        self.tails(blessed | self.then(blessed, Kind::Blessing) | wished)
    }

    /// People of the customer's own side.
    fn own_people(&self, from: Places) -> Places {
        let whose = self.any(from, &[Kind::Whose]);
        let one = self.then(whose, Kind::People);
        one | self.then(self.then(one, Kind::And), Kind::People)
    }

    /// 那, 也, 就: lead over to what follows.
    pub fn prefix(&self, from: Places) -> Places {
        self.then(from, Kind::Prefix)
    }

    /// 不好意思, 刚看到: says nothing either way.
    pub fn neutral(&self, from: Places) -> Places {
        self.tails(self.then(from, Kind::Neutral))
    }

    /// What the customer is going to do, is doing, or has to think about. `free`: where a subject may be missing,
    /// because what went before can not have made it an order.
    pub fn own_move(&self, from: Places, free: Places) -> Places {
        let waiting = self.then(from, Kind::Wait);
        let ends = waiting
            | self.doing(from)
            | self.later(free)
            | self.among_themselves(free)
            | self.busy(from)
            | self.pending(from)
            | self.in_english(from)
            | self.gets_back(from, free)
            | self.thinking(from, free);
        ends | self.any(ends, &[Kind::Calm])
    }

    /// 我, 等我们, 回头我: the customer, and when.
    fn subject(&self, from: Places) -> Places {
        let time = self.any(from, &[Kind::When, Kind::Later, Kind::Now]);
        self.some(time | self.then(time, Kind::Until), &[Kind::Subject])
    }

    /// 我先看看, 我跟领导汇报一下, 我让财务付款, 我明天填.
    fn doing(&self, from: Places) -> Places {
        const HOW: &[Kind] = &[Kind::Adverb, Kind::When, Kind::Later, Kind::Now];
        const TIME: &[Kind] = &[Kind::When, Kind::Later, Kind::Now];
        let who = self.subject(from);
        if who == 0 {
            return 0;
        }
        let base = self.any(who, HOW);
        let must = self.any(base | self.then(base, Kind::Need), HOW);
        let before = self.some(self.some(from, TIME), &[Kind::Subject]);
        let timed = self.any(before | self.some(self.any(who, &[Kind::Adverb]), TIME), HOW);
        let together = self.any(self.own_people(self.then(must, Kind::With)), HOW);
        let looked = self.looks(base | together, timed);
        let asked = self.bits(self.own_people(self.then(must, Kind::Ask)));
        // 我要确认时间 wants it done with us.
        let talked = self.then(base | together, Kind::Review) | self.then(must, Kind::Pledge);
        let talking = self.then(base | together, Kind::Talk);
        let unwanted = self.any(self.own_people(self.then(base, Kind::With)), HOW);
        let talking = talking | self.then(unwanted, Kind::Report);
        let talking = self.some(talking, &[Kind::Bit]) | self.then(together, Kind::Talk);
        let acting = self.then(base | together, Kind::Act);
        let looked = looked | self.then(self.bits(acting), Kind::Look);
        let acting = self.some(acting, &[Kind::Bit]) | self.then(timed | together, Kind::Act);
        let paying = self.one_of(timed | together, &[Kind::Pay, Kind::Remit]);
        let sent = self.then(self.maybe(self.then(base, Kind::Send), Kind::Give), Kind::Pron);
        let passed = self.own_people(self.then(base, Kind::Pass));
        let passed =
            passed | self.looks(passed, 0) | self.bits(passed) | self.bits(self.then(passed, Kind::Settle));
        let told = self.one_of(together & !self.going, &[Kind::Tell, Kind::Firm, Kind::Address]);
        let told = self.then(told, Kind::Pron);
        let to = self.then(self.one_of(together, TO), Kind::Pron);
        let told = told | self.bits(self.one_of(to, &[Kind::Tell, Kind::Firm]));
        self.with_doc(looked | talked | talking | acting) | asked | paying | sent | passed | told
    }

    fn bits(&self, from: Places) -> Places {
        self.any(from, &[Kind::Bit])
    }

    fn with_doc(&self, from: Places) -> Places {
        self.bits(from | self.then(from, Kind::Doc))
    }

    /// 看看, 看下合同; with a time 看 alone.
    fn looks(&self, base: Places, timed: Places) -> Places {
        let look = self.then(base | timed, Kind::Look);
        let see = self.then(base | timed, Kind::See);
        let seen = self.then(see, Kind::Doc) | self.some(see, &[Kind::Bit]) | self.then(timed, Kind::See);
        self.with_doc(look | seen)
    }

    /// 稍后看, 晚点付款, 马上付款, 晚些发您: without a subject, only what nobody would order. With a day, or with what is to
    /// be looked at, it would be one: 下午看下这个.
    fn later(&self, from: Places) -> Places {
        let how = &[Kind::When, Kind::Later, Kind::Adverb];
        let timed = self.any(self.some(from, &[Kind::When, Kind::Later]), how);
        let soon = self.any(self.some(from, &[Kind::Later]), how);
        let now = self.some(from, &[Kind::Now]);
        let sent = self.then(self.maybe(self.then(timed, Kind::Send), Kind::Give), Kind::Pron);
        let looked =
            self.then(timed | soon, Kind::See) | self.bits(self.one_of(soon, &[Kind::See, Kind::Look]));
        looked | self.then(timed | now, Kind::Pay) | self.then(soon, Kind::Remit) | sent
    }

    /// 内部讨论一下, 跟家里人商量下: nobody else could do that.
    fn among_themselves(&self, from: Places) -> Places {
        let inside = self.then(from, Kind::Inside);
        let with = self.then(self.then(from, Kind::Along), Kind::Family);
        let conferred = self.then(inside | with, Kind::Confer);
        self.bits(self.some(conferred, &[Kind::Bit]) | self.then(with, Kind::Confer))
    }

    /// 我在开会, 先忙了, 去吃饭了.
    fn busy(&self, from: Places) -> Places {
        let being = self.some(from, &[Kind::Subject, Kind::Being]);
        let there = self.then(being, Kind::Busy);
        self.any(there | self.some(self.then(from, Kind::Busy), &[Kind::During]), &[Kind::During])
    }

    /// 等领导定, 财务还在走流程, 合同在走审批了: it is with the customer's own side.
    fn pending(&self, from: Places) -> Places {
        let who = from | self.some(from, &[Kind::Subject]);
        let awaited = self.then(self.any(self.then(who, Kind::Until), &[Kind::Whose]), Kind::Chief);
        let ready = self.any(self.then(who, Kind::Chief), &[Kind::Already]);
        let at_it = self.some(ready, &[Kind::Pending]);
        let needed = self.some(ready, &[Kind::Needed]);
        let settling = self.some(awaited | at_it | needed, &[Kind::Settle, Kind::Review, Kind::Look]);
        let settling = settling | self.then(awaited | at_it, Kind::Awaited);
        let settling = self.bits(self.any(settling, &[Kind::Bit, Kind::Settle, Kind::Awaited]));
        let about = self.any(self.maybe(who, Kind::Doc), &[Kind::Already]);
        let process = self
            .then(self.some(about, &[Kind::Pending, Kind::Needed]) | at_it | needed | awaited, Kind::Process);
        self.any(settling | process, &[Kind::During])
    }

    /// I'll discuss it with my team and get back to you tomorrow.
    fn in_english(&self, from: Places) -> Places {
        let doing = self.then(self.gap(self.then(from, Kind::EnglishI)), Kind::EnglishDo);
        let needed = self.then(self.gap(self.then(from, Kind::EnglishNeed)), Kind::EnglishDo);
        let mut all = doing | self.one_of(self.gap(needed), &[Kind::EnglishWith]);
        for _ in 0..3 {
            all |= self.one_of(self.gap(all), &[Kind::EnglishWith, Kind::EnglishWhen]);
        }
        all
    }

    /// 我再想想, 考虑考虑, 看情况再说.
    fn thinking(&self, from: Places, free: Places) -> Places {
        if self.scope != Scope::Thinking {
            return 0;
        }
        let how = &[Kind::Adverb, Kind::When, Kind::Later, Kind::Need];
        let mine = self.then(self.any(self.subject(from), how), Kind::Think);
        let timed = self.any(self.some(free, &[Kind::When, Kind::Later]), how);
        self.bits(mine | self.one_of(free | timed, &[Kind::Mull]))
    }

    /// 晚点给您答复, 有问题再联系, 定了告诉你, 不行再找您. Without "me" as the one who is told, which would be an order.
    fn gets_back(&self, from: Places, free: Places) -> Places {
        const FILL: &[Kind] = &[Kind::Adverb, Kind::Now];
        let subject = self.any(self.subject(from), FILL);
        let named = &[Kind::Case, Kind::When, Kind::Later];
        let (mut mine, mut cased, mut both) = (subject, 0, self.subject_behind_time(from));
        let mut open = free;
        for _ in 0..4 {
            open = self.any(open, &[Kind::Adverb]);
            cased |= self.gap_or_comma(self.some(open | cased, named));
            cased = self.any(cased, FILL);
            mine = self.any(mine, FILL);
            both |= self.gap_or_comma(self.some(mine | both, named)) | self.some(cased, &[Kind::Subject]);
            both = self.any(both, FILL);
        }
        let unsure = self.any(self.then(free | mine | cased, Kind::Unsure), &[Kind::Adverb, Kind::Case]);
        let simply = self.any(self.then(cased | both, Kind::Tell), &[Kind::Calm]);
        let said = self.bits(self.one_of(both, &[Kind::Firm, Kind::Speak]));
        let news = self.some(free | mine | cased | both, &[Kind::News]);
        let news = self.any(self.gap_or_comma(news), &[Kind::Adverb, Kind::Now, Kind::Subject]);
        let every = mine | cased | both | unsure | news;
        let timed = cased | both | unsure | news;
        // 我跟您沟通一下 wants it now; 晚点跟您沟通 does not.
        let given = self.then(self.then(every, Kind::Give) | self.one_of(timed, TO), Kind::Pron);
        let spoken = self.then(self.then(self.one_of(timed, TO), Kind::Pron), Kind::Speak);
        let given = spoken | self.one_of(given, &[Kind::Firm, Kind::Tell]);
        let told = self.one_of(every & !self.going, &[Kind::Firm, Kind::Tell]);
        let told = told | self.then(timed & !self.going, Kind::Address);
        let told = self.then(self.maybe(told, Kind::Give), Kind::Pron);
        simply | said | self.bits(given | told)
    }

    fn subject_behind_time(&self, from: Places) -> Places {
        let time = self.some(from, &[Kind::When, Kind::Later]);
        self.some(time, &[Kind::Subject])
    }
}
