//! From files to the tree as written: statements, blocks, inclusion.
//!
//! One line is one statement. A line that cannot be read is reported and skipped, so one run finds the mistakes
//! of all files. Open blocks are kept on an explicit stack, and nesting, inclusion and the number of files are
//! bounded, so no input exhausts the stack or runs for ever. What stands below `config`, `menu` and so on is in
//! `attributes`.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::ast::{Attributes, Item};
use crate::blocks::{Block, Frame};
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::expr::SymbolId;
use crate::include::{Include, identity, read};
use crate::lexer::{Lexer, Token, TokenKind};
use crate::macros::Macros;
use crate::parse_expr::{Cursor, Names};
use crate::source::{SourceFile, Span};

/// After so many errors the rest is more likely noise.
const MAX_ERRORS: usize = 100;

pub(crate) type Parsed<T> = Result<T, Box<Diagnostic>>;

/// What the next attribute belongs to.
pub(crate) enum Target {
    Nothing,
    /// An entry whose first line could not be read; what follows is read and dropped.
    Broken,
    /// The menu or choice on top of the stack, which has no entries yet.
    Frame,
    Config(SymbolId, Attributes),
    Comment(Attributes),
}

/// The parser, over all files of a tree.
pub(crate) struct Parser<'e> {
    pub macros: &'e RefCell<Macros<'e>>,
    pub srctree: PathBuf,
    pub names: Names,
    pub diagnostics: Diagnostics,
    pub title: Option<String>,
    pub files: Vec<PathBuf>,
    pub frames: Vec<Frame>,
    pub target: Target,
    statements: usize,
    pub inclusions: usize,
    pub chain: Vec<(PathBuf, Option<Span>)>,
    pub stop: bool,
}

impl<'e> Parser<'e> {
    pub fn new(macros: &'e RefCell<Macros<'e>>, srctree: PathBuf) -> Self {
        Self {
            macros,
            srctree,
            names: Names::default(),
            diagnostics: Diagnostics::new(),
            title: None,
            files: Vec::new(),
            frames: Vec::new(),
            target: Target::Nothing,
            statements: 0,
            inclusions: 0,
            chain: Vec::new(),
            stop: false,
        }
    }

    /// Reads the tree below `root` and returns its items.
    pub fn parse(&mut self, root: &Path) -> Vec<Item> {
        let name = self.macros.borrow().name(root);
        match read(root, &name) {
            Err(error) => self.error(*error),
            Ok(file) => self.parse_source(root, file),
        }
        self.frames.pop().map(|f| f.items).unwrap_or_default()
    }

    /// As [`Parser::parse`], with the root file's text given.
    pub fn parse_text(&mut self, root: &Path, text: &str) -> Vec<Item> {
        self.parse_source(root, SourceFile::new(root.display().to_string(), text));
        self.frames.pop().map(|f| f.items).unwrap_or_default()
    }

    fn parse_source(&mut self, path: &Path, file: std::sync::Arc<SourceFile>) {
        let span = Span {
            file: file.clone(),
            start: 0,
            end: 0,
        };
        let attributes = Attributes {
            span,
            list: Vec::new(),
            help: None,
        };
        self.frames.push(Frame {
            block: Block::Top,
            attributes,
            items: Vec::new(),
        });
        self.chain.push((identity(path), None));
        self.files.push(path.to_owned());
        self.parse_file(file);
        self.chain.pop();
    }

    /// Whether the tree is read in the classic dialect.
    pub fn is_classic(&self) -> bool {
        self.macros.borrow().dialect().is_classic()
    }

    pub fn error(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
        if self
            .diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count()
            >= MAX_ERRORS
        {
            self.stop = true;
        }
    }

    pub fn parse_file(&mut self, file: std::sync::Arc<SourceFile>) {
        let base = self.frames.len();
        let macros = self.macros;
        let mut lexer = Lexer::new(file, macros);
        while !self.stop {
            let Some(line) = lexer.next_line() else { break };
            // What the lexer could not read makes nonsense of the rest of the line.
            let garbled = lexer.diagnostics.has_errors();
            for diagnostic in std::mem::take(&mut lexer.diagnostics).into_vec() {
                self.error(diagnostic);
            }
            if macros.borrow().stop {
                self.stop = true;
                break;
            }
            if let Err(error) = self.statement(&line, &mut lexer, base)
                && !garbled
            {
                self.error(*error);
            }
        }
        for diagnostic in std::mem::take(&mut lexer.diagnostics).into_vec() {
            self.error(diagnostic);
        }
        self.flush();
        while self.frames.len() > base {
            if let Some(frame) = self.frames.last()
                && !self.stop
            {
                let opener = frame.block.opener();
                let error =
                    Diagnostic::error(Code::Syntax, format!("this `{opener}` is never closed"))
                        .at(&frame.attributes.span, "")
                        .help(format!("close it with `end{opener}` in the same file"));
                self.error(error);
            }
            self.pop();
        }
    }

