//! Source text, places in it, and locations as people read them.
//!
//! Every token, expression and assignment knows the file and the bytes it came from, so that an error found
//! much later (an assignment that did not take) can still show the line of the dependency that failed.
//! Spans are byte ranges; line and column are computed when a message is rendered, and count from 1, the
//! column in characters.

use std::fmt;
use std::sync::Arc;

use crate::diag::{Code, Diagnostic};

/// A text that was read, with the name it is shown under.
#[derive(Debug)]
pub struct SourceFile {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// Wraps `text`, to be shown as `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let mut line_starts = vec![0];
        line_starts.extend(
            text.bytes()
                .enumerate()
                .filter(|(_, b)| *b == b'\n')
                .map(|(i, _)| i + 1),
        );
        Arc::new(Self {
            name: name.into(),
            text,
            line_starts,
        })
    }

    /// The name shown in messages: usually the path as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line (from 1) and column (from 1, in characters) of a byte offset; offsets beyond the end mean the end.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self
            .line_starts
            .partition_point(|start| *start <= offset)
            .max(1);
        let start = self.line_starts[line - 1];
        (line, self.text[start..offset].chars().count() + 1)
    }

    /// The byte offset at which `line` (from 1) starts; the end of the text when there is no such line.
    pub fn line_start(&self, line: usize) -> usize {
        self.line_starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(self.text.len())
    }

    /// The text of `line` (from 1) without its line end; empty when there is no such line.
    pub fn line(&self, line: usize) -> &str {
        let start = self.line_start(line);
        let rest = &self.text[start..];
        rest.split('\n').next().unwrap_or("").trim_end_matches('\r')
    }
}

/// Wraps bytes that must be UTF-8; a byte order mark at the start is dropped.
///
/// # Errors
/// The first byte that is not UTF-8, with its line.
pub(crate) fn decode(name: &str, bytes: Vec<u8>) -> Result<Arc<SourceFile>, Box<Diagnostic>> {
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let found = bytes.get(start).copied().unwrap_or_default();
            // Each wrong byte becomes one replacement character, so everything before `start` stays in place.
            let file = SourceFile::new(name, String::from_utf8_lossy(&bytes));
            let span = Span {
                file,
                start,
                end: start + 1,
            };
            return Err(Box::new(
                Diagnostic::error(Code::Encoding, format!("{name} is not UTF-8 text"))
                    .at(&span, format!("the byte {found:#04x}"))
                    .help("convert the file, for example: iconv -f latin1 -t utf-8"),
            ));
        }
    };
    Ok(SourceFile::new(
        name,
        text.strip_prefix('\u{feff}').unwrap_or(&text),
    ))
}

/// A byte range of a source file.
#[derive(Clone)]
pub struct Span {
    /// The file.
    pub file: Arc<SourceFile>,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range from the start of `self` to the end of `other`, which must be of the same file.
    pub fn to(&self, other: &Span) -> Span {
        Span {
            file: self.file.clone(),
            start: self.start,
            end: other.end.max(self.start),
        }
    }

    /// Where the range starts.
    pub fn location(&self) -> Location {
        let (line, column) = self.file.position(self.start);
        Location {
            file: self.file.name().to_owned(),
            line,
            column,
        }
    }

    /// The text in the range.
    pub fn text(&self) -> &str {
        self.file.text().get(self.start..self.end).unwrap_or("")
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location())
    }
}

/// A place as people read it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// File name as shown.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_from_one_in_characters() {
        let file = SourceFile::new("f", "aé\r\nb");
        assert_eq!(file.position(0), (1, 1));
        assert_eq!(file.position(3), (1, 3));
        assert_eq!(
            file.position(2),
            (1, 2),
            "inside a character is that character"
        );
        assert_eq!(file.position(5), (2, 1));
        assert_eq!(file.position(99), (2, 2));
        assert_eq!(file.line(1), "aé");
        assert_eq!(file.line(9), "");
    }
}
