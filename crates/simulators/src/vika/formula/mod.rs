//! `filterByFormula` and formula columns: the part of the language that was observed to work.
//!
//! A formula that leaves this part is refused, as a wrong one is: code 400 with an empty message.

mod eval;
mod lex;
mod parse;

pub(super) use eval::{Operand, evaluate, number_json};
pub(super) use parse::parse;

/// A formula is wrong: unknown field or function, wrong number of arguments, bad syntax. The service says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FormulaError;

/// A parsed formula; columns are held by id.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expr {
    Number(f64),
    Text(String),
    Field(String),
    Call(Function, Vec<Expr>),
    Negate(Box<Expr>),
    Binary(Operator, Box<Expr>, Box<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Join,
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    And,
    Or,
    Not,
    Find,
    Blank,
    True,
    False,
    RecordId,
    CreatedTime,
    LastModifiedTime,
    IsAfter,
    DatetimeDiff,
    Now,
    Today,
}

impl Function {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "AND" => Self::And,
            "OR" => Self::Or,
            "NOT" => Self::Not,
            "FIND" => Self::Find,
            "BLANK" => Self::Blank,
            "TRUE" => Self::True,
            "FALSE" => Self::False,
            "RECORD_ID" => Self::RecordId,
            "CREATED_TIME" => Self::CreatedTime,
            "LAST_MODIFIED_TIME" => Self::LastModifiedTime,
            "IS_AFTER" => Self::IsAfter,
            "DATETIME_DIFF" => Self::DatetimeDiff,
            "NOW" => Self::Now,
            "TODAY" => Self::Today,
            _ => return None,
        })
    }

    /// Smallest and largest number of arguments.
    fn arity(self) -> (usize, usize) {
        match self {
            Self::And | Self::Or => (1, usize::MAX),
            Self::Not => (1, 1),
            Self::Find | Self::DatetimeDiff => (2, 3),
            Self::IsAfter => (2, 2),
            Self::LastModifiedTime => (0, usize::MAX),
            Self::Blank
            | Self::True
            | Self::False
            | Self::RecordId
            | Self::CreatedTime
            | Self::Now
            | Self::Today => (0, 0),
        }
    }
}
