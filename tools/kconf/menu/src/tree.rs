//! The menu tree as it is shown: the entries of the model, with what depends on the entry before it nested below
//! that.
//!
//! The rule is the one of the language's documentation: an entry that follows a symbol becomes its child if it
//! mentions that symbol in its condition, and either cannot be visible while the symbol is `n`, or is visible
//! only while the symbol's own prompt is. The tree depends on the model alone and is built once.

use kconf::{Entry, EntryKind, Expr, ExprKind, Model, Operand, Relation, SymbolId, Tri};

/// How deep implicit nesting goes; what lies deeper stays beside its parent.
const MAX_NESTING: usize = 64;

/// Index of a node in its tree.
pub type NodeId = usize;

/// One entry with its place in the tree.
#[derive(Clone, Debug)]
pub struct Node<'m> {
    /// The entry.
    pub entry: &'m Entry,
    /// What it stands in; none at the top.
    pub parent: Option<NodeId>,
    /// What is shown below it.
    pub children: Vec<NodeId>,
    /// The condition that decides about nesting.
    condition: Option<&'m Expr>,
}

/// The menu tree.
#[derive(Clone, Debug)]
pub struct Tree<'m> {
    nodes: Vec<Node<'m>>,
    top: Vec<NodeId>,
    /// The definitions of each symbol.
    definitions: Vec<Vec<NodeId>>,
}

impl<'m> Tree<'m> {
    /// Builds the tree of a model.
    pub fn new(model: &'m Model) -> Self {
        let mut tree = Self {
            nodes: Vec::new(),
            top: Vec::new(),
            definitions: vec![Vec::new(); model.name_count()],
        };
        let top = tree.add(model, model.entries());
        tree.top = tree.nest(top, None, 0);
        tree
    }

    fn add(&mut self, model: &'m Model, entries: &'m [Entry]) -> Vec<NodeId> {
        let mut list = Vec::with_capacity(entries.len());
        for entry in entries {
            let id = self.nodes.len();
            let mut condition = entry.condition();
            if let EntryKind::Symbol(symbol) = entry.kind() {
                let definitions = &mut self.definitions[symbol.index()];
                if entry.text().is_none() {
                    // Without a prompt it is the definition's dependencies that count.
                    let dependencies = model.get(symbol).dependencies();
                    condition = dependencies.get(definitions.len()).and_then(Option::as_ref);
                }
                definitions.push(id);
            }
            self.nodes.push(Node {
                entry,
                parent: None,
                children: Vec::new(),
                condition,
            });
            let inner = self.add(model, entry.children());
            self.nodes[id].children = match entry.kind() {
                EntryKind::Choice(_) => self.nest_in_choice(inner, id),
                _ => self.nest(inner, Some(id), 0),
            };
            list.push(id);
        }
        list
    }

    /// Moves what depends on the symbol before it below that symbol.
    fn nest(&mut self, list: Vec<NodeId>, parent: Option<NodeId>, depth: usize) -> Vec<NodeId> {
        let mut out = Vec::with_capacity(list.len());
        let mut rest = list.into_iter().peekable();
        while let Some(id) = rest.next() {
            self.nodes[id].parent = parent;
            if depth < MAX_NESTING
                && let EntryKind::Symbol(symbol) = self.nodes[id].entry.kind()
            {
                let mut below = Vec::new();
                while let Some(next) = rest.next_if(|next| self.belongs(*next, id, symbol)) {
                    below.push(next);
                }
                self.nodes[id].children = self.nest(below, Some(id), depth + 1);
            }
            out.push(id);
        }
        out
    }

    /// In a choice only what is no member can go below a member.
    fn nest_in_choice(&mut self, list: Vec<NodeId>, choice: NodeId) -> Vec<NodeId> {
        let mut out: Vec<NodeId> = Vec::with_capacity(list.len());
        for id in list {
            let prompted = self.nodes[id].entry.text().is_some();
            let above = out.last().copied().filter(|above| {
                let EntryKind::Symbol(symbol) = self.nodes[*above].entry.kind() else {
                    return false;
                };
                let member =
                    matches!(self.nodes[id].entry.kind(), EntryKind::Symbol(_)) && prompted;
                !member && self.belongs(id, *above, symbol)
            });
            match above {
                Some(above) => {
                    self.nodes[id].parent = Some(above);
                    self.nodes[above].children.push(id);
                }
                None => {
                    self.nodes[id].parent = Some(choice);
                    out.push(id);
                }
            }
        }
        out
    }

