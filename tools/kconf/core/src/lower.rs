//! From the tree as written to the model: inheritance, reverse dependencies, choice membership, checks.
//!
//! A dependency of a menu, `if` or choice becomes part of every condition inside it, as the language defines.
//! Definitions that cannot mean what they say are reported: as errors where the reference refuses them too,
//! as warnings where it only warns.

use crate::ast::{Attribute, AttributeKind, Attributes, Item};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::Classic;
use crate::entry::{Entry, EntryKind};
use crate::env::Env;
use crate::expr::{Expr, ExprKind, Operand, SymbolId};
use crate::source::Span;
use crate::symbol::{Choice, ChoiceId, DefaultValue, Prompt, Range, Reverse, Symbol};
use crate::value::Kind;

/// What surrounds an item.
#[derive(Clone, Default)]
struct Context {
    dependency: Option<Expr>,
    visible: Option<Expr>,
    choice: Option<ChoiceId>,
}

/// The model in the making.
pub struct Lowering<'e> {
    env: &'e Env,
    pub symbols: Vec<Symbol>,
    pub choices: Vec<Choice>,
    pub modules: Option<SymbolId>,
    pub defconfig_list: Option<SymbolId>,
    pub diagnostics: Diagnostics,
}

impl<'e> Lowering<'e> {
    /// Starts with one empty symbol per name.
    pub fn new(names: &[String], env: &'e Env) -> Self {
        let symbols = (0u32..)
            .zip(names)
            .map(|(id, name)| Symbol {
                id: SymbolId(id),
                name: name.clone(),
                kind: Kind::Unknown,
                definitions: Vec::new(),
                help: None,
                prompts: Vec::new(),
                defaults: Vec::new(),
                ranges: Vec::new(),
                selected_by: Vec::new(),
                implied_by: Vec::new(),
                dependencies: Vec::new(),
                choice: None,
                transitional: false,
                environment: None,
                stays_on: false,
            })
            .collect();
        Self {
            env,
            symbols,
            choices: Vec::new(),
            modules: None,
            defconfig_list: None,
            diagnostics: Diagnostics::new(),
        }
    }

