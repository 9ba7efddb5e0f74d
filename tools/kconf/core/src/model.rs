//! The model: every symbol with everything said about it, and the menu tree, with dependencies of enclosing
//! menus, `if` blocks and choices already worked in.
//!
//! A model is immutable and can be shared between threads and between any number of configurations. Loading
//! returns all errors that were found, not the first.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::ast::Item;
use crate::attributes::distance;
use crate::check;
use crate::diag::Diagnostics;
use crate::expr::{Expr, Operand, SymbolId};
use crate::graph::{self, Step};
use crate::lower::Lowering;
use crate::macros::Macros;
use crate::parser::Parser;
use crate::shell::ShellUse;
use crate::source::{Location, Span};
use crate::value::Kind;

/// What the surroundings give to a Kconfig tree.
#[derive(Clone, Debug)]
pub struct Env {
    /// Folder below which `source "…"` paths are looked up; none: the folder of the root file.
    pub srctree: Option<PathBuf>,
    /// Variables for `$(NAME)` and for the commands of `$(shell,…)`.
    pub variables: BTreeMap<String, String>,
    /// Called with each text of `$(info,…)`, at once; standard output if nothing else is said.
    pub info: fn(&str),
}

impl Default for Env {
    fn default() -> Self {
        Self {
            srctree: None,
            variables: BTreeMap::new(),
            info: print_line,
        }
    }
}

fn print_line(text: &str) {
    // Nothing can be done if nobody listens.
    let _ = writeln!(std::io::stdout(), "{text}");
}

impl Env {
    /// The environment of this process; `srctree` is taken from the variable of that name.
    pub fn process() -> Self {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let srctree = variables
            .get("srctree")
            .filter(|s| !s.is_empty())
            .map(PathBuf::from);
        Self {
            srctree,
            variables,
            ..Self::default()
        }
    }
}

/// A prompt: the symbol can be set by the user while the condition holds.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The text shown.
    pub text: String,
    /// When it is visible, all surroundings included; none: always.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A default.
#[derive(Clone, Debug)]
pub struct DefaultValue {
    /// The value.
    pub value: Expr,
    /// When it holds, all surroundings included; none: always.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A `range`.
#[derive(Clone, Debug)]
pub struct Range {
    /// The lower bound, inclusive.
    pub low: Operand,
    /// The upper bound, inclusive.
    pub high: Operand,
    /// When it holds.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// A `select` or `imply`, as seen from its target.
#[derive(Clone, Debug)]
pub struct Reverse {
    /// The symbol that selects or implies.
    pub by: SymbolId,
    /// When; the value of `by` is a further bound.
    pub condition: Option<Expr>,
    /// Where it stands.
    pub span: Span,
}

/// One symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub(crate) id: SymbolId,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) definitions: Vec<Span>,
    pub(crate) help: Option<String>,
    pub(crate) prompts: Vec<Prompt>,
    pub(crate) defaults: Vec<DefaultValue>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) selected_by: Vec<Reverse>,
    pub(crate) implied_by: Vec<Reverse>,
    /// One per definition: the dependencies there; none: none.
    pub(crate) dependencies: Vec<Option<Expr>>,
    pub(crate) choice: Option<ChoiceId>,
}

impl Symbol {
    /// Its index in the model.
    pub fn id(&self) -> SymbolId {
        self.id
    }

    /// Its name, without `CONFIG_`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether any file defines it (and does not only mention it).
    pub fn is_defined(&self) -> bool {
        !self.definitions.is_empty()
    }

    /// Whether it is a number written without quotes, which the language treats as a symbol nobody defines.
    pub fn is_constant(&self) -> bool {
        !self.is_defined()
            && self
                .name
                .starts_with(|c: char| c.is_ascii_digit() || c == '-')
    }

    /// Where it is first defined.
    pub fn location(&self) -> Option<Location> {
        self.definitions.first().map(Span::location)
    }

    /// Where it is defined: one place per definition.
    pub fn definitions(&self) -> &[Span] {
        &self.definitions
    }

