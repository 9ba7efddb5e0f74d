//! Expressions and the tail of a line: a cursor over one line of tokens.
//!
//! Precedence, tightest first: comparison of two operands, `!`, `&&`, `||`. Nesting of parentheses and of `!`
//! is bounded by [`MAX_DEPTH`], which keeps every later walk over the expression within the stack.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diag::{Code, Diagnostic};
use crate::expr::{Expr, ExprKind, Operand, Relation, SymbolId};
use crate::lexer::{Token, TokenKind};
use crate::source::Span;
use crate::value::Tri;

/// How deep parentheses and `!` may nest.
pub const MAX_DEPTH: usize = 128;

/// Words of the grammar, which cannot name a symbol.
pub const RESERVED: [&str; 31] = [
    "bool",
    "choice",
    "comment",
    "config",
    "def_bool",
    "def_tristate",
    "default",
    "depends",
    "endchoice",
    "endif",
    "endmenu",
    "help",
    "hex",
    "if",
    "imply",
    "int",
    "mainmenu",
    "menu",
    "menuconfig",
    "modules",
    "on",
    "orsource",
    "osource",
    "prompt",
    "range",
    "rsource",
    "select",
    "source",
    "string",
    "tristate",
    "visible",
];

/// Names seen so far, and where each was first mentioned.
#[derive(Debug, Default)]
pub struct Names {
    pub by_name: HashMap<String, SymbolId>,
    pub names: Vec<String>,
}

impl Names {
    /// The index of `name`.
    pub fn intern(&mut self, name: &str) -> SymbolId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = SymbolId(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), id);
        id
    }
}

/// A position in one line of tokens.
pub struct Cursor<'a> {
    tokens: &'a [Token],
    pos: usize,
    names: &'a mut Names,
}

type Parsed<T> = Result<T, Box<Diagnostic>>;

impl<'a> Cursor<'a> {
    /// A cursor at the start of `tokens`, which must not be empty.
    pub fn new(tokens: &'a [Token], names: &'a mut Names) -> Self {
        Self {
            tokens,
            pos: 0,
            names,
        }
    }

