//! What is wrong with a tree, with proof: what can never happen is proved unsatisfiable, what can happen but
//! should not is shown with a configuration that was evaluated.

mod reach;
mod sources;

use kconf::{Choice, Code, Config, Diagnostic, Expr, Kind, Layer, Model, Symbol};

use crate::encode::ValueLits;
use crate::finding::{Evidence, Finding, FindingKind};
use crate::formula::Lit;

use reach::Reach;
pub use sources::Sources;

/// What to look for.
#[derive(Clone, Debug)]
pub struct LintOptions {
    /// The kinds of findings wanted.
    pub kinds: Vec<FindingKind>,
    /// The source code that uses the configuration. Without it nothing is said about unused symbols: most
    /// symbols of a tree are used by source code only.
    pub sources: Option<Sources>,
}

impl Default for LintOptions {
    fn default() -> Self {
        Self {
            kinds: FindingKind::ALL.to_vec(),
            sources: None,
        }
    }
}

/// Looks at every symbol and choice; findings come in order of first mention of the symbols, then choices.
///
/// - `dead-symbol`: `n` in every configuration. Its prompts and defaults are then not reported besides.
/// - `always-on`: on in every configuration. A symbol without prompt that has an unconditional default is meant
///   to be on, and the only member of a choice cannot be off; neither is reported.
/// - `select-violates-dependency`: with a configuration in which it does.
/// - `unused-default`, `invisible-prompt`: in no configuration used or shown.
/// - `no-help`: a symbol with a prompt, outside of choices, without help text.
/// - `unused-symbol`: no condition, default or range mentions it, it selects and implies nothing, and the given
///   sources do not mention it.
///
/// ```
/// # use kconf::{Env, Model};
/// # use kconf_solver::{FindingKind, LintOptions, lint};
/// let text = "config A\n\tbool \"a\"\n\thelp\n\t  Text.\nconfig B\n\tbool\n\tdefault y if A && !A\n";
/// let model = Model::load_str("Kconfig".as_ref(), text, &Env::default())?;
/// let found = lint(&model, &LintOptions::default());
/// assert_eq!(found.len(), 1);
/// assert_eq!((found[0].kind, found[0].symbol.as_str()), (FindingKind::Dead, "B"));
/// # Ok::<(), kconf::Diagnostics>(())
/// ```
pub fn lint(model: &Model, options: &LintOptions) -> Vec<Finding> {
    let mut lint = Lint {
        model,
        options,
        reach: Reach::new(model),
        used: sources::used(model),
        found: Vec::new(),
    };
    for symbol in model.symbols().filter(|s| s.kind() != Kind::Unknown) {
        lint.symbol(symbol);
    }
    for (index, choice) in model.choices().iter().enumerate() {
        lint.choice(index, choice);
    }
    lint.found
}

struct Lint<'a> {
    model: &'a Model,
    options: &'a LintOptions,
    reach: Reach<'a>,
    used: Vec<bool>,
    found: Vec<Finding>,
}

