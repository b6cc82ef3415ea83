//! Builds the tree of a formula and resolves its columns.

use super::{
    Expr, FormulaError, Function, Operator,
    lex::{Token, tokens},
};

/// Deeper nesting is refused, so that a hostile formula cannot exhaust the stack.
const MAX_DEPTH: usize = 64;

/// Parses `source`; `resolve` gives the id of a column by what stands between the braces.
pub(in super::super) fn parse(
    source: &str,
    resolve: &dyn Fn(&str) -> Option<String>,
) -> Result<Expr, FormulaError> {
    let mut parser = Parser { tokens: tokens(source)?, at: 0, resolve, depth: 0 };
    let expr = parser.level(0)?;
    if parser.at < parser.tokens.len() { Err(FormulaError) } else { Ok(expr) }
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    resolve: &'a dyn Fn(&str) -> Option<String>,
    depth: usize,
}

/// Operators by how loosely they bind, loosest first.
const LEVELS: &[&[Operator]] = &[
    &[
        Operator::Equal,
        Operator::NotEqual,
        Operator::Greater,
        Operator::GreaterOrEqual,
        Operator::Less,
        Operator::LessOrEqual,
    ],
    &[Operator::Join],
    &[Operator::Add, Operator::Subtract],
    &[Operator::Multiply, Operator::Divide],
];

impl Parser<'_> {
    fn next(&mut self) -> Result<Token, FormulaError> {
        let token = self.tokens.get(self.at).cloned().ok_or(FormulaError)?;
        self.at += 1;
        Ok(token)
    }

    fn take(&mut self, wanted: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn level(&mut self, level: usize) -> Result<Expr, FormulaError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(Token::Operator(operator)) = self.tokens.get(self.at) {
            let operator = *operator;
            if !operators.contains(&operator) {
                break;
            }
            self.at += 1;
            left = Expr::Binary(operator, Box::new(left), Box::new(self.level(level + 1)?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, FormulaError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(FormulaError);
        }
        let expr = if self.take(&Token::Operator(Operator::Subtract)) {
            Expr::Negate(Box::new(self.unary()?))
        } else {
            self.primary()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr, FormulaError> {
        match self.next()? {
            Token::Number(number) => Ok(Expr::Number(number)),
            Token::Text(text) => Ok(Expr::Text(text)),
            Token::Field(key) => (self.resolve)(&key).map(Expr::Field).ok_or(FormulaError),
            Token::Word(name) => self.call(&name),
            Token::Open => {
                let inner = self.level(0)?;
                if self.take(&Token::Close) { Ok(inner) } else { Err(FormulaError) }
            }
            Token::Operator(_) | Token::Close | Token::Comma => Err(FormulaError),
        }
    }

    fn call(&mut self, name: &str) -> Result<Expr, FormulaError> {
        let function = Function::named(name).ok_or(FormulaError)?;
        if !self.take(&Token::Open) {
            return Err(FormulaError);
        }
        let mut arguments = Vec::new();
        if !self.take(&Token::Close) {
            loop {
                arguments.push(self.level(0)?);
                if self.take(&Token::Close) {
                    break;
                }
                if !self.take(&Token::Comma) {
                    return Err(FormulaError);
                }
            }
        }
        let (least, most) = function.arity();
        let only_fields = arguments.iter().all(|a| matches!(a, Expr::Field(_)));
        let fits = (least..=most).contains(&arguments.len())
            && (function != Function::LastModifiedTime || only_fields);
        if fits { Ok(Expr::Call(function, arguments)) } else { Err(FormulaError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by_name(key: &str) -> Option<String> {
        matches!(key, "群ID" | "核准" | "a}b").then(|| format!("fld:{key}"))
    }

    #[test]
    fn good_formulas_parse_and_wrong_ones_do_not() {
        for good in [
            r#"{群ID}="g7""#,
            "AND(NOT(BLANK()),IS_AFTER({群ID}，TODAY()))",
            "LAST_MODIFIED_TIME({群ID},{核准})>1795337500000",
            r#"DATETIME_DIFF(NOW(),LAST_MODIFIED_TIME(),"seconds")<5"#,
            r"{a\}b}=-1",
            "1+2*3=7",
        ] {
            assert!(parse(good, &by_name).is_ok(), "{good}");
        }
        for wrong in
            ["{没有}=1", "NOPE()", "AND(", "1 1", "{群ID", "\"open", "NOT()", "BLANK(1)", "{群ID}=", ""]
        {
            assert_eq!(parse(wrong, &by_name), Err(FormulaError), "{wrong}");
        }
    }

    #[test]
    fn escapes_stand_for_themselves() {
        assert_eq!(parse(r#""a\"b\\c""#, &by_name), Ok(Expr::Text(r#"a"b\c"#.into())));
    }

    #[test]
    fn endless_nesting_is_refused() {
        assert_eq!(parse(&"(".repeat(10_000), &by_name), Err(FormulaError));
    }
}