    /// The next token, not consumed.
    pub fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.pos)
    }

    /// The next token, consumed.
    pub fn next(&mut self) -> Option<&'a Token> {
        let token = self.tokens.get(self.pos);
        self.pos += usize::from(token.is_some());
        token
    }

    /// Everything from the first token to the last.
    pub fn line_span(&self) -> Span {
        self.tokens[0]
            .span
            .to(&self.tokens[self.tokens.len() - 1].span)
    }

    /// The next token's span, or the place just behind the last one.
    fn here(&self) -> Span {
        match self.peek() {
            Some(token) => token.span.clone(),
            None => {
                let last = &self.tokens[self.tokens.len() - 1].span;
                Span {
                    file: last.file.clone(),
                    start: last.end,
                    end: last.end,
                }
            }
        }
    }

    /// An error at the next token: `expected` should stand there.
    pub fn expected(&self, expected: &str, help: &str) -> Box<Diagnostic> {
        let found = match self.peek() {
            None => "the line ends".to_owned(),
            Some(t) if t.kind == TokenKind::Quoted => format!("there is the text {:?}", t.text),
            Some(t) => format!("there is `{}`", t.text),
        };
        Box::new(
            Diagnostic::error(Code::Syntax, format!("expected {expected}, but {found}"))
                .at(&self.here(), "")
                .help(help),
        )
    }

    /// Consumes the word `word` if it comes next.
    pub fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is_word(word));
        self.pos += usize::from(found);
        found
    }

    fn take_op(&mut self, op: &str) -> bool {
        let found = self.peek().is_some_and(|t| t.is_op(op));
        self.pos += usize::from(found);
        found
    }

    /// Nothing may follow.
    pub fn end(&self) -> Parsed<()> {
        if self.peek().is_none() {
            return Ok(());
        }
        Err(self.expected("the end of the line", "one statement stands on one line"))
    }

    /// `if <expr>` or nothing, then the end of the line.
    pub fn condition(&mut self) -> Parsed<Option<Expr>> {
        let condition = if self.take_word("if") {
            Some(self.expr()?)
        } else {
            None
        };
        if condition.is_none() && self.peek().is_some() {
            return Err(self.expected(
                "`if` or the end of the line",
                "a condition is written `if <expression>`",
            ));
        }
        self.end()?;
        Ok(condition)
    }

    /// A text in quotes.
    pub fn quoted(&mut self, what: &str) -> Parsed<&'a Token> {
        match self.peek() {
            Some(token) if token.kind == TokenKind::Quoted => {
                self.pos += 1;
                Ok(token)
            }
            _ => Err(self.expected(
                &format!("{what} in quotes"),
                "write it in double quotes: \"...\"",
            )),
        }
    }

    /// The name of a symbol.
    pub fn symbol(&mut self) -> Parsed<(SymbolId, &'a Token)> {
        match self.peek() {
            Some(token) if matches!(token.kind, TokenKind::Word(_)) => {
                self.check_reserved(token)?;
                self.pos += 1;
                Ok((self.names.intern(&token.text), token))
            }
            _ => Err(self.expected(
                "the name of a symbol",
                "names consist of letters, digits, `_` and `-`, without CONFIG_",
            )),
        }
    }

    fn check_reserved(&self, token: &Token) -> Parsed<()> {
        if token.kind == TokenKind::Word(false) && RESERVED.contains(&token.text.as_str()) {
            return Err(self.expected(
                "the name of a symbol",
                &format!(
                    "`{}` is a key word; put it in quotes if the text is meant",
                    token.text
                ),
            ));
        }
        Ok(())
    }

    /// A symbol or a constant.
    pub fn operand(&mut self) -> Parsed<Operand> {
        let Some(token) = self.peek() else {
            return Err(self.expected(
                "a symbol or a constant",
                "for example FOO, 10, 0x10 or \"text\"",
            ));
        };
        let operand = match token.kind {
            TokenKind::Op | TokenKind::Raw => {
                return Err(self.expected(
                    "a symbol or a constant",
                    "for example FOO, 10, 0x10 or \"text\"",
                ));
            }
            // A single letter is the constant whether or not it is quoted.
            _ if Tri::parse(&token.text).is_some() => {
                Operand::Tri(Tri::parse(&token.text).unwrap_or_default())
            }
            TokenKind::Quoted => Operand::Text(Arc::from(token.text.as_str())),
            TokenKind::Word(_) => {
                self.check_reserved(token)?;
                Operand::Symbol(self.names.intern(&token.text))
            }
        };
        self.pos += 1;
        Ok(operand)
    }

    /// An expression.
    pub fn expr(&mut self) -> Parsed<Expr> {
        self.disjunction(0)
    }

    fn disjunction(&mut self, depth: usize) -> Parsed<Expr> {
        self.list(depth, "||", Self::conjunction, ExprKind::Or)
    }

    fn conjunction(&mut self, depth: usize) -> Parsed<Expr> {
        self.list(depth, "&&", Self::factor, ExprKind::And)
    }

    fn list(
        &mut self,
        depth: usize,
        op: &str,
        part: fn(&mut Self, usize) -> Parsed<Expr>,
        make: fn(Vec<Expr>) -> ExprKind,
    ) -> Parsed<Expr> {
        let first = part(self, depth)?;
        if !self.peek().is_some_and(|t| t.is_op(op)) {
            return Ok(first);
        }
        let mut list = vec![first];
        while self.take_op(op) {
            list.push(part(self, depth)?);
        }
        let span = list[0].span().to(list[list.len() - 1].span());
        Ok(Expr::new(make(list), span))
    }

    fn factor(&mut self, depth: usize) -> Parsed<Expr> {
        let start = self.here();
        if depth >= MAX_DEPTH {
            return Err(Box::new(
                Diagnostic::error(
                    Code::Limit,
                    format!("this expression nests more than {MAX_DEPTH} deep"),
                )
                .at(&start, "")
                .help(
                    "give a part of it a name: a bool symbol without a prompt and with a default",
                ),
            ));
        }
        if self.take_op("!") {
            let inner = self.factor(depth + 1)?;
            let span = start.to(inner.span());
            return Ok(Expr::new(ExprKind::Not(inner), span));
        }
        if self.take_op("(") {
            let inner = self.disjunction(depth + 1)?;
            if !self.take_op(")") {
                let mut error = self.expected("`)`", "every `(` needs its `)` on the same line");
                error.labels.push(crate::diag::Label {
                    span: start,
                    text: "opened here".to_owned(),
                });
                return Err(error);
            }
            return Ok(inner);
        }
        let left = self.operand()?;
        let relation = match self.peek() {
            Some(t) if t.kind == TokenKind::Op => match t.text.as_str() {
                "=" => Some(Relation::Equal),
                "!=" => Some(Relation::Unequal),
                "<" => Some(Relation::Less),
                "<=" => Some(Relation::LessEqual),
                ">" => Some(Relation::Greater),
                ">=" => Some(Relation::GreaterEqual),
                _ => None,
            },
            _ => None,
        };
        let kind = match relation {
            None => ExprKind::Operand(left),
            Some(relation) => {
                self.pos += 1;
                ExprKind::Compare(relation, left, self.operand()?)
            }
        };
        let end = self.tokens[self.pos - 1].span.clone();
        Ok(Expr::new(kind, start.to(&end)))
    }
}