    /// Works in the items of a whole tree and returns its menu tree.
    pub fn run(&mut self, items: Vec<Item>) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.items(items, &Context::default(), &mut entries);
        entries
    }

    fn items(&mut self, items: Vec<Item>, context: &Context, out: &mut Vec<Entry>) {
        for item in items {
            match item {
                Item::If(condition, inner) => {
                    let dependency = Expr::and(context.dependency.clone(), condition);
                    self.items(
                        inner,
                        &Context {
                            dependency,
                            ..context.clone()
                        },
                        out,
                    );
                }
                Item::Config(symbol, attributes) => {
                    out.push(self.config(symbol, attributes, context))
                }
                Item::Comment(attributes) => {
                    let base = base(&attributes, context);
                    out.push(titled(EntryKind::Comment, &attributes, base));
                }
                Item::Menu(attributes, inner) => {
                    let base = base(&attributes, context);
                    let own = conjunction(&attributes, |kind| match kind {
                        AttributeKind::Visible(expr) => Some(expr),
                        _ => None,
                    });
                    // `visible if` of outer menus hides prompts, not titles and comments.
                    let mut entry = titled(EntryKind::Menu, &attributes, base.clone());
                    entry.visible_if = own.clone();
                    let visible = Expr::and(context.visible.clone(), own);
                    let inside = Context {
                        dependency: base,
                        visible,
                        choice: context.choice,
                    };
                    self.items(inner, &inside, &mut entry.children);
                    out.push(entry);
                }
                Item::Choice(name, attributes, inner) => {
                    out.push(self.choice(name, &attributes, inner, context))
                }
            }
        }
    }

    fn choice(
        &mut self,
        name: Option<SymbolId>,
        attributes: &Attributes,
        inner: Vec<Item>,
        context: &Context,
    ) -> Entry {
        let base = base(attributes, context);
        let id = ChoiceId(u32::try_from(self.choices.len()).unwrap_or(u32::MAX));
        let mut choice = Choice {
            members: Vec::new(),
            defaults: Vec::new(),
            prompt: None,
            help: attributes.help.clone(),
            optional: false,
            kind: Kind::Bool,
            name: name.map(|id| self.symbols[id.index()].name.clone()),
            span: attributes.span.clone(),
        };
        for attribute in &attributes.list {
            let condition = Expr::and(base.clone(), attribute.condition.clone());
            match &attribute.kind {
                AttributeKind::Prompt(text) => {
                    let condition = Expr::and(condition, context.visible.clone());
                    choice.prompt = Some(Prompt {
                        text: text.clone(),
                        condition,
                        span: attribute.span.clone(),
                    });
                }
                AttributeKind::Default(value) => match value.kind() {
                    ExprKind::Operand(Operand::Symbol(symbol)) => {
                        choice
                            .defaults
                            .push((*symbol, condition, attribute.span.clone()));
                    }
                    _ => self.diagnostics.push(
                        Diagnostic::error(
                            Code::Definition,
                            "the default of a choice must be one of its members",
                        )
                        .at(value.span(), "")
                        .help("write `default NAME`, with `if <expression>` for a condition"),
                    ),
                },
                AttributeKind::Type(Kind::Tristate) => choice.kind = Kind::Tristate,
                AttributeKind::Classic(Classic::Optional) => choice.optional = true,
                _ => {}
            }
        }
        if choice.prompt.is_none() {
            self.diagnostics.push(
                Diagnostic::error(Code::Definition, "this choice has no prompt")
                    .at(&attributes.span, "")
                    .help("add `prompt \"...\"` below it"),
            );
        }
        let mut entry = titled(EntryKind::Choice(id), attributes, None);
        entry.condition = choice.prompt.as_ref().and_then(|p| p.condition.clone());
        self.choices.push(choice);
        let inside = Context {
            dependency: base,
            visible: context.visible.clone(),
            choice: Some(id),
        };
        self.items(inner, &inside, &mut entry.children);
        self.choice_defaults(id);
        entry
    }

    fn choice_defaults(&mut self, id: ChoiceId) {
        let choice = &self.choices[id.0 as usize];
        for (symbol, _, span) in &choice.defaults {
            if !choice.members.contains(symbol) {
                self.diagnostics.push(
                    Diagnostic::warning(
                        Code::Definition,
                        format!(
                            "{} is no member of this choice",
                            self.symbols[symbol.index()].name
                        ),
                    )
                    .at(span, "so it cannot be its default")
                    .at(&choice.span, "the choice starts here")
                    .help("name one of the members"),
                );
            }
        }
    }

    fn config(&mut self, id: SymbolId, attributes: Attributes, context: &Context) -> Entry {
        let base = base(&attributes, context);
        let mut entry = titled(EntryKind::Symbol(id), &attributes, None);
        let had_prompt = !self.symbols[id.index()].prompts.is_empty();
        let mut prompted = false;
        for attribute in attributes.list {
            let Attribute {
                span,
                kind,
                condition,
            } = attribute;
            let condition = Expr::and(base.clone(), condition);
            let symbol = &mut self.symbols[id.index()];
            match kind {
                AttributeKind::Type(kind) => self.set_kind(id, kind, &span),
                AttributeKind::Prompt(text) => {
                    if prompted {
                        self.diagnostics.push(
                            Diagnostic::warning(
                                Code::Definition,
                                format!("{} has two prompts here", symbol.name),
                            )
                            .at(&span, "")
                            .help("remove one of them"),
                        );
                    }
                    prompted = true;
                    let condition = Expr::and(condition, context.visible.clone());
                    entry.condition = condition.clone();
                    symbol.prompts.push(Prompt {
                        text,
                        condition,
                        span,
                    });
                }
                AttributeKind::Default(value) => symbol.defaults.push(DefaultValue {
                    value,
                    condition,
                    span,
                }),
                AttributeKind::Range(low, high) => symbol.ranges.push(Range {
                    low,
                    high,
                    condition,
                    span,
                }),
                AttributeKind::Select(target) => {
                    self.symbols[target.index()].selected_by.push(Reverse {
                        by: id,
                        condition,
                        span,
                    });
                }
                AttributeKind::Imply(target) => {
                    self.symbols[target.index()].implied_by.push(Reverse {
                        by: id,
                        condition,
                        span,
                    });
                }
                AttributeKind::Modules => self.set_modules(id, &span),
                AttributeKind::Transitional => symbol.transitional = true,
                AttributeKind::Classic(option) => self.option(id, option, span),
                AttributeKind::Depends(_) | AttributeKind::Visible(_) => {}
            }
        }
        let symbol = &mut self.symbols[id.index()];
        symbol.dependencies.push(base);
        symbol.definitions.push(attributes.span.clone());
        if symbol.help.is_none() {
            symbol.help = attributes.help;
        }
        if let Some(choice) = context.choice {
            self.member(id, choice, prompted, had_prompt, &attributes.span);
        }
        entry
    }

    fn member(
        &mut self,
        id: SymbolId,
        choice: ChoiceId,
        prompted: bool,
        had_prompt: bool,
        span: &Span,
    ) {
        let symbol = &mut self.symbols[id.index()];
        let classic = self.env.dialect.is_classic();
        if classic && symbol.kind == Kind::Unknown {
            symbol.kind = self.choices[choice.0 as usize].kind;
        }
        let kinds: &[Kind] = if classic {
            &[Kind::Bool, Kind::Tristate]
        } else {
            &[Kind::Bool]
        };
        if !prompted {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::Definition,
                    format!("{} is a member of a choice and has no prompt", symbol.name),
                )
                .at(span, "")
                .help("write `bool \"...\"`, or move it out of the choice"),
            );
        } else if !kinds.contains(&symbol.kind) {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::Definition,
                    format!("{} is a member of a choice and is no bool", symbol.name),
                )
                .at(span, format!("it is {}", symbol.kind))
                .help("write `bool \"...\"`"),
            );
        } else if had_prompt && symbol.choice != Some(choice) {
            self.diagnostics.push(
                Diagnostic::warning(
                    Code::Definition,
                    format!(
                        "{} has a prompt elsewhere and does not become a member of this choice",
                        symbol.name
                    ),
                )
                .at(span, "")
                .at(&symbol.definitions[0], "first defined here")
                .help("define it once, in the choice"),
            );
        } else if symbol.choice.is_none() {
            symbol.choice = Some(choice);
            self.choices[choice.0 as usize].members.push(id);
        }
    }

    fn set_kind(&mut self, id: SymbolId, kind: Kind, span: &Span) {
        let symbol = &mut self.symbols[id.index()];
        if symbol.kind == Kind::Unknown {
            symbol.kind = kind;
        } else if symbol.kind != kind {
            let mut warning = Diagnostic::warning(
                Code::Definition,
                format!(
                    "{} is {} already and does not become {kind}",
                    symbol.name, symbol.kind
                ),
            )
            .at(span, "");
            if let Some(first) = symbol.definitions.first() {
                warning = warning.at(first, "first defined here");
            }
            self.diagnostics.push(warning.help("give it one type"));
        }
    }

    /// What `option …` says of a symbol.
    fn option(&mut self, id: SymbolId, option: Classic, span: Span) {
        let symbol = &mut self.symbols[id.index()];
        match option {
            Classic::Env(name) => {
                let value = self.env.variables.get(&name).cloned().unwrap_or_default();
                let value = ExprKind::Operand(Operand::Text(value.into()));
                symbol.environment = Some(name);
                symbol.defaults.push(DefaultValue {
                    value: Expr::new(value, span.clone()),
                    condition: None,
                    span,
                });
            }
            Classic::DefconfigList => self.defconfig_list = Some(id),
            Classic::AllNoConfigY => symbol.stays_on = true,
            Classic::Optional => {}
        }
    }

    fn set_modules(&mut self, id: SymbolId, span: &Span) {
        match self.modules {
            Some(other) if other != id => self.diagnostics.push(
                Diagnostic::error(
                    Code::Definition,
                    format!(
                        "{} is the modules symbol already",
                        self.symbols[other.index()].name
                    ),
                )
                .at(span, "")
                .help("only one symbol can permit `m`"),
            ),
            _ => self.modules = Some(id),
        }
    }
}

