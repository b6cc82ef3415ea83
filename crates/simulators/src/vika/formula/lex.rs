//! Cuts a formula into tokens.

use super::{FormulaError, Operator};

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    /// The name or id between braces.
    Field(String),
    Word(String),
    Operator(Operator),
    Open,
    Close,
    Comma,
}

/// The tokens of `source`, in order.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, FormulaError> {
    let mut rest = source.chars().peekable();
    let mut found = Vec::new();
    while let Some(&next) = rest.peek() {
        if next.is_whitespace() {
            rest.next();
            continue;
        }
        found.push(match next {
            '{' => Token::Field(delimited(&mut rest, '}')?),
            '"' | '\'' => Token::Text(delimited(&mut rest, next)?),
            '0'..='9' => number(&mut rest)?,
            'A'..='Z' | 'a'..='z' | '_' => Token::Word(word(&mut rest)),
            _ => symbol(&mut rest)?,
        });
    }
    Ok(found)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// Reads up to `end`; a backslash takes the next character as it is. As measured on the real parser: no text with a
/// line end in it is taken, and none with an escaped backslash before an escaped quote.
fn delimited(rest: &mut Rest<'_>, end: char) -> Result<String, FormulaError> {
    rest.next();
    let mut text = String::new();
    let mut after_backslash = false;
    loop {
        let (c, escaped) = match rest.next().ok_or(FormulaError)? {
            '\\' => (rest.next().ok_or(FormulaError)?, true),
            c if c == end => return Ok(text),
            c => (c, false),
        };
        if matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}') || (after_backslash && escaped && c == end) {
            return Err(FormulaError);
        }
        after_backslash = escaped && c == '\\';
        text.push(c);
    }
}

fn number(rest: &mut Rest<'_>) -> Result<Token, FormulaError> {
    let mut digits = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || *c == '.') {
        digits.push(c);
    }
    digits.parse().map(Token::Number).map_err(|_| FormulaError)
}

fn word(rest: &mut Rest<'_>) -> String {
    let mut word = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        word.push(c);
    }
    word
}

fn symbol(rest: &mut Rest<'_>) -> Result<Token, FormulaError> {
    let first = rest.next().ok_or(FormulaError)?;
    let mut followed_by_equal = || rest.next_if_eq(&'=').is_some();
    Ok(match first {
        '(' => Token::Open,
        ')' => Token::Close,
        // The full-width comma is what a Chinese keyboard gives; a production formula with one was seen to work.
        ',' | '，' => Token::Comma,
        '=' => Token::Operator(Operator::Equal),
        '!' if followed_by_equal() => Token::Operator(Operator::NotEqual),
        '>' if followed_by_equal() => Token::Operator(Operator::GreaterOrEqual),
        '>' => Token::Operator(Operator::Greater),
        '<' if followed_by_equal() => Token::Operator(Operator::LessOrEqual),
        '<' => Token::Operator(Operator::Less),
        '&' => Token::Operator(Operator::Join),
        '+' => Token::Operator(Operator::Add),
        '-' => Token::Operator(Operator::Subtract),
        '*' => Token::Operator(Operator::Multiply),
        '/' => Token::Operator(Operator::Divide),
        _ => return Err(FormulaError),
    })
}
