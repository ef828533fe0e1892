//! From text to [`Statement`]s: `sqlparser` reads SQL as it is known elsewhere, and what is not understood here is
//! refused by name.
//!
//! Lexing and keywords are those of PostgreSQL. The text comes from anybody: its length is bounded, and so is how
//! deep it nests, in parentheses as well as in long chains of operators.

mod condition;
mod select;
mod statement;

use sqlparser::{
    ast,
    dialect::PostgreSqlDialect,
    keywords::Keyword,
    parser::{Parser, ParserError},
    tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, TokenizerError},
};

use super::{
    error::{At, QueryError},
    syntax::{Name, Statement},
};

/// Bytes of a text.
const TEXT_LEN_MAX: usize = 50_000;
/// Parentheses in parentheses.
const NESTING_MAX: usize = 64;
/// Recursion of the parser, which other things need as well.
const RECURSION_MAX: usize = NESTING_MAX + 20;
/// Words and operators of a text: what a chain that nests without parentheses is made of. Lists of values do not
/// count.
const WORDS_MAX: usize = 8_000;
/// How much of a stack one word or operator may need at most, if they all nest, in bytes.
const STACK_PER_WORD: usize = 2 * 1024;
/// How much of a stack each level of nesting may need, in bytes. (The parser asks for more itself where it recurs.)
const STACK_PER_LEVEL: usize = 16 * 1024;
/// How much of a stack is needed in any case.
const STACK_BASE: usize = 128 * 1024;
/// A message of the parser may quote all of the text.
const MESSAGE_LEN_MAX: usize = 300;

type Result<T> = std::result::Result<T, QueryError>;

/// Reads a text with one statement or several, separated by semicolons.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>> {
    if text.len() > TEXT_LEN_MAX {
        let len = text.len();
        return Err(QueryError::plain(format!(
            "the query is too long: {len} bytes, and {TEXT_LEN_MAX} are allowed"
        )));
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize_with_location()
        .map_err(|TokenizerError { message, location }| not_sql(&message, position(location)))?;
    let (words, levels) = check_nesting(&tokens)?;
    // A tree as deep as the text has words is built without recursion, but not taken apart.
    let stack = STACK_BASE + levels * STACK_PER_LEVEL + words * STACK_PER_WORD;
    stacker::maybe_grow(stack, stack, || {
        let statements = Parser::new(&PostgreSqlDialect {})
            .with_recursion_limit(RECURSION_MAX)
            .with_tokens_with_locations(tokens)
            .parse_statements()
            .map_err(parser_error)?;
        statements.into_iter().map(statement::statement).collect()
    })
}

/// Reads a text with exactly one statement.
pub(crate) fn parse_one(text: &str) -> Result<Statement> {
    let mut statements = parse(text)?;
    match statements.len() {
        1 => Ok(statements.swap_remove(0)),
        0 => Err(QueryError::plain("there is no statement")),
        count => {
            Err(QueryError::plain(format!("there are {count} statements, and only one is allowed here")))
        }
    }
}

/// Refuses what nests too deep; how many words and operators there are, and how deep conditions may nest.
fn check_nesting(tokens: &[TokenWithSpan]) -> Result<(usize, usize)> {
    let (mut depth, mut deepest, mut nots, mut words) = (0_usize, 0_usize, 0_usize, 0_usize);
    for TokenWithSpan { token, span } in tokens {
        match token {
            Token::LParen | Token::LBracket | Token::LBrace => {
                depth += 1;
                words += 1;
                deepest = deepest.max(depth);
                if depth > NESTING_MAX {
                    let message = format!("the query nests too deep: {NESTING_MAX} levels are allowed");
                    return Err(QueryError::at(position(span.start), message));
                }
            }
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            // What lists of values consist of.
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::Comma
            | Token::Whitespace(_)
            | Token::SemiColon
            | Token::EOF => {}
            Token::Word(word) if is_value(&word.value) => {}
            Token::Word(word) if word.keyword == Keyword::NOT => {
                words += 1;
                nots += 1;
            }
            _ => words += 1,
        }
    }
    if words > WORDS_MAX {
        return Err(QueryError::plain(format!(
            "the query is too long: it has {words} words and operators besides values, and {WORDS_MAX} are allowed"
        )));
    }
    Ok((words, (deepest + nots).min(RECURSION_MAX)))
}

fn is_value(word: &str) -> bool {
    ["true", "false", "null"].iter().any(|value| value.eq_ignore_ascii_case(word))
}

fn parser_error(error: ParserError) -> QueryError {
    match error {
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
            // The place is part of the message.
            let place = || {
                let (message, place) = message.rsplit_once(" at Line: ")?;
                let (line, column) = place.split_once(", Column: ")?;
                Some((message, At { line: line.parse().ok()?, column: column.parse().ok()? }))
            };
            let (message, at) = place().unwrap_or((&message, At::default()));
            not_sql(message, at)
        }
        ParserError::RecursionLimitExceeded => QueryError::plain("the query nests too deep"),
    }
}

fn not_sql(message: &str, at: At) -> QueryError {
    let mut message = message.to_owned();
    if message.len() > MESSAGE_LEN_MAX {
        message.truncate(message.floor_char_boundary(MESSAGE_LEN_MAX));
        message.push_str("...");
    }
    QueryError::at(at, format!("this is not SQL: {message}"))
}

fn position(location: Location) -> At {
    // A text is too short for other numbers.
    At { line: location.line as u32, column: location.column as u32 }
}

fn at(span: Span) -> At {
    position(span.start)
}

/// A clause that need not be there.
trait Clause {
    fn is_absent(&self) -> bool;
}

impl<T> Clause for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Clause for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

impl Clause for bool {
    fn is_absent(&self) -> bool {
        !self
    }
}

/// Refuses clauses that are there.
macro_rules! refuse {
    ($($clause:expr => $what:literal),* $(,)?) => {$(
        if !$crate::query::parse::Clause::is_absent(&$clause) {
            return Err($crate::query::error::QueryError::unsupported(Default::default(), $what));
        }
    )*};
}
use refuse;

fn ident(ident: ast::Ident) -> Name {
    Name { text: ident.value.into(), at: at(ident.span) }
}

/// The parts of a name, joined by dots.
fn joined(parts: impl IntoIterator<Item = ast::Ident>) -> Name {
    parts
        .into_iter()
        .map(ident)
        .reduce(|name, part| Name { text: format!("{}.{}", name.text, part.text).into(), at: name.at })
        .unwrap_or_else(|| Name { text: "".into(), at: At::default() })
}

fn object_name(name: ast::ObjectName) -> Result<Name> {
    let parts = name.0.into_iter().map(|part| match part {
        ast::ObjectNamePart::Identifier(ident) => Ok(ident),
        ast::ObjectNamePart::Function(function) => {
            Err(QueryError::unsupported(at(function.name.span), "a function in the place of a name"))
        }
    });
    Ok(joined(parts.collect::<Result<Vec<_>>>()?))
}

#[cfg(test)]
mod tests;
