//! The two tables as declared data: every column with its type.
//!
//! The names are what people read and make by hand, since the API makes neither tables nor columns; nothing else in the
//! project spells them. All columns are texts, numbers and days: options, members and relations would need ids looked up
//! and have shapes that public code disagrees about.

use std::fmt;

use chrono::NaiveDate;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 文本
    Text,
    /// 数字, with so many digits after the point.
    Number(u8),
    /// 数字 or 百分比; a fraction either way.
    Share,
    /// 日期, without a time.
    Day,
}

/// Types that the service's schema may name, by what their names hold. They are published nowhere: a type that is none
/// of these is taken for what the column's name says, and a write that it refuses is told.
const FAMILIES: [(&str, &[Family]); 10] = [
    ("text", &[Family::Text]),
    ("number", &[Family::Number]),
    ("percent", &[Family::Share]),
    ("date", &[Family::Day]),
    ("option", &[]),
    ("category", &[]),
    ("user", &[]),
    ("relation", &[]),
    ("file", &[]),
    ("image", &[]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Text,
    Number,
    Share,
    Day,
}

/// Whether a column of some type serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// Nobody knows the type.
    Unknown,
}

impl Kind {
    /// Digits after the point.
    pub const fn decimals(self) -> u8 {
        match self {
            Self::Number(decimals) => decimals,
            Self::Share => 4,
            Self::Text | Self::Day => 0,
        }
    }

    /// Whether a column of the type that the schema calls `found` serves.
    pub fn fit(self, found: &str) -> Fit {
        let found = found.to_lowercase();
        let Some((_, families)) = FAMILIES.iter().find(|(name, _)| found.contains(name)) else {
            return Fit::Unknown;
        };
        let serves = |family: &Family| match self {
            Self::Text => *family == Family::Text,
            Self::Number(_) => *family == Family::Number,
            Self::Share => matches!(family, Family::Number | Family::Share),
            Self::Day => *family == Family::Day,
        };
        if families.iter().any(serves) { Fit::Yes } else { Fit::No }
    }
}

macro_rules! columns {
    ($($variant:ident $name:literal $kind:expr;)*) => {
        /// A column. Both tables have most of them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Column {
            $(#[doc = $name] $variant,)*
        }

        impl Column {
            /// Every column.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its type.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => $kind,)* }
            }
        }
    };
}

columns! {
    Key "业务键" Kind::Text;
    Day "日期" Kind::Day;
    Owner "负责人" Kind::Text;
    Team "团队" Kind::Text;
    RoomName "群聊名" Kind::Text;
    Stage "群聊阶段" Kind::Text;
    Rooms "群聊数" Kind::Number(0);
    SilentRooms "沉默群聊数" Kind::Number(0);
    Asked "提问顾客数" Kind::Number(0);
    Answered "已回复" Kind::Number(0);
    Unanswered "未回复" Kind::Number(0);
    Cancelled "已取消" Kind::Number(0);
    MeanMinutes "平均回复时间（分钟）" Kind::Number(1);
    MedianMinutes "中位回复时间（分钟）" Kind::Number(1);
    P90Minutes "P90回复时间（分钟）" Kind::Number(1);
    Within5 "5分钟内占比" Kind::Share;
    Within10 "10分钟内占比" Kind::Share;
    Within20 "20分钟内占比" Kind::Share;
    Within30 "30分钟内占比" Kind::Share;
    LongestMinutes "最长等待（分钟）" Kind::Number(1);
    Promises "承诺数" Kind::Number(0);
    PromisesKept "承诺兑现数" Kind::Number(0);
    Replies "总回复数" Kind::Number(0);
    OwnerReplies "负责人总回复数" Kind::Number(0);
    PreSalesReplies "售前总回复数" Kind::Number(0);
    AfterSalesReplies "售后总回复数" Kind::Number(0);
    OtherStaffReplies "其他员工总回复数" Kind::Number(0);
    CustomerMessages "顾客总回复数" Kind::Number(0);
}

impl Column {
    /// Without it no row can be told from another, or be found again.
    pub const fn is_needed(self) -> bool {
        matches!(self, Self::Key | Self::Day)
    }
}

/// A table: one row for each day and person, or day and room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// A row for each person and day.
    PersonDays,
    /// A row for each room and day.
    RoomDays,
}

impl Table {
    /// Both.
    pub const ALL: [Self; 2] = [Self::PersonDays, Self::RoomDays];

    /// The name that it is looked for by, unless the configuration says otherwise.
    pub const fn title(self) -> &'static str {
        match self {
            Self::PersonDays => "销售每日响应",
            Self::RoomDays => "群聊每日响应",
        }
    }

    /// Its name in the configuration and in our ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PersonDays => "person_days",
            Self::RoomDays => "room_days",
        }
    }

    /// What its keys begin with.
    const fn prefix(self) -> &'static str {
        match self {
            Self::PersonDays => "sales",
            Self::RoomDays => "room",
        }
    }

    /// Whether a column is one of its.
    pub const fn has(self, column: Column) -> bool {
        match self {
            Self::PersonDays => !matches!(column, Column::RoomName | Column::Stage | Column::OwnerReplies),
            Self::RoomDays => !matches!(column, Column::Team | Column::Rooms | Column::SilentRooms),
        }
    }

    /// Its columns, in the order in which people should make them.
    pub fn columns(self) -> impl Iterator<Item = Column> {
        Column::ALL.iter().copied().filter(move |column| self.has(*column))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Longest id within a key, in characters.
const MAX_ID: usize = 300;
/// What of a longer one is kept, before the mark and the digest of the whole.
const HEAD: usize = 200;
const DIGEST_MARK: &str = "%~";
const DIGEST_BYTES: usize = 20;

/// What a row is about, and the text of its column 业务键: `sales:ID:2026-11-22`. A row is written anew under its key and
/// never added to, so that counting a day again makes no second row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusinessKey {
    table: Table,
    day: NaiveDate,
    id: String,
}

