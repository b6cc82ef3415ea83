//! The kinds of words, as the sections of the lexicon name them.

/// Defines the kinds once: as an enum, and by the names of their sections.
macro_rules! kinds {
    ($($kind:ident $name:literal)*) => {
        /// A section of the lexicon; what each is for stands there.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($kind),* }

        impl Kind {
            /// Every kind, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The name of its section.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name),* }
            }
        }
    };
}

kinds! {
    Hear "hear" Agree "agree" Short "short" Nod "nod" Bare "bare"
    Tail "tail" Soft "soft" Suffices "suffices"
    Thanks "thanks" Very "very" How "how" Deed "deed" Favour "favour" Of "of" And "and" English "english"
    Toil "toil" Trouble "trouble" Closed "closed"
    Praise "praise" Quality "quality" Matter "matter" High "high" Liked "liked"
    Relax "relax" Solved "solved" Laugh "laugh" Farewell "farewell"
    Wishes "wishes" Wishing "wishing" Occasion "occasion" Blessing "blessing" Company "company"
    Pron "pron" Title "title" Rank "rank" Nick "nick" Surname "surname" Given "given"
    Neutral "neutral" Prefix "prefix"
    Object "object" Already "already" Also "also" Got "got" Understood "understood" Done "done"
    Subject "subject" Adverb "adverb" Need "need" When "when" Later "later" Now "now"
    With "with" Along "along" Inside "inside" Ask "ask" Pass "pass" People "people" Whose "whose"
    Bit "bit" Calm "calm" Look "look" See "see" Doc "doc" Think "think" Mull "mull" Talk "talk" Report "report" Review "review" Pledge "pledge" Family "family" Confer "confer"
    Act "act" Pay "pay" Remit "remit" Send "send" Give "give" Jointly "jointly"
    Tell "tell" Address "address" Firm "firm" Speak "speak" Case "case" News "news" Unsure "unsure"
    Wait "wait" Until "until" Busy "busy" Being "being" During "during"
    None "none" Other "other" Concern "concern" Ago "ago" Odd "odd"
    Chief "chief" Settle "settle" Awaited "awaited" Pending "pending" Needed "needed" Process "process"
    EnglishI "english_i" EnglishNeed "english_need" EnglishDo "english_do" EnglishWith "english_with" EnglishWhen "english_when"
    Nothing "nothing" Sign "sign"
    Sticker "sticker" Emoji "emoji"
}

/// How many kinds there are.
pub const KINDS: usize = Kind::ALL.len();

/// Words that say something by themselves, so that one of them can be shown as the reason of a verdict.
pub const TELLING: &[Kind] = &[
    Kind::Hear,
    Kind::Agree,
    Kind::Short,
    Kind::Nod,
    Kind::Bare,
    Kind::Thanks,
    Kind::Toil,
    Kind::Trouble,
    Kind::Praise,
    Kind::Quality,
    Kind::High,
    Kind::Liked,
    Kind::Relax,
    Kind::Solved,
    Kind::Laugh,
    Kind::Farewell,
    Kind::Wishes,
    Kind::Blessing,
    Kind::Got,
    Kind::Understood,
    Kind::Done,
    Kind::None,
];

/// Words that say what the customer is going to do themselves.
pub const DOING: &[Kind] = &[
    Kind::Wait,
    Kind::Process,
    Kind::Settle,
    Kind::Awaited,
    Kind::EnglishDo,
    Kind::Mull,
    Kind::Think,
    Kind::Look,
    Kind::See,
    Kind::Review,
    Kind::Pledge,
    Kind::Talk,
    Kind::Report,
    Kind::Confer,
    Kind::Ask,
    Kind::Pass,
    Kind::Act,
    Kind::Pay,
    Kind::Remit,
    Kind::Send,
    Kind::Busy,
    Kind::Tell,
    Kind::Firm,
    Kind::Speak,
    Kind::Address,
];
