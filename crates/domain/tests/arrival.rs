//! Any order of arrival, any duplication and any cut into batches gives the same live waits, and they are those that
//! the definitions give when they are looked up the slow way.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::ledger::Ledger;
use common::{
    about, cancel, captured_by, command, confirm, history, left, marked, message, person, recall, rules,
    sender, undo,
};
use domain::fold::{Checkpoint, FoldState, fold};
use domain::id::{PersonKey, StaffName, WaitId};
use domain::oracle::Oracle;
use domain::rules::{AnsweredBy, Stage};
use domain::timeline::{About, Body, Entry, Quote, RoomFacts, Timeline};
use domain::wait::{Ending, Supersession, Wait, WaitKind};
use proptest::prelude::*;
use proptest::sample::Index;

const PEOPLE: [&str; 8] =
    ["客户林", "客户陈", "冒名王小售", "王小售", "李小后", "赵小助", "同事小周", "机器人"];
/// Accounts of ours; the first captures most.
const ACCOUNTS: [&str; 4] = ["main", "main", "main", "second"];
const TEXTS: [&str; 20] = [
    "在吗",
    "好的",
    "这样可以吗？",
    "[表情]",
    "[图片]",
    "[系统]",
    " ",
    "[拍了拍]",
    "[自动回复]您好",
    "[自动回复]您好，在吗？",
    "@所有人\u{2005}周六停机",
    "@所有人\u{2005}周六方便吗？",
    "稍等，我问下财务",
    "通知：收到请扣1",
    "1",
    "没有",
    "今天还是明天？",
    "👌",
    "稍等，我查一下",
    "10分钟后给您",
];

/// Whom a message speaks to.
#[derive(Debug, Clone)]
enum To {
    Nobody,
    Mentioned(Vec<usize>),
    /// By display name.
    Quoted(usize),
    /// By the message.
    Answered(Index),
}

