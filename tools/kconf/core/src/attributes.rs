//! The part of the parser for what stands below `config`, `choice`, `menu` and `comment`: types, prompts,
//! defaults, dependencies, help.
//!
//! It checks that an attribute may stand where it stands, and says of the older dialects' attributes what they are,
//! instead of calling them unknown.

use crate::ast::{Attribute, AttributeKind, Attributes};
use crate::blocks::Block;
use crate::diag::{Code, Diagnostic};
use crate::dialect::Classic;
use crate::expr::Expr;
use crate::lexer::{Lexer, Token, TokenKind};
use crate::parse_expr::{Cursor, RESERVED};
use crate::parser::{BoxedHelp, Parsed, Parser, Target, unsupported};
use crate::value::Kind;

/// What an attribute is added to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Nothing,
    Broken,
    Config,
    Choice,
    Menu,
    Comment,
}

impl Place {
    fn describe(self) -> &'static str {
        match self {
            Place::Nothing | Place::Broken => "outside of an entry",
            Place::Config => "in a `config`",
            Place::Choice => "in a `choice`",
            Place::Menu => "in a `menu`",
            Place::Comment => "in a `comment`",
        }
    }
}

impl Parser<'_> {
    fn place(&self) -> Place {
        match &self.target {
            Target::Nothing => Place::Nothing,
            Target::Broken => Place::Broken,
            Target::Config(..) => Place::Config,
            Target::Comment(_) => Place::Comment,
            Target::Frame => match self.frames.last().map(|f| &f.block) {
                Some(Block::Menu) => Place::Menu,
                Some(Block::Choice(_)) => Place::Choice,
                _ => Place::Nothing,
            },
        }
    }

    fn target_attributes(&mut self) -> Option<&mut Attributes> {
        match &mut self.target {
            Target::Nothing | Target::Broken => None,
            Target::Config(_, attributes) | Target::Comment(attributes) => Some(attributes),
            Target::Frame => self.frames.last_mut().map(|f| &mut f.attributes),
        }
    }

    /// One line that starts with `word` and is no statement of its own.
    pub fn attribute(
        &mut self,
        mut word: &str,
        cursor: &mut Cursor<'_>,
        line: &[Token],
        lexer: &mut Lexer<'_>,
    ) -> Parsed<()> {
        use Place::{Choice, Comment, Config, Menu};
        if word == "---help---" && self.is_classic() {
            word = "help";
        }
        let allowed: &[Place] = match word {
            "bool" => &[Config, Choice],
            "tristate" if self.is_classic() => &[Config, Choice],
            "tristate" | "int" | "hex" | "string" | "def_bool" | "def_tristate" | "select"
            | "imply" | "range" | "modules" | "transitional" => &[Config],
            "option" if self.is_classic() => &[Config],
            "optional" if self.is_classic() => &[Choice],
            "prompt" | "default" | "help" => &[Config, Choice],
            "depends" => &[Config, Choice, Menu, Comment],
            "visible" => &[Menu],
            _ => return Err(unknown(line, cursor)),
        };
        let place = self.place();
        if !allowed.contains(&place) && place != Place::Broken {
            if word == "help" {
                // Its text must not be read as statements.
                lexer.help_text();
            }
            let error = Diagnostic::error(
                Code::Syntax,
                format!("`{word}` cannot stand {}", place.describe()),
            );
            let places: Vec<&str> = allowed.iter().map(|p| p.describe()).collect();
            return Err(Box::new(
                error
                    .at(&line[0].span, "")
                    .help(format!("it can stand {}", places.join(" or "))),
            ));
        }
        if word == "help" {
            cursor.end()?;
            let text = lexer.help_text();
            let warning = text.is_empty().then(|| {
                Diagnostic::warning(Code::Definition, "this help text is empty")
                    .at(&line[0].span, "")
                    .help("indent the text below it")
            });
            if let Some(attributes) = self.target_attributes() {
                attributes.help = Some(text);
            }
            if let Some(warning) = warning {
                self.diagnostics.push(warning);
            }
            return Ok(());
        }
        self.valued(word, cursor)
    }

    fn valued(&mut self, word: &str, cursor: &mut Cursor<'_>) -> Parsed<()> {
        let span = cursor.line_span();
        let classic = self.is_classic();
        let kind = match word {
            "bool" | "def_bool" => Some(Kind::Bool),
            "tristate" | "def_tristate" => Some(Kind::Tristate),
            "int" => Some(Kind::Int),
            "hex" => Some(Kind::Hex),
            "string" => Some(Kind::String),
            _ => None,
        };
        let mut list: Vec<(AttributeKind, Option<Expr>)> = Vec::new();
        if let Some(kind) = kind {
            list.push((AttributeKind::Type(kind), None));
        }
        match word {
            "def_bool" | "def_tristate" | "default" => {
                let value = cursor.expr()?;
                list.push((AttributeKind::Default(value), cursor.condition()?));
            }
            "depends" => {
                if !cursor.take_word("on") {
                    return Err(cursor
                        .expected("`on`", "dependencies are written `depends on <expression>`"));
                }
                let expr = cursor.expr()?;
                list.push((AttributeKind::Depends(expr), cursor.condition()?));
            }
            "visible" => {
                if !cursor.take_word("if") {
                    return Err(
                        cursor.expected("`if`", "visibility is written `visible if <expression>`")
                    );
                }
                let expr = cursor.expr()?;
                cursor.end()?;
                list.push((AttributeKind::Visible(expr), None));
            }
            "select" | "imply" => {
                let (target, _) = cursor.symbol()?;
                let make = if word == "select" {
                    AttributeKind::Select
                } else {
                    AttributeKind::Imply
                };
                list.push((make(target), cursor.condition()?));
            }
            "range" => {
                let (low, high) = (cursor.operand()?, cursor.operand()?);
                list.push((AttributeKind::Range(low, high), cursor.condition()?));
            }
            "modules" => {
                cursor.end()?;
                list.push((AttributeKind::Modules, None));
            }
            "transitional" => {
                cursor.end()?;
                list.push((AttributeKind::Transitional, None));
            }
            "optional" => {
                cursor.end()?;
                list.push((AttributeKind::Classic(Classic::Optional), None));
            }
            "option" => {
                let option = option(cursor)?;
                if let (AttributeKind::Classic(Classic::Env(name)), Target::Config(symbol, _)) =
                    (&option, &self.target)
                {
                    let alias = cursor.name(*symbol).to_owned();
                    self.macros.borrow_mut().aliases.insert(alias, name.clone());
                }
                list.push((option, None));
            }
            _ => {
                if word == "prompt" || cursor.peek().is_some() {
                    let bare = |t: &&Token| matches!(t.kind, TokenKind::Word(_)) && classic;
                    let text = match cursor.peek().filter(bare) {
                        // Old trees may leave the quotes out.
                        Some(word) => cursor.next().unwrap_or(word),
                        None => cursor.quoted("the prompt")?,
                    };
                    let condition = cursor.condition()?;
                    let mut scratch = Attributes {
                        span: span.clone(),
                        list: Vec::new(),
                        help: None,
                    };
                    self.prompt(&mut scratch, text, condition);
                    list.extend(scratch.list.into_iter().map(|a| (a.kind, a.condition)));
                }
            }
        }
        if let Some(attributes) = self.target_attributes() {
            attributes
                .list
                .extend(list.into_iter().map(|(kind, condition)| Attribute {
                    span: span.clone(),
                    kind,
                    condition,
                }));
        }
        Ok(())
    }

    /// Adds a prompt or title.
    pub fn prompt(&mut self, attributes: &mut Attributes, text: &Token, condition: Option<Expr>) {
        let trimmed = text.text.trim_start();
        if trimmed.len() != text.text.len() {
            self.diagnostics.push(
                Diagnostic::warning(
                    Code::Definition,
                    "white space at the start of this text is ignored",
                )
                .at(&text.span, "")
                .help(format!("write {:?}", trimmed)),
            );
        }
        attributes.list.push(Attribute {
            span: text.span.clone(),
            kind: AttributeKind::Prompt(trimmed.to_owned()),
            condition,
        });
    }
}

