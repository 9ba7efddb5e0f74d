//! Questions line by line: `--oldaskconfig` asks for everything, `--oldconfig` for what is new, then both go on
//! until nothing new is left. The questions look as those of the reference, byte for byte, so that scripts which
//! answer them keep working. At the end of the input every open question gets its default.

use std::io::{BufRead as _, Write as _};

use kconf::{Choice, ChoiceId, Config, EntryKind, Kind, Symbol, Tri};
use kconf_menu::{NodeId, Tree};

use super::{describe, symbol_of};
use crate::context::{Failure, print};

/// Asks; the answers are assigned in `config`.
pub fn run(config: &mut Config<'_>, everything: bool) -> Result<(), Failure> {
    let tree = Tree::new(config.model());
    let mut asker = Asker {
        tree: &tree,
        config,
        all: everything,
        indent: 0,
        root: None,
        restarted: false,
        ended: false,
    };
    if everything {
        asker.title()?;
        asker.list(None)?;
        asker.all = false;
    }
    // Answers can make other symbols visible. Every round assigns at least one symbol, or is the last.
    loop {
        asker.restarted = false;
        let before = asker.assigned();
        asker.look_for_new(None)?;
        if !asker.restarted || asker.assigned() == before {
            return Ok(());
        }
    }
}

struct Asker<'a, 'm> {
    tree: &'a Tree<'m>,
    config: &'a mut Config<'m>,
    /// Whether to ask for what is assigned already.
    all: bool,
    indent: usize,
    /// The menu that is gone through; none: the top.
    root: Option<NodeId>,
    restarted: bool,
    ended: bool,
}

