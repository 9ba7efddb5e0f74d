//! The list of one menu: which entries are shown, in what order, how far indented, and with which mark.
//!
//! Only the entries of the open menu are looked at, so its cost does not grow with the tree.

use kconf::{Config, EntryKind, SymbolId, Tri};

use crate::facts;
use crate::tree::{NodeId, Tree};

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A menu that can be opened.
    Menu,
    /// A comment.
    Comment,
    /// A choice.
    Choice(kconf::ChoiceId),
    /// A symbol.
    Symbol(SymbolId),
}

/// One line of the list.
#[derive(Clone, Debug)]
pub struct Row {
    /// The entry.
    pub node: NodeId,
    /// What it stands for.
    pub kind: RowKind,
    /// Levels of implicit nesting.
    pub indent: usize,
    /// `[*]`, `(42)`, or nothing.
    pub mark: String,
    /// Title or prompt.
    pub text: String,
    /// Whether it opens as a menu, and whether anything is in there.
    pub arrow: Option<bool>,
    /// Not visible now; shown because everything is.
    pub hidden: bool,
    /// Nobody has assigned it yet and it could be.
    pub new: bool,
}

/// Makes the rows of one menu.
pub struct Lister<'a, 'm> {
    /// The configuration.
    pub config: &'a Config<'m>,
    /// The tree.
    pub tree: &'a Tree<'m>,
    /// Whether entries that are not visible are listed too.
    pub show_all: bool,
}

impl Lister<'_, '_> {
    /// The rows of a menu; none: the top.
    pub fn rows(&self, menu: Option<NodeId>) -> Vec<Row> {
        let mut out = Vec::new();
        self.fill(self.tree.children(menu), 0, &mut out);
        out
    }

    fn fill(&self, ids: &[NodeId], indent: usize, out: &mut Vec<Row>) {
        for id in ids {
            let id = *id;
            let node = self.tree.node(id);
            let entry = node.entry;
            let visible = self.config.is_shown(entry);
            let title = entry.text().filter(|_| visible || self.show_all);
            let mut row = Row {
                node: id,
                kind: RowKind::Comment,
                indent,
                mark: String::new(),
                text: title.unwrap_or_default().to_owned(),
                arrow: None,
                hidden: !visible,
                new: false,
            };
            match entry.kind() {
                EntryKind::Menu => {
                    if title.is_some() {
                        row.kind = RowKind::Menu;
                        row.arrow = Some(self.any(&node.children));
                        out.push(row);
                    }
                }
                EntryKind::Comment => {
                    if title.is_some() {
                        out.push(row);
                    }
                }
                EntryKind::Choice(choice) => {
                    let picked = self.picked(choice);
                    if title.is_some() {
                        row.kind = RowKind::Choice(choice);
                        row.mark = match picked {
                            Some(id) => format!("({})", self.prompt(id)),
                            None => "(none)".to_owned(),
                        };
                        row.arrow = Some(true);
                        out.push(row);
                    }
                    // What hangs below the member that is on; members themselves are in the choice's own list.
                    for member in &node.children {
                        let inner = self.tree.node(*member);
                        match inner.entry.kind() {
                            EntryKind::Symbol(symbol) if Some(symbol) == picked => {
                                self.fill(&inner.children, indent + 1, out);
                            }
                            EntryKind::Symbol(symbol)
                                if self.config.model().get(symbol).choice() != Some(choice) =>
                            {
                                self.fill(std::slice::from_ref(member), indent + 1, out);
                            }
                            EntryKind::Menu | EntryKind::Choice(_) => {
                                self.fill(std::slice::from_ref(member), indent + 1, out);
                            }
                            EntryKind::Symbol(_) | EntryKind::Comment => {}
                        }
                    }
                }
                EntryKind::Symbol(symbol) => {
                    let Some(title) = title else {
                        self.fill(&node.children, indent, out);
                        continue;
                    };
                    let symbol = self.config.model().get(symbol);
                    title.clone_into(&mut row.text);
                    row.kind = RowKind::Symbol(symbol.id());
                    row.mark = facts::mark(self.config, symbol);
                    row.new = visible
                        && !self.config.is_assigned(symbol)
                        && self.config.is_changeable(symbol);
                    if entry.is_menuconfig() {
                        row.arrow = Some(self.any(&node.children));
                        out.push(row);
                    } else {
                        out.push(row);
                        self.fill(&node.children, indent + 1, out);
                    }
                }
            }
        }
    }

    /// Whether any of these would be listed, or something below them.
    fn any(&self, ids: &[NodeId]) -> bool {
        ids.iter().any(|id| {
            let node = self.tree.node(*id);
            let titled =
                node.entry.text().is_some() && (self.show_all || self.config.is_shown(node.entry));
            let closed = matches!(node.entry.kind(), EntryKind::Menu);
            titled || (!closed && self.any(&node.children))
        })
    }

    /// The member of a choice that is on.
    pub fn picked(&self, choice: kconf::ChoiceId) -> Option<SymbolId> {
        let model = self.config.model();
        let members = model.choice(choice).members();
        members
            .iter()
            .copied()
            .find(|id| facts::tri(self.config, model.get(*id)) == Tri::Y)
    }

    fn prompt(&self, id: SymbolId) -> &str {
        let symbol = self.config.model().get(id);
        symbol.prompt().unwrap_or(symbol.name())
    }
}