/// The dependencies of an entry, its surroundings' included.
fn base(attributes: &Attributes, context: &Context) -> Option<Expr> {
    let own = conjunction(attributes, |kind| match kind {
        AttributeKind::Depends(expr) => Some(expr),
        _ => None,
    });
    Expr::and(context.dependency.clone(), own)
}

fn conjunction(attributes: &Attributes, pick: fn(&AttributeKind) -> Option<&Expr>) -> Option<Expr> {
    let mut list: Vec<Expr> = attributes
        .list
        .iter()
        .filter_map(|a| {
            let expr = pick(&a.kind)?.clone();
            Some(match &a.condition {
                // `depends on A if B` says nothing while B does not hold.
                Some(condition) => {
                    let span = expr.span().to(condition.span());
                    let not = Expr::new(ExprKind::Not(condition.clone()), condition.span().clone());
                    Expr::new(ExprKind::Or(vec![expr, not]), span)
                }
                None => expr,
            })
        })
        .collect();
    if list.len() <= 1 {
        return list.pop();
    }
    let span = list[0].span().clone();
    Some(Expr::new(ExprKind::And(list), span))
}

fn titled(kind: EntryKind, attributes: &Attributes, condition: Option<Expr>) -> Entry {
    let text = attributes.list.iter().find_map(|a| match &a.kind {
        AttributeKind::Prompt(text) => Some(text.clone()),
        _ => None,
    });
    Entry {
        kind,
        text,
        condition,
        visible_if: None,
        children: Vec::new(),
        span: attributes.span.clone(),
    }
}