    /// Its help text, without the indentation, lines separated by line feeds.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The text of its first prompt; none: it cannot be set by the user.
    pub fn prompt(&self) -> Option<&str> {
        self.prompts.first().map(|p| p.text.as_str())
    }

    /// Its prompts.
    pub fn prompts(&self) -> &[Prompt] {
        &self.prompts
    }

    /// Its defaults, in the order in which they are tried.
    pub fn defaults(&self) -> &[DefaultValue] {
        &self.defaults
    }

    /// Its ranges, in the order in which they are tried.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Who selects it.
    pub fn selected_by(&self) -> &[Reverse] {
        &self.selected_by
    }

    /// Who implies it.
    pub fn implied_by(&self) -> &[Reverse] {
        &self.implied_by
    }

    /// The dependencies of each of its definitions; one of them must hold.
    pub fn dependencies(&self) -> &[Option<Expr>] {
        &self.dependencies
    }

    /// The choice it is a member of.
    pub fn choice(&self) -> Option<ChoiceId> {
        self.choice
    }
}

/// Index of a choice in its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChoiceId(pub(crate) u32);

impl ChoiceId {
    /// The index as a number: into [`Model::choices`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A choice: exactly one of its visible members is on.
#[derive(Clone, Debug)]
pub struct Choice {
    pub(crate) members: Vec<SymbolId>,
    pub(crate) defaults: Vec<(SymbolId, Option<Expr>, Span)>,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) help: Option<String>,
    pub(crate) span: Span,
}

impl Choice {
    /// Its members, in order of definition.
    pub fn members(&self) -> &[SymbolId] {
        &self.members
    }

    /// Its prompt's text.
    pub fn prompt(&self) -> Option<&str> {
        self.prompt.as_ref().map(|p| p.text.as_str())
    }

    /// Its help text.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Its defaults, in the order in which they are tried: the member, when, and where that is written.
    pub fn defaults(&self) -> &[(SymbolId, Option<Expr>, Span)] {
        &self.defaults
    }

    /// The place of its first line.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Where it starts.
    pub fn location(&self) -> Location {
        self.span.location()
    }
}

/// What an entry of the menu tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// `menu`, which has an end.
    Menu,
    /// `comment`
    Comment,
    /// One definition of a symbol.
    Symbol(SymbolId),
    /// `choice`
    Choice(ChoiceId),
}

/// An entry of the menu tree.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(crate) kind: EntryKind,
    /// The title of a menu or comment, the prompt of this definition.
    pub(crate) text: Option<String>,
    /// When the title is shown.
    pub(crate) condition: Option<Expr>,
    /// The menu's own `visible if`.
    pub(crate) visible_if: Option<Expr>,
    pub(crate) children: Vec<Entry>,
    /// The statement's first line.
    pub(crate) span: Span,
}

impl Entry {
    /// What it is.
    pub fn kind(&self) -> EntryKind {
        self.kind
    }

    /// Its title or prompt.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The entries in it.
    pub fn children(&self) -> &[Entry] {
        &self.children
    }

    /// When its title or prompt is shown, all surroundings included; none: always.
    pub fn condition(&self) -> Option<&Expr> {
        self.condition.as_ref()
    }

    /// The statement's first line.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Whether it was written as `menuconfig`: what depends on it is a menu of its own.
    pub fn is_menuconfig(&self) -> bool {
        self.span.text().trim_start().starts_with("menuconfig")
    }
}

/// A loaded Kconfig tree.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) title: String,
    pub(crate) prefix: String,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) by_name: HashMap<String, SymbolId>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) root: Vec<Entry>,
    pub(crate) modules: Option<SymbolId>,
    pub(crate) order: Vec<Step>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) shell: ShellUse,
    pub(crate) warnings: Diagnostics,
}

impl Model {
    /// Loads the tree whose root is `root`.
    ///
    /// # Errors
    /// All errors found in all files that could be read: grammar, inclusion, dependency cycles.
    pub fn load(root: &Path, env: &Env) -> Result<Self, Diagnostics> {
        let macros = RefCell::new(Macros::new(env));
        let mut parser = Parser::new(&macros, Self::srctree(root, env));
        let items = parser.parse(root);
        Self::finish(parser, items, env)
    }

