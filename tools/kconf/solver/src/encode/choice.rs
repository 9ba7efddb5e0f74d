//! Which member of a choice is on.

use kconf::{ChoiceId, SymbolId};

use super::{Encoding, Part, SymbolLits, ValueLits, WishLits};
use crate::formula::{Lit, TriLit};
use crate::solver::Found;

/// A member of a choice as literals.
#[derive(Clone, Debug)]
pub(crate) struct MemberLits {
    pub id: SymbolId,
    pub visible: Lit,
    /// Visible and assigned `y`.
    pub wanted: Lit,
    /// Picked out of those that are wanted, because it was assigned last.
    pub picked: Lit,
    /// Picked out of those that are all refused, because it was refused first.
    pub left_over: Lit,
}

/// A choice as literals.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChoiceLits {
    pub members: Vec<MemberLits>,
    /// When each `default` line is the one that is used.
    pub defaults: Vec<Lit>,
}

impl Encoding<'_> {
    pub(super) fn choice(&mut self, id: ChoiceId) {
        let model = self.model;
        let choice = model.choice(id);
        for member in choice.members() {
            let mut lits = SymbolLits::none();
            self.visibility(model.get(*member), &mut lits);
            lits.direct = lits.visible;
            self.symbols[member.index()] = lits;
        }
        let mut members: Vec<MemberLits> = Vec::new();
        for member in choice.members() {
            let visible = self.symbols[member.index()].visible.on;
            let (set, on) = self.member_wish(*member);
            let wanted = self.formula.all([visible, set, on]);
            let [picked, left_over] = [wanted, visible].map(|possible| match possible {
                Lit::FALSE => Lit::FALSE,
                _ => self.formula.fresh(),
            });
            members.push(MemberLits {
                id: *member,
                visible,
                wanted,
                picked,
                left_over,
            });
        }
        let any_wanted = self.formula.any(members.iter().map(|m| m.wanted));
        self.one_of(any_wanted, members.iter().map(|m| (m.picked, m.wanted)));

        let mut pending = !any_wanted;
        let by_default = self.choice_defaults(id);
        let lines = choice.defaults().len();
        let by_line = by_default.iter().take(lines).map(|(_, lit)| *lit).collect();
        let mut values: Vec<Lit> = members.iter().map(|m| m.picked).collect();
        let mut taken = Lit::FALSE;
        for (candidate, when) in by_default {
            let (set, on) = self.member_wish(candidate);
            let refused = self.formula.and(set, !on);
            let now = self.formula.all([pending, when, !refused]);
            taken = self.formula.or(taken, now);
            if let Some(index) = members.iter().position(|m| m.id == candidate) {
                values[index] = self.formula.or(values[index], now);
            }
        }
        pending = self.formula.and(pending, !taken);
        for (index, member) in members.iter().enumerate() {
            let (set, _) = self.member_wish(member.id);
            let now = self.formula.all([pending, member.visible, !set]);
            values[index] = self.formula.or(values[index], now);
            pending = self.formula.and(pending, !now);
        }
        let any_visible = self.formula.any(members.iter().map(|m| m.visible));
        let pending = self.formula.and(pending, any_visible);
        self.one_of(pending, members.iter().map(|m| (m.left_over, m.visible)));
        for (index, member) in members.iter().enumerate() {
            values[index] = self.formula.or(values[index], member.left_over);
        }
        let ignored = self.relax(Part::Choice(id));
        for (member, value) in members.iter().zip(values) {
            let mut value = self.formula.and(value, member.visible);
            if let Some(ignored) = ignored {
                let free = self.formula.fresh();
                value = self.formula.choose(ignored, free, value);
            }
            self.symbols[member.id.index()].value = ValueLits::Tri(TriLit::flat(value));
        }
        let defaults = by_line;
        self.choices[id.index()] = ChoiceLits { members, defaults };
    }

    /// Whether a symbol is assigned, and whether it is assigned something else than `n`.
    fn member_wish(&self, id: SymbolId) -> (Lit, Lit) {
        match &self.symbols[id.index()].wish {
            Some(WishLits {
                set,
                value: ValueLits::Tri(tri),
            }) => (*set, tri.on),
            _ => (Lit::FALSE, Lit::FALSE),
        }
    }

    /// Exactly one of the first literals holds if `when` does, else none; each only if the second does.
    fn one_of(&mut self, when: Lit, list: impl Iterator<Item = (Lit, Lit)>) {
        let list: Vec<(Lit, Lit)> = list.filter(|(lit, _)| *lit != Lit::FALSE).collect();
        let mut clause: Vec<Lit> = list.iter().map(|(lit, _)| *lit).collect();
        clause.push(!when);
        self.formula.clause(&clause);
        let mut before = Lit::FALSE;
        for (lit, possible) in list {
            self.formula.clause(&[!lit, when]);
            self.formula.clause(&[!lit, possible]);
            self.formula.clause(&[!before, !lit]);
            before = self.formula.or(before, lit);
        }
    }

    /// Which symbol is the default, and when.
    fn choice_defaults(&mut self, id: ChoiceId) -> Vec<(SymbolId, Lit)> {
        let choice = self.model.choice(id);
        let mut pending = Lit::TRUE;
        let mut out = Vec::new();
        for (symbol, condition, _) in choice.defaults() {
            let condition = self.condition(condition.as_ref()).on;
            let visible = self.symbols[symbol.index()].visible.on;
            let now = self.formula.all([pending, condition, visible]);
            pending = self.formula.and(pending, !now);
            out.push((*symbol, now));
        }
        for member in choice.members() {
            let visible = self.symbols[member.index()].visible.on;
            let now = self.formula.and(pending, visible);
            pending = self.formula.and(pending, !now);
            out.push((*member, now));
        }
        out
    }

    /// Puts assignments of members in the order that leads to the members that are on in the model.
    pub(crate) fn order_for_choices(&self, found: &Found, ids: &mut [SymbolId]) {
        let rank = |id: &SymbolId| {
            let Some(choice) = self.model.get(*id).choice() else {
                return 1;
            };
            let lits = self.choices.get(choice.index());
            let member = lits.and_then(|c| c.members.iter().find(|m| m.id == *id));
            match member {
                Some(m) if found.value(m.left_over) => 0,
                Some(m) if found.value(m.picked) => 2,
                _ => 1,
            }
        };
        ids.sort_by_key(|id| (rank(id), *id));
    }
}
