//! From the text of one file to logical lines of tokens, each token with its span.
//!
//! The language is line-oriented and context-sensitive: a statement ends with its line, help text follows its
//! own rules, and what a word means depends on where it stands. So the lexer hands out one line of tokens at
//! a time and the parser asks for help text when it has seen `help`. `$(…)` is expanded before a token is made;
//! assignments to variables come out as a word, an operator and the rest of the line. Mistakes in a line are reported and
//! the line is still handed out as far as it could be read, so the parser can go on.

use std::cell::RefCell;
use std::sync::Arc;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::macros::{Macros, closing_parenthesis};
use crate::parse_expr::RESERVED;
use crate::source::{SourceFile, Span};

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Letters, digits, `_` and `-`; true if a macro took part, so it cannot be a key word.
    Word(bool),
    /// Text in quotes.
    Quoted,
    /// An operator or parenthesis.
    Op,
    /// The value in an assignment to a variable, not expanded.
    Raw,
}

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    pub kind: TokenKind,
    /// The word, the quoted text without quotes and escapes, or the operator.
    pub text: String,
    pub span: Span,
}

impl Token {
    /// Whether it is exactly the word `text`, not quoted and not from a macro.
    pub fn is_word(&self, text: &str) -> bool {
        self.kind == TokenKind::Word(false) && self.text == text
    }

    /// Whether it is the operator `text`.
    pub fn is_op(&self, text: &str) -> bool {
        self.kind == TokenKind::Op && self.text == text
    }
}

/// Longest first, so that `<=` is not read as `<`.
const OPERATORS: [&str; 14] = [
    "&&", "||", "!=", "<=", ">=", ":=", "+=", "=", "<", ">", "!", "(", ")", ",",
];

/// The lexer of one file.
pub struct Lexer<'e> {
    file: Arc<SourceFile>,
    pos: usize,
    macros: &'e RefCell<Macros<'e>>,
    classic: bool,
    pub diagnostics: Diagnostics,
}

impl<'e> Lexer<'e> {
    pub fn new(file: Arc<SourceFile>, macros: &'e RefCell<Macros<'e>>) -> Self {
        Self {
            file,
            pos: 0,
            macros,
            classic: macros.borrow().dialect().is_classic(),
            diagnostics: Diagnostics::new(),
        }
    }

    fn rest(&self) -> &str {
        self.file.text().get(self.pos..).unwrap_or("")
    }

    fn span(&self, start: usize) -> Span {
        Span {
            file: self.file.clone(),
            start,
            end: self.pos,
        }
    }

    /// The next line that has tokens; none at the end of the file.
    pub fn next_line(&mut self) -> Option<Vec<Token>> {
        let mut line = Vec::new();
        while let Some(character) = self.rest().chars().next() {
            let start = self.pos;
            match character {
                '\n' => {
                    self.pos += 1;
                    if !line.is_empty() {
                        return Some(line);
                    }
                }
                ' ' | '\t' => self.pos += 1,
                '\r' if self.rest().starts_with("\r\n") => self.pos += 1,
                '\\' if self.rest().starts_with("\\\n") => self.pos += 2,
                '\\' if self.rest().starts_with("\\\r\n") => self.pos += 3,
                '#' => self.skip_to_line_end(),
                '"' | '\'' => line.push(self.quoted(character)),
                _ if self.classic && is_inclusion(&line) => line.push(self.bare_path()),
                c if self.is_word_char(c) || c == '$' => line.extend(self.word()),
                c => match OPERATORS.iter().find(|op| self.rest().starts_with(**op)) {
                    Some(op) => {
                        self.pos += op.len();
                        let span = self.span(start);
                        line.push(Token {
                            kind: TokenKind::Op,
                            text: (*op).to_owned(),
                            span,
                        });
                        if self.assigned_value(&mut line) {
                            return Some(line);
                        }
                    }
                    None => {
                        self.pos += c.len_utf8();
                        let span = self.span(start);
                        self.diagnostics.push(self.stray(c, &span));
                    }
                },
            }
        }
        (!line.is_empty()).then_some(line)
    }

    fn stray(&self, c: char, span: &Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(
            Code::Syntax,
            format!("the character {c:?} has no meaning here"),
        )
        .at(span, "");
        match c {
            '&' | '|' => diagnostic.help(format!("the operator is `{c}{c}`")),
            '/' | '.' => diagnostic.help("a path stands in double quotes"),
            _ => diagnostic.help("text stands in double quotes, a comment starts with `#`"),
        }
    }

