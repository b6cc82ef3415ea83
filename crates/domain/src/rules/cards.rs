//! The words of a card that a company may choose: templates with named variables. Whatever is left out is as shipped, and
//! whatever a card says besides (how a wait ended, what is to be verified, who did what) is not for choosing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules::Problem;

/// The templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CardTemplates {
    /// The title of a card about a request that waits: `【{级别}·{时长}】{群名}`.
    pub title: Template,
    /// Who waits since when, but for promises: `客户：{客户}{公司}{开始} 起等待`.
    pub customer: Template,
    /// Who is to answer: `负责人 {负责人}{团队}`.
    pub owner: Template,
}

/// A text with variables in braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Template(String);

/// What a variable stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// `橙色`
    Level,
    /// The step's threshold in whole minutes: `100`
    Minutes,
    /// The same as everything says it: `1小时40分钟`
    Length,
    /// The room's name.
    Room,
    /// The customer's name.
    Customer,
    /// Their company in brackets; a blank when it is not known.
    Corporation,
    /// When the wait began: `10:42`
    Since,
    /// The owner's name; `还没有` without one.
    Owner,
    /// The owner's team in brackets; nothing when it works in no stage.
    Team,
}

/// A part of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Words of the company's.
    Words(&'t str),
    /// Something of the card.
    Variable(Variable),
    /// Braces with no such name between them. Refused with the rules.
    Unknown(&'t str),
}

impl Variable {
    /// All of them, by their names.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("级别", Self::Level),
        ("分钟", Self::Minutes),
        ("时长", Self::Length),
        ("群名", Self::Room),
        ("客户", Self::Customer),
        ("公司", Self::Corporation),
        ("开始", Self::Since),
        ("负责人", Self::Owner),
        ("团队", Self::Team),
    ];

    fn from_name(name: &str) -> Option<Self> {
        Self::NAMED.into_iter().find(|(known, _)| *known == name).map(|(_, variable)| variable)
    }
}

impl Default for CardTemplates {
    fn default() -> Self {
        let template = |text: &str| Template(text.to_owned());
        Self {
            title: template("【{级别}·{时长}】{群名}"),
            customer: template("客户：{客户}{公司}{开始} 起等待"),
            owner: template("负责人 {负责人}{团队}"),
        }
    }
}

impl CardTemplates {
    pub(super) fn are_default(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with them.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let named = [("title", &self.title), ("customer", &self.customer), ("owner", &self.owner)];
        named.into_iter().flat_map(|(name, template)| template.problems(&format!("cards.{name}"))).collect()
    }
}

impl Template {
    /// The most characters of one.
    const LONGEST: usize = 100;

    /// Its parts, in order.
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut rest = self.0.as_str();
        while let Some(begin) = rest.find(['{', '}']) {
            if begin > 0 {
                pieces.push(Piece::Words(&rest[..begin]));
            }
            rest = &rest[begin..];
            let end = rest.find('}').filter(|_| rest.starts_with('{')).map_or(1, |end| end + 1);
            let name =
                rest[..end].strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or_default();
            pieces.push(Variable::from_name(name).map_or(Piece::Unknown(&rest[..end]), Piece::Variable));
            rest = &rest[end..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest));
        }
        pieces
    }

    fn problems(&self, path: &str) -> Vec<Problem> {
        let problem = |found: String, expected: String| Problem { path: path.to_owned(), found, expected };
        let unknown = self.pieces().into_iter().filter_map(|piece| match piece {
            Piece::Unknown(braces) => Some(braces),
            Piece::Words(_) | Piece::Variable(_) => None,
        });
        let mut problems: Vec<Problem> = unknown
            .map(|braces| {
                let known = Variable::NAMED.map(|(name, _)| format!("{{{name}}}")).join(", ");
                problem(format!("`{braces}`"), format!("one of {known}"))
            })
            .collect();
        let length = self.0.chars().count();
        if self.0.trim().is_empty() {
            problems.push(problem("an empty text".into(), "a line with variables, like {群名}".into()));
        } else if length > Self::LONGEST {
            problems.push(problem(format!("{length} characters"), format!("{} at most", Self::LONGEST)));
        } else if self.0.chars().any(char::is_control) {
            problems
                .push(problem("a line break or another sign that is not shown".into(), "one line".into()));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_words_and_variables() {
        let template = |text: &str| Template(text.to_owned());
        let (words, variable) = (Piece::Words, Piece::Variable);
        assert_eq!(
            template("【{级别}】{群名}，{分钟} 分钟").pieces(),
            [
                words("【"),
                variable(Variable::Level),
                words("】"),
                variable(Variable::Room),
                words("，"),
                variable(Variable::Minutes),
                words(" 分钟")
            ]
        );
        for (text, unknown) in [
            ("{群}", "{群}"),
            ("{ 群名}", "{ 群名}"),
            ("{群名", "{"),
            ("群名}", "}"),
            ("{}", "{}"),
            ("{{群名}}", "{{群名}"),
        ] {
            let pieces = template(text);
            assert!(pieces.pieces().contains(&Piece::Unknown(unknown)), "{text}: {:?}", pieces.pieces());
        }
    }

    #[test]
    fn what_cannot_be_shown_is_refused_by_name() {
        assert_eq!(CardTemplates::default().problems(), Vec::new());
        let told = |text: &str| {
            let templates = CardTemplates { owner: Template(text.to_owned()), ..CardTemplates::default() };
            templates.problems().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let unknown = told("{负责人} {经理} {群}");
        assert!(
            unknown[0].starts_with("cards.owner: `{经理}` (expected one of {级别}, {分钟}"),
            "{unknown:?}"
        );
        assert_eq!(unknown.len(), 2);
        for (text, problem) in [
            (" ".to_owned(), "an empty text"),
            ("好".repeat(101), "101 characters"),
            ("{负责人}\n{群名}".to_owned(), "a line break"),
        ] {
            assert!(told(&text)[0].contains(problem), "{text}");
        }
    }
}
