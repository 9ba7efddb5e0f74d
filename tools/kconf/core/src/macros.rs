//! The macro language: variables, functions, and what `$(…)` stands for.
//!
//! Macros are expanded before words become tokens, from left to right as the text is read, so a variable means
//! what was assigned to it last. The rules are those of the kernel's `kconfig-macro-language.rst`. Nesting, the
//! number of steps and the length of the result are bounded, so neither a variable that refers to itself nor one
//! that doubles at each step exhausts anything. Equal commands run once.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::diag::{Code, Diagnostic};
use crate::dialect::Dialect;
use crate::env::Env;
use crate::shell::Shell;
use crate::source::Span;

/// How deep references may nest.
const MAX_DEPTH: usize = 128;
/// How many references one `$(…)` of a file may lead to.
const MAX_STEPS: usize = 100_000;
/// How long a text may become, in bytes.
const MAX_LENGTH: usize = 1 << 20;
/// Places shown of a chain of expansions.
const MAX_CHAIN: usize = 8;

type Expanded<T> = Result<T, Box<Diagnostic>>;

/// How a value is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `=`: as text, expanded at each use.
    Recursive,
    /// `:=`: expanded once.
    Simple,
}

#[derive(Debug)]
struct Variable {
    flavour: Flavour,
    value: String,
    /// Where it was assigned.
    span: Span,
}

/// Functions that need no definition: the name, and how many arguments it takes.
const FUNCTIONS: [(&str, usize); 9] = [
    ("error-if", 2),
    ("failure", 1),
    ("filename", 0),
    ("if-success", 3),
    ("info", 1),
    ("lineno", 0),
    ("shell", 1),
    ("success", 1),
    ("warning-if", 2),
];

/// Variables and functions of a tree while it is read.
pub struct Macros<'e> {
    env: &'e Env,
    variables: HashMap<String, Variable>,
    /// Variables of the environment that were looked at, with their values.
    pub used: BTreeMap<String, String>,
    /// Symbols that stand for variables of the environment under another name (classic `option env`).
    pub aliases: HashMap<String, String>,
    pub shell: Shell,
    /// Warnings that expanding gave.
    pub warnings: Vec<Diagnostic>,
    /// Whether `$(error-if)` ended the reading.
    pub stop: bool,
    steps: usize,
    /// What is being expanded, outermost first; no span for the built-in functions.
    chain: Vec<(String, Option<Span>)>,
}

/// What surrounds an expansion: the place in a file where it started, and the arguments of the function it is in.
#[derive(Clone, Copy)]
struct Scope<'a> {
    at: &'a Span,
    arguments: &'a [String],
}

impl<'e> Macros<'e> {
    pub fn new(env: &'e Env) -> Self {
        Self {
            env,
            variables: HashMap::new(),
            used: BTreeMap::new(),
            aliases: HashMap::new(),
            shell: Shell::default(),
            warnings: Vec::new(),
            stop: false,
            steps: 0,
            chain: Vec::new(),
        }
    }

    /// What `text`, which stands at `at`, expands to.
    ///
    /// # Errors
    /// A reference that is not closed or refers to itself, wrong arguments, a bound exceeded, `$(error-if)`.
    pub fn expand(&mut self, text: &str, at: &Span) -> Expanded<String> {
        self.steps = 0;
        self.chain.clear();
        let mut out = String::new();
        let scope = Scope { at, arguments: &[] };
        self.text(text, scope, &mut out)?;
        Ok(out)
    }

    /// Carries out `name = value`; `operator` is the token between the two.
    ///
    /// # Errors
    /// As [`Macros::expand`].
    pub fn assign(&mut self, name: &str, operator: &str, value: &str, at: &Span) -> Expanded<()> {
        let before = self.variables.get(name);
        let flavour = match operator {
            ":=" => Flavour::Simple,
            "+=" => before.map_or(Flavour::Recursive, |v| v.flavour),
            _ => Flavour::Recursive,
        };
        let mut new = match flavour {
            Flavour::Simple => self.expand(value, at)?,
            Flavour::Recursive => value.to_owned(),
        };
        if operator == "+="
            && let Some(old) = self.variables.get(name)
        {
            new = format!("{} {new}", old.value);
            if new.len() > MAX_LENGTH {
                return Err(self.limit(at, &format!("a text of {MAX_LENGTH} bytes")));
            }
        }
        let variable = Variable {
            flavour,
            value: new,
            span: at.clone(),
        };
        self.variables.insert(name.to_owned(), variable);
        Ok(())
    }