impl<'m> Asker<'_, 'm> {
    /// Whether an entry is visible, itself or through what is nested below it.
    fn is_visible(&self, id: NodeId) -> bool {
        let entry = self.tree.node(id).entry;
        if self.config.is_shown(entry) {
            return true;
        }
        let on = symbol_of(self.config.model(), entry)
            .is_none_or(|s| !s.kind().is_logic() || self.config.value_of(s).is_on());
        let own = matches!(entry.kind(), EntryKind::Menu | EntryKind::Choice(_));
        on && !own
            && self
                .tree
                .node(id)
                .children
                .iter()
                .any(|c| self.is_visible(*c))
    }

    fn assigned(&self) -> usize {
        let symbols = self.config.model().symbols();
        symbols.filter(|s| self.config.is_assigned(s)).count()
    }

    fn is_new(&self, symbol: &Symbol) -> bool {
        !self.config.is_assigned(symbol) && self.config.is_changeable(symbol)
    }

    /// Goes through the menu around each new symbol.
    fn look_for_new(&mut self, menu: Option<NodeId>) -> Result<(), Failure> {
        for id in self.tree.children(menu).to_vec() {
            if !self.is_visible(id) {
                continue;
            }
            let entry = self.tree.node(id).entry;
            let new = symbol_of(self.config.model(), entry)
                .is_some_and(|s| self.config.is_shown(entry) && self.is_new(s));
            if new {
                if !std::mem::replace(&mut self.restarted, true) {
                    print("*\n* Restart config...\n*\n")?;
                }
                let (above, indent) = (self.tree.menus_above(id), self.indent);
                self.indent = 0;
                self.root = above.last().copied();
                match self.root {
                    None => self.title()?,
                    Some(menu) => self.heading(menu)?,
                }
                self.list(self.root)?;
                self.indent = indent;
            }
            self.look_for_new(Some(id))?;
        }
        Ok(())
    }

    fn title(&mut self) -> Result<(), Failure> {
        print(&format!("*\n* {}\n*\n", self.config.model().title()))
    }

    fn heading(&mut self, id: NodeId) -> Result<(), Failure> {
        let (pad, text) = (" ".repeat(self.indent), self.tree.node(id).entry.text());
        let text = text.unwrap_or_default();
        print(&format!("{pad}*\n{pad}* {text}\n{pad}*\n"))
    }

    fn list(&mut self, menu: Option<NodeId>) -> Result<(), Failure> {
        for id in self.tree.children(menu).to_vec() {
            self.entry(id)?;
        }
        Ok(())
    }

    fn entry(&mut self, id: NodeId) -> Result<(), Failure> {
        if !self.is_visible(id) {
            return Ok(());
        }
        let node = self.tree.node(id);
        let shown = self.config.is_shown(node.entry);
        match node.entry.kind() {
            // A menu without anything new is not shown.
            EntryKind::Menu if !self.all => return self.look_for_new(Some(id)),
            EntryKind::Menu => {
                self.heading(id)?;
                return self.list(Some(id));
            }
            EntryKind::Comment => self.heading(id)?,
            EntryKind::Choice(choice) => return self.choice(id, choice),
            EntryKind::Symbol(symbol) if shown => {
                let symbol = self.config.model().get(symbol);
                self.symbol(symbol, node.entry.text().unwrap_or_default())?;
            }
            EntryKind::Symbol(_) => {}
        }
        self.below(id, shown)
    }

    fn below(&mut self, id: NodeId, shown: bool) -> Result<(), Failure> {
        let step = if shown { 2 } else { 0 };
        self.indent += step;
        let result = self.list(Some(id));
        self.indent -= step;
        result
    }

    /// A line of input without its end; none at the end of the input. It is repeated on the output, where nothing
    /// else shows it.
    fn answer(&mut self) -> Result<Option<String>, Failure> {
        let mut bytes = Vec::new();
        if !self.ended {
            std::io::stdin()
                .lock()
                .read_until(b'\n', &mut bytes)
                .map_err(|e| Failure::Other(format!("cannot read the answer: {e}")))?;
        }
        let line = String::from_utf8_lossy(&bytes);
        if line.is_empty() {
            if !std::mem::replace(&mut self.ended, true) {
                // The run goes on if nobody listens.
                let _ = writeln!(std::io::stderr(), "\nError in reading or end of file.");
            }
            print("\n")?;
            return Ok(None);
        }
        let line = line.trim_end_matches(['\n', '\r']).to_owned();
        if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
            print(&format!("{line}\n"))?;
        }
        Ok(Some(line))
    }

    fn symbol(&mut self, symbol: &'m Symbol, text: &str) -> Result<(), Failure> {
        loop {
            let value = self.config.value_of(symbol).text;
            let possible = self.possible(symbol);
            let offer = match symbol.kind().is_logic() {
                false => format!("[{value}]"),
                true => {
                    let others: String = possible
                        .iter()
                        .filter(|v| **v != value)
                        .map(|v| format!("/{v}"))
                        .collect();
                    format!("[{}{others}/?]", value.to_uppercase())
                }
            };
            let new = if self.config.is_assigned(symbol) {
                ""
            } else {
                "(NEW) "
            };
            let (pad, name) = (" ".repeat(self.indent), symbol.name());
            print(&format!("{pad}{text} ({name}) {offer} {new}"))?;
            if !self.config.is_changeable(symbol) || !(self.all || self.is_new(symbol)) {
                return print(&format!("{value}\n"));
            }
            let answer = self.answer()?.unwrap_or_default();
            if answer.trim() == "?" {
                print(&describe::symbol(self.config, symbol))?;
                continue;
            }
            let wanted = match (answer.trim(), symbol.kind()) {
                ("", kind) if kind.is_number() && value.is_empty() => {
                    if self.ended {
                        return Err(Failure::Other(format!(
                            "{} needs a value, and the input has ended",
                            symbol.name()
                        )));
                    }
                    continue;
                }
                ("", _) => value,
                (_, Kind::String) => answer,
                (text, kind) if kind.is_logic() => {
                    let lower = text.to_lowercase();
                    let word = match lower.as_str() {
                        "yes" => "y",
                        "mod" | "module" => "m",
                        "no" => "n",
                        other => other,
                    };
                    if !possible.contains(&word) {
                        continue;
                    }
                    word.to_owned()
                }
                (text, kind) if kind.accepts(text) && self.in_range(symbol, text) => {
                    text.to_owned()
                }
                // Asked again.
                _ => continue,
            };
            self.config.set(symbol.name(), &wanted)?;
            return Ok(());
        }
    }

    /// What a bool or tristate symbol can be set to now.
    fn possible(&self, symbol: &Symbol) -> Vec<&'static str> {
        let range = self.config.selected(symbol)..=self.config.visibility(symbol);
        let tristate = symbol.kind() == Kind::Tristate
            && self
                .config
                .model()
                .modules()
                .is_some_and(|m| self.config.value_of(m).is_on());
        [Tri::N, Tri::M, Tri::Y]
            .into_iter()
            .filter(|v| range.contains(v) && (tristate || *v != Tri::M))
            .map(Tri::as_str)
            .collect()
    }

    fn in_range(&self, symbol: &Symbol, text: &str) -> bool {
        let base = if symbol.kind() == Kind::Hex { 16 } else { 10 };
        let number = kconf::number_at_start(text, base);
        let bounds = self.config.bounds(symbol);
        bounds.is_none_or(|(low, high)| (low..=high).contains(&number))
    }

    fn choice(&mut self, id: NodeId, choice: ChoiceId) -> Result<(), Failure> {
        let model = self.config.model();
        let choice = &model.choices()[choice.index()];
        loop {
            let members: Vec<(NodeId, &Symbol)> = self
                .tree
                .children(Some(id))
                .iter()
                .filter(|c| self.config.is_shown(self.tree.node(**c).entry))
                .filter_map(|c| Some((*c, symbol_of(model, self.tree.node(*c).entry)?)))
                .collect();
            let on = members
                .iter()
                .position(|(_, s)| self.config.value_of(s).text == "y");
            self.show_choice(choice, &members, on)?;
            let new = members.iter().any(|(_, s)| !self.config.is_assigned(s));
            let default = on.unwrap_or(0) + 1;
            let picked = if members.len() == 1 {
                print("[1]: 1\n")?;
                1
            } else {
                print(&format!("[1-{}?]: ", members.len()))?;
                if self.all || new {
                    let answer = self.answer()?.unwrap_or_default();
                    if answer.trim() == "?" {
                        print(&describe::choice(choice))?;
                        continue;
                    }
                    let (number, help) = match answer.trim().strip_suffix('?') {
                        Some(number) => (number, true),
                        None => (answer.trim(), false),
                    };
                    let number = match number {
                        "" => default,
                        text => text.parse().unwrap_or(0),
                    };
                    if let (true, Some((_, symbol))) = (help, members.get(number.wrapping_sub(1))) {
                        print(&describe::symbol(self.config, symbol))?;
                        continue;
                    }
                    number
                } else {
                    print(&format!("{default}\n"))?;
                    default
                }
            };
            // A number that is none of those is asked again.
            let Some((_, picked)) = members.get(picked.wrapping_sub(1)) else {
                if members.is_empty() {
                    return Ok(());
                }
                continue;
            };
            for (_, symbol) in members.iter().filter(|(_, s)| s.id() != picked.id()) {
                self.config.set(symbol.name(), "n")?;
            }
            // Last, so that it is the one that counts.
            self.config.set(picked.name(), "y")?;
            for (member, _) in members {
                self.below(member, true)?;
            }
            return Ok(());
        }
    }

    fn show_choice(
        &self,
        choice: &Choice,
        members: &[(NodeId, &Symbol)],
        on: Option<usize>,
    ) -> Result<(), Failure> {
        let pad = " ".repeat(self.indent);
        let mut out = format!("{pad}{}\n", choice.prompt().unwrap_or_default());
        for (index, (id, symbol)) in members.iter().enumerate() {
            let mark = if on == Some(index) { '>' } else { ' ' };
            let text = self.tree.node(*id).entry.text().unwrap_or_default();
            let new = if self.config.is_assigned(symbol) {
                ""
            } else {
                " (NEW)"
            };
            let (number, name) = (index + 1, symbol.name());
            out.push_str(&format!("{pad}{mark} {number}. {text} ({name}){new}\n"));
        }
        out.push_str(&format!("{pad}choice"));
        print(&out)
    }
}