    fn belongs(&self, id: NodeId, parent: NodeId, symbol: SymbolId) -> bool {
        let Some(condition) = self.nodes[id].condition else {
            return false;
        };
        if !mentions(condition, symbol) {
            return false;
        }
        if needs(condition, symbol) {
            return true;
        }
        let mut have = Vec::new();
        conjuncts(condition, &mut have);
        let mut wanted = Vec::new();
        if let Some(condition) = self.nodes[parent].condition {
            conjuncts(condition, &mut wanted);
        }
        wanted.iter().all(|w| have.iter().any(|h| same(w, h)))
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> &Node<'m> {
        &self.nodes[id]
    }

    /// What is in a menu; none: the top.
    pub fn children(&self, menu: Option<NodeId>) -> &[NodeId] {
        menu.map_or(&self.top, |id| &self.nodes[id].children)
    }

    /// Where a symbol is defined.
    pub fn definitions(&self, symbol: SymbolId) -> &[NodeId] {
        self.definitions
            .get(symbol.index())
            .map_or(&[], Vec::as_slice)
    }

    /// Whether a node opens as a menu of its own.
    pub fn is_menu(&self, id: NodeId) -> bool {
        let node = &self.nodes[id];
        match node.entry.kind() {
            EntryKind::Menu => true,
            EntryKind::Symbol(_) => node.entry.is_menuconfig(),
            _ => false,
        }
    }

    /// The menus a node stands in, the outermost first.
    pub fn menus_above(&self, id: NodeId) -> Vec<NodeId> {
        let mut list = Vec::new();
        let mut next = self.nodes[id].parent;
        while let Some(above) = next {
            if self.is_menu(above) {
                list.push(above);
            }
            next = self.nodes[above].parent;
        }
        list.reverse();
        list
    }
}

/// Whether a condition mentions a symbol.
fn mentions(condition: &Expr, symbol: SymbolId) -> bool {
    let mut found = false;
    condition.for_each_symbol(&mut |id, _| found |= id == symbol);
    found
}

/// Whether a condition cannot hold while the symbol is `n`.
fn needs(condition: &Expr, symbol: SymbolId) -> bool {
    let is = |operand: &Operand| *operand == Operand::Symbol(symbol);
    let on = |operand: &Operand| matches!(operand, Operand::Tri(Tri::M | Tri::Y));
    let off = |operand: &Operand| matches!(operand, Operand::Tri(Tri::N));
    match condition.kind() {
        ExprKind::Operand(operand) => is(operand),
        ExprKind::Compare(Relation::Equal, a, b) => (is(a) && on(b)) || (on(a) && is(b)),
        ExprKind::Compare(Relation::Unequal, a, b) => (is(a) && off(b)) || (off(a) && is(b)),
        ExprKind::And(list) => list.iter().any(|e| needs(e, symbol)),
        ExprKind::Or(list) => list.iter().all(|e| needs(e, symbol)),
        ExprKind::Compare(..) | ExprKind::Not(_) => false,
    }
}

fn conjuncts<'e>(condition: &'e Expr, out: &mut Vec<&'e Expr>) {
    match condition.kind() {
        ExprKind::And(list) => list.iter().for_each(|e| conjuncts(e, out)),
        _ => out.push(condition),
    }
}

/// Whether two expressions say the same in the same words.
fn same(a: &Expr, b: &Expr) -> bool {
    if a.identity() == b.identity() {
        return true;
    }
    let all =
        |x: &[Expr], y: &[Expr]| x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y));
    match (a.kind(), b.kind()) {
        (ExprKind::Operand(x), ExprKind::Operand(y)) => x == y,
        (ExprKind::Compare(r, x1, x2), ExprKind::Compare(s, y1, y2)) => {
            r == s && x1 == y1 && x2 == y2
        }
        (ExprKind::Not(x), ExprKind::Not(y)) => same(x, y),
        (ExprKind::And(x), ExprKind::And(y)) | (ExprKind::Or(x), ExprKind::Or(y)) => all(x, y),
        _ => false,
    }
}
