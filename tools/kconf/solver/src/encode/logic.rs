//! Bool and tristate symbols, and what all symbols have: visibility, dependencies, `select`.

use kconf::{Kind, Reverse, Symbol};

use super::{Encoding, Part, SymbolLits, ValueLits, WishLits};
use crate::formula::{Lit, TriLit};

impl Encoding<'_> {
    pub(super) fn symbol(&mut self, symbol: &Symbol) {
        if symbol.kind() == Kind::Unknown || symbol.choice().is_some() {
            return;
        }
        let mut lits = SymbolLits::none();
        self.visibility(symbol, &mut lits);
        let direct: Vec<TriLit> = symbol
            .dependencies()
            .iter()
            .flatten()
            .map(|e| self.condition(Some(e)))
            .collect();
        let direct = match direct.is_empty() {
            true => TriLit::Y,
            false => self.formula.most(direct),
        };
        lits.direct = self.promote(symbol.kind(), direct);
        lits.selects = self.strengths(symbol.selected_by());
        let selected = self.formula.most(lits.selects.clone());
        lits.selected = self.promote(symbol.kind(), selected);
        if symbol.kind().is_logic() {
            self.logic(symbol, &mut lits);
        } else {
            self.textual(symbol, &mut lits);
        }
        self.symbols[symbol.id().index()] = lits;
    }

    /// When the prompts are visible, and so the wish.
    pub(super) fn visibility(&mut self, symbol: &Symbol, lits: &mut SymbolLits) {
        let prompts: Vec<TriLit> = symbol
            .prompts()
            .iter()
            .map(|p| self.condition(p.condition.as_ref()))
            .collect();
        lits.prompts = prompts.iter().map(|t| t.on).collect();
        let visible = self.formula.most(prompts);
        lits.visible = self.promote(symbol.kind(), visible);
        if lits.visible.on != Lit::FALSE && symbol.kind().is_logic() {
            lits.wish = Some(self.wish(symbol.kind()));
        }
    }

    fn wish(&mut self, kind: Kind) -> WishLits {
        let set = self.formula.fresh();
        let on = self.formula.fresh();
        let value = if kind == Kind::Tristate && self.model.modules().is_some() {
            let yes = self.formula.fresh();
            self.formula.clause(&[!yes, on]);
            TriLit { on, yes }
        } else {
            TriLit::flat(on)
        };
        WishLits {
            set,
            value: ValueLits::Tri(value),
        }
    }

    fn strengths(&mut self, list: &[Reverse]) -> Vec<TriLit> {
        list.iter()
            .map(|reverse| {
                let by = self.tri(reverse.by);
                let condition = self.condition(reverse.condition.as_ref());
                self.formula.min(by, condition)
            })
            .collect()
    }

    fn logic(&mut self, symbol: &Symbol, lits: &mut SymbolLits) {
        let mut unset = TriLit::N;
        let conditions = self.defaults(symbol, lits);
        for (default, condition) in symbol.defaults().iter().zip(conditions).rev() {
            let value = self.plain(&default.value);
            let value = self.formula.min(value, condition);
            unset = self.formula.choose_tri(condition.on, value, unset);
        }
        let implied = self.strengths(symbol.implied_by());
        let implied = self.formula.most(implied);
        let implied = self.promote(symbol.kind(), implied);
        let raised = self.formula.max(unset, implied);
        let raised = self.formula.min(raised, lits.direct);
        unset = self.formula.choose_tri(implied.on, raised, unset);
        let value = match &lits.wish {
            Some(WishLits {
                set,
                value: ValueLits::Tri(wish),
            }) => {
                let active = self.formula.and(*set, lits.visible.on);
                let taken = self.formula.min(*wish, lits.visible);
                self.formula.choose_tri(active, taken, unset)
            }
            _ => unset,
        };
        let value = self.formula.max(value, lits.selected);
        let mut value = self.promote(symbol.kind(), value);
        if let Some(ignored) = self.relax(Part::Definition(symbol.id())) {
            let on = self.formula.fresh();
            let free = match symbol.kind() {
                Kind::Tristate => {
                    let yes = self.formula.fresh();
                    let yes = self.formula.and(on, yes);
                    TriLit { on, yes }
                }
                _ => TriLit::flat(on),
            };
            value = self.formula.choose_tri(ignored, free, value);
            value = self.promote(symbol.kind(), value);
        }
        lits.module = self.formula.is_module(value);
        lits.value = ValueLits::Tri(value);
    }

    /// The conditions of the defaults; notes when each is the first that holds.
    pub(super) fn defaults(&mut self, symbol: &Symbol, lits: &mut SymbolLits) -> Vec<TriLit> {
        let conditions: Vec<TriLit> = symbol
            .defaults()
            .iter()
            .map(|d| self.condition(d.condition.as_ref()))
            .collect();
        let mut pending = Lit::TRUE;
        for condition in &conditions {
            let used = self.formula.and(pending, condition.on);
            lits.defaults.push(used);
            pending = self.formula.and(pending, !condition.on);
        }
        conditions
    }
}