    /// As [`Model::load`], with the text of the root file given; included files are read from disk.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn load_str(root: &Path, text: &str, env: &Env) -> Result<Self, Diagnostics> {
        let macros = RefCell::new(Macros::new(env));
        let mut parser = Parser::new(&macros, Self::srctree(root, env));
        let items = parser.parse_text(root, text);
        Self::finish(parser, items, env)
    }

    fn srctree(root: &Path, env: &Env) -> PathBuf {
        env.srctree
            .clone()
            .unwrap_or_else(|| root.parent().map(Path::to_owned).unwrap_or_default())
    }

    fn finish(parser: Parser<'_>, items: Vec<Item>, env: &Env) -> Result<Self, Diagnostics> {
        let mut lowering = Lowering::new(&parser.names.names);
        let root = lowering.run(items);
        if !parser.diagnostics.has_errors() {
            // A definition that could not be read would look doubtful too.
            check::definitions(&lowering.symbols, &mut lowering.diagnostics);
        }
        let mut found = parser.diagnostics;
        found.extend(lowering.diagnostics);
        let (environment, shell) = {
            let mut macros = parser.macros.borrow_mut();
            (std::mem::take(&mut macros.used), macros.shell.cost)
        };
        let mut model = Self {
            title: parser.title.unwrap_or_else(|| "Main menu".to_owned()),
            prefix: env
                .variables
                .get("CONFIG_")
                .cloned()
                .unwrap_or_else(|| "CONFIG_".to_owned()),
            symbols: lowering.symbols,
            by_name: parser.names.by_name,
            choices: lowering.choices,
            root,
            modules: lowering.modules,
            order: Vec::new(),
            files: parser.files,
            environment,
            shell,
            warnings: Diagnostics::new(),
        };
        model.order = graph::order(&model, &mut found);
        if found.has_errors() {
            return Err(found);
        }
        model.warnings = found;
        Ok(model)
    }

    /// The `mainmenu` title; `Main menu` when there is none.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What names start with in `.config`: `CONFIG_`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Every defined symbol, in order of its first mention.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter().filter(|s| s.is_defined())
    }

    /// The defined symbol called `name` (without prefix).
    pub fn symbol(&self, name: &str) -> Option<&Symbol> {
        self.by_name
            .get(name)
            .map(|id| &self.symbols[id.index()])
            .filter(|s| s.is_defined())
    }

    /// The defined symbol whose name is most like `name`, if one is alike.
    pub(crate) fn nearest(&self, name: &str) -> Option<&str> {
        self.symbols()
            .map(|symbol| (distance(name, &symbol.name), symbol.name.as_str()))
            .filter(|(distance, _)| *distance <= 2)
            .min()
            .map(|(_, name)| name)
    }

    /// How many names there are, defined or only mentioned; every [`SymbolId::index`] is below.
    pub fn name_count(&self) -> usize {
        self.symbols.len()
    }

    /// An order in which symbols and choices can be evaluated: what a value needs stands before it.
    pub fn order(&self) -> &[Step] {
        &self.order
    }

    /// The symbol with this index.
    pub fn get(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id.index()]
    }

    /// The choice with this index.
    pub fn choice(&self, id: ChoiceId) -> &Choice {
        &self.choices[id.0 as usize]
    }

    /// All choices.
    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The top entries of the menu tree.
    pub fn entries(&self) -> &[Entry] {
        &self.root
    }

    /// The symbol that permits `m`, if one was declared `modules`.
    pub fn modules(&self) -> Option<&Symbol> {
        self.modules.map(|id| self.get(id))
    }

    /// Every file that was read, for dependency tracking.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The variables of the environment that the tree looked at, with their values; unset ones are empty.
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// What the commands of `$(shell,…)` cost while the tree was read.
    pub fn shell(&self) -> ShellUse {
        self.shell
    }

    /// What was doubtful, though not wrong.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }
}