/// An id that cannot be part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id within a key of a row is not empty")]
pub struct InvalidKey;

/// An id as it stands in a key, another for each. Blanks, what cannot be seen, and `%` are percent-encoded: equality of texts
/// with blanks is not known to be exact there. Of a long one the beginning is kept, and a digest of the whole follows it.
fn encoded(id: &str) -> String {
    let mut text = String::with_capacity(id.len());
    for c in id.chars() {
        if c == '%' || c.is_whitespace() || c.is_control() {
            text.extend(c.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("%{byte:02X}")));
        } else {
            text.push(c);
        }
    }
    let Some((end, _)) = text.char_indices().nth(HEAD).filter(|_| text.chars().count() > MAX_ID) else {
        return text;
    };
    let digest = HEXLOWER.encode(&Sha256::digest(&text)[..DIGEST_BYTES]);
    format!("{}{DIGEST_MARK}{digest}", &text[..end])
}

fn is_encoded(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.chars().count()) && !id.contains(|c: char| c.is_whitespace() || c.is_control())
}

impl BusinessKey {
    /// The row of something on a day. The id is kept for ever: never a display name, which changes.
    pub fn new(table: Table, id: &str, day: NaiveDate) -> Result<Self, InvalidKey> {
        if id.is_empty() { Err(InvalidKey) } else { Ok(Self { table, day, id: encoded(id) }) }
    }

    /// A key of a table as it stands in a row; `None`: the row is not one of ours.
    pub fn read(table: Table, text: &str) -> Option<Self> {
        let (id, day) = text.strip_prefix(table.prefix())?.strip_prefix(':')?.rsplit_once(':')?;
        let key = Self { table, day: day.parse().ok()?, id: id.to_owned() };
        (is_encoded(id) && key.to_string() == text).then_some(key)
    }

    /// The table that the row belongs to.
    pub fn table(&self) -> Table {
        self.table
    }

    /// The day that the row is about.
    pub fn day(&self) -> NaiveDate {
        self.day
    }
}

impl fmt::Display for BusinessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.table.prefix(), self.id, self.day.format("%Y-%m-%d"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_both_tables_have_what_is_needed() {
        let names: BTreeSet<&str> = Column::ALL.iter().map(|column| column.name()).collect();
        assert_eq!(names.len(), Column::ALL.len());
        for table in Table::ALL {
            let needed = table.columns().filter(|column| column.is_needed()).count();
            assert_eq!(needed, 2, "{table}");
        }
        assert!(Column::ALL.iter().all(|column| Table::ALL.iter().any(|table| table.has(*column))));
    }

    #[test]
    fn a_key_is_read_as_it_was_written_and_nothing_else_is() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap();
        let key = BusinessKey::new(Table::RoomDays, "webhook:r-1", day).unwrap();
        assert_eq!(key.to_string(), "room:webhook:r-1:2026-11-02");
        assert_eq!(BusinessKey::read(Table::RoomDays, &key.to_string()), Some(key));
        for strange in
            ["", "合计", "room:2026-11-02", "room:r 1:2026-11-02", "room:r:2026-11-2", "sales:r:2026-11-02"]
        {
            assert_eq!(BusinessKey::read(Table::RoomDays, strange), None, "{strange}");
        }
        assert_eq!(BusinessKey::new(Table::PersonDays, "", day), Err(InvalidKey));
    }

    #[test]
    fn every_id_has_a_key_of_its_own_without_blanks() {
        let day = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap();
        let key = |id: &str| BusinessKey::new(Table::PersonDays, id, day).unwrap();
        assert_eq!(key("张 三").to_string(), "sales:张%20三:2026-11-02");
        assert_eq!(key("张%20三").to_string(), "sales:张%2520三:2026-11-02");
        let long = |last: &str| "长".repeat(300) + last;
        let ids = [
            "张 三",
            "张_三",
            "张三",
            " 张三",
            "张\u{3000}三",
            "张%20三",
            "a\u{0}",
            &long(""),
            &long("甲"),
            &long("乙"),
        ];
        let keys: BTreeSet<String> = ids.iter().map(|id| key(id).to_string()).collect();
        assert_eq!(keys.len(), ids.len(), "{keys:?}");
        for text in keys {
            assert!(
                !text.contains(char::is_whitespace)
                    && text.chars().count() <= MAX_ID + "sales::2026-11-02".len()
            );
            assert_eq!(BusinessKey::read(Table::PersonDays, &text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn types_that_nobody_has_published_are_neither_right_nor_wrong() {
        for (kind, found, fit) in [
            (Kind::Text, "text", Fit::Yes),
            (Kind::Text, "multi_text", Fit::Yes),
            (Kind::Text, "number", Fit::No),
            (Kind::Number(0), "number", Fit::Yes),
            (Kind::Number(0), "percent", Fit::No),
            (Kind::Share, "percent", Fit::Yes),
            (Kind::Share, "number", Fit::Yes),
            (Kind::Day, "date", Fit::Yes),
            (Kind::Day, "text", Fit::No),
            (Kind::Text, "category", Fit::No),
            (Kind::Text, "hologram", Fit::Unknown),
        ] {
            assert_eq!(kind.fit(found), fit, "{found} for {kind:?}");
        }
    }
}
