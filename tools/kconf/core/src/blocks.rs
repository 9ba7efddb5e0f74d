//! Blocks: `menu`, `choice` and `if`, and what ends them.
//!
//! Open blocks are kept on the parser's own stack, bounded by a constant. A block ends in the file it started in.

use crate::ast::{Attributes, Item};
use crate::diag::{Code, Diagnostic};
use crate::expr::{Expr, SymbolId};
use crate::lexer::Token;
use crate::parse_expr::Cursor;
use crate::parser::{BoxedHelp, Parsed, Parser, Target, unsupported};

/// How deep blocks may nest, over all files.
const MAX_BLOCKS: usize = 128;

/// An open block.
pub(crate) enum Block {
    /// The root.
    Top,
    Menu,
    /// With its name, if it has one.
    Choice(Option<SymbolId>),
    If(Option<Expr>),
}

impl Block {
    pub fn opener(&self) -> &'static str {
        match self {
            Block::Top => "",
            Block::Menu => "menu",
            Block::Choice(_) => "choice",
            Block::If(_) => "if",
        }
    }
}

pub(crate) struct Frame {
    pub block: Block,
    pub attributes: Attributes,
    pub items: Vec<Item>,
}

impl Parser<'_> {
    /// Refuses what a choice cannot contain.
    pub fn not_in_choice(&self, word: &str, line: &[Token]) -> Parsed<()> {
        let choice = self
            .frames
            .iter()
            .rev()
            .find(|f| !matches!(f.block, Block::If(_)));
        match choice {
            Some(Frame {
                block: Block::Choice(_),
                attributes,
                ..
            }) => Err(Box::new(
                Diagnostic::error(Code::Syntax, format!("`{word}` cannot stand in a choice"))
                    .at(&line[0].span, "")
                    .at(&attributes.span, "the choice starts here")
                    .help("a choice contains `config`, `comment` and `if` only"),
            )),
            _ => Ok(()),
        }
    }

    /// Opens a `menu`, `choice` or `if`.
    pub fn open(&mut self, word: &str, cursor: &mut Cursor<'_>, line: &[Token]) -> Parsed<()> {
        let mut attributes = self.attributes(cursor.line_span());
        // A block is opened even if its line is wrong, so that its end does not become an error too.
        let mut result = if word == "if" {
            Ok(())
        } else {
            self.not_in_choice(word, line)
        };
        let block = match word {
            "menu" => {
                match cursor.quoted("the menu's title") {
                    Ok(text) => self.prompt(&mut attributes, text, None),
                    Err(error) => result = result.and(Err(error)),
                }
                Block::Menu
            }
            "choice" => {
                let mut name = None;
                if cursor.peek().is_some() && self.is_classic() {
                    match cursor.symbol() {
                        Ok((symbol, _)) => name = Some(symbol),
                        Err(error) => result = result.and(Err(error)),
                    }
                } else if cursor.peek().is_some() {
                    let error =
                        unsupported(line, "a choice with a name belongs to an older dialect");
                    result = result.and(Err(error.help_boxed(
                        "leave the name out, or read the tree with the classic dialect (--dialect classic)",
                    )));
                }
                Block::Choice(name)
            }
            _ => match cursor.expr() {
                Ok(expr) => Block::If(Some(expr)),
                Err(error) => {
                    result = result.and(Err(error));
                    Block::If(None)
                }
            },
        };
        if self.frames.len() > MAX_BLOCKS {
            self.stop = true;
            return Err(Box::new(
                Diagnostic::error(
                    Code::Limit,
                    format!("blocks nest more than {MAX_BLOCKS} deep"),
                )
                .at(&line[0].span, "")
                .help("flatten the menus, or look for a missing `end...`"),
            ));
        }
        self.target = if matches!(block, Block::If(_)) {
            Target::Nothing
        } else {
            Target::Frame
        };
        self.frames.push(Frame {
            block,
            attributes,
            items: Vec::new(),
        });
        result.and_then(|()| cursor.end())
    }

    /// Closes the block that `word` ends; `base` is the first block opened in this file.
    pub fn close(&mut self, word: &str, line: &[Token], base: usize) -> Parsed<()> {
        let opener = word.trim_start_matches("end");
        let open = &self.frames[base..];
        let Some(depth) = open.iter().rposition(|f| f.block.opener() == opener) else {
            let error = Diagnostic::error(Code::Syntax, format!("`{word}` without `{opener}`"));
            let help = match open.last() {
                Some(frame) => format!(
                    "the open block is `{0}`; it ends with `end{0}`",
                    frame.block.opener()
                ),
                None => format!("remove it, or put the missing `{opener}` in this file"),
            };
            return Err(Box::new(error.at(&line[0].span, "").help(help)));
        };
        let mut result = Ok(());
        while self.frames.len() > base + depth {
            if self.frames.len() > base + depth + 1
                && let Some(inner) = self.frames.last()
            {
                let name = inner.block.opener();
                result = Err(Box::new(
                    Diagnostic::error(Code::Syntax, format!("`{word}` while `{name}` is open"))
                        .at(&line[0].span, "")
                        .at(&inner.attributes.span, "this is still open")
                        .help(format!("put `end{name}` before this line")),
                ));
            }
            self.pop();
        }
        result
    }

    /// Closes the block on top.
    pub fn pop(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        let item = match frame.block {
            Block::Top => return,
            Block::Menu => Item::Menu(frame.attributes, frame.items),
            Block::Choice(name) => Item::Choice(name, frame.attributes, frame.items),
            Block::If(condition) => Item::If(condition, frame.items),
        };
        self.add(item);
    }

    /// Adds an item to the block on top.
    pub fn add(&mut self, item: Item) {
        if let Some(frame) = self.frames.last_mut() {
            frame.items.push(item);
        }
    }
}