    /// Characters of symbol names and key words; in the classic dialect also those of paths.
    fn is_word_char(&self, c: char) -> bool {
        c.is_ascii_alphanumeric()
            || c == '_'
            || c == '-'
            || (self.classic && (c == '/' || c == '.'))
    }

    fn skip_to_line_end(&mut self) {
        self.pos += self.rest().find('\n').unwrap_or(self.rest().len());
    }

    /// A word, which may contain macros; none if it expands to nothing.
    fn word(&mut self) -> Option<Token> {
        let start = self.pos;
        let mut text = String::new();
        let mut expanded = false;
        while let Some(c) = self.rest().chars().next() {
            if self.is_word_char(c) {
                text.push(c);
                self.pos += c.len_utf8();
            } else if c == '$' {
                expanded = true;
                text.push_str(&self.dollar());
            } else {
                break;
            }
        }
        let span = self.span(start);
        (!text.is_empty()).then_some(Token {
            kind: TokenKind::Word(expanded),
            text,
            span,
        })
    }

    /// A path without quotes, to the next blank.
    fn bare_path(&mut self) -> Token {
        let start = self.pos;
        let rest = self.rest();
        self.pos += rest.find(char::is_whitespace).unwrap_or(rest.len());
        let span = self.span(start);
        Token {
            kind: TokenKind::Quoted,
            text: span.text().to_owned(),
            span,
        }
    }

    fn quoted(&mut self, quote: char) -> Token {
        let start = self.pos;
        self.pos += 1;
        let mut text = String::new();
        loop {
            match self.rest().chars().next() {
                None | Some('\n') => {
                    let mut end = self.pos;
                    if self.file.text()[..end].ends_with('\r') {
                        end -= 1;
                    }
                    let span = Span {
                        end,
                        ..self.span(start)
                    };
                    self.diagnostics.push(
                        Diagnostic::error(Code::Syntax, "this text has no closing quote")
                            .at(&span, format!("opened with {quote} here"))
                            .help(format!(
                                "close it with {quote} on the same line; text cannot span lines"
                            )),
                    );
                    break;
                }
                Some('\\') => {
                    self.pos += 1;
                    match self.rest().chars().next() {
                        None | Some('\n') => {}
                        Some(c) => {
                            text.push(c);
                            self.pos += c.len_utf8();
                        }
                    }
                }
                Some('$') => text.push_str(&self.dollar()),
                Some(c) => {
                    self.pos += c.len_utf8();
                    if c == quote {
                        break;
                    }
                    text.push(c);
                }
            }
        }
        Token {
            kind: TokenKind::Quoted,
            text,
            span: self.span(start),
        }
    }

    /// What a `$` at the current position stands for.
    fn dollar(&mut self) -> String {
        let start = self.pos;
        self.pos += 1;
        if !self.rest().starts_with('(') {
            // As in the reference, a `$` without parenthesis is itself.
            return "$".to_owned();
        }
        let Some(length) = closing_parenthesis(self.rest()) else {
            self.pos = start + 2;
            let span = self.span(start);
            self.skip_to_line_end();
            self.diagnostics.push(
                Diagnostic::error(Code::Syntax, "this `$(` is never closed")
                    .at(&span, "")
                    .help("write `$(NAME)`, on one line"),
            );
            return String::new();
        };
        self.pos += length;
        let span = self.span(start);
        let mut macros = self.macros.borrow_mut();
        let found = macros.expand(span.text(), &span);
        for warning in macros.warnings.drain(..) {
            self.diagnostics.push(warning);
        }
        found.unwrap_or_else(|error| {
            self.diagnostics.push(*error);
            String::new()
        })
    }

    /// Whether `line` and what follows it assign to a variable of the macro language; then the value is added to it,
    /// which is the rest of the line as it stands.
    fn assigned_value(&mut self, line: &mut Vec<Token>) -> bool {
        let [name, operator] = line.as_slice() else {
            return false;
        };
        let named = match name.kind {
            TokenKind::Word(false) => !RESERVED.contains(&name.text.as_str()),
            TokenKind::Word(true) => true,
            _ => false,
        };
        if !named || !["=", ":=", "+="].iter().any(|op| operator.is_op(op)) {
            return false;
        }
        let blank = |c| c == ' ' || c == '\t';
        self.pos += self.rest().len() - self.rest().trim_start_matches(blank).len();
        let start = self.pos;
        self.skip_to_line_end();
        let span = self.span(start);
        let text = span.text().trim_end_matches('\r').to_owned();
        line.push(Token {
            kind: TokenKind::Raw,
            text,
            span,
        });
        true
    }

