//! Reading TOML so that one pass finds every mistake.
//!
//! serde stops at the first mistake of a file; whoever writes a machine description makes several at once
//! and wants to hear of all of them. So the tables are read by hand: a [`Table`] hands out typed values
//! with their places, collects what is wrong in a [`Sink`], and goes on. Each table names the keys it
//! knows; others are refused, with the closest known key beside them.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::diag::{Diagnostic, Source};
use crate::{size, suggest};

/// Collects mistakes.
#[derive(Default)]
pub(crate) struct Sink(RefCell<Vec<Diagnostic>>);

impl Sink {
    pub fn push(&self, diagnostic: Diagnostic) {
        self.0.borrow_mut().push(diagnostic);
    }

    pub fn into_inner(self) -> Vec<Diagnostic> {
        self.0.into_inner()
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At<T> {
    pub value: T,
    pub span: Range<usize>,
}

impl<T> At<T> {
    pub fn new(value: T, span: Range<usize>) -> Self {
        Self { value, span }
    }
}

type Raw<'i> = Spanned<DeValue<'i>>;

/// Parses a file. If it is not valid TOML the error has every mistake in its syntax, and nothing else: what
/// a half-understood file says about keys and values would mislead.
pub(crate) fn parse(source: &Source) -> Result<Spanned<DeTable<'_>>, Vec<Diagnostic>> {
    let (document, errors) = DeTable::parse_recoverable(&source.text);
    if errors.is_empty() {
        return Ok(document);
    }
    Err(errors
        .iter()
        .map(|error| {
            Diagnostic::new(error.span().unwrap_or(0..0), "this is not valid TOML")
                .label(error.message().to_owned())
        })
        .collect())
}

/// A TOML table being read.
pub(crate) struct Table<'a, 'i> {
    table: &'a DeTable<'i>,
    /// Where it stands, for mistakes that concern all of it.
    pub span: Range<usize>,
    /// What it is, for messages: "a VM", "[uart]".
    what: &'static str,
    /// Known keys that an unknown one was probably meant to be.
    misspelt: Vec<String>,
    sink: &'a Sink,
}

impl<'a, 'i> Table<'a, 'i> {
    /// Starts reading, and reports every key that is not among `known`.
    pub fn new(
        table: &'a DeTable<'i>,
        span: Range<usize>,
        what: &'static str,
        known: &[&str],
        sink: &'a Sink,
    ) -> Self {
        let mut misspelt = Vec::new();
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let mut error = Diagnostic::new(key.span(), format!("{what} has no key `{name}`"));
            error = match suggest::closest(name, known.iter().copied()) {
                Some(close) => {
                    misspelt.push(close.to_owned());
                    error.label(format!("did you mean `{close}`?"))
                }
                None => error.label("unknown key"),
            };
            sink.push(error.help(format!("the keys of {what} are: {}", known.join(", "))));
        }
        Self {
            table,
            span,
            what,
            misspelt,
            sink,
        }
    }

    fn get(&self, key: &str) -> Option<(&'a Raw<'i>, Range<usize>)> {
        self.table.get_key_value(key).map(|(k, v)| (v, k.span()))
    }

    /// Where a key stands, if it does.
    pub fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.get(key).map(|(_, span)| span)
    }

    /// The value of a key as it is.
    pub fn raw(&self, key: &str) -> Option<&'a Raw<'i>> {
        self.get(key).map(|(value, _)| value)
    }

    /// Reports that a key is missing, with an example of what it could be.
    pub fn missing(&self, key: &str, example: &str) {
        if self.misspelt.iter().any(|meant| meant == key) {
            return;
        }
        self.sink.push(
            Diagnostic::new(
                self.span.clone(),
                format!("{} needs the key `{key}`", self.what),
            )
            .label(format!("`{key}` is missing"))
            .help(format!("for example: {key} = {example}")),
        );
    }

    pub fn string(&self, key: &str) -> Option<At<String>> {
        string(self.raw(key)?, key, self.sink)
    }

    pub fn strings(&self, key: &str) -> Vec<At<String>> {
        let Some(array) = self.array(key) else {
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|item| string(item, key, self.sink))
            .collect()
    }

    /// An array, whatever its elements are.
    pub fn array(&self, key: &str) -> Option<&'a DeArray<'i>> {
        let raw = self.raw(key)?;
        match raw.get_ref() {
            DeValue::Array(array) => Some(array),
            other => {
                wrong_type(raw, other, key, "a list, like [..]", self.sink);
                None
            }
        }
    }

    pub fn integer(&self, key: &str) -> Option<At<u64>> {
        integer(self.raw(key)?, key, self.sink)
    }

    /// An integer that must fit 32 bits.
    pub fn integer32(&self, key: &str) -> Option<At<u32>> {
        let wide = self.integer(key)?;
        match u32::try_from(wide.value) {
            Ok(value) => Some(At::new(value, wide.span)),
            Err(_) => {
                self.sink.push(
                    Diagnostic::new(wide.span, format!("`{key}` is too large"))
                        .label("does not fit 32 bits"),
                );
                None
            }
        }
    }

    pub fn boolean(&self, key: &str, default: bool) -> bool {
        let Some(raw) = self.raw(key) else {
            return default;
        };
        match raw.get_ref() {
            DeValue::Boolean(value) => *value,
            other => {
                wrong_type(raw, other, key, "true or false", self.sink);
                default
            }
        }
    }

    pub fn size(&self, key: &str) -> Option<At<u64>> {
        size_value(self.raw(key)?, key, self.sink)
    }

    /// A sub-table, `[key]` or inline.
    pub fn table(&self, key: &str, what: &'static str, known: &[&str]) -> Option<Table<'a, 'i>> {
        table(self.raw(key)?, key, what, known, self.sink)
    }

    /// A list of tables, `[[key]]` or a list of inline tables.
    pub fn tables(&self, key: &str, what: &'static str, known: &[&str]) -> Vec<Table<'a, 'i>> {
        let Some(array) = self.array(key) else {
            return Vec::new();
        };
        array
            .iter()
            .filter_map(|item| table(item, key, what, known, self.sink))
            .collect()
    }
}