impl Lint<'_> {
    fn wants(&self, kind: FindingKind) -> bool {
        self.options.kinds.contains(&kind)
    }

    fn symbol(&mut self, symbol: &Symbol) {
        let dead = self.is_dead(symbol);
        if dead && self.wants(FindingKind::Dead) {
            self.dead(symbol);
        }
        if !dead {
            self.always_on(symbol);
            self.defaults(symbol);
            self.prompts(symbol);
        }
        if self.wants(FindingKind::SelectViolatesDependency) {
            for index in 0..symbol.selected_by().len() {
                self.select(symbol, index);
            }
        }
        self.help(symbol);
        self.unused(symbol);
    }

    fn value(&self, symbol: &Symbol) -> Option<Lit> {
        match &self.reach.encoding.symbols[symbol.id().index()].value {
            ValueLits::Tri(tri) if symbol.kind().is_logic() => Some(tri.on),
            _ => None,
        }
    }

    fn is_dead(&mut self, symbol: &Symbol) -> bool {
        self.value(symbol)
            .is_some_and(|on| !self.reach.is_possible(on))
    }

    fn push(
        &mut self,
        kind: FindingKind,
        symbol: &str,
        evidence: Evidence,
        message: String,
        place: impl FnOnce(Diagnostic) -> Diagnostic,
    ) {
        let mut diagnostic = place(Diagnostic::warning(Code::Lint(kind.as_str()), message));
        if !symbol.is_empty() {
            diagnostic = diagnostic.about(symbol);
        }
        diagnostic = match &evidence {
            Evidence::Proved => diagnostic.note("proved: no configuration does otherwise"),
            Evidence::Witness { config } if config.is_empty() => {
                diagnostic.note("it happens when nothing is assigned")
            }
            Evidence::Witness { config } => {
                diagnostic.note(format!("it happens with\n{}", config.trim_end()))
            }
            Evidence::Text => diagnostic,
        };
        self.found.push(Finding {
            kind,
            symbol: symbol.to_owned(),
            diagnostic,
            evidence,
        });
    }

    fn dead(&mut self, symbol: &Symbol) {
        let name = symbol.name();
        let help = if symbol.prompts().is_empty() && symbol.selected_by().is_empty() {
            "give it a prompt or a default that can hold, select it somewhere, or remove it"
        } else {
            "correct what it depends on, or remove it"
        };
        self.push(
            FindingKind::Dead,
            name,
            Evidence::Proved,
            format!("{name} can never be on"),
            |d| at_definition(d, symbol).help(help),
        );
    }

    fn always_on(&mut self, symbol: &Symbol) {
        if !self.wants(FindingKind::AlwaysOn) {
            return;
        }
        let only_member = symbol
            .choice()
            .is_some_and(|id| self.model.choice(id).members().len() == 1);
        let meant =
            symbol.prompts().is_empty() && symbol.defaults().iter().any(|d| d.condition.is_none());
        let Some(on) = self.value(symbol).filter(|_| !only_member && !meant) else {
            return;
        };
        if self.reach.is_possible(!on) {
            return;
        }
        let name = symbol.name();
        let help = if symbol.prompts().is_empty() {
            "write `def_bool y`, or correct the conditions"
        } else {
            "remove its prompt, or what forces it on"
        };
        self.push(
            FindingKind::AlwaysOn,
            name,
            Evidence::Proved,
            format!("{name} can never be off"),
            |d| at_definition(d, symbol).help(help),
        );
    }

    fn defaults(&mut self, symbol: &Symbol) {
        if !self.wants(FindingKind::UnusedDefault) {
            return;
        }
        for (index, default) in symbol.defaults().iter().enumerate() {
            let used = self.reach.encoding.symbols[symbol.id().index()].defaults[index];
            if self.reach.is_possible(used) {
                continue;
            }
            let name = symbol.name();
            self.push(
                FindingKind::UnusedDefault,
                name,
                Evidence::Proved,
                format!("this default of {name} is never used"),
                |d| {
                    let text = "its condition never holds, or an earlier default always does";
                    at_condition(d.at(&default.span, text), default.condition.as_ref())
                        .help("remove it, or correct the conditions")
                },
            );
        }
    }

    fn prompts(&mut self, symbol: &Symbol) {
        if !self.wants(FindingKind::InvisiblePrompt) {
            return;
        }
        for (index, prompt) in symbol.prompts().iter().enumerate() {
            let shown = self.reach.encoding.symbols[symbol.id().index()].prompts[index];
            if self.reach.is_possible(shown) {
                continue;
            }
            let name = symbol.name();
            self.push(
                FindingKind::InvisiblePrompt,
                name,
                Evidence::Proved,
                format!("this prompt of {name} is never visible"),
                |d| {
                    at_condition(d.at(&prompt.span, ""), prompt.condition.as_ref())
                        .help("remove the prompt, or correct the conditions")
                },
            );
        }
    }

    fn select(&mut self, symbol: &Symbol, index: usize) {
        let violated = self.reach.violation(symbol, index);
        let reverse = &symbol.selected_by()[index];
        let by = self.model.get(reverse.by);
        // The one that selects alone, if possible: then it alone is to blame.
        let Some(config) = self.reach.witness(violated) else {
            return;
        };
        let mut check = Config::new(self.model);
        check.read_str("<witness>", &config, Layer::User);
        let confirmed = check
            .diagnostics()
            .iter()
            .any(|d| d.code == Code::UnmetDependency && d.symbol.as_deref() == Some(symbol.name()));
        if !confirmed {
            return;
        }
        self.push(
            FindingKind::SelectViolatesDependency,
            symbol.name(),
            Evidence::Witness { config },
            format!(
                "{} can select {} although its dependencies do not hold",
                by.name(),
                symbol.name()
            ),
            |d| {
                let mut d = d.at(&reverse.span, "selected here");
                for dependency in symbol.dependencies().iter().flatten() {
                    d = d.at(dependency.span(), "this may not hold");
                }
                d.help(format!(
                    "let {} depend on what {} depends on, or write `imply`",
                    by.name(),
                    symbol.name()
                ))
            },
        );
    }

    fn help(&mut self, symbol: &Symbol) {
        let wanted = self.wants(FindingKind::NoHelp)
            && symbol.choice().is_none()
            && !symbol.prompts().is_empty();
        if wanted && symbol.help().is_none_or(|text| text.trim().is_empty()) {
            let name = symbol.name();
            self.push(
                FindingKind::NoHelp,
                name,
                Evidence::Text,
                format!("{name} has a prompt but no help text"),
                |d| at_definition(d, symbol).help("say below `help` what it does and who wants it"),
            );
        }
    }

    fn unused(&mut self, symbol: &Symbol) {
        let Some(sources) = &self.options.sources else {
            return;
        };
        let name = symbol.name();
        let used = self.used[symbol.id().index()]
            || self.model.modules().is_some_and(|m| m.id() == symbol.id())
            || sources.mention(self.model.prefix(), name);
        if used || !self.wants(FindingKind::Unused) {
            return;
        }
        self.push(
            FindingKind::Unused,
            name,
            Evidence::Text,
            format!("nothing uses {name}"),
            |d| {
                at_definition(d, symbol)
                    .note("no Kconfig file and no given source file mentions it")
                    .help("remove it")
            },
        );
    }

    fn choice(&mut self, index: usize, choice: &Choice) {
        if !self.wants(FindingKind::UnusedDefault) {
            return;
        }
        for (line, (member, condition, span)) in choice.defaults().iter().enumerate() {
            let used = self.reach.encoding.choices[index].defaults.get(line);
            let used = used.copied().unwrap_or(Lit::FALSE);
            if self.reach.is_possible(used) {
                continue;
            }
            let name = self.model.get(*member).name().to_owned();
            self.push(
                FindingKind::UnusedDefault,
                "",
                Evidence::Proved,
                format!("the default {name} of this choice is never used"),
                |d| {
                    at_condition(d.at(span, ""), condition.as_ref())
                        .at(choice.span(), "the choice starts here")
                        .help("remove it, or correct the conditions")
                },
            );
        }
    }
}

fn at_definition(diagnostic: Diagnostic, symbol: &Symbol) -> Diagnostic {
    let mut diagnostic = diagnostic;
    for span in symbol.definitions() {
        diagnostic = diagnostic.at(span, "");
    }
    for dependency in symbol.dependencies().iter().flatten().take(3) {
        diagnostic = diagnostic.at(dependency.span(), "it depends on this");
    }
    diagnostic
}

fn at_condition(diagnostic: Diagnostic, condition: Option<&Expr>) -> Diagnostic {
    match condition {
        Some(expr) => diagnostic.at(expr.span(), "the condition"),
        None => diagnostic,
    }
}