/// What stands after `option`.
fn option(cursor: &mut Cursor<'_>) -> Parsed<AttributeKind> {
    let found = if cursor.take_word("modules") {
        AttributeKind::Modules
    } else if cursor.take_word("defconfig_list") {
        AttributeKind::Classic(Classic::DefconfigList)
    } else if cursor.take_word("allnoconfig_y") {
        AttributeKind::Classic(Classic::AllNoConfigY)
    } else if cursor.take_word("env") {
        if !cursor.take_op("=") {
            return Err(cursor.expected("`=`", "for example option env=\"ARCH\""));
        }
        let name = cursor.quoted("the name of a variable of the environment")?;
        AttributeKind::Classic(Classic::Env(name.text.clone()))
    } else {
        return Err(cursor.expected(
            "`modules`, `env`, `defconfig_list` or `allnoconfig_y`",
            "for example option env=\"ARCH\"",
        ));
    };
    cursor.end()?;
    Ok(found)
}

/// The error for a line that starts with no key word.
fn unknown(line: &[Token], cursor: &Cursor<'_>) -> Box<Diagnostic> {
    let first = &line[0];
    match (&first.kind, first.text.as_str()) {
        (TokenKind::Word(false), "option") => {
            return unsupported(
                line,
                "`option` belongs to an older dialect",
            )
            .help_boxed("for `option modules` write `modules`, for `option env` use $(NAME); or read the tree with the classic dialect (--dialect classic)");
        }
        (TokenKind::Word(false), "optional") => {
            return unsupported(
                line,
                "`optional` belongs to an older dialect",
            )
            .help_boxed("give the choice a member for \"none\", or read the tree with the classic dialect (--dialect classic)");
        }
        (TokenKind::Word(false), "---help---") => {
            return unsupported(line, "`---help---` belongs to an older dialect").help_boxed(
                "write `help`, or read the tree with the classic dialect (--dialect classic)",
            );
        }
        _ => {}
    }
    let error = match first.kind {
        TokenKind::Word(false) => Diagnostic::error(
            Code::Syntax,
            format!("`{}` starts no statement", first.text),
        )
        .at(&first.span, ""),
        _ => Diagnostic::error(Code::Syntax, "a statement starts with a key word")
            .at(&cursor.line_span(), ""),
    };
    let near = RESERVED
        .iter()
        .filter(|k| distance(&first.text, k) <= 2)
        .min_by_key(|k| distance(&first.text, k));
    Box::new(match near {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("help text must be indented more than its first line; statements start with a key word such as `config`, `menu`, `source`"),
    })
}

/// The number of single-character edits between two short words.
pub(crate) fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 3 || a.len() > 64 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = (diagonal + usize::from(x != *y))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], cost);
        }
    }
    row[b.len()]
}