    /// The name that the file at `path` is shown under: as it stands in `source`, where the tree's folder was given.
    pub fn name(&self, path: &Path) -> String {
        let folder = self.env.srctree.as_deref().unwrap_or(Path::new(""));
        path.strip_prefix(folder)
            .unwrap_or(path)
            .display()
            .to_string()
    }

    /// Where the file is that is shown as `name`.
    pub fn located(&self, name: &str) -> PathBuf {
        match &self.env.srctree {
            Some(folder) => folder.join(name),
            None => PathBuf::from(name),
        }
    }

    /// The language of the tree.
    pub fn dialect(&self) -> Dialect {
        self.env.dialect
    }

    /// In the classic dialect, `text` with `$NAME` and `${NAME}` replaced by the environment's values; a name that is
    /// not set stays as it is, as it may be a symbol's.
    pub fn classic_text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while self.dialect().is_classic()
            && let Some(at) = rest.find('$')
        {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let (name, length) = match after.strip_prefix('{').and_then(|a| a.split_once('}')) {
                Some((name, _)) => (name, name.len() + 2),
                None => {
                    let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    let end = end.unwrap_or(after.len());
                    (&after[..end], end)
                }
            };
            let alias = self
                .aliases
                .get(name)
                .map_or(name, String::as_str)
                .to_owned();
            match self.env.variables.get(&alias) {
                Some(value) => {
                    out.push_str(value);
                    self.used.insert(alias, value.clone());
                }
                None => out.push_str(&rest[at..at + 1 + length]),
            }
            rest = &after[length..];
        }
        out.push_str(rest);
        out
    }

    fn text(&mut self, text: &str, scope: Scope<'_>, out: &mut String) -> Expanded<()> {
        let mut rest = text;
        while let Some(at) = rest.find("$(") {
            out.push_str(&rest[..at]);
            let Some(length) = closing_parenthesis(&rest[at + 1..]) else {
                let error = Diagnostic::error(Code::Syntax, "this `$(` is never closed")
                    .at(scope.at, format!("in `{}`", shorten(rest)));
                return Err(self.with_chain(error.help("write `$(NAME)`, on one line")));
            };
            let value = self.reference(&rest[at + 2..at + length], scope)?;
            out.push_str(&value);
            if out.len() > MAX_LENGTH {
                return Err(self.limit(scope.at, &format!("a text of {MAX_LENGTH} bytes")));
            }
            rest = &rest[at + 1 + length..];
        }
        out.push_str(rest);
        Ok(())
    }

    /// What stands between the parentheses.
    fn reference(&mut self, body: &str, scope: Scope<'_>) -> Expanded<String> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return Err(self.limit(scope.at, &format!("{MAX_STEPS} references")));
        }
        if self.chain.len() >= MAX_DEPTH {
            return Err(self.limit(scope.at, &format!("{MAX_DEPTH} references deep")));
        }
        self.chain.push((format!("$({})", shorten(body)), None));
        let mut arguments = Vec::new();
        for part in split(body) {
            let mut out = String::new();
            self.text(part, scope, &mut out)?;
            arguments.push(out);
        }
        let value = self.call(&arguments, scope)?;
        self.chain.pop();
        Ok(value)
    }

    /// The value of a reference: `arguments[0]` is its name.
    fn call(&mut self, arguments: &[String], scope: Scope<'_>) -> Expanded<String> {
        let name = arguments[0].as_str();
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
            let index = name.parse().unwrap_or(usize::MAX);
            return Ok(scope.arguments.get(index).cloned().unwrap_or_default());
        }
        if let Some(variable) = self.variables.get(name) {
            if variable.flavour == Flavour::Simple {
                return Ok(variable.value.clone());
            }
            let (value, span) = (variable.value.clone(), variable.span.clone());
            // A function may call itself with other arguments; a variable has none that could change.
            let again = |(other, at): &(String, Option<Span>)| other == name && at.is_some();
            if arguments.len() == 1 && self.chain.iter().any(again) {
                let error = Diagnostic::error(
                    Code::RecursiveMacro,
                    format!("the variable {name} refers to itself"),
                )
                .at(scope.at, "expanded here")
                .help("`:=` expands a value once, when it is assigned");
                return Err(self.with_chain(error));
            }
            self.chain.push((name.to_owned(), Some(span)));
            let inside = Scope { arguments, ..scope };
            let mut out = String::new();
            self.text(&value, inside, &mut out)?;
            self.chain.pop();
            return Ok(out);
        }
        if let Some((_, count)) = FUNCTIONS.iter().find(|(known, _)| *known == name) {
            let given = arguments.len() - 1;
            if given != *count {
                let error = Diagnostic::error(
                    Code::Syntax,
                    format!("`{name}` takes {}, not {given}", plural(*count)),
                )
                .at(scope.at, "")
                .help("arguments are separated by commas; a comma inside one needs a variable");
                return Err(self.with_chain(error));
            }
            return self.builtin(name, &arguments[1..], scope);
        }
        if arguments.len() > 1 {
            let warning =
                Diagnostic::warning(Code::Definition, format!("there is no function `{name}`"))
                    .at(scope.at, "expands to nothing")
                    .help("define it with `=` before its first use");
            self.warnings.push(warning);
            return Ok(String::new());
        }
        let value = self.env.variables.get(name).cloned().unwrap_or_default();
        self.used.insert(name.to_owned(), value.clone());
        Ok(value)
    }

    fn builtin(&mut self, name: &str, arguments: &[String], scope: Scope<'_>) -> Expanded<String> {
        let location = scope.at.location();
        Ok(match (name, arguments) {
            ("shell", [command]) => self.run(command, scope)?,
            ("success", [command]) => self.test(command, "y", "n", scope)?,
            ("failure", [command]) => self.test(command, "n", "y", scope)?,
            ("if-success", [command, yes, no]) => self.test(command, yes, no, scope)?,
            ("info", [text]) => {
                (self.env.info)(text);
                String::new()
            }
            ("warning-if", [condition, text]) => {
                if condition == "y" {
                    let warning = Diagnostic::warning(Code::Message, text).at(scope.at, "");
                    self.warnings.push(warning);
                }
                String::new()
            }
            ("error-if", [condition, text]) => {
                if condition == "y" {
                    self.stop = true;
                    return Err(Box::new(
                        Diagnostic::error(Code::Message, text).at(scope.at, ""),
                    ));
                }
                String::new()
            }
            ("filename", []) => location.file,
            ("lineno", []) => location.line.to_string(),
            _ => String::new(),
        })
    }

    fn test(&mut self, command: &str, yes: &str, no: &str, scope: Scope<'_>) -> Expanded<String> {
        let quiet = format!("{{ {command}; }} >/dev/null 2>&1 && echo y || echo n");
        let found = self.run(&quiet, scope)?;
        Ok(if found == "y" { yes } else { no }.to_owned())
    }

    fn run(&mut self, command: &str, scope: Scope<'_>) -> Expanded<String> {
        self.shell.run(command, self.env).map_err(|error| {
            let error = Diagnostic::error(Code::Io, format!("cannot run a shell: {error}"));
            self.with_chain(error.at(scope.at, ""))
        })
    }

    fn limit(&self, at: &Span, bound: &str) -> Box<Diagnostic> {
        let error = Diagnostic::error(
            Code::Limit,
            format!("this expansion exceeds the bound: {bound}"),
        );
        let error = error.at(at, "expanded here");
        self.with_chain(error.help("look for a variable or function that refers to itself"))
    }

    /// Adds where the variables on the way were assigned, the innermost first.
    fn with_chain(&self, mut error: Diagnostic) -> Box<Diagnostic> {
        let mut shown: Vec<&str> = Vec::new();
        for (name, span) in self.chain.iter().rev() {
            if let Some(span) = span
                && !shown.contains(&name.as_str())
                && shown.len() < MAX_CHAIN
            {
                shown.push(name);
                error = error.at(span, format!("in the value of {name}"));
            }
        }
        Box::new(error)
    }
}

fn plural(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "1 argument".to_owned(),
        _ => format!("{count} arguments"),
    }
}

/// The start of a long text.
fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The parts between commas that stand in no inner parentheses; at least one.
fn split(body: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0usize, 0);
    for (index, byte) in body.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&body[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&body[start..]);
    parts
}

/// Length of the text from an opening parenthesis to its partner, on one line.
pub fn closing_parenthesis(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
            b'\n' => return None,
            _ => {}
        }
    }
    None
}