    fn statement(&mut self, line: &[Token], lexer: &mut Lexer<'_>, base: usize) -> Parsed<()> {
        let word = if line[0].kind == TokenKind::Word(false) {
            line[0].text.as_str()
        } else {
            ""
        };
        if let [name, operator, value] = line
            && value.kind == TokenKind::Raw
        {
            self.flush();
            let span = name.span.to(&value.span);
            let mut macros = self.macros.borrow_mut();
            let done = macros.assign(&name.text, &operator.text, &value.text, &span);
            for warning in std::mem::take(&mut macros.warnings) {
                self.diagnostics.push(warning);
            }
            return done;
        }
        self.statements += 1;
        let mut names = std::mem::take(&mut self.names);
        let mut cursor = Cursor::new(line, &mut names);
        cursor.next();
        let result = self.dispatch(word, &mut cursor, line, lexer, base);
        let pending = match result {
            Ok(Some(include)) => Some(include),
            Ok(None) => None,
            Err(error) => {
                self.names = names;
                return Err(error);
            }
        };
        self.names = names;
        match pending {
            Some(include) => self.include(include),
            None => Ok(()),
        }
    }

    fn dispatch(
        &mut self,
        word: &str,
        cursor: &mut Cursor<'_>,
        line: &[Token],
        lexer: &mut Lexer<'_>,
        base: usize,
    ) -> Parsed<Option<Include>> {
        let span = cursor.line_span();
        match word {
            "config" | "menuconfig" => {
                self.flush();
                self.target = Target::Broken;
                let (symbol, name) = cursor.symbol()?;
                let attributes = self.attributes(span);
                if matches!(name.text.as_str(), "n" | "m" | "y") {
                    let error =
                        Diagnostic::error(Code::Syntax, format!("`{}` is a constant", name.text));
                    return Err(Box::new(
                        error.at(&name.span, "").help("choose another name"),
                    ));
                }
                self.target = Target::Config(symbol, attributes);
                cursor.end()?;
            }
            "comment" => {
                self.flush();
                self.target = Target::Broken;
                let mut attributes = self.attributes(span);
                let text = cursor.quoted("the comment's text")?;
                self.prompt(&mut attributes, text, None);
                self.target = Target::Comment(attributes);
                cursor.end()?;
            }
            "menu" | "choice" | "if" => {
                self.flush();
                return self.open(word, cursor, line).map(|()| None);
            }
            "endmenu" | "endchoice" | "endif" => {
                self.flush();
                self.close(word, line, base)?;
                cursor.end()?;
            }
            "source" | "rsource" | "osource" | "orsource" => {
                self.flush();
                self.not_in_choice(word, line)?;
                if cursor
                    .peek()
                    .is_some_and(|t| matches!(t.kind, TokenKind::Word(_)))
                {
                    return Err(unsupported(
                        line,
                        "a path without quotes belongs to an older dialect",
                    )
                    .help_boxed("put the path in double quotes, or read the tree with the classic dialect (--dialect classic)"));
                }
                let path = cursor.quoted("the path of a file")?;
                cursor.end()?;
                return Ok(Some(Include {
                    path: path.text.clone(),
                    relative: word.ends_with("rsource"),
                    optional: word.starts_with('o'),
                    span,
                }));
            }
            "mainmenu" => {
                self.flush();
                let text = cursor.quoted("the title")?;
                cursor.end()?;
                if self.statements != 1 {
                    let error =
                        Diagnostic::error(Code::Syntax, "`mainmenu` must be the first statement");
                    return Err(Box::new(
                        error
                            .at(&span, "")
                            .help("move it to the top of the root file"),
                    ));
                }
                self.title = Some(self.macros.borrow_mut().classic_text(&text.text));
            }
            _ => self.attribute(word, cursor, line, lexer)?,
        }
        Ok(None)
    }

    pub fn attributes(&self, span: Span) -> Attributes {
        Attributes {
            span,
            list: Vec::new(),
            help: None,
        }
    }

    /// Ends the entry that attributes were added to.
    fn flush(&mut self) {
        match std::mem::replace(&mut self.target, Target::Nothing) {
            Target::Nothing | Target::Broken | Target::Frame => {}
            Target::Config(symbol, attributes) => self.add(Item::Config(symbol, attributes)),
            Target::Comment(attributes) => self.add(Item::Comment(attributes)),
        }
    }
}

/// The error for something that exists in the language, but not here.
pub(crate) fn unsupported(line: &[Token], message: &str) -> Box<Diagnostic> {
    let span = line[0].span.to(&line[line.len() - 1].span);
    Box::new(Diagnostic::error(Code::Unsupported, message).at(&span, ""))
}

pub(crate) trait BoxedHelp {
    /// [`Diagnostic::help`] on a boxed diagnostic.
    fn help_boxed(self, text: &str) -> Self;
}

impl BoxedHelp for Box<Diagnostic> {
    fn help_boxed(mut self, text: &str) -> Self {
        self.helps.push(text.to_owned());
        self
    }
}
