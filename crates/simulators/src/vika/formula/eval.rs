//! Evaluates a formula for one row.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{Expr, Function, Operator};
use crate::vika::{dates, render::Scene, state::Row};

/// A value inside a formula. Times are numbers of milliseconds.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Operand {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Operand {
    /// A time, or a count.
    pub fn from_ms(ms: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are exact below 2^53")]
        Self::Number(ms as f64)
    }

    /// Whether a filter keeps the row.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(truth) => *truth,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
        }
    }

    pub fn to_json(&self) -> Option<Value> {
        match self {
            Self::Null => None,
            Self::Bool(truth) => truth.then(|| json!(true)),
            Self::Number(number) => Some(number_json(*number)),
            Self::Text(text) => (!text.is_empty()).then(|| json!(text)),
        }
    }

    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Bool(truth) => truth.then(|| "1".to_owned()),
            Self::Number(number) => Some(number.to_string()),
            Self::Text(text) => (!text.is_empty()).then(|| text.clone()),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Null => Some(0.0),
            Self::Bool(truth) => Some(f64::from(u8::from(*truth))),
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// A time, from milliseconds or from a date text.
    fn time(&self) -> Option<f64> {
        match self {
            Self::Number(ms) => Some(*ms),
            Self::Text(text) => dates::parse(text).and_then(|ms| Self::from_ms(ms).number()),
            Self::Null | Self::Bool(_) => None,
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Null, Self::Bool(truth)) | (Self::Bool(truth), Self::Null) => !truth,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Null | Self::Text(_), _) | (_, Self::Null | Self::Text(_)) => false,
            (a, b) => a.number().zip(b.number()).is_some_and(|(a, b)| a.total_cmp(&b) == Ordering::Equal),
        }
    }

    /// Order for comparing operators and for `sort`.
    pub fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (a, b) => a.number()?.partial_cmp(&b.number()?),
        }
    }
}

/// A number as the service writes one: without a fraction if it has none.
pub(in super::super) fn number_json(number: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "only whole numbers that fit are cast")]
    if number.fract() == 0.0 && number.abs() < 9.0e15 { json!(number as i64) } else { json!(number) }
}

/// The value of `expr` for `row`. `depth` counts formula columns inside one another.
pub(in super::super) fn evaluate(expr: &Expr, scene: &Scene<'_>, row: &Row, depth: usize) -> Operand {
    match expr {
        Expr::Number(number) => Operand::Number(*number),
        Expr::Text(text) => Operand::Text(text.clone()),
        Expr::Field(id) => {
            scene.sheet.field(id).map_or(Operand::Null, |field| scene.operand(row, field, depth))
        }
        Expr::Negate(inner) => {
            let inner = evaluate(inner, scene, row, depth);
            inner.number().map_or(Operand::Null, |number| Operand::Number(-number))
        }
        Expr::Binary(operator, left, right) => {
            binary(*operator, &evaluate(left, scene, row, depth), &evaluate(right, scene, row, depth))
        }
        Expr::Call(function, arguments) => call(*function, arguments, scene, row, depth),
    }
}

fn binary(operator: Operator, left: &Operand, right: &Operand) -> Operand {
    let order =
        |wanted: &[Ordering]| Operand::Bool(left.compare(right).is_some_and(|found| wanted.contains(&found)));
    let arithmetic = |of: fn(f64, f64) -> f64| {
        let both = left.number().zip(right.number());
        both.map(|(a, b)| of(a, b)).filter(|n| n.is_finite()).map_or(Operand::Null, Operand::Number)
    };
    match operator {
        Operator::Equal => Operand::Bool(left.equals(right)),
        Operator::NotEqual => Operand::Bool(!left.equals(right)),
        Operator::Greater => order(&[Ordering::Greater]),
        Operator::GreaterOrEqual => order(&[Ordering::Greater, Ordering::Equal]),
        Operator::Less => order(&[Ordering::Less]),
        Operator::LessOrEqual => order(&[Ordering::Less, Ordering::Equal]),
        Operator::Join => {
            Operand::Text(left.to_text().unwrap_or_default() + &right.to_text().unwrap_or_default())
        }
        Operator::Add => arithmetic(|a, b| a + b),
        Operator::Subtract => arithmetic(|a, b| a - b),
        Operator::Multiply => arithmetic(|a, b| a * b),
        Operator::Divide => arithmetic(|a, b| a / b),
    }
}

fn call(function: Function, arguments: &[Expr], scene: &Scene<'_>, row: &Row, depth: usize) -> Operand {
    let value = |index: usize| {
        arguments.get(index).map_or(Operand::Null, |argument| evaluate(argument, scene, row, depth))
    };
    let mut each = arguments.iter().map(|argument| evaluate(argument, scene, row, depth));
    match function {
        Function::And => Operand::Bool(each.all(|operand| operand.is_true())),
        Function::Or => Operand::Bool(each.any(|operand| operand.is_true())),
        Function::Not => Operand::Bool(!value(0).is_true()),
        Function::Find => find(&value(0), &value(1)),
        Function::Blank => Operand::Null,
        Function::True => Operand::Bool(true),
        Function::False => Operand::Bool(false),
        Function::RecordId => Operand::Text(row.id.clone()),
        Function::CreatedTime => Operand::from_ms(row.created.at),
        Function::LastModifiedTime => last_modified(arguments, row),
        Function::IsAfter => {
            let both = value(0).time().zip(value(1).time());
            Operand::Bool(both.is_some_and(|(left, right)| left > right))
        }
        Function::DatetimeDiff => difference(&value(0), &value(1), &value(2)),
        Function::Now => Operand::from_ms(scene.now_ms),
        Function::Today => dates::start_of_day(scene.now_ms).map_or(Operand::Null, Operand::from_ms),
    }
}

/// The position of the first text in the second, from 1; 0 when it is not there.
fn find(needle: &Operand, hay: &Operand) -> Operand {
    let needle = needle.to_text().unwrap_or_default();
    let hay = hay.to_text().unwrap_or_default();
    let position =
        hay.find(&needle).filter(|_| !needle.is_empty()).map_or(0, |at| hay[..at].chars().count() + 1);
    Operand::from_ms(i64::try_from(position).unwrap_or_default())
}

fn last_modified(arguments: &[Expr], row: &Row) -> Operand {
    let field_id = |argument: &Expr| match argument {
        Expr::Field(id) => Some(id.clone()),
        _ => None,
    };
    let watched: Vec<String> = arguments.iter().filter_map(field_id).collect();
    row.last_edit(&watched).map_or(Operand::Null, |edit| Operand::from_ms(edit.at))
}

fn difference(left: &Operand, right: &Operand, unit: &Operand) -> Operand {
    let divisor = match unit {
        Operand::Text(unit) if unit == "minutes" => 60_000.0,
        Operand::Text(unit) if unit == "hours" => 3_600_000.0,
        Operand::Text(unit) if unit == "days" => 86_400_000.0,
        Operand::Text(unit) if unit == "seconds" => 1_000.0,
        _ => 1.0,
    };
    let both = left.time().zip(right.time());
    both.map_or(Operand::Null, |(left, right)| Operand::Number(((left - right) / divisor).trunc()))
}