    /// The help text that starts on the next line, without its indentation.
    ///
    /// The first line that is not blank sets the indentation (tabs count to the next multiple of eight); the
    /// text ends before the first line with less, and at once if that is none.
    pub fn help_text(&mut self) -> String {
        let mut lines: Vec<String> = Vec::new();
        let mut indent = None;
        while self.pos < self.file.text().len() {
            let rest = self.rest();
            let length = rest.find('\n').map_or(rest.len(), |n| n + 1);
            let line = rest[..length].trim_end_matches(['\n', '\r']);
            let body = line.trim_start_matches([' ', '\t']);
            if body.is_empty() {
                lines.push(String::new());
            } else {
                let width = line[..line.len() - body.len()]
                    .chars()
                    .fold(0usize, |width, c| {
                        if c == '\t' {
                            width / 8 * 8 + 8
                        } else {
                            width + 1
                        }
                    });
                let indent = *indent.get_or_insert(width);
                if width == 0 || width < indent {
                    break;
                }
                lines.push(format!("{}{}", " ".repeat(width - indent), body.trim_end()));
            }
            self.pos += length;
        }
        let text = lines.join("\n");
        text.trim_matches('\n').to_owned()
    }
}

/// Whether a path comes next.
fn is_inclusion(line: &[Token]) -> bool {
    matches!(line, [word] if ["source", "rsource", "osource", "orsource"].iter().any(|w| word.is_word(w)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::Env;

    fn lines(text: &str) -> (Vec<Vec<String>>, usize) {
        let mut env = Env::default();
        env.variables.insert("ARCH".to_owned(), "arm64".to_owned());
        let macros = RefCell::new(Macros::new(&env));
        let mut lexer = Lexer::new(SourceFile::new("f", text), &macros);
        let mut out = Vec::new();
        while let Some(line) = lexer.next_line() {
            out.push(line.into_iter().map(|t| t.text).collect());
        }
        (out, lexer.diagnostics.len())
    }

    #[test]
    fn lines_end_with_cr_lf_and_continue_after_a_backslash() {
        let (found, mistakes) = lines("config A # why\r\n\tdepends on \\\n B&&!C\r\n\r\n");
        assert_eq!(
            found,
            [
                vec!["config", "A"],
                vec!["depends", "on", "B", "&&", "!", "C"]
            ]
        );
        assert_eq!(mistakes, 0);
    }

    #[test]
    fn quotes_hide_comments_and_backslashes_escape() {
        let (found, mistakes) = lines("bool \"a # \\\"b\\\" \\c\" 'it\"s'\n");
        assert_eq!(found, [vec!["bool", "a # \"b\" c", "it\"s"]]);
        assert_eq!(mistakes, 0);
    }

    #[test]
    fn variables_of_the_environment_expand_in_words_and_quotes() {
        let (found, mistakes) =
            lines("source \"arch/$(ARCH)/Kconfig\"\ndefault $(ARCH)_x $(NONE)\n");
        assert_eq!(
            found,
            [
                vec!["source", "arch/arm64/Kconfig"],
                vec!["default", "arm64_x"]
            ]
        );
        assert_eq!(mistakes, 0, "a variable that is not set is empty");
    }

    #[test]
    fn help_text_ends_where_the_indentation_shrinks() {
        let env = Env::default();
        let none = RefCell::new(Macros::new(&env));
        let mut lexer = Lexer::new(
            SourceFile::new("f", "\n\t  one\n\n\t    two \n\tdefault y\n"),
            &none,
        );
        assert_eq!(lexer.help_text(), "one\n\n  two");
        assert_eq!(
            lexer.next_line().map(|l| l[0].text.clone()).as_deref(),
            Some("default")
        );
    }

    #[test]
    fn unindented_text_is_no_help_text() {
        let env = Env::default();
        let none = RefCell::new(Macros::new(&env));
        let mut lexer = Lexer::new(SourceFile::new("f", "config B\n"), &none);
        assert_eq!(lexer.help_text(), "");
        assert!(lexer.next_line().is_some());
    }
}