/// Reads a value as a table.
pub(crate) fn table<'a, 'i>(
    raw: &'a Raw<'i>,
    key: &str,
    what: &'static str,
    known: &[&str],
    sink: &'a Sink,
) -> Option<Table<'a, 'i>> {
    match raw.get_ref() {
        DeValue::Table(table) => Some(Table::new(table, raw.span(), what, known, sink)),
        other => {
            wrong_type(raw, other, key, "a table, like { .. }", sink);
            None
        }
    }
}

/// Reads a value as a string.
pub(crate) fn string(raw: &Raw<'_>, key: &str, sink: &Sink) -> Option<At<String>> {
    match raw.get_ref() {
        DeValue::String(text) if text.contains('\0') => {
            // Names and command lines end up as C strings.
            sink.push(Diagnostic::new(
                raw.span(),
                format!("`{key}` must not contain a NUL character"),
            ));
            None
        }
        DeValue::String(text) => Some(At::new(text.clone().into_owned(), raw.span())),
        other => {
            wrong_type(raw, other, key, "a string in quotes", sink);
            None
        }
    }
}

/// Reads a value as a number that is not negative.
pub(crate) fn integer(raw: &Raw<'_>, key: &str, sink: &Sink) -> Option<At<u64>> {
    let DeValue::Integer(number) = raw.get_ref() else {
        wrong_type(raw, raw.get_ref(), key, "a number", sink);
        return None;
    };
    match u64::from_str_radix(number.as_str().trim_start_matches('+'), number.radix()) {
        Ok(value) => Some(At::new(value, raw.span())),
        Err(_) => {
            let label = if number.as_str().starts_with('-') {
                "must not be negative"
            } else {
                "does not fit 64 bits"
            };
            sink.push(Diagnostic::new(raw.span(), format!("`{key}` is out of range")).label(label));
            None
        }
    }
}

/// Reads a value as a size: a number of bytes, or a string with a unit.
pub(crate) fn size_value(raw: &Raw<'_>, key: &str, sink: &Sink) -> Option<At<u64>> {
    match raw.get_ref() {
        DeValue::Integer(_) => integer(raw, key, sink),
        DeValue::String(text) => match size::parse(text) {
            Ok(bytes) => Some(At::new(bytes, raw.span())),
            Err(expected) => {
                sink.push(
                    Diagnostic::new(raw.span(), format!("`{key}` is not a size"))
                        .label("cannot be read as a size")
                        .help(expected),
                );
                None
            }
        },
        other => {
            wrong_type(
                raw,
                other,
                key,
                "a size, like \"256M\" or 0x1000_0000",
                sink,
            );
            None
        }
    }
}

/// Reports a value of the wrong type.
pub(crate) fn wrong_type(raw: &Raw<'_>, found: &DeValue<'_>, key: &str, wanted: &str, sink: &Sink) {
    let found = match found {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    sink.push(
        Diagnostic::new(raw.span(), format!("`{key}` must be {wanted}"))
            .label(format!("this is {found}")),
    );
}

/// One of the words of a list, by its position; reports others with the closest word.
pub(crate) fn one_of(text: &At<String>, key: &str, words: &[&str], sink: &Sink) -> Option<usize> {
    if let Some(at) = words.iter().position(|word| *word == text.value) {
        return Some(at);
    }
    let mut error = Diagnostic::new(
        text.span.clone(),
        format!("`{}` is not a valid {key}", text.value),
    );
    error = match suggest::closest(&text.value, words.iter().copied()) {
        Some(close) => error.label(format!("did you mean `{close}`?")),
        None => error.label("unknown"),
    };
    sink.push(error.help(format!("it must be one of: {}", words.join(", "))));
    None
}
