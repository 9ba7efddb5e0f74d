//! The model: every symbol with everything said about it, and the menu tree, with dependencies of enclosing
//! menus, `if` blocks and choices already worked in.
//!
//! A model is immutable and can be shared between threads and between any number of configurations. Loading
//! returns all errors that were found, not the first.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::ast::Item;
use crate::attributes::distance;
use crate::check;
use crate::diag::Diagnostics;
use crate::dialect::Dialect;
use crate::entry::Entry;
use crate::env::Env;
use crate::expr::SymbolId;
use crate::graph::{self, Step};
use crate::incremental::Dependents;
use crate::lower::Lowering;
use crate::macros::Macros;
use crate::parser::Parser;
use crate::shell::ShellUse;
use crate::symbol::{Choice, ChoiceId, Symbol};

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
    pub(crate) defconfig_list: Option<SymbolId>,
    pub(crate) dialect: Dialect,
    pub(crate) order: Vec<Step>,
    pub(crate) dependents: Dependents,
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
        let mut lowering = Lowering::new(&parser.names.names, env);
        let root = lowering.run(items);
        if !parser.diagnostics.has_errors() {
            // A definition that could not be read would look doubtful too.
            check::definitions(&lowering.symbols, &mut lowering.diagnostics);
            check::choices(&lowering.choices, &mut lowering.diagnostics);
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
            defconfig_list: lowering.defconfig_list,
            dialect: env.dialect,
            order: Vec::new(),
            dependents: Dependents::default(),
            files: parser.files,
            environment,
            shell,
            warnings: Diagnostics::new(),
        };
        (model.order, model.dependents) = graph::order(&model, &mut found);
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

    /// The symbol whose defaults name configurations to start from (classic `option defconfig_list`).
    pub fn defconfig_list(&self) -> Option<&Symbol> {
        self.defconfig_list.map(|id| self.get(id))
    }

    /// The language it is written in.
    pub fn dialect(&self) -> Dialect {
        self.dialect
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