/// One fact about a room, as the generator draws it.
#[derive(Debug, Clone)]
enum Act {
    Say {
        who: usize,
        what: usize,
        history: bool,
        account: usize,
        to: To,
    },
    Recall {
        of: Index,
        delay: i64,
    },
    Cancel {
        seen_up_to: Index,
        delay: i64,
        answered: bool,
        /// The customer whose turn alone it is about, or the promise.
        about: Option<(usize, bool)>,
    },
    Undo {
        of: Index,
    },
    Assign {
        after_sales: bool,
    },
    Mark {
        not_timed: bool,
    },
    Facts {
        inviter: bool,
        owner: bool,
        members: bool,
        account: usize,
    },
    Left {
        account: usize,
    },
    /// The same message again, with another text and another place in the stream.
    Again {
        of: Index,
        earlier: bool,
        what: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let account = || 0..ACCOUNTS.len();
    let to = prop_oneof![
        8 => Just(To::Nobody),
        3 => prop::collection::vec(0..PEOPLE.len() + 1, 1..3).prop_map(To::Mentioned),
        1 => (0..PEOPLE.len()).prop_map(To::Quoted),
        1 => any::<Index>().prop_map(To::Answered),
    ];
    let say = (0..PEOPLE.len(), 0..TEXTS.len(), prop::bool::weighted(0.1), account(), to)
        .prop_map(|(who, what, history, account, to)| Act::Say { who, what, history, account, to });
    prop_oneof![
        12 => say,
        3 => (any::<Index>(), -2_i64..6).prop_map(|(of, delay)| Act::Recall { of, delay }),
        2 => (any::<Index>(), -2_i64..6, any::<bool>(), prop::option::of((0..3_usize, any::<bool>())))
            .prop_map(|(seen_up_to, delay, answered, about)| Act::Cancel { seen_up_to, delay, answered, about }),
        1 => any::<Index>().prop_map(|of| Act::Undo { of }),
        1 => any::<bool>().prop_map(|after_sales| Act::Assign { after_sales }),
        1 => any::<bool>().prop_map(|not_timed| Act::Mark { not_timed }),
        1 => (any::<[bool; 3]>(), account())
            .prop_map(|([inviter, owner, members], account)| Act::Facts { inviter, owner, members, account }),
        2 => account().prop_map(|account| Act::Left { account }),
        1 => (any::<Index>(), any::<bool>(), 0..TEXTS.len())
            .prop_map(|(of, earlier, what)| Act::Again { of, earlier, what }),
    ]
}

/// What a message quotes, of those that were said before.
fn quote(to: &To, said: &[(String, i64, i64)]) -> Quote {
    match to {
        To::Quoted(to) => Quote { who: sender(PEOPLE[*to]).name, ..Quote::default() },
        To::Answered(of) if !said.is_empty() => {
            Quote { id: Some(of.get(said).0.clone()), ..Quote::default() }
        }
        To::Nobody | To::Mentioned(_) | To::Answered(_) => Quote::default(),
    }
}

/// Somebody whom a message mentions: of the last one nobody knows anything.
fn mentioned(to: usize) -> PersonKey {
    person(PEOPLE.get(to).unwrap_or(&"路人"))
}

/// A cancel of a customer's turn alone, or of what was said last where its author looked: if that was no promise it ends
/// nothing.
fn about_one(what: Option<(usize, bool)>, seen_up_to: &Entry, cancel: Entry) -> Entry {
    match what {
        None => cancel,
        Some((_, true)) => about(About::Promise(WaitId(seen_up_to.id().0.clone())), cancel),
        Some((customer, false)) => about(About::Turn(person(PEOPLE[customer])), cancel),
    }
}

fn assigned(after_sales: bool) -> Body {
    let (owner, stage) =
        if after_sales { ("李小后", Stage::AfterSales) } else { ("王小售", Stage::PreSales) };
    Body::Assigned { owner: Some(StaffName(owner.into())), stage }
}

/// Turns drawn facts into entries. Sequences leave room for copies, and do not follow the sent times.
fn entries(acts: &[(Act, i64)]) -> Vec<Entry> {
    let mut made: Vec<Entry> = Vec::new();
    let mut said: Vec<(String, i64, i64)> = Vec::new();
    let mut cancels: Vec<String> = Vec::new();
    let mut now = 0;
    for (n, (act, step)) in acts.iter().enumerate() {
        now += step;
        let order = i64::try_from(n).unwrap();
        let seq = 1_000 + (order * 37 % 101) * 10;
        let id = format!("n{n}");
        let entry = match act {
            Act::Say { who, what, history, account, to } => {
                let quote = quote(to, &said);
                if ACCOUNTS[*account] == ACCOUNTS[0] {
                    said.push((id.clone(), now, seq));
                }
                let mut entry = message(&id, now, seq, PEOPLE[*who], TEXTS[*what]);
                if let Body::Message(message) = &mut entry.body {
                    message.history = *history;
                    if let To::Mentioned(people) = to {
                        message.mentions = people.iter().copied().map(mentioned).collect();
                    }
                    message.quote = (quote != Quote::default()).then(|| Box::new(quote));
                }
                captured_by(ACCOUNTS[*account], entry)
            }
            Act::Recall { of, delay } if !said.is_empty() => {
                let (target, sent, _) = of.get(&said);
                recall(&id, sent + delay, seq, target)
            }
            Act::Cancel { seen_up_to, delay, answered, about: what } if !made.is_empty() => {
                let seen_up_to = seen_up_to.get(&made);
                if seen_up_to.position.after.is_some() {
                    continue;
                }
                cancels.push(id.clone());
                let ending = if *answered { confirm } else { cancel };
                let ended = ending(&id, now + delay, &seen_up_to.position);
                about_one(*what, seen_up_to, ended)
            }
            Act::Undo { of } if !cancels.is_empty() => undo(&id, now, seq, of.get::<String>(&cancels)),
            Act::Assign { after_sales } => command(&id, now, seq, assigned(*after_sales)),
            Act::Mark { not_timed } => command(&id, now, seq, marked(&id, *not_timed)),
            Act::Facts { inviter, owner, members, account } => {
                let facts = RoomFacts {
                    account: Some(ACCOUNTS[*account].into()),
                    inviter: inviter.then(|| person("客户林")),
                    owner: owner.then(|| person("赵小助")),
                    members: if *members { vec![person("客户陈"), person("李小后")] } else { vec![] },
                };
                command(&id, now, seq, Body::Facts(facts))
            }
            Act::Left { account } => left(&id, now, seq, ACCOUNTS[*account]),
            Act::Again { of, earlier, what } if !said.is_empty() => {
                let (id, sent, seq) = of.get(&said);
                let shift = if *earlier { -1 } else { 1 };
                message(id, sent + 1, seq + shift * (1 + order % 9), "客户陈", TEXTS[*what])
            }
            Act::Recall { .. } | Act::Cancel { .. } | Act::Undo { .. } | Act::Again { .. } => continue,
        };
        // Two copies with one sequence do not exist.
        if !made.iter().any(|other| other.id() == entry.id() && other.position.seq == entry.position.seq) {
            made.push(entry);
        }
    }
    made
}

#[derive(Debug, Clone)]
struct Story {
    entries: Vec<Entry>,
    /// The same entries, some of them twice, in the order in which they arrive.
    arrival: Vec<Entry>,
    batches: Vec<usize>,
    answered_by: AnsweredBy,
}

fn story() -> impl Strategy<Value = Story> {
    let acts = prop::collection::vec((act(), 0_i64..4), 1..28);
    let policy =
        prop_oneof![Just(AnsweredBy::AnyStaff), Just(AnsweredBy::StageTeam), Just(AnsweredBy::Owner)];
    (acts, policy, prop::collection::vec(any::<Index>(), 0..4), prop::collection::vec(1_usize..6, 1..12))
        .prop_flat_map(|(acts, answered_by, again, batches)| {
            let entries = entries(&acts);
            let mut arrival = entries.clone();
            if !entries.is_empty() {
                arrival.extend(again.iter().map(|index| index.get(&entries).clone()));
            }
            (Just(entries), Just(arrival).prop_shuffle(), Just(batches), Just(answered_by))
        })
        .prop_map(|(entries, arrival, batches, answered_by)| Story { entries, arrival, batches, answered_by })
}

impl Story {
    fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::new(history(self.answered_by));
        let mut rest = self.arrival.as_slice();
        for size in self.batches.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, left) = rest.split_at((*size).min(rest.len()));
            ledger.arrive(batch.iter().cloned());
            rest = left;
        }
        ledger
    }

    fn timeline(&self) -> Timeline {
        let mut timeline = Timeline::default();
        for entry in &self.entries {
            timeline.insert(entry.clone());
        }
        timeline
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_copies_and_batches_of_arrival_make_no_difference(story in story()) {
        let ledger = story.ledger();
        let timeline = story.timeline();
        let whole = fold(FoldState::default(), timeline.entries(), &history(story.answered_by));
        prop_assert_eq!(ledger.timeline.entries(), timeline.entries());
        prop_assert_eq!(&ledger.waits(), &whole.waits);
        prop_assert_eq!(&ledger.state, &whole.state);
    }

    #[test]
    fn the_fold_gives_what_the_definitions_give(story in story()) {
        let rules = rules(story.answered_by);
        let expected = Oracle::new(&story.arrival, &rules).waits();
        let folded = fold(FoldState::default(), story.timeline().entries(), &history(story.answered_by));
        let waits: Vec<Wait> = folded.waits.into_iter().map(|folded| folded.wait).collect();
        prop_assert_eq!(waits, expected);
    }

    /// Either one soft wait is open or requests, one of each customer; and what one customer waits for does not overlap.
    #[test]
    fn waits_of_one_customer_do_not_overlap(story in story()) {
        let ledger = story.ledger();
        let waits = ledger.waits();
        let open: Vec<&Wait> =
            waits.iter().map(|folded| &folded.wait).filter(|wait| wait.outcome.is_none()).collect();
        let turns = || open.iter().filter(|wait| wait.kind.is_turn());
        prop_assert!(turns().count() <= 1 || turns().all(|wait| wait.kind == WaitKind::Request));
        prop_assert_eq!(open, ledger.state.open.iter().collect::<Vec<_>>());
        for (turn, customer) in [true, false].into_iter().flat_map(|turn| PEOPLE.map(|who| (turn, person(who)))) {
            let standing = |folded: &&domain::fold::FoldedWait| {
                let withdrawn = |how: &Ending| *how == Ending::Withdrawn;
                folded.wait.kind.is_turn() == turn
                    && folded.wait.customer == customer
                    && !folded.wait.outcome.as_ref().is_some_and(|outcome| withdrawn(&outcome.how))
            };
            let standing: Vec<_> = waits.iter().filter(standing).collect();
            for pair in standing.windows(2) {
                prop_assert!(pair[0].closed.as_ref().is_some_and(|closed| *closed <= pair[1].wait.opened));
            }
        }
    }

    /// A fold may start again before each wait that begins while nobody waits, and from nowhere else.
    #[test]
    fn checkpoints_are_wholly_quiet(story in story()) {
        let ledger = story.ledger();
        let waits = ledger.waits();
        for folded in &waits {
            let opened = &folded.wait.opened;
            match &folded.checkpoint {
                Checkpoint::At(before) => {
                    prop_assert!(before.open.is_empty());
                    prop_assert!(before.folded_to.as_ref() < Some(opened));
                }
                Checkpoint::None => {
                    let lasts = |other: &domain::fold::FoldedWait| {
                        other.wait.opened < *opened && other.closed.as_ref().is_none_or(|closed| opened <= closed)
                    };
                    prop_assert!(waits.iter().any(lasts));
                }
                Checkpoint::AsStored => prop_assert!(false, "it is with the wait"),
            }
        }
    }

    /// A wait that was live and is not any more leads, along its heirs, to one that is, or was given up as void.
    #[test]
    fn every_wait_that_is_gone_has_a_fate(story in story()) {
        let ledger = story.ledger();
        for start in ledger.gone.keys() {
            let mut id = start;
            let mut steps = 0;
            while let Some(Supersession::ReplacedBy(heir)) = ledger.gone.get(id) {
                id = heir;
                steps += 1;
                prop_assert!(steps <= ledger.gone.len(), "a circle from {}", start);
            }
            prop_assert!(ledger.live.contains_key(id) || ledger.gone.get(id) == Some(&Supersession::Void));
        }
    }
}

/// Messages that arrive in order are folded onto the last state, never again.
#[test]
fn messages_in_order_never_fold_anything_again() {
    let mut ledger = Ledger::new(history(AnsweredBy::AnyStaff));
    for n in 0..60_i64 {
        let who = PEOPLE[usize::try_from(n * 5 % 8).unwrap()];
        ledger.arrive([message(&format!("n{n}"), n, n, who, TEXTS[usize::try_from(n % 3).unwrap()])]);
    }
    assert_eq!(ledger.continued, 60);
    let whole = fold(FoldState::default(), ledger.timeline.entries(), &history(AnsweredBy::AnyStaff));
    assert_eq!(ledger.waits(), whole.waits);
    assert!(whole.waits.len() > 5);
}
